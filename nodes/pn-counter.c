/*
 * A counter as a state-based CRDT: every node counts its own increments and
 * its own decrements in an entry that nobody else changes; entries are merged
 * by maximum, and the value is the sum of all increments less that of all
 * decrements. Nodes exchange the entries that changed (gossip.h). This file is
 * also g-counter, which refuses to decrement.
 *
 * Promises: total availability; strong eventual consistency: messages lost,
 * repeated or reordered change nothing, and every node reads the exact sum of
 * the acknowledged adds once the network has let the last ones through (two
 * seconds later, plus a few rounds). A read misses at most what has not
 * arrived yet. Sums are kept wider than 64 bits: an add is refused if it would
 * take the value that this node knows out of 64 bits, for good and with a
 * definite error; should adds of several nodes do so together, reads get an
 * error until adds the other way have brought it back.
 *
 * Assumes: nodes do not lose their memory. A node that did would begin at zero
 * again, and its adds would be hidden under what its peers still remember.
 *
 * Source: Shapiro, Preguica, Baquero and Zawirski, A comprehensive study of
 * Convergent and Commutative Replicated Data Types (INRIA RR-7506, 2011),
 * specifications 6 and 7; what travels is the part of the state that the peer
 * is not known to have, as in g-set.c.
 */
#include <stdlib.h>
#include <string.h>

#include "gossip.h"
#include "memory.h"
#include "node.h"

#ifndef COUNTER_PROGRAM
#define COUNTER_PROGRAM pn_counter_program
#define COUNTER_NAME    "pn-counter"
#define COUNTER_SHRINKS true
#endif

typedef unsigned __int128 wide;

#define WIDE_LOW_BITS 62                    /* a sum travels as two JSON integers */
#define WIDE_MAX      (((wide)1 << 94) - 1) /* of one node: 2^31 times the largest add */
#define WIDE_LOW_MASK (((wide)1 << WIDE_LOW_BITS) - 1)

/* What one node has added and taken away. Never shrinks. */
struct entry {
	wide plus, minus;
};

/* What we know of a peer: never more than what it really has. */
struct replica {
	struct entry *has;     /* by index: entries that it has at least */
	struct entry *offered; /* what is on its way to it */
};

struct counter {
	int64_t gossip_ms;        /* option */
	struct entry *entries;    /* by index */
	struct replica *replicas; /* by index */
	struct gossip gossip;
};

/* ---- entries --------------------------------------------------------------- */

/* Returns whether the entry grew. */
static bool
merge(struct entry *entry, const struct entry *other)
{
	bool grew = other->plus > entry->plus || other->minus > entry->minus;

	if (other->plus > entry->plus)
		entry->plus = other->plus;
	if (other->minus > entry->minus)
		entry->minus = other->minus;
	return grew;
}

static json_t *
entry_pack(const struct entry *e)
{
	return json_pack("[I, I, I, I]", (json_int_t)(e->plus >> WIDE_LOW_BITS), (json_int_t)(e->plus & WIDE_LOW_MASK),
	    (json_int_t)(e->minus >> WIDE_LOW_BITS), (json_int_t)(e->minus & WIDE_LOW_MASK));
}

static bool
entry_unpack(json_t *json, struct entry *e)
{
	json_int_t i[4];

	if (json_unpack(json, "[I, I, I, I!]", &i[0], &i[1], &i[2], &i[3]) == -1)
		return false;
	for (int k = 0; k < 4; k++)
		if (i[k] < 0 || i[k] > (json_int_t)WIDE_LOW_MASK)
			return false;
	e->plus = (wide)i[0] << WIDE_LOW_BITS | (wide)i[1];
	e->minus = (wide)i[2] << WIDE_LOW_BITS | (wide)i[3];
	return e->plus <= WIDE_MAX && e->minus <= WIDE_MAX;
}

/* The value as far as this node knows. It fits: WIDE_MAX leaves room for the sum of 2^33 nodes. */
static __int128
value(struct node *n)
{
	struct counter *c = node_state(n);
	__int128 sum = 0;

	for (int i = 0; i < node_count(n); i++)
		sum += (__int128)c->entries[i].plus - (__int128)c->entries[i].minus;
	return sum;
}

static bool
fits(__int128 sum)
{
	return sum >= INT64_MIN && sum <= INT64_MAX;
}

/* Whether an add leads out of 64 bits, or farther away from them. */
static bool
overflows(__int128 sum, json_int_t add)
{
	return (add > 0 && sum + add > INT64_MAX) || (add < 0 && sum + add < INT64_MIN);
}

/* ---- gossip ----------------------------------------------------------------- */

