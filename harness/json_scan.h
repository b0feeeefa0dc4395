/*
 * JSON without a tree: a scanner that says whether a text is JSON as Jackson
 * (with cheshire's settings and Jackson's limits) takes it, and where its
 * parts are. It works in place, in one pass and without recursion. A newline
 * is no white space to it: it is for lines.
 */
#ifndef JSON_SCAN_H
#define JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"

struct scan {
	const char *at, *end;
	const char *error; /* why it is not JSON, in words */
	bool dirty;        /* something Jackson reads but would print otherwise: see scan_clean() */
};

/* A value as written. NULL: not there. */
struct span {
	const char *start;
	size_t length;
};

/* Moves to the next byte that is not white space and returns it, or 0 at the end: a NUL is no part of JSON. */
static inline char
scan_next(struct scan *scan)
{
	for (; scan->at < scan->end; scan->at++)
		if (*scan->at != ' ' && *scan->at != '\t')
			return *scan->at;
	return '\0';
}

/* Leaves an error behind; false. */
bool scan_fail(struct scan *, const char *why);

/* These move behind what they find; false: it is not there, and `error` says why. */
bool scan_key(struct scan *, struct span *key); /* and its colon */
bool scan_value(struct scan *, int depth);      /* any value, which is itself so many levels deep */

/* What a scanned string means, NUL-terminated. A NUL in it, which would cut it short, becomes U+FFFD. */
void span_decode(struct buffer *, struct span);
/* Whether a scanned value is an integer. */
bool span_is_integer(struct span);

/*
 * A copy of scanned text that anyone may print: malformed UTF-8 becomes
 * U+FFFD, a surrogate without its other half '?', as Java writes it, and a bare
 * control character in a string its escape.
 */
void scan_clean(struct buffer *, const char *at, const char *end);

#endif
