/* The scanner: tables for strings, a stack of bits for nesting, and every fault in words. */
#include "json_scan.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "utf8.h"
#include "value.h"

/* ---- bytes --------------------------------------------------------------- */

/* What a byte means within a string. Everything else is plain. */
enum { STRING_PLAIN, STRING_QUOTE, STRING_ESCAPE, STRING_CONTROL, STRING_HIGH };

#define FOUR(x)    x, x, x, x
#define SIXTEEN(x) FOUR(x), FOUR(x), FOUR(x), FOUR(x)
static const unsigned char in_string[256] = {
    SIXTEEN(STRING_CONTROL), SIXTEEN(STRING_CONTROL),                                       /* 0x00 */
    STRING_PLAIN, STRING_PLAIN, STRING_QUOTE, STRING_PLAIN, FOUR(0), FOUR(0), FOUR(0),      /* 0x20 */
    SIXTEEN(0), SIXTEEN(0),                                                                 /* 0x30 */
    FOUR(0), FOUR(0), FOUR(0), STRING_ESCAPE, STRING_PLAIN, STRING_PLAIN, STRING_PLAIN,     /* 0x50 */
    SIXTEEN(0), SIXTEEN(0),                                                                 /* 0x60 */
    SIXTEEN(STRING_HIGH), SIXTEEN(STRING_HIGH), SIXTEEN(STRING_HIGH), SIXTEEN(STRING_HIGH), /* 0x80 */
    SIXTEEN(STRING_HIGH), SIXTEEN(STRING_HIGH), SIXTEEN(STRING_HIGH), SIXTEEN(STRING_HIGH), /* 0xc0 */
};
#undef SIXTEEN
#undef FOUR

bool
scan_fail(struct scan *scan, const char *why)
{
	scan->error = why;
	return false;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* ---- strings ------------------------------------------------------------- */

/* At a backslash. */
static bool
scan_escape(struct scan *scan)
{
	int32_t c;

	if (scan->end - scan->at < 2)
		return scan_fail(scan, "not JSON: a string does not end");
	scan->at += 2;
	if (scan->at[-1] != 'u')
		return (scan->at[-1] != '\0' && strchr("\"\\/bfnrt", scan->at[-1]) != NULL) ||
		       scan_fail(scan, "not JSON: an unknown escape in a string");
	c = unicode_escape(&scan->at, scan->end);
	if (c < 0)
		return scan_fail(scan, "not JSON: \\u without four hexadecimal digits");
	if (is_surrogate(c))
		scan->dirty = true;
	return true;
}

static void
scan_high(struct scan *scan)
{
	const char *start = scan->at;

	if (utf8_next(&scan->at, scan->end) == UTF8_REPLACEMENT &&
	    (scan->at - start != 3 || memcmp(start, "\xef\xbf\xbd", 3) != 0))
		scan->dirty = true;
}

/* Characters as Jackson counts them, between the quotes of a scanned string: in units of UTF-16. */
static size_t
count_units(const char *at, const char *end)
{
	size_t units = 0;

	for (; at < end; units++) {
		if (*at == '\\')
			at += at[1] == 'u' ? 6 : 2;
		else if (utf8_next(&at, end) >= 0x10000)
			units++;
	}
	return units;
}

#define EACH(byte) (~(uint64_t)0 / 0xff * (byte))

/*
 * The high bit of each of eight bytes that is not plain, the first byte lowest.
 * Behind such a byte plain ones may be marked too: only the first mark counts.
 */
static uint64_t
marks(const char *at)
{
	uint64_t bytes, quotes, escapes;

	memcpy(&bytes, at, sizeof(bytes));
	bytes = le64toh(bytes);
	quotes = bytes ^ EACH('"');
	escapes = bytes ^ EACH('\\');
	return (bytes | ((quotes - EACH(1)) & ~quotes) | ((escapes - EACH(1)) & ~escapes) | (bytes - EACH(0x20))) &
	       EACH(0x80);
}

static const char *
skip_plain(const char *at, const char *end)
{
	for (; end - at >= (ptrdiff_t)sizeof(uint64_t); at += sizeof(uint64_t)) {
		uint64_t found = marks(at);

		if (found != 0)
			return at + __builtin_ctzll(found) / 8;
	}
	while (at < end && in_string[(unsigned char)*at] == STRING_PLAIN)
		at++;
	return at;
}

/* What scan_string() does, from `at` on, where there is more in it than plain bytes, or more of them than may be. */
static __attribute__((noinline)) bool
scan_rest(struct scan *scan, const char *start, const char *at, size_t max)
{
	const char *end = scan->end;

	for (;;) {
		scan->at = at;
		if (at == end)
			return scan_fail(scan, "not JSON: a string does not end");
		switch (in_string[(unsigned char)*at]) {
		case STRING_QUOTE:
			scan->at++;
			return (size_t)(at - start) <= max || count_units(start, at) <= max ||
			       scan_fail(
				   scan, "a key or string over Jackson's limits of 50,000 and 20,000,000 characters");
		case STRING_ESCAPE:
			if (!scan_escape(scan))
				return false;
			break;
		case STRING_CONTROL:
			scan->dirty = true;
			scan->at++;
			break;
		default:
			scan_high(scan);
		}
		at = skip_plain(scan->at, end);
	}
}

/* At the opening quote; moves behind the closing one. `max` units of UTF-16 may be in between. */
static inline bool
scan_string(struct scan *scan, size_t max)
{
	const char *start = scan->at + 1, *at = skip_plain(start, scan->end);

	if (at == scan->end || *at != '"' || (size_t)(at - start) > max)
		return scan_rest(scan, start, at, max);
	scan->at = at + 1;
	return true;
}

/* ---- other scalars ------------------------------------------------------- */

/* Moves behind the digits from `start` on; how many there are. */
static size_t
scan_digits(struct scan *scan, const char *start)
{
	const char *at = start, *end = scan->end;

	while (at < end && is_digit(*at))
		at++;
	scan->at = at;
	return (size_t)(at - start);
}

/* Jackson counts digits, but for a lone zero in front. */
static bool
scan_number(struct scan *scan)
{
	static const char bad[] = "not JSON: a malformed number";
	const char *start = scan->at + (*scan->at == '-');
	size_t count = scan_digits(scan, start), more;

	if (count == 0 || (count > 1 && *start == '0'))
		return scan_fail(scan, bad);
	if (*start == '0')
		count = 0;
	if (scan->at < scan->end && *scan->at == '.') {
		count += more = scan_digits(scan, scan->at + 1);
		if (more == 0)
			return scan_fail(scan, bad);
	}
	if (scan->at < scan->end && (*scan->at | 0x20) == 'e') {
		const char *sign = scan->at + 1;

		count += more = scan_digits(scan, sign + (sign < scan->end && (*sign == '+' || *sign == '-')));
		if (more == 0)
			return scan_fail(scan, bad);
	}
	return count <= JSON_NUMBER_MAX || scan_fail(scan, "a number over Jackson's limit of 1000 digits");
}

static bool
scan_word(struct scan *scan, const char *word, size_t length)
{
	if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, word, length) != 0)
		return scan_fail(scan, "not JSON: an unknown word");
	scan->at += length;
	return true;
}

