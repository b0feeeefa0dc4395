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

/* Only one side is deaf, and each size of it comes. */
static void
test_one_way(void **state)
{
	int sizes[N_MAX] = {0};
	struct random random;

	(void)state;
	random_seed(&random, 1, "test", 0);
	for (int i = 0; i < 600; i++) {
		struct grudge grudge;
		int deaf = 0;

		grudge_draw(&grudge, PARTITION_ONE_WAY, 5, &random);
		for (int k = 0; k < 5; k++)
			deaf += dropped_by(&grudge, k) > 0;
		for (int k = 0; k < 5; k++) {
			assert_true(dropped_by(&grudge, k) == 0 || dropped_by(&grudge, k) == 5 - deaf);
			for (int other = 0; other < 5; other++)
				assert_false(grudge.drops[k * 5 + other] && grudge.drops[other * 5 + k]);
		}
		assert_int_equal(grudge.permille, 1000);
		sizes[deaf]++;
		grudge_free(&grudge);
	}
	for (int size = 0; size < N_MAX; size++)
		assert_in_range(sizes[size], size >= 1 && size <= 4 ? 110 : 0, size >= 1 && size <= 4 ? 190 : 0);
}

/* Every other way, in each direction by itself, loses a part of its messages. */
static void
test_flaky(void **state)
{
	int count = 0, least = 1000, most = 0;
	struct random random;

	(void)state;
	random_seed(&random, 1, "test", 0);
	for (int i = 0; i < 200; i++) {
		struct grudge grudge;

		grudge_draw(&grudge, PARTITION_FLAKY, 5, &random);
		assert_in_range(grudge.permille, 1, 999);
		least = grudge.permille < least ? grudge.permille : least;
		most = grudge.permille > most ? grudge.permille : most;
		for (int k = 0; k < 5; k++) {
			assert_false(grudge.drops[k * 5 + k]);
			count += dropped_by(&grudge, k);
		}
		grudge_free(&grudge);
	}
	assert_in_range(count, 200 * 9, 200 * 11);
	assert_true(least < 100 && most >= 900);
}

static void
test_kinds_of_one_node(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 1, "test", 0);
	for (int kind = 0; kind < PARTITION_KINDS; kind++) {
		struct grudge grudge;

		grudge_draw(&grudge, (enum partition_kind)kind, 1, &random);
		assert_int_equal(dropped_by(&grudge, 0), 0);
		grudge_free(&grudge);
	}
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
init(struct world *world, double interval, unsigned kinds, const struct fault_script *script)
{
	const struct fault_world faulty = {world->net, NULL, nodes, 5};
	const struct nemesis_plan plan = {kinds, PARTITIONS_USUAL, interval, script};

	nemesis_init(&world->nemesis, &faulty, &plan, &world->history, 11);
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
	init(world, interval, FAULT_BIT(FAULT_PARTITION), NULL);
}

static void
stop(struct world *world)
{
	nemesis_free(&world->nemesis);
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
	assert_int_equal(nemesis_due(&world.nemesis), 0);
	assert_int_equal(open_ways(&world), 20);
	nemesis_act(&world.nemesis, 5);
	assert_non_null(nemesis_active(&world.nemesis));
	assert_in_range(nemesis_due(&world.nemesis), 5, 5 + 4 * S_NS);
	assert_true(open_ways(&world) < 20);
	ops = world.history.ops;
	assert_int_equal(world.history.count, 2);
	assert_true(ops[0].type == OP_INFO && ops[0].process == PROCESS_NEMESIS && ops[0].time == 5);
	assert_string_equal(ops[0].f, "start-partition");
	assert_true(value_is_keyword(ops[0].value, strrchr(nemesis_active(&world.nemesis), ' ') + 1));
	assert_true(value_is_keyword(ops[1].value->items[0], "isolated"));
	assert_int_equal(ops[1].value->items[1]->count, 10);

	nemesis_act(&world.nemesis, 9);
	assert_null(nemesis_active(&world.nemesis));
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
	nemesis_heal(&world.nemesis, 1);
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
		const struct fault_event *event;
		int64_t gap;

		nemesis_act(&world.nemesis, now);
		gap = nemesis_due(&world.nemesis) - now;
		longest = gap > longest ? gap : longest;
		now = nemesis_due(&world.nemesis);
		event = world.nemesis.streams[FAULT_PARTITION].event;
		for (int k = 0; k < PARTITION_KINDS; k++)
			kinds[k] += event != NULL && event->spec == partition_name((enum partition_kind)k);
	}
	assert_in_range(now / 2000, 2800 * MS_NS, 3200 * MS_NS);
	assert_in_range(longest, 5900 * MS_NS, 6000 * MS_NS);
	for (int k = 0; k < PARTITION_KINDS; k++)
		assert_in_range(kinds[k], k < PARTITION_ONE_WAY ? 200 : 0, k < PARTITION_ONE_WAY ? 300 : 0);
	stop(&world);
}

/* ---- what is drawn of nodes ------------------------------------------------------------- */

