/* Init: what it tells, what it refuses, and what comes before it. */
#include "fake_host.h"

struct state {
	int started;
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

	buffer_free(&state->heard);
}

static void
note(struct node *node, const struct message *message)
{
	struct state *state = node_state(node);
	json_t *value = json_object_get(message->body, "value");

	buffer_printf(&state->heard, "%s>%s:%lld/%lld=%lld;", message->src, message->dest, (long long)message->msg_id,
	    (long long)message->in_reply_to, value != NULL ? (long long)json_integer_value(value) : -1);
}

static const struct route routes[] = {{"note", note}, {NULL, NULL}};
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

/* ---- init ------------------------------------------------------------------ */

static void
answers_init_first_and_starts(void **unused)
{
	struct fake fake;

	(void)unused;
	fake_open(&fake, &starter);
	fake_expect_nothing(&fake);
	fake_say(&fake, INIT_N0);
	fake_expect(&fake, INIT_OK);
	fake_expect_to(&fake, "n0", "{'type':'started'}");
	fake_expect_nothing(&fake);
	assert_int_equal(((struct state *)node_state(fake.node))->started, 1);
	fake_close(&fake);
}

static void
knows_itself_and_its_peers(void **unused)
{
	struct fake fake;

	(void)unused;
	fake_open(&fake, &plain);
	fake_say(&fake, "{\"src\":\"c0\",\"dest\":\"b\",\"body\":{\"type\":\"init\",\"node_id\":\"b\","
			"\"node_ids\":[\"z\",\"a\",\"b\",\"n10\",\"n9\"]}}");
	fake_expect_nothing(&fake); /* without a msg_id init is obeyed all the same */
	assert_string_equal(node_id(fake.node), "b");
	assert_int_equal(node_count(fake.node), 5);
	assert_int_equal(node_index(fake.node), 2);
	assert_string_equal(node_peer(fake.node, 0), "z");
	assert_string_equal(node_peer(fake.node, 4), "n9");
	for (int i = 0; i < 5; i++)
		assert_int_equal(node_find(fake.node, node_peer(fake.node, i)), i);
	assert_int_equal(node_find(fake.node, "c"), -1);
	assert_int_equal(node_find(fake.node, ""), -1);
	fake_close(&fake);
}

static void
answers_a_second_init_without_obeying(void **unused)
{
	struct fake fake;

	(void)unused;
	fake_init(&fake, &starter);
	fake_expect_to(&fake, "n0", "{'type':'started'}");
	fake_from(&fake, "c7", "{'type':'init','msg_id':9,'node_id':'n5','node_ids':['n5']}");
	fake_expect_to(&fake, "c7", "{'type':'init_ok','in_reply_to':9}");
	fake_from(&fake, "c8", "{'type':'init','msg_id':10}");
	fake_expect_to(&fake, "c8", "{'type':'init_ok','in_reply_to':10}");
	fake_expect_nothing(&fake);
	assert_string_equal(node_id(fake.node), "n0");
	assert_int_equal(node_count(fake.node), 3);
	assert_int_equal(((struct state *)node_state(fake.node))->started, 1);
	fake_close(&fake);
}

