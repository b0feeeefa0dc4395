/*
 * The keys that clients use at a time, as elle.txn/wr-txns draws them: each
 * twice as likely as the one before it, and replaced by a fresh one when it
 * has been written often enough. What is written to a key is 1, 2, 3, ...
 */
#ifndef KEY_POOL_H
#define KEY_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "random.h"

#define KEY_POOL_COUNT     10   /* keys, where nobody says */
#define KEY_POOL_COUNT_MAX 1022 /* with more Elle's draw leaves the range of a double, and it throws */

struct key_pool {
	struct pooled_key {
		int64_t key, written;
	} * keys; /* of the arena */
	int count;
	int64_t next, writes_max;
};

/* `count` 0: KEY_POOL_COUNT. */
void key_pool_init(struct key_pool *, struct arena *, int64_t count, int64_t writes_max);

/* One operation of a transaction: it reads a key, or writes it with equal probability. */
struct key_draw {
	bool writes;
	int64_t key, value; /* `value` is what is written */
};
struct key_draw key_pool_draw(struct key_pool *, struct random *);

#endif
