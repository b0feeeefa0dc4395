/*
 * Planted: read-only transactions that nobody confirms. Changes go through
 * Raft; but what only reads is answered by whichever node is asked, from what
 * it has applied so far. That is serializable, for each node's state was once
 * everybody's; it is not strict.
 * To be found by Elle's checks as G-single-item-realtime.
 */
#include "raft.h"
#include "txn_hub.h"

struct store {
	struct raft *raft;
	json_t *values;
};

static json_t *
run(struct node *n, json_t *txn)
{
	struct store *store = node_state(n);

	return txn_ok(txn_run(store->values, txn));
}

static json_t *
snapshot(struct node *n)
{
	struct store *store = node_state(n);

	return json_copy(store->values);
}

static bool
restore(struct node *n, json_t *snapshot)
{
	struct store *store = node_state(n);

	json_decref(store->values);
	store->values = json_incref(snapshot);
	return true;
}

static const struct raft_machine machine = {run, run, snapshot, restore};

static void
handle_txn(struct node *n, const struct message *m)
{
	struct store *store = node_state(n);
	json_t *txn = hub_unpack(n, m);

	if (txn == NULL)
		return;
	if (txn_reads_only(txn))
		node_reply(n, m, run(n, txn));
	else
		raft_propose(store->raft, node_defer(n, m), json_incref(txn));
}

static void
handle_raft(struct node *n, const struct message *m)
{
	struct store *store = node_state(n);

	raft_receive(store->raft, m);
}

static void
start(struct node *n)
{
	struct store *store = node_state(n);

	store->values = json_object();
	store->raft = raft_new(n, &machine, &(struct raft_options){0});
}

static void
stop(struct node *n)
{
	struct store *store = node_state(n);

	raft_free(store->raft);
	json_decref(store->values);
}

static const struct route routes[] = {{"txn", handle_txn}, RAFT_ROUTES(handle_raft), {NULL, NULL}};

const struct program txn_stale_program = {
    .name = "txn-stale",
    .summary = "broken: any node answers reads from what it has applied so far",
    .state_size = sizeof(struct store),
    .start = start,
    .stop = stop,
    .routes = routes,
};
