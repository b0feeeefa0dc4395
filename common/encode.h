/* JSON text out of jansson's values, straight into a buffer. */
#ifndef ENCODE_H
#define ENCODE_H

#include <jansson.h>
#include <stdint.h>

#include "buffer.h"

/* In quotes; the bytes must be UTF-8. */
void encode_string(struct buffer *, const char *bytes, size_t length);
void encode_integer(struct buffer *, int64_t);
/*
 * Appends `,"key":value` for every member but `skip` (may be NULL), without the first comma if nothing came before.
 * Compact, in the order of insertion, in UTF-8; reals keep all their digits. Values must not contain themselves.
 */
void encode_members(struct buffer *, const json_t *object, const char *skip);

#endif