static void
refuses_a_malformed_init(void **unused)
{
	static const char *const bodies[][2] = {
	    {"'node_ids':['n0']", "no node_id"},
	    {"'node_id':3,'node_ids':['n0']", "no node_id"},
	    {"'node_id':'','node_ids':['']", "no node_id"},
	    {"'node_id':'n0'", "no node_ids"},
	    {"'node_id':'n0','node_ids':'n0'", "no node_ids"},
	    {"'node_id':'n0','node_ids':['n0',4]", "node_ids holds something else than ids"},
	    {"'node_id':'n0','node_ids':['n0','']", "node_ids holds something else than ids"},
	    {"'node_id':'n0','node_ids':['n1','n0','n1']", "node_ids holds an id twice"},
	    {"'node_id':'n0','node_ids':[]", "node_id is not among node_ids"},
	    {"'node_id':'n0','node_ids':['n1','n2']", "node_id is not among node_ids"},
	};
	struct fake fake;

	(void)unused;
	fake_open(&fake, &starter);
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		char body[200], expected[200];

		snprintf(body, sizeof(body), "{'type':'init','msg_id':%zu,%s}", i, bodies[i][0]);
		snprintf(expected, sizeof(expected), "{'type':'error','code':12,'text':'%s','in_reply_to':%zu}",
		    bodies[i][1], i);
		fake_from(&fake, "c0", body);
		fake_expect_to(&fake, "c0", expected);
		fake_expect_nothing(&fake);
	}
	fake_say(&fake, INIT_N0); /* a right one is still welcome */
	fake_expect(&fake, INIT_OK);
	assert_int_equal(((struct state *)node_state(fake.node))->started, 1);
	fake_close(&fake);
}

/* ---- before init ----------------------------------------------------------- */

static void
refuses_clients_before_init(void **unused)
{
	struct fake fake;

	(void)unused;
	fake_open(&fake, &plain);
	fake_say(&fake, "{\"src\":\"c3\",\"dest\":\"n77\",\"body\":{\"type\":\"note\",\"msg_id\":4}}");
	fake_expect(&fake, "{\"src\":\"n77\",\"dest\":\"c3\",\"body\":{\"type\":\"error\",\"code\":11,"
			   "\"text\":\"this node has not had its init yet\",\"in_reply_to\":4}}");
	fake_from(&fake, "c3", "{'type':'note'}");
	fake_expect_nothing(&fake);
	fake_say(&fake, INIT_N0);
	fake_expect(&fake, INIT_OK);
	assert_string_equal(heard(&fake), "");
	fake_close(&fake);
}

static void
queues_peers_before_init(void **unused)
{
	struct fake fake;

	(void)unused;
	fake_open(&fake, &starter);
	fake_from(&fake, "n1", "{'type':'note','value':1}");
	fake_from(&fake, "n2", "{'type':'nonsense','msg_id':8}");
	fake_from(&fake, "n1", "{'type':'note','value':2,'msg_id':7}");
	fake_from(&fake, "lin-kv", "{'type':'read_ok','in_reply_to':5}");
	fake_expect_nothing(&fake);
	fake_say(&fake, INIT_N0);
	fake_expect(&fake, INIT_OK);
	fake_expect_to(&fake, "n0", "{'type':'started'}");
	fake_expect_to(&fake, "n2", "{'type':'error','code':10,'text':'unknown type: nonsense','in_reply_to':8}");
	fake_expect_nothing(&fake);
	assert_string_equal(heard(&fake), "n1>n0:-1/-1=1;n1>n0:7/-1=2;");
	fake_close(&fake);
}

static void
bounds_what_waits_for_init(void **unused)
{
	struct fake fake;

	(void)unused;
	fake_open(&fake, &plain);
	assert_int_equal(fake.node->limits.early, NODE_EARLY_MAX);
	fake.node->limits.early = 2;
	for (int i = 1; i <= 4; i++) {
		char body[100];

		snprintf(body, sizeof(body), "{'type':'note','value':%d}", i);
		fake_from(&fake, "n1", body);
	}
	assert_true(fake_logged(&fake, "dropped note from n1: 2 messages wait for init"));
	fake_say(&fake, INIT_N0);
	assert_string_equal(heard(&fake), "n1>n0:-1/-1=1;n1>n0:-1/-1=2;");
	fake_close(&fake);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_init_first_and_starts),
	    cmocka_unit_test(knows_itself_and_its_peers),
	    cmocka_unit_test(answers_a_second_init_without_obeying),
	    cmocka_unit_test(refuses_a_malformed_init),
	    cmocka_unit_test(refuses_clients_before_init),
	    cmocka_unit_test(queues_peers_before_init),
	    cmocka_unit_test(bounds_what_waits_for_init),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
