/*
 * Anything at all on a node's stdout: the scanner must neither crash nor look
 * beyond the line, must agree with the JSON reader about what is a message and
 * what is in it, and what it passes on must be JSON that it takes again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "envelope.h"
#include "utf8.h"
#include "value.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Ends the fuzzer's run, in any build. */
#define check(truth) ((truth) ? (void)0 : abort())

/* ---- what the JSON reader makes of a line ------------------------------------- */

static bool
is_as_good_as_none(const struct value *body)
{
	return body == NULL || body->type == VALUE_NIL || (body->type == VALUE_VECTOR && body->count == 0) ||
	       value_is_string(body, "");
}

static bool
is_key(const struct value *key)
{
	return value_is_string(key, "id") || value_is_string(key, "src") || value_is_string(key, "dest") ||
	       value_is_string(key, "body");
}

/* Maelstrom's schema of messages. */
static bool
is_message(const struct value *value)
{
	const struct value *id, *src, *dest, *body;

	if (value == NULL || value->type != VALUE_MAP)
		return false;
	for (size_t i = 0; i < value->count; i += 2)
		if (!is_key(value->items[i]))
			return false;
	id = value_get(value, "id");
	src = value_get(value, "src");
	dest = value_get(value, "dest");
	body = value_get(value, "body");
	return (id == NULL || value_is_integer(id)) && src != NULL && src->type == VALUE_STRING && dest != NULL &&
	       dest->type == VALUE_STRING && (is_as_good_as_none(body) || body->type == VALUE_MAP);
}

/* Lone surrogates go out as '?'. */
static bool
has_lone_surrogate(const struct value *value)
{
	switch (value->type) {
	case VALUE_STRING:
		for (size_t i = 0; i < value->length; i++)
			if (utf8_lone_surrogate(value->text + i, value->text + value->length) >= 0)
				return true;
		return false;
	case VALUE_VECTOR:
	case VALUE_MAP:
		for (size_t i = 0; i < value->count; i++)
			if (has_lone_surrogate(value->items[i]))
				return true;
		return false;
	default:
		return false;
	}
}

/* ---- what is passed on --------------------------------------------------------- */

static void
check_text(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		check((unsigned char)text[i] >= 0x20 || text[i] == '\t');
}

/* A message that was taken is taken again, and is the same. */
static void
check_again(struct parsed_envelope *parsed)
{
	struct parsed_envelope again = {0};
	struct buffer line = {0};

	buffer_append_string(&line, "{\"src\":\"a\",\"dest\":\"b\",\"body\":");
	buffer_append(&line, parsed->body, parsed->length);
	buffer_append_char(&line, '}');
	check(envelope_parse(&again, line.bytes, line.length) == NULL);
	check(again.length == parsed->length && memcmp(again.body, parsed->body, again.length) == 0);
	check(again.clean.length == 0);
	envelope_free(&again);
	buffer_free(&line);
}

static void
check_content(struct arena *arena, struct parsed_envelope *parsed, const struct value *message)
{
	const struct value *src = value_get(message, "src"), *dest = value_get(message, "dest"), *body, *expected;
	const char *cursor = parsed->body, *error;

	body = json_read(arena, &cursor, parsed->body + parsed->length, &error);
	check(body != NULL && body->type == VALUE_MAP && cursor == parsed->body + parsed->length);
	if (has_lone_surrogate(message))
		return;
	if (memchr(src->text, '\0', src->length) == NULL)
		check(value_is_string(src, buffer_string(&parsed->src)));
	if (memchr(dest->text, '\0', dest->length) == NULL)
		check(value_is_string(dest, buffer_string(&parsed->dest)));
	expected = value_get(message, "body");
	check(is_as_good_as_none(expected) ? body->count == 0 : value_equal(body, expected));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct parsed_envelope parsed = {0};
	struct arena arena = {0};
	const char *line = (const char *)data, *cursor = line, *error = NULL, *why;
	const struct value *message = json_read(&arena, &cursor, line + size, &error);
	bool is_line = memchr(line, '\r', size) == NULL && memchr(line, '\n', size) == NULL;

	why = envelope_parse(&parsed, line, size);
	if (why == NULL) {
		check_text(parsed.body, parsed.length);
		check_again(&parsed);
	}
	/* Of a leading zero's place among the digits they think differently. */
	if (is_line && (error == NULL || strcmp(error, "number too long") != 0)) {
		check((why == NULL) == is_message(message));
		if (why == NULL)
			check_content(&arena, &parsed, message);
	}
	envelope_free(&parsed);
	arena_free(&arena);
	return 0;
}
