/* Requests answered later, and the deadlines of clients. */
#include "fake_host.h"

#include <stdlib.h>

#define READ 10000 /* when requests are read */

struct state {
	struct request *kept[8];
	int count;
};

static void
defer(struct node *node, const struct message *message)
{
	struct state *state = node_state(node);

	state->kept[state->count++] = node_defer(node, message);
}

static void
ignore(struct node *node, const struct message *message)
{
	(void)node;
	(void)message;
}

/* A deadline of its own, in the message. */
static void
hurry(struct node *node, const struct message *message)
{
	struct state *state = node_state(node);
	int64_t ms = json_integer_value(json_object_get(message->body, "ms"));

	defer(node, message);
	request_deadline(state->kept[state->count - 1], ms, ERROR_TXN_CONFLICT);
}

static void
defer_and_reply(struct node *node, const struct message *message)
{
	defer(node, message);
	node_reply_type(node, message, "hasty");
}

static void
reply_and_defer(struct node *node, const struct message *message)
{
	node_reply_type(node, message, "hasty");
	defer(node, message);
}

static const struct route routes[] = {{"defer", defer}, {"ignore", ignore}, {"hurry", hurry},
    {"defer_and_reply", defer_and_reply}, {"reply_and_defer", reply_and_defer}, {NULL, NULL}};
static const struct program program = {.name = "late", .state_size = sizeof(struct state), .routes = routes};

#define TIMED_OUT(id) "{'type':'error','code':0,'text':'no answer within 4000 ms','in_reply_to':" #id "}"

static void
begin(struct fake *fake)
{
	fake_init(fake, &program);
	node_turn(fake->node, READ);
}

static struct request *
kept(struct fake *fake, int i)
{
	return ((struct state *)node_state(fake->node))->kept[i];
}

/* ---- in time ---------------------------------------------------------------- */

static void
answers_later(void **unused)
{
	struct fake fake;

	(void)unused;
	begin(&fake);
	fake_from(&fake, "c1", "{'type':'defer','msg_id':1}");
	fake_from(&fake, "n1", "{'type':'defer','msg_id':1}");
	fake_from(&fake, "c2", "{'type':'defer','msg_id':8}");
	fake_expect_nothing(&fake);
	fake_until(&fake, READ + 3999);
	request_reply(kept(&fake, 1), json_pack("{s:s, s:i}", "type", "ok", "x", 1));
	fake_expect_to(&fake, "n1", "{'type':'ok','x':1,'in_reply_to':1}");
	request_error(kept(&fake, 2), ERROR_ABORT, "no %s", "luck");
	fake_expect_to(&fake, "c2", "{'type':'error','code':14,'text':'no luck','in_reply_to':8}");
	assert_false(request_closed(kept(&fake, 0)));
	request_reply_type(kept(&fake, 0), "ok");
	fake_expect_to(&fake, "c1", "{'type':'ok','in_reply_to':1}");
	fake_until(&fake, READ + 60000);
	fake_expect_nothing(&fake);
	assert_int_equal(fake.node->request_count, 0);
	fake_close(&fake);
}

static void
answers_nothing_without_msg_id(void **unused)
{
	struct fake fake;

	(void)unused;
	begin(&fake);
	fake_from(&fake, "c1", "{'type':'defer'}");
	fake_from(&fake, "c1", "{'type':'hurry','ms':1}");
	fake_from(&fake, "c1", "{'type':'ignore'}");
	assert_int_equal(node_due(fake.node), INT64_MAX);
	fake_until(&fake, READ + 5000);
	assert_false(request_closed(kept(&fake, 0)));
	request_reply_type(kept(&fake, 0), "ok");
	fake_expect_nothing(&fake);
	fake_close(&fake);
}

static void
takes_one_answer_from_a_handler(void **unused)
{
	struct fake fake;

	(void)unused;
	begin(&fake);
	fake_from(&fake, "c1", "{'type':'defer_and_reply','msg_id':1}");
	fake_expect_nothing(&fake);
	assert_true(fake_logged(&fake, "dropped a second answer"));
	request_reply_type(kept(&fake, 0), "ok");
	fake_expect_to(&fake, "c1", "{'type':'ok','in_reply_to':1}");
	fake_from(&fake, "c1", "{'type':'reply_and_defer','msg_id':2}");
	fake_expect_to(&fake, "c1", "{'type':'hasty','in_reply_to':2}");
	assert_true(request_closed(kept(&fake, 1)));
	request_reply_type(kept(&fake, 1), "ok");
	fake_expect_nothing(&fake);
	fake_close(&fake);
}

/* ---- deadlines -------------------------------------------------------------- */

