/* The client: one request at a time, what it ignores, and what errors and time-outs mean for operations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client.h"

/* ---- a world of one client and one scripted node ------------------------------- */

/* What the node does with the n-th request: body of the answer (%d: the request's msg_id), after a delay. */
struct script {
	const char *body;
	int64_t delay_ms;
};

struct world {
	struct loop *loop;
	struct net *net;
	struct client *client;
	struct arena arena;
	int next_client;
	const struct script *script;
	int requests;
	char last_client[16];

	/* Of client_request(). */
	enum answer answer;
	const struct value *body;
	int answers;
	int64_t answered_at;

	/* Of call_start(). */
	struct op completed;
	int completions;
	bool again; /* start another call when this one ends */
	const struct workload *workload;
};

struct answering {
	struct world *world;
	char dest[16];
	struct buffer body;
};

static void
send_answer(void *arg)
{
	struct answering *a = arg;

	net_send(a->world->net, "n0", a->dest, a->body.bytes, a->body.length);
	buffer_free(&a->body);
	free(a);
}

static bool
receive(void *arg, const struct envelope *envelope)
{
	struct world *world = arg;
	const struct script *script = &world->script[world->requests++];
	struct answering *a;
	const char *id = memmem(envelope->body, envelope->length, "\"msg_id\":", 9);

	strlcpy(world->last_client, envelope->src, sizeof(world->last_client));
	if (script->body == NULL)
		return true;
	a = calloc(1, sizeof(*a));
	a->world = world;
	strlcpy(a->dest, envelope->src, sizeof(a->dest));
	buffer_printf(&a->body, "{\"in_reply_to\":%d,%s}", atoi(id + 9), script->body);
	loop_after(world->loop, script->delay_ms * MS_NS, send_answer, a);
	return true;
}

static void
start(struct world *world, const struct script *script)
{
	const struct latency latency = {0, LATENCY_CONSTANT};

	memset(world, 0, sizeof(*world));
	world->script = script;
	world->loop = loop_new(CLOCK_VIRTUAL);
	world->net = net_new(world->loop, &latency, 1);
	net_add(world->net, "n0", receive, world);
	world->client = client_open(world->loop, world->net, &world->next_client);
}

static void
stop(struct world *world)
{
	client_close(world->client);
	net_free(world->net);
	loop_free(world->loop);
	arena_free(&world->arena);
}

static void
answered(void *arg, enum answer answer, const struct value *body)
{
	struct world *world = arg;

	world->answer = answer;
	world->body = body;
	world->answers++;
	world->answered_at = loop_now(world->loop);
}

static void
request(struct world *world, int64_t timeout_ms)
{
	struct value *body = value_collection(&world->arena, VALUE_MAP);

	value_put_string(&world->arena, body, "type", value_string(&world->arena, "hello"));
	client_request(world->client, "n0", &world->arena, body, timeout_ms, answered, world);
	loop_run(world->loop);
}

/* ---- requests -------------------------------------------------------------------- */

static void
test_names_and_ids(void **state)
{
	static const struct script script[] = {{"\"type\":\"a\"", 0}, {"\"type\":\"b\"", 3}};
	struct world world;
	struct client *second;

	(void)state;
	start(&world, script);
	assert_string_equal(client_id(world.client), "c0");
	second = client_open(world.loop, world.net, &world.next_client);
	assert_string_equal(client_id(second), "c1");
	client_close(second);
	assert_false(net_knows(world.net, "c1"));
	request(&world, 100);
	assert_true(world.answers == 1 && world.answer == ANSWER_REPLY);
	assert_int_equal(value_get(world.body, "in_reply_to")->integer, 1);
	request(&world, 100);
	assert_int_equal(value_get(world.body, "in_reply_to")->integer, 2);
	assert_int_equal(world.answered_at, 3 * MS_NS);
	stop(&world);
}

