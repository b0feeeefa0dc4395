/*
 * Planted: a request that must not be repeated is. What the first node is
 * asked it is asked again when the answer takes long, and it performs what
 * arrives, each time.
 * To be found by the check of txn-list-append as duplicate-elements.
 */
#include "txn_hub.h"

static const struct retry impatience = {.initial_ms = 60, .cap_ms = 2000, .give_up_ms = HUB_TIMEOUT_MS};

static void
handle_txn(struct node *n, const struct message *m)
{
	json_t *txn = hub_unpack(n, m);

	if (txn == NULL)
		return;
	if (is_hub(n))
		node_reply(n, m, hub_run(n, txn));
	else
		node_rpc_retry(
		    n, node_peer(n, 0), json_incref(m->body), &impatience, hub_pass_back, node_defer(n, m), NULL);
}

static const struct route routes[] = {{"txn", handle_txn}, {NULL, NULL}};

const struct program txn_twice_program = {
    .name = "txn-twice",
    .summary = "broken: performs a transaction as often as it is asked to",
    .routes = routes,
    HUB_PROGRAM,
};
