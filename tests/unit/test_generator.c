/* The generator, against nodes that answer at will: times, workers, processes, phases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fault.h"
#include "generator.h"
#include "workload.h"

/* ---- a workload of its own ------------------------------------------------------ */

static const struct rpc poke = {"poke", "poke_ok", {{0}}};

struct remembered {
	int64_t made;
};

static int64_t operations_max; /* of the workload at hand; 0: no end */

static bool
generate(
    void *arg, struct random *random, struct arena *arena, const struct test_options *options, struct op_template *next)
{
	struct remembered *remembered = arg;

	(void)random, (void)options;
	if (operations_max > 0 && remembered->made == operations_max)
		return false;
	next->f = "poke";
	next->value = value_int(arena, remembered->made++);
	return true;
}

static void
poked(struct call *call, const struct value *reply)
{
	(void)reply;
	call_ok(call, call_op(call)->value);
}

static void
invoke(struct call *call)
{
	call_rpc(call, &poke, NULL, 0, poked);
}

#define WORKLOAD .state_size = sizeof(struct remembered), .generate = generate, .invoke = invoke, .catches_errors = true

static const struct workload plain = {WORKLOAD};
static const struct workload each = {WORKLOAD, .each_thread = true};
static const struct workload reusing = {WORKLOAD, .reusable = true};
static const struct workload ending = {WORKLOAD, .final = {.f = "peek", .flagged = true}};

/* Completes as soon as it is asked for: every third operation crashes. */
static void
invoke_at_once(struct call *call)
{
	if (call_op(call)->value->type == VALUE_INT && call_op(call)->value->integer % 3 == 0)
		call_info(call);
	else
		call_ok(call, call_op(call)->value);
}

#define WORKERS_MAX 8

static int learned[WORKERS_MAX]; /* completions by worker */

static void
learn(void *state, struct arena *arena, int worker, const struct op *op)
{
	(void)state, (void)arena;
	assert_int_equal(op->process % WORKERS_MAX, worker); /* not yet that of what comes after */
	assert_true(op->type == OP_OK || op->type == OP_INFO);
	learned[worker]++;
}

/* In the end worker N does N operations, one a second. */
struct schedule {
	struct remembered remembered; /* what generate() knows */
	struct {
		int concluded;
		int64_t due;
	} workers[WORKERS_MAX];
};

static int64_t
due(const void *arg, int worker)
{
	const struct schedule *schedule = arg;

	return schedule->workers[worker].concluded < worker ? schedule->workers[worker].due : INT64_MAX;
}

static void
conclude(void *arg, struct random *random, struct arena *arena, int worker, struct op_template *next)
{
	struct schedule *schedule = arg;
	struct value *extra = value_collection(arena, VALUE_MAP);

	(void)random;
	value_put_int(arena, extra, "place", schedule->workers[worker].concluded++);
	schedule->workers[worker].due = next->now + S_NS;
	next->f = "knock";
	next->extra = extra;
}

static const struct workload prompt = {
    .state_size = sizeof(struct remembered), .generate = generate, .invoke = invoke_at_once, .final = {.f = "peek"}};
static const struct workload scheduled = {.state_size = sizeof(struct schedule),
    .generate = generate,
    .invoke = invoke,
    .catches_errors = true,
    .update = learn,
    .final = {.due = due, .generate = conclude, .limit_s = 5}};

/* ---- the world -------------------------------------------------------------------- */

#define NODES_OF_TEST 3

struct world {
	struct loop *loop;
	struct net *net;
	struct test_options options;
	struct history history;
	struct generator *generator;
	int next_client, done;
	int64_t delay_ms; /* until a node answers; -1: never */
	int requests[NODES_OF_TEST], clients_at_end;
};

struct answering {
	struct world *world;
	char src[8], dest[16], body[64];
};

static const char *const nodes[] = {"n0", "n1", "n2"};

static void
send_answer(void *arg)
{
	struct answering *a = arg;

	net_send(a->world->net, a->src, a->dest, a->body, strlen(a->body));
	free(a);
}

static bool
receive(void *arg, const struct envelope *envelope)
{
	struct world *world = arg;
	struct answering *a;

	world->requests[envelope->dest[1] - '0']++;
	if (world->delay_ms < 0)
		return true;
	a = calloc(1, sizeof(*a));
	a->world = world;
	strlcpy(a->src, envelope->dest, sizeof(a->src));
	strlcpy(a->dest, envelope->src, sizeof(a->dest));
	snprintf(a->body, sizeof(a->body), "{\"type\":\"poke_ok\",\"in_reply_to\":%d}",
	    atoi((char *)memmem(envelope->body, envelope->length, "\"msg_id\":", 9) + 9));
	loop_after(world->loop, world->delay_ms * MS_NS, send_answer, a);
	return true;
}

