/* Strings of JSON: checked where they stand, and made into what they mean. */
#include <string.h>

#include "decode_internal.h"
#include "unicode.h"

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

bool
decode_quoted(struct decode *d, struct quoted *quoted)
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

void
decode_unquote(struct buffer *text, const struct quoted *quoted)
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
