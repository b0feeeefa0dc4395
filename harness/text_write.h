/* Text between quotation marks: EDN and JSON escape it alike, but for what is said below. */
#ifndef TEXT_WRITE_H
#define TEXT_WRITE_H

#include "buffer.h"

/*
 * How the two differ: the digits of the lone surrogates that cannot stand as
 * UTF-8, and whether other control characters are escaped too.
 */
enum text_form { TEXT_EDN, TEXT_JSON };

void text_write(struct buffer *, const char *text, size_t length, enum text_form);

#endif
