/* Whole runs of kafka's clients against nodes that share one store: crashes, and the polls of the end. */
#include <stdlib.h>

#include "fault.h"
#include "generator.h"
#include "value_help.h"
#include "workload.h"

#define KEYS     400
#define MESSAGES 16 /* in a log at most: the default of --max-writes-per-key */

enum behaviour {
	RIGHT,
	EMPTY,  /* polls find nothing */
	SHORT,  /* ... find all but what is sent last */
	SLOW,   /* ... find one message of each log */
	SILENT, /* ... are not answered */
	REFUSE, /* ... are answered with an error */
};

struct world {
	struct loop *loop;
	struct net *net;
	struct test_options options;
	struct history history;
	struct generator *generator;
	int next_client, done;
	enum behaviour behaviour;
	bool only_in_the_end; /* until then RIGHT */
	int64_t logs[KEYS][MESSAGES];
	int lengths[KEYS];
	int fresh_polls; /* without anything assigned */
};

static const char *const nodes[] = {"n0", "n1"};

/* ---- the store --------------------------------------------------------------------- */

static void
store(struct world *world, const struct value *body, struct buffer *reply)
{
	int key = atoi(value_get(body, "key")->text);

	assert_in_range(key, 0, KEYS - 1);
	assert_in_range(world->lengths[key], 0, MESSAGES - 1);
	world->logs[key][world->lengths[key]] = value_get(body, "msg")->integer;
	buffer_printf(reply, "{\"type\":\"send_ok\",\"offset\":%d", world->lengths[key]++);
}

static void
fetch(const struct world *world, enum behaviour behaviour, int key, int64_t from, struct buffer *reply)
{
	int end = behaviour == EMPTY ? 0 : world->lengths[key] - (behaviour == SHORT);

	if (behaviour == SLOW && end > from + 1)
		end = (int)from + 1;
	buffer_printf(reply, "\"%d\":[", key);
	for (int64_t i = from; i < end; i++)
		buffer_printf(reply, "%s[%d,%d]", i > from ? "," : "", (int)i, (int)world->logs[key][i]);
	buffer_append_char(reply, ']');
}

/* False: no answer. */
static bool
answer_poll(struct world *world, const struct value *offsets, struct buffer *reply)
{
	bool ending = generator_progress(world->generator)->phase == PHASE_FINAL;
	enum behaviour behaviour = world->only_in_the_end && !ending ? RIGHT : world->behaviour;

	world->fresh_polls += offsets->count == 0;
	if (behaviour == SILENT)
		return false;
	if (behaviour == REFUSE) {
		buffer_append_string(reply, "{\"type\":\"error\",\"code\":11,\"text\":\"no\"");
		return true;
	}
	buffer_append_string(reply, "{\"type\":\"poll_ok\",\"msgs\":{");
	for (size_t i = 0; i < offsets->count; i += 2) {
		buffer_append_string(reply, i > 0 ? "," : "");
		fetch(world, behaviour, atoi(offsets->items[i]->text), offsets->items[i + 1]->integer, reply);
	}
	buffer_append_char(reply, '}');
	return true;
}

static bool
receive(void *arg, const struct envelope *envelope)
{
	struct world *world = arg;
	struct arena arena = {0};
	const char *cursor = envelope->body, *error;
	const struct value *body = json_read(&arena, &cursor, envelope->body + envelope->length, &error);
	struct buffer reply = {0};
	bool answered = true;

	if (value_is_string(value_get(body, "type"), "send"))
		store(world, body, &reply);
	else if (value_is_string(value_get(body, "type"), "poll"))
		answered = answer_poll(world, value_get(body, "offsets"), &reply);
	else if (value_is_string(value_get(body, "type"), "commit_offsets"))
		buffer_append_string(&reply, "{\"type\":\"commit_offsets_ok\"");
	else
		buffer_append_string(&reply, "{\"type\":\"list_committed_offsets_ok\",\"offsets\":{}");
	buffer_printf(&reply, ",\"in_reply_to\":%d}", (int)value_get(body, "msg_id")->integer);
	if (answered)
		net_send(world->net, envelope->dest, envelope->src, reply.bytes, reply.length);
	buffer_free(&reply);
	arena_free(&arena);
	return true;
}

