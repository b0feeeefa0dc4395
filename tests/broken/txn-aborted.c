/*
 * Planted: transactions that are performed and then denied. Every third one
 * that changes something is answered with error 30, which says that it did not
 * happen.
 * To be found by Elle's checks as G1a: a read of what an aborted transaction wrote.
 */
#include "txn_hub.h"

#define DENIED_EACH 3

static void
handle_txn(struct node *n, const struct message *m)
{
	struct hub *hub = node_state(n);
	json_t *txn = hub_unpack(n, m), *reply;

	if (txn == NULL)
		return;
	if (!is_hub(n)) {
		hub_forward(n, m);
		return;
	}
	reply = hub_run(n, txn);
	if (txn_reads_only(txn) || ++hub->done % DENIED_EACH != 0) {
		node_reply(n, m, reply);
		return;
	}
	node_error(n, m, ERROR_TXN_CONFLICT, "it did not happen");
	json_decref(reply);
}

static const struct route routes[] = {{"txn", handle_txn}, {NULL, NULL}};

const struct program txn_aborted_program = {
    .name = "txn-aborted",
    .summary = "broken: says of transactions it has performed that they were aborted",
    .routes = routes,
    HUB_PROGRAM,
};
