/*
 * Planted: a compare-and-set in two steps. The value is read from the lin-kv
 * service and compared here; then the new one is written. Between the two
 * another change can come, which is lost, or both of two compare-and-sets from
 * the same value succeed.
 * To be found by the check of linearizability.
 */
#include <stdlib.h>

#include "kv.h"
#include "memory.h"
#include "node.h"
#include "task.h"

#define TIMEOUT_MS 1500 /* for each step */

struct cas {
	struct request *request;
	json_t *body;
};

/* ---- passed on as they are ------------------------------------------------------- */

static void
pass_back(struct node *n, const struct message *reply, void *request)
{
	(void)n;
	if (reply == NULL)
		request_error(request, ERROR_TIMEOUT, "no answer from " LIN_KV);
	else
		request_reply(request, json_incref(reply->body));
}

static void
pass_on(struct node *n, const struct message *m)
{
	json_t *key;

	if (node_unpack(n, m, "{s:o}", "key", &key))
		node_rpc(n, LIN_KV, json_incref(m->body), TIMEOUT_MS, pass_back, node_defer(n, m), NULL);
}

/* ---- compare-and-set ---------------------------------------------------------------- */

static int
compare_then_set(struct node *n, json_t *key, const json_t *from, json_t *to)
{
	json_t *value = NULL;
	int outcome = task_kv_read(n, LIN_KV, key, TIMEOUT_MS, &value);
	bool equal = outcome == KV_OK && json_equal(value, from);

	json_decref(value);
	if (outcome != KV_OK)
		return outcome;
	return equal ? task_kv_write(n, LIN_KV, key, to, TIMEOUT_MS) : ERROR_PRECONDITION_FAILED;
}

static void
finish(struct cas *c, int outcome)
{
	if (outcome == KV_OK)
		request_reply_type(c->request, "cas_ok");
	else if (outcome != TASK_CANCELLED)
		request_error(c->request, (enum error)outcome, "not set");
	json_decref(c->body);
	free(c);
}

static void
run_cas(struct node *n, void *arg)
{
	struct cas *c = arg;

	finish(c, compare_then_set(n, json_object_get(c->body, "key"), json_object_get(c->body, "from"),
		      json_object_get(c->body, "to")));
}

static void
handle_cas(struct node *n, const struct message *m)
{
	json_t *key, *from, *to;
	struct cas *c;

	if (!node_unpack(n, m, "{s:o, s:o, s:o}", "key", &key, "from", &from, "to", &to))
		return;
	c = memory_alloc(sizeof(*c));
	*c = (struct cas){node_defer(n, m), json_incref(m->body)};
	if (!node_task(n, run_cas, c))
		finish(c, ERROR_TIMEOUT);
}

static const struct route routes[] = {{"read", pass_on}, {"write", pass_on}, {"cas", handle_cas}, {NULL, NULL}};

const struct program lin_kv_torn_program = {
    .name = "lin-kv-torn",
    .summary = "broken: a compare-and-set that reads, compares and then writes",
    .routes = routes,
};
