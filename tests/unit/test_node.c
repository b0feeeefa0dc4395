/* The core: dispatch, replies, chance, logs, and the end. */
#include "fake_host.h"

#include <stdlib.h>

/* ---- a program ------------------------------------------------------------- */

struct state {
	int started, stopped;
	int *stops; /* counted outside, since the state goes with the node */
	struct buffer heard;
};

static void
start(struct node *node)
{
	struct state *state = node_state(node);

	state->started++;
	node_send(node, node_id(node), json_pack("{s:s}", "type", "started"));
}

static void
stop(struct node *node)
{
	struct state *state = node_state(node);

	state->stopped++;
	buffer_free(&state->heard);
	if (state->stops != NULL)
		++*state->stops;
}

static void
note(struct node *node, const struct message *message)
{
	struct state *state = node_state(node);
	json_t *value = json_object_get(message->body, "value");

	buffer_printf(&state->heard, "%s>%s:%lld/%lld=%lld;", message->src, message->dest, (long long)message->msg_id,
	    (long long)message->in_reply_to, value != NULL ? (long long)json_integer_value(value) : -1);
}

static void
twice(struct node *node, const struct message *message)
{
	node_reply_type(node, message, "first");
	node_reply_type(node, message, "second");
}

static void
unpack(struct node *node, const struct message *message)
{
	const char *name;
	int number;

	if (node_unpack(node, message, "{s:s, s:i}", "name", &name, "number", &number))
		node_reply(
		    node, message, json_pack("{s:s, s:s, s:i}", "type", "unpack_ok", "name", name, "number", number));
}

static void
reply_all(struct node *node, const struct message *message)
{
	node_reply(node, message, json_incref(message->body));
}

static void
grow(struct node *node, const struct message *message)
{
	char text[200] = {0};
	int length = (int)json_integer_value(json_object_get(message->body, "length"));

	memset(text, 'x', (size_t)length);
	node_reply(node, message, json_pack("{s:s, s:s}", "type", "grow_ok", "text", text));
}

static void
fail_badly(struct node *node, const struct message *message)
{
	node_error(node, message, ERROR_ABORT, "%s%s", "bad \xff\xc3 byte, ", "\"quoted\"\n");
}

static void
nothing_much(struct node *node, const struct message *message)
{
	node_reply(node, message, json_object());
}

static const struct route routes[] = {{"note", note}, {"twice", twice}, {"unpack", unpack}, {"all", reply_all},
    {"grow", grow}, {"fail", fail_badly}, {"empty", nothing_much}, {0}};
static const struct program plain = {
    .name = "plain", .state_size = sizeof(struct state), .routes = routes, .stop = stop};
static const struct program starter = {
    .name = "starter", .state_size = sizeof(struct state), .routes = routes, .start = start, .stop = stop};

static const char *
heard(struct fake *fake)
{
	struct state *state = node_state(fake->node);

	return buffer_string(&state->heard);
}

/* ---- dispatch -------------------------------------------------------------- */

static void
refuses_an_unknown_type(void **unused)
{
	struct fake fake;

	(void)unused;
	fake_init(&fake, &plain);
	fake_from(&fake, "c1", "{'type':'nonsense','msg_id':2}");
	fake_expect_to(&fake, "c1", "{'type':'error','code':10,'text':'unknown type: nonsense','in_reply_to':2}");
	fake_from(&fake, "n1", "{'type':'nonsense','msg_id':3}");
	fake_expect_to(&fake, "n1", "{'type':'error','code':10,'text':'unknown type: nonsense','in_reply_to':3}");
	fake_from(&fake, "c1", "{'type':'nonsense'}");
	fake_expect_nothing(&fake);
	assert_true(fake_logged(&fake, "dropped nonsense from c1: unknown type"));
	fake_close(&fake);
}

static void
never_hands_a_reply_to_a_route(void **unused)
{
	struct fake fake;

	(void)unused;
	fake_init(&fake, &plain);
	fake_from(&fake, "n1", "{'type':'note','in_reply_to':3,'value':1}");
	fake_from(&fake, "n1", "{'type':'init','in_reply_to':3,'msg_id':4}");
	assert_string_equal(heard(&fake), "");
	fake_expect_nothing(&fake);
	assert_true(fake_logged(&fake, "dropped a reply nobody waits for: note from n1 to 3"));
	fake_from(&fake, "n1", "{'type':'note','in_reply_to':null,'msg_id':null,'value':1}");
	assert_string_equal(heard(&fake), "n1>n0:-1/-1=1;");
	fake_close(&fake);
}

/* ---- replies --------------------------------------------------------------- */

