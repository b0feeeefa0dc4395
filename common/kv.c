/* The services' protocol, as callbacks and as calls inside a task. */
#include "kv.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "task.h"

/* What the runtime keeps of a caller's callback while the RPC is under way. */
struct kv_call {
	const char *expected; /* type of the reply */
	const char *member;   /* its value, or NULL */
	kv_fn *fn;
	void *arg;
	drop_fn *drop;
};

/* ---- requests and replies -------------------------------------------------- */

static json_t *
read_body(json_t *key)
{
	return memory_made(json_pack("{s:s, s:O}", "type", "read", "key", key));
}

static json_t *
write_body(json_t *key, json_t *value)
{
	return memory_made(json_pack("{s:s, s:O, s:O}", "type", "write", "key", key, "value", value));
}

static json_t *
cas_body(json_t *key, json_t *from, json_t *to, bool create)
{
	json_t *body =
	    memory_made(json_pack("{s:s, s:O, s:O, s:O}", "type", "cas", "key", key, "from", from, "to", to));

	if (create && json_object_set_new(body, "create_if_not_exists", json_true()) != 0)
		memory_exhausted();
	return body;
}

static json_t *
timestamp_body(void)
{
	return memory_made(json_pack("{s:s}", "type", "ts"));
}

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

/* ---- callbacks ------------------------------------------------------------- */

static void
call_replied(struct node *node, const struct message *reply, void *arg)
{
	struct kv_call *call = arg;
	int outcome = message_error(reply);
	json_t *value = NULL;

	if (outcome == -1)
		outcome = outcome_of(reply->body, call->expected, call->member, &value);
	call->fn(node, outcome, value, call->arg);
	free(call);
}

static void
call_dropped(void *arg)
{
	struct kv_call *call = arg;

	if (call->drop != NULL)
		call->drop(call->arg);
	free(call);
}

static uint64_t
start_call(struct node *node, const char *service, json_t *body, int64_t timeout_ms, const struct kv_call *template)
{
	struct kv_call *call = memory_alloc(sizeof(*call));

	*call = *template;
	return node_rpc(node, service, body, timeout_ms, call_replied, call, call_dropped);
}

uint64_t
kv_read(struct node *node, const char *service, json_t *key, int64_t timeout_ms, kv_fn *fn, void *arg, drop_fn *drop)
{
	struct kv_call call = {"read_ok", "value", fn, arg, drop};

	return start_call(node, service, read_body(key), timeout_ms, &call);
}

uint64_t
kv_write(struct node *node, const char *service, json_t *key, json_t *value, int64_t timeout_ms, kv_fn *fn, void *arg,
    drop_fn *drop)
{
	struct kv_call call = {"write_ok", NULL, fn, arg, drop};

	return start_call(node, service, write_body(key, value), timeout_ms, &call);
}

uint64_t
kv_cas(struct node *node, const char *service, json_t *key, json_t *from, json_t *to, bool create_if_not_exists,
    int64_t timeout_ms, kv_fn *fn, void *arg, drop_fn *drop)
{
	struct kv_call call = {"cas_ok", NULL, fn, arg, drop};

	return start_call(node, service, cas_body(key, from, to, create_if_not_exists), timeout_ms, &call);
}

uint64_t
kv_timestamp(struct node *node, int64_t timeout_ms, kv_fn *fn, void *arg, drop_fn *drop)
{
	struct kv_call call = {"ts_ok", "ts", fn, arg, drop};

	return start_call(node, LIN_TSO, timestamp_body(), timeout_ms, &call);
}

/* ---- inside a task --------------------------------------------------------- */

/* `*value` is owned by the caller. */
static int
call(struct node *node, const char *service, json_t *body, int64_t timeout_ms, const char *expected, const char *member,
    json_t **value)
{
	json_t *reply = NULL;
	int outcome = task_call(node, service, body, timeout_ms, &reply);

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
	return call(node, service, read_body(key), timeout_ms, "read_ok", "value", value);
}

int
task_kv_write(struct node *node, const char *service, json_t *key, json_t *value, int64_t timeout_ms)
{
	json_t *none;

	return call(node, service, write_body(key, value), timeout_ms, "write_ok", NULL, &none);
}

int
task_kv_cas(struct node *node, const char *service, json_t *key, json_t *from, json_t *to, bool create_if_not_exists,
    int64_t timeout_ms)
{
	json_t *none;

	return call(node, service, cas_body(key, from, to, create_if_not_exists), timeout_ms, "cas_ok", NULL, &none);
}

int
task_kv_timestamp(struct node *node, int64_t timeout_ms, int64_t *timestamp)
{
	json_t *value;
	int outcome = call(node, LIN_TSO, timestamp_body(), timeout_ms, "ts_ok", "ts", &value);

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
		if (patience_ms < KV_PATIENCE_MAX_MS)
			patience_ms *= 2;
	}
}
