/* Numbers on the command line: plain decimal ones, whole words only. */
#ifndef DECIMAL_H
#define DECIMAL_H

#include <stdbool.h>
#include <stdint.h>

/* False, with *number undefined, if the text is none or out of range. */
bool decimal_integer(const char *text, int64_t min, int64_t max, int64_t *number);
/* Neither hexadecimal nor infinite. */
bool decimal_real(const char *text, double *number);
/* The digits from text to end. */
bool decimal_unsigned(const char *text, const char *end, uint64_t *number);

#endif
