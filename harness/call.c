/*
 * An operation under way in a client, and what the answers mean for it:
 * :ok, :fail, :info, or an exception (maelstrom.client/with-errors, and the
 * worker loop of jepsen.generator.interpreter). Exceptions carry the texts and
 * data that the real ones have, without a stack.
 */
#include <assert.h>
#include <string.h>

#include "client.h"

struct call {
	struct client *client;
	const struct workload *workload;
	const char *dest;
	struct arena *arena;
	struct op op; /* becomes the completion */
	call_done_fn *done;
	void *arg;
	bool over;

	/* The RPC under way. */
	const struct rpc *rpc;
	const struct value *request;
	call_fn *reply;
};

const struct op *
call_op(const struct call *call)
{
	return &call->op;
}

struct arena *
call_arena(struct call *call)
{
	return call->arena;
}

void *
call_memory(struct call *call, size_t size)
{
	return client_memory(call->client, call->arena, size);
}

int64_t
call_latency_ms(const struct call *call)
{
	return client_latency_ms(call->client);
}

/* ---- ends --------------------------------------------------------------------- */

static void
finish(struct call *call, enum op_type type)
{
	assert(!call->over);
	call->over = true;
	call->op.type = type;
	call->done(call->arg, &call->op);
}

void
call_ok(struct call *call, const struct value *value)
{
	call->op.value = value;
	finish(call, OP_OK);
}

void
call_info(struct call *call)
{
	finish(call, OP_INFO);
}

static bool
is_idempotent(const struct call *call)
{
	for (const char *const *f = call->workload->idempotent; f != NULL && *f != NULL; f++)
		if (strcmp(*f, call->op.f) == 0)
			return true;
	return false;
}

static void
finish_error(struct call *call, bool definite, const struct value *error)
{
	call->op.error = error;
	finish(call, definite || is_idempotent(call) ? OP_FAIL : OP_INFO);
}

/* ---- exceptions ------------------------------------------------------------------ */

/* The form of (datafy Throwable). */
static void
finish_exception(struct call *call, const char *class, const char *message, const struct value *data)
{
	struct arena *arena = call->arena;
	struct value *via = value_collection(arena, VALUE_MAP), *all = value_collection(arena, VALUE_VECTOR);
	struct value *exception = value_collection(arena, VALUE_MAP), *symbol = value_string(arena, class);
	const struct value *text = value_string(arena, message);

	symbol->type = VALUE_SYMBOL;
	value_put_keyword(arena, via, "type", symbol);
	value_put_keyword(arena, via, "message", text);
	if (data != NULL)
		value_put_keyword(arena, via, "data", data);
	value_push(arena, all, via);
	value_put_keyword(arena, exception, "via", all);
	value_put_keyword(arena, exception, "trace", value_collection(arena, VALUE_VECTOR));
	value_put_keyword(arena, exception, "cause", text);
	if (data != NULL)
		value_put_keyword(arena, exception, "data", data);
	call->op.exception = exception;
	call->op.error = value_printf(arena, "indeterminate: %s", message);
	finish(call, OP_INFO);
}

void
call_throw(struct call *call, const char *class, const char *fmt, ...)
{
	struct buffer message = {0};
	va_list ap;

	va_start(ap, fmt);
	buffer_vprintf(&message, fmt, ap);
	va_end(ap);
	finish_exception(call, class, buffer_string(&message), NULL);
	buffer_free(&message);
}

static void
throw_info(struct call *call, struct buffer *message, const struct value *data)
{
	finish_exception(call, "clojure.lang.ExceptionInfo", buffer_string(message), data);
	buffer_free(message);
}

