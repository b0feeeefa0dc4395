/*
 * Planted: the counter that everybody writes first: one key in seq-kv, added to
 * by compare-and-set, and read by reading it. The adds are right, for a cas
 * that succeeds has seen the newest state; but the service may answer a read
 * from any state since this node's last change.
 * To be found by the counters' checker, under :errors.
 */
#include <stdlib.h>

#include "kv.h"
#include "memory.h"
#include "node.h"
#include "task.h"

#define TIMEOUT_MS 4000

struct add {
	struct request *request;
	json_int_t delta;
};

static int
read_counter(struct node *n, json_t *key, json_int_t *value)
{
	json_t *found = NULL;
	int outcome = task_kv_read(n, SEQ_KV, key, TIMEOUT_MS, &found);

	*value = outcome == KV_OK ? json_integer_value(found) : 0;
	json_decref(found);
	return outcome == ERROR_KEY_DOES_NOT_EXIST ? KV_OK : outcome;
}

static void
add(struct node *n, void *arg)
{
	struct add *a = arg;
	json_t *key = json_string("counter");
	json_int_t value;
	int outcome;

	do {
		outcome = read_counter(n, key, &value);
		if (outcome == KV_OK) {
			json_t *from = json_integer(value), *to = json_integer(value + a->delta);

			outcome = task_kv_cas(n, SEQ_KV, key, from, to, true, TIMEOUT_MS);
			json_decref(from);
			json_decref(to);
		}
	} while (outcome == ERROR_PRECONDITION_FAILED);
	if (outcome == KV_OK)
		request_reply_type(a->request, "add_ok");
	json_decref(key);
	free(a);
}

static void
read_stale(struct node *n, void *arg)
{
	json_t *key = json_string("counter");
	json_int_t value;

	if (read_counter(n, key, &value) == KV_OK)
		request_reply(arg, json_pack("{s:s, s:I}", "type", "read_ok", "value", value));
	json_decref(key);
}

static void
handle_add(struct node *n, const struct message *m)
{
	struct add *a = memory_alloc(sizeof(*a));

	if (!node_unpack(n, m, "{s:I}", "delta", &a->delta)) {
		free(a);
		return;
	}
	a->request = node_defer(n, m);
	if (!node_task(n, add, a))
		free(a);
}

static void
handle_read(struct node *n, const struct message *m)
{
	node_task(n, read_stale, node_defer(n, m));
}

static const struct route routes[] = {{"add", handle_add}, {"read", handle_read}, {NULL, NULL}};

const struct program counter_stale_program = {
    .name = "counter-stale",
    .summary = "broken: believes seq-kv's stale reads",
    .routes = routes,
};
