/* kafka's client against answers from a script: which requests it sends, and what becomes of the operations. */
#include "client.h"
#include "value_help.h"

/* One request that must come, and what it is answered; NULL: nothing at all. */
struct exchange {
	const char *request, *reply;
};

struct script {
	struct loop *loop;
	struct net *net;
	struct client *client;
	struct arena arena;
	const struct exchange *exchanges; /* still to come */
	int left, next_client, completions;
	struct op completed;
};

static bool
receive(void *arg, const struct envelope *envelope)
{
	struct script *s = arg;
	struct buffer body = {0};
	char expected[256];

	if (s->left == 0)
		fail_msg("one too many: %.*s", (int)envelope->length, envelope->body);
	snprintf(expected, sizeof(expected), "{%s,\"msg_id\":", s->exchanges->request);
	if (strncmp(envelope->body, expected, strlen(expected)) != 0)
		fail_msg("'%.*s' is not '%s'", (int)envelope->length, envelope->body, expected);
	if (s->exchanges->reply != NULL) {
		buffer_printf(&body, "{%s,\"in_reply_to\":", s->exchanges->reply);
		buffer_append(&body, envelope->body + strlen(expected), envelope->length - strlen(expected));
		net_send(s->net, "n0", envelope->src, body.bytes, body.length);
	}
	buffer_free(&body);
	s->exchanges++;
	s->left--;
	return true;
}

static void
start(struct script *s)
{
	const struct latency latency = {0, LATENCY_CONSTANT};

	memset(s, 0, sizeof(*s));
	s->loop = loop_new(CLOCK_VIRTUAL);
	s->net = net_new(s->loop, &latency, 1);
	net_add(s->net, "n0", receive, s);
	s->client = client_open(s->loop, s->net, &s->next_client);
}

static void
stop(struct script *s)
{
	client_close(s->client);
	net_free(s->net);
	loop_free(s->loop);
	arena_free(&s->arena);
}

static void
completed(void *arg, const struct op *op)
{
	struct script *s = arg;

	s->completed = *op;
	s->completions++;
}

static void
invoke(
    struct script *s, const char *f, const char *value, const char *extra, const struct exchange *exchanges, int count)
{
	struct op op = {.type = OP_INVOKE, .f = f, .value = edn(&s->arena, value)};
	int before = s->completions;

	op.extra = extra != NULL ? edn(&s->arena, extra) : NULL;
	s->exchanges = exchanges;
	s->left = count;
	call_start(s->client, workload_find("kafka"), "n0", &s->arena, &op, completed, s);
	loop_run(s->loop);
	assert_int_equal(s->left, 0);
	assert_int_equal(s->completions, before + 1);
}

#define EXCHANGES(...) \
	(const struct exchange[]){__VA_ARGS__}, sizeof((const struct exchange[]){__VA_ARGS__}) / sizeof(struct exchange)

static void
assert_completed(const struct script *s, enum op_type type, const char *value)
{
	assert_int_equal(s->completed.type, type);
	assert_prints(s->completed.value, value);
}

#define POLL(offsets)   "\"type\":\"poll\",\"offsets\":{" offsets "}"
#define POLLED(msgs)    "\"type\":\"poll_ok\",\"msgs\":{" msgs "}"
#define COMMIT(offsets) "\"type\":\"commit_offsets\",\"offsets\":{" offsets "}"
#define COMMITTED       "\"type\":\"commit_offsets_ok\""
#define LIST(keys)      "\"type\":\"list_committed_offsets\",\"keys\":[" keys "]"
#define LISTED(offsets) "\"type\":\"list_committed_offsets_ok\",\"offsets\":{" offsets "}"
#define SEND            "\"type\":\"send\",\"key\":\"9\",\"msg\":3"
#define ERROR(code)     "\"type\":\"error\",\"code\":" #code ",\"text\":\"no\""

static void
assign(struct script *s, const char *keys)
{
	char value[128], request[128];

	snprintf(value, sizeof(value), "[%s]", keys);
	snprintf(request, sizeof(request), LIST("%s"), keys);
	for (char *c = request; (c = strchr(c, ' ')) != NULL;)
		*c = ',';
	invoke(s, "assign", value, NULL, EXCHANGES({request, LISTED("")}));
	assert_completed(s, OP_OK, value);
}

static void
poll(struct script *s, const struct exchange *exchanges, int count)
{
	invoke(s, "poll", "[[:poll]]", NULL, exchanges, count);
}

static void
send(struct script *s, const char *reply)
{
	invoke(s, "send", "[[:send \"9\" 3]]", NULL, EXCHANGES({SEND, reply}));
}

/* ---- what succeeds ------------------------------------------------------------------ */

static void
test_send(void **state)
{
	struct script s;

	(void)state;
	start(&s);
	send(&s, "\"type\":\"send_ok\",\"offset\":12");
	assert_completed(&s, OP_OK, "[[:send \"9\" [12 3]]]");
	send(&s, "\"type\":\"send_ok\",\"offset\":99999999999999999999,\"msg_id\":7");
	assert_completed(&s, OP_OK, "[[:send \"9\" [99999999999999999999N 3]]]");
	stop(&s);
}