/* A value that is neither object nor array, of which `c` is the first byte. */
static bool
scan_scalar(struct scan *scan, char c)
{
	switch (c) {
	case '"':
		return scan_string(scan, JSON_STRING_MAX);
	case 't':
		return scan_word(scan, "true", 4);
	case 'f':
		return scan_word(scan, "false", 5);
	case 'n':
		return scan_word(scan, "null", 4);
	case '-':
		return scan_number(scan);
	case '\0':
		return scan_fail(scan, scan->at == scan->end ? "not JSON: it ends too soon" : "not JSON: a NUL byte");
	}
	return is_digit(c) ? scan_number(scan) : scan_fail(scan, "not JSON: a value was expected");
}

/* ---- values -------------------------------------------------------------- */

/* What is open, innermost last: one bit each, set for an object. */
struct nesting {
	int depth, base; /* of the value that is scanned */
	uint64_t objects[JSON_DEPTH_MAX / 64 + 1];
};

static bool
in_object(const struct nesting *nesting)
{
	return nesting->objects[nesting->depth / 64] >> nesting->depth % 64 & 1;
}

/* A key and its colon. */
bool
scan_key(struct scan *scan, struct span *key)
{
	if (scan_next(scan) != '"')
		return scan_fail(scan, "not JSON: a key in quotes was expected");
	key->start = scan->at;
	if (!scan_string(scan, JSON_NAME_MAX))
		return false;
	key->length = (size_t)(scan->at - key->start);
	if (scan_next(scan) != ':')
		return scan_fail(scan, "not JSON: a colon was expected");
	scan->at++;
	return true;
}

