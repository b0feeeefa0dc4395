/* A node's own requests: replies, time-outs, retries. */
#include "fake_host.h"

#include <stdlib.h>

static const struct program program = {.name = "rpcs"};

/* What became of one RPC. */
struct outcome {
	int replies, timeouts, drops;
	int error;
	char type[20];
	uint64_t again; /* a handle to cancel in the callback */
};

static void
replied(struct node *node, const struct message *reply, void *arg)
{
	struct outcome *outcome = arg;

	if (reply != NULL) {
		outcome->replies++;
		strlcpy(outcome->type, reply->type, sizeof(outcome->type));
	} else {
		outcome->timeouts++;
	}
	outcome->error = message_error(reply);
	node_cancel(node, outcome->again);
}

static void
dropped(void *arg)
{
	((struct outcome *)arg)->drops++;
}

static uint64_t
call(struct fake *fake, const char *dest, int64_t timeout_ms, struct outcome *outcome)
{
	return node_rpc(fake->node, dest, json_pack("{s:s}", "type", "read"), timeout_ms, replied, outcome, dropped);
}

/* Takes the next line apart: a request to `dest`. Returns its msg_id. */
static int64_t
sent(struct fake *fake, const char *dest)
{
	json_t *line = json_loads(fake_next(fake), 0, NULL);
	json_t *body = json_object_get(line, "body");
	int64_t msg_id = json_integer_value(json_object_get(body, "msg_id"));

	assert_string_equal(json_string_value(json_object_get(line, "src")), "n0");
	assert_string_equal(json_string_value(json_object_get(line, "dest")), dest);
	assert_string_equal(json_string_value(json_object_get(body, "type")), "read");
	assert_int_equal(json_object_size(body), 2);
	json_decref(line);
	return msg_id;
}

static void
answer(struct fake *fake, const char *src, int64_t msg_id, const char *members)
{
	char body[200];

	snprintf(body, sizeof(body), "{%s,'in_reply_to':%lld}", members, (long long)msg_id);
	fake_from(fake, src, body);
}

/* A node that is past holding back. */
static void
begin(struct fake *fake)
{
	fake_init(fake, &program);
	node_turn(fake->node, 10000);
}

#define assert_outcome(o, r, t, d)                 \
	do {                                       \
		assert_int_equal((o).replies, r);  \
		assert_int_equal((o).timeouts, t); \
		assert_int_equal((o).drops, d);    \
	} while (0)

/* ---- replies ---------------------------------------------------------------- */

static void
hands_a_reply_to_who_waits(void **state)
{
	struct outcome a = {0}, b = {0};
	struct fake fake;
	int64_t first, second;

	(void)state;
	begin(&fake);
	call(&fake, "lin-kv", 1000, &a);
	call(&fake, "n1", 1000, &b);
	first = sent(&fake, "lin-kv");
	second = sent(&fake, "n1");
	assert_int_equal(second, first + 1);
	answer(&fake, "n1", second, "'type':'read_ok'");
	assert_outcome(a, 0, 0, 0);
	assert_outcome(b, 1, 0, 0);
	assert_string_equal(b.type, "read_ok");
	assert_int_equal(b.error, -1);
	answer(&fake, "lin-kv", first, "'type':'error','code':20");
	assert_outcome(a, 1, 0, 0);
	assert_int_equal(a.error, ERROR_KEY_DOES_NOT_EXIST);
	assert_int_equal(node_due(fake.node), INT64_MAX);
	fake_close(&fake);
	assert_outcome(a, 1, 0, 0);
}

static void
drops_replies_that_nobody_waits_for(void **state)
{
	struct outcome a = {0};
	struct fake fake;
	int64_t msg_id;

	(void)state;
	begin(&fake);
	call(&fake, "n1", 1000, &a);
	msg_id = sent(&fake, "n1");
	answer(&fake, "n1", msg_id + 1, "'type':'read_ok'");
	answer(&fake, "n2", msg_id, "'type':'read_ok'"); /* not whom we asked */
	assert_outcome(a, 0, 0, 0);
	answer(&fake, "n1", msg_id, "'type':'read_ok'");
	answer(&fake, "n1", msg_id, "'type':'read_ok'"); /* duplicated */
	assert_outcome(a, 1, 0, 0);
	assert_true(fake_logged(&fake, "dropped a reply nobody waits for"));
	fake_close(&fake);
}

