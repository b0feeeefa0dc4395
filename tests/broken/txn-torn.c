/*
 * Planted: transactions that are not atomic. Each operation is right and takes
 * effect at once on the first node, but a node asks for one after the other,
 * and others come in between: they see a transaction half done.
 * To be found by Elle's checks: a read of what was only written on the way is
 * G1b, one that sees a part of a transaction G-single.
 */
#include "txn_hub.h"

static void
run_steps(struct node *n, void *arg)
{
	struct hub_job *job = arg;
	json_t *completed = json_array();
	int outcome = TASK_OK;

	for (size_t i = 0; outcome == TASK_OK && i < json_array_size(job->txn); i++)
		outcome = hub_step(n, json_array_get(job->txn, i), completed);
	hub_end(job, outcome, completed);
}

static void
handle_txn(struct node *n, const struct message *m)
{
	hub_handle(n, m, run_steps);
}

static const struct route routes[] = {{"txn", handle_txn}, {NULL, NULL}};

const struct program txn_torn_program = {
    .name = "txn-torn",
    .summary = "broken: performs a transaction one operation after the other",
    .routes = routes,
    HUB_PROGRAM,
};
