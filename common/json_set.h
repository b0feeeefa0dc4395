/*
 * A grow-only set of JSON values, in the order in which they came. Two values
 * are the same if they are equal as JSON: objects whatever the order of their
 * keys, 1 and 1.0 not (they read differently). Nodes keep broadcast values
 * and set elements in it.
 */
#ifndef JSON_SET_H
#define JSON_SET_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Owns its values. */
struct json_set {
	json_t *items; /* an array: the values in order */
	json_t *index; /* an object: canonical text of each value */
};

void json_set_init(struct json_set *);
void json_set_free(struct json_set *);

/* Returns whether the value is new. Borrows it, and keeps a reference if it is. */
bool json_set_add(struct json_set *, json_t *value);
bool json_set_has(const struct json_set *, const json_t *value);
size_t json_set_size(const struct json_set *);
json_t *json_set_item(const struct json_set *, size_t i); /* borrowed */

#endif
