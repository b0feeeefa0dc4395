/* Messages: the parts of an envelope, around which nothing is built, and a body. */
#include <string.h>

#include "decode_internal.h"
#include "memory.h"

/* Whether the key that was unquoted is this one. */
static bool
is_key(const struct decode *d, const char *name, size_t length)
{
	return d->text.length == length && memcmp(d->text.bytes, name, length) == 0;
}

static bool
member_of_body(struct decode *d, const struct quoted *key, void *arg)
{
	struct decoded *decoded = arg;
	const json_t *put = decode_put_member(d, key, decoded->body);

	if (put == NULL)
		return false;
	if (is_key(d, "type", 4))
		decoded->type = put;
	else if (is_key(d, "msg_id", 6))
		decoded->msg_id = put;
	else if (is_key(d, "in_reply_to", 11))
		decoded->in_reply_to = put;
	return true;
}

static bool
skip_value(struct decode *d)
{
	json_t *skipped = decode_value(d);

	json_decref(skipped);
	return skipped != NULL;
}

/* Leaves NULL if it is no string, or none that C can hold. */
static bool
read_id(struct decode *d, struct buffer *text, const char **id)
{
	struct quoted quoted;

	*id = NULL;
	if (decode_next(d) != '"')
		return skip_value(d);
	if (!decode_quoted(d, &quoted))
		return false;
	decode_unquote(text, &quoted);
	if (!quoted.escaped || strlen(text->bytes) == text->length)
		*id = text->bytes;
	return true;
}

static bool
read_body(struct decode *d, struct decoded *decoded)
{
	bool good;

	decoded_clear(decoded);
	if (decode_next(d) != '{')
		return skip_value(d);
	decoded->body = memory_made(json_object());
	d->depth++;
	good = decode_members(d, member_of_body, decoded);
	d->depth--;
	return good;
}

static bool
member_of_line(struct decode *d, const struct quoted *key, void *arg)
{
	struct decoded *decoded = arg;

	if (!decode_unquote_key(d, key))
		return false;
	if (is_key(d, "src", 3))
		return read_id(d, &decoded->src_text, &decoded->src);
	if (is_key(d, "dest", 4))
		return read_id(d, &decoded->dest_text, &decoded->dest);
	if (is_key(d, "body", 4))
		return read_body(d, decoded);
	return skip_value(d);
}

bool
decode_line(struct decoded *decoded, const char *line, size_t length)
{
	struct decode d = {.at = line, .end = line + length, .depth = 1, .text = decoded->key_text};
	bool good;

	decoded_clear(decoded);
	decoded->src = decoded->dest = NULL;
	good = decode_next(&d) == '{' && decode_members(&d, member_of_line, decoded) && decode_is_done(&d);
	decoded->key_text = d.text;
	if (!good)
		decoded_clear(decoded);
	return good;
}

void
decoded_clear(struct decoded *decoded)
{
	json_decref(decoded->body);
	decoded->body = NULL;
	decoded->type = decoded->msg_id = decoded->in_reply_to = NULL;
}

void
decoded_free(struct decoded *decoded)
{
	decoded_clear(decoded);
	buffer_free(&decoded->src_text);
	buffer_free(&decoded->dest_text);
	buffer_free(&decoded->key_text);
}