static void
calls_itself_through_the_network(void **state)
{
	struct outcome a = {0};
	struct fake fake;

	(void)state;
	fake_init(&fake, &program);
	call(&fake, "n0", 1000, &a);
	answer(&fake, "n0", sent(&fake, "n0"), "'type':'read_ok'");
	assert_outcome(a, 1, 0, 0);
	fake_close(&fake);
}

static void
times_out(void **state)
{
	struct outcome a = {0};
	struct fake fake;
	int64_t msg_id;

	(void)state;
	begin(&fake);
	call(&fake, "n1", 100, &a);
	msg_id = sent(&fake, "n1");
	fake_until(&fake, 10099);
	assert_outcome(a, 0, 0, 0);
	fake_until(&fake, 10100);
	assert_outcome(a, 0, 1, 0);
	assert_int_equal(a.error, ERROR_TIMEOUT);
	answer(&fake, "n1", msg_id, "'type':'read_ok'");
	assert_outcome(a, 0, 1, 0);
	fake_expect_nothing(&fake);
	fake_close(&fake);
}

static void
never_calls_back_at_once(void **state)
{
	struct outcome a = {0};
	struct fake fake;

	(void)state;
	begin(&fake);
	call(&fake, "n1", 0, &a);
	assert_outcome(a, 0, 0, 0);
	node_turn(fake.node, 10000);
	assert_outcome(a, 0, 1, 0);
	fake_close(&fake);
}

/* ---- cancelling -------------------------------------------------------------- */

static void
drops_what_is_cancelled(void **state)
{
	struct outcome a = {0}, b = {0};
	struct fake fake;
	uint64_t handle;
	int64_t msg_id;

	(void)state;
	begin(&fake);
	handle = call(&fake, "n1", 100, &a);
	msg_id = sent(&fake, "n1");
	node_cancel(fake.node, handle);
	assert_outcome(a, 0, 0, 1);
	node_cancel(fake.node, handle);
	answer(&fake, "n1", msg_id, "'type':'read_ok'");
	fake_until(&fake, 20000);
	assert_outcome(a, 0, 0, 1);
	b.again = call(&fake, "n1", 100, &b); /* cancels itself when it has ended: nothing */
	answer(&fake, "n1", sent(&fake, "n1"), "'type':'read_ok'");
	assert_outcome(b, 1, 0, 0);
	fake_close(&fake);
}

static void
drops_what_is_left_at_the_end(void **state)
{
	static const struct retry retry = {100, 1000, 0};
	struct outcome a = {0}, b = {0};
	struct fake fake;

	(void)state;
	fake_init(&fake, &program);
	call(&fake, "n1", INT64_MAX, &a);
	node_rpc_retry(fake.node, "n1", json_pack("{s:s}", "type", "read"), &retry, replied, &b, dropped);
	call(&fake, "n1", 10, &a);
	node_rpc(fake.node, "n1", json_pack("{s:s}", "type", "read"), 10, replied, &b, NULL);
	fake_close(&fake);
	assert_outcome(a, 0, 0, 2);
	assert_outcome(b, 0, 0, 1);
}

/* ---- ids --------------------------------------------------------------------- */

static void
starts_its_ids_at_random(void **state)
{
	struct outcome none = {0};
	int64_t ids[20];

	(void)state;
	for (int i = 0; i < 20; i++) {
		struct fake fake;

		fake_open(&fake, &program);
		fake.seed = (uint64_t)i;
		fake_say(&fake, INIT_N0);
		fake_expect(&fake, INIT_OK);
		call(&fake, "n0", 100, &none);
		ids[i] = sent(&fake, "n0");
		assert_in_range(ids[i], 1, (int64_t)1 << 48);
		for (int k = 0; k < i; k++)
			assert_true(llabs(ids[k] - ids[i]) > 1000);
		fake_close(&fake);
	}
}