static void
a_client_gets_an_error_at_its_deadline(void **unused)
{
	struct fake fake;

	(void)unused;
	begin(&fake);
	fake_from(&fake, "c1", "{'type':'defer','msg_id':1}");
	fake_until(&fake, READ + NODE_DEADLINE_MS - 1);
	fake_expect_nothing(&fake);
	fake_until(&fake, READ + NODE_DEADLINE_MS);
	fake_expect_to(&fake, "c1", TIMED_OUT(1));
	assert_true(request_closed(kept(&fake, 0)));
	request_reply_type(kept(&fake, 0), "ok"); /* late: goes nowhere */
	fake_expect_nothing(&fake);
	assert_true(fake_logged(&fake, "dropped a late reply to c1's 1"));
	assert_int_equal(fake.node->request_count, 0);
	fake_close(&fake);
}

static void
so_does_one_that_its_handler_forgot(void **unused)
{
	struct fake fake;

	(void)unused;
	begin(&fake);
	fake_from(&fake, "c1", "{'type':'ignore','msg_id':1}");
	fake_from(&fake, "n1", "{'type':'ignore','msg_id':2}");
	assert_int_equal(fake.node->request_count, 1);
	fake_until(&fake, READ + NODE_DEADLINE_MS - 1);
	fake_expect_nothing(&fake);
	fake_until(&fake, READ + NODE_DEADLINE_MS);
	fake_expect_to(&fake, "c1", TIMED_OUT(1));
	assert_int_equal(fake.node->request_count, 0);
	fake_until(&fake, READ + 60000);
	fake_expect_nothing(&fake);
	fake_close(&fake);
}

static void
a_peer_has_no_deadline(void **unused)
{
	struct fake fake;

	(void)unused;
	begin(&fake);
	fake_from(&fake, "n1", "{'type':'defer','msg_id':1}");
	assert_int_equal(node_due(fake.node), INT64_MAX);
	fake_until(&fake, READ + 60000);
	assert_false(request_closed(kept(&fake, 0)));
	request_reply_type(kept(&fake, 0), "ok");
	fake_expect_to(&fake, "n1", "{'type':'ok','in_reply_to':1}");
	fake_close(&fake);
}

static void
a_node_may_set_a_shorter_deadline(void **unused)
{
	struct fake fake;

	(void)unused;
	begin(&fake);
	fake_from(&fake, "c1", "{'type':'hurry','msg_id':1,'ms':300}");
	fake_from(&fake, "n1", "{'type':'hurry','msg_id':2,'ms':9000}");
	fake_from(&fake, "c3", "{'type':'hurry','msg_id':3,'ms':9000}");
	fake_from(&fake, "c4", "{'type':'hurry','msg_id':4,'ms':-5}");
	fake_expect_nothing(&fake);
	fake_until(&fake, READ);
	fake_expect_to(&fake, "c4", "{'type':'error','code':30,'text':'no answer within 0 ms','in_reply_to':4}");
	fake_until(&fake, READ + 299);
	fake_expect_nothing(&fake);
	fake_until(&fake, READ + 300);
	fake_expect_to(&fake, "c1", "{'type':'error','code':30,'text':'no answer within 300 ms','in_reply_to':1}");
	fake_until(&fake, READ + NODE_DEADLINE_MS); /* no longer than the client's own */
	fake_expect_to(&fake, "c3", "{'type':'error','code':30,'text':'no answer within 4000 ms','in_reply_to':3}");
	fake_until(&fake, READ + 8999);
	fake_expect_nothing(&fake);
	fake_until(&fake, READ + 9000);
	fake_expect_to(&fake, "n1", "{'type':'error','code':30,'text':'no answer within 9000 ms','in_reply_to':2}");
	request_deadline(kept(&fake, 0), 100, ERROR_ABORT); /* too late for that */
	fake_until(&fake, READ + 20000);
	fake_expect_nothing(&fake);
	fake_close(&fake);
}

/* The latest turn that is no stall: an error, well before the silence. */
static void
never_answers_in_the_silence(void **unused)
{
	struct fake fake;

	(void)unused;
	begin(&fake);
	fake_from(&fake, "c1", "{'type':'ignore','msg_id':1}");
	fake_until(&fake, READ + NODE_DEADLINE_MS - 1);
	node_turn(fake.node, READ + NODE_DEADLINE_MS - 1 + NODE_STALL_MS);
	fake_expect_to(&fake, "c1", TIMED_OUT(1));
	assert_true(node_now_ms(fake.node) < READ + NODE_SILENCE_MS);
	fake_close(&fake);
}

/* ---- stalls ----------------------------------------------------------------- */

