/*
 * The network between nodes, services and clients: one queue a receiver, and
 * in front of it the one message that its reader has taken.
 */
#include "net.h"

#include "digest.h"
#include "memory.h"
#include "net_internal.h"

/* Deliveries to one receiver in a row before others have their turn. */
#define DELIVERIES_MAX 64

/* ---- what is told of it: counts, journal, log, hash ---------------------- */

enum happening { HAPPENS_SEND, HAPPENS_RECEIVE, HAPPENS_DROP };

struct envelope
packet_envelope(const struct packet *packet, const struct endpoint *dest)
{
	return (struct envelope){
	    .id = packet->id,
	    .src = packet->src->id,
	    .dest = dest->id,
	    .body = packet_body(packet),
	    .length = packet_body_length(packet),
	    .text = packet->text,
	    .text_length = packet->length,
	};
}

static void
count(struct net_stats *stats, enum happening what, bool between_servers)
{
	struct net_count *part = between_servers ? &stats->servers : &stats->clients;

	switch (what) {
	case HAPPENS_SEND:
		stats->all.sent++;
		part->sent++;
		return;
	case HAPPENS_RECEIVE:
		stats->all.received++;
		part->received++;
		return;
	case HAPPENS_DROP:
		stats->dropped++;
	}
}

static void
tell(struct net *net, int64_t now, enum happening what, const struct packet *packet, const struct endpoint *dest)
{
	const struct envelope envelope = packet_envelope(packet, dest);

	count(&net->stats, what, packet->between_servers);
	if (what != HAPPENS_SEND && loop_is_traced(net->loop))
		loop_trace(net->loop, "%-7s %s -> %s  %.*s", what == HAPPENS_RECEIVE ? "deliver" : "drop", envelope.src,
		    envelope.dest, (int)envelope.length, envelope.body);
	if (loop_is_virtual(net->loop)) {
		loop_mix_number(net->loop, (uint64_t)now);
		loop_mix_number(net->loop, (uint64_t)packet->id << 2 | what);
	}
	if (what == HAPPENS_SEND)
		journal_sent(&net->journal, now, &envelope);
	else if (what == HAPPENS_RECEIVE)
		journal_received(&net->journal, now, &envelope);
}

void
packet_forget(struct endpoint *dest, struct packet *packet)
{
	size_t size = packet_size(packet->length);

	dest->bytes -= size;
	dest->net->bytes -= size;
	packet_free(&dest->net->pool, packet);
}

void
packet_lose(struct endpoint *dest, struct packet *packet)
{
	tell(dest->net, loop_now(dest->net->loop), HAPPENS_DROP, packet, dest);
	packet_forget(dest, packet);
}

/* ---- digests ------------------------------------------------------------- */

void
endpoint_note(struct endpoint *endpoint, uint64_t number)
{
	if (!endpoint->net->holds)
		return;
	endpoint->digest = digest_number(endpoint->digest, (uint64_t)(loop_now(endpoint->net->loop) / MS_NS));
	endpoint->digest = digest_number(endpoint->digest, number);
}

uint64_t
packet_digest(uint64_t digest, const struct packet *packet)
{
	return digest_bytes(digest_number(digest, packet->src->hash), packet_body(packet), packet_body_length(packet));
}

static void
digest_packet(struct endpoint *dest, const struct packet *packet)
{
	endpoint_note(dest, packet_digest(0, packet));
}

/* ---- receiving ----------------------------------------------------------- */

static void deliver_due(void *arg);

static void
schedule(struct endpoint *dest)
{
	if (dest->taken != NULL)
		dest->event = loop_at(dest->net->loop, dest->taken->deadline, deliver_due, dest);
}

/* The reader of the queue takes this message if no partition is in its way. */
static void
take(struct endpoint *dest, struct packet *packet)
{
	if (dest->drop_words == 0 || !net_drops(dest, packet->src)) {
		dest->taken = packet;
		return;
	}
	packet_lose(dest, packet);
}

static void
take_next(struct endpoint *dest)
{
	while (dest->taken == NULL && dest->queue.count > 0)
		take(dest, packet_pop(&dest->queue));
}

/* False if the receiver is gone or can take no more. */
static bool
deliver_taken(struct endpoint *dest, int64_t now)
{
	struct packet *packet = dest->taken;
	const struct envelope envelope = packet_envelope(packet, dest);
	uint64_t registered = dest->registered;
	bool accepted;

	if (dest->paused)
		return false;
	if (!dest->blocked)
		tell(dest->net, now, HAPPENS_RECEIVE, packet, dest);
	if (dest->net->holds)
		digest_packet(dest, packet);
	dest->taken = NULL;
	dest->blocked = false;
	dest->delivering = true;
	accepted = dest->deliver(dest->arg, &envelope);
	if (dest->deliver == NULL || dest->registered != registered) {
		packet_forget(dest, packet);
		return false;
	}
	dest->delivering = false;
	if (accepted) {
		packet_forget(dest, packet);
		return true;
	}
	dest->taken = packet;
	dest->blocked = true;
	return false;
}

