/* What the parts of the decoder share: decode.c for values, decode_string.c for strings, decode_line.c for messages. */
#ifndef DECODE_INTERNAL_H
#define DECODE_INTERNAL_H

#include "decode.h"

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

/* The next byte that is not white space, or 0 at the end: a NUL is no part of JSON either. */
static inline char
decode_next(struct decode *d)
{
	for (; d->at < d->end; d->at++)
		if (*d->at != ' ' && *d->at != '\t' && *d->at != '\n' && *d->at != '\r')
			return *d->at;
	return '\0';
}

/* ---- decode_string.c --------------------------------------------------------- */

/* At the opening quote; moves behind the closing one. */
bool decode_quoted(struct decode *, struct quoted *);
/* What a string means, never longer than what is written, with a NUL behind it that is not counted. */
void decode_unquote(struct buffer *text, const struct quoted *);

/* ---- decode.c ------------------------------------------------------------------ */

/* The next value, or NULL. */
json_t *decode_value(struct decode *);
/* Whether nothing but white space is left. */
bool decode_is_done(struct decode *);

/* Gets each member of an object, `d` before its value, which it must read. */
typedef bool member_fn(struct decode *d, const struct quoted *key, void *arg);

/* At '{'; moves behind '}'. */
bool decode_members(struct decode *, member_fn *, void *arg);
/* Unquotes a key. False if there is a NUL in it: jansson has no such keys. */
bool decode_unquote_key(struct decode *, const struct quoted *key);
/*
 * Reads a member's value into an object, and lends it; the key is left in `text`. NULL: a fault, a NUL in the key among
 * them.
 */
json_t *decode_put_member(struct decode *, const struct quoted *key, json_t *object);

#endif