/* As in Maelstrom, keys of the body become keywords, and only there. */
static void
test_keys_become_keywords(void **state)
{
	static const struct script script[] = {{"\"type\":\"a\",\"x\":{\"y\":1}", 0}};
	struct world world;
	struct buffer text = {0};

	(void)state;
	start(&world, script);
	request(&world, 100);
	edn_write(&text, world.body);
	assert_string_equal(buffer_string(&text), "{:in_reply_to 1, :type \"a\", :x {\"y\" 1}}");
	buffer_free(&text);
	stop(&world);
}

static void
test_error_and_timeout(void **state)
{
	static const struct script script[] = {
	    {"\"type\":\"error\",\"code\":11", 0}, {NULL, 0}, {"\"type\":\"late\"", 101}, {"\"type\":\"x\"", 50}};
	struct world world;

	(void)state;
	start(&world, script);
	request(&world, 100);
	assert_int_equal(world.answer, ANSWER_ERROR);
	request(&world, 100);
	assert_int_equal(world.answer, ANSWER_TIMEOUT);
	assert_null(world.body);
	assert_int_equal(world.answered_at, 100 * MS_NS);
	/* The late answer waits in the queue; the next request looks at it and throws it away. */
	request(&world, 100);
	assert_int_equal(world.answer, ANSWER_TIMEOUT);
	/* It is received only then: three requests, and one answer of two. */
	assert_int_equal(net_stats(world.net)->all.sent, 5);
	assert_int_equal(net_stats(world.net)->all.received, 4);
	request(&world, 100);
	assert_int_equal(world.answer, ANSWER_REPLY);
	assert_int_equal(net_stats(world.net)->all.received, 7);
	assert_true(value_is_string(value_get(world.body, "type"), "x"));
	assert_int_equal(world.answers, 4);
	stop(&world);
}

/* Only an equal integer is the answer: not a string, not a real, not another number, not nothing. */
static void
test_what_is_no_answer(void **state)
{
	static const char *const others[] = {"{\"in_reply_to\":\"1\"}", "{\"in_reply_to\":1.0}", "{\"in_reply_to\":2}",
	    "{\"type\":\"x\"}", "{\"in_reply_to\":99999999999999999999}", "[1]", "{}"};
	static const struct script script[] = {{NULL, 0}};
	struct world world;

	(void)state;
	start(&world, script);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(net_send(world.net, "n0", "c0", others[i], strlen(others[i])), NET_OK);
	request(&world, 100);
	assert_int_equal(world.answer, ANSWER_TIMEOUT);
	assert_int_equal(net_queued_bytes(world.net), 0);
	stop(&world);
}

static void
test_unknown_destination(void **state)
{
	static const struct script script[] = {{NULL, 0}};
	struct world world;
	struct value *body;

	(void)state;
	start(&world, script);
	body = value_collection(&world.arena, VALUE_MAP);
	client_request(world.client, "n7", &world.arena, body, 10, answered, &world);
	loop_run(world.loop);
	assert_int_equal(world.answer, ANSWER_TIMEOUT);
	stop(&world);
}

static void
test_close_forgets_a_request(void **state)
{
	static const struct script script[] = {{"\"type\":\"a\"", 5}};
	struct world world;
	struct value *body;

	(void)state;
	start(&world, script);
	body = value_collection(&world.arena, VALUE_MAP);
	client_request(world.client, "n0", &world.arena, body, 10, answered, &world);
	client_close(world.client);
	world.client = NULL;
	loop_run(world.loop);
	assert_int_equal(world.answers, 0);
	stop(&world);
}

/* ---- error codes -------------------------------------------------------------------- */

static void
test_error_names(void **state)
{
	static const struct {
		int64_t code;
		const char *name;
		bool definite;
	} expected[] = {{0, "timeout", false}, {1, "node-not-found", true}, {10, "not-supported", true},
	    {11, "temporarily-unavailable", true}, {12, "malformed-request", true}, {13, "crash", false},
	    {14, "abort", true}, {20, "key-does-not-exist", true}, {21, "key-already-exists", true},
	    {22, "precondition-failed", true}, {30, "txn-conflict", true}, {2, "unknown", false},
	    {-1, "unknown", false}, {1000, "unknown", false}};

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		bool definite = !expected[i].definite;

		assert_string_equal(error_name(expected[i].code, &definite), expected[i].name);
		assert_int_equal(definite, expected[i].definite);
	}
}