/* ---- runs ------------------------------------------------------------------------------ */

static void
on_done(void *arg)
{
	((struct world *)arg)->done++;
}

static void
start(struct world *world, enum behaviour behaviour)
{
	const struct latency latency = {0, LATENCY_CONSTANT};

	memset(world, 0, sizeof(*world));
	world->behaviour = behaviour;
	world->loop = loop_new(CLOCK_VIRTUAL);
	world->net = net_new(world->loop, &latency, 1);
	world->options = (struct test_options){
	    .workload = workload_find("kafka"),
	    .nodes = nodes,
	    .node_count = 2,
	    .concurrency = 4,
	    .rate = 100,
	    .time_limit_s = 20,
	    .recovery_s = 10,
	    .partitions = PARTITIONS_USUAL,
	    .nemesis_interval_s = 2,
	    .max_writes_per_key = MESSAGES,
	};
	for (int i = 0; i < 2; i++)
		net_add(world->net, nodes[i], receive, world);
}

static void
run(struct world *world)
{
	world->generator = generator_start(
	    world->loop, world->net, NULL, &world->options, 5, &world->next_client, &world->history, on_done, world);
	loop_run(world->loop);
	assert_int_equal(world->done, 1);
}

static void
stop(struct world *world)
{
	generator_free(world->generator);
	history_free(&world->history);
	net_free(world->net);
	loop_free(world->loop);
}

/* Where the final phase begins: behind the silence. */
static size_t
final_start(const struct world *world)
{
	const struct op *ops = world->history.ops;

	for (size_t i = 1; i < world->history.count; i++)
		if (ops[i].time - ops[i - 1].time == world->options.recovery_s * (double)S_NS)
			return i;
	fail_msg("no silence among %zu operations", world->history.count);
	return 0;
}

static int64_t
final_length(const struct world *world)
{
	return world->history.ops[world->history.count - 1].time - world->history.ops[final_start(world)].time;
}

/* Counts invocations of the final phase. */
static int
count(const struct world *world, const char *f)
{
	int found = 0;

	for (size_t i = final_start(world); i < world->history.count; i++)
		found += world->history.ops[i].type == OP_INVOKE && strcmp(world->history.ops[i].f, f) == 0;
	return found;
}

/* ---- the end ----------------------------------------------------------------------------- */

static void
test_caught_up_at_once(void **state)
{
	struct world world;
	const struct op *op;
	int64_t last = -1;

	(void)state;
	start(&world, RIGHT);
	run(&world);
	op = &world.history.ops[final_start(&world)];
	assert_string_equal(op->f, "crash");
	assert_int_equal(count(&world, "crash"), 4);
	assert_int_equal(count(&world, "assign"), 4);
	assert_int_equal(count(&world, "poll"), 4);
	assert_int_equal(final_length(&world), 0);
	while (strcmp(op->f, "assign") != 0)
		op++;
	assert_prints(op->extra, "{:seek-to-beginning? true}");
	for (size_t i = 0; i < op->value->count; i++) {
		int64_t key = atoi(op->value->items[i]->text);

		assert_true(key > last); /* in order */
		last = key;
	}
	while (strcmp(op->f, "poll") != 0)
		op++;
	assert_prints(op->value, "[[:poll]]");
	assert_prints(op->extra, "{:poll-ms 1000}");
	assert_int_equal(
	    verdict_of(check_kafka(&world.history.arena, &world.history, &world.options.check)), VERDICT_VALID);
	stop(&world);
}

