/* Holding back what goes to those who may not be there yet. */
#include "fake_host.h"

#include <stdlib.h>

/* Greets everybody at once, as a node that knows nothing of Maelstrom would. */
static void
greet_all(struct node *node)
{
	static const char *const services[] = {"lin-kv", "seq-kv"};

	for (int i = 0; i < node_count(node); i++)
		node_send(node, node_peer(node, i), json_pack("{s:s, s:i}", "type", "hello", "to", i));
	for (int i = 0; i < 2; i++)
		node_send(node, services[i], json_pack("{s:s}", "type", "hello"));
	node_send(node, "c9", json_pack("{s:s}", "type", "hello"));
}

static void
greet(struct node *node, const struct message *message)
{
	const char *to = json_string_value(json_object_get(message->body, "to"));

	node_send(node, to, json_pack("{s:s}", "type", "again"));
}

static void
ping(struct node *node, const struct message *message)
{
	node_reply_type(node, message, "pong");
}

static const struct route routes[] = {{"greet", greet}, {"ping", ping}, {NULL, NULL}};
static const struct program greeter = {.name = "greeter", .start = greet_all, .routes = routes};
static const struct program quiet = {.name = "quiet", .routes = routes};

static void
expect_own(struct fake *fake)
{
	fake_expect_to(fake, "n0", "{'type':'hello','to':0}");
	fake_expect_to(fake, "c9", "{'type':'hello'}");
	fake_expect_nothing(fake);
}

/* ---- who is held for -------------------------------------------------------- */

static void
holds_for_peers_and_services_only(void **state)
{
	struct fake fake;

	(void)state;
	fake_init(&fake, &greeter);
	expect_own(&fake);
	fake_close(&fake);
}

static void
a_clients_message_releases_all(void **state)
{
	struct fake fake;

	(void)state;
	fake_init(&fake, &greeter);
	expect_own(&fake);
	fake_from(&fake, "c3", "{'type':'ping','msg_id':1}");
	fake_expect_to(&fake, "n1", "{'type':'hello','to':1}");
	fake_expect_to(&fake, "n2", "{'type':'hello','to':2}");
	fake_expect_to(&fake, "lin-kv", "{'type':'hello'}");
	fake_expect_to(&fake, "seq-kv", "{'type':'hello'}");
	fake_expect_to(&fake, "c3", "{'type':'pong','in_reply_to':1}");
	fake_from(&fake, "n1", "{'type':'greet','to':'lww-kv'}");
	fake_expect_to(&fake, "lww-kv", "{'type':'again'}");
	fake_expect_nothing(&fake);
	fake_close(&fake);
}

static void
an_init_releases_nothing(void **state)
{
	struct fake fake;

	(void)state;
	fake_init(&fake, &greeter);
	expect_own(&fake);
	fake_from(&fake, "c3", "{'type':'init','msg_id':1,'node_id':'n0','node_ids':['n0']}");
	fake_expect_to(&fake, "c3", "{'type':'init_ok','in_reply_to':1}");
	fake_expect_nothing(&fake);
	fake_close(&fake);
}

/* A line that jansson cannot hold is a message of its sender nevertheless, and a client's clears the way. */
static void
a_clients_malformed_message_releases_all(void **state)
{
	struct fake fake;

	(void)state;
	fake_init(&fake, &greeter);
	expect_own(&fake);
	fake_from(&fake, "c3", "{'type':'init','x':1e999}");
	fake_expect_nothing(&fake);
	fake_from(&fake, "c3", "{'type':'ping','x':1e999}");
	fake_expect_to(&fake, "n1", "{'type':'hello','to':1}");
	fake_close(&fake);
}

static void
a_peers_message_releases_its_own(void **state)
{
	struct fake fake;

	(void)state;
	fake_init(&fake, &greeter);
	expect_own(&fake);
	fake_from(&fake, "n2", "{'type':'ping','msg_id':1}");
	fake_expect_to(&fake, "n2", "{'type':'hello','to':2}");
	fake_expect_to(&fake, "n2", "{'type':'pong','in_reply_to':1}");
	fake_expect_nothing(&fake);
	fake_from(&fake, "seq-kv", "{'type':'read_ok','in_reply_to':1}");
	fake_expect_to(&fake, "seq-kv", "{'type':'hello'}");
	fake_from(&fake, "n2", "{'type':'greet','to':'n2'}"); /* who is there stays there */
	fake_expect_to(&fake, "n2", "{'type':'again'}");
	fake_from(&fake, "n2", "{'type':'greet','to':'seq-kv'}");
	fake_expect_to(&fake, "seq-kv", "{'type':'again'}");
	fake_from(&fake, "n2", "{'type':'greet','to':'n1'}");
	fake_expect_nothing(&fake);
	fake_from(&fake, "n1", "{'type':'note'}");
	fake_expect_to(&fake, "n1", "{'type':'hello','to':1}"); /* in order */
	fake_expect_to(&fake, "n1", "{'type':'again'}");
	fake_close(&fake);
}

static void
a_peers_message_before_init_counts(void **state)
{
	struct fake fake;

	(void)state;
	fake_open(&fake, &greeter);
	fake_from(&fake, "n1", "{'type':'note'}");
	fake_say(&fake, INIT_N0);
	fake_expect(&fake, INIT_OK);
	fake_expect_to(&fake, "n0", "{'type':'hello','to':0}");
	fake_expect_to(&fake, "c9", "{'type':'hello'}");
	fake_expect_to(&fake, "n1", "{'type':'hello','to':1}");
	fake_expect_nothing(&fake);
	fake_close(&fake);
}

