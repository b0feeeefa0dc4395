/* kafka: what it answers, and that nothing acknowledged is lost, moved or repeated, whatever becomes of messages. */
#include "kafka_help.h"

#include "logs.h"
#include "outbox.h"
#include "rendezvous.h"

static char name[] = "kafka", acks[] = "--acks", majority[] = "majority", data_dir[] = "--data-dir", where[] = "disk";
static char *const with_majority[] = {name, acks, majority, NULL};
static char *const with_disk[] = {name, data_dir, where, NULL};
static char *const with_both[] = {name, acks, majority, data_dir, where, NULL};

static void
begin(struct world *w, int count, uint64_t seed, char *const args[])
{
	world_new(w, registry_find("kafka"), count, seed, args);
	w->latency_min_ms = w->latency_max_ms = 1;
	world_run(w, NODE_HOLD_MS + 1);
}

/* ---- one node ------------------------------------------------------------------ */

static void
test_answers(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 1, 1, NULL);
	expect(&w, ask(&w, 0, "{\"type\":\"poll\",\"offsets\":{}}"), "{\"type\":\"poll_ok\",\"msgs\":{}}");
	expect(&w, ask(&w, 0, "{\"type\":\"poll\",\"offsets\":{\"a\":0}}"), "{\"type\":\"poll_ok\",\"msgs\":{}}");
	expect(&w, send(&w, 0, "a", 7), "{\"type\":\"send_ok\",\"offset\":0}");
	expect(&w, ask(&w, 0, "{\"type\":\"send\",\"key\":\"a\",\"msg\":{\"x\":[null]}}"),
	    "{\"type\":\"send_ok\",\"offset\":1}");
	expect(&w, send(&w, 0, "b", 8), "{\"type\":\"send_ok\",\"offset\":0}");
	expect(&w, ask(&w, 0, "{\"type\":\"poll\",\"offsets\":{\"a\":0,\"b\":0,\"c\":0}}"),
	    "{\"type\":\"poll_ok\",\"msgs\":{\"a\":[[0,7],[1,{\"x\":[null]}]],\"b\":[[0,8]]}}");
	expect(&w, ask(&w, 0, "{\"type\":\"poll\",\"offsets\":{\"a\":1,\"b\":1,\"c\":9}}"),
	    "{\"type\":\"poll_ok\",\"msgs\":{\"a\":[[1,{\"x\":[null]}]]}}");
	assert_int_equal(w.server_messages, 0);
	world_free(&w);
}

static void
test_commits(void **state)
{
	const char *list = "{\"type\":\"list_committed_offsets\",\"keys\":[\"a\",\"b\",\"z\"]}";
	struct world w;

	(void)state;
	begin(&w, 1, 1, NULL);
	expect(&w, ask(&w, 0, list), "{\"type\":\"list_committed_offsets_ok\",\"offsets\":{}}");
	expect(&w, ask(&w, 0, "{\"type\":\"commit_offsets\",\"offsets\":{\"a\":3,\"b\":0}}"),
	    "{\"type\":\"commit_offsets_ok\"}");
	expect(
	    &w, ask(&w, 0, "{\"type\":\"commit_offsets\",\"offsets\":{\"a\":2}}"), "{\"type\":\"commit_offsets_ok\"}");
	expect(&w, ask(&w, 0, list), "{\"type\":\"list_committed_offsets_ok\",\"offsets\":{\"a\":3,\"b\":0}}");
	world_free(&w);
}

static void
test_refuses_what_is_malformed(void **state)
{
	static const char *const bodies[] = {
	    "{\"type\":\"send\",\"key\":\"a\"}",
	    "{\"type\":\"send\",\"msg\":1}",
	    "{\"type\":\"send\",\"key\":1,\"msg\":1}",
	    "{\"type\":\"send\",\"key\":\"a\\u0000b\",\"msg\":1}",
	    "{\"type\":\"poll\"}",
	    "{\"type\":\"poll\",\"offsets\":[]}",
	    "{\"type\":\"poll\",\"offsets\":{\"a\":-1}}",
	    "{\"type\":\"poll\",\"offsets\":{\"a\":0.5}}",
	    "{\"type\":\"commit_offsets\",\"offsets\":{\"a\":null}}",
	    "{\"type\":\"commit_offsets\"}",
	    "{\"type\":\"list_committed_offsets\"}",
	    "{\"type\":\"list_committed_offsets\",\"keys\":[1]}",
	};
	struct world w;

	(void)state;
	begin(&w, 2, 1, NULL);
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		assert_int_equal(error_of(&w, ask(&w, 0, bodies[i])), ERROR_MALFORMED_REQUEST);
	expect(&w, ask(&w, 0, "{\"type\":\"list_committed_offsets\",\"keys\":[\"a\"]}"),
	    "{\"type\":\"list_committed_offsets_ok\",\"offsets\":{}}");
	world_free(&w);
}

