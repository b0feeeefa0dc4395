/*
 * A recursive descent over the text, in place: a string is copied once, into
 * jansson's value, and an envelope not at all. Reals go through jansson, so
 * that they come out as the same double in every locale.
 */
#include "decode.h"

#include <string.h>

#include "memory.h"
#include "unicode.h"

struct decode {
	const char *at, *end;
	int depth;          /* of the value that is read */
	struct buffer text; /* of a key or string with escapes */
};

/* A string between its quotes, as written. */
struct quoted {
	const char *start;
	size_t length;
	bool escaped;
};

/* ---- bytes ------------------------------------------------------------------ */

/* The next byte that is not white space, or 0 at the end: a NUL is no part of JSON either. */
static char
next(struct decode *d)
{
	for (; d->at < d->end; d->at++)
		if (*d->at != ' ' && *d->at != '\t' && *d->at != '\n' && *d->at != '\r')
			return *d->at;
	return '\0';
}

static bool
is_digit(const struct decode *d)
{
	return d->at < d->end && *d->at >= '0' && *d->at <= '9';
}

/* ---- UTF-8 ------------------------------------------------------------------ */

/* How many bytes the sequence has, or 0 if it is malformed: overlong, a surrogate, or beyond U+10FFFF (RFC 3629). */
static size_t
sequence(const char *from, const char *end)
{
	const unsigned char *at = (const unsigned char *)from;
	unsigned char low = 0x80, high = 0xbf;
	size_t length = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;

	if (at[0] < 0xc2 || at[0] > 0xf4 || (size_t)(end - from) < length)
		return 0;
	if (at[0] == 0xe0)
		low = 0xa0;
	else if (at[0] == 0xed)
		high = 0x9f;
	else if (at[0] == 0xf0)
		low = 0x90;
	else if (at[0] == 0xf4)
		high = 0x8f;
	if (at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

/* ---- strings ---------------------------------------------------------------- */

/* At the digits of a \u. -1: malformed, as a surrogate without its other half is here. */
static int32_t
unicode(const char **at, const char *end)
{
	int32_t c = unicode_escape(at, end);

	return is_surrogate(c) ? -1 : c;
}

/* What stands behind a backslash for a letter, or 0 if nothing. */
static char
meaning(char letter)
{
	switch (letter) {
	case '"':
	case '\\':
	case '/':
		return letter;
	case 'b':
		return '\b';
	case 'f':
		return '\f';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	default:
		return '\0';
	}
}

/* At a backslash; moves behind the escape. */
static bool
skip_escape(struct decode *d)
{
	if (d->end - d->at < 2)
		return false;
	d->at += 2;
	return d->at[-1] == 'u' ? unicode(&d->at, d->end) >= 0 : meaning(d->at[-1]) != '\0';
}

/* At the opening quote; moves behind the closing one. */
static bool
read_quoted(struct decode *d, struct quoted *quoted)
{
	const char *start = ++d->at;
	size_t length;

	quoted->escaped = false;
	while (d->at < d->end) {
		unsigned char c = (unsigned char)*d->at;

		if (c == '"') {
			quoted->start = start;
			quoted->length = (size_t)(d->at++ - start);
			return true;
		}
		if (c < 0x20)
			return false;
		if (c == '\\') {
			quoted->escaped = true;
			if (!skip_escape(d))
				return false;
		} else if (c < 0x80) {
			d->at++;
		} else if ((length = sequence(d->at, d->end)) > 0) {
			d->at += length;
		} else {
			return false;
		}
	}
	return false;
}

/* What a string means, never longer than what is written, with a NUL behind it that is not counted. */
static void
unquote(struct buffer *text, const struct quoted *quoted)
{
	const char *at = quoted->start, *end = at + quoted->length;
	char *to;

	text->length = 0;
	to = buffer_reserve(text, quoted->length + 1);
	if (!quoted->escaped) {
		memcpy(to, at, quoted->length);
		to += quoted->length;
		at = end;
	}
	while (at < end) {
		if (*at != '\\') {
			*to++ = *at++;
			continue;
		}
		at += 2;
		if (at[-1] == 'u')
			to += utf8_put(to, unicode(&at, end));
		else
			*to++ = meaning(at[-1]);
	}
	*to = '\0';
	text->length = (size_t)(to - text->bytes);
}

static json_t *
string(struct decode *d)
{
	struct quoted quoted;

	if (!read_quoted(d, &quoted))
		return NULL;
	if (!quoted.escaped)
		return memory_made(json_stringn_nocheck(quoted.start, quoted.length));
	unquote(&d->text, &quoted);
	return memory_made(json_stringn_nocheck(d->text.bytes, d->text.length));
}

/* jansson reads one byte beyond a number or word, puts it back, and loses it if it is a NUL. So do we. */
static void
skip_nul(struct decode *d)
{
	if (d->at < d->end && *d->at == '\0')
		d->at++;
}

/* ---- numbers ---------------------------------------------------------------- */

/* Moves behind digits, of which there must be one at least. */
static bool
digits(struct decode *d)
{
	const char *start = d->at;

	while (is_digit(d))
		d->at++;
	return d->at > start;
}

/* Behind the digits in front: a fraction and an exponent, one or both. */
static json_t *
real(struct decode *d, const char *start)
{
	const char *end;

	if (*d->at == '.') {
		d->at++;
		if (!digits(d))
			return NULL;
	}
	if (d->at < d->end && (*d->at == 'e' || *d->at == 'E')) {
		d->at++;
		if (d->at < d->end && (*d->at == '+' || *d->at == '-'))
			d->at++;
		if (!digits(d))
			return NULL;
	}
	end = d->at;
	skip_nul(d);
	return json_loadb(start, (size_t)(end - start), JSON_DECODE_ANY, NULL);
}

/* False if it does not fit. Counts downwards, where there is room for one more. */
static bool
value_of_digits(const char *at, const char *end, bool negative, json_int_t *value)
{
	for (*value = 0; at < end; at++)
		if (__builtin_mul_overflow(*value, 10, value) || __builtin_sub_overflow(*value, *at - '0', value))
			return false;
	return negative || !__builtin_sub_overflow(0, *value, value);
}

/* At '-' or a digit. */
static json_t *
number(struct decode *d)
{
	const char *start = d->at, *first, *end;
	json_int_t value;

	if (*d->at == '-')
		d->at++;
	first = d->at;
	if (!digits(d) || (*first == '0' && d->at > first + 1))
		return NULL;
	if (d->at < d->end && (*d->at == '.' || *d->at == 'e' || *d->at == 'E'))
		return real(d, start);
	end = d->at;
	skip_nul(d);
	return value_of_digits(first, end, first > start, &value) ? memory_made(json_integer(value)) : NULL;
}

/* ---- values ----------------------------------------------------------------- */

static json_t *value(struct decode *);

static json_t *
word(struct decode *d, const char *word, size_t length, json_t *meant)
{
	if ((size_t)(d->end - d->at) < length || memcmp(d->at, word, length) != 0)
		return NULL;
	d->at += length;
	skip_nul(d);
	return meant;
}

/* Behind an element or member: moves to the next one. False behind the last, or at a fault. */
static bool
separator(struct decode *d, char close, bool *fault)
{
	char c = next(d);

	*fault = c != ',' && c != close;
	if (*fault)
		return false;
	d->at++;
	return c == ',';
}

/* Takes the elements over, or NULL. */
static json_t *
array(struct decode *d)
{
	json_t *array = memory_made(json_array()), *element;
	bool fault = false;

	d->at++;
	if (next(d) == ']') {
		d->at++;
		return array;
	}
	do {
		if ((element = value(d)) == NULL) {
			fault = true;
			break;
		}
		if (json_array_append_new(array, element) == -1)
			memory_exhausted();
	} while (separator(d, ']', &fault));
	if (!fault)
		return array;
	json_decref(array);
	return NULL;
}

/* Gets each member of an object, `d` before its value, which it must read. */
typedef bool member_fn(struct decode *d, const struct quoted *key, void *arg);

/* A key and its colon. */
static bool
read_key(struct decode *d, struct quoted *key)
{
	if (next(d) != '"' || !read_quoted(d, key) || next(d) != ':')
		return false;
	d->at++;
	return true;
}

/* At '{'; moves behind '}'. */
static bool
each_member(struct decode *d, member_fn *member, void *arg)
{
	struct quoted key;
	bool fault = false;

	d->at++;
	if (next(d) == '}') {
		d->at++;
		return true;
	}
	do
		if (!read_key(d, &key) || !member(d, &key, arg))
			return false;
	while (separator(d, '}', &fault));
	return !fault;
}

/* Unquotes a key. False if there is a NUL in it: jansson has no such keys. */
static bool
unquote_key(struct decode *d, const struct quoted *key)
{
	unquote(&d->text, key);
	return !key->escaped || strlen(d->text.bytes) == d->text.length;
}

/* Reads a member's value into an object, and lends it; the key is left in `text`. NULL: a fault, a NUL in the key among
 * them. */
static json_t *
put_member(struct decode *d, const struct quoted *key, json_t *object)
{
	json_t *put = value(d);

	if (put == NULL)
		return NULL;
	if (!unquote_key(d, key)) {
		json_decref(put);
		return NULL;
	}
	if (json_object_set_new_nocheck(object, d->text.bytes, put) == -1)
		memory_exhausted();
	return put;
}

static bool
member_of_object(struct decode *d, const struct quoted *key, void *object)
{
	return put_member(d, key, object) != NULL;
}

static json_t *
object(struct decode *d, member_fn *member, void *arg, json_t *object)
{
	if (each_member(d, member, arg))
		return object;
	json_decref(object);
	return NULL;
}

static json_t *
value_at_depth(struct decode *d)
{
	json_t *members;

	switch (next(d)) {
	case '"':
		return string(d);
	case '{':
		members = memory_made(json_object());
		return object(d, member_of_object, members, members);
	case '[':
		return array(d);
	case 't':
		return word(d, "true", 4, json_true());
	case 'f':
		return word(d, "false", 5, json_false());
	case 'n':
		return word(d, "null", 4, json_null());
	default:
		return is_digit(d) || (d->at < d->end && *d->at == '-') ? number(d) : NULL;
	}
}

/* The next value, or NULL. */
static json_t *
value(struct decode *d)
{
	json_t *json;

	if (d->depth == JSON_PARSER_MAX_DEPTH)
		return NULL;
	d->depth++;
	json = value_at_depth(d);
	d->depth--;
	return json;
}

/* Whether nothing but white space is left. */
static bool
is_done(struct decode *d)
{
	return next(d) == '\0' && d->at == d->end;
}

json_t *
decode_json(const char *text, size_t length)
{
	struct decode d = {.at = text, .end = text + length};
	char c = next(&d);
	json_t *json = c == '{' || c == '[' ? value(&d) : NULL;

	if (json != NULL && !is_done(&d)) {
		json_decref(json);
		json = NULL;
	}
	buffer_free(&d.text);
	return json;
}

/* ---- messages --------------------------------------------------------------- */

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
	const json_t *put = put_member(d, key, decoded->body);

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
	json_t *skipped = value(d);

	json_decref(skipped);
	return skipped != NULL;
}

/* Leaves NULL if it is no string, or none that C can hold. */
static bool
read_id(struct decode *d, struct buffer *text, const char **id)
{
	struct quoted quoted;

	*id = NULL;
	if (next(d) != '"')
		return skip_value(d);
	if (!read_quoted(d, &quoted))
		return false;
	unquote(text, &quoted);
	if (!quoted.escaped || strlen(text->bytes) == text->length)
		*id = text->bytes;
	return true;
}

static bool
read_body(struct decode *d, struct decoded *decoded)
{
	bool good;

	decoded_clear(decoded);
	if (next(d) != '{')
		return skip_value(d);
	decoded->body = memory_made(json_object());
	d->depth++;
	good = each_member(d, member_of_body, decoded);
	d->depth--;
	return good;
}

static bool
member_of_line(struct decode *d, const struct quoted *key, void *arg)
{
	struct decoded *decoded = arg;

	if (!unquote_key(d, key))
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
	good = next(&d) == '{' && each_member(&d, member_of_line, decoded) && is_done(&d);
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
