/*
 * Planted: read, modify, write, and nobody looks whether what was read still
 * holds. A node fetches the values of a transaction's keys from the first
 * node, performs it on them, and sends back those that it changed, which
 * replace what others have done meanwhile.
 * To be found by Elle's checks as lost-update.
 */
#include "txn_hub.h"

/* ---- the first node -------------------------------------------------------------- */

static void
handle_fetch(struct node *n, const struct message *m)
{
	struct hub *hub = node_state(n);

	node_reply(n, m, json_pack("{s:s, s:O}", "type", "fetch_ok", "values", hub->values));
}

static void
handle_store(struct node *n, const struct message *m)
{
	struct hub *hub = node_state(n);
	json_t *values;

	if (!node_unpack(n, m, "{s:o}", "values", &values))
		return;
	json_object_update(hub->values, values);
	node_reply_type(n, m, "store_ok");
}

/* ---- all others ------------------------------------------------------------------- */

/* Steals `values`, and performs the transaction on them. */
static int
modify(struct node *n, const json_t *txn, json_t *values, json_t **completed)
{
	json_t *before = json_copy(values), *changed, *reply = NULL;
	int outcome = TASK_OK;

	*completed = txn_run(values, txn);
	changed = hub_changes(before, values);
	if (!txn_reads_only(txn))
		outcome = task_call(n, node_peer(n, 0), json_pack("{s:s, s:O}", "type", "store", "values", changed),
		    HUB_TIMEOUT_MS, &reply);
	json_decref(reply);
	json_decref(changed);
	json_decref(before);
	json_decref(values);
	return outcome;
}

static void
fetch_and_modify(struct node *n, void *arg)
{
	struct hub_job *job = arg;
	json_t *reply, *completed = NULL;
	int outcome = task_call(n, node_peer(n, 0), json_pack("{s:s}", "type", "fetch"), HUB_TIMEOUT_MS, &reply);

	if (outcome == TASK_OK)
		outcome = modify(n, job->txn, json_incref(json_object_get(reply, "values")), &completed);
	json_decref(reply);
	hub_end(job, outcome, completed);
}

static void
handle_txn(struct node *n, const struct message *m)
{
	hub_handle(n, m, fetch_and_modify);
}

static const struct route routes[] = {
    {"txn", handle_txn}, {"fetch", handle_fetch}, {"store", handle_store}, {NULL, NULL}};

const struct program txn_lost_update_program = {
    .name = "txn-lost-update",
    .summary = "broken: replaces values without looking whether they are still those that were read",
    .routes = routes,
    HUB_PROGRAM,
};