static void
throw_timeout(struct call *call)
{
	struct arena *arena = call->arena;
	struct value *data = value_collection(arena, VALUE_MAP);
	struct buffer message = {0};

	value_put_keyword(arena, data, "type", value_keyword(arena, "maelstrom.client/timeout"));
	value_put_keyword(arena, data, "name", value_keyword(arena, "timeout"));
	value_put_keyword(arena, data, "definite?", &value_false);
	value_put_keyword(arena, data, "code", value_int(arena, 0));
	buffer_append_string(&message, "Client read timeout");
	throw_info(call, &message, data);
}

static void
throw_error(struct call *call, const struct value *body)
{
	struct arena *arena = call->arena;
	struct value *data = value_collection(arena, VALUE_MAP);
	const struct value *code = value_get(body, "code");
	struct buffer message = {0};
	bool definite;
	const char *name = error_body_name(body, &definite);

	value_put_keyword(arena, data, "type", value_keyword(arena, "rpc-error"));
	value_put_keyword(arena, data, "code", code != NULL ? code : &value_nil);
	value_put_keyword(arena, data, "name", value_keyword(arena, name));
	value_put_keyword(arena, data, "definite?", value_bool(definite));
	value_put_keyword(arena, data, "body", body);
	buffer_append_string(&message, "throw+: ");
	edn_write(&message, data);
	throw_info(call, &message, data);
}

void
call_malformed(struct call *call, const struct value *body, const char *why)
{
	struct arena *arena = call->arena;
	struct value *data = value_collection(arena, VALUE_MAP);
	struct buffer message = {0};

	value_put_keyword(arena, data, "type", value_keyword(arena, "malformed-rpc-response"));
	value_put_keyword(arena, data, "body", body);
	buffer_printf(&message, "Malformed RPC response. Node %s was sent\n\n", call->dest);
	json_write(&message, call->request);
	buffer_append_string(&message, "\n\nand answered\n\n");
	json_write(&message, body);
	buffer_printf(&message, "\n\nbut %s.", why);
	throw_info(call, &message, data);
}

/* ---- RPCs --------------------------------------------------------------------------- */

static void
error_answered(struct call *call, const struct value *body)
{
	struct arena *arena = call->arena;
	const struct value *text = value_get(body, "text");
	struct value *error;
	bool definite;
	const char *name = error_body_name(body, &definite);

	if (!call->workload->catches_errors) {
		throw_error(call, body);
		return;
	}
	error = value_collection(arena, VALUE_VECTOR);
	value_push(arena, error, value_keyword(arena, name));
	value_push(arena, error, text != NULL ? text : &value_nil);
	finish_error(call, definite, error);
}

static void
reply_answered(struct call *call, const struct value *body)
{
	struct buffer why = {0};

	if (rpc_fits(call->rpc, body, &why))
		call->reply(call, body);
	else
		call_malformed(call, body, buffer_string(&why));
	buffer_free(&why);
}

static void
answered(void *arg, enum answer answer, const struct value *body)
{
	struct call *call = arg;

	if (answer == ANSWER_REPLY)
		reply_answered(call, body);
	else if (answer == ANSWER_ERROR)
		error_answered(call, body);
	else if (call->workload->catches_errors)
		finish_error(call, false, value_keyword(call->arena, "net-timeout"));
	else
		throw_timeout(call);
}

void
call_rpc(struct call *call, const struct rpc *rpc, const struct value *fields, int64_t timeout_ms, call_fn *reply)
{
	call->rpc = rpc;
	call->request = rpc_body(call->arena, rpc, fields);
	call->reply = reply;
	client_request(call->client, call->dest, call->arena, call->request,
	    timeout_ms > 0 ? timeout_ms : CLIENT_TIMEOUT_MS, answered, call);
}

void
call_start(struct client *client, const struct workload *workload, const char *dest, struct arena *arena,
    const struct op *invocation, call_done_fn *done, void *arg)
{
	struct call *call = arena_zero(arena, sizeof(*call));

	call->client = client;
	call->workload = workload;
	call->dest = dest;
	call->arena = arena;
	call->op = *invocation;
	call->done = done;
	call->arg = arg;
	workload->invoke(call);
}
