/* Who is in the network: all ids that were ever heard of, and which of them are registered now. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "encode.h"
#include "fnv.h"
#include "memory.h"
#include "net_internal.h"

/* ---- endpoints ----------------------------------------------------------- */

static int
endpoint_compare(const struct endpoint *a, const struct endpoint *b)
{
	return strcmp(a->id, b->id);
}

RB_GENERATE_INTERNAL(endpoint_tree, endpoint, entry, endpoint_compare, static __attribute__((unused)))

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

const char *
net_service(const char *id)
{
	static const char *const services[] = {"lin-kv", "seq-kv", "lww-kv", "lin-tso"};

	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		if (strcmp(services[i], id) == 0)
			return services[i];
	return NULL;
}

struct endpoint *
net_lookup(struct net *net, const char *id)
{
	struct endpoint **cached = &net->cache[fnv_text(FNV_BASIS, id) % CACHE_SIZE];

	if (*cached == NULL || strcmp((*cached)->id, id) != 0) {
		struct endpoint *found = endpoint_find(&net->endpoints, id);

		if (found == NULL)
			return NULL;
		*cached = found;
	}
	return *cached;
}

/* An endpoint with its id and beginnings; all else is zero. */
static struct endpoint *
endpoint_new(const char *id)
{
	size_t length = strlen(id), src_end;
	struct buffer text = {0};
	struct endpoint *endpoint;

	buffer_append(&text, id, length + 1);
	buffer_append_string(&text, "\"src\":");
	encode_string(&text, id, length);
	buffer_append_char(&text, ',');
	src_end = text.length;
	buffer_append_string(&text, "\"dest\":");
	encode_string(&text, id, length);
	buffer_append_string(&text, ",\"body\":");
	endpoint = memory_zero(sizeof(*endpoint) + text.length);
	memcpy(endpoint->id, text.bytes, text.length);
	endpoint->src = (struct beginning){endpoint->id + length + 1, src_end - length - 1};
	endpoint->dest = (struct beginning){endpoint->id + src_end, text.length - src_end};
	buffer_free(&text);
	return endpoint;
}

struct endpoint *
net_endpoint(struct net *net, const char *id)
{
	struct endpoint *endpoint = net_lookup(net, id);

	if (endpoint != NULL)
		return endpoint;
	endpoint = endpoint_new(id);
	endpoint->net = net;
	endpoint->hash = fnv_text(FNV_BASIS, id);
	endpoint->number = net->endpoint_count++;
	endpoint->is_client = id[0] == 'c';
	endpoint->is_node = !endpoint->is_client && net_service(id) == NULL;
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

/* ---- coming and going ------------------------------------------------------ */

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
	free(endpoint);
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
	packet_pool_free(&net->pool);
	journal_free(&net->journal);
	claims_free(&net->claims);
	free(net);
}

/* ---- all of them ----------------------------------------------------------- */

void
net_heal(struct net *net)
{
	struct endpoint *endpoint;

	RB_FOREACH (endpoint, endpoint_tree, &net->endpoints)
		endpoint->drop_words = 0;
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

/* ---- what it is asked, and told ---------------------------------------------- */

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

int64_t
net_latency_mean_ms(const struct net *net)
{
	return net->latency.mean_ms;
}

void
net_limit(struct net *net, size_t endpoint_bytes, size_t bytes)
{
	net->endpoint_bytes_max = endpoint_bytes;
	net->bytes_max = bytes;
}