static void
on_done(void *arg)
{
	((struct world *)arg)->done++;
}

static void
start(struct world *world, const struct workload *workload, double rate, int64_t limit_s, int concurrency)
{
	const struct latency latency = {0, LATENCY_CONSTANT};

	memset(world, 0, sizeof(*world));
	operations_max = 0;
	world->loop = loop_new(CLOCK_VIRTUAL);
	world->net = net_new(world->loop, &latency, 1);
	world->options = (struct test_options){
	    .workload = workload,
	    .nodes = nodes,
	    .node_count = NODES_OF_TEST,
	    .concurrency = concurrency,
	    .rate = rate,
	    .time_limit_s = limit_s,
	    .recovery_s = 10,
	    .partitions = PARTITIONS_USUAL,
	    .nemesis_interval_s = 2,
	};
	for (int i = 0; i < NODES_OF_TEST; i++)
		net_add(world->net, nodes[i], receive, world);
}

static void
go(struct world *world)
{
	world->generator = generator_start(
	    world->loop, world->net, NULL, &world->options, 5, &world->next_client, &world->history, on_done, world);
}

static void
run(struct world *world)
{
	go(world);
	loop_run(world->loop);
	assert_int_equal(world->done, 1);
	assert_int_equal(generator_progress(world->generator)->phase, PHASE_DONE);
}

static void
stop(struct world *world)
{
	generator_free(world->generator);
	for (int i = 0; i < world->next_client; i++) {
		char id[16];

		snprintf(id, sizeof(id), "c%d", i);
		assert_false(net_knows(world->net, id));
	}
	history_free(&world->history);
	net_free(world->net);
	loop_free(world->loop);
}

/* ---- the main phase ----------------------------------------------------------------- */

static void
test_rate_and_limit(void **state)
{
	struct world world;
	const struct op *ops;
	int64_t last = -1, longest = 0;

	(void)state;
	start(&world, &plain, 100, 20, 6);
	run(&world);
	ops = world.history.ops;
	assert_int_equal(ops[0].time, 0);
	assert_in_range(world.history.count / 2, 1800, 2200);
	for (size_t i = 0; i < world.history.count; i++) {
		assert_true(ops[i].time < 20 * S_NS);
		if (ops[i].type != OP_INVOKE)
			continue;
		if (last >= 0 && ops[i].time - last > longest)
			longest = ops[i].time - last;
		last = ops[i].time;
	}
	assert_in_range(longest, 18 * MS_NS, 20 * MS_NS);
	/* The phase ends with the last operation, not with the time limit. */
	assert_int_equal(loop_now(world.loop), last);
	/* Three turns of seven, and twice two: the first worker has the nemesis' turn as well. */
	assert_in_range(world.requests[0], 770, 945);
	assert_in_range(world.requests[1], 510, 630);
	assert_in_range(world.requests[2], 510, 630);
	assert_int_equal(generator_progress(world.generator)->ok, world.history.count / 2);
	stop(&world);
}

static void
test_same_seed_same_history(void **state)
{
	uint64_t hash[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct world world;

		start(&world, &ending, 100, 5, 6);
		world.options.faults = FAULT_BIT(FAULT_PARTITION);
		run(&world);
		hash[i] = loop_hash(world.loop);
		stop(&world);
	}
	assert_true(hash[0] == hash[1]);
}

/* Busy workers: operations wait for a free one, and are not made up for afterwards. */
static void
test_no_catching_up(void **state)
{
	struct world world;

	(void)state;
	start(&world, &plain, 1000, 10, 2);
	world.delay_ms = 1000;
	run(&world);
	assert_in_range(world.history.count / 2, 18, 22);
	assert_in_range(loop_now(world.loop), 10 * S_NS, 11 * S_NS);
	stop(&world);
}

static void
test_rate_zero(void **state)
{
	struct world world;

	(void)state;
	start(&world, &ending, 0, 7, 3);
	run(&world);
	assert_int_equal(world.history.count, 6);
	assert_int_equal(world.history.ops[0].time, 17 * S_NS);
	assert_true(world.history.ops[0].final);
	stop(&world);
}

