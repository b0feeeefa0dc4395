/* UTF-8 as Java reads it: nothing is refused, what is malformed becomes U+FFFD. */
#ifndef UTF8_H
#define UTF8_H

#include "unicode.h"

#define UTF8_REPLACEMENT 0xfffd

/* The code point at *cursor < end; moves behind it, or behind as many bytes as Java's decoder replaces by one U+FFFD.
 */
int32_t utf8_next(const char **cursor, const char *end);

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
