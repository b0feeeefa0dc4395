/*
 * json_dump_callback(3) costs a call for every comma; a node writes mostly
 * small bodies, so they are written here by hand. Only reals go through
 * jansson, whose text for them gives back the same double.
 */
#include "encode.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

/* A value nested deeper contains itself: jansson's parser stops at 2048. */
#define DEPTH_MAX 10000

#define INTEGER_MAX 20   /* bytes of -9223372036854775808 */
#define REAL_MAX    64   /* jansson's longest is 25 */
#define ESCAPE_MAX  6    /* bytes of \u001f */
#define PIECE       4096 /* bytes of a string for which the worst case is reserved at once */

/* ---- strings ------------------------------------------------------------- */

static char *
escape(char *to, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";
	static const char letters[] = "btn\0fr"; /* of 8..13 */

	*to++ = '\\';
	if (c == '"' || c == '\\') {
		*to++ = (char)c;
	} else if (c >= 8 && c <= 13 && c != 11) {
		*to++ = letters[c - 8];
	} else {
		memcpy(to, "u00", 3);
		to += 3;
		*to++ = digits[c >> 4];
		*to++ = digits[c & 15];
	}
	return to;
}

static void
piece(struct buffer *buffer, const char *bytes, size_t length)
{
	char *to = buffer_reserve(buffer, length * ESCAPE_MAX);

	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c < 0x20 || c == '"' || c == '\\')
			to = escape(to, c);
		else
			*to++ = (char)c;
	}
	buffer->length = (size_t)(to - buffer->bytes);
}

void
encode_string(struct buffer *buffer, const char *bytes, size_t length)
{
	buffer_append_char(buffer, '"');
	for (; length > PIECE; bytes += PIECE, length -= PIECE)
		piece(buffer, bytes, PIECE);
	piece(buffer, bytes, length);
	buffer_append_char(buffer, '"');
}

/* ---- numbers -------------------------------------------------------------- */

static size_t
count_digits(uint64_t number)
{
	static const uint64_t powers[INTEGER_MAX] = {0, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000,
	    1000000000, 10000000000, 100000000000, 1000000000000, 10000000000000, 100000000000000, 1000000000000000,
	    10000000000000000, 100000000000000000, 1000000000000000000, 10000000000000000000U};
	size_t bits = 64 - (size_t)__builtin_clzll(number | 1);
	size_t guess = bits * 1233 >> 12; /* by log10(2): right, or one too few */

	return guess + (number >= powers[guess]);
}

/* Two digits at a time: dividing is what takes the time. */
void
encode_integer(struct buffer *buffer, int64_t number)
{
	static const char pairs[] = "0001020304050607080910111213141516171819"
				    "2021222324252627282930313233343536373839"
				    "4041424344454647484950515253545556575859"
				    "6061626364656667686970717273747576777879"
				    "8081828384858687888990919293949596979899";
	uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
	size_t count = count_digits(rest);
	char *to = buffer_reserve(buffer, INTEGER_MAX), *from;

	if (number < 0)
		*to++ = '-';
	from = to + count;
	for (; rest >= 10; rest /= 100)
		memcpy(from -= 2, &pairs[rest % 100 * 2], 2);
	if (from > to)
		*to = (char)('0' + rest);
	buffer->length += count + (number < 0);
}

static void
encode_real(struct buffer *buffer, const json_t *real)
{
	size_t length = json_dumpb(real, buffer_reserve(buffer, REAL_MAX), REAL_MAX, JSON_ENCODE_ANY);

	assert(length > 0 && length <= REAL_MAX);
	buffer->length += length;
}

/* ---- values --------------------------------------------------------------- */

static void encode(struct buffer *, const json_t *, int depth);

/* Copying keeps const where jansson's iterators lack it. */
static json_t *
unconst(const json_t *json)
{
	union {
		const json_t *in;
		json_t *out;
	} pun = {.in = json};

	return pun.out;
}

static void
members(struct buffer *buffer, const json_t *object, const char *skip, bool first, int depth)
{
	json_t *walked = unconst(object);
	const char *key;
	json_t *value;

	json_object_foreach (walked, key, value) {
		if (skip != NULL && strcmp(key, skip) == 0)
			continue;
		if (!first)
			buffer_append_char(buffer, ',');
		first = false;
		encode_string(buffer, key, strlen(key));
		buffer_append_char(buffer, ':');
		encode(buffer, value, depth);
	}
}

static void
elements(struct buffer *buffer, const json_t *array, int depth)
{
	size_t count = json_array_size(array);

	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buffer_append_char(buffer, ',');
		encode(buffer, json_array_get(array, i), depth);
	}
}

static void
encode(struct buffer *buffer, const json_t *json, int depth)
{
	assert(depth < DEPTH_MAX);
	switch (json_typeof(json)) {
	case JSON_OBJECT:
		buffer_append_char(buffer, '{');
		members(buffer, json, NULL, true, depth + 1);
		buffer_append_char(buffer, '}');
		break;
	case JSON_ARRAY:
		buffer_append_char(buffer, '[');
		elements(buffer, json, depth + 1);
		buffer_append_char(buffer, ']');
		break;
	case JSON_STRING:
		encode_string(buffer, json_string_value(json), json_string_length(json));
		break;
	case JSON_INTEGER:
		encode_integer(buffer, json_integer_value(json));
		break;
	case JSON_REAL:
		encode_real(buffer, json);
		break;
	case JSON_TRUE:
		buffer_append(buffer, "true", 4);
		break;
	case JSON_FALSE:
		buffer_append(buffer, "false", 5);
		break;
	case JSON_NULL:
		buffer_append(buffer, "null", 4);
		break;
	}
}

void
encode_members(struct buffer *buffer, const json_t *object, const char *skip)
{
	bool first = buffer->length == 0 || buffer->bytes[buffer->length - 1] == '{';

	members(buffer, object, skip, first, 0);
}