static void
test_rate_zero_with_a_nemesis(void **state)
{
	struct world world;

	(void)state;
	start(&world, &plain, 0, 20, 3);
	world.options.faults = FAULT_BIT(FAULT_PARTITION);
	run(&world);
	assert_true(world.history.count > 4 && world.history.ops[world.history.count - 1].time < 20 * S_NS);
	assert_int_equal(loop_now(world.loop), 20 * S_NS);
	stop(&world);
}

static void
test_workload_that_ends(void **state)
{
	struct world world;

	(void)state;
	start(&world, &plain, 10, 100, 3);
	operations_max = 5;
	run(&world);
	assert_int_equal(world.history.count, 10);
	assert_true(loop_now(world.loop) < 2 * S_NS);
	stop(&world);
}

/* Any rate: all workers are busy all the time, and that is all. */
static void
test_high_rate(void **state)
{
	struct world world;

	(void)state;
	start(&world, &plain, 1e9, 1, 4);
	world.delay_ms = 100;
	run(&world);
	assert_in_range(world.history.count / 2, 36, 44);
	stop(&world);
}

/* ---- workers, processes, clients -------------------------------------------------------- */

static void
test_processes_after_info(void **state)
{
	struct world world;
	const struct op *ops;
	int64_t latest[3] = {0, 1, 2};

	(void)state;
	start(&world, &plain, 10, 20, 3);
	world.delay_ms = -1;
	run(&world);
	ops = world.history.ops;
	assert_in_range(world.history.count / 2, 12, 15); /* 5 s each */
	for (size_t i = 0; i < world.history.count; i++) {
		int64_t worker = ops[i].process % 3;

		assert_int_equal(ops[i].process, latest[worker]);
		if (ops[i].type == OP_INVOKE)
			continue;
		assert_int_equal(ops[i].type, OP_INFO);
		assert_true(value_is_keyword(ops[i].error, "net-timeout"));
		assert_int_equal(ops[i].time - ops[ops[i].pair].time, 5 * S_NS);
		latest[worker] += 3;
	}
	/* A client for each process, made when it is needed. */
	assert_int_equal(world.next_client, world.history.count / 2);
	assert_int_equal(generator_progress(world.generator)->info, world.history.count / 2);
	for (int i = 0; i < NODES_OF_TEST; i++) {
		assert_int_equal(generator_answers(world.generator, i).answered, 0);
		assert_true(generator_answers(world.generator, i).unanswered >= 4);
	}
	stop(&world);
}

/* As in Jepsen's histories: the nemesis has a turn too, and the first worker takes it. */
static void
test_workers_take_turns(void **state)
{
	static const int64_t turns[4] = {0, 1, 2, 0};
	struct world world;
	size_t made = 0;

	(void)state;
	start(&world, &plain, 10, 60, 3);
	run(&world);
	for (size_t i = 0; i < world.history.count; i++)
		if (world.history.ops[i].type == OP_INVOKE)
			assert_int_equal(world.history.ops[i].process, turns[made++ % 4]);
	assert_true(made > 500);
	stop(&world);
}

/* The turn passes over who is busy, and comes back. */
static void
test_turns_of_the_busy(void **state)
{
	struct world world;
	const struct op *ops;

	(void)state;
	start(&world, &plain, 1000, 1, 3);
	world.delay_ms = 100;
	run(&world);
	ops = world.history.ops;
	for (size_t i = 0; i < world.history.count; i++)
		if (ops[i].type == OP_INVOKE && i > 3)
			assert_int_equal(ops[i].process, ops[i - 1].process); /* of whom has just become free */
	stop(&world);
}

static void
test_each_thread(void **state)
{
	struct world world;
	int made[3] = {0}, again = 0;
	int64_t last = -1;

	(void)state;
	start(&world, &each, 10, 60, 3);
	run(&world);
	for (size_t i = 0; i < world.history.count; i++) {
		if (world.history.ops[i].type != OP_INVOKE)
			continue;
		made[world.history.ops[i].process]++;
		again += world.history.ops[i].process == last;
		last = world.history.ops[i].process;
	}
	for (int i = 0; i < 3; i++)
		assert_in_range(made[i], 150, 250);
	assert_in_range(again, 150, 250);
	stop(&world);
}

static void
test_reusable_clients(void **state)
{
	struct world world;

	(void)state;
	start(&world, &reusing, 10, 20, 3);
	world.delay_ms = -1;
	run(&world);
	assert_int_equal(world.next_client, 3);
	assert_true(world.history.ops[world.history.count - 1].process >= 9);
	stop(&world);
}

