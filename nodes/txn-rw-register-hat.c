/*
 * Highly available transactions over registers: every node performs a
 * transaction on its own copy, at once, and tells the others afterwards.
 *
 * A transaction gets a time from a Lamport clock, which is later than that of
 * all this node has seen; the versions it writes bear that time and the node's
 * life (durable.h), and of two versions of a key the later one wins on every
 * node. What
 * travels between nodes is a delta: every version that the sender learned of
 * since the receiver's last acknowledgement, overwritten ones left out. It is
 * merged in one step, as a transaction is performed in one step (gossip.h says
 * when deltas are sent).
 *
 * Promises: total availability. A transaction is answered by the node it was
 * sent to, whatever happened to the others, and it never aborts. Of what it
 * reads:
 *
 *	read committed	Nobody sees a transaction that is half done, or values
 *			that it overwrote itself (G0, G1a, G1b, G1c cannot be).
 *	read atomic	Who sees one of its writes sees all of them, or what came
 *			later: a delta has the whole of it.
 *	causal		Who sees it sees all that it had seen: a delta has
 *			whatever its sender knew and its receiver lacked. Clients
 *			read what they wrote and never go back, as long as they
 *			stay with their node.
 *	convergence	Once all deltas have arrived all nodes hold the same.
 *
 * In the names of --consistency-models it satisfies causal-cerone and
 * strong-session-read-committed, and what these imply; not cursor-stability,
 * update-atomic, repeatable-read, nor what implies one.
 *
 * What it cannot promise, as nothing can that is available in a partition
 * (Bailis et al., section 5.2): that two transactions do not both read a
 * version and replace it (lost update), or read what the other writes (write
 * skew), or that a read returns the newest value. So it is no snapshot
 * isolation, no repeatable read, and not serializable.
 *
 * Kills: with --data-dir a transaction is on disk, as one record, before a
 * client or a peer hears of it, and all promises hold through kills of any
 * nodes. Without, a killed node forgets. What others have, it gets back from
 * them within seconds of its return; until then its clients may read older
 * values than before, their own writes missing, and what they write may bear
 * an early time and lose against what they no longer see. Transactions that
 * nobody else had are lost. What is left stays read committed and read atomic,
 * and nodes converge still: no two versions bear the same time and life.
 *
 * Assumes: what a peer may lack is one message of at most NODE_LINE_MAX: longer
 * ones are never delivered.
 *
 * Sources: Bailis, Davidson, Fekete, Ghodsi, Hellerstein and Stoica, Highly
 * Available Transactions: Virtues and Limitations (VLDB 2013); Lamport, Time,
 * Clocks, and the Ordering of Events in a Distributed System (CACM 1978);
 * Almeida, Shoker and Baquero, Delta State Replicated Data Types (JPDC 2018),
 * section 6, for why such deltas keep causes with their effects.
 */
#include <sys/queue.h>
#include <sys/tree.h>

#include <stdlib.h>
#include <string.h>

#include "durable.h"
#include "gossip.h"
#include "memory.h"
#include "node.h"
#include "txn.h"

#define TIME_MAX ((json_int_t)1 << 62) /* no clock gets there by counting */

/* The version of a key that we hold; its value is in the map. */
struct version {
	RB_ENTRY(version) by_key;
	TAILQ_ENTRY(version) by_change;
	int64_t time;   /* of the transaction that wrote it, ... */
	int64_t origin; /* ... by a node in this life */
	int64_t change;
	int source; /* who sent it to us first, or this node */
	char key[]; /* txn_key() */
};

RB_HEAD(version_tree, version);
TAILQ_HEAD(version_list, version);

struct replica {
	int64_t acknowledged; /* it has what we had after so many changes */
	int64_t offered;      /* ... and after so many once it acknowledges what is on its way */
	int64_t forgot;       /* it lost its memory after so many: of those it has none by itself */
};

struct hat {
	int64_t gossip_ms; /* option */
	json_t *values;    /* by txn_key() */
	struct version_tree versions;
	struct version_list changed; /* all versions, the one we have had for the longest time first */
	int64_t changes;
	int64_t clock;            /* the latest time seen */
	struct replica *replicas; /* by index */
	struct durable durable;
	struct gossip gossip;
};

static int
version_order(const struct version *a, const struct version *b)
{
	return strcmp(a->key, b->key);
}

RB_GENERATE_INTERNAL(version_tree, version, by_key, version_order, static __attribute__((unused)))

