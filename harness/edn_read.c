/* EDN (github.com/edn-format/edn) as clojure.edn reads it. Nothing here trusts its input. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "edn_number.h"
#include "text_read.h"
#include "utf8.h"
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
	if (reader->error == NULL)
		reader->error = error;
	return NULL;
}

/* ---- between values -------------------------------------------------------- */

static bool
is_space(char c)
{
	return c == ' ' || c == ',' || (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= 0x1f);
}

/* What ends a symbol or a keyword. */
static bool
is_delimiter(char c)
{
	return is_space(c) || (c != '\0' && strchr("\";^()[]{}\\", c) != NULL);
}

static void
skip_comment(struct reader *reader)
{
	while (reader->cursor < reader->end && *reader->cursor != '\n' && *reader->cursor != '\r')
		reader->cursor++;
}

/* A value that must be there. */
static const struct value *
read_required(struct reader *reader)
{
	const struct value *value = read_value(reader);

	return value != NULL ? value : fail(reader, "unexpected end");
}

/* Moves to the next value: over white space, comments and #_ with what it discards. False on a fault. */
static bool
skip_blank(struct reader *reader)
{
	while (reader->cursor < reader->end) {
		if (is_space(*reader->cursor)) {
			reader->cursor++;
		} else if (*reader->cursor == ';') {
			skip_comment(reader);
		} else if (reader->end - reader->cursor >= 2 && memcmp(reader->cursor, "#_", 2) == 0) {
			reader->cursor += 2;
			if (read_required(reader) == NULL)
				return false;
		} else {
			break;
		}
	}
	return true;
}

/* ---- numbers, symbols, keywords, strings, characters ------------------------ */

/* The end of a token whose first character is taken whatever it is. */
static const char *
token_end(const struct reader *reader)
{
	const char *p = reader->cursor;

	utf8_next(&p, reader->end);
	while (p < reader->end && !is_delimiter(*p))
		p++;
	return p;
}

static bool
is_token(const char *token, size_t length, const char *word)
{
	return length == strlen(word) && memcmp(token, word, length) == 0;
}

static const struct value *
read_token(struct reader *reader)
{
	const char *token = reader->cursor, *end = token_end(reader);
	size_t length = (size_t)(end - token);

	if (memchr(token, '@', length) != NULL || memchr(token, '`', length) != NULL ||
	    memchr(token, '~', length) != NULL)
		return fail(reader, "invalid character in a symbol");
	if (token[0] == ':' && (length == 1 || token[1] == ':'))
		return fail(reader, "invalid keyword");
	reader->cursor = end;
	if (is_token(token, length, "nil"))
		return &value_nil;
	if (is_token(token, length, "true"))
		return &value_true;
	if (is_token(token, length, "false"))
		return &value_false;
	if (token[0] == ':')
		return text_value(reader->arena, VALUE_KEYWORD, token + 1, length - 1);
	return text_value(reader->arena, VALUE_SYMBOL, token, length);
}

static const struct value *
read_string(struct reader *reader)
{
	static const struct string_rules rules = {
	    .escapes = "t\tr\rn\n\\\\\"\"b\bf\f",
	    .octal = true,
	    .bad_escape = "invalid escape in a string",
	};

	return string_read(reader->arena, &rules, &reader->cursor, reader->end, &reader->error);
}

static const struct value *
read_number(struct reader *reader)
{
	const char *end = reader->cursor;
	const struct value *value;

	while (end < reader->end && !is_delimiter(*end) && *end != '#')
		end++;
	value = edn_number(reader->arena, reader->cursor, (size_t)(end - reader->cursor), &reader->error);
	if (value != NULL)
		reader->cursor = end;
	return value;
}

