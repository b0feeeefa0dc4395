/* jansson's values out of JSON text, as json_loadb(3) with JSON_ALLOW_NUL reads it, at a third of the cost. */
#ifndef DECODE_H
#define DECODE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"

/*
 * Accepts what jansson accepts and gives the same value, members in the same
 * order: an object or array, integers of 63 bits, nesting up to
 * JSON_PARSER_MAX_DEPTH, no NUL in keys, UTF-8. NULL if it is anything else;
 * jansson can say why. Aborts when out of memory.
 */
json_t *decode_json(const char *text, size_t length);

/*
 * The parts of a message. Nothing is built of the envelope around its body.
 * Zero-initialise once; reused from line to line.
 */
struct decoded {
	const char *src, *dest;                      /* NULL: not there, no string, or none that C can hold */
	json_t *body;                                /* owned; NULL: not there, or no object */
	const json_t *type, *msg_id, *in_reply_to;   /* of the body, borrowed; NULL: not there */
	struct buffer src_text, dest_text, key_text; /* memory */
};

/*
 * Reads a line that must be an object. False if it is not, or not one that
 * jansson would hold; then there are no parts. Of equal keys the last counts.
 */
bool decode_line(struct decoded *, const char *line, size_t length);
/* Lets go of the body. */
void decoded_clear(struct decoded *);
/* Frees the memory as well. */
void decoded_free(struct decoded *);

#endif
