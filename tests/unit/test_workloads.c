/* The workloads: what they ask, what they accept as an answer, and Maelstrom's topologies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client.h"
#include "workload.h"

/* ---- generators ---------------------------------------------------------------- */

struct draws {
	int count, reads, adds;
	int64_t sum, min, max, last;
	bool in_order; /* values are 0, 1, 2, ... */
};

static void
draw(const char *name, int count, struct draws *draws)
{
	const struct workload *workload = workload_find(name);
	struct test_options options = {.node_count = 1};
	struct arena arena = {0};
	struct random random;
	void *state = calloc(1, workload->state_size + 1);

	*draws = (struct draws){.in_order = true, .min = INT64_MAX, .max = INT64_MIN};
	random_seed(&random, 1, name, 0);
	for (int i = 0; i < count; i++) {
		struct op_template next = {0};

		assert_true(workload->generate(state, &random, &arena, &options, &next));
		draws->count++;
		if (next.value == NULL) {
			draws->reads += strcmp(next.f, "read") == 0;
			continue;
		}
		draws->in_order =
		    draws->in_order && next.value->type == VALUE_INT && next.value->integer == draws->adds;
		draws->adds++;
		if (next.value->type != VALUE_INT)
			continue;
		draws->min = next.value->integer < draws->min ? next.value->integer : draws->min;
		draws->max = next.value->integer > draws->max ? next.value->integer : draws->max;
		draws->sum += next.value->integer;
	}
	free(state);
	arena_free(&arena);
}

static void
test_sets_draw_evenly(void **state)
{
	struct draws d;

	(void)state;
	draw("broadcast", 2000, &d);
	assert_true(d.in_order && d.reads + d.adds == 2000);
	assert_in_range(d.reads, 900, 1100);
	draw("g-set", 2000, &d);
	assert_true(d.in_order);
	assert_in_range(d.reads, 900, 1100);
}

/* A PN-counter adds -5 to 4; a G-counter leaves out the negative half, so that reads are two thirds. */
static void
test_counters_draw_deltas(void **state)
{
	struct draws d;

	(void)state;
	draw("pn-counter", 3000, &d);
	assert_true(d.min == -5 && d.max == 4);
	assert_in_range(d.reads, 1350, 1650);
	draw("g-counter", 3000, &d);
	assert_true(d.min == 0 && d.max == 4);
	assert_in_range(d.reads, 1850, 2150);
}

static void
test_simple_draws(void **state)
{
	struct test_options options = {.node_count = 1};
	struct arena arena = {0};
	struct random random;
	struct op_template next = {0};

	(void)state;
	random_seed(&random, 1, "x", 0);
	assert_true(workload_find("echo")->generate(NULL, &random, &arena, &options, &next));
	assert_string_equal(next.f, "echo");
	assert_int_equal(strncmp(next.value->text, "Please echo ", 12), 0);
	assert_in_range(atoi(next.value->text + 12), 0, 127);
	next.value = NULL;
	assert_true(workload_find("unique-ids")->generate(NULL, &random, &arena, &options, &next));
	assert_string_equal(next.f, "generate");
	assert_null(next.value);
	arena_free(&arena);
}

static void
test_registered_workloads_are_whole(void **state)
{
	(void)state;
	for (const struct workload *const *w = workloads; *w != NULL; w++) {
		assert_ptr_equal(workload_find((*w)->name), *w);
		assert_true(
		    (*w)->summary != NULL && (*w)->generate != NULL && (*w)->invoke != NULL && (*w)->check != NULL);
	}
	assert_true(workload_find("broadcast")->final.flagged);
	assert_true(workload_find("g-counter")->final.flagged && workload_find("pn-counter")->final.flagged);
	assert_string_equal(workload_find("g-set")->final.f, "read");
	assert_false(workload_find("g-set")->final.flagged);
	assert_null(workload_find("echo")->final.f);
	assert_true(workload_find("unique-ids")->reusable && !workload_find("echo")->reusable);
}

/* ---- topologies ------------------------------------------------------------------- */

