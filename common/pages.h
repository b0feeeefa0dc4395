/*
 * A persistent map in the lin-kv service: a hash trie (Bagwell, Ideal Hash
 * Trees, 2001) of pages that never change once they are written. A change
 * makes new pages from a leaf up to the root and shares all others with the
 * map it began with, which is still there (Driscoll et al., Making Data
 * Structures Persistent, 1989). The pages of one change are written together,
 * as one segment under a key that was never used before.
 *
 * A map is the address of its root page, [segment, place], or null when it is
 * empty. Keys are strings, values any JSON. What is in a segment can be kept as
 * long as there is room: nobody will ever change it. Segments are never
 * deleted, also those of which no map has a page any more: the service cannot.
 */
#ifndef PAGES_H
#define PAGES_H

#include "node.h"

#define PAGES_SEGMENTS_MAX 512  /* kept in memory */
#define PAGES_KEYS_MAX     32   /* in a leaf, before it is split */
#define PAGES_TIMEOUT_MS   1500 /* for the service to answer */

/* Part of a node's state. */
struct pages {
	json_t *segments; /* by key: those that were seen */
	uint64_t incarnation, made;
};

void pages_init(struct pages *, struct node *);
void pages_free(struct pages *);

/*
 * Only inside a task (task.h), where they may wait for the service. They
 * return TASK_OK, TASK_CANCELLED, or the code of an error: ERROR_TIMEOUT, or
 * ERROR_CRASH where the service holds what is no page.
 */

/* The value under a key: owned by the caller, NULL if there is none. */
int pages_get(struct node *, struct pages *, json_t *map, const char *key, json_t **value);
/* The map with other values under some keys, an object (borrowed); its address is owned by the caller. */
int pages_put(struct node *, struct pages *, json_t *map, json_t *changes, json_t **changed);

#endif
