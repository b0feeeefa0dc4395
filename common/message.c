/* From a line to a message, and what can be read off one. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* ---- what a message says --------------------------------------------------- */

bool
error_is_definite(int code)
{
	switch (code) {
	case ERROR_NODE_NOT_FOUND:
	case ERROR_NOT_SUPPORTED:
	case ERROR_TEMPORARILY_UNAVAILABLE:
	case ERROR_MALFORMED_REQUEST:
	case ERROR_ABORT:
	case ERROR_KEY_DOES_NOT_EXIST:
	case ERROR_KEY_ALREADY_EXISTS:
	case ERROR_PRECONDITION_FAILED:
	case ERROR_TXN_CONFLICT:
		return true;
	default:
		return false;
	}
}

bool
is_client(const char *id)
{
	return id[0] == 'c';
}

/* An error without a code that makes sense says nothing definite. */
int
message_error(const struct message *reply)
{
	const json_t *code;

	if (reply == NULL)
		return ERROR_TIMEOUT;
	if (strcmp(reply->type, "error") != 0)
		return -1;
	code = json_object_get(reply->body, "code");
	if (!json_is_integer(code) || json_integer_value(code) < 0 || json_integer_value(code) > INT32_MAX)
		return ERROR_CRASH;
	return (int)json_integer_value(code);
}

/* ---- parsing --------------------------------------------------------------- */

/* A string that C can hold, or NULL. */
static const char *
text(const json_t *string)
{
	if (!json_is_string(string) || strlen(json_string_value(string)) != json_string_length(string))
		return NULL;
	return json_string_value(string);
}

/* False if there is something else than an id. */
static bool
id(const json_t *integer, int64_t *number)
{
	*number = -1;
	if (integer == NULL || json_is_null(integer))
		return true;
	if (!json_is_integer(integer) || json_integer_value(integer) < 0)
		return false;
	*number = json_integer_value(integer);
	return true;
}

/* Returns what is wrong, or NULL. */
static const char *
read_message(struct message *message, const struct decoded *decoded)
{
	if ((message->src = decoded->src) == NULL)
		return "no src";
	if ((message->dest = decoded->dest) == NULL)
		return "no dest";
	if ((message->body = decoded->body) == NULL)
		return "no body";
	if ((message->type = text(decoded->type)) == NULL)
		return "no type";
	if (!id(decoded->msg_id, &message->msg_id))
		return "msg_id is no id";
	if (!id(decoded->in_reply_to, &message->in_reply_to))
		return "in_reply_to is no id";
	return NULL;
}

/* ---- lines that cannot be held --------------------------------------------- */

static void
answer_recovered(struct node *node, const struct recovered *saved, const char *why)
{
	struct message message = {.src = json_string_value(saved->src),
	    .dest = json_string_value(saved->dest),
	    .type = json_string_value(saved->type),
	    .msg_id = saved->msg_id,
	    .in_reply_to = -1};

	if (message.src == NULL || message.dest == NULL || saved->is_reply)
		return;
	if (node->phase == PHASE_NEW) {
		reply_unnamed(node, &message, ERROR_MALFORMED_REQUEST, why);
		return;
	}
	if (message.type == NULL || strcmp(message.type, "init") != 0)
		hold_heard(node, message.src);
	node_error(node, &message, ERROR_MALFORMED_REQUEST, "%s", why);
}

/* Legal JSON may hold what jansson cannot: large integers, NUL in a key, deep nesting. Its sender deserves an answer.
 */
static void
salvage(struct node *node, const char *line, size_t length, const char *why)
{
	struct recovered saved;

	if (line_recover(&saved, line, length))
		answer_recovered(node, &saved, why);
	recovered_free(&saved);
}

static void
log_skipped(struct node *node, const char *line, size_t length, const char *why)
{
	node_log(node, LOG_LEVEL_WARN, "skipped a line (%s): %.*s", why, length < 200 ? (int)length : 200, line);
}

/* How many objects and arrays the deepest place of a JSON text is in. */
static size_t
nesting(const char *line, size_t length)
{
	size_t depth = 0, deepest = 0;
	bool quoted = false;

	for (size_t i = 0; i < length; i++) {
		if (line[i] == '"')
			quoted = !quoted;
		else if (quoted)
			i += line[i] == '\\';
		else if ((line[i] == '[' || line[i] == '{') && ++depth > deepest)
			deepest = depth;
		else if (line[i] == ']' || line[i] == '}')
			depth--;
	}
	return deepest;
}

/* What jansson can hold only just could not be passed on to a peer, which needs a few levels around it. */
static bool
is_too_deep(const struct message *message, const char *line, size_t length)
{
	return length > (size_t)2 * NODE_DEPTH_MAX && is_client(message->src) && nesting(line, length) > NODE_DEPTH_MAX;
}

/* Not an object, or nothing that jansson holds: it says why. */
static void
refuse(struct node *node, const char *line, size_t length)
{
	json_error_t error;
	json_t *root = json_loadb(line, length, JSON_ALLOW_NUL, &error);
	const char *why = root != NULL ? "not an object" : error.text;

	log_skipped(node, line, length, why);
	if (root == NULL)
		salvage(node, line, length, why);
	json_decref(root);
}

bool
message_parse(struct node *node, const char *line, size_t length, struct message *message)
{
	const char *why;

	if (!decode_line(&node->decoded, line, length)) {
		refuse(node, line, length);
		return false;
	}
	why = read_message(message, &node->decoded);
	if (why == NULL && !is_too_deep(message, line, length))
		return true;
	if (why == NULL)
		salvage(node, line, length, "nested too deeply");
	else
		log_skipped(node, line, length, why);
	decoded_clear(&node->decoded);
	return false;
}