static void
test_polls_move_on_and_commit(void **state)
{
	struct script s;

	(void)state;
	start(&s);
	poll(&s, EXCHANGES({POLL(""), POLLED("")})); /* a fresh client is assigned nothing */
	assert_completed(&s, OP_OK, "[[:poll {}]]");
	assign(&s, "\"1\" \"2\"");
	poll(&s, EXCHANGES({POLL("\"1\":0,\"2\":0"), POLLED("\"1\":[[0,10],[4,11]]")}, {COMMIT("\"1\":4"), COMMITTED}));
	assert_completed(&s, OP_OK, "[[:poll {\"1\" [[0 10] [4 11]]}]]");
	/* Empty logs and null are no messages: nothing to commit. */
	poll(&s, EXCHANGES({POLL("\"1\":5,\"2\":0"), POLLED("\"1\":[],\"2\":null")}));
	assert_completed(&s, OP_OK, "[[:poll {\"1\" [], \"2\" nil}]]");
	/* Never back, whatever comes; keys that nobody asked for are read on from there. */
	poll(&s, EXCHANGES({POLL("\"1\":5,\"2\":0"), POLLED("\"1\":[[2,9]],\"7\":[[3,1],[1,2]],\"2\":[[-4,1]]")},
		     {COMMIT("\"1\":2,\"7\":3,\"2\":0"), COMMITTED}));
	poll(&s, EXCHANGES({POLL("\"1\":5,\"2\":0,\"7\":4"), POLLED("")}));
	stop(&s);
}

/* A key that stays assigned is read on from where the consumer is. What the node has committed is not heeded. */
static void
test_assign(void **state)
{
	struct script s;

	(void)state;
	start(&s);
	assign(&s, "\"1\" \"2\"");
	poll(&s, EXCHANGES({POLL("\"1\":0,\"2\":0"), POLLED("\"1\":[[0,1]]")}, {COMMIT("\"1\":0"), COMMITTED}));
	invoke(&s, "assign", "[\"3\" \"1\"]", "{:unseen {3 {:polled -1, :sent 4}}}",
	    EXCHANGES({LIST("\"3\",\"1\""), LISTED("\"3\":5,\"1\":7")}));
	assert_completed(&s, OP_OK, "[\"3\" \"1\"]");
	poll(&s, EXCHANGES({POLL("\"3\":0,\"1\":1"), POLLED("")}));
	/* What was let go begins anew. */
	assign(&s, "\"2\"");
	assign(&s, "\"1\"");
	poll(&s, EXCHANGES({POLL("\"1\":0"), POLLED("\"1\":[[0,1]]")}, {COMMIT("\"1\":0"), COMMITTED}));
	/* To the beginning, without asking. */
	invoke(&s, "assign", "[\"1\"]", "{:seek-to-beginning? true}", NULL, 0);
	assert_completed(&s, OP_OK, "[\"1\"]");
	poll(&s, EXCHANGES({POLL("\"1\":0"), POLLED("")}));
	stop(&s);
}

static void
test_crash(void **state)
{
	struct script s;

	(void)state;
	start(&s);
	invoke(&s, "crash", "nil", NULL, NULL, 0);
	assert_completed(&s, OP_INFO, "nil");
	assert_null(s.completed.error);
	assert_null(s.completed.exception);
	stop(&s);
}

/* ---- what does not -------------------------------------------------------------------- */

static void
assert_failed(const struct script *s, enum op_type type, const char *error)
{
	assert_int_equal(s->completed.type, type);
	assert_null(s->completed.exception);
	assert_prints(s->completed.error, error);
}

static void
test_errors(void **state)
{
	struct script s;

	(void)state;
	start(&s);
	send(&s, ERROR(11));
	assert_failed(&s, OP_FAIL, "[:temporarily-unavailable \"no\"]");
	send(&s, ERROR(13));
	assert_failed(&s, OP_INFO, "[:crash \"no\"]");
	assert_prints(s.completed.value, "[[:send \"9\" 3]]");
	send(&s, ERROR(1000));
	assert_failed(&s, OP_INFO, "[:unknown \"no\"]");
	poll(&s, EXCHANGES({POLL(""), ERROR(20)}));
	assert_failed(&s, OP_FAIL, "[:key-does-not-exist \"no\"]");
	poll(&s, EXCHANGES({POLL(""), ERROR(0)}));
	assert_failed(&s, OP_INFO, "[:timeout \"no\"]");
	/* An assign asks and does nothing: whatever the error, it has failed. */
	invoke(&s, "assign", "[\"1\"]", NULL, EXCHANGES({LIST("\"1\""), ERROR(13)}));
	assert_failed(&s, OP_FAIL, "[:crash \"no\"]");
	poll(&s, EXCHANGES({POLL(""), POLLED("")}));
	stop(&s);
}