/* A text of that length, and the quotation marks. */
static json_t *
long_message(size_t bytes)
{
	char *text = malloc(bytes - 1);
	json_t *json;

	memset(text, 'x', bytes - 2);
	text[bytes - 2] = '\0';
	json = json_string(text);
	free(text);
	return json;
}

static int64_t
send_long(struct world *w, size_t bytes)
{
	return world_ask(w, 0, json_pack("{s:s, s:s, s:o}", "type", "send", "key", "k", "msg", long_message(bytes)));
}

static void
test_limits(void **state)
{
	struct world w;
	json_t *log;

	(void)state;
	begin(&w, 1, 1, NULL);
	assert_int_equal(error_of(&w, send_long(&w, LOGS_MESSAGE_BYTES_MAX)), ERROR_MALFORMED_REQUEST);
	assert_int_equal(error_of(&w, send_long(&w, LOGS_MESSAGE_BYTES_MAX - 1)), -1);
	assert_int_equal(error_of(&w, send_long(&w, LOGS_MESSAGE_BYTES_MAX - 1)), -1);
	log = json_object_get(world_reply(&w, ask(&w, 0, "{\"type\":\"poll\",\"offsets\":{\"k\":0}}")), "msgs");
	assert_int_equal(json_array_size(json_object_get(log, "k")), 1); /* the second did not fit */
	for (int i = 0; i < LOGS_POLL_MAX + 1; i++)
		send(&w, 0, "many", i);
	log = json_object_get(
	    world_reply(&w, ask(&w, 0, "{\"type\":\"poll\",\"offsets\":{\"many\":0,\"k\":0}}")), "msgs");
	assert_int_equal(json_array_size(json_object_get(log, "many")), LOGS_POLL_MAX);
	assert_null(json_object_get(log, "k"));
	log = log_at(&w, 0, "many");
	assert_int_equal(json_array_size(log), LOGS_POLL_MAX + 1);
	json_decref(log);
	world_free(&w);
}

/* ---- replication ------------------------------------------------------------------ */

static void
test_everybody_sees_everything(void **state)
{
	struct world w;

	(void)state;
	begin(&w, 3, 1, NULL);
	for (int i = 0; i < 30; i++) {
		char key[8];
		int64_t id;

		snprintf(key, sizeof(key), "k%d", i % 10);
		id = send(&w, i % 3, key, i);
		world_run(&w, 20);
		assert_int_equal(json_integer_value(json_object_get(world_reply(&w, id), "offset")), i / 10);
		/* Who sent it sees it. */
		json_decref(log_at(&w, i % 3, key));
	}
	ask(&w, 1, "{\"type\":\"commit_offsets\",\"offsets\":{\"k1\":2}}");
	world_run(&w, 1000);
	for (int node = 0; node < 3; node++)
		for (int i = 0; i < 10; i++) {
			char key[8];
			json_t *log;

			snprintf(key, sizeof(key), "k%d", i);
			log = log_at(&w, node, key);
			assert_int_equal(json_array_size(log), 3);
			assert_int_equal(json_integer_value(json_array_get(log, 2)), 20 + i);
			json_decref(log);
			expect(&w, ask(&w, node, "{\"type\":\"list_committed_offsets\",\"keys\":[\"k1\"]}"),
			    "{\"type\":\"list_committed_offsets_ok\",\"offsets\":{\"k1\":2}}");
		}
	assert_silence(&w);
	world_free(&w);
}

