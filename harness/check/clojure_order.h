/*
 * In which order Clojure walks its hash maps and sets. Jepsen's results show
 * it: which of several values counts as the first, and which of equally bad
 * errors are listed.
 */
#ifndef CLOJURE_ORDER_H
#define CLOJURE_ORDER_H

#include <stddef.h>
#include <stdint.h>

#include "value.h"

/* A map of no more pairs than this keeps the order in which they came. */
#define CLOJURE_SMALL_MAP 8

struct clojure_ranked {
	uint64_t rank;
	size_t item;
};

/* Where a key of a hash map, or an item of a set, comes in its order: the lowest first. Exact for nil, booleans,
 * integers of 64 bits, strings and sequences of these; an order of our own for all else. */
uint64_t clojure_rank(const struct value *);
/* Murmur3 of a long, as Clojure hashes it. */
uint32_t clojure_hash_long(uint64_t);
/* By rank; equals by item. */
void clojure_sort(struct clojure_ranked *, size_t count);

#endif