/* A client goes when its worker needs a new one, not before. */
static void
test_late_answers(void **state)
{
	struct world world;

	(void)state;
	start(&world, &plain, 1000, 1, 1);
	world.options.node_count = 1;
	world.delay_ms = 5500;
	go(&world);
	while (world.done == 0)
		loop_run(world.loop);
	assert_true(net_knows(world.net, "c0"));
	stop(&world);
}

static void
test_workers_and_nodes(void **state)
{
	struct world world;

	(void)state;
	start(&world, &plain, 100, 5, 2); /* fewer workers than nodes: the last node is idle */
	run(&world);
	assert_true(world.requests[0] > 0 && world.requests[1] > 0 && world.requests[2] == 0);
	assert_int_equal(generator_answers(world.generator, 1).answered, world.requests[1]);
	stop(&world);
}

/* ---- phases -------------------------------------------------------------------------------- */

static void
test_final_phase(void **state)
{
	struct world world;
	const struct op *ops;
	size_t first = 0;
	int64_t healed;

	(void)state;
	start(&world, &ending, 50, 10, 6);
	world.options.faults = FAULT_BIT(FAULT_PARTITION);
	world.options.recovery_s = 4.5;
	run(&world);
	ops = world.history.ops;
	assert_string_equal(ops[0].f, "start-partition"); /* at once */
	assert_int_equal(ops[0].time, 0);
	while (!ops[first].final)
		first++;
	assert_int_equal(world.history.count - first, 12);
	assert_string_equal(ops[first - 1].f, "stop-partition");
	assert_true(value_is_keyword(ops[first - 1].value, "network-healed"));
	healed = ops[first - 1].time;
	assert_true(healed < 10 * S_NS);
	for (size_t i = first; i < world.history.count; i++) {
		assert_int_equal(ops[i].time, healed + 4500 * MS_NS);
		assert_string_equal(ops[i].f, "peek");
		assert_true(ops[i].final);
		assert_int_equal(ops[i].type, i < first + 6 ? OP_INVOKE : OP_OK);
	}
	assert_null(generator_progress(world.generator)->fault);
	stop(&world);
}

static void
test_no_nemesis_no_heal(void **state)
{
	struct world world;

	(void)state;
	start(&world, &ending, 50, 2, 3);
	run(&world);
	for (size_t i = 0; i < world.history.count; i++)
		assert_true(world.history.ops[i].process >= 0);
	stop(&world);
}

/* Outstanding operations are waited for before the network is healed and silence begins. */
static void
test_recovery_waits(void **state)
{
	struct world world;

	(void)state;
	start(&world, &ending, 50, 2, 3);
	world.delay_ms = 3000;
	run(&world);
	/* Three operations at once, which take 3 s; then 10 s, and 3 s for the final ones. */
	assert_int_equal(world.history.count, 12);
	assert_in_range(loop_now(world.loop), 16 * S_NS, 17 * S_NS);
	stop(&world);
}

/* Operations that take no time: one after the other, none is lost, and recovery comes in between. */
static void
test_operations_that_complete_at_once(void **state)
{
	struct world world;
	const struct op *ops;
	int64_t longest = 0;

	(void)state;
	start(&world, &prompt, 20000, 2, 3);
	run(&world);
	ops = world.history.ops;
	assert_in_range(world.history.count / 2, 38000, 42000);
	for (size_t i = 0; i < world.history.count; i += 2) {
		assert_int_equal(ops[i].type, OP_INVOKE);
		assert_int_equal(ops[i].pair, i + 1);
		assert_int_equal(ops[i + 1].time, ops[i].time);
		if (i > 0 && ops[i].time - ops[i - 1].time > longest)
			longest = ops[i].time - ops[i - 1].time;
	}
	assert_int_equal(longest, 10 * S_NS);
	for (size_t i = world.history.count - 6; i < world.history.count; i++)
		assert_string_equal(ops[i].f, "peek");
	stop(&world);
}