/* ---- versions ----------------------------------------------------------------- */

/* The version of that key, made if there is none: of a time before all others. */
static struct version *
version_of(struct hat *hat, const char *key)
{
	size_t size = strlen(key) + 1;
	struct version *made = memory_zero(sizeof(*made) + size), *found;

	memcpy(made->key, key, size);
	found = RB_INSERT(version_tree, &hat->versions, made);
	if (found != NULL) {
		free(made);
		return found;
	}
	TAILQ_INSERT_TAIL(&hat->changed, made, by_change);
	return made;
}

/* The key has a new version. */
static void
stamp(struct hat *hat, struct version *version, int64_t time, int64_t origin, int source)
{
	version->time = time;
	version->origin = origin;
	version->source = source;
	version->change = ++hat->changes;
	TAILQ_REMOVE(&hat->changed, version, by_change);
	TAILQ_INSERT_TAIL(&hat->changed, version, by_change);
}

static bool
is_newer(const struct version *than, int64_t time, int64_t origin)
{
	return time > than->time || (time == than->time && origin > than->origin);
}

/* ---- deltas --------------------------------------------------------------------- */

static json_t *
version_pack(const struct hat *hat, const struct version *v)
{
	return json_pack(
	    "[s, O, I, I]", v->key, json_object_get(hat->values, v->key), (json_int_t)v->time, (json_int_t)v->origin);
}

/* What the peer did not send us itself, of all that has changed. */
static json_t *
delta(struct node *n, int peer)
{
	struct hat *hat = node_state(n);
	struct replica *replica = &hat->replicas[peer];
	json_t *versions = json_array();
	struct version *v;

	TAILQ_FOREACH_REVERSE(v, &hat->changed, version_list, by_change)
	{
		if (v->change <= replica->acknowledged)
			break;
		if ((v->source != peer || v->change <= replica->forgot) &&
		    json_array_append_new(versions, version_pack(hat, v)) == -1)
			memory_exhausted();
	}
	replica->offered = hat->changes;
	if (json_array_size(versions) > 0)
		return json_pack("{s:s, s:o}", "type", "delta", "versions", versions);
	replica->acknowledged = replica->offered;
	json_decref(versions);
	return NULL;
}

static void
acknowledged(struct node *n, int peer)
{
	struct hat *hat = node_state(n);

	hat->replicas[peer].acknowledged = hat->replicas[peer].offered;
}

static void
forgot(struct node *n, int peer)
{
	struct hat *hat = node_state(n);

	hat->replicas[peer] = (struct replica){.forgot = hat->changes};
}

/* ---- durable state ----------------------------------------------------------------- */

/* A record is an array of versions as they travel; those that one transaction wrote are in the same one. */
static json_t *
versions_since(struct node *n, int64_t change)
{
	struct hat *hat = node_state(n);
	json_t *versions = json_array();
	struct version *v;

	TAILQ_FOREACH_REVERSE(v, &hat->changed, version_list, by_change)
	{
		if (v->change <= change)
			break;
		if (json_array_append_new(versions, version_pack(hat, v)) == -1)
			memory_exhausted();
	}
	return versions;
}

static json_t *
records(struct node *n)
{
	return json_pack("[o]", versions_since(n, 0));
}

/* There are newer versions than after so many changes. */
static void
changed_since(struct node *n, int64_t change)
{
	struct hat *hat = node_state(n);

	if (hat->changes == change)
		return;
	if (node_is_durable(n))
		durable_append(&hat->durable, n, versions_since(n, change));
	gossip_wake(&hat->gossip, n);
}

/* ---- what arrives ------------------------------------------------------------------- */

/* One version as it travels; its parts are borrowed. */
struct sent {
	const char *key;
	json_t *value;
	json_int_t time, origin;
};

static bool
version_unpack(json_t *json, struct sent *sent)
{
	return json_unpack(json, "[s, o, I, I!]", &sent->key, &sent->value, &sent->time, &sent->origin) == 0 &&
	       sent->time > 0 && sent->time < TIME_MAX && sent->origin > 0;
}

static bool
is_delta(json_t *versions)
{
	struct sent sent;
	json_t *version;
	size_t i;

	json_array_foreach (versions, i, version)
		if (!version_unpack(version, &sent))
			return false;
	return json_is_array(versions);
}

