/*
 * A small scanner for lines that are JSON although jansson cannot hold them.
 * It checks the grammar without recursion, and hands the few parts that
 * matter to jansson, each on its own.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct scan {
	const char *at, *end;
	struct buffer nesting; /* of open '{' and '[' */
};

/* ---- tokens ---------------------------------------------------------------- */

/* The next byte, or 0 at the end: a NUL is no part of JSON either. */
static char
peek(const struct scan *scan)
{
	return scan->at < scan->end ? *scan->at : '\0';
}

static bool
take(struct scan *scan, char c)
{
	if (peek(scan) != c || scan->at == scan->end)
		return false;
	scan->at++;
	return true;
}

static void
space(struct scan *scan)
{
	while (peek(scan) != '\0' && strchr(" \t\r\n", *scan->at) != NULL)
		scan->at++;
}

static bool
word(struct scan *scan, const char *word)
{
	size_t length = strlen(word);

	if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, word, length) != 0)
		return false;
	scan->at += length;
	return true;
}

static bool
digits(struct scan *scan)
{
	const char *start = scan->at;

	while (isdigit((unsigned char)peek(scan)))
		scan->at++;
	return scan->at > start;
}

static bool
number(struct scan *scan)
{
	take(scan, '-');
	if (!take(scan, '0') && !digits(scan))
		return false;
	if (take(scan, '.') && !digits(scan))
		return false;
	if (!take(scan, 'e') && !take(scan, 'E'))
		return true;
	if (!take(scan, '+'))
		take(scan, '-');
	return digits(scan);
}

static bool
escaped(struct scan *scan)
{
	if (!take(scan, 'u')) {
		if (peek(scan) == '\0' || strchr("\"\\/bfnrt", *scan->at) == NULL)
			return false;
		scan->at++;
		return true;
	}
	for (int i = 0; i < 4; i++, scan->at++)
		if (!isxdigit((unsigned char)peek(scan)))
			return false;
	return true;
}

static bool
string(struct scan *scan)
{
	if (!take(scan, '"'))
		return false;
	for (;;) {
		if (take(scan, '"'))
			return true;
		if (take(scan, '\\')) {
			if (!escaped(scan))
				return false;
		} else if ((unsigned char)peek(scan) < ' ') {
			return false;
		} else {
			scan->at++;
		}
	}
}

static bool
scalar(struct scan *scan)
{
	switch (peek(scan)) {
	case '"':
		return string(scan);
	case 't':
		return word(scan, "true");
	case 'f':
		return word(scan, "false");
	case 'n':
		return word(scan, "null");
	default:
		return number(scan);
	}
}

/* ---- values ---------------------------------------------------------------- */

static bool
key(struct scan *scan)
{
	space(scan);
	if (!string(scan))
		return false;
	space(scan);
	return take(scan, ':');
}

static char
innermost(const struct scan *scan)
{
	return scan->nesting.length > 0 ? scan->nesting.bytes[scan->nesting.length - 1] : '\0';
}

/* After a value: closes what ends here, and goes on to the next value of what does not. */
static bool
after(struct scan *scan, bool *more)
{
	for (*more = false; innermost(scan) != '\0';) {
		space(scan);
		if (take(scan, innermost(scan) == '{' ? '}' : ']')) {
			scan->nesting.length--;
			continue;
		}
		if (!take(scan, ',') || (innermost(scan) == '{' && !key(scan)))
			return false;
		*more = true;
		return true;
	}
	return true;
}

/* Skips one value, of any depth. */
static bool
value(struct scan *scan)
{
	scan->nesting.length = 0;
	for (bool more = true; more;) {
		char c;

		space(scan);
		c = peek(scan);
		if (c == '{' || c == '[') {
			scan->at++;
			buffer_append_char(&scan->nesting, c);
			space(scan);
			if (peek(scan) != (c == '{' ? '}' : ']')) {
				if (c == '{' && !key(scan))
					return false;
				continue;
			}
		} else if (!scalar(scan)) {
			return false;
		}
		if (!after(scan, &more))
			return false;
	}
	return true;
}

/* ---- members --------------------------------------------------------------- */

typedef void member_fn(struct recovered *, const char *key, const char *from, size_t length);

static json_t *
decode(const char *from, size_t length)
{
	return json_loadb(from, length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

/* Calls fn for every member of an object that is known to be well-formed. */
static void
each_member(const char *from, size_t length, struct recovered *found, member_fn *fn)
{
	struct scan scan = {.at = from, .end = from + length};

	space(&scan);
	if (!take(&scan, '{'))
		return;
	do {
		const char *name, *start;
		json_t *decoded;

		space(&scan);
		name = scan.at;
		if (!string(&scan))
			break;
		decoded = decode(name, (size_t)(scan.at - name));
		space(&scan);
		take(&scan, ':');
		space(&scan);
		start = scan.at;
		value(&scan);
		if (decoded != NULL && strlen(json_string_value(decoded)) == json_string_length(decoded))
			fn(found, json_string_value(decoded), start, (size_t)(scan.at - start));
		json_decref(decoded);
		space(&scan);
	} while (take(&scan, ','));
	buffer_free(&scan.nesting);
}

/* The last of several counts, as in jansson. */
static void
save_string(json_t **saved, const char *from, size_t length)
{
	json_decref(*saved);
	*saved = decode(from, length);
	if (json_is_string(*saved) && strlen(json_string_value(*saved)) == json_string_length(*saved))
		return;
	json_decref(*saved);
	*saved = NULL;
}

static void
body_member(struct recovered *found, const char *name, const char *from, size_t length)
{
	if (strcmp(name, "type") == 0) {
		save_string(&found->type, from, length);
	} else if (strcmp(name, "in_reply_to") == 0) {
		found->is_reply = *from != 'n';
	} else if (strcmp(name, "msg_id") == 0) {
		json_t *integer = decode(from, length);

		found->msg_id = json_is_integer(integer) ? json_integer_value(integer) : -1;
		json_decref(integer);
	}
}

static void
top_member(struct recovered *found, const char *name, const char *from, size_t length)
{
	if (strcmp(name, "src") == 0)
		save_string(&found->src, from, length);
	else if (strcmp(name, "dest") == 0)
		save_string(&found->dest, from, length);
	else if (strcmp(name, "body") == 0)
		each_member(from, length, found, body_member);
}

/* jansson has no test for UTF-8 but this. */
static bool
is_utf8(const char *bytes, size_t length)
{
	json_t *copy = json_stringn(bytes, length);

	json_decref(copy);
	return copy != NULL;
}

bool
line_recover(struct recovered *found, const char *line, size_t length)
{
	struct scan scan = {.at = line, .end = line + length};
	bool good;

	*found = (struct recovered){.msg_id = -1};
	good = value(&scan);
	space(&scan);
	good = good && scan.at == scan.end && is_utf8(line, length);
	buffer_free(&scan.nesting);
	if (good)
		each_member(line, length, found, top_member);
	return good;
}

void
recovered_free(struct recovered *found)
{
	json_decref(found->src);
	json_decref(found->dest);
	json_decref(found->type);
}