static int32_t
named_character(const char *name, size_t length)
{
	static const struct {
		const char *name;
		int32_t character;
	} names[] = {
	    {"newline", '\n'},
	    {"space", ' '},
	    {"tab", '\t'},
	    {"backspace", '\b'},
	    {"formfeed", '\f'},
	    {"return", '\r'},
	};
	int32_t c = 0;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is_token(name, length, names[i].name))
			return names[i].character;
	if (length == 5 && name[0] == 'u') {
		c = hex4(name + 1, name + length);
		return is_surrogate(c) ? -1 : c;
	}
	if (length < 2 || length > 4 || name[0] != 'o')
		return -1;
	for (i = 1; i < length; i++) {
		if (name[i] < '0' || name[i] > '7')
			return -1;
		c = c * 8 + (name[i] - '0');
	}
	return c <= 0377 ? c : -1;
}

static const struct value *
read_character(struct reader *reader)
{
	const char *token = ++reader->cursor, *end, *rest;
	int32_t c;

	if (token == reader->end)
		return fail(reader, "unexpected end");
	end = token_end(reader);
	rest = token;
	c = utf8_next(&rest, end);
	if (rest != end)
		c = named_character(token, (size_t)(end - token));
	if (c < 0)
		return fail(reader, "invalid character");
	reader->cursor = end;
	return value_char(reader->arena, c);
}

/* ---- collections ------------------------------------------------------------- */

/* Up to the closing bracket; the opening one is at the cursor. */
static struct value *
read_collection(struct reader *reader, enum value_type type, char close)
{
	struct value *collection = value_collection(reader->arena, type);
	const struct value *item;

	reader->cursor++;
	for (;;) {
		if (!skip_blank(reader))
			return NULL;
		if (reader->cursor < reader->end && *reader->cursor == close)
			break;
		if ((item = read_required(reader)) == NULL)
			return NULL;
		value_push(reader->arena, collection, item);
	}
	if (type == VALUE_MAP && collection->count % 2 != 0) {
		fail(reader, "a map with a key but no value");
		return NULL;
	}
	if ((type == VALUE_MAP || type == VALUE_SET) && value_dedupe(collection)) {
		fail(reader, "duplicate key");
		return NULL;
	}
	reader->cursor++;
	return collection;
}

/* Whether a text is sure to be read as a name again, and not as a number, a keyword or nil. */
static bool
is_plain_name(const char *text, size_t length)
{
	static const char *const words[] = {"nil", "true", "false"};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (is_token(text, length, words[i]))
			return false;
	return length > 0 && (isalpha((unsigned char)text[0]) || text[0] == '_' || (unsigned char)text[0] >= 0x80);
}

/* A key of #:space{...}: keywords and symbols without a namespace get it, _ stands for none. */
static const struct value *
qualify(struct reader *reader, const struct value *key, const struct value *space)
{
	struct buffer text = {0};
	struct value *qualified;

	if (key->type != VALUE_KEYWORD && key->type != VALUE_SYMBOL)
		return key;
	if (key->length > 2 && memcmp(key->text, "_/", 2) == 0) {
		if (!is_plain_name(key->text + 2, key->length - 2))
			return fail(reader, "invalid key in a map with a namespace");
		return text_value(reader->arena, key->type, key->text + 2, key->length - 2);
	}
	if (memchr(key->text, '/', key->length) != NULL)
		return key;
	buffer_append(&text, space->text, space->length);
	buffer_append_char(&text, '/');
	buffer_append(&text, key->text, key->length);
	qualified = text_value(reader->arena, key->type, text.bytes, text.length);
	buffer_free(&text);
	return qualified;
}

/* #:space{...}, from the colon on. */
static const struct value *
read_namespaced(struct reader *reader)
{
	const struct value *space = read_token(reader);
	struct value *map;
	size_t i;

	if (space == NULL || !skip_blank(reader))
		return NULL;
	if (reader->cursor == reader->end || *reader->cursor != '{')
		return fail(reader, "a namespace without its map");
	if (!is_plain_name(space->text, space->length) || memchr(space->text, '/', space->length) != NULL)
		return fail(reader, "invalid namespace");
	if ((map = read_collection(reader, VALUE_MAP, '}')) == NULL)
		return NULL;
	for (i = 0; i < map->count; i += 2)
		if ((map->items[i] = qualify(reader, map->items[i], space)) == NULL)
			return NULL;
	return value_dedupe(map) ? fail(reader, "duplicate key") : map;
}

