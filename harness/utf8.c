/* UTF-8 as Java reads it: each malformed portion, as sun.nio.cs.UTF_8 measures them, becomes one U+FFFD. */
#include "utf8.h"

static bool
continues(const unsigned char *b, size_t left, size_t i)
{
	return i < left && (b[i] & 0xc0) == 0x80;
}

/* A sequence of three from 0xe0..0xef. An encoded surrogate is one portion. */
static int32_t
next3(const unsigned char *b, size_t left, size_t *used)
{
	int32_t c;

	if (!continues(b, left, 1) || (b[0] == 0xe0 && b[1] < 0xa0)) {
		*used = 1;
		return UTF8_REPLACEMENT;
	}
	if (!continues(b, left, 2)) {
		*used = 2;
		return UTF8_REPLACEMENT;
	}
	*used = 3;
	c = (b[0] & 0x0f) << 12 | (b[1] & 0x3f) << 6 | (b[2] & 0x3f);
	return c >= 0xd800 && c <= 0xdfff ? UTF8_REPLACEMENT : c;
}

static int32_t
next4(const unsigned char *b, size_t left, size_t *used)
{
	*used = 1;
	if (b[0] > 0xf4 || !continues(b, left, 1) || (b[0] == 0xf0 && b[1] < 0x90) || (b[0] == 0xf4 && b[1] > 0x8f))
		return UTF8_REPLACEMENT;
	*used = 2;
	if (!continues(b, left, 2))
		return UTF8_REPLACEMENT;
	*used = 3;
	if (!continues(b, left, 3))
		return UTF8_REPLACEMENT;
	*used = 4;
	return (b[0] & 0x07) << 18 | (b[1] & 0x3f) << 12 | (b[2] & 0x3f) << 6 | (b[3] & 0x3f);
}

int32_t
utf8_next(const char **cursor, const char *end)
{
	const unsigned char *b = (const unsigned char *)*cursor;
	size_t left = (size_t)(end - *cursor), used = 1;
	int32_t c = UTF8_REPLACEMENT;

	if (b[0] < 0x80) {
		c = b[0];
	} else if (b[0] >= 0xc2 && b[0] <= 0xdf) {
		if (continues(b, left, 1)) {
			used = 2;
			c = (b[0] & 0x1f) << 6 | (b[1] & 0x3f);
		}
	} else if (b[0] >= 0xe0 && b[0] <= 0xef) {
		c = next3(b, left, &used);
	} else if (b[0] >= 0xf0 && b[0] <= 0xf7) {
		c = next4(b, left, &used);
	}
	*cursor += used;
	return c;
}
