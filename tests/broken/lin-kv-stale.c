/*
 * Planted: a cache that nobody invalidates. Changes go to the lin-kv service;
 * a node reads what it was the last to know, which another node may have
 * changed meanwhile.
 * To be found by the check of linearizability, as a read that cannot be.
 */
#include <stdlib.h>

#include "kv.h"
#include "memory.h"
#include "node.h"
#include "task.h"

#define TIMEOUT_MS 3000

struct cache {
	json_t *values; /* by the key's text; owned */
};

/* A request, kept while the service is asked. */
struct asked {
	struct request *request;
	json_t *body;
};

static void
start(struct node *n)
{
	struct cache *cache = node_state(n);

	cache->values = json_object();
}

static void
stop(struct node *n)
{
	struct cache *cache = node_state(n);

	json_decref(cache->values);
}

static void
remember(struct node *n, const json_t *key, json_t *value)
{
	struct cache *cache = node_state(n);
	char *text = json_dumps(key, JSON_ENCODE_ANY | JSON_SORT_KEYS);

	if (text == NULL)
		memory_exhausted();
	json_object_set(cache->values, text, value);
	free(text);
}

static json_t *
recall(struct node *n, const json_t *key)
{
	struct cache *cache = node_state(n);
	char *text = json_dumps(key, JSON_ENCODE_ANY | JSON_SORT_KEYS);
	json_t *value = text != NULL ? json_object_get(cache->values, text) : NULL;

	free(text);
	return value;
}

/* ---- requests ------------------------------------------------------------------- */

static void
finish(struct asked *a, int outcome, json_t *body)
{
	if (outcome == KV_OK)
		request_reply(a->request, body);
	else if (outcome != TASK_CANCELLED)
		request_error(a->request, (enum error)outcome, "the service says so");
	if (outcome != KV_OK)
		json_decref(body);
	json_decref(a->body);
	free(a);
}

static void
change(struct node *n, void *arg)
{
	struct asked *a = arg;
	json_t *key = json_object_get(a->body, "key"), *from = json_object_get(a->body, "from"), *value;
	int outcome;

	if (from == NULL) {
		value = json_object_get(a->body, "value");
		outcome = task_kv_write(n, LIN_KV, key, value, TIMEOUT_MS);
	} else {
		value = json_object_get(a->body, "to");
		outcome = task_kv_cas(n, LIN_KV, key, from, value, false, TIMEOUT_MS);
	}
	if (outcome == KV_OK)
		remember(n, key, value);
	finish(a, outcome, json_pack("{s:s}", "type", from == NULL ? "write_ok" : "cas_ok"));
}

static void
look_up(struct node *n, void *arg)
{
	struct asked *a = arg;
	json_t *key = json_object_get(a->body, "key"), *value = json_incref(recall(n, key));
	int outcome = KV_OK;

	if (value == NULL)
		outcome = task_kv_read(n, LIN_KV, key, TIMEOUT_MS, &value);
	if (outcome == KV_OK)
		remember(n, key, value);
	finish(a, outcome, json_pack("{s:s, s:O?}", "type", "read_ok", "value", value));
	json_decref(value);
}

static void
ask(struct node *n, const struct message *m, task_fn *task)
{
	struct asked *a = memory_alloc(sizeof(*a));

	*a = (struct asked){node_defer(n, m), json_incref(m->body)};
	if (!node_task(n, task, a))
		finish(a, ERROR_TIMEOUT, NULL);
}

static void
handle_read(struct node *n, const struct message *m)
{
	json_t *key;

	if (node_unpack(n, m, "{s:o}", "key", &key))
		ask(n, m, look_up);
}

static void
handle_write(struct node *n, const struct message *m)
{
	json_t *key, *value;

	if (node_unpack(n, m, "{s:o, s:o}", "key", &key, "value", &value))
		ask(n, m, change);
}

static void
handle_cas(struct node *n, const struct message *m)
{
	json_t *key, *from, *to;

	if (node_unpack(n, m, "{s:o, s:o, s:o}", "key", &key, "from", &from, "to", &to))
		ask(n, m, change);
}

static const struct route routes[] = {
    {"read", handle_read}, {"write", handle_write}, {"cas", handle_cas}, {NULL, NULL}};

const struct program lin_kv_stale_program = {
    .name = "lin-kv-stale",
    .summary = "broken: reads from a cache that nobody invalidates",
    .state_size = sizeof(struct cache),
    .start = start,
    .stop = stop,
    .routes = routes,
};
