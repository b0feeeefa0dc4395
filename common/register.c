/* A command is {} to read, {"value"} to write, {"from", "to", "create_if_not_exists"} to compare and set. */
#include "register.h"

#include <string.h>

json_t *
register_command(struct node *n, const struct message *m, json_t **key)
{
	json_t *value, *from, *to;
	int creates = 0;

	if (strcmp(m->type, "read") == 0)
		return node_unpack(n, m, "{s:o}", "key", key) ? json_object() : NULL;
	if (strcmp(m->type, "write") == 0)
		return node_unpack(n, m, "{s:o, s:o}", "key", key, "value", &value) ? json_pack("{s:O}", "value", value)
										    : NULL;
	if (!node_unpack(
		n, m, "{s:o, s:o, s:o, s?b}", "key", key, "from", &from, "to", &to, "create_if_not_exists", &creates))
		return NULL;
	return json_pack("{s:O, s:O, s:b}", "from", from, "to", to, "create_if_not_exists", creates);
}

bool
register_reads(const json_t *command)
{
	return json_object_get(command, "value") == NULL && json_object_get(command, "to") == NULL;
}

static json_t *
error_reply(enum error code, const char *text)
{
	return json_pack("{s:s, s:i, s:s}", "type", "error", "code", (int)code, "text", text);
}

static json_t *
apply_cas(const json_t *command, json_t *value, json_t **change)
{
	if (value == NULL && !json_is_true(json_object_get(command, "create_if_not_exists")))
		return error_reply(ERROR_KEY_DOES_NOT_EXIST, "no such key");
	if (value != NULL && !json_equal(value, json_object_get(command, "from")))
		return error_reply(ERROR_PRECONDITION_FAILED, "the value is another");
	*change = json_incref(json_object_get(command, "to"));
	return json_pack("{s:s}", "type", "cas_ok");
}

json_t *
register_apply(const json_t *command, json_t *value, json_t **change)
{
	*change = NULL;
	if (json_object_get(command, "to") != NULL)
		return apply_cas(command, value, change);
	if (json_object_get(command, "value") != NULL) {
		*change = json_incref(json_object_get(command, "value"));
		return json_pack("{s:s}", "type", "write_ok");
	}
	return value != NULL ? json_pack("{s:s, s:O}", "type", "read_ok", "value", value)
			     : error_reply(ERROR_KEY_DOES_NOT_EXIST, "no such key");
}
