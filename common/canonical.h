/*
 * Texts and hashes of JSON values by which they are looked up and compared:
 * equal values have equal ones, whatever the order of their objects' keys.
 */
#ifndef CANONICAL_H
#define CANONICAL_H

#include <jansson.h>
#include <stdint.h>

/* The caller frees it. */
char *canonical_text(const json_t *value);
/* Never 0; 1 for no value. */
uint64_t canonical_hash(const json_t *value);

#endif