static json_t *
delta(struct node *n, int peer)
{
	struct counter *c = node_state(n);
	struct replica *r = &c->replicas[peer];
	json_t *entries = json_object();

	for (int i = 0; i < node_count(n); i++) {
		struct entry known = r->has[i];

		r->offered[i] = c->entries[i];
		if (merge(&known, &c->entries[i]) &&
		    json_object_set_new(entries, node_peer(n, i), entry_pack(&c->entries[i])) == -1)
			memory_exhausted();
	}
	if (json_object_size(entries) > 0)
		return json_pack("{s:s, s:o}", "type", "merge", "entries", entries);
	json_decref(entries);
	return NULL;
}

static void
acknowledged(struct node *n, int peer)
{
	struct counter *c = node_state(n);

	for (int i = 0; i < node_count(n); i++)
		merge(&c->replicas[peer].has[i], &c->replicas[peer].offered[i]);
}

static void
handle_merge(struct node *n, const struct message *m)
{
	struct counter *c = node_state(n);
	int source = node_find(n, m->src);
	json_t *entries, *json;
	const char *id;

	if (source == -1 || !node_unpack(n, m, "{s:o}", "entries", &entries))
		return;
	json_object_foreach (entries, id, json) {
		int i = node_find(n, id);
		struct entry entry;

		if (i == -1 || !entry_unpack(json, &entry))
			continue;
		merge(&c->replicas[source].has[i], &entry);
		if (merge(&c->entries[i], &entry))
			gossip_wake(&c->gossip, n);
	}
	node_reply_type(n, m, "merge_ok");
}

/* ---- clients ---------------------------------------------------------------- */

static void
handle_add(struct node *n, const struct message *m)
{
	struct counter *c = node_state(n);
	struct entry *own = &c->entries[node_index(n)];
	json_int_t signed_delta;
	wide *sum, size;

	if (!node_unpack(n, m, "{s:I}", "delta", &signed_delta))
		return;
	if (signed_delta < 0 && !COUNTER_SHRINKS) {
		node_error(n, m, ERROR_MALFORMED_REQUEST, "this counter only grows: delta is negative");
		return;
	}
	sum = signed_delta < 0 ? &own->minus : &own->plus;
	size = signed_delta < 0 ? -(wide)signed_delta : (wide)signed_delta;
	if (overflows(value(n), signed_delta) || size > WIDE_MAX - *sum) {
		node_error(n, m, ERROR_PRECONDITION_FAILED, "the counter would overflow");
		return;
	}
	*sum += size;
	gossip_wake(&c->gossip, n);
	node_reply_type(n, m, "add_ok");
}

static void
handle_read(struct node *n, const struct message *m)
{
	__int128 sum = value(n);

	if (fits(sum))
		node_reply(n, m, json_pack("{s:s, s:I}", "type", "read_ok", "value", (json_int_t)sum));
	else
		node_error(n, m, ERROR_PRECONDITION_FAILED, "the counter has overflowed");
}

/* ---- the program ------------------------------------------------------------- */

static const struct gossip_replica replica = {.delta = delta, .acknowledged = acknowledged};

static struct entry *
entries_new(struct node *n)
{
	return memory_zero((size_t)node_count(n) * sizeof(struct entry));
}

static void
start(struct node *n)
{
	struct counter *c = node_state(n);

	c->entries = entries_new(n);
	c->replicas = memory_zero((size_t)node_count(n) * sizeof(*c->replicas));
	for (int i = 0; i < node_count(n); i++)
		c->replicas[i] = (struct replica){.has = entries_new(n), .offered = entries_new(n)};
	gossip_start(&c->gossip, n, &replica, c->gossip_ms, 1);
}

static void
stop(struct node *n)
{
	struct counter *c = node_state(n);

	for (int i = 0; i < node_count(n); i++) {
		free(c->replicas[i].has);
		free(c->replicas[i].offered);
	}
	free(c->replicas);
	free(c->entries);
	gossip_stop(&c->gossip);
}

static const struct route routes[] = {
    {"add", handle_add},
    {"read", handle_read},
    {"merge", handle_merge},
    {NULL, NULL},
};

static const struct option_spec options[] = {
    {.name = "gossip-ms",
	.help = "time between rounds of gossip",
	.type = OPTION_INT,
	.offset = offsetof(struct counter, gossip_ms),
	.initial = 200,
	.min = 1,
	.max = 2000},
    {.name = NULL},
};

const struct program COUNTER_PROGRAM = {
    .name = COUNTER_NAME,
    .summary = COUNTER_SHRINKS ? "counter, a state-based CRDT" : "grow-only counter, a state-based CRDT",
    .state_size = sizeof(struct counter),
    .start = start,
    .stop = stop,
    .routes = routes,
    .options = options,
};
