/* Partitions: the four constructions, their shares, their timing, and what the history says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "nemesis.h"

#define N_MAX 12

/* ---- constructions ---------------------------------------------------------------- */

/* How many nodes `node` drops messages of. */
static int
dropped_by(const struct grudge *grudge, int node)
{
	int count = 0;

	for (int src = 0; src < grudge->n; src++)
		count += grudge->drops[node * grudge->n + src];
	return count;
}

/* Nobody drops its own messages, and what one side drops the other does too. */
static void
assert_symmetric(const struct grudge *grudge)
{
	for (int i = 0; i < grudge->n; i++) {
		assert_false(grudge->drops[i * grudge->n + i]);
		for (int k = 0; k < grudge->n; k++)
			assert_int_equal(grudge->drops[i * grudge->n + k], grudge->drops[k * grudge->n + i]);
	}
}

/* Two components that hear nothing of each other, of this size and the rest. */
static void
assert_split(const struct grudge *grudge, int size)
{
	int n = grudge->n, small = 0;

	assert_symmetric(grudge);
	for (int i = 0; i < n; i++) {
		int dropped = dropped_by(grudge, i);

		assert_true(dropped == n - size || dropped == size);
		for (int k = 0; k < n; k++) /* who drops a third one's messages alike is on the same side */
			if (!grudge->drops[i * n + k])
				for (int third = 0; third < n; third++)
					assert_int_equal(grudge->drops[i * n + third], grudge->drops[k * n + third]);
		small += dropped == n - size;
	}
	if (size != n - size)
		assert_int_equal(small, size);
}

static void
each_draw(enum partition_kind kind, int (*size)(int n))
{
	struct random random;

	random_seed(&random, 7, "test", 0);
	for (int n = 1; n <= N_MAX; n++) {
		for (int i = 0; i < 20; i++) {
			struct grudge grudge;

			grudge_draw(&grudge, kind, n, &random);
			assert_int_equal(grudge.n, n);
			assert_split(&grudge, size(n));
			grudge_free(&grudge);
			assert_null(grudge.drops);
		}
	}
}

static int
one(int n)
{
	(void)n;
	return 1;
}

static int
half(int n)
{
	return n / 2;
}

/* The largest integer strictly below a third. */
static int
third(int n)
{
	return (n - 1) / 3;
}

static void
test_splits(void **state)
{
	(void)state;
	each_draw(PARTITION_ONE, one);
	each_draw(PARTITION_MAJORITY, half);
	each_draw(PARTITION_MINORITY_THIRD, third);
}

/* Up to five nodes: each hears exactly a majority, itself included, and no two hear the same one. */
static void
test_perfect_ring(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 1, "test", 0);
	for (int n = 1; n <= 5; n++) {
		for (int i = 0; i < 50; i++) {
			struct grudge grudge;

			grudge_draw(&grudge, PARTITION_MAJORITIES_RING, n, &random);
			for (int k = 0; k < n; k++) {
				assert_false(grudge.drops[k * n + k]);
				assert_int_equal(n - dropped_by(&grudge, k), n / 2 + 1);
				for (int other = 0; n > 2 && other < k; other++)
					assert_memory_not_equal(
					    grudge.drops + k * n, grudge.drops + other * n, (size_t)n);
			}
			if (n == 5) /* with three, hearing is one-way */
				assert_symmetric(&grudge);
			grudge_free(&grudge);
		}
	}
}

/* Beyond: each hears a majority at least, hardly more, and hearing is mutual. */
static void
test_stochastic_ring(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 1, "test", 0);
	for (int n = 6; n <= 25; n++) {
		for (int i = 0; i < 10; i++) {
			struct grudge grudge;

			grudge_draw(&grudge, PARTITION_MAJORITIES_RING, n, &random);
			assert_symmetric(&grudge);
			for (int k = 0; k < n; k++)
				assert_in_range(n - dropped_by(&grudge, k), n / 2 + 1, n / 2 + 3);
			grudge_free(&grudge);
		}
	}
}

static void
test_every_node_is_chosen(void **state)
{
	int alone[5] = {0};
	struct random random;

	(void)state;
	random_seed(&random, 3, "test", 0);
	for (int i = 0; i < 1000; i++) {
		struct grudge grudge;

		grudge_draw(&grudge, PARTITION_ONE, 5, &random);
		for (int k = 0; k < 5; k++)
			alone[k] += dropped_by(&grudge, k) == 4;
		grudge_free(&grudge);
	}
	for (int k = 0; k < 5; k++)
		assert_in_range(alone[k], 150, 250);
}

/* ---- what it does, and when ---------------------------------------------------------- */

static const char *const nodes[] = {"n0", "n1", "n2", "n3", "n4"};

struct world {
	struct loop *loop;
	struct net *net;
	struct nemesis nemesis;
	struct history history;
	int received;
};