/* ##Inf, ##-Inf, ##NaN: the cursor is behind the second #. */
static const struct value *
read_symbolic(struct reader *reader)
{
	static const struct {
		const char *name, *number;
	} names[] = {{"Inf", "inf"}, {"-Inf", "-inf"}, {"NaN", "nan"}};
	const struct value *name = read_required(reader);
	size_t i;

	for (i = 0; name != NULL && i < sizeof(names) / sizeof(names[0]); i++)
		if (name->type == VALUE_SYMBOL && is_token(name->text, name->length, names[i].name))
			return value_real(reader->arena, strtod(names[i].number, NULL));
	return fail(reader, "unknown symbolic value");
}

static const struct value *
read_tagged(struct reader *reader)
{
	const struct value *tag = read_token(reader), *item;

	if (tag == NULL)
		return NULL;
	if (tag->type != VALUE_SYMBOL || memchr(tag->text, '\0', tag->length) != NULL)
		return fail(reader, "invalid tag");
	if ((item = read_required(reader)) == NULL)
		return NULL;
	return value_tagged(reader->arena, tag->text, item);
}

static const struct value *
read_dispatch(struct reader *reader)
{
	char c = reader->end - reader->cursor > 1 ? reader->cursor[1] : '\0';

	if (c == '^') {
		reader->cursor++;
		return read_value(reader);
	}
	if (c == '{') {
		reader->cursor++;
		return read_collection(reader, VALUE_SET, '}');
	}
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80) {
		reader->cursor++;
		return read_tagged(reader);
	}
	if (c == ':') {
		reader->cursor++;
		return read_namespaced(reader);
	}
	if (c == '#') {
		reader->cursor += 2;
		return read_symbolic(reader);
	}
	return fail(reader, c == '<' ? "unreadable form" : "invalid dispatch after #");
}

static const struct value *
read_form(struct reader *reader)
{
	const char *p = reader->cursor;

	switch (*p) {
	case '(':
		return read_collection(reader, VALUE_LIST, ')');
	case '[':
		return read_collection(reader, VALUE_VECTOR, ']');
	case '{':
		return read_collection(reader, VALUE_MAP, '}');
	case ')':
	case ']':
	case '}':
		return fail(reader, "unmatched closing bracket");
	case '"':
		return read_string(reader);
	case '\\':
		return read_character(reader);
	case '#':
		return read_dispatch(reader);
	case '^': /* metadata, and what it is about */
		reader->cursor++;
		return read_required(reader) != NULL ? read_required(reader) : NULL;
	default:
		break;
	}
	if (reader->end - p > 1 && (*p == '+' || *p == '-'))
		p++;
	if (*p >= '0' && *p <= '9')
		return read_number(reader);
	return read_token(reader);
}

/* NULL without an error: there is none. */
static const struct value *
read_value(struct reader *reader)
{
	const struct value *value = NULL;

	if (reader->depth == EDN_DEPTH_MAX)
		return fail(reader, "nested too deeply");
	reader->depth++;
	if (skip_blank(reader) && reader->cursor < reader->end)
		value = read_form(reader);
	reader->depth--;
	return value;
}

const struct value *
edn_read(struct arena *arena, const char **cursor, const char *end, const char **error)
{
	struct reader reader = {.arena = arena, .cursor = *cursor, .end = end};
	const struct value *value = read_value(&reader);

	*cursor = reader.cursor;
	*error = reader.error;
	return value;
}

bool
edn_skip(struct arena *arena, const char **cursor, const char *end, const char **error)
{
	struct reader reader = {.arena = arena, .cursor = *cursor, .end = end};
	bool good = skip_blank(&reader);

	*cursor = reader.cursor;
	*error = reader.error;
	return good;
}