/* At '{' or '['. Leaves the first value in it to come, or closes it again: *complete. */
static bool
scan_open(struct scan *scan, struct nesting *nesting, bool object, bool *complete)
{
	struct span key;

	if (nesting->depth == JSON_DEPTH_MAX)
		return scan_fail(scan, "nested over Jackson's limit of 1000");
	nesting->depth++;
	if (object)
		nesting->objects[nesting->depth / 64] |= (uint64_t)1 << nesting->depth % 64;
	else
		nesting->objects[nesting->depth / 64] &= ~((uint64_t)1 << nesting->depth % 64);
	scan->at++;
	*complete = scan_next(scan) == (object ? '}' : ']');
	if (*complete) {
		scan->at++;
		nesting->depth--;
		return true;
	}
	return !object || scan_key(scan, &key);
}

/* Behind a complete value: closes what ends here, until there is another value to come (*more) or all is closed. */
static bool
scan_close(struct scan *scan, struct nesting *nesting, bool *more)
{
	struct span key;

	*more = false;
	while (nesting->depth > nesting->base) {
		bool object = in_object(nesting);
		char c = scan_next(scan);

		if (c == ',') {
			scan->at++;
			*more = true;
			return !object || scan_key(scan, &key);
		}
		if (c != (object ? '}' : ']'))
			return scan_fail(scan, "not JSON: a comma or the end of an object or array was expected");
		scan->at++;
		nesting->depth--;
	}
	return true;
}

/* Any value at all, which is itself `depth` levels deep; no recursion. */
bool
scan_value(struct scan *scan, int depth)
{
	struct nesting nesting;
	bool more = true;

	nesting.depth = nesting.base = depth;
	while (more) {
		char c = scan_next(scan);
		bool complete = true;

		if (c == '{' || c == '[') {
			if (!scan_open(scan, &nesting, c == '{', &complete))
				return false;
		} else if (!scan_scalar(scan, c))
			return false;
		if (complete && !scan_close(scan, &nesting, &more))
			return false;
	}
	return true;
}

/* ---- what was scanned ---------------------------------------------------- */

/* A string between its quotes, decoded. A NUL would cut it short, so it becomes what no id has. */
void
span_decode(struct buffer *to, struct span text)
{
	static const char escaped[] = "bfnrt", meant[] = "\b\f\n\r\t";
	const char *at = text.start + 1, *end = text.start + text.length - 1;

	to->length = 0;
	while (at < end) {
		const char *plain = memchr(at, '\\', (size_t)(end - at)), *letter;
		int32_t c;

		buffer_append(to, at, (size_t)((plain != NULL ? plain : end) - at));
		if (plain == NULL)
			break;
		at = plain + 2;
		if (at[-1] == 'u') {
			c = unicode_escape(&at, end);
			to->length += utf8_put(buffer_reserve(to, 4), c != 0 ? c : UTF8_REPLACEMENT);
		} else {
			letter = strchr(escaped, at[-1]);
			buffer_append_char(to, letter != NULL ? meant[letter - escaped] : at[-1]);
		}
	}
	buffer_string(to);
}

bool
span_is_integer(struct span number)
{
	if (*number.start != '-' && !is_digit(*number.start))
		return false;
	for (size_t i = 0; i < number.length; i++)
		if (number.start[i] == '.' || (number.start[i] | 0x20) == 'e')
			return false;
	return true;
}

/* ---- for printing -------------------------------------------------------- */

/* Within a string: one byte, escape or sequence. */
static void
clean_next(struct buffer *to, const char **at, const char *end)
{
	const char *start = *at;
	int32_t c;

	switch (in_string[(unsigned char)*start]) {
	case STRING_CONTROL:
		buffer_printf(to, "\\u%04x", (unsigned char)*start);
		++*at;
		return;
	case STRING_HIGH:
		c = utf8_next(at, end);
		to->length += utf8_put(buffer_reserve(to, 4), c);
		return;
	case STRING_ESCAPE:
		*at += 2;
		if (start[1] == 'u' && is_surrogate(unicode_escape(at, end))) {
			buffer_append_char(to, '?');
			return;
		}
		break;
	default:
		++*at;
	}
	buffer_append(to, start, (size_t)(*at - start));
}

/* A copy of a scanned object that may be printed again. */
void
scan_clean(struct buffer *to, const char *at, const char *end)
{
	bool string = false;

	to->length = 0;
	while (at < end) {
		if (*at == '"')
			string = !string;
		if (string && *at != '"')
			clean_next(to, &at, end);
		else
			buffer_append_char(to, *at++);
	}
}