/* ---- operations ----------------------------------------------------------------------- */

static const struct rpc poke = {"poke", "poke_ok", {{"x", SCHEMA_INT}}};

static void
poked(struct call *call, const struct value *reply)
{
	call_ok(call, value_get(reply, "x"));
}

static void
invoke(struct call *call)
{
	call_rpc(call, &poke, NULL, 0, poked);
}

static const char *const idempotent[] = {"peek", NULL};
static const struct workload catching = {.invoke = invoke, .catches_errors = true, .idempotent = idempotent};
static const struct workload throwing = {.invoke = invoke};

static void
completed(void *arg, const struct op *op)
{
	struct world *world = arg;

	world->completed = *op;
	world->completions++;
}

static void
assert_outcome(const struct workload *workload, const char *f, const char *answer, enum op_type type, const char *error)
{
	const struct script script[] = {{answer, 0}};
	struct op op = {.type = OP_INVOKE, .f = f, .value = &value_nil, .process = 3};
	struct buffer text = {0};
	struct world world;

	start(&world, script);
	call_start(world.client, workload, "n0", &world.arena, &op, completed, &world);
	loop_run(world.loop);
	assert_int_equal(world.completions, 1);
	assert_int_equal(world.completed.process, 3);
	assert_int_equal(world.completed.type, type);
	assert_int_equal(loop_now(world.loop), answer == NULL ? CLIENT_TIMEOUT_MS * MS_NS : 0);
	if (world.completed.error != NULL)
		edn_write(&text, world.completed.error);
	assert_string_equal(buffer_string(&text), error);
	assert_int_equal(world.completed.exception != NULL, !workload->catches_errors && type == OP_INFO);
	buffer_free(&text);
	stop(&world);
}

static void
test_outcomes_where_errors_are_caught(void **state)
{
	(void)state;
	assert_outcome(&catching, "poke", "\"type\":\"poke_ok\",\"x\":5", OP_OK, "");
	assert_outcome(&catching, "poke", NULL, OP_INFO, ":net-timeout");
	assert_outcome(&catching, "peek", NULL, OP_FAIL, ":net-timeout");
	assert_outcome(&catching, "poke", "\"type\":\"error\",\"code\":14,\"text\":\"no\"", OP_FAIL, "[:abort \"no\"]");
	assert_outcome(&catching, "poke", "\"type\":\"error\",\"code\":13", OP_INFO, "[:crash nil]");
	assert_outcome(&catching, "peek", "\"type\":\"error\",\"code\":13", OP_FAIL, "[:crash nil]");
	assert_outcome(&catching, "poke", "\"type\":\"error\",\"code\":77,\"text\":{\"a\":[1]}", OP_INFO,
	    "[:unknown {\"a\" [1]}]");
	assert_outcome(&catching, "poke", "\"type\":\"error\",\"text\":\"x\"", OP_INFO, "[:unknown \"x\"]");
	assert_outcome(&catching, "poke", "\"type\":\"error\",\"code\":14.0", OP_INFO, "[:unknown nil]");
	assert_outcome(
	    &catching, "poke", "\"type\":\"error\",\"code\":11,\"extra\":1", OP_FAIL, "[:temporarily-unavailable nil]");
}

/* The texts are the real ones. */
static void
test_outcomes_where_they_are_not(void **state)
{
	(void)state;
	assert_outcome(&throwing, "poke", NULL, OP_INFO, "\"indeterminate: Client read timeout\"");
	assert_outcome(&throwing, "poke", "\"type\":\"error\",\"code\":10", OP_INFO,
	    "\"indeterminate: throw+: {:type :rpc-error, :code 10, :name :not-supported, :definite? true, :body "
	    "{:in_reply_to 1, :type \\\"error\\\", :code 10}}\"");
}

