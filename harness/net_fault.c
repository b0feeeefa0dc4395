/* What befalls messages on their way: partitions, loss, duplicates, delays. */
#include <stdlib.h>

#include "memory.h"
#include "net_internal.h"

#define WORD_BITS     64
#define HELD_BACK_MAX 4 /* times the mean: so late nothing may be */

/* ---- partitions ---------------------------------------------------------- */

/* So many times in a thousand. What is sure draws nothing. */
static bool
happens(struct net *net, enum chance chance, int permille)
{
	return permille >= 1000 || (permille > 0 && random_below(&net->chances[chance], 1000) < (uint64_t)permille);
}

bool
net_drops(struct endpoint *dest, const struct endpoint *src)
{
	return src->number / WORD_BITS < dest->drop_words &&
	       (dest->drops[src->number / WORD_BITS] >> src->number % WORD_BITS & 1) != 0 &&
	       happens(dest->net, CHANCE_FLAKY, dest->drop_permille);
}

void
net_drop(struct net *net, const char *src, const char *dest, int permille)
{
	struct endpoint *receiver = net_endpoint(net, dest);
	unsigned number = net_endpoint(net, src)->number;
	size_t words = number / WORD_BITS + 1;

	if (receiver->drop_words < words) {
		receiver->drops = memory_resize(receiver->drops, words, sizeof(*receiver->drops));
		while (receiver->drop_words < words)
			receiver->drops[receiver->drop_words++] = 0;
	}
	receiver->drop_permille = permille;
	receiver->drops[number / WORD_BITS] |= (uint64_t)1 << number % WORD_BITS;
}

/* ---- loss, duplicates, delays -------------------------------------------- */

void
net_lose(struct net *net, const char *node, int permille)
{
	net_endpoint(net, node)->loss = permille;
	net->shaped = true;
}

void
net_duplicate(struct net *net, const char *node, int permille, int64_t delay_ms)
{
	struct endpoint *endpoint = net_endpoint(net, node);

	endpoint->duplication = permille;
	endpoint->duplicate_ms = delay_ms;
	net->shaped = true;
}

void
net_slow(struct net *net, const char *node, int64_t delay_ms)
{
	net_endpoint(net, node)->slow_ms = delay_ms;
	net->shaped = true;
}

static void release_late(void *arg);

static void
await_late(struct endpoint *dest)
{
	loop_cancel(dest->net->loop, dest->late_event);
	dest->late_event = 0;
	if (dest->late.count > 0)
		dest->late_event = loop_at(dest->net->loop, dest->late.heap[0].deadline, release_late, dest);
}

static void
release_late(void *arg)
{
	struct endpoint *dest = arg;

	dest->late_event = 0;
	while (dest->late.count > 0 && dest->late.heap[0].deadline <= loop_now(dest->net->loop))
		packet_post(dest, packet_pop(&dest->late));
	await_late(dest);
}

static void
hold_back(struct endpoint *dest, struct packet *packet, enum chance chance, int64_t mean_ms)
{
	int64_t delay = (int64_t)random_exponential(&dest->net->chances[chance], (uint64_t)(mean_ms * MS_NS));
	int64_t longest = HELD_BACK_MAX * mean_ms * MS_NS;

	packet->deadline += delay < longest ? delay : longest;
	packet_push(&dest->late, packet);
	if (dest->late.heap[0].packet == packet)
		await_late(dest);
}

/* The copy is the same message, with the same id. */
static void
duplicate(struct endpoint *dest, const struct packet *packet, int64_t mean_ms)
{
	size_t size = packet_size(packet->length);
	struct net *net = dest->net;
	struct packet *copy;

	if (dest->bytes + size > net->endpoint_bytes_max || net->bytes + size > net->bytes_max)
		return;
	copy = packet_copy(&net->pool, packet);
	dest->bytes += size;
	net->bytes += size;
	net->stats.duplicated++;
	hold_back(dest, copy, CHANCE_DUPLICATE, mean_ms);
}

void
packet_shape(struct endpoint *dest, struct packet *packet)
{
	const struct endpoint *src = packet->src, *twice = src->duplication > dest->duplication ? src : dest;
	int loss = src->loss > dest->loss ? src->loss : dest->loss;
	int64_t slow_ms = src->slow_ms > dest->slow_ms ? src->slow_ms : dest->slow_ms;
	bool between_nodes = src->is_node && dest->is_node;

	if (between_nodes && happens(dest->net, CHANCE_LOSS, loss)) {
		packet_lose(dest, packet);
		return;
	}
	if (between_nodes && happens(dest->net, CHANCE_DUPLICATE, twice->duplication))
		duplicate(dest, packet, twice->duplicate_ms);
	if (slow_ms > 0 && packet->between_servers)
		hold_back(dest, packet, CHANCE_SLOW, slow_ms);
	else
		packet_post(dest, packet);
}
