/*
 * Transactions over lists to which elements are appended, each element once for
 * a key: what was read tells the order of all appends before it. Elle's
 * list-append analysis (Kingsbury and Alvaro 2020, section 3; elle.list-append).
 */
#ifndef LIST_APPEND_H
#define LIST_APPEND_H

#include "elle.h"

/* Elements of one key in the order in which they were appended, as far as it was observed: `order` from `first`. */
struct list_key {
	size_t first;
	uint32_t count;
	const struct elle_mop *longest; /* the read it is from; NULL: none returned any element */
	uint32_t appends;               /* capped at 2 */
	uint32_t single;                /* the element of the only append */
};

/* Version orders, given the reads and appends of some of the transactions. */
struct list_orders {
	struct list_key *keys;
	uint32_t *order;    /* elements of all keys, each only once */
	uint32_t *position; /* of each version in its key's order, or ELLE_NONE */
};

enum list_scope {
	LIST_POSSIBLE, /* what did or may have taken effect: :ok and :info */
	LIST_ALL,      /* failed ones and invocations too */
};

void list_orders_find(struct list_orders *, const struct elle *, enum list_scope);
void list_orders_free(struct list_orders *);

/* What the dependencies are inferred from. */
struct list_state {
	struct list_orders orders; /* of LIST_POSSIBLE */
	uint32_t *writer;          /* of each version: who may have appended it; ELLE_NONE: nobody */
	/* Who read a list that ends with a version, and behind all versions, for each key, who read an empty one. */
	size_t *first_reader;
	uint32_t *readers;
};

/* The element before one in the order of its key, or the last that was seen before one that nobody saw. ELLE_NONE:
 * there is none. */
uint32_t list_previous(const struct list_orders *, const struct elle *, uint32_t version);
/* "3 of key 5", in the arena. */
const char *list_describe(const struct elle *, uint32_t version);

/* Anomalies that single transactions show, or pairs of them, without a graph. */
void list_find_internal(struct elle *);     /* :internal and :future-read */
void list_find_aborted(struct elle *);      /* :G1a */
void list_find_intermediate(struct elle *); /* :G1b */
void list_find_duplicates(struct elle *);
void list_find_lost_updates(struct elle *);
void list_find_incompatible_orders(struct elle *, const struct list_orders *);
/* False: an element was read that nobody appended, and nothing can be said. */
bool list_find_dirty_updates(struct elle *);

#endif
