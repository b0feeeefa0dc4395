/* The keys in use: how often each is drawn, what is written to it, when it is replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "key_pool.h"

struct pool {
	struct arena arena;
	struct random random;
	struct key_pool keys;
};

static void
start(struct pool *pool, int64_t count, int64_t writes_max)
{
	memset(pool, 0, sizeof(*pool));
	random_seed(&pool->random, 3, "keys", 0);
	key_pool_init(&pool->keys, &pool->arena, count, writes_max);
}

static struct key_draw
draw(struct pool *pool)
{
	return key_pool_draw(&pool->keys, &pool->random);
}

static void
test_each_key_is_twice_as_likely(void **state)
{
	struct pool pool;
	int drawn[4] = {0}, writes = 0;

	(void)state;
	start(&pool, 4, INT64_MAX);
	for (int i = 0; i < 15000; i++) {
		struct key_draw d = draw(&pool);

		assert_in_range(d.key, 0, 3);
		drawn[d.key]++;
		writes += d.writes;
	}
	assert_in_range(drawn[0], 900, 1100);
	assert_in_range(drawn[1], 1850, 2150);
	assert_in_range(drawn[2], 3800, 4200);
	assert_in_range(drawn[3], 7750, 8250);
	assert_in_range(writes, 7250, 7750);
	arena_free(&pool.arena);
}

#define KEYS 2000

static void
test_values_and_replacement(void **state)
{
	struct pool pool;
	int64_t written[KEYS] = {0}, newest = 9;

	(void)state;
	start(&pool, 0, 5);
	assert_int_equal(pool.keys.count, 10);
	for (int i = 0; i < 8000; i++) {
		struct key_draw d = draw(&pool);

		assert_in_range(d.key, 0, KEYS - 1);
		newest = d.key > newest ? d.key : newest;
		if (!d.writes) {
			assert_int_equal(d.value, 0);
			assert_in_range(written[d.key], 0, 5);
			continue;
		}
		assert_int_equal(d.value, ++written[d.key]);
		assert_true(written[d.key] <= 5);
	}
	/* A write too many takes a key out of use, and there are always ten. */
	assert_in_range(newest, 600, 800);
	assert_in_range(pool.keys.next - newest, 1, 5);
	for (int64_t key = 0; key < newest; key++) {
		bool in_use = false;

		for (int i = 0; i < pool.keys.count; i++)
			in_use = in_use || pool.keys.keys[i].key == key;
		assert_true(in_use || written[key] == 5);
	}
	arena_free(&pool.arena);
}

static void
test_smallest_and_largest(void **state)
{
	struct pool pool;
	int last = 0;

	(void)state;
	start(&pool, 1, 1);
	for (int64_t key = 0; key < 100;) {
		struct key_draw d = draw(&pool);

		if (!d.writes && d.key == key - 1)
			continue; /* it has had its write, and stays until the next */
		assert_int_equal(d.key, key);
		key += d.writes;
	}
	arena_free(&pool.arena);
	start(&pool, KEY_POOL_COUNT_MAX, INT64_MAX);
	for (int i = 0; i < 1000; i++)
		last += draw(&pool).key == KEY_POOL_COUNT_MAX - 1;
	assert_in_range(last, 430, 570);
	arena_free(&pool.arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_key_is_twice_as_likely),
	    cmocka_unit_test(test_values_and_replacement),
	    cmocka_unit_test(test_smallest_and_largest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
