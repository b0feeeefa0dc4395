/* What the EDN and the JSON reader share: strings with escapes. */
#include "text_read.h"

#include <string.h>

#include "utf8.h"

/* Text under way. Surrogates written as two escapes in a row become one character. */
struct text {
	struct buffer bytes;
	size_t units;    /* in UTF-16 */
	int32_t pending; /* a high surrogate whose other half may follow; 0: none */
};

static void
append_raw(struct text *text, int32_t c)
{
	text->bytes.length += utf8_put(buffer_reserve(&text->bytes, 4), c);
}

static void
append(struct text *text, int32_t c)
{
	text->units += c > 0xffff ? 2 : 1;
	if (text->pending != 0 && is_low_surrogate(c)) {
		append_raw(text, surrogate_pair(text->pending, c));
		text->pending = 0;
		return;
	}
	if (text->pending != 0)
		append_raw(text, text->pending);
	text->pending = is_high_surrogate(c) ? c : 0;
	if (text->pending == 0)
		append_raw(text, c);
}

static struct value *
finish(struct arena *arena, enum value_type type, struct text *text)
{
	struct value *value = arena_zero(arena, sizeof(*value));

	if (text->pending != 0)
		append_raw(text, text->pending);
	value->type = type;
	value->length = text->bytes.length;
	value->text = arena_copy(arena, text->bytes.bytes, text->bytes.length);
	buffer_free(&text->bytes);
	return value;
}

static size_t
ascii_length(const char *bytes, size_t length)
{
	size_t i;

	for (i = 0; i < length && (unsigned char)bytes[i] < 0x80;)
		i++;
	return i;
}

struct value *
text_value(struct arena *arena, enum value_type type, const char *bytes, size_t length)
{
	const char *cursor = bytes, *end = bytes + length;
	struct text text = {0};
	struct value *value;

	if (ascii_length(bytes, length) == length) {
		value = arena_zero(arena, sizeof(*value));
		value->type = type;
		value->text = arena_copy(arena, bytes, length);
		value->length = length;
		return value;
	}
	while (cursor < end)
		append(&text, utf8_next(&cursor, end));
	return finish(arena, type, &text);
}

/* ---- escapes -------------------------------------------------------------- */

static int32_t
octal(const char **cursor, const char *end)
{
	int32_t c = 0;
	int i;

	for (i = 0; i < 3 && *cursor < end && **cursor >= '0' && **cursor <= '7'; i++)
		c = c * 8 + (*(*cursor)++ - '0');
	return i > 0 && c <= 0377 ? c : -1;
}

/* The character of the escape whose backslash was at cursor[-1], or -1. */
static int32_t
escape(const struct string_rules *rules, const char **cursor, const char *end)
{
	const char *pair;
	int32_t c;

	if (*cursor == end)
		return -1;
	for (pair = rules->escapes; *pair != '\0'; pair += 2)
		if (**cursor == pair[0]) {
			++*cursor;
			return pair[1];
		}
	if (**cursor == 'u') {
		if ((c = hex4(*cursor + 1, end)) >= 0)
			*cursor += 5;
		return c;
	}
	return rules->octal ? octal(cursor, end) : -1;
}

/* ---- strings -------------------------------------------------------------- */

/* Where a run of bytes that stand for themselves ends. */
static const char *
plain_end(const char *p, const char *end)
{
	while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p < 0x80)
		p++;
	return p;
}

static bool
read_piece(
    const struct string_rules *rules, struct text *text, const char **cursor, const char *end, const char **error)
{
	int32_t c;

	if ((unsigned char)**cursor >= 0x80) {
		append(text, utf8_next(cursor, end));
		return true;
	}
	++*cursor;
	if ((c = escape(rules, cursor, end)) < 0) {
		*error = rules->bad_escape;
		return false;
	}
	append(text, c);
	return true;
}

static bool
read_rest(const struct string_rules *rules, struct text *text, const char **cursor, const char *end, const char **error)
{
	const char *plain;

	for (;;) {
		plain = plain_end(*cursor, end);
		if (plain > *cursor && text->pending != 0)
			append(text, *(*cursor)++);
		buffer_append(&text->bytes, *cursor, (size_t)(plain - *cursor));
		text->units += (size_t)(plain - *cursor);
		*cursor = plain;
		if (rules->limit > 0 && text->units > rules->limit) {
			*error = rules->too_long;
			return false;
		}
		if (plain == end) {
			*error = "unfinished string";
			return false;
		}
		if (*plain == '"')
			return true;
		if (!read_piece(rules, text, cursor, end, error))
			return false;
	}
}

struct value *
string_read(
    struct arena *arena, const struct string_rules *rules, const char **cursor, const char *end, const char **error)
{
	const char *start = *cursor + 1, *plain = plain_end(start, end);
	struct text text = {0};
	struct value *value;

	if (plain < end && *plain == '"' && (rules->limit == 0 || (size_t)(plain - start) <= rules->limit)) {
		*cursor = plain + 1;
		return text_value(arena, VALUE_STRING, start, (size_t)(plain - start));
	}
	*cursor = start;
	if (!read_rest(rules, &text, cursor, end, error)) {
		buffer_free(&text.bytes);
		return NULL;
	}
	++*cursor;
	value = finish(arena, VALUE_STRING, &text);
	return value;
}
