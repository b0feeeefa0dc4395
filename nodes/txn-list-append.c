/*
 * Transactions over lists, strict serializable: a map from keys to lists that
 * Raft keeps the same on all nodes (raft.h). A transaction is one command of
 * the log, performed in one step by every node (state-machine replication:
 * Schneider, ACM Computing Surveys 22(4), 1990). A transaction that only reads
 * is no command: the leader answers it from its state once it has made sure
 * that it still leads (ReadIndex: Ongaro's thesis, 6.4).
 *
 * Promises: strict serializability, which is to say that transactions behave
 * as if they were performed one at a time, each at some moment between request
 * and reply; whatever the network loses, delays or repeats. Progress wherever
 * a majority of nodes can talk. Nothing is ever aborted for another
 * transaction's sake. Error 11: it has not happened and never will; 0: nobody
 * knows; 12: that is no transaction, and nothing of it has happened.
 *
 * Assumes: with --data-dir, that disks keep what they have synced; a node may
 * then be killed and started again. Without, its memory is all there is, and a
 * node that was killed is lost: where it is started again it answers with error
 * 11, once it has met a node that it had met before (raft.h says what is
 * promised then).
 *
 * txn-rw-register.c is the same over registers.
 */
#include <stdlib.h>

#include "memory.h"
#include "node.h"
#include "raft.h"
#include "txn.h"

#ifndef TXN_PROGRAM
#define TXN_PROGRAM txn_list_append_program
#define TXN_NAME    "txn-list-append"
#define TXN_LISTS   true
#endif

static const enum txn_f writes = TXN_LISTS ? TXN_APPEND : TXN_WRITE;

#define PATIENCE_MS 3500 /* before the runtime's deadline, at which nothing definite can be said any more */

struct store {
	bool lease; /* option */
	struct raft *raft;
	json_t *values; /* by txn_key() */
};

/* ---- the state machine ---------------------------------------------------------- */

/* Only a peer gone wrong gets this: what clients send has been looked at. */
static json_t *
refusal(void)
{
	return json_pack(
	    "{s:s, s:i, s:s}", "type", "error", "code", ERROR_MALFORMED_REQUEST, "text", "that is no transaction");
}

static json_t *
apply(struct node *n, json_t *txn)
{
	struct store *store = node_state(n);

	return txn_is_valid(txn, writes) ? txn_ok(txn_run(store->values, txn)) : refusal();
}

static json_t *
query(struct node *n, json_t *txn)
{
	return txn_reads_only(txn) ? apply(n, txn) : refusal();
}

/* Values are replaced, never changed: a shallow copy will do. */
static json_t *
snapshot(struct node *n)
{
	struct store *store = node_state(n);

	return json_copy(store->values);
}

static bool
is_snapshot(json_t *snapshot)
{
	const char *key;
	json_t *value;

	json_object_foreach (snapshot, key, value)
		if (TXN_LISTS && !json_is_array(value))
			return false;
	return json_is_object(snapshot);
}

static bool
restore(struct node *n, json_t *snapshot)
{
	struct store *store = node_state(n);

	if (!is_snapshot(snapshot))
		return false;
	json_decref(store->values);
	store->values = json_incref(snapshot);
	return true;
}

static const struct raft_machine machine = {apply, query, snapshot, restore};

/* ---- messages --------------------------------------------------------------------- */

static void
handle_txn(struct node *n, const struct message *m)
{
	struct store *store = node_state(n);
	json_t *txn = txn_unpack(n, m, writes);

	if (txn == NULL)
		return;
	if (txn_reads_only(txn))
		raft_query(store->raft, node_defer(n, m), json_incref(txn));
	else
		raft_propose(store->raft, node_defer(n, m), json_incref(txn));
}

static void
handle_raft(struct node *n, const struct message *m)
{
	struct store *store = node_state(n);

	raft_receive(store->raft, m);
}

/* ---- the program ---------------------------------------------------------------------- */

static void
start(struct node *n)
{
	struct store *store = node_state(n);
	struct raft_options options = {.patience_ms = PATIENCE_MS, .lease = store->lease};

	store->values = memory_made(json_object());
	store->raft = raft_new(n, &machine, &options);
}

static void
stop(struct node *n)
{
	struct store *store = node_state(n);

	raft_free(store->raft);
	json_decref(store->values);
}

static const struct route routes[] = {
    {"txn", handle_txn},
    RAFT_ROUTES(handle_raft),
    {NULL, NULL},
};

static const struct option_spec options[] = {
    {.name = "lease",
	.help = "answer reads on a lease: assumes that the nodes' clocks run at nearly the same rate",
	.type = OPTION_FLAG,
	.offset = offsetof(struct store, lease)},
    {.name = NULL},
};

const struct program TXN_PROGRAM = {
    .name = TXN_NAME,
    .summary = TXN_LISTS ? "strict serializable transactions over lists, on Raft"
			 : "strict serializable transactions over registers, on Raft",
    .state_size = sizeof(struct store),
    .start = start,
    .stop = stop,
    .routes = routes,
    .options = options,
};