/* Every node gets its share, and one that is not there leaves the others' keys where they are. */
static void
test_owners(void **state)
{
	struct world five, four;
	int counts[5] = {0};
	char owners[21] = "";

	(void)state;
	begin(&five, 5, 1, NULL);
	begin(&four, 4, 1, NULL);
	for (int i = 0; i < 10000; i++) {
		char key[16];
		int owner;

		snprintf(key, sizeof(key), "%d", i);
		owner = rendezvous(five.actors[0].node, key);
		assert_int_equal(rendezvous(five.actors[3].node, key), owner);
		if (owner != 4)
			assert_int_equal(rendezvous(four.actors[0].node, key), owner);
		counts[owner]++;
		if (i < 20)
			owners[i] = (char)('0' + owner);
	}
	for (int i = 0; i < 5; i++)
		assert_in_range(counts[i], 1800, 2200);
	assert_string_equal(owners, "22344001020440041032"); /* for ever: what is on disks depends on it */
	world_free(&five);
	world_free(&four);
}

/* A key that this node owns, of two: one whose send is answered at once. */
static const char *
key_of(struct world *w, int node)
{
	static char key[16];

	for (int i = 0;; i++) {
		int64_t id;

		snprintf(key, sizeof(key), "own%d-%d", node, i);
		id = send(w, node, key, -1);
		if (world_reply(w, id) != NULL)
			return key;
		world_run(w, 100);
	}
}

/* What was on its way to the owner gets nothing definite; what was not, is refused; neither is done twice. */
static void
test_owner_cut_off(void **state)
{
	const char *key;
	struct world w;
	json_t *log;
	int64_t sent, refused;

	(void)state;
	begin(&w, 2, 1, NULL);
	key = key_of(&w, 1);
	world_run(&w, 1000);
	world_partition(&w, 1);
	sent = send(&w, 0, key, 100);
	world_run(&w, 2990);
	assert_null(world_reply(&w, sent));
	world_run(&w, 20);
	assert_int_equal(error_of(&w, sent), ERROR_TIMEOUT);
	refused = send(&w, 0, key, 101);
	assert_int_equal(error_of(&w, refused), ERROR_TEMPORARILY_UNAVAILABLE);
	log = log_at(&w, 0, key); /* polls go on */
	assert_int_equal(json_array_size(log), 1);
	json_decref(log);
	world_partition(&w, 0);
	world_run(&w, 2000);
	assert_int_equal(error_of(&w, send(&w, 1, key, 102)), -1);
	world_run(&w, 2000);
	for (int node = 0; node < 2; node++) {
		log = log_at(&w, node, key);
		assert_int_equal(count_in(log, 100), 1);
		assert_int_equal(count_in(log, 101), 0);
		assert_int_equal(count_in(log, 102), 1);
		json_decref(log);
	}
	assert_silence(&w);
	world_free(&w);
}

/* More sends than an outbox takes, while the owner does not answer: a window of them was told, the rest was not. */
static void
test_overload(void **state)
{
	int64_t ids[OUTBOX_MAX], timed_out = 0, refused = 0;
	const char *key;
	struct world w;
	json_t *log;

	(void)state;
	begin(&w, 2, 1, NULL);
	key = key_of(&w, 1);
	world_run(&w, 1000);
	world_partition(&w, 1);
	for (int i = 0; i < OUTBOX_MAX; i++)
		ids[i] = send(&w, 0, key, i);
	assert_int_equal(error_of(&w, send(&w, 0, key, OUTBOX_MAX)), ERROR_TEMPORARILY_UNAVAILABLE);
	world_run(&w, 4100);
	for (int i = 0; i < OUTBOX_MAX; i++) {
		timed_out += error_of(&w, ids[i]) == ERROR_TIMEOUT;
		refused += error_of(&w, ids[i]) == ERROR_TEMPORARILY_UNAVAILABLE;
	}
	assert_int_equal(timed_out, OUTBOX_WINDOW_MAX);
	assert_int_equal(refused, OUTBOX_MAX - OUTBOX_WINDOW_MAX);
	world_partition(&w, 0);
	world_run(&w, 3000);
	log = log_at(&w, 1, key);
	assert_int_equal(json_array_size(log), 1 + OUTBOX_WINDOW_MAX);
	json_decref(log);
	assert_silence(&w);
	world_free(&w);
}