static void
deliver_due(void *arg)
{
	struct endpoint *dest = arg;
	int64_t now;

	memory_fetch(dest->taken, PACKET_SMALL);
	now = loop_now(dest->net->loop);
	dest->event = 0;
	for (int i = 0; i < DELIVERIES_MAX; i++) {
		if (!deliver_taken(dest, now))
			return;
		take_next(dest);
		if (dest->taken == NULL)
			return;
		now = loop_now(dest->net->loop);
		if (dest->taken->deadline > now)
			break;
	}
	schedule(dest);
}

void
endpoint_resume(struct endpoint *dest)
{
	bool idle = dest->blocked || dest->paused;

	dest->paused = false;
	if (idle && dest->event == 0)
		schedule(dest);
}

void
endpoint_pause(struct endpoint *dest)
{
	dest->paused = true;
}

void
endpoint_lose(struct endpoint *dest)
{
	int64_t now = loop_now(dest->net->loop);

	if (dest->taken != NULL && dest->taken->deadline <= now) {
		loop_cancel(dest->net->loop, dest->event);
		dest->event = 0;
		packet_lose(dest, dest->taken);
		dest->taken = NULL;
		dest->blocked = false;
	}
	while (dest->queue.count > 0 && dest->queue.heap[0].deadline <= now)
		packet_lose(dest, packet_pop(&dest->queue));
	if (dest->delivering)
		return;
	take_next(dest);
	if (dest->event == 0)
		schedule(dest);
}

/* ---- sending ------------------------------------------------------------- */

static int64_t
draw_latency(struct net *net)
{
	uint64_t mean = (uint64_t)net->latency.mean_ms;

	if (mean == 0)
		return 0;
	switch (net->latency.dist) {
	case LATENCY_CONSTANT:
		break;
	case LATENCY_UNIFORM:
		return (int64_t)random_below(&net->random, 2 * mean) * MS_NS;
	case LATENCY_EXPONENTIAL:
		return (int64_t)(random_exponential(&net->random, mean * MS_NS) / MS_NS) * MS_NS;
	}
	return net->latency.mean_ms * MS_NS;
}

struct packet *
packet_make(struct net *net, int64_t now, struct endpoint *src, struct endpoint *dest, const char *body, size_t length)
{
	struct packet *packet = packet_new(&net->pool, &src->src, &dest->dest, body, length);

	packet->id = net->next_id++;
	packet->src = src;
	packet->between_servers = !src->is_client && !dest->is_client;
	packet->deadline = now + (packet->between_servers ? draw_latency(net) : 0);
	dest->bytes += packet_size(packet->length);
	net->bytes += packet_size(packet->length);
	return packet;
}

static void
mix_content(struct net *net, const struct packet *packet, const struct endpoint *dest)
{
	if (!loop_is_virtual(net->loop))
		return;
	loop_mix_number(net->loop, packet->src->hash);
	loop_mix_number(net->loop, dest->hash);
	loop_mix(net->loop, packet_body(packet), packet_body_length(packet));
}

void
packet_post(struct endpoint *to, struct packet *packet)
{
	if (to->taken != NULL || to->delivering) {
		packet_push(&to->queue, packet);
		return;
	}
	take(to, packet);
	schedule(to);
}

enum net_fault
net_send(struct net *net, const char *src, const char *dest, const char *body, size_t length)
{
	struct endpoint *from = net_lookup(net, src), *to = net_lookup(net, dest);
	struct packet *packet;
	int64_t now;
	size_t size;

	if (from == NULL || from->deliver == NULL)
		return NET_UNKNOWN_SRC;
	if (to == NULL || to->deliver == NULL)
		return to != NULL && to->is_client && to->registered > 0 ? NET_CLOSED_CLIENT : NET_UNKNOWN_DEST;
	size = packet_size(from->src.length + to->dest.length + length + 1);
	if (to->bytes + size > net->endpoint_bytes_max || net->bytes + size > net->bytes_max)
		return NET_FLOODED;
	now = loop_now(net->loop);
	packet = packet_make(net, now, from, to, body, length);
	tell(net, now, HAPPENS_SEND, packet, to);
	mix_content(net, packet, to);
	if (net->holds && packet->between_servers)
		packet_hold(to, packet);
	else if (net->shaped)
		packet_shape(to, packet);
	else
		packet_post(to, packet);
	return NET_OK;
}