/* As the real Maelstrom gives them. */
static const struct {
	enum topology topology;
	int count;
	const char *expected;
} topologies[] = {
    {TOPOLOGY_LINE, 1, "{}"},
    {TOPOLOGY_LINE, 2, "{'n0':['n1'],'n1':['n0']}"},
    {TOPOLOGY_LINE, 3, "{'n0':['n1'],'n1':['n0','n2'],'n2':['n1']}"},
    {TOPOLOGY_GRID, 1, "{'n0':[]}"},
    {TOPOLOGY_GRID, 2, "{'n0':['n1'],'n1':['n0']}"},
    {TOPOLOGY_GRID, 5, "{'n0':['n3','n1'],'n1':['n4','n2','n0'],'n2':['n1'],'n3':['n0','n4'],'n4':['n1','n3']}"},
    {TOPOLOGY_TREE2, 1, "{'n0':[]}"},
    {TOPOLOGY_TREE2, 5, "{'n0':['n1','n2'],'n1':['n0','n3','n4'],'n2':['n0'],'n3':['n1'],'n4':['n1']}"},
    {TOPOLOGY_TREE3, 5, "{'n0':['n1','n2','n3'],'n1':['n0','n4'],'n2':['n0'],'n3':['n0'],'n4':['n1']}"},
    {TOPOLOGY_TREE4, 6,
	"{'n0':['n1','n2','n3','n4'],'n1':['n0','n5'],'n2':['n0'],'n3':['n0'],'n4':['n0'],'n5':['n1']}"},
    {TOPOLOGY_TOTAL, 1, "{'n0':[]}"},
    {TOPOLOGY_TOTAL, 3, "{'n0':['n1','n2'],'n1':['n0','n2'],'n2':['n0','n1']}"},
};

static void
test_topologies(void **state)
{
	const char *const nodes[] = {"n0", "n1", "n2", "n3", "n4", "n5", NULL};
	const struct workload *broadcast = workload_find("broadcast");

	(void)state;
	for (size_t i = 0; i < sizeof(topologies) / sizeof(topologies[0]); i++) {
		struct test_options options = {
		    .nodes = nodes, .node_count = topologies[i].count, .topology = topologies[i].topology};
		struct arena arena = {0};
		struct buffer text = {0};
		const struct rpc *rpc = NULL;
		const struct value *body = broadcast->setup(&arena, &options, &rpc);

		assert_string_equal(rpc->reply, "topology_ok");
		assert_true(value_is_string(value_get(body, "type"), "topology"));
		json_write(&text, value_get(body, "topology"));
		for (char *c = text.bytes; c < text.bytes + text.length; c++)
			if (*c == '"')
				*c = '\'';
		assert_string_equal(buffer_string(&text), topologies[i].expected);
		buffer_free(&text);
		arena_free(&arena);
	}
}

/* ---- operations ------------------------------------------------------------------- */

/* A node that answers every request with the body at hand. */
struct world {
	struct loop *loop;
	struct net *net;
	struct client *client;
	struct arena arena;
	struct buffer asked; /* the last request's body */
	const char *answer;  /* fields of the reply's body, with in_reply_to behind them */
	struct op completed;
	int next_client, completions;
};

static bool
answer(void *arg, const struct envelope *envelope)
{
	struct world *world = arg;
	struct buffer body = {0};

	world->asked.length = 0;
	buffer_append(&world->asked, envelope->body, envelope->length);
	buffer_printf(&body, "{%s,\"in_reply_to\":1}", world->answer);
	assert_int_equal(net_send(world->net, "n0", envelope->src, body.bytes, body.length), NET_OK);
	buffer_free(&body);
	return true;
}

static void
completed(void *arg, const struct op *op)
{
	struct world *world = arg;

	world->completed = *op;
	world->completions++;
}

/* Runs one operation of a workload against an answer; the value is JSON. */
static void
run(struct world *world, const char *workload, const char *f, const char *value, const char *reply)
{
	const struct latency latency = {0, LATENCY_CONSTANT};
	struct op op = {.type = OP_INVOKE, .f = f, .value = &value_nil};
	const char *cursor = value, *error;

	memset(world, 0, sizeof(*world));
	world->loop = loop_new(CLOCK_VIRTUAL);
	world->net = net_new(world->loop, &latency, 1);
	world->answer = reply;
	net_add(world->net, "n0", answer, world);
	world->client = client_open(world->loop, world->net, &world->next_client);
	if (value != NULL)
		op.value = json_read(&world->arena, &cursor, value + strlen(value), &error);
	call_start(world->client, workload_find(workload), "n0", &world->arena, &op, completed, world);
	loop_run(world->loop);
	assert_int_equal(world->completions, 1);
}

static void
stop(struct world *world)
{
	client_close(world->client);
	net_free(world->net);
	loop_free(world->loop);
	buffer_free(&world->asked);
	arena_free(&world->arena);
}

static void
assert_ok(
    const char *workload, const char *f, const char *value, const char *request, const char *reply, const char *result)
{
	struct world world;
	struct buffer text = {0};

	run(&world, workload, f, value, reply);
	assert_string_equal(buffer_string(&world.asked), request);
	assert_int_equal(world.completed.type, OP_OK);
	edn_write(&text, world.completed.value);
	assert_string_equal(buffer_string(&text), result);
	buffer_free(&text);
	stop(&world);
}