static void
merge(struct node *n, const struct sent *sent, int source)
{
	struct hat *hat = node_state(n);
	struct version *version = version_of(hat, sent->key);

	if (sent->time > hat->clock)
		hat->clock = sent->time;
	if (!is_newer(version, sent->time, sent->origin))
		return;
	stamp(hat, version, sent->time, sent->origin, source);
	if (json_object_set(hat->values, sent->key, sent->value) == -1)
		memory_exhausted();
}

/* All of it in one step. False, and nothing changed, if it is not well-formed. */
static bool
merge_all(struct node *n, json_t *versions, int source)
{
	json_t *version;
	struct sent sent;
	size_t i;

	if (!is_delta(versions))
		return false;
	json_array_foreach (versions, i, version)
		if (version_unpack(version, &sent))
			merge(n, &sent, source);
	return true;
}

static void
handle_delta(struct node *n, const struct message *m)
{
	struct hat *hat = node_state(n);
	int source = gossip_source(&hat->gossip, n, m);
	int64_t before = hat->changes;
	json_t *versions;

	if (source == -1 || !node_unpack(n, m, "{s:o}", "versions", &versions))
		return;
	if (!merge_all(n, versions, source)) {
		node_error(n, m, ERROR_MALFORMED_REQUEST, "versions is not an array of [key, value, time, life]");
		return;
	}
	changed_since(n, before);
	gossip_acknowledge(&hat->gossip, n, m);
}

static void
handle_hello(struct node *n, const struct message *m)
{
	gossip_greeted(&((struct hat *)node_state(n))->gossip, n, m);
}

/* ---- transactions ------------------------------------------------------------------ */

/* What it wrote bears its time. */
static void
commit(struct node *n, const json_t *txn)
{
	struct hat *hat = node_state(n);
	int64_t before = hat->changes;

	hat->clock++;
	for (size_t i = 0; i < json_array_size(txn); i++) {
		struct txn_op op = txn_op(txn, i);
		char *key;

		if (op.f != TXN_WRITE)
			continue;
		key = txn_key(op.key);
		stamp(hat, version_of(hat, key), hat->clock, hat->durable.life, node_index(n));
		free(key);
	}
	changed_since(n, before);
}

static void
handle_txn(struct node *n, const struct message *m)
{
	struct hat *hat = node_state(n);
	json_t *txn = txn_unpack(n, m, TXN_WRITE), *done;

	if (txn == NULL)
		return;
	done = txn_run(hat->values, txn);
	if (!txn_reads_only(txn))
		commit(n, txn);
	node_reply(n, m, txn_ok(done));
}

/* ---- the program --------------------------------------------------------------------- */

static const struct gossip_replica replica = {delta, acknowledged, forgot};

static bool
load(struct node *n, json_t *record)
{
	return merge_all(n, record, node_index(n));
}

static void
start(struct node *n)
{
	struct hat *hat = node_state(n);

	RB_INIT(&hat->versions);
	TAILQ_INIT(&hat->changed);
	hat->values = memory_made(json_object());
	hat->replicas = memory_zero((size_t)node_count(n) * sizeof(*hat->replicas));
	durable_start(&hat->durable, n, load, records);
	gossip_start(&hat->gossip, n, &replica, &hat->durable, hat->gossip_ms, 1);
}

static void
stop(struct node *n)
{
	struct hat *hat = node_state(n);
	struct version *version;

	while ((version = TAILQ_FIRST(&hat->changed)) != NULL) {
		TAILQ_REMOVE(&hat->changed, version, by_change);
		free(version);
	}
	json_decref(hat->values);
	free(hat->replicas);
	gossip_stop(&hat->gossip, n);
}

static const struct route routes[] = {
    {"txn", handle_txn},
    {"delta", handle_delta},
    {"hello", handle_hello},
    {NULL, NULL},
};

static const struct option_spec options[] = {
    {.name = "gossip-ms",
	.help = "time between rounds of gossip: how far reads lag behind, and how few messages there are",
	.type = OPTION_INT,
	.offset = offsetof(struct hat, gossip_ms),
	.initial = 100,
	.min = 1,
	.max = 2000},
    {.name = NULL},
};

const struct program txn_rw_register_hat_program = {
    .name = "txn-rw-register-hat",
    .summary = "totally available transactions: read atomic, causal",
    .state_size = sizeof(struct hat),
    .start = start,
    .stop = stop,
    .routes = routes,
    .options = options,
};
