/* What replies must look like (maelstrom.client/defrpc), and what their errors are called (errors.edn). */
#include <string.h>

#include "client.h"

const struct value *
rpc_body(struct arena *arena, const struct rpc *rpc, const struct value *fields)
{
	struct value *body = value_collection(arena, VALUE_MAP);

	value_put_string(arena, body, "type", value_string(arena, rpc->request));
	for (size_t i = 0; fields != NULL && i + 1 < fields->count; i += 2)
		value_put(arena, body, fields->items[i], fields->items[i + 1]);
	return body;
}

/* ---- schemas -------------------------------------------------------------------- */

#define FIELDS_MAX (sizeof(((struct rpc *)0)->fields) / sizeof(struct field))

static const struct field *
find_field(const struct rpc *rpc, const char *name)
{
	for (const struct field *f = rpc->fields; f < rpc->fields + FIELDS_MAX && f->type != SCHEMA_END; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

static bool
is_known(const struct rpc *rpc, const char *name)
{
	return strcmp(name, "type") == 0 || strcmp(name, "in_reply_to") == 0 || strcmp(name, "msg_id") == 0 ||
	       find_field(rpc, name) != NULL;
}

static bool
misfit(struct buffer *why, const char *fmt, const char *a, const char *b)
{
	why->length = 0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	buffer_printf(why, fmt, a, b);
#pragma GCC diagnostic pop
	return false;
}

static bool
is_log(const struct value *log)
{
	if (log->type == VALUE_NIL)
		return true;
	if (log->type != VALUE_VECTOR)
		return false;
	for (size_t i = 0; i < log->count; i++) {
		const struct value *pair = log->items[i];

		if (pair->type != VALUE_VECTOR || pair->count != 2 || !value_is_integer(pair->items[0]))
			return false;
	}
	return true;
}

static bool
maps_to(const struct value *map, bool (*fits)(const struct value *))
{
	if (map->type != VALUE_MAP)
		return false;
	for (size_t i = 0; i + 1 < map->count; i += 2)
		if (!fits(map->items[i + 1]))
			return false;
	return true;
}

/* As in plumatic's schema, null passes for a sequence. */
static bool
fits(enum schema schema, const struct value *value)
{
	switch (schema) {
	case SCHEMA_INT:
		return value_is_integer(value);
	case SCHEMA_ARRAY:
		return value->type == VALUE_VECTOR || value->type == VALUE_NIL;
	case SCHEMA_INTS:
		return maps_to(value, value_is_integer);
	case SCHEMA_LOGS:
		return maps_to(value, is_log);
	default:
		return true;
	}
}

static bool
field_fits(const struct field *field, bool required, const struct value *body, struct buffer *why)
{
	static const char *const expected[] = {
	    [SCHEMA_INT] = "an integer",
	    [SCHEMA_ARRAY] = "an array",
	    [SCHEMA_INTS] = "a map of integers",
	    [SCHEMA_LOGS] = "a map of arrays of [offset, message]",
	    [SCHEMA_ANY] = "anything",
	};
	const struct value *value = value_get(body, field->name);

	if (value == NULL)
		return !required || misfit(why, "the key \"%s\" is missing%s", field->name, "");
	return fits(field->type, value) || misfit(why, "\"%s\" is not %s", field->name, expected[field->type]);
}

bool
rpc_fits(const struct rpc *rpc, const struct value *body, struct buffer *why)
{
	static const struct field in_reply_to = {"in_reply_to", SCHEMA_INT}, msg_id = {"msg_id", SCHEMA_INT};

	if (!value_is_string(value_get(body, "type"), rpc->reply))
		return misfit(why, "its type is not \"%s\"%s", rpc->reply, "");
	for (size_t i = 0; i + 1 < body->count; i += 2)
		if (!is_known(rpc, body->items[i]->text))
			return misfit(why, "the key \"%s\" is not allowed%s", body->items[i]->text, "");
	for (const struct field *f = rpc->fields; f < rpc->fields + FIELDS_MAX && f->type != SCHEMA_END; f++)
		if (!field_fits(f, true, body, why))
			return false;
	return field_fits(&in_reply_to, true, body, why) && field_fits(&msg_id, false, body, why);
}

/* ---- errors ---------------------------------------------------------------------- */

static const struct {
	int64_t code;
	const char *name;
	bool definite;
} errors[] = {
    {0, "timeout", false},
    {1, "node-not-found", true},
    {10, "not-supported", true},
    {11, "temporarily-unavailable", true},
    {12, "malformed-request", true},
    {13, "crash", false},
    {14, "abort", true},
    {20, "key-does-not-exist", true},
    {21, "key-already-exists", true},
    {22, "precondition-failed", true},
    {30, "txn-conflict", true},
};

const char *
error_name(int64_t code, bool *definite)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (errors[i].code != code)
			continue;
		*definite = errors[i].definite;
		return errors[i].name;
	}
	*definite = false;
	return "unknown";
}

const char *
error_body_name(const struct value *body, bool *definite)
{
	const struct value *code = value_get(body, "code");

	return error_name(code != NULL && code->type == VALUE_INT ? code->integer : -1, definite);
}
