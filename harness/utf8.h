/* UTF-8 as Java reads it: nothing is refused, what is malformed becomes U+FFFD. */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_REPLACEMENT 0xfffd

/* The code point at *cursor < end; moves behind it, or behind as many bytes as Java's decoder replaces by one U+FFFD.
 */
int32_t utf8_next(const char **cursor, const char *end);
/* Writes up to 4 bytes and returns how many. A surrogate gets three, like its neighbours. */
size_t utf8_put(char to[4], int32_t code_point);

static inline bool
utf8_is_high_surrogate(int32_t c)
{
	return c >= 0xd800 && c <= 0xdbff;
}

static inline bool
utf8_is_low_surrogate(int32_t c)
{
	return c >= 0xdc00 && c <= 0xdfff;
}

/* In text made by utf8_put(): the lone surrogate at `bytes`, or -1. */
static inline int32_t
utf8_lone_surrogate(const char *bytes, const char *end)
{
	const unsigned char *b = (const unsigned char *)bytes;

	if (end - bytes < 3 || b[0] != 0xed || b[1] < 0xa0)
		return -1;
	return 0xd000 | (b[1] & 0x3f) << 6 | (b[2] & 0x3f);
}

#endif