static void
a_stall_drops_what_is_open(void **unused)
{
	struct fake fake;

	(void)unused;
	begin(&fake);
	fake_from(&fake, "c1", "{'type':'defer','msg_id':1}");
	fake_from(&fake, "c2", "{'type':'ignore','msg_id':2}");
	fake_from(&fake, "n1", "{'type':'defer','msg_id':3}");
	node_turn(fake.node, READ + NODE_STALL_MS); /* not yet */
	assert_false(request_closed(kept(&fake, 0)));
	node_turn(fake.node, READ + NODE_STALL_MS * 2 + 1);
	assert_true(request_closed(kept(&fake, 0)));
	assert_false(request_closed(kept(&fake, 1)));
	assert_true(fake_logged(&fake, "stood still for 501 ms: dropped 2 clients' requests"));
	fake_from(&fake, "c3", "{'type':'ignore','msg_id':4}");
	request_reply_type(kept(&fake, 0), "ok");
	request_reply_type(kept(&fake, 1), "ok");
	fake_expect_to(&fake, "n1", "{'type':'ok','in_reply_to':3}");
	fake_until(&fake, READ + 20000);
	fake_expect_to(&fake, "c3", TIMED_OUT(4)); /* read after the stall: a deadline like any other */
	fake_expect_nothing(&fake);
	fake_close(&fake);
}

static void
a_stall_of_five_seconds_says_nothing(void **unused)
{
	struct fake fake;

	(void)unused;
	begin(&fake);
	fake_from(&fake, "c1", "{'type':'ignore','msg_id':1}");
	node_turn(fake.node, READ + 5000);
	fake_expect_nothing(&fake);
	assert_int_equal(node_due(fake.node), INT64_MAX);
	fake_close(&fake);
}

/* Turns come often while clients wait, or any pause would look like a stall; and only then. */
static void
asks_for_turns_while_clients_wait(void **unused)
{
	struct fake fake;

	(void)unused;
	begin(&fake);
	assert_int_equal(node_due(fake.node), INT64_MAX);
	fake_from(&fake, "c1", "{'type':'defer','msg_id':1}");
	assert_in_range(node_due(fake.node), READ, READ + NODE_STALL_MS / 2);
	node_turn(fake.node, READ + 200);
	assert_in_range(node_due(fake.node), READ + 200, READ + 200 + NODE_STALL_MS / 2);
	request_reply_type(kept(&fake, 0), "ok");
	assert_int_equal(node_due(fake.node), INT64_MAX);
	node_turn(fake.node, READ + 10000);
	assert_false(fake_logged(&fake, "stood still"));
	fake_close(&fake);
}

/* ---- limit and end ----------------------------------------------------------- */

static void
bounds_what_is_deferred(void **unused)
{
	struct fake fake;

	(void)unused;
	begin(&fake);
	assert_int_equal(fake.node->limits.requests, NODE_REQUESTS_MAX);
	fake.node->limits.requests = 1;
	fake_from(&fake, "c1", "{'type':'defer','msg_id':1}");
	fake_expect_nothing(&fake);
	fake_from(&fake, "c2", "{'type':'defer','msg_id':2}");
	fake_expect_to(&fake, "c2", "{'type':'error','code':0,'text':'1 requests are waiting','in_reply_to':2}");
	assert_true(request_closed(kept(&fake, 1)));
	fake_from(&fake, "c3", "{'type':'ignore','msg_id':3}");
	fake_expect_to(&fake, "c3", "{'type':'error','code':0,'text':'1 requests are waiting','in_reply_to':3}");
	request_reply_type(kept(&fake, 1), "ok");
	fake_expect_nothing(&fake);
	request_reply_type(kept(&fake, 0), "ok");
	fake_expect_to(&fake, "c1", "{'type':'ok','in_reply_to':1}");
	fake_from(&fake, "c4", "{'type':'defer','msg_id':4}");
	fake_expect_nothing(&fake);
	fake_close(&fake);
}

static void
frees_what_is_left_at_the_end(void **unused)
{
	struct fake fake;

	(void)unused;
	begin(&fake);
	fake.node->limits.requests = 3;
	fake_from(&fake, "c1", "{'type':'defer','msg_id':1}");
	fake_from(&fake, "c2", "{'type':'ignore','msg_id':2}");
	fake_from(&fake, "n1", "{'type':'defer','msg_id':3}");
	fake_from(&fake, "n1", "{'type':'defer','msg_id':4}");
	fake_close(&fake);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_later),
	    cmocka_unit_test(answers_nothing_without_msg_id),
	    cmocka_unit_test(takes_one_answer_from_a_handler),
	    cmocka_unit_test(a_client_gets_an_error_at_its_deadline),
	    cmocka_unit_test(so_does_one_that_its_handler_forgot),
	    cmocka_unit_test(a_peer_has_no_deadline),
	    cmocka_unit_test(a_node_may_set_a_shorter_deadline),
	    cmocka_unit_test(never_answers_in_the_silence),
	    cmocka_unit_test(a_stall_drops_what_is_open),
	    cmocka_unit_test(a_stall_of_five_seconds_says_nothing),
	    cmocka_unit_test(asks_for_turns_while_clients_wait),
	    cmocka_unit_test(bounds_what_is_deferred),
	    cmocka_unit_test(frees_what_is_left_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
