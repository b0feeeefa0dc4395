/*
 * A lin-kv node's memory stays flat: at 100 requests a second a cluster holds
 * no more in the second half of a while than it did in the first. What it holds
 * goes up and down with the length of the log and with who is away, so peaks of
 * equally long times are compared. MEMORY_MINUTES=60 measures an hour
 * (`make soak`).
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "memory.h"
#include "raft_internal.h"
#include "registry.h"
#include "world.h"

#define NODES    3
#define MINUTES  6
#define ASK_MS   10
#define AWAY_MS  15000
#define SLACK    ((size_t)64 << 10) /* bytes: what happens to be on its way */
#define KEYS_MAX 100

size_t __sanitizer_get_current_allocated_bytes(void);

/* The sanitizer's allocator does not know of mallinfo2(3). */
static size_t
allocated(void)
{
#if MEMORY_WATCHED
	return __sanitizer_get_current_allocated_bytes();
#else
	return mallinfo2().uordblks;
#endif
}

/* Requests to all nodes, of which one is away for a while. Answers are thrown away. */
static void
minute(struct world *w, int away)
{
	int64_t begin = w->now_ms, end = begin + 60000;

	for (; w->now_ms < end; world_run(w, ASK_MS)) {
		int node = (int)random_below(&w->random, NODES), key = (int)random_below(&w->random, KEYS_MAX);

		world_partition(w, w->now_ms < begin + AWAY_MS ? (uint32_t)1 << away : 0);
		if (random_below(&w->random, 2) == 0)
			world_ask(w, node, json_pack("{s:s, s:i}", "type", "read", "key", key));
		else
			world_ask(w, node, json_pack("{s:s, s:i, s:i}", "type", "write", "key", key, "value", node));
		json_object_clear(w->replies);
	}
	json_decref(w->claims); /* the world's, not the nodes' */
	w->claims = json_object();
}

static void
stays_flat(void **state)
{
	const char *text = getenv("MEMORY_MINUTES");
	int minutes = text != NULL ? atoi(text) : MINUTES;
	char program[] = "lin-kv", level[] = "--log-level", quiet[] = "error";
	char *args[] = {program, level, quiet, NULL};
	size_t first = 0, now, second = 0;
	struct world w;
	int64_t id;

	(void)state;
	world_new(&w, registry_find("lin-kv"), NODES, 1, args);
	for (int i = 0; i < minutes; i++) {
		minute(&w, i % NODES);
		now = allocated();
		if (i < minutes / 2)
			first = now > first ? now : first;
		else
			second = now > second ? now : second;
	}
	if (text != NULL)
		printf("%d nodes, %d minutes: %zu bytes at most in the first half, %zu in the second\n", NODES, minutes,
		    first, second);
	id = world_ask(&w, 0, json_pack("{s:s, s:i}", "type", "read", "key", 1));
	world_run(&w, 1000);
	assert_string_equal(json_string_value(json_object_get(world_reply(&w, id), "type")), "read_ok");
	world_free(&w);
	assert_true(first > 0 && second > 0);
	assert_true(second <= first + first / 10 + SLACK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(stays_flat)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
