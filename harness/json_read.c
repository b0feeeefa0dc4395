/* JSON as Jackson reads it, with its limits (StreamReadConstraints), and as Cheshire makes it into Clojure's data. */
#include <stdlib.h>
#include <string.h>

#include "text_read.h"
#include "value.h"
#include "value_table.h"

struct reader {
	struct arena *arena;
	const char *cursor, *end;
	const char *error;
	int depth;
};

static const struct value *read_value(struct reader *);

static const struct value *
fail(struct reader *reader, const char *error)
{
	reader->error = error;
	return NULL;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void
skip_space(struct reader *reader)
{
	while (reader->cursor < reader->end && is_space(*reader->cursor))
		reader->cursor++;
}

/* The next character behind white space, not taken; NUL at the end. */
static char
peek(struct reader *reader)
{
	skip_space(reader);
	return reader->cursor < reader->end ? *reader->cursor : '\0';
}

/* ---- numbers, words, strings -------------------------------------------------- */

static size_t
skip_digits(struct reader *reader)
{
	const char *start = reader->cursor;

	while (reader->cursor < reader->end && *reader->cursor >= '0' && *reader->cursor <= '9')
		reader->cursor++;
	return (size_t)(reader->cursor - start);
}

static bool
skip_if(struct reader *reader, const char *any_of)
{
	if (reader->cursor == reader->end || *reader->cursor == '\0' || strchr(any_of, *reader->cursor) == NULL)
		return false;
	reader->cursor++;
	return true;
}

static const struct value *
real(struct reader *reader, const char *start)
{
	char text[JSON_NUMBER_MAX + 8]; /* two signs, point, e */
	size_t length = (size_t)(reader->cursor - start);

	memcpy(text, start, length);
	text[length] = '\0';
	return value_real(reader->arena, strtod(text, NULL));
}

static const struct value *
read_number(struct reader *reader)
{
	const char *start = reader->cursor, *digits_start;
	bool is_real = false;
	size_t digits, more;

	skip_if(reader, "-");
	digits_start = reader->cursor;
	digits = skip_digits(reader);
	if (digits == 0)
		return fail(reader, "invalid number");
	if (digits > 1 && *digits_start == '0')
		return fail(reader, "number with a leading zero");
	if (skip_if(reader, ".")) {
		is_real = true;
		digits += more = skip_digits(reader);
		if (more == 0)
			return fail(reader, "no digit behind the point");
	}
	if (skip_if(reader, "eE")) {
		is_real = true;
		skip_if(reader, "+-");
		digits += more = skip_digits(reader);
		if (more == 0)
			return fail(reader, "no digit in the exponent");
	}
	if (digits > JSON_NUMBER_MAX)
		return fail(reader, "number too long");
	if (is_real)
		return real(reader, start);
	return value_integer_text(reader->arena, start, (size_t)(reader->cursor - start));
}

static bool
continues_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
	       (unsigned char)c >= 0x80;
}

static const struct value *
read_word(struct reader *reader, const char *word, const struct value *value)
{
	size_t length = strlen(word), left = (size_t)(reader->end - reader->cursor);

	if (left < length || memcmp(reader->cursor, word, length) != 0 ||
	    (left > length && continues_word(reader->cursor[length])))
		return fail(reader, "unknown word");
	reader->cursor += length;
	return value;
}

#define STRING_RULES(name, max, text)                   \
	static const struct string_rules name = {       \
	    .escapes = "\"\"\\\\//b\bf\fn\nr\rt\t",     \
	    .limit = max,                               \
	    .too_long = text,                           \
	    .bad_escape = "invalid escape in a string", \
	}
STRING_RULES(string_rules, JSON_STRING_MAX, "string too long");
STRING_RULES(name_rules, JSON_NAME_MAX, "key too long");

/* ---- arrays, objects ------------------------------------------------------------ */

static const struct value *
read_array(struct reader *reader)
{
	struct value *array = value_collection(reader->arena, VALUE_VECTOR);
	const struct value *item;

	reader->cursor++;
	if (peek(reader) != ']') {
		do {
			if ((item = read_value(reader)) == NULL)
				return NULL;
			value_push(reader->arena, array, item);
			skip_space(reader);
		} while (skip_if(reader, ","));
	}
	return skip_if(reader, "]") ? array : fail(reader, "expected a comma or ]");
}

static bool
read_pair(struct reader *reader, struct value *object)
{
	const struct value *key, *value;

	if (peek(reader) != '"') {
		fail(reader, "expected a key");
		return false;
	}
	key = string_read(reader->arena, &name_rules, &reader->cursor, reader->end, &reader->error);
	if (key == NULL)
		return false;
	skip_space(reader);
	if (!skip_if(reader, ":")) {
		fail(reader, "expected a colon");
		return false;
	}
	if ((value = read_value(reader)) == NULL)
		return false;
	value_put(reader->arena, object, key, value);
	return true;
}

static const struct value *
read_object(struct reader *reader)
{
	struct value *object = value_collection(reader->arena, VALUE_MAP);

	reader->cursor++;
	if (peek(reader) != '}') {
		do {
			if (!read_pair(reader, object))
				return NULL;
			skip_space(reader);
		} while (skip_if(reader, ","));
	}
	if (!skip_if(reader, "}"))
		return fail(reader, "expected a comma or }");
	value_dedupe(object);
	return object;
}

static const struct value *
read_nested(struct reader *reader, const struct value *(*read)(struct reader *))
{
	const struct value *value;

	if (reader->depth == JSON_DEPTH_MAX)
		return fail(reader, "nested too deeply");
	reader->depth++;
	value = read(reader);
	reader->depth--;
	return value;
}

static const struct value *
read_value(struct reader *reader)
{
	char c = peek(reader);

	switch (c) {
	case '{':
		return read_nested(reader, read_object);
	case '[':
		return read_nested(reader, read_array);
	case '"':
		return string_read(reader->arena, &string_rules, &reader->cursor, reader->end, &reader->error);
	case 't':
		return read_word(reader, "true", &value_true);
	case 'f':
		return read_word(reader, "false", &value_false);
	case 'n':
		return read_word(reader, "null", &value_nil);
	default:
		break;
	}
	if (c == '-' || (c >= '0' && c <= '9'))
		return read_number(reader);
	return fail(reader, reader->cursor == reader->end ? "unexpected end" : "unexpected character");
}

const struct value *
json_read(struct arena *arena, const char **cursor, const char *end, const char **error)
{
	struct reader reader = {.arena = arena, .cursor = *cursor, .end = end};
	const struct value *value = read_value(&reader);

	*cursor = reader.cursor;
	*error = reader.error;
	return value;
}