static void
replies_only_to_requests(void **unused)
{
	struct fake fake;

	(void)unused;
	fake_init(&fake, &plain);
	fake_from(&fake, "c1", "{'type':'all'}");
	fake_from(&fake, "c1", "{'type':'unpack'}");
	fake_expect_nothing(&fake);
	fake_from(&fake, "c1", "{'type':'empty','msg_id':0}");
	fake_expect_to(&fake, "c1", "{'in_reply_to':0}");
	fake_close(&fake);
}

/* A body that is handed back as it came: the reply's in_reply_to wins. */
static void
sets_in_reply_to_once(void **unused)
{
	struct fake fake;

	(void)unused;
	fake_init(&fake, &plain);
	fake_from(&fake, "n1", "{'in_reply_to':null,'type':'all','msg_id':5}");
	fake_expect_to(&fake, "n1", "{'type':'all','msg_id':5,'in_reply_to':5}");
	fake_close(&fake);
}

static void
drops_a_second_answer(void **unused)
{
	struct fake fake;

	(void)unused;
	fake_init(&fake, &plain);
	fake_from(&fake, "c1", "{'type':'twice','msg_id':5}");
	fake_expect_to(&fake, "c1", "{'type':'first','in_reply_to':5}");
	fake_expect_nothing(&fake);
	assert_true(fake_logged(&fake, "dropped a second answer to twice from c1"));
	fake_from(&fake, "c1", "{'type':'twice','msg_id':5}"); /* asked again, answered again */
	fake_expect_to(&fake, "c1", "{'type':'first','in_reply_to':5}");
	fake_close(&fake);
}

static void
unpacks_or_answers_malformed(void **unused)
{
	struct fake fake;

	(void)unused;
	fake_init(&fake, &plain);
	fake_from(&fake, "c1", "{'type':'unpack','msg_id':1,'name':'x','number':3}");
	fake_expect_to(&fake, "c1", "{'type':'unpack_ok','name':'x','number':3,'in_reply_to':1}");
	fake_from(&fake, "c1", "{'type':'unpack','msg_id':2,'name':'x'}");
	fake_expect_to(
	    &fake, "c1", "{'type':'error','code':12,'text':'unpack: Object item not found: number','in_reply_to':2}");
	fake_from(&fake, "c1", "{'type':'unpack','msg_id':3,'name':'x','number':[]}");
	fake_expect_to(
	    &fake, "c1", "{'type':'error','code':12,'text':'unpack: Expected integer, got array','in_reply_to':3}");
	fake_close(&fake);
}

static void
makes_any_error_text_sendable(void **unused)
{
	struct fake fake;

	(void)unused;
	fake_init(&fake, &plain);
	fake_from(&fake, "c1", "{'type':'fail','msg_id':1}");
	fake_expect(&fake, "{\"src\":\"n0\",\"dest\":\"c1\",\"body\":{\"type\":\"error\",\"code\":14,"
			   "\"text\":\"bad ?? byte, \\\"quoted\\\"\\n\",\"in_reply_to\":1}}");
	fake_close(&fake);
}

static void
drops_a_line_over_the_limit(void **unused)
{
	struct fake fake;

	(void)unused;
	fake_init(&fake, &plain);
	assert_int_equal(fake.node->limits.line, NODE_LINE_MAX);
	fake.node->limits.line = 96;
	fake_from(&fake, "c1", "{'type':'grow','length':20,'msg_id':1}");
	assert_int_equal(strlen(fake_next(&fake)), 96);
	fake_from(&fake, "c1", "{'type':'grow','length':21,'msg_id':2}");
	fake_expect_nothing(&fake);
	assert_true(fake_logged(&fake, "dropped a message to c1: 97 bytes are too long"));
	node_receive_oversized(fake.node, 12345);
	assert_true(fake_logged(&fake, "skipped a line of 12345 bytes"));
	fake_close(&fake);
}

static void
quotes_ids(void **unused)
{
	struct fake fake;

	(void)unused;
	fake_init(&fake, &plain);
	fake_say(&fake, "{\"src\":\"c\\\"1\\u00e9\\n\",\"dest\":\"n0\",\"body\":{\"type\":\"empty\",\"msg_id\":1}}");
	fake_expect(&fake, "{\"src\":\"n0\",\"dest\":\"c\\\"1\xc3\xa9\\n\",\"body\":{\"in_reply_to\":1}}");
	fake_close(&fake);
}

/* ---- chance, logs, facts --------------------------------------------------- */

