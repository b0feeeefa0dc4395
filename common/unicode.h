/* Code points as text has them: in JSON's escapes, and in UTF-8. */
#ifndef UNICODE_H
#define UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool
is_high_surrogate(int32_t c)
{
	return c >= 0xd800 && c <= 0xdbff;
}

static inline bool
is_low_surrogate(int32_t c)
{
	return c >= 0xdc00 && c <= 0xdfff;
}

static inline bool
is_surrogate(int32_t c)
{
	return c >= 0xd800 && c <= 0xdfff;
}

/* The code point that the two halves stand for. */
int32_t surrogate_pair(int32_t high, int32_t low);

/* The number in four hexadecimal digits, or -1. */
int32_t hex4(const char *text, const char *end);
/*
 * At the digits of a \u: moves behind it and, of a surrogate pair, behind
 * both, and returns the code point; a surrogate without its other half as it
 * is. -1: there are no four digits.
 */
int32_t unicode_escape(const char **at, const char *end);

/* Writes up to 4 bytes and returns how many. A surrogate gets three, like its neighbours. */
size_t utf8_put(char to[4], int32_t code_point);

#endif