/* ---- holding back ------------------------------------------------------------ */

static void
holds_back_as_any_message(void **state)
{
	struct outcome a = {0};
	struct fake fake;

	(void)state;
	fake_init(&fake, &program);
	call(&fake, "lin-kv", 100, &a);
	fake_expect_nothing(&fake);
	fake_until(&fake, 1100);
	assert_outcome(a, 0, 1, 0); /* the time counts from the call */
	fake_until(&fake, 1000 + NODE_HOLD_MS);
	sent(&fake, "lin-kv");
	fake_close(&fake);
}

static void
holds_back_one_attempt_only(void **state)
{
	static const struct retry retry = {50, 50, 0};
	struct outcome a = {0};
	struct fake fake;

	(void)state;
	fake_init(&fake, &program);
	node_rpc_retry(fake.node, "n1", json_pack("{s:s}", "type", "read"), &retry, replied, &a, dropped);
	fake_until(&fake, 1500);
	fake_expect_nothing(&fake);
	fake_from(&fake, "n1", "{'type':'hello'}");
	sent(&fake, "n1");
	fake_expect_nothing(&fake);
	fake_until(&fake, 1550);
	sent(&fake, "n1");
	fake_close(&fake);
}

/* ---- retries ------------------------------------------------------------------ */

/* When the attempts are made, each under the same msg_id. */
static void
sends_again_until_answered(void **state)
{
	static const struct retry retry = {100, 700, 0};
	static const int64_t longest[] = {100, 200, 400, 700, 700, 700, 700};
	struct outcome a = {0};
	struct fake fake;
	int64_t msg_id, last = 10000;

	(void)state;
	begin(&fake);
	node_rpc_retry(fake.node, "n1", json_pack("{s:s}", "type", "read"), &retry, replied, &a, dropped);
	msg_id = sent(&fake, "n1");
	for (size_t k = 0; k < sizeof(longest) / sizeof(longest[0]); k++) {
		int64_t due = node_due(fake.node);

		assert_in_range(due - last, longest[k] / 2, longest[k] - 1);
		fake_until(&fake, due - 1);
		fake_expect_nothing(&fake);
		fake_until(&fake, due);
		assert_int_equal(sent(&fake, "n1"), msg_id);
		fake_expect_nothing(&fake);
		last = due;
	}
	answer(&fake, "n1", msg_id, "'type':'read_ok'");
	assert_outcome(a, 1, 0, 0);
	fake_until(&fake, 60000);
	fake_expect_nothing(&fake);
	fake_close(&fake);
	assert_outcome(a, 1, 0, 0);
}

static void
gives_up_in_time(void **state)
{
	static const struct retry retry = {100, 100, 250};
	struct outcome a = {0};
	struct fake fake;
	int attempts = 0;

	(void)state;
	begin(&fake);
	node_rpc_retry(fake.node, "n1", json_pack("{s:s}", "type", "read"), &retry, replied, &a, dropped);
	fake_until(&fake, 10249);
	assert_outcome(a, 0, 0, 0);
	fake_until(&fake, 10250);
	assert_outcome(a, 0, 1, 0);
	while (fake_next(&fake) != NULL)
		attempts++;
	assert_in_range(attempts, 3, 5);
	fake_until(&fake, 60000);
	fake_expect_nothing(&fake);
	fake_close(&fake);
}

