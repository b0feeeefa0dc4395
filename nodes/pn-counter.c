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
 * Kills: with --data-dir entries are on disk before a client or a peer hears of
 * them, and the promises hold through kills of any nodes. Without, a node that
 * is killed forgets. It must not count on from zero in its old entry, where
 * its adds would be hidden under what the others remember; so an entry belongs
 * to a node in one life (durable.h), and after a kill it begins another one.
 * The former it gets back from the others, within seconds of its return and as
 * far as they know it: nothing is counted twice, and an acknowledged add is
 * lost only if it was made less than a round of gossip (or a partition) before
 * the kill and so nobody else has it, or if all that have it are killed.
 *
 * Source: Shapiro, Preguica, Baquero and Zawirski, A comprehensive study of
 * Convergent and Commutative Replicated Data Types (INRIA RR-7506, 2011),
 * specifications 6 and 7; what travels is the part of the state that the peer
 * is not known to have, as in g-set.c.
 */
#include <sys/tree.h>

#include <stdlib.h>
#include <string.h>

#include "durable.h"
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

#define ENTRIES_MAX 65536 /* nodes, and lives of them that ended without a data directory */

/* What was added and taken away. Never shrinks. */
struct sums {
	wide plus, minus;
};

/* What one node has added and taken away in one life. */
struct entry {
	RB_ENTRY(entry) tree;
	int node;
	int64_t life;
	struct sums sums;
	int64_t change; /* the number of the last one here */
	int source;     /* a node that has these sums: who told them, or we ourselves */
};
RB_HEAD(entries, entry);

/* What we know of a peer: never more than what it really has. */
struct replica {
	int64_t acknowledged; /* it has all changes before */
	int64_t offered;      /* ... and before this once it acknowledges what is on its way */
	int64_t forgot;       /* it lost its memory when we had so many: those it did not keep because it told us */
};

struct counter {
	int64_t gossip_ms; /* option */
	struct entries entries;
	int count;                /* of them */
	int64_t changes;          /* of them, so far */
	struct replica *replicas; /* by index */
	struct entry *own;
	struct durable durable;
	struct gossip gossip;
};

/* ---- entries --------------------------------------------------------------- */

static int
entry_order(const struct entry *a, const struct entry *b)
{
	if (a->node != b->node)
		return a->node < b->node ? -1 : 1;
	return a->life < b->life ? -1 : a->life > b->life;
}

RB_GENERATE_INTERNAL(entries, entry, tree, entry_order, static __attribute__((unused)))

/* The entry of that node in that life, made if there is none; NULL: there are too many. */
static struct entry *
entry_of(struct node *n, int node, int64_t life)
{
	struct counter *c = node_state(n);
	struct entry key = {.node = node, .life = life}, *entry = RB_FIND(entries, &c->entries, &key);

	if (entry != NULL || c->count == ENTRIES_MAX)
		return entry;
	entry = memory_zero(sizeof(*entry));
	entry->node = node;
	entry->life = life;
	entry->change = -1; /* there is nothing to tell of zeros */
	RB_INSERT(entries, &c->entries, entry);
	c->count++;
	return entry;
}

/* Returns whether the sums grew. */
static bool
merge(struct sums *sums, const struct sums *other)
{
	bool grew = other->plus > sums->plus || other->minus > sums->minus;

	if (other->plus > sums->plus)
		sums->plus = other->plus;
	if (other->minus > sums->minus)
		sums->minus = other->minus;
	return grew;
}

/* As an entry travels, and is stored: [node, life, the four halves of its sums]. */
static json_t *
entry_pack(struct node *n, const struct entry *e)
{
	return json_pack("[s, I, I, I, I, I]", node_peer(n, e->node), (json_int_t)e->life,
	    (json_int_t)(e->sums.plus >> WIDE_LOW_BITS), (json_int_t)(e->sums.plus & WIDE_LOW_MASK),
	    (json_int_t)(e->sums.minus >> WIDE_LOW_BITS), (json_int_t)(e->sums.minus & WIDE_LOW_MASK));
}

/* Finds or makes the entry meant; NULL: it makes no sense, or there are too many. */
static struct entry *
entry_unpack(struct node *n, json_t *json, struct sums *sums)
{
	json_int_t life, i[4];
	const char *id;
	int node;

	if (json_unpack(json, "[s, I, I, I, I, I!]", &id, &life, &i[0], &i[1], &i[2], &i[3]) == -1)
		return NULL;
	for (int k = 0; k < 4; k++)
		if (i[k] < 0 || i[k] > (json_int_t)WIDE_LOW_MASK)
			return NULL;
	node = node_find(n, id);
	sums->plus = (wide)i[0] << WIDE_LOW_BITS | (wide)i[1];
	sums->minus = (wide)i[2] << WIDE_LOW_BITS | (wide)i[3];
	if (node == -1 || life <= 0 || sums->plus > WIDE_MAX || sums->minus > WIDE_MAX)
		return NULL;
	return entry_of(n, node, life);
}

