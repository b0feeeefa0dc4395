/*
 * The network between nodes, services and clients: one queue a receiver, and
 * in front of it the one message that its reader has taken.
 */
#include "net.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "memory.h"
#include "net_internal.h"

/* Deliveries to one receiver in a row before others have their turn. */
#define DELIVERIES_MAX 64

/* ---- endpoints ----------------------------------------------------------- */

static int
endpoint_compare(const struct endpoint *a, const struct endpoint *b)
{
	return strcmp(a->id, b->id);
}

RB_GENERATE_INTERNAL(endpoint_tree, endpoint, entry, endpoint_compare, static __attribute__((unused)))

/* FNV-1a, 64 bits. */
static uint64_t
hash_id(const char *id)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (; *id != '\0'; id++)
		hash = (hash ^ (unsigned char)*id) * 0x100000001b3u;
	return hash;
}

static struct endpoint *
endpoint_find(const struct endpoint_tree *tree, const char *id)
{
	struct endpoint *endpoint = RB_ROOT(tree);

	while (endpoint != NULL) {
		int order = strcmp(id, endpoint->id);

		if (order == 0)
			break;
		endpoint = order < 0 ? RB_LEFT(endpoint, entry) : RB_RIGHT(endpoint, entry);
	}
	return endpoint;
}

bool
net_is_service(const char *id)
{
	static const char *const services[] = {"lin-kv", "seq-kv", "lww-kv", "lin-tso"};

	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		if (strcmp(services[i], id) == 0)
			return true;
	return false;
}

/* NULL if the id was never heard of. */
static struct endpoint *
lookup(struct net *net, const char *id)
{
	struct endpoint **cached = &net->cache[hash_id(id) % CACHE_SIZE];

	if (*cached == NULL || strcmp((*cached)->id, id) != 0) {
		struct endpoint *found = endpoint_find(&net->endpoints, id);

		if (found == NULL)
			return NULL;
		*cached = found;
	}
	return *cached;
}

struct endpoint *
net_endpoint(struct net *net, const char *id)
{
	struct endpoint *endpoint = lookup(net, id);

	if (endpoint != NULL)
		return endpoint;
	endpoint = memory_zero(sizeof(*endpoint));
	endpoint->net = net;
	endpoint->id = memory_copy(id, strlen(id));
	endpoint->hash = hash_id(id);
	endpoint->number = net->endpoint_count++;
	endpoint->is_client = id[0] == 'c';
	endpoint->is_node = !endpoint->is_client && !net_is_service(id);
	RB_INSERT(endpoint_tree, &net->endpoints, endpoint);
	return endpoint;
}

const char *
endpoint_id(const struct endpoint *endpoint)
{
	return endpoint->id;
}

uint64_t
endpoint_incarnation(const struct endpoint *endpoint)
{
	return endpoint->registered - 1;
}

/* ---- what is told of it: counts, journal, log, hash ---------------------- */

enum happening { HAPPENS_SEND, HAPPENS_RECEIVE, HAPPENS_DROP };

struct envelope
packet_envelope(const struct packet *packet, const struct endpoint *dest)
{
	return (struct envelope){packet->id, packet->src->id, dest->id, packet->body, packet->length};
}

