/* The services' protocol. */
#include "kv.h"

#include <string.h>

#include "memory.h"
#include "task.h"

/* A reply of another form than agreed says nothing definite. `*value` is borrowed from the body. */
static int
outcome_of(const json_t *body, const char *expected, const char *member, json_t **value)
{
	const char *type = json_string_value(json_object_get(body, "type"));

	*value = NULL;
	if (type == NULL || strcmp(type, expected) != 0)
		return ERROR_CRASH;
	if (member == NULL)
		return KV_OK;
	*value = json_object_get(body, member);
	return *value != NULL ? KV_OK : ERROR_CRASH;
}

/* Steals `body`; `*value` is owned by the caller. */
static int
call(struct node *node, const char *service, json_t *body, int64_t timeout_ms, const char *expected, const char *member,
    json_t **value)
{
	json_t *reply = NULL;
	int outcome = task_call(node, service, memory_made(body), timeout_ms, &reply);

	*value = NULL;
	if (outcome != TASK_OK)
		return outcome;
	outcome = outcome_of(reply, expected, member, value);
	json_incref(*value);
	json_decref(reply);
	return outcome;
}

int
task_kv_read(struct node *node, const char *service, json_t *key, int64_t timeout_ms, json_t **value)
{
	return call(
	    node, service, json_pack("{s:s, s:O}", "type", "read", "key", key), timeout_ms, "read_ok", "value", value);
}

int
task_kv_write(struct node *node, const char *service, json_t *key, json_t *value, int64_t timeout_ms)
{
	json_t *none;

	return call(node, service, json_pack("{s:s, s:O, s:O}", "type", "write", "key", key, "value", value),
	    timeout_ms, "write_ok", NULL, &none);
}

int
task_kv_cas(struct node *node, const char *service, json_t *key, json_t *from, json_t *to, bool create_if_not_exists,
    int64_t timeout_ms)
{
	json_t *create = create_if_not_exists ? json_true() : NULL, *none;

	return call(node, service,
	    json_pack("{s:s, s:O, s:O, s:O, s:o*}", "type", "cas", "key", key, "from", from, "to", to,
		"create_if_not_exists", create),
	    timeout_ms, "cas_ok", NULL, &none);
}

int
task_kv_timestamp(struct node *node, int64_t timeout_ms, int64_t *timestamp)
{
	json_t *value;
	int outcome = call(node, LIN_TSO, json_pack("{s:s}", "type", "ts"), timeout_ms, "ts_ok", "ts", &value);

	if (outcome == KV_OK && !json_is_integer(value))
		outcome = ERROR_CRASH;
	*timestamp = outcome == KV_OK ? json_integer_value(value) : 0;
	json_decref(value);
	return outcome;
}

static int
ask(struct node *node, const struct kv_question *q, int64_t timeout_ms, json_t **found)
{
	json_t *from = q->from != NULL ? json_incref(q->from) : json_null();
	int outcome;

	*found = NULL;
	if (q->write != NULL)
		outcome = task_kv_write(node, q->service, q->key, q->write, timeout_ms);
	else if (q->to != NULL)
		outcome = task_kv_cas(node, q->service, q->key, from, q->to, q->from == NULL, timeout_ms);
	else
		outcome = task_kv_read(node, q->service, q->key, timeout_ms, found);
	json_decref(from);
	return outcome;
}

int
task_kv_insist(struct node *node, const struct kv_question *q, int64_t patience_ms, json_t **found)
{
	int outcome;

	for (;;) {
		outcome = ask(node, q, patience_ms, found);
		if (outcome == KV_OK || outcome == TASK_CANCELLED || outcome == ERROR_KEY_DOES_NOT_EXIST ||
		    outcome == ERROR_PRECONDITION_FAILED)
			return outcome;
		if (outcome != KV_TIMEOUT && task_sleep(node, KV_RETRY_MS) == TASK_CANCELLED)
			return TASK_CANCELLED;
		patience_ms = patience_ms < KV_PATIENCE_MAX_MS / 2 ? 2 * patience_ms : KV_PATIENCE_MAX_MS;
	}
}