/* Workers end on their own; what would begin 5 s after the first final operation, or later, is left out. */
static void
test_final_sequences(void **state)
{
	struct world world;
	const struct op *ops;
	int64_t begun;
	size_t first = 0;
	int done[WORKERS_MAX] = {0};

	(void)state;
	memset(learned, 0, sizeof(learned));
	start(&world, &scheduled, 50, 10, WORKERS_MAX);
	world.delay_ms = 100;
	run(&world);
	ops = world.history.ops;
	while (strcmp(ops[first].f, "knock") != 0)
		first++;
	begun = ops[first].time;
	assert_int_equal(begun - ops[first - 1].time, 10 * S_NS);
	for (size_t i = first; i < world.history.count; i++) {
		int place = done[ops[i].process];

		assert_string_equal(ops[i].f, "knock");
		assert_int_equal(value_get(ops[i].extra, "place")->integer, place);
		assert_int_equal(ops[i].time, begun + place * S_NS + (ops[i].type == OP_OK ? 100 * MS_NS : 0));
		done[ops[i].process] += ops[i].type == OP_OK;
	}
	for (int i = 0; i < WORKERS_MAX; i++)
		assert_int_equal(done[i], i < 5 ? i : 5);
	assert_int_equal(ops[world.history.count - 1].time, begun + 4100 * MS_NS);
	stop(&world);
}

static void
test_learning(void **state)
{
	struct world world;
	int all = 0;

	(void)state;
	memset(learned, 0, sizeof(learned));
	start(&world, &scheduled, 50, 12, WORKERS_MAX);
	world.delay_ms = 5000; /* too late */
	run(&world);
	for (int i = 0; i < WORKERS_MAX; i++)
		all += learned[i];
	assert_int_equal(all, world.history.count / 2);
	assert_true(generator_progress(world.generator)->info > 0);
	stop(&world);
}

/* Two messages an operation; the 200th ends the main phase. */
static void
test_message_budget(void **state)
{
	struct world world;
	const struct op *ops;
	size_t first = 0;

	(void)state;
	start(&world, &ending, 50, 1000, 3);
	world.options.message_budget = 200;
	run(&world);
	ops = world.history.ops;
	while (!ops[first].final)
		first++;
	assert_int_equal(first, 200);
	assert_int_equal(ops[first].time - ops[first - 1].time, 10 * S_NS);
	stop(&world);
}

static void
chatter(void *arg)
{
	struct world *world = arg;

	net_send(world->net, "n0", "n1", "{\"msg_id\":1}", 12);
	if (world->done == 0)
		loop_after(world->loop, MS_NS, chatter, world);
}

/* Messages of others use it up as well, also while all workers wait. */
static void
test_message_budget_of_others(void **state)
{
	struct world world;

	(void)state;
	start(&world, &plain, 50, 1000, 1);
	world.options.message_budget = 100;
	world.delay_ms = -1;
	go(&world);
	chatter(&world);
	loop_run(world.loop);
	assert_int_equal(world.done, 1);
	assert_int_equal(world.history.count, 2);
	assert_in_range(loop_now(world.loop), 5 * S_NS, 5 * S_NS + 10 * MS_NS);
	stop(&world);
}

static void
stop_loop(void *arg)
{
	loop_stop(((struct world *)arg)->loop);
}

static void
test_freed_while_busy(void **state)
{
	struct world world;

	(void)state;
	start(&world, &plain, 50, 1000, 3);
	world.delay_ms = -1;
	go(&world);
	loop_after(world.loop, 2 * S_NS, stop_loop, &world);
	loop_run(world.loop);
	assert_int_equal(world.done, 0);
	stop(&world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rate_and_limit),
	    cmocka_unit_test(test_same_seed_same_history),
	    cmocka_unit_test(test_no_catching_up),
	    cmocka_unit_test(test_rate_zero),
	    cmocka_unit_test(test_rate_zero_with_a_nemesis),
	    cmocka_unit_test(test_workload_that_ends),
	    cmocka_unit_test(test_high_rate),
	    cmocka_unit_test(test_processes_after_info),
	    cmocka_unit_test(test_workers_take_turns),
	    cmocka_unit_test(test_turns_of_the_busy),
	    cmocka_unit_test(test_each_thread),
	    cmocka_unit_test(test_reusable_clients),
	    cmocka_unit_test(test_late_answers),
	    cmocka_unit_test(test_workers_and_nodes),
	    cmocka_unit_test(test_final_phase),
	    cmocka_unit_test(test_no_nemesis_no_heal),
	    cmocka_unit_test(test_recovery_waits),
	    cmocka_unit_test(test_operations_that_complete_at_once),
	    cmocka_unit_test(test_final_sequences),
	    cmocka_unit_test(test_learning),
	    cmocka_unit_test(test_message_budget),
	    cmocka_unit_test(test_message_budget_of_others),
	    cmocka_unit_test(test_freed_while_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