static void
test_majority(void **state)
{
	const char *key;
	struct world w;
	int64_t id;

	(void)state;
	begin(&w, 3, 1, with_majority);
	w.latency_min_ms = w.latency_max_ms = 20;
	for (int i = 0; i < 3; i++) {
		id = send(&w, i, "k", i);
		world_run(&w, 30);
		assert_null(world_reply(&w, id)); /* one way there and one back */
		world_run(&w, 90);
		assert_int_equal(error_of(&w, id), -1);
	}
	world_run(&w, 1000);
	world_partition(&w, 1); /* n0 is alone */
	key = "alone";
	id = send(&w, 0, key, 5);
	world_run(&w, 4000);
	assert_int_not_equal(error_of(&w, id), -1);
	assert_int_equal(error_of(&w, send(&w, 0, key, 6)), ERROR_TEMPORARILY_UNAVAILABLE);
	world_free(&w);
}

/* ---- a hostile world ----------------------------------------------------------------- */

static void
test_loss_and_repetition(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 24; seed++)
		hostile("kafka", seed, seed % 2 == 0 ? NULL : with_majority, false);
}

static void
test_restarts(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 24; seed++)
		hostile("kafka", seed, seed % 2 == 0 ? with_disk : with_both, true);
}

/* Nothing that a peer says crashes a node, or gets into a log that is not its own. */
static void
test_malformed_peers(void **state)
{
	static const char *const bodies[] = {
	    "{}",
	    "{\"from\":0,\"entries\":7,\"have\":0,\"safe\":0}",
	    "{\"from\":-1,\"entries\":[1],\"have\":-5,\"safe\":-1}",
	    "{\"from\":9223372036854775807,\"entries\":[1],\"have\":9223372036854775807,\"safe\":9223372036854775807}",
	    "{\"from\":9000000,\"entries\":[1],\"have\":0,\"safe\":0}",
	    "{\"from\":0,\"entries\":[1,null,[],[\"k\"],{\"k\":-1},{\"k\":\"x\"},[\"k\",1,2],[\"k\",1,[1,2,3]]],"
	    "\"have\":0,\"safe\":0}",
	    "{\"from\":0,\"entries\":[],\"have\":0,\"safe\":0,\"sends\":4}",
	    "{\"from\":0,\"entries\":[],\"have\":0,\"safe\":0,\"sends\":[1,2,3]}",
	    "{\"from\":0,\"entries\":[],\"have\":0,\"safe\":0,\"sends\":[1,9223372036854775807,[[\"k\",1],[\"k\",2]]]}",
	    "{\"from\":0,\"entries\":[],\"have\":0,\"safe\":0,\"sends\":[1,0,[1,[],[\"k\"],[2,3]]]}",
	};
	struct world w;

	(void)state;
	begin(&w, 2, 1, NULL);
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		json_t *body = json_loads(bodies[i], 0, NULL);

		assert_non_null(body);
		json_object_set_new(body, "type", json_string("journal"));
		world_ask_from(&w, "n1", 0, json_copy(body));
		world_ask_from(&w, "n7", 0, json_copy(body));
		world_ask_from(&w, "n0", 0, json_copy(body));
		json_decref(body);
	}
	world_run(&w, 100);
	expect(&w, ask(&w, 0, "{\"type\":\"poll\",\"offsets\":{\"k\":0}}"), "{\"type\":\"poll_ok\",\"msgs\":{}}");
	expect(&w, ask(&w, 0, "{\"type\":\"list_committed_offsets\",\"keys\":[\"k\"]}"),
	    "{\"type\":\"list_committed_offsets_ok\",\"offsets\":{}}");
	world_free(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_answers),
	    cmocka_unit_test(test_commits),
	    cmocka_unit_test(test_refuses_what_is_malformed),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_everybody_sees_everything),
	    cmocka_unit_test(test_owners),
	    cmocka_unit_test(test_owner_cut_off),
	    cmocka_unit_test(test_overload),
	    cmocka_unit_test(test_majority),
	    cmocka_unit_test(test_loss_and_repetition),
	    cmocka_unit_test(test_restarts),
	    cmocka_unit_test(test_malformed_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
