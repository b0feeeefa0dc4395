/*
 * Planted: transactions that do not see their own writes. All reads are done
 * first, from the state before the transaction; then it is performed.
 * To be found by Elle's checks as internal.
 */
#include "txn_hub.h"

static json_t *
run_blindly(struct node *n, const json_t *txn)
{
	struct hub *hub = node_state(n);
	json_t *completed = json_array();

	for (size_t i = 0; i < json_array_size(txn); i++) {
		struct txn_op op = txn_op(txn, i);
		char *key = txn_key(op.key);

		if (op.f == TXN_READ)
			json_array_append_new(completed, txn_read(op.key, json_object_get(hub->values, key)));
		else
			json_array_append(completed, json_array_get(txn, i));
		free(key);
	}
	json_decref(txn_run(hub->values, txn));
	return txn_ok(completed);
}

static void
handle_txn(struct node *n, const struct message *m)
{
	json_t *txn = hub_unpack(n, m);

	if (txn == NULL)
		return;
	if (is_hub(n))
		node_reply(n, m, run_blindly(n, txn));
	else
		hub_forward(n, m);
}

static const struct route routes[] = {{"txn", handle_txn}, {NULL, NULL}};

const struct program txn_blind_program = {
    .name = "txn-blind",
    .summary = "broken: a transaction does not see its own writes",
    .routes = routes,
    HUB_PROGRAM,
};
