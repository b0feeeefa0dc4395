/* What leaves a node: lines, written by hand around the body, and the replies a handler gives at once. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "encode.h"
#include "internal.h"

/* ---- bodies ---------------------------------------------------------------- */

json_t *
type_body(const char *type)
{
	return memory_made(json_pack("{s:s}", "type", type));
}

/* What was cut off or came from elsewhere may be no UTF-8; one such byte would make the whole line none. */
static void
make_ascii(struct buffer *text)
{
	for (size_t i = 0; i < text->length; i++)
		if ((unsigned char)text->bytes[i] >= 0x80)
			text->bytes[i] = '?';
}

json_t *
error_body_v(int code, const char *fmt, va_list ap)
{
	struct buffer text = {0};
	json_t *string;

	buffer_vprintf(&text, fmt, ap);
	string = json_stringn(buffer_string(&text), text.length);
	if (string == NULL) {
		make_ascii(&text);
		string = json_stringn(buffer_string(&text), text.length);
	}
	buffer_free(&text);
	return memory_made(json_pack("{s:s, s:i, s:o}", "type", "error", "code", code, "text", string));
}

json_t *
error_body(int code, const char *fmt, ...)
{
	json_t *body;
	va_list ap;

	va_start(ap, fmt);
	body = error_body_v(code, fmt, ap);
	va_end(ap);
	return body;
}

/* ---- lines ----------------------------------------------------------------- */

void
post_write(struct node *node, struct buffer *line, const char *src, const char *dest, const json_t *body,
    const char *key, int64_t id)
{
	if (body == NULL)
		memory_exhausted();
	assert(json_is_object(body));
	if (src == NULL)
		src = node->id;
	buffer_append(line, "{\"src\":", 7);
	encode_string(line, src, strlen(src));
	buffer_append(line, ",\"dest\":", 8);
	encode_string(line, dest, strlen(dest));
	buffer_append(line, ",\"body\":{", 9);
	encode_members(line, body, key);
	if (key != NULL) {
		if (line->bytes[line->length - 1] != '{')
			buffer_append_char(line, ',');
		encode_string(line, key, strlen(key));
		buffer_append_char(line, ':');
		encode_integer(line, id);
	}
	buffer_append(line, "}}\n", 3);
}

void
post_line(struct node *node, const char *dest, size_t start)
{
	struct buffer *output = &node->output;
	size_t length = output->length - start - 1;

	if (length > node->limits.line) {
		output->length = start;
		node_log(node, LOG_LEVEL_ERROR, "dropped a message to %s: %zu bytes are too long", dest, length);
		return;
	}
	if (node->log_level >= LOG_LEVEL_TRACE)
		node_log(node, LOG_LEVEL_TRACE, "send %.*s", length < 2000 ? (int)length : 2000, output->bytes + start);
	if (hold_wanted(node, dest))
		hold_take(node, dest, start);
}

void
post_message(struct node *node, const char *src, const char *dest, const json_t *body, const char *key, int64_t id)
{
	size_t start = node->output.length;

	if (node->phase == PHASE_ENDING)
		return;
	post_write(node, &node->output, src, dest, body, key, id);
	post_line(node, dest, start);
}

void
reply_unnamed(struct node *node, const struct message *message, enum error code, const char *text)
{
	json_t *body;

	if (message->msg_id == -1)
		return;
	body = error_body(code, "%s", text);
	post_message(node, message->dest, message->src, body, "in_reply_to", message->msg_id);
	json_decref(body);
}

/* ---- sending --------------------------------------------------------------- */

void
node_send(struct node *node, const char *dest, json_t *body)
{
	post_message(node, NULL, dest, body, NULL, -1);
	json_decref(body);
}

/* Marks the message whose handler runs as seen to. False if it was already. */
bool
post_claim(struct node *node, const struct message *message)
{
	const struct message *current = node->current;

	if (current == NULL || message->src != current->src || message->msg_id != current->msg_id)
		return true;
	if (node->answered) {
		node_log(node, LOG_LEVEL_ERROR, "dropped a second answer to %s from %s", message->type, message->src);
		return false;
	}
	node->answered = true;
	return true;
}

void
node_reply(struct node *node, const struct message *message, json_t *body)
{
	if (message->msg_id != -1 && post_claim(node, message))
		post_message(node, NULL, message->src, body, "in_reply_to", message->msg_id);
	json_decref(body);
}

void
node_reply_type(struct node *node, const struct message *message, const char *type)
{
	node_reply(node, message, type_body(type));
}

void
node_error(struct node *node, const struct message *message, enum error code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	node_reply(node, message, error_body_v(code, fmt, ap));
	va_end(ap);
}

bool
node_unpack(struct node *node, const struct message *message, const char *fmt, ...)
{
	json_error_t error;
	va_list ap;
	int result;

	va_start(ap, fmt);
	result = json_vunpack_ex(message->body, &error, 0, fmt, ap);
	va_end(ap);
	if (result == 0)
		return true;
	node_log(node, LOG_LEVEL_DEBUG, "malformed %s from %s: %s", message->type, message->src, error.text);
	node_error(node, message, ERROR_MALFORMED_REQUEST, "%s: %s", message->type, error.text);
	return false;
}