static void
draws_every_wait(void **state)
{
	static const struct retry fast = {1, 1, 0}, retry = {1000, 1000, 0};
	struct outcome a = {0};
	struct fake fake;
	int64_t least = INT64_MAX, most = 0;

	(void)state;
	begin(&fake);
	node_rpc_retry(fake.node, "n1", json_pack("{s:s}", "type", "read"), &fast, replied, &a, dropped);
	assert_int_equal(node_due(fake.node), 10001);
	fake_close(&fake);
	for (int i = 0; i < 200; i++) {
		int64_t wait;

		begin(&fake);
		fake.seed = (uint64_t)i * 77;
		node_rpc_retry(fake.node, "n1", json_pack("{s:s}", "type", "read"), &retry, replied, &a, dropped);
		wait = node_due(fake.node) - 10000;
		least = wait < least ? wait : least;
		most = wait > most ? wait : most;
		fake_close(&fake);
	}
	assert_in_range(least, 500, 540);
	assert_in_range(most, 960, 999);
}

/* ---- limit -------------------------------------------------------------------- */

static void
sends_nothing_beyond_the_limit(void **state)
{
	struct outcome a = {0}, b = {0}, c = {0};
	struct fake fake;
	int64_t msg_id;

	(void)state;
	begin(&fake);
	assert_int_equal(fake.node->limits.rpcs, NODE_RPCS_MAX);
	fake.node->limits.rpcs = 1;
	call(&fake, "n1", 1000, &a);
	msg_id = sent(&fake, "n1");
	call(&fake, "n1", 100, &b);
	fake_expect_nothing(&fake);
	assert_true(fake_logged(&fake, "1 RPCs wait for a reply: not sent to n1"));
	answer(&fake, "n1", msg_id + 1, "'type':'read_ok'"); /* it cannot be answered */
	assert_outcome(b, 0, 0, 0);
	fake_until(&fake, 10100);
	assert_outcome(b, 0, 1, 0);
	answer(&fake, "n1", msg_id, "'type':'read_ok'");
	call(&fake, "n1", 100, &c);
	answer(&fake, "n1", sent(&fake, "n1"), "'type':'read_ok'");
	assert_outcome(c, 1, 0, 0);
	call(&fake, "n1", 100, &c);
	call(&fake, "n1", 100, &b);
	fake_close(&fake);
	assert_outcome(c, 1, 0, 1);
	assert_outcome(b, 0, 1, 1);
}

/* A retry that found no place is sent once there is one. */
static void
sends_a_retry_when_there_is_room_again(void **state)
{
	static const struct retry retry = {100, 100, 0};
	struct outcome a = {0}, b = {0};
	struct fake fake;
	int64_t msg_id;

	(void)state;
	begin(&fake);
	fake.node->limits.rpcs = 1;
	call(&fake, "n1", 1000, &a);
	msg_id = sent(&fake, "n1");
	node_rpc_retry(fake.node, "n2", json_pack("{s:s}", "type", "read"), &retry, replied, &b, dropped);
	fake_until(&fake, 10500);
	fake_expect_nothing(&fake);
	answer(&fake, "n1", msg_id, "'type':'read_ok'");
	fake_until(&fake, 10600);
	answer(&fake, "n2", sent(&fake, "n2"), "'type':'read_ok'");
	assert_outcome(b, 1, 0, 0);
	assert_int_equal(fake.node->rpc_count, 0);
	assert_int_equal(fake.node->timer_count, 0);
	fake_close(&fake);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hands_a_reply_to_who_waits),
	    cmocka_unit_test(drops_replies_that_nobody_waits_for),
	    cmocka_unit_test(calls_itself_through_the_network),
	    cmocka_unit_test(times_out),
	    cmocka_unit_test(never_calls_back_at_once),
	    cmocka_unit_test(drops_what_is_cancelled),
	    cmocka_unit_test(drops_what_is_left_at_the_end),
	    cmocka_unit_test(starts_its_ids_at_random),
	    cmocka_unit_test(holds_back_as_any_message),
	    cmocka_unit_test(holds_back_one_attempt_only),
	    cmocka_unit_test(sends_again_until_answered),
	    cmocka_unit_test(gives_up_in_time),
	    cmocka_unit_test(draws_every_wait),
	    cmocka_unit_test(sends_nothing_beyond_the_limit),
	    cmocka_unit_test(sends_a_retry_when_there_is_room_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