static void
test_timeouts(void **state)
{
	struct script s;

	(void)state;
	start(&s);
	send(&s, NULL);
	assert_failed(&s, OP_INFO, ":net-timeout");
	assert_int_equal(loop_now(s.loop), 5 * S_NS);
	poll(&s, EXCHANGES({POLL(""), NULL}));
	assert_failed(&s, OP_INFO, ":net-timeout");
	invoke(&s, "assign", "[\"1\"]", NULL, EXCHANGES({LIST("\"1\""), NULL}));
	assert_failed(&s, OP_FAIL, ":net-timeout");
	stop(&s);
}

/* The commit is part of the poll, but the consumer has moved on when it fails: each request has 5 s of its own. */
static void
test_failed_commits(void **state)
{
	struct script s;
	int64_t before;

	(void)state;
	start(&s);
	assign(&s, "\"1\"");
	poll(&s, EXCHANGES({POLL("\"1\":0"), POLLED("\"1\":[[0,5]]")}, {COMMIT("\"1\":0"), ERROR(11)}));
	assert_failed(&s, OP_FAIL, "[:temporarily-unavailable \"no\"]");
	assert_prints(s.completed.value, "[[:poll]]");
	poll(&s, EXCHANGES({POLL("\"1\":1"), POLLED("\"1\":[[1,6]]")}, {COMMIT("\"1\":1"), ERROR(13)}));
	assert_failed(&s, OP_INFO, "[:crash \"no\"]");
	before = loop_now(s.loop);
	poll(&s, EXCHANGES({POLL("\"1\":2"), POLLED("\"1\":[[2,7]]")}, {COMMIT("\"1\":2"), NULL}));
	assert_failed(&s, OP_INFO, ":net-timeout");
	assert_int_equal(loop_now(s.loop) - before, 5 * S_NS);
	stop(&s);
}

static void
assert_malformed(const struct script *s, const char *why)
{
	assert_int_equal(s->completed.type, OP_INFO);
	assert_non_null(s->completed.exception);
	if (strstr(s->completed.error->text, why) == NULL)
		fail_msg("'%s' does not say '%s'", s->completed.error->text, why);
}

static void
test_malformed_replies(void **state)
{
	static const char *const polls[] = {"\"type\":\"poll_ok\",\"msgs\":null", "\"type\":\"poll_ok\",\"msgs\":[]",
	    POLLED("\"1\":{}"), POLLED("\"1\":[null]"), POLLED("\"1\":[[1]]"), POLLED("\"1\":[[1,2,3]]"),
	    POLLED("\"1\":[[1.0,2]]"), POLLED("\"1\":[[null,2]]"), POLLED("\"1\":[[true,2]]"),
	    POLLED("\"1\":[],\"2\":7")};
	struct script s;

	(void)state;
	start(&s);
	for (size_t i = 0; i < sizeof(polls) / sizeof(polls[0]); i++) {
		poll(&s, EXCHANGES({POLL(""), polls[i]}));
		assert_malformed(&s, "\"msgs\" is not a map of arrays of [offset, message]");
	}
	poll(&s, EXCHANGES({POLL(""), POLLED("\"1\":[[0,5]]")}, {COMMIT("\"1\":0"), "\"type\":\"commit_ok\""}));
	assert_malformed(&s, "its type is not \"commit_offsets_ok\"");
	poll(&s,
	    EXCHANGES({POLL("\"1\":1"), POLLED("\"1\":[[1,5]]")}, {COMMIT("\"1\":1"), COMMITTED ",\"offsets\":{}"}));
	assert_malformed(&s, "the key \"offsets\" is not allowed");
	send(&s, "\"type\":\"send_ok\"");
	assert_malformed(&s, "\"offset\" is missing");
	send(&s, "\"type\":\"send_ok\",\"offset\":\"1\"");
	assert_malformed(&s, "\"offset\" is not an integer");
	/* Even an assign may then have any outcome. */
	invoke(&s, "assign", "[\"1\"]", NULL, EXCHANGES({LIST("\"1\""), LISTED("\"1\":null")}));
	assert_malformed(&s, "\"offsets\" is not a map of integers");
	stop(&s);
}

/* Behind the last offset of all there is none to poll from. */
static void
test_offsets_without_end(void **state)
{
	struct script s;

	(void)state;
	start(&s);
	assign(&s, "\"1\"");
	poll(&s, EXCHANGES({POLL("\"1\":0"), POLLED("\"1\":[[9223372036854775807,5]]")}));
	assert_malformed(&s, "indeterminate: long overflow");
	poll(&s, EXCHANGES({POLL("\"1\":0"), POLLED("\"1\":[[1,5],[99999999999999999999,5]]")}));
	assert_malformed(&s, "indeterminate: long overflow");
	poll(&s, EXCHANGES({POLL("\"1\":0"), POLLED("\"1\":[[9223372036854775806,5]]")},
		     {COMMIT("\"1\":9223372036854775806"), COMMITTED}));
	assert_int_equal(s.completed.type, OP_OK);
	stop(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_send),
	    cmocka_unit_test(test_polls_move_on_and_commit),
	    cmocka_unit_test(test_assign),
	    cmocka_unit_test(test_crash),
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_timeouts),
	    cmocka_unit_test(test_failed_commits),
	    cmocka_unit_test(test_malformed_replies),
	    cmocka_unit_test(test_offsets_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