/* Whoever sends the init, init_ok comes first. */
static void
answers_an_init_of_no_client(void **state)
{
	struct fake fake;

	(void)state;
	fake_open(&fake, &greeter);
	fake_from(&fake, "n1", "{'type':'init','msg_id':1,'node_id':'n0','node_ids':['n0','n1','n2']}");
	fake_expect_to(&fake, "n1", "{'type':'init_ok','in_reply_to':1}");
	fake_expect_to(&fake, "n0", "{'type':'hello','to':0}");
	fake_expect_to(&fake, "n1", "{'type':'hello','to':1}");
	fake_expect_to(&fake, "c9", "{'type':'hello'}");
	fake_expect_nothing(&fake);
	fake_from(&fake, "n2", "{'type':'init','msg_id':2}");
	fake_expect_to(&fake, "n2", "{'type':'hello','to':2}");
	fake_expect_to(&fake, "n2", "{'type':'init_ok','in_reply_to':2}");
	fake_close(&fake);
}

static void
answers_any_number_of_services(void **state)
{
	struct fake fake;

	(void)state;
	fake_init(&fake, &quiet);
	for (int i = 0; i < 100; i++) {
		char id[20];

		snprintf(id, sizeof(id), "service%d", i);
		fake_from(&fake, id, "{'type':'note'}");
	}
	fake_from(&fake, "service5", "{'type':'greet','to':'service7'}");
	fake_expect_to(&fake, "service7", "{'type':'again'}");
	fake_from(&fake, "service5", "{'type':'greet','to':'service99'}"); /* beyond memory: held to the end */
	fake_expect_nothing(&fake);
	fake_until(&fake, 1000 + NODE_HOLD_MS);
	fake_expect_to(&fake, "service99", "{'type':'again'}");
	fake_close(&fake);
}

/* ---- how long, how many ---------------------------------------------------- */

static void
time_releases_all(void **state)
{
	struct fake fake;

	(void)state;
	fake_init(&fake, &greeter);
	expect_own(&fake);
	assert_int_equal(node_due(fake.node), 1000 + NODE_HOLD_MS);
	fake_until(&fake, 1000 + NODE_HOLD_MS - 1);
	fake_expect_nothing(&fake);
	fake_until(&fake, 1000 + NODE_HOLD_MS);
	fake_expect_to(&fake, "n1", "{'type':'hello','to':1}");
	assert_int_equal(node_due(fake.node), INT64_MAX);
	fake_close(&fake);
}

static void
holds_nothing_once_the_time_is_over(void **state)
{
	struct fake fake;

	(void)state;
	fake_init(&fake, &quiet);
	assert_int_equal(node_due(fake.node), INT64_MAX);
	node_turn(fake.node, 1000 + NODE_HOLD_MS);
	fake_from(&fake, "n1", "{'type':'greet','to':'n2'}");
	fake_expect_to(&fake, "n2", "{'type':'again'}");
	fake_close(&fake);
}

static void
bounds_what_is_held(void **state)
{
	struct fake fake;

	(void)state;
	fake_init(&fake, &quiet);
	assert_int_equal(fake.node->limits.held, NODE_HELD_MAX);
	fake.node->limits.held = 3;
	for (int i = 0; i < 5; i++)
		fake_from(&fake, "n1", i < 2 ? "{'type':'greet','to':'n2'}" : "{'type':'greet','to':'lin-kv'}");
	fake_expect_nothing(&fake);
	assert_true(fake_logged(&fake, "dropped a message to lin-kv: 3 are held back already"));
	fake_from(&fake, "n2", "{'type':'note'}");
	fake_expect_to(&fake, "n2", "{'type':'again'}");
	fake_expect_to(&fake, "n2", "{'type':'again'}");
	fake_from(&fake, "n1", "{'type':'greet','to':'lin-kv'}"); /* room again */
	fake_from(&fake, "c1", "{'type':'note'}");
	fake_expect_to(&fake, "lin-kv", "{'type':'again'}");
	fake_expect_to(&fake, "lin-kv", "{'type':'again'}");
	fake_expect_nothing(&fake);
	fake_close(&fake);
}

static void
forgets_what_is_held_at_the_end(void **state)
{
	struct fake fake;

	(void)state;
	fake_init(&fake, &greeter);
	fake_from(&fake, "n9", "{'type':'note'}");
	fake_close(&fake);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(holds_for_peers_and_services_only),
	    cmocka_unit_test(a_clients_message_releases_all),
	    cmocka_unit_test(an_init_releases_nothing),
	    cmocka_unit_test(a_clients_malformed_message_releases_all),
	    cmocka_unit_test(a_peers_message_releases_its_own),
	    cmocka_unit_test(a_peers_message_before_init_counts),
	    cmocka_unit_test(answers_an_init_of_no_client),
	    cmocka_unit_test(answers_any_number_of_services),
	    cmocka_unit_test(time_releases_all),
	    cmocka_unit_test(holds_nothing_once_the_time_is_over),
	    cmocka_unit_test(bounds_what_is_held),
	    cmocka_unit_test(forgets_what_is_held_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