/* Every size of set of 5 nodes that each spec stands for, as often as it should come; and every node as often. */
static void
test_targets(void **state)
{
	static const struct {
		const char *spec; /* NULL: any subset */
		int least, most;
	} specs[] = {{NULL, 1, 5}, {"one", 1, 1}, {"minority-third", 1, 1}, {"minority", 2, 2}, {"majority", 3, 3},
	    {"all", 5, 5}};
	int counts[6] = {0}, hits[5] = {0};
	struct arena arena = {0};
	struct random random;

	(void)state;
	random_seed(&random, 2, "test", 0);
	for (int i = 0; i < 3000; i++) {
		struct fault_event event;
		int spec = 0;

		fault_draw(&event, FAULT_KILL, 0, 5, &random, &arena);
		assert_true(event.kind == FAULT_KILL && event.start && event.grudge == NULL);
		while (event.spec != NULL && (spec == 0 || strcmp(specs[spec].spec, event.spec) != 0))
			spec++;
		counts[spec]++;
		assert_in_range(event.target_count, specs[spec].least, specs[spec].most);
		for (int k = 0; k < event.target_count; k++) {
			assert_true(k == 0 || event.targets[k - 1].node < event.targets[k].node);
			hits[event.targets[k].node]++;
		}
	}
	for (int i = 0; i < 6; i++)
		assert_in_range(counts[i], 440, 560);
	for (int i = 0; i < 5; i++)
		assert_in_range(hits[i], 1400, 1600); /* half of the nodes, on average */
	arena_free(&arena);
}

/* Of few nodes, some specs stand for none; of many, all are in range. */
static void
test_targets_of_any_cluster(void **state)
{
	static const int sizes[] = {1, 2, 3, 4, 1000};
	struct arena arena = {0};
	struct random random;

	(void)state;
	random_seed(&random, 2, "test", 0);
	for (size_t n = 0; n < sizeof(sizes) / sizeof(sizes[0]); n++) {
		for (int i = 0; i < 60; i++) {
			struct fault_event event;
			int size = sizes[n];

			fault_draw(&event, FAULT_KILL, 0, size, &random, &arena);
			assert_in_range(event.target_count, 0, size);
			if (event.spec != NULL && strcmp(event.spec, "minority") == 0)
				assert_int_equal(event.target_count, size / 2);
			if (event.spec != NULL && strcmp(event.spec, "minority-third") == 0)
				assert_int_equal(event.target_count, (size - 1) / 3);
			for (int k = 0; k < event.target_count; k++)
				assert_in_range(event.targets[k].node, 0, size - 1);
		}
	}
	arena_free(&arena);
}

/* ---- scripts ----------------------------------------------------------------------------- */

/* What was done can be done again, from the list of it, with the same history. */
static void
test_script(void **state)
{
	struct world drawn, done;
	struct fault_script script;
	int64_t now = 0;

	(void)state;
	start(&drawn, 2);
	for (int i = 0; i < 7; i++, now = nemesis_due(&drawn.nemesis))
		nemesis_act(&drawn.nemesis, now);
	script = (struct fault_script){drawn.nemesis.done, drawn.nemesis.done_count};
	assert_int_equal(script.count, 7);

	start(&done, 1);
	nemesis_free(&done.nemesis);
	init(&done, 1, 0, &script);
	while ((now = nemesis_due(&done.nemesis)) < INT64_MAX)
		nemesis_act(&done.nemesis, now);
	nemesis_heal(&drawn.nemesis, 100 * S_NS);
	nemesis_heal(&done.nemesis, 100 * S_NS);
	assert_int_equal(done.history.count, 16);
	for (size_t i = 0; i < 16; i++)
		assert_true(value_equal(op_value(&done.history.arena, &done.history.ops[i]),
		    op_value(&done.history.arena, &drawn.history.ops[i])));
	stop(&done);
	stop(&drawn);
}

/* Without its stop a fault goes on until it is healed; a stop of nothing does no harm. */
static void
test_script_with_gaps(void **state)
{
	bool drops[25] = {[1] = true};
	const struct grudge grudge = {5, drops, 1000};
	const struct fault_event events[] = {
	    {.time = 3, .kind = FAULT_PARTITION},
	    {.time = 5, .kind = FAULT_PARTITION, .start = true, .spec = "one", .grudge = &grudge},
	};
	const struct fault_script script = {events, 2};
	struct world world;

	(void)state;
	start(&world, 1);
	nemesis_free(&world.nemesis);
	init(&world, 1, 0, &script);
	assert_int_equal(nemesis_due(&world.nemesis), 3);
	nemesis_act(&world.nemesis, 3);
	assert_int_equal(nemesis_due(&world.nemesis), 5);
	nemesis_act(&world.nemesis, 5);
	assert_int_equal(nemesis_due(&world.nemesis), INT64_MAX);
	assert_string_equal(nemesis_active(&world.nemesis), "partition one");
	assert_int_equal(open_ways(&world), 19);
	nemesis_heal(&world.nemesis, 9);
	assert_null(nemesis_active(&world.nemesis));
	assert_int_equal(open_ways(&world), 20);
	stop(&world);
}

static void
test_value(void **state)
{
	bool drops[] = {false, true, true, true, false, false, false, false, false};
	const struct grudge grudge = {3, drops, 1000};
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
	    cmocka_unit_test(test_one_way),
	    cmocka_unit_test(test_flaky),
	    cmocka_unit_test(test_kinds_of_one_node),
	    cmocka_unit_test(test_perfect_ring),
	    cmocka_unit_test(test_stochastic_ring),
	    cmocka_unit_test(test_every_node_is_chosen),
	    cmocka_unit_test(test_start_and_stop),
	    cmocka_unit_test(test_heal_without_a_partition),
	    cmocka_unit_test(test_timing_and_shares),
	    cmocka_unit_test(test_targets),
	    cmocka_unit_test(test_targets_of_any_cluster),
	    cmocka_unit_test(test_script),
	    cmocka_unit_test(test_script_with_gaps),
	    cmocka_unit_test(test_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
