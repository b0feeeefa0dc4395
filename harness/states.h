/*
 * A map of JSON values that remembers its last states, as the ring of
 * maelstrom.service's sequential store does: each key keeps the versions
 * that some remembered state still shows. Keys and values are canonical JSON
 * text, so that equal ones, as Clojure has it, are equal bytes.
 */
#ifndef STATES_H
#define STATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/tree.h>

#include "buffer.h"
#include "value.h"

struct state_item;
RB_HEAD(state_tree, state_item);

struct states {
	struct state_tree items;
	int64_t last;                /* the newest state; the first is 0, and empty */
	int window;                  /* how many are remembered */
	struct state_item **changed; /* by the last states, modulo window; NULL: nothing */
	size_t bytes;                /* in use */
};

void states_init(struct states *, int window);
void states_free(struct states *);

/* What a remembered state holds under a key: bytes that live until the next change. False: nothing. */
bool states_find(const struct states *, int64_t state, const struct buffer *key, const char **value, size_t *length);
/* Makes a new state, in which a key has this value. */
void states_change(struct states *, const struct buffer *key, const struct buffer *value);
/* Makes a new state that is equal to the last. */
void states_repeat(struct states *);

/* Appends a value's canonical text. */
void canonical_write(struct buffer *, const struct value *);

#endif
