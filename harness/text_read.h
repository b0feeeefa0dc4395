/* What the EDN and the JSON reader share: strings with escapes, made into the text of a value. */
#ifndef TEXT_READ_H
#define TEXT_READ_H

#include "value.h"

/* A value of that type from raw bytes: malformed UTF-8 becomes U+FFFD, as Java reads it. */
struct value *text_value(struct arena *, enum value_type, const char *bytes, size_t length);

/* What a language has for strings. Control characters stand for themselves in both: Cheshire tells Jackson to let them.
 */
struct string_rules {
	const char
	    *escapes; /* pairs: the letter behind the backslash and what it stands for; \u is in both languages */
	bool octal;   /* \0 to \377 as well */
	size_t limit; /* UTF-16 units; 0: none */
	const char *too_long, *bad_escape; /* errors */
};

/*
 * Reads the string whose opening quote is at *cursor, and moves behind the
 * closing one. Returns NULL with *error set and *cursor at the fault.
 */
struct value *string_read(
    struct arena *, const struct string_rules *, const char **cursor, const char *end, const char **error);

#endif
