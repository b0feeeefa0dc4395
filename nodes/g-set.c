/*
 * A grow-only set as a delta-state CRDT. The state is a set, merged by union;
 * what travels is not the state but a delta-interval: the elements that joined
 * since the peer's last acknowledgement, whoever added them.
 *
 * Promises: total availability; strong eventual consistency: nodes that have
 * got the same elements, in whatever order and however often, read the same
 * set, and an acknowledged element reaches every node, over others if need
 * be, once the network lets it through (two seconds later, plus a few rounds).
 * Elements are any JSON, and equal ones are one.
 *
 * Kills: with --data-dir every element that a node acknowledged to a client or
 * to a peer is on its disk, and the promises hold through kills of any nodes,
 * all of them included. Without, a killed node forgets. What it had told others
 * it gets back from them, within seconds of its return; an acknowledged element
 * is lost if it was added less than a round of gossip (or a partition) before
 * the kill and so nobody else has it, or if all that have it are killed.
 *
 * The elements in the order in which they came serve as state and as the
 * sequence of deltas at once: the delta-interval (a, b) is elements a to b, and
 * nothing needs collecting. What a peer has is not stored: after a restart it
 * is told everything.
 *
 * Source: Almeida, Shoker and Baquero, Delta State Replicated Data Types
 * (JPDC 2018), algorithm 2; Enes, Almeida, Baquero and Leitao, Efficient
 * Synchronization of State-based CRDTs (ICDE 2019), BP and RR, for the two
 * savings: an element is not sent back to a peer that is known to have it, and
 * of what a delta brings, only what is new is passed on.
 */
#include <stdlib.h>

#include "durable.h"
#include "gossip.h"
#include "json_set.h"
#include "memory.h"
#include "node.h"

#define DELTA_MAX 4096 /* elements in one message; the rest follows */

struct replica {
	size_t acknowledged; /* it has our elements up to here */
	size_t offered;      /* ... and up to here once it acknowledges what is on its way */
	size_t forgot;       /* it lost its memory when we had so many: of those it has none by itself */
};

struct g_set {
	int64_t gossip_ms;        /* option */
	struct json_set elements; /* in order of arrival */
	int *source;              /* of each element: the index of the peer that sent it first, or our own */
	size_t capacity;
	struct replica *replicas; /* by index */
	struct durable durable;
	struct gossip gossip;
};

/* Adds an element that came from node `source`. Returns whether it is new. */
static bool
join(struct node *n, json_t *element, int source)
{
	struct g_set *s = node_state(n);
	size_t i = json_set_size(&s->elements);

	if (!json_set_add(&s->elements, element))
		return false;
	if (i == s->capacity) {
		s->capacity = s->capacity > 0 ? 2 * s->capacity : 64;
		s->source = memory_resize(s->source, s->capacity, sizeof(*s->source));
	}
	s->source[i] = source;
	return true;
}

/* The same, for good. */
static void
add(struct node *n, json_t *element, int source)
{
	struct g_set *s = node_state(n);

	if (!join(n, element, source))
		return;
	durable_append(&s->durable, n, json_pack("[O]", element));
	gossip_wake(&s->gossip, n);
}

static bool
load(struct node *n, json_t *record)
{
	json_t *element;

	if (json_unpack(record, "[o!]", &element) == -1)
		return false;
	join(n, element, node_index(n));
	return true;
}

/* ---- deltas ----------------------------------------------------------------- */

static json_t *
delta(struct node *n, int peer)
{
	struct g_set *s = node_state(n);
	struct replica *r = &s->replicas[peer];
	json_t *elements = json_array();

	for (r->offered = r->acknowledged; r->offered < json_set_size(&s->elements); r->offered++) {
		if (s->source[r->offered] == peer && r->offered >= r->forgot)
			continue;
		if (json_array_size(elements) == DELTA_MAX)
			break;
		if (json_array_append(elements, json_set_item(&s->elements, r->offered)) == -1)
			memory_exhausted();
	}
	if (json_array_size(elements) > 0)
		return json_pack("{s:s, s:o}", "type", "delta", "elements", elements);
	r->acknowledged = r->offered;
	json_decref(elements);
	return NULL;
}

static void
acknowledged(struct node *n, int peer)
{
	struct g_set *s = node_state(n);

	s->replicas[peer].acknowledged = s->replicas[peer].offered;
}

static void
forgot(struct node *n, int peer)
{
	struct g_set *s = node_state(n);

	s->replicas[peer] = (struct replica){.forgot = json_set_size(&s->elements)};
}

static void
handle_delta(struct node *n, const struct message *m)
{
	struct g_set *s = node_state(n);
	json_t *elements, *element;
	int source = gossip_source(&s->gossip, n, m);
	size_t i;

	if (source == -1 || !node_unpack(n, m, "{s:o}", "elements", &elements))
		return;
	if (!json_is_array(elements)) {
		node_error(n, m, ERROR_MALFORMED_REQUEST, "elements is not an array");
		return;
	}
	json_array_foreach (elements, i, element)
		add(n, element, source);
	gossip_acknowledge(&s->gossip, n, m);
}

static void
handle_hello(struct node *n, const struct message *m)
{
	gossip_greeted(&((struct g_set *)node_state(n))->gossip, n, m);
}

/* ---- clients ---------------------------------------------------------------- */

static void
handle_add(struct node *n, const struct message *m)
{
	json_t *element;

	if (!node_unpack(n, m, "{s:o}", "element", &element))
		return;
	add(n, element, node_index(n));
	node_reply_type(n, m, "add_ok");
}

static void
handle_read(struct node *n, const struct message *m)
{
	struct g_set *s = node_state(n);

	node_reply(n, m, json_pack("{s:s, s:O}", "type", "read_ok", "value", s->elements.items));
}

/* ---- the program ------------------------------------------------------------- */

static const struct gossip_replica replica = {delta, acknowledged, forgot};

static void
start(struct node *n)
{
	struct g_set *s = node_state(n);

	json_set_init(&s->elements);
	s->replicas = memory_zero((size_t)node_count(n) * sizeof(*s->replicas));
	durable_start(&s->durable, n, load, NULL);
	gossip_start(&s->gossip, n, &replica, &s->durable, s->gossip_ms, 1);
}

static void
stop(struct node *n)
{
	struct g_set *s = node_state(n);

	json_set_free(&s->elements);
	free(s->source);
	free(s->replicas);
	gossip_stop(&s->gossip, n);
}

static const struct route routes[] = {
    {"add", handle_add},
    {"read", handle_read},
    {"delta", handle_delta},
    {"hello", handle_hello},
    {NULL, NULL},
};

static const struct option_spec options[] = {
    {.name = "gossip-ms",
	.help = "time between rounds of gossip",
	.type = OPTION_INT,
	.offset = offsetof(struct g_set, gossip_ms),
	.initial = 200,
	.min = 1,
	.max = 2000},
    {.name = NULL},
};

const struct program g_set_program = {
    .name = "g-set",
    .summary = "grow-only set, a delta-state CRDT",
    .state_size = sizeof(struct g_set),
    .start = start,
    .stop = stop,
    .routes = routes,
    .options = options,
};