/* Sixteen messages, one a poll: fifteen gaps of at most 400 ms. */
static void
test_catching_up_slowly(void **state)
{
	struct world world;

	(void)state;
	start(&world, SLOW);
	run(&world);
	assert_int_equal(count(&world, "crash"), 4);
	assert_int_equal(count(&world, "poll"), 4 * MESSAGES);
	assert_in_range(final_length(&world), 15 * 100 * MS_NS, 15 * 300 * MS_NS);
	stop(&world);
}

/* Polls go on for 10 s, every 200 ms on average, and whatever is under way is waited for. */
static void
test_never_caught_up(void **state)
{
	static const enum behaviour kinds[] = {EMPTY, SHORT, REFUSE};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct world world;

		start(&world, kinds[i]);
		world.only_in_the_end = true;
		run(&world);
		assert_in_range(final_length(&world), 9500 * MS_NS, 10 * S_NS - 1);
		assert_int_equal(count(&world, "crash"), 4);
		assert_int_equal(count(&world, "assign"), 4);
		assert_in_range(count(&world, "poll"), 4 * 40, 4 * 60);
		stop(&world);
	}
}

/* Each poll takes 5 s; then the client is a fresh one, to which nothing is assigned. */
static void
test_silence_in_the_end(void **state)
{
	struct world world;

	(void)state;
	start(&world, SILENT);
	world.only_in_the_end = true;
	run(&world);
	assert_int_equal(count(&world, "poll"), 8);
	assert_int_equal(final_length(&world), 10 * S_NS);
	stop(&world);
}

static void
test_nothing_to_poll_for(void **state)
{
	struct world world;

	(void)state;
	start(&world, RIGHT);
	world.options.rate = 0;
	run(&world);
	assert_int_equal(world.history.count, 0);
	assert_int_equal(loop_now(world.loop), 30 * S_NS);
	stop(&world);
}

/* ---- crashes ------------------------------------------------------------------------------- */

/* Of a process: whether its polls have anything to read from. */
static bool
has_assign(const struct world *world, size_t before)
{
	const struct op *ops = world->history.ops;

	for (size_t i = 0; i < before; i++)
		if (ops[i].process == ops[before].process && strcmp(ops[i].f, "assign") == 0 && ops[i].type == OP_OK)
			return true;
	return false;
}

static void
test_crashed_clients_are_replaced(void **state)
{
	struct world world;
	int crashes = 0, empty = 0;

	(void)state;
	start(&world, RIGHT);
	world.options.time_limit_s = 60;
	run(&world);
	for (size_t i = 0; i < world.history.count; i++) {
		const struct op *op = &world.history.ops[i];

		crashes += op->type == OP_INFO;
		if (op->type == OP_INFO)
			assert_string_equal(op->f, "crash");
		if (op->type != OP_OK || strcmp(op->f, "poll") != 0 || has_assign(&world, i))
			continue;
		empty++;
		assert_prints(op->value, "[[:poll {}]]");
	}
	assert_true(crashes > 8);
	assert_int_equal(world.fresh_polls, empty);
	/* A client for each process that did anything. */
	assert_int_equal(world.next_client, 4 + crashes);
	stop(&world);
}

static void
test_same_seed_same_events(void **state)
{
	struct world world;
	uint64_t hashes[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		start(&world, SHORT);
		world.options.faults = FAULT_BIT(FAULT_PARTITION);
		run(&world);
		hashes[i] = loop_hash(world.loop);
		stop(&world);
	}
	assert_true(hashes[0] == hashes[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_caught_up_at_once),
	    cmocka_unit_test(test_catching_up_slowly),
	    cmocka_unit_test(test_never_caught_up),
	    cmocka_unit_test(test_silence_in_the_end),
	    cmocka_unit_test(test_nothing_to_poll_for),
	    cmocka_unit_test(test_crashed_clients_are_replaced),
	    cmocka_unit_test(test_same_seed_same_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
