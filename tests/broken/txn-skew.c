/*
 * Planted: reads that are not of one moment. Transactions that change
 * something are performed by the first node at once; but one that only reads
 * is asked for key by key, each key once, and sees some of another's writes and
 * not the rest.
 * To be found by Elle's checks as G-single: read skew. What is read was
 * committed, so that read committed holds.
 */
#include "txn_hub.h"

/* What the transaction has read of the same key before, or NULL. */
static json_t *
known(const json_t *completed, const json_t *key)
{
	json_t *op;
	size_t i;

	json_array_foreach (completed, i, op)
		if (json_equal(json_array_get(op, 1), key))
			return op;
	return NULL;
}

static void
read_all(struct node *n, void *arg)
{
	struct hub_job *job = arg;
	json_t *completed = json_array();
	int outcome = TASK_OK;

	for (size_t i = 0; outcome == TASK_OK && i < json_array_size(job->txn); i++) {
		json_t *op = json_array_get(job->txn, i), *before = known(completed, json_array_get(op, 1));

		if (before != NULL)
			json_array_append(completed, before);
		else
			outcome = hub_step(n, op, completed);
	}
	hub_end(job, outcome, completed);
}

static void
handle_txn(struct node *n, const struct message *m)
{
	json_t *txn = hub_unpack(n, m);

	if (txn != NULL && (is_hub(n) || txn_reads_only(txn)))
		hub_handle(n, m, read_all);
	else if (txn != NULL)
		hub_forward(n, m);
}

static const struct route routes[] = {{"txn", handle_txn}, {NULL, NULL}};

const struct program txn_skew_program = {
    .name = "txn-skew",
    .summary = "broken: reads the keys of a transaction one after the other",
    .routes = routes,
    HUB_PROGRAM,
};