static void
test_exception_has_jepsens_form(void **state)
{
	static const struct script script[] = {{"\"type\":\"error\",\"code\":13,\"text\":\"boom\"", 0}};
	struct op op = {.type = OP_INVOKE, .f = "poke", .value = &value_nil};
	const struct value *via;
	struct buffer text = {0};
	struct world world;

	(void)state;
	start(&world, script);
	call_start(world.client, &throwing, "n0", &world.arena, &op, completed, &world);
	loop_run(world.loop);
	via = value_get(world.completed.exception, "via");
	assert_true(via->type == VALUE_VECTOR && via->count == 1);
	assert_int_equal(value_get(via->items[0], "type")->type, VALUE_SYMBOL);
	assert_string_equal(value_get(via->items[0], "type")->text, "clojure.lang.ExceptionInfo");
	edn_write(&text, value_get(via->items[0], "data"));
	assert_string_equal(buffer_string(&text), "{:type :rpc-error, :code 13, :name :crash, :definite? false, :body "
						  "{:in_reply_to 1, :type \"error\", :code 13, "
						  ":text \"boom\"}}");
	assert_ptr_equal(value_get(world.completed.exception, "cause"), value_get(via->items[0], "message"));
	buffer_free(&text);
	stop(&world);
}

/* ---- schemas ----------------------------------------------------------------------------- */

static bool
fits(const char *json, struct buffer *why)
{
	static const struct rpc rpc = {"q", "q_ok", {{"list", SCHEMA_ARRAY}, {"any", SCHEMA_ANY}, {"n", SCHEMA_INT}}};
	struct arena arena = {0};
	const char *cursor = json, *error;
	const struct value *body = json_read(&arena, &cursor, json + strlen(json), &error);
	bool fit = rpc_fits(&rpc, body, why);

	arena_free(&arena);
	return fit;
}

static void
test_schemas(void **state)
{
	static const char *const bad[][2] = {
	    {"{}", "its type is not \"q_ok\""},
	    {"{\"type\":\"q_ok\",\"list\":[],\"any\":1,\"n\":1}", "\"in_reply_to\" is missing"},
	    {"{\"type\":\"q_ok\",\"list\":[],\"any\":1,\"n\":1,\"in_reply_to\":\"1\"}",
		"\"in_reply_to\" is not an integer"},
	    {"{\"type\":\"q_ok\",\"list\":\"\",\"any\":1,\"n\":1,\"in_reply_to\":1}", "\"list\" is not an array"},
	    {"{\"type\":\"q_ok\",\"list\":[],\"n\":1,\"in_reply_to\":1}", "\"any\" is missing"},
	    {"{\"type\":\"q_ok\",\"list\":[],\"any\":1,\"n\":null,\"in_reply_to\":1}", "\"n\" is not an integer"},
	    {"{\"type\":\"q_ok\",\"list\":[],\"any\":1,\"n\":1,\"in_reply_to\":1,\"in-reply-to\":1}", "is not allowed"},
	};
	struct buffer why = {0};

	(void)state;
	assert_true(fits("{\"type\":\"q_ok\",\"list\":[1],\"any\":null,\"n\":1,\"in_reply_to\":1}", &why));
	assert_true(fits(
	    "{\"in_reply_to\":1,\"n\":99999999999999999999,\"any\":{},\"list\":null,\"type\":\"q_ok\",\"msg_id\":-3}",
	    &why));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why.length = 0;
		assert_false(fits(bad[i][0], &why));
		if (strstr(buffer_string(&why), bad[i][1]) == NULL)
			fail_msg("%s gave '%s'", bad[i][0], why.bytes);
	}
	buffer_free(&why);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names_and_ids),
	    cmocka_unit_test(test_keys_become_keywords),
	    cmocka_unit_test(test_error_and_timeout),
	    cmocka_unit_test(test_what_is_no_answer),
	    cmocka_unit_test(test_unknown_destination),
	    cmocka_unit_test(test_close_forgets_a_request),
	    cmocka_unit_test(test_error_names),
	    cmocka_unit_test(test_outcomes_where_errors_are_caught),
	    cmocka_unit_test(test_outcomes_where_they_are_not),
	    cmocka_unit_test(test_exception_has_jepsens_form),
	    cmocka_unit_test(test_schemas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