static bool
receive(void *arg, const struct envelope *envelope)
{
	(void)envelope;
	((struct world *)arg)->received++;
	return true;
}

static void
start(struct world *world, double interval)
{
	const struct latency latency = {0, LATENCY_CONSTANT};

	memset(world, 0, sizeof(*world));
	world->loop = loop_new(CLOCK_VIRTUAL);
	world->net = net_new(world->loop, &latency, 1);
	for (int i = 0; i < 5; i++)
		net_add(world->net, nodes[i], receive, world);
	nemesis_init(&world->nemesis, world->net, nodes, 5, interval, 11);
}

static void
stop(struct world *world)
{
	history_free(&world->history);
	net_free(world->net);
	loop_free(world->loop);
}

/* How many of the 20 ways between nodes are open. */
static int
open_ways(struct world *world)
{
	world->received = 0;
	for (int i = 0; i < 5; i++)
		for (int k = 0; k < 5; k++)
			if (i != k)
				assert_int_equal(net_send(world->net, nodes[i], nodes[k], "{}", 2), NET_OK);
	loop_run(world->loop);
	return world->received;
}

static void
test_start_and_stop(void **state)
{
	struct world world;
	const struct op *ops;

	(void)state;
	start(&world, 2);
	assert_int_equal(world.nemesis.due, 0);
	assert_int_equal(open_ways(&world), 20);
	nemesis_act(&world.nemesis, &world.history, 5);
	assert_non_null(world.nemesis.fault);
	assert_in_range(world.nemesis.due, 5, 5 + 4 * S_NS);
	assert_true(open_ways(&world) < 20);
	ops = world.history.ops;
	assert_int_equal(world.history.count, 2);
	assert_true(ops[0].type == OP_INFO && ops[0].process == PROCESS_NEMESIS && ops[0].time == 5);
	assert_string_equal(ops[0].f, "start-partition");
	assert_true(value_is_keyword(ops[0].value, world.nemesis.fault));
	assert_true(value_is_keyword(ops[1].value->items[0], "isolated"));
	assert_int_equal(ops[1].value->items[1]->count, 10);

	nemesis_act(&world.nemesis, &world.history, 9);
	assert_null(world.nemesis.fault);
	assert_int_equal(open_ways(&world), 20);
	ops = world.history.ops;
	assert_int_equal(world.history.count, 4);
	assert_string_equal(ops[2].f, "stop-partition");
	assert_int_equal(ops[2].value->type, VALUE_NIL);
	assert_true(value_is_keyword(ops[3].value, "network-healed"));
	stop(&world);
}

static void
test_heal_without_a_partition(void **state)
{
	struct world world;

	(void)state;
	start(&world, 2);
	nemesis_heal(&world.nemesis, &world.history, 1);
	assert_int_equal(world.history.count, 2);
	assert_string_equal(world.history.ops[1].f, "stop-partition");
	stop(&world);
}

/* Gaps are uniform between nothing and twice the interval; kinds come equally often. */
static void
test_timing_and_shares(void **state)
{
	int kinds[PARTITION_KINDS] = {0};
	int64_t now = 0, longest = 0;
	struct world world;

	(void)state;
	start(&world, 3);
	for (int i = 0; i < 2000; i++) {
		int64_t gap;

		nemesis_act(&world.nemesis, &world.history, now);
		gap = world.nemesis.due - now;
		longest = gap > longest ? gap : longest;
		now = world.nemesis.due;
		for (int k = 0; k < PARTITION_KINDS; k++)
			kinds[k] += world.nemesis.fault == partition_name((enum partition_kind)k);
	}
	assert_in_range(now / 2000, 2800 * MS_NS, 3200 * MS_NS);
	assert_in_range(longest, 5900 * MS_NS, 6000 * MS_NS);
	for (int k = 0; k < PARTITION_KINDS; k++)
		assert_in_range(kinds[k], 200, 300);
	stop(&world);
}

static void
test_value(void **state)
{
	bool drops[] = {false, true, true, true, false, false, false, false, false};
	const struct grudge grudge = {3, drops};
	struct arena arena = {0};
	struct buffer text = {0};

	(void)state;
	edn_write(&text, grudge_value(&grudge, &arena, nodes));
	assert_string_equal(buffer_string(&text), "{\"n0\" #{\"n1\" \"n2\"}, \"n1\" #{\"n0\"}, \"n2\" #{}}");
	buffer_free(&text);
	arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_splits),
	    cmocka_unit_test(test_perfect_ring),
	    cmocka_unit_test(test_stochastic_ring),
	    cmocka_unit_test(test_every_node_is_chosen),
	    cmocka_unit_test(test_start_and_stop),
	    cmocka_unit_test(test_heal_without_a_partition),
	    cmocka_unit_test(test_timing_and_shares),
	    cmocka_unit_test(test_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