/* The value as far as this node knows. It fits: WIDE_MAX leaves room for the sum of 2^33 entries. */
static __int128
value(struct node *n)
{
	struct counter *c = node_state(n);
	__int128 sum = 0;
	struct entry *e;

	RB_FOREACH (e, entries, &c->entries)
		sum += (__int128)e->sums.plus - (__int128)e->sums.minus;
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

/* ---- durable state ------------------------------------------------------------ */

static bool
load(struct node *n, json_t *record)
{
	struct counter *c = node_state(n);
	struct sums sums;
	struct entry *e = entry_unpack(n, record, &sums);

	if (e != NULL && merge(&e->sums, &sums)) {
		e->change = c->changes++;
		e->source = node_index(n);
	}
	return e != NULL;
}

static json_t *
records(struct node *n)
{
	struct counter *c = node_state(n);
	json_t *all = json_array();
	struct entry *e;

	RB_FOREACH (e, entries, &c->entries)
		if (json_array_append_new(all, entry_pack(n, e)) == -1)
			memory_exhausted();
	return all;
}

/* An entry has grown, to what that node has. */
static void
changed(struct node *n, struct entry *e, int source)
{
	struct counter *c = node_state(n);

	e->change = c->changes++;
	e->source = source;
	durable_append(&c->durable, n, entry_pack(n, e));
	gossip_wake(&c->gossip, n);
}

/* ---- gossip ----------------------------------------------------------------- */

static json_t *
delta(struct node *n, int peer)
{
	struct counter *c = node_state(n);
	struct replica *r = &c->replicas[peer];
	json_t *entries = json_array();
	struct entry *e;

	RB_FOREACH (e, entries, &c->entries) {
		if (e->change < r->acknowledged || (e->source == peer && e->change >= r->forgot))
			continue;
		if (json_array_append_new(entries, entry_pack(n, e)) == -1)
			memory_exhausted();
	}
	r->offered = c->changes;
	if (json_array_size(entries) > 0)
		return json_pack("{s:s, s:o}", "type", "merge", "entries", entries);
	r->acknowledged = r->offered;
	json_decref(entries);
	return NULL;
}

static void
acknowledged(struct node *n, int peer)
{
	struct replica *r = &((struct counter *)node_state(n))->replicas[peer];

	r->acknowledged = r->offered;
}

static void
forgot(struct node *n, int peer)
{
	struct counter *c = node_state(n);

	c->replicas[peer] = (struct replica){.forgot = c->changes};
}

static void
handle_merge(struct node *n, const struct message *m)
{
	struct counter *c = node_state(n);
	int source = gossip_source(&c->gossip, n, m);
	json_t *entries, *json;
	size_t i;

	if (source == -1 || !node_unpack(n, m, "{s:o}", "entries", &entries))
		return;
	json_array_foreach (entries, i, json) {
		struct sums sums;
		struct entry *e = entry_unpack(n, json, &sums);

		if (e == NULL) {
			node_error(n, m, ERROR_MALFORMED_REQUEST, "entry %zu is none that can be taken", i);
			return;
		}
		if (merge(&e->sums, &sums))
			changed(n, e, source);
	}
	gossip_acknowledge(&c->gossip, n, m);
}

static void
handle_hello(struct node *n, const struct message *m)
{
	gossip_greeted(&((struct counter *)node_state(n))->gossip, n, m);
}

/* ---- clients ---------------------------------------------------------------- */

static void
handle_add(struct node *n, const struct message *m)
{
	struct counter *c = node_state(n);
	struct sums *own = &c->own->sums;
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
	changed(n, c->own, node_index(n));
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

static const struct gossip_replica callbacks = {delta, acknowledged, forgot};

static void
start(struct node *n)
{
	struct counter *c = node_state(n);

	RB_INIT(&c->entries);
	c->replicas = memory_zero((size_t)node_count(n) * sizeof(*c->replicas));
	durable_start(&c->durable, n, load, records);
	c->own = entry_of(n, node_index(n), c->durable.life);
	gossip_start(&c->gossip, n, &callbacks, &c->durable, c->gossip_ms, 1);
}

static void
stop(struct node *n)
{
	struct counter *c = node_state(n);
	struct entry *e, *next;

	RB_FOREACH_SAFE (e, entries, &c->entries, next) {
		RB_REMOVE(entries, &c->entries, e);
		free(e);
	}
	free(c->replicas);
	gossip_stop(&c->gossip, n);
}

static const struct route routes[] = {
    {"add", handle_add},
    {"read", handle_read},
    {"merge", handle_merge},
    {"hello", handle_hello},
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
