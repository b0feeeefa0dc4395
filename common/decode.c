/*
 * A recursive descent over the text, in place: a string is copied once, into
 * jansson's value, and an envelope not at all. Reals go through jansson, so
 * that they come out as the same double in every locale.
 */
#include <string.h>

#include "decode_internal.h"
#include "memory.h"

static bool
is_digit(const struct decode *d)
{
	return d->at < d->end && *d->at >= '0' && *d->at <= '9';
}

static json_t *
string(struct decode *d)
{
	struct quoted quoted;

	if (!decode_quoted(d, &quoted))
		return NULL;
	if (!quoted.escaped)
		return memory_made(json_stringn_nocheck(quoted.start, quoted.length));
	decode_unquote(&d->text, &quoted);
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
	char c = decode_next(d);

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
	if (decode_next(d) == ']') {
		d->at++;
		return array;
	}
	do {
		if ((element = decode_value(d)) == NULL) {
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

/* A key and its colon. */
static bool
read_key(struct decode *d, struct quoted *key)
{
	if (decode_next(d) != '"' || !decode_quoted(d, key) || decode_next(d) != ':')
		return false;
	d->at++;
	return true;
}

bool
decode_members(struct decode *d, member_fn *member, void *arg)
{
	struct quoted key;
	bool fault = false;

	d->at++;
	if (decode_next(d) == '}') {
		d->at++;
		return true;
	}
	do
		if (!read_key(d, &key) || !member(d, &key, arg))
			return false;
	while (separator(d, '}', &fault));
	return !fault;
}

bool
decode_unquote_key(struct decode *d, const struct quoted *key)
{
	decode_unquote(&d->text, key);
	return !key->escaped || strlen(d->text.bytes) == d->text.length;
}

json_t *
decode_put_member(struct decode *d, const struct quoted *key, json_t *object)
{
	json_t *put = decode_value(d);

	if (put == NULL)
		return NULL;
	if (!decode_unquote_key(d, key)) {
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
	return decode_put_member(d, key, object) != NULL;
}

static json_t *
object(struct decode *d, member_fn *member, void *arg, json_t *object)
{
	if (decode_members(d, member, arg))
		return object;
	json_decref(object);
	return NULL;
}

static json_t *
value_at_depth(struct decode *d)
{
	json_t *members;

	switch (decode_next(d)) {
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

json_t *
decode_value(struct decode *d)
{
	json_t *json;

	if (d->depth == JSON_PARSER_MAX_DEPTH)
		return NULL;
	d->depth++;
	json = value_at_depth(d);
	d->depth--;
	return json;
}

bool
decode_is_done(struct decode *d)
{
	return decode_next(d) == '\0' && d->at == d->end;
}

json_t *
decode_json(const char *text, size_t length)
{
	struct decode d = {.at = text, .end = text + length};
	char c = decode_next(&d);
	json_t *json = c == '{' || c == '[' ? decode_value(&d) : NULL;

	if (json != NULL && !decode_is_done(&d)) {
		json_decref(json);
		json = NULL;
	}
	buffer_free(&d.text);
	return json;
}
