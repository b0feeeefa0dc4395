/*
 * What the planted faults in transactions share. They run under both
 * workloads, and most keep all values in one place: the first node.
 */
#ifndef TXN_HUB_H
#define TXN_HUB_H

#include <stdlib.h>

#include "memory.h"
#include "node.h"
#include "task.h"
#include "txn.h"

#define HUB_TIMEOUT_MS 3000

struct hub {
	json_t *values; /* by txn_key(); the first node's count */
	int done;       /* what txn-aborted has performed */
};

static inline void
hub_start(struct node *n)
{
	struct hub *hub = node_state(n);

	hub->values = json_object();
}

static inline void
hub_stop(struct node *n)
{
	struct hub *hub = node_state(n);

	json_decref(hub->values);
}

static inline bool
is_hub(const struct node *n)
{
	return node_index(n) == 0;
}

/* A transaction of either workload; NULL: error 12 was answered. */
static inline json_t *
hub_unpack(struct node *n, const struct message *m)
{
	const json_t *txn = json_object_get(m->body, "txn");

	return txn_unpack(n, m, txn_is_valid(txn, TXN_APPEND) ? TXN_APPEND : TXN_WRITE);
}

/* Performs it here: on the hub, as it should be. */
static inline json_t *
hub_run(struct node *n, const json_t *txn)
{
	struct hub *hub = node_state(n);

	return txn_ok(txn_run(hub->values, txn));
}

static inline void
hub_pass_back(struct node *n, const struct message *reply, void *request)
{
	(void)n;
	if (reply == NULL)
		request_error(request, ERROR_TIMEOUT, "no answer from the hub");
	else
		request_reply(request, json_incref(reply->body));
}

/* To the hub, and its answer back. */
static inline void
hub_forward(struct node *n, const struct message *m)
{
	node_rpc(n, node_peer(n, 0), json_incref(m->body), HUB_TIMEOUT_MS, hub_pass_back, node_defer(n, m), NULL);
}

/* ---- on other nodes, in more than one step ---------------------------------------- */

struct hub_job {
	struct request *request;
	json_t *txn;
};

/* Ends a job with what became of its transaction; steals `completed`. */
static inline void
hub_end(struct hub_job *job, int outcome, json_t *completed)
{
	if (outcome == TASK_OK)
		request_reply(job->request, txn_ok(json_incref(completed)));
	else if (outcome != TASK_CANCELLED)
		request_error(job->request, ERROR_TIMEOUT, "no answer from the hub");
	json_decref(completed);
	json_decref(job->txn);
	free(job);
}

/* The hub performs a transaction at once; any other node starts a task for it, which gets a struct hub_job. */
static inline void
hub_handle(struct node *n, const struct message *m, task_fn *elsewhere)
{
	json_t *txn = hub_unpack(n, m);
	struct hub_job *job;

	if (txn == NULL)
		return;
	if (is_hub(n)) {
		node_reply(n, m, hub_run(n, txn));
		return;
	}
	job = memory_alloc(sizeof(*job));
	*job = (struct hub_job){node_defer(n, m), json_incref(txn)};
	if (!node_task(n, elsewhere, job))
		hub_end(job, ERROR_TIMEOUT, NULL);
}

/* Performs one operation on the hub, and appends it completed. */
static inline int
hub_step(struct node *n, json_t *op, json_t *completed)
{
	json_t *body = json_pack("{s:s, s:[O]}", "type", "txn", "txn", op), *reply;
	int outcome = task_call(n, node_peer(n, 0), body, HUB_TIMEOUT_MS, &reply);

	if (outcome == TASK_OK)
		json_array_extend(completed, json_object_get(reply, "txn"));
	json_decref(reply);
	return outcome;
}

/* The values that have changed between the two. */
static inline json_t *
hub_changes(const json_t *before, json_t *after)
{
	json_t *changed = json_object(), *value;
	const char *key;

	json_object_foreach (after, key, value)
		if (!json_equal(value, json_object_get(before, key)))
			json_object_set(changed, key, value);
	return changed;
}

#define HUB_PROGRAM .state_size = sizeof(struct hub), .start = hub_start, .stop = hub_stop

#endif
