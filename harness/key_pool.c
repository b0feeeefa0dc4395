/* The draw of elle.txn/wr-txns, without logarithms: a coin for each key, from the newest on. */
#include "key_pool.h"

#include <assert.h>

void
key_pool_init(struct key_pool *pool, struct arena *arena, int64_t count, int64_t writes_max)
{
	assert(count >= 0 && count <= KEY_POOL_COUNT_MAX && writes_max > 0);
	pool->count = count > 0 ? (int)count : KEY_POOL_COUNT;
	pool->keys = arena_zero(arena, (size_t)pool->count * sizeof(*pool->keys));
	pool->writes_max = writes_max;
	pool->next = 0;
	for (int i = 0; i < pool->count; i++)
		pool->keys[i].key = pool->next++;
}

/* Every second time the last one, every fourth time the one before, ... */
static struct pooled_key *
draw_key(struct key_pool *pool, struct random *random)
{
	int i;

	do
		for (i = pool->count - 1; i >= 0 && random_below(random, 2) == 0; i--)
			;
	while (i < 0);
	return &pool->keys[i];
}

/* A write to a key that has had its last one only replaces the key, and all is drawn anew. */
struct key_draw
key_pool_draw(struct key_pool *pool, struct random *random)
{
	for (;;) {
		bool writes = random_below(random, 2) == 0;
		struct pooled_key *drawn = draw_key(pool, random);

		if (!writes)
			return (struct key_draw){.key = drawn->key};
		if (drawn->written < pool->writes_max)
			return (struct key_draw){true, drawn->key, ++drawn->written};
		*drawn = (struct pooled_key){.key = pool->next++};
	}
}