/* An answer against the schema is an exception, and the outcome is unknown. */
static void
assert_malformed(const char *workload, const char *f, const char *value, const char *reply, const char *why)
{
	struct world world;

	run(&world, workload, f, value, reply);
	assert_int_equal(world.completed.type, OP_INFO);
	assert_non_null(world.completed.exception);
	assert_int_equal(strncmp(world.completed.error->text, "indeterminate: Malformed RPC response.", 38), 0);
	if (strstr(world.completed.error->text, why) == NULL)
		fail_msg("'%s' does not say '%s'", world.completed.error->text, why);
	stop(&world);
}

static void
test_answers(void **state)
{
	(void)state;
	assert_ok("echo", "echo", "\"hi\"", "{\"type\":\"echo\",\"echo\":\"hi\",\"msg_id\":1}",
	    "\"type\":\"echo_ok\",\"echo\":{\"a\":1}", "{:type \"echo_ok\", :echo {\"a\" 1}, :in_reply_to 1}");
	assert_ok("unique-ids", "generate", NULL, "{\"type\":\"generate\",\"msg_id\":1}",
	    "\"type\":\"generate_ok\",\"id\":[1,\"a\"]", "[1 \"a\"]");
	assert_ok("broadcast", "broadcast", "7", "{\"type\":\"broadcast\",\"message\":7,\"msg_id\":1}",
	    "\"type\":\"broadcast_ok\",\"msg_id\":3", "7");
	assert_ok("broadcast", "read", NULL, "{\"type\":\"read\",\"msg_id\":1}",
	    "\"type\":\"read_ok\",\"messages\":[1,2]", "[1 2]");
	assert_ok("broadcast", "read", NULL, "{\"type\":\"read\",\"msg_id\":1}",
	    "\"type\":\"read_ok\",\"messages\":null", "nil");
	assert_ok("g-set", "add", "3", "{\"type\":\"add\",\"element\":3,\"msg_id\":1}", "\"type\":\"add_ok\"", "3");
	assert_ok("g-set", "read", NULL, "{\"type\":\"read\",\"msg_id\":1}", "\"type\":\"read_ok\",\"value\":[]", "[]");
	assert_ok(
	    "pn-counter", "add", "-4", "{\"type\":\"add\",\"delta\":-4,\"msg_id\":1}", "\"type\":\"add_ok\"", "-4");
	assert_ok("g-counter", "read", NULL, "{\"type\":\"read\",\"msg_id\":1}",
	    "\"type\":\"read_ok\",\"value\":9223372036854775807", "9223372036854775807");
}

static void
test_malformed_answers(void **state)
{
	(void)state;
	assert_malformed("echo", "echo", "1", "\"type\":\"echo\",\"echo\":1", "its type is not \"echo_ok\"");
	assert_malformed("echo", "echo", "1", "\"echo\":1", "its type is not");
	assert_malformed("echo", "echo", "1", "\"type\":\"echo_ok\"", "the key \"echo\" is missing");
	assert_malformed(
	    "echo", "echo", "1", "\"type\":\"echo_ok\",\"echo\":1,\"x\":2", "the key \"x\" is not allowed");
	assert_malformed(
	    "echo", "echo", "1", "\"type\":\"echo_ok\",\"echo\":1,\"msg_id\":\"2\"", "\"msg_id\" is not an integer");
	assert_malformed(
	    "broadcast", "broadcast", "1", "\"type\":\"broadcast_ok\",\"message\":1", "\"message\" is not allowed");
	assert_malformed(
	    "broadcast", "read", NULL, "\"type\":\"read_ok\",\"messages\":{}", "\"messages\" is not an array");
	assert_malformed("g-set", "read", NULL, "\"type\":\"read_ok\",\"messages\":[]", "\"messages\" is not allowed");
	assert_malformed(
	    "g-counter", "read", NULL, "\"type\":\"read_ok\",\"value\":1.0", "\"value\" is not an integer");
	assert_malformed(
	    "pn-counter", "read", NULL, "\"type\":\"read_ok\",\"value\":\"1\"", "\"value\" is not an integer");
}

/* The schema lets any integer through, but Maelstrom's client makes it a long. */
static void
test_counter_beyond_a_long(void **state)
{
	struct world world;

	(void)state;
	run(&world, "pn-counter", "read", NULL, "\"type\":\"read_ok\",\"value\":9223372036854775808");
	assert_int_equal(world.completed.type, OP_INFO);
	assert_string_equal(
	    world.completed.error->text, "indeterminate: Value out of range for long: 9223372036854775808");
	stop(&world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sets_draw_evenly),
	    cmocka_unit_test(test_counters_draw_deltas),
	    cmocka_unit_test(test_simple_draws),
	    cmocka_unit_test(test_registered_workloads_are_whole),
	    cmocka_unit_test(test_topologies),
	    cmocka_unit_test(test_answers),
	    cmocka_unit_test(test_malformed_answers),
	    cmocka_unit_test(test_counter_beyond_a_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