static void
draws_within_bounds(void **unused)
{
	struct fake fake;
	int counts[10] = {0};

	(void)unused;
	fake_open(&fake, &plain);
	for (int i = 0; i < 10000; i++)
		counts[node_random(fake.node, 10)]++;
	for (int i = 0; i < 10; i++)
		assert_in_range(counts[i], 850, 1150);
	assert_int_equal(node_random(fake.node, 1), 0);
	counts[0] = 0; /* were nothing drawn anew, half would be in the first third */
	for (int i = 0; i < 3000; i++)
		counts[0] += node_random(fake.node, (uint64_t)3 << 62) < (uint64_t)1 << 62;
	assert_in_range(counts[0], 900, 1100);
	for (int i = 0; i < 100; i++)
		assert_true(node_random(fake.node, UINT64_MAX) < UINT64_MAX);
	assert_true((node_random(fake.node, 0) | node_random(fake.node, 0)) >> 32 != 0);
	fake_close(&fake);
}

static void
logs_one_line_up_to_its_level(void **unused)
{
	struct fake fake;
	char text[5000];

	(void)unused;
	fake_init(&fake, &plain);
	fake.logs.length = 0;
	fake.node->log_level = LOG_LEVEL_WARN;
	node_log(fake.node, LOG_LEVEL_INFO, "too fine");
	node_log(fake.node, LOG_LEVEL_WARN, "a\nb\x1b%d", 7);
	assert_string_equal(buffer_string(&fake.logs), "2023-11-14T22:13:20.123Z n0 WARN  a b 7\n");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	fake.logs.length = 0;
	node_log(fake.node, LOG_LEVEL_ERROR, "%s", text);
	assert_in_range(fake.logs.length, 2000, 2100);
	fake_close(&fake);
}

static void
traces_every_line_if_asked(void **unused)
{
	struct fake fake;

	(void)unused;
	fake_init(&fake, &plain);
	fake.node->log_level = LOG_LEVEL_TRACE;
	fake_from(&fake, "c1", "{'type':'empty','msg_id':3}");
	assert_true(fake_logged(&fake, "TRACE receive {\"src\":\"c1\""));
	assert_true(fake_logged(&fake, "TRACE send {\"src\":\"n0\""));
	fake_close(&fake);
}

static void
knows_definite_errors(void **unused)
{
	static const int definite[] = {1, 10, 11, 12, 14, 20, 21, 22, 30}, other[] = {-1, 0, 2, 9, 13, 15, 31, 1000};

	(void)unused;
	for (size_t i = 0; i < sizeof(definite) / sizeof(definite[0]); i++)
		assert_true(error_is_definite(definite[i]));
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		assert_false(error_is_definite(other[i]));
	assert_true(is_client("c1"));
	assert_false(is_client("n1"));
	assert_false(is_client(""));
}

static void
never(struct node *node, void *arg)
{
	(void)node;
	(void)arg;
	fail();
}

static void
assert_not_stopped(void *arg)
{
	struct state *state = arg;

	assert_int_equal(state->stopped, 0);
	state->started = -1;
	if (state->stops != NULL)
		*state->stops += 100;
}

/* What a drop touches is still there: drops come before stop(). */
static void
drops_before_it_stops(void **unused)
{
	struct fake fake;
	int stops = 0;

	(void)unused;
	fake_init(&fake, &starter);
	((struct state *)node_state(fake.node))->stops = &stops;
	node_after(fake.node, 5, never, node_state(fake.node), assert_not_stopped);
	fake_close(&fake);
	assert_int_equal(stops, 101);
}

static void
stops_once_if_it_started(void **unused)
{
	struct fake fake;
	int stops = 0;

	(void)unused;
	fake_open(&fake, &starter);
	((struct state *)node_state(fake.node))->stops = &stops;
	fake_close(&fake);
	assert_int_equal(stops, 0);
	fake_init(&fake, &starter);
	((struct state *)node_state(fake.node))->stops = &stops;
	fake_close(&fake);
	assert_int_equal(stops, 1);
	node_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(refuses_an_unknown_type),
	    cmocka_unit_test(never_hands_a_reply_to_a_route),
	    cmocka_unit_test(replies_only_to_requests),
	    cmocka_unit_test(sets_in_reply_to_once),
	    cmocka_unit_test(drops_a_second_answer),
	    cmocka_unit_test(unpacks_or_answers_malformed),
	    cmocka_unit_test(makes_any_error_text_sendable),
	    cmocka_unit_test(drops_a_line_over_the_limit),
	    cmocka_unit_test(quotes_ids),
	    cmocka_unit_test(draws_within_bounds),
	    cmocka_unit_test(logs_one_line_up_to_its_level),
	    cmocka_unit_test(traces_every_line_if_asked),
	    cmocka_unit_test(knows_definite_errors),
	    cmocka_unit_test(drops_before_it_stops),
	    cmocka_unit_test(stops_once_if_it_started),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
