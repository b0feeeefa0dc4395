/*
 * Values that a node knows of and that are not its business yet: somebody else
 * is to bring them on a more reliable way. Those that stay for long enough
 * come out of hints_age(). Two generations do for that: a value leaves after
 * one to two times the time between two calls.
 */
#ifndef HINTS_H
#define HINTS_H

#include <jansson.h>
#include <stdbool.h>

struct hints {
	json_t *young, *old; /* {canonical text: value} */
};

void hints_init(struct hints *);
void hints_free(struct hints *);
bool hints_are_empty(const struct hints *);

/* These borrow the value. */
void hints_add(struct hints *, json_t *value);
void hints_remove(struct hints *, const json_t *value);

/* Adds all of them to an array. */
void hints_list(const struct hints *, json_t *array);

/* What has been there since the last call but one, and is no longer: an object with the values; the caller's. */
json_t *hints_age(struct hints *);

#endif
