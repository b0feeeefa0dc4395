/* Values numbered 0, 1, 2, ... in the order in which they are first met; equal values have one number. */
#ifndef VALUE_TABLE_H
#define VALUE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "value.h"

#define VALUE_TABLE_NONE SIZE_MAX

/* Zero-initialise before use. The values are borrowed. */
struct value_table {
	const struct value **values;
	uint64_t *hashes;
	size_t count, capacity;
	uint32_t *slots;   /* number + 1; 0: free */
	size_t slot_count; /* twice the capacity */
};

/* The number of a value, or VALUE_TABLE_NONE. */
size_t value_table_find(const struct value_table *, const struct value *);
/* The number of a value, which gets the next one if it is new. */
size_t value_table_add(struct value_table *, const struct value *);
void value_table_free(struct value_table *);

/*
 * Of equal keys of a map (VALUE_MAP), or items of a set, keeps the first place
 * and the last value. Returns whether there were any.
 */
bool value_dedupe(struct value *);

#endif