static void
count(struct net *net, enum happening what, const struct packet *packet, const struct endpoint *dest)
{
	struct net_stats *stats = &net->stats;
	struct net_count *part = packet->src->is_client || dest->is_client ? &stats->clients : &stats->servers;

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
tell(struct net *net, enum happening what, const struct packet *packet, const struct endpoint *dest)
{
	const struct envelope envelope = packet_envelope(packet, dest);
	int64_t now = loop_now(net->loop);

	count(net, what, packet, dest);
	if (what != HAPPENS_SEND && loop_is_traced(net->loop))
		loop_trace(net->loop, "%-7s %s -> %s  %s", what == HAPPENS_RECEIVE ? "deliver" : "drop",
		    packet->src->id, dest->id, packet->body);
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
net_journal(struct net *net, FILE *file)
{
	net->journal.file = file;
}

void
net_log(struct net *net, bool send, bool receive)
{
	net->journal.show_sent = send;
	net->journal.show_received = receive;
}

struct claims *
net_claims(struct net *net)
{
	return &net->claims;
}

const struct net_stats *
net_stats(const struct net *net)
{
	return &net->stats;
}

size_t
net_queued_bytes(const struct net *net)
{
	return net->bytes;
}

void
packet_forget(struct endpoint *dest, struct packet *packet)
{
	size_t size = packet_size(packet->length);

	dest->bytes -= size;
	dest->net->bytes -= size;
	free(packet);
}

void
packet_lose(struct endpoint *dest, struct packet *packet)
{
	tell(dest->net, HAPPENS_DROP, packet, dest);
	packet_forget(dest, packet);
}

void
net_heal(struct net *net)
{
	struct endpoint *endpoint;

	RB_FOREACH (endpoint, endpoint_tree, &net->endpoints)
		endpoint->drop_words = 0;
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

static uint64_t
packet_digest(uint64_t digest, const struct packet *packet)
{
	return digest_bytes(digest_number(digest, packet->src->hash), packet->body, packet->length);
}

static void
digest_packet(struct endpoint *dest, const struct packet *packet)
{
	endpoint_note(dest, packet_digest(0, packet));
}

/* Sums, where order does not matter. */
uint64_t
net_digest(struct net *net)
{
	struct endpoint *endpoint;
	uint64_t sum = 0;

	RB_FOREACH (endpoint, endpoint_tree, &net->endpoints)
		if (!endpoint->is_client)
			sum += digest_number(endpoint->hash, endpoint->digest);
	for (size_t i = 0; i < net->held_count; i++)
		sum += packet_digest(net->held[i].dest->hash, net->held[i].packet);
	return sum;
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
deliver_taken(struct endpoint *dest)
{
	struct packet *packet = dest->taken;
	const struct envelope envelope = packet_envelope(packet, dest);
	uint64_t registered = dest->registered;
	bool accepted;

	if (dest->paused)
		return false;
	if (!dest->blocked)
		tell(dest->net, HAPPENS_RECEIVE, packet, dest);
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

	dest->event = 0;
	for (int i = 0; i < DELIVERIES_MAX; i++) {
		if (!deliver_taken(dest))
			return;
		take_next(dest);
		if (dest->taken == NULL || dest->taken->deadline > loop_now(dest->net->loop))
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
	while (dest->queue.count > 0 && dest->queue.heap[0]->deadline <= now)
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
packet_make(struct net *net, struct endpoint *src, struct endpoint *dest, const char *body, size_t length)
{
	struct packet *packet = packet_new(body, length);

	packet->id = net->next_id++;
	packet->src = src;
	packet->deadline = loop_now(net->loop);
	if (!src->is_client && !dest->is_client)
		packet->deadline += draw_latency(net);
	dest->bytes += packet_size(length);
	net->bytes += packet_size(length);
	return packet;
}

static void
mix_content(struct net *net, const struct packet *packet, const struct endpoint *dest)
{
	if (!loop_is_virtual(net->loop))
		return;
	loop_mix_number(net->loop, packet->src->hash);
	loop_mix_number(net->loop, dest->hash);
	loop_mix(net->loop, packet->body, packet->length);
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
	struct endpoint *from = lookup(net, src), *to = lookup(net, dest);
	struct packet *packet;

	if (from == NULL || from->deliver == NULL)
		return NET_UNKNOWN_SRC;
	if (to == NULL || to->deliver == NULL)
		return to != NULL && to->is_client && to->registered > 0 ? NET_CLOSED_CLIENT : NET_UNKNOWN_DEST;
	if (to->bytes + packet_size(length) > net->endpoint_bytes_max ||
	    net->bytes + packet_size(length) > net->bytes_max)
		return NET_FLOODED;
	packet = packet_make(net, from, to, body, length);
	tell(net, HAPPENS_SEND, packet, to);
	mix_content(net, packet, to);
	if (net->holds && !from->is_client && !to->is_client)
		packet_hold(to, packet);
	else if (net->shaped)
		packet_shape(to, packet);
	else
		packet_post(to, packet);
	return NET_OK;
}

/* ---- who is there -------------------------------------------------------- */

struct net *
net_new(struct loop *loop, const struct latency *latency, uint64_t seed)
{
	struct net *net = memory_zero(sizeof(*net));

	assert(latency->mean_ms >= 0);
	net->loop = loop;
	net->latency = *latency;
	random_seed(&net->random, seed, "network", 0);
	for (int i = 0; i < CHANCES; i++)
		random_seed(&net->chances[i], seed, "network fault", (uint64_t)i);
	RB_INIT(&net->endpoints);
	net_limit(net, NET_ENDPOINT_BYTES_MAX, NET_BYTES_MAX);
	return net;
}

void
net_limit(struct net *net, size_t endpoint_bytes, size_t bytes)
{
	net->endpoint_bytes_max = endpoint_bytes;
	net->bytes_max = bytes;
}

struct endpoint *
net_add(struct net *net, const char *id, deliver_fn *deliver, void *arg)
{
	struct endpoint *endpoint = net_endpoint(net, id);

	assert(endpoint->deliver == NULL && deliver != NULL);
	endpoint->deliver = deliver;
	endpoint->arg = arg;
	endpoint->registered++;
	return endpoint;
}

void
net_remove(struct net *net, struct endpoint *endpoint)
{
	assert(endpoint->net == net && endpoint->deliver != NULL);
	endpoint->deliver = NULL;
	loop_cancel(net->loop, endpoint->event);
	endpoint->event = 0;
	if (endpoint->taken != NULL)
		packet_forget(endpoint, endpoint->taken);
	endpoint->taken = NULL;
	while (endpoint->queue.count > 0)
		packet_forget(endpoint, packet_pop(&endpoint->queue));
	while (endpoint->late.count > 0)
		packet_forget(endpoint, packet_pop(&endpoint->late));
	loop_cancel(net->loop, endpoint->late_event);
	endpoint->late_event = 0;
	endpoint->delivering = endpoint->blocked = endpoint->paused = false;
}

bool
net_knows(const struct net *net, const char *id)
{
	const struct endpoint *endpoint = endpoint_find(&net->endpoints, id);

	return endpoint != NULL && endpoint->deliver != NULL;
}

static void
endpoint_free(struct net *net, struct endpoint *endpoint)
{
	if (endpoint->deliver != NULL)
		net_remove(net, endpoint);
	RB_REMOVE(endpoint_tree, &net->endpoints, endpoint);
	packet_queue_free(&endpoint->queue);
	packet_queue_free(&endpoint->late);
	free(endpoint->drops);
	free(endpoint->id);
	free(endpoint);
}

int64_t
net_latency_mean_ms(const struct net *net)
{
	return net->latency.mean_ms;
}

void
net_free(struct net *net)
{
	struct endpoint *endpoint, *next;

	if (net == NULL)
		return;
	for (size_t i = 0; i < net->held_count; i++)
		packet_forget(net->held[i].dest, net->held[i].packet);
	free(net->held);
	RB_FOREACH_SAFE (endpoint, endpoint_tree, &net->endpoints, next)
		endpoint_free(net, endpoint);
	journal_free(&net->journal);
	claims_free(&net->claims);
	free(net);
}
