/* kafka-lin-kv: what it asks the service, what it makes of each answer, and that contention and loss do no harm. */
#include "kafka_help.h"

#include "kv_log.h"

/* ---- word by word ---------------------------------------------------------------- */

/* One node, whose messages to lin-kv are answered by hand. */
struct script {
	struct world w;
	int64_t asked; /* msg_id of the last question */
};

static void
begin(struct script *s)
{
	world_new(&s->w, registry_find("kafka-lin-kv"), 1, 1, NULL);
	s->w.loss = 0;
	world_run(&s->w, NODE_HOLD_MS + 1);
	s->w.latency_min_ms = s->w.latency_max_ms = 1000000; /* nothing arrives by itself */
}

static void
end(struct script *s)
{
	world_free(&s->w);
}

/* Tags differ from node to node: any text is as good as any other. */
static void
forget_tags(json_t *value)
{
	json_t *member;
	size_t i;

	json_array_foreach (value, i, member) {
		if (json_is_string(member) && json_string_length(member) > 16)
			json_array_set_new(value, i, json_string("tag"));
		else
			forget_tags(member);
	}
}

/* Asserts that the node asks this next, and takes the question off its way. */
static void
asks(struct script *s, const char *expected)
{
	struct letter *letter = TAILQ_FIRST(&s->w.letters);
	json_t *message, *body, *wanted = json_loads(expected, 0, NULL);
	char *text;

	assert_non_null(wanted);
	if (letter == NULL)
		fail_msg("nothing is asked where this was expected: %s", expected);
	assert_string_equal(letter->dest, "lin-kv");
	message = json_loads(letter->line, 0, NULL);
	body = json_object_get(message, "body");
	s->asked = json_integer_value(json_object_get(body, "msg_id"));
	json_object_del(body, "msg_id");
	forget_tags(json_array_get(json_object_get(body, "to"), 1));
	forget_tags(json_array_get(json_object_get(body, "from"), 1));
	forget_tags(json_object_get(body, "value"));
	text = json_dumps(body, JSON_COMPACT);
	if (!json_equal(body, wanted))
		fail_msg("%s is asked where this was expected: %s", text, expected);
	free(text);
	json_decref(message);
	json_decref(wanted);
	TAILQ_REMOVE(&s->w.letters, letter, entry);
	world_letter_free(letter);
}

static void
asks_nothing(struct script *s)
{
	if (!TAILQ_EMPTY(&s->w.letters))
		fail_msg("asked: %s", TAILQ_FIRST(&s->w.letters)->line);
}

static void
answer(struct script *s, const char *body)
{
	char *line;

	assert_int_not_equal(asprintf(&line, "{\"src\":\"lin-kv\",\"dest\":\"n0\",\"body\":{%s,\"in_reply_to\":%lld}}",
				 body, (long long)s->asked),
	    -1);
	world_feed(&s->w, 0, line);
	free(line);
}

#define OK           "\"type\":\"cas_ok\""
#define NOT_THAT     "\"type\":\"error\",\"code\":22,\"text\":\"no\""
#define IS_NOT_THERE "\"type\":\"error\",\"code\":20,\"text\":\"no\""
#define ROOT         "\"key\":[\"root\",\"k\"]"
#define READ_ROOT    "{\"type\":\"read\"," ROOT "}"
#define CREATE_7     "{\"type\":\"cas\"," ROOT ",\"from\":null,\"to\":[0,[[7,\"tag\"]]],\"create_if_not_exists\":true}"

/* What comes while a batch is under way goes with the next one. */
static void
test_sends_go_together(void **state)
{
	struct script s;
	int64_t a, b, c;

	(void)state;
	begin(&s);
	a = send(&s.w, 0, "k", 7);
	asks(&s, CREATE_7);
	b = send(&s.w, 0, "k", 8);
	c = send(&s.w, 0, "k", 9);
	asks_nothing(&s);
	answer(&s, OK);
	expect(&s.w, a, "{\"type\":\"send_ok\",\"offset\":0}");
	asks(&s, "{\"type\":\"cas\"," ROOT ",\"from\":[0,[[7,\"tag\"]]],\"to\":[0,[[7,\"tag\"],[8,\"tag\"],[9]]]}");
	answer(&s, OK);
	expect(&s.w, b, "{\"type\":\"send_ok\",\"offset\":1}");
	expect(&s.w, c, "{\"type\":\"send_ok\",\"offset\":2}");
	expect(&s.w, ask(&s.w, 0, "{\"type\":\"poll\",\"offsets\":{\"k\":1}}"),
	    "{\"type\":\"poll_ok\",\"msgs\":{\"k\":[[1,8],[2,9]]}}");
	asks_nothing(&s);
	end(&s);
}

/* Somebody else was faster: their messages are first. */
static void
test_loses_a_race(void **state)
{
	struct script s;
	int64_t id;

	(void)state;
	begin(&s);
	id = send(&s.w, 0, "k", 7);
	asks(&s, CREATE_7);
	answer(&s, NOT_THAT);
	asks(&s, READ_ROOT);
	answer(&s, "\"type\":\"read_ok\",\"value\":[0,[[1,\"theirs\"],[2]]]");
	asks(&s, "{\"type\":\"cas\"," ROOT
		 ",\"from\":[0,[[1,\"theirs\"],[2]]],\"to\":[0,[[1,\"theirs\"],[2],[7,\"tag\"]]]}");
	answer(&s, OK);
	expect(&s.w, id, "{\"type\":\"send_ok\",\"offset\":2}");
	end(&s);
}

/* The first attempt was done, but its answer lost: the second fails, and what is found at the offset tells. */
static void
test_finds_out(void **state)
{
	struct script s;
	struct letter *letter;
	const char *tag;
	char *found;
	int64_t id;

	(void)state;
	begin(&s);
	id = send(&s.w, 0, "k", 7);
	letter = TAILQ_FIRST(&s.w.letters);
	tag = strstr(letter->line, "[[7,\"") + 5;
	assert_int_not_equal(asprintf(&found, "\"type\":\"read_ok\",\"value\":[0,[[7,\"%.*s\"],[8,\"theirs\"]]]",
				 (int)strcspn(tag, "\""), tag),
	    -1);
	asks(&s, CREATE_7);
	world_run(&s.w, KV_LOG_PATIENCE_MS);
	asks(&s, CREATE_7);
	answer(&s, NOT_THAT);
	asks(&s, READ_ROOT);
	answer(&s, found);
	expect(&s.w, id, "{\"type\":\"send_ok\",\"offset\":0}");
	asks_nothing(&s);
	free(found);
	end(&s);
}

/* What is under way may be done: nothing definite. What waits behind it will not be. */
static void
test_silent_service(void **state)
{
	struct script s;
	int64_t tried, waits, poll, commit;

	(void)state;
	begin(&s);
	tried = send(&s.w, 0, "k", 7);
	waits = send(&s.w, 0, "k", 8);
	poll = ask(&s.w, 0, "{\"type\":\"poll\",\"offsets\":{\"k\":0}}");
	commit = ask(&s.w, 0, "{\"type\":\"commit_offsets\",\"offsets\":{\"k\":0}}");
	world_run(&s.w, 3000);
	assert_int_equal(error_of(&s.w, tried), ERROR_TIMEOUT);
	assert_int_equal(error_of(&s.w, waits), ERROR_TEMPORARILY_UNAVAILABLE);
	assert_int_equal(error_of(&s.w, poll), ERROR_TEMPORARILY_UNAVAILABLE);
	assert_int_equal(error_of(&s.w, commit), ERROR_TIMEOUT);
	end(&s);
}

/* Who cannot be made to wait is not told that there is nothing. */
static void
test_too_many_wait(void **state)
{
	struct script s;
	int64_t poll;

	(void)state;
	begin(&s);
	send(&s.w, 0, "k", 7);
	asks(&s, CREATE_7);
	answer(&s, OK);
	for (int i = 0; i < 4096; i++)
		poll = ask(&s.w, 0, "{\"type\":\"poll\",\"offsets\":{\"k\":1}}");
	assert_null(world_reply(&s.w, poll));
	poll = ask(&s.w, 0, "{\"type\":\"poll\",\"offsets\":{\"k\":1}}");
	assert_int_equal(error_of(&s.w, poll), ERROR_TEMPORARILY_UNAVAILABLE);
	assert_int_equal(error_of(&s.w, send(&s.w, 0, "k", 8)), ERROR_TEMPORARILY_UNAVAILABLE);
	expect(&s.w, ask(&s.w, 0, "{\"type\":\"poll\",\"offsets\":{\"k\":0}}"),
	    "{\"type\":\"poll_ok\",\"msgs\":{\"k\":[[0,7]]}}");
	end(&s);
}

static void
test_commits(void **state)
{
	const char *key = "\"key\":[\"committed\",\"k\"]";
	struct script s;
	char text[200];
	int64_t id;

	(void)state;
	begin(&s);
	id = ask(&s.w, 0, "{\"type\":\"commit_offsets\",\"offsets\":{\"k\":4}}");
	snprintf(text, sizeof(text), "{\"type\":\"cas\",%s,\"from\":null,\"to\":4,\"create_if_not_exists\":true}", key);
	asks(&s, text);
	answer(&s, NOT_THAT);
	snprintf(text, sizeof(text), "{\"type\":\"read\",%s}", key);
	asks(&s, text);
	answer(&s, "\"type\":\"read_ok\",\"value\":2");
	snprintf(text, sizeof(text), "{\"type\":\"cas\",%s,\"from\":2,\"to\":4}", key);
	asks(&s, text);
	answer(&s, OK);
	expect(&s.w, id, "{\"type\":\"commit_offsets_ok\"}");
	/* An older one: nothing to do. */
	expect(&s.w, ask(&s.w, 0, "{\"type\":\"commit_offsets\",\"offsets\":{\"k\":3}}"),
	    "{\"type\":\"commit_offsets_ok\"}");
	asks_nothing(&s);
	id = ask(&s.w, 0, "{\"type\":\"list_committed_offsets\",\"keys\":[\"k\"]}");
	snprintf(text, sizeof(text), "{\"type\":\"read\",%s}", key);
	asks(&s, text);
	answer(&s, "\"type\":\"read_ok\",\"value\":9");
	expect(&s.w, id, "{\"type\":\"list_committed_offsets_ok\",\"offsets\":{\"k\":9}}");
	id = ask(&s.w, 0, "{\"type\":\"list_committed_offsets\",\"keys\":[\"new\"]}");
	asks(&s, "{\"type\":\"read\",\"key\":[\"committed\",\"new\"]}");
	answer(&s, IS_NOT_THERE);
	expect(&s.w, id, "{\"type\":\"list_committed_offsets_ok\",\"offsets\":{}}");
	end(&s);
}

/* Rubbish in the service is no root. */
static void
test_malformed_roots(void **state)
{
	static const char *const roots[] = {"7", "null", "[1,[]]", "[-32,[]]", "[0,7]", "[0]", "{}"};
	struct script s;

	(void)state;
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		char text[100];
		int64_t id;

		begin(&s);
		id = ask(&s.w, 0, "{\"type\":\"poll\",\"offsets\":{\"k\":0}}");
		asks(&s, READ_ROOT);
		snprintf(text, sizeof(text), "\"type\":\"read_ok\",\"value\":%s", roots[i]);
		answer(&s, text);
		expect(&s.w, id, "{\"type\":\"poll_ok\",\"msgs\":{}}");
		end(&s);
	}
}

static void
test_refuses_what_is_malformed(void **state)
{
	static const char *const bodies[] = {
	    "{\"type\":\"send\",\"key\":\"a\"}",
	    "{\"type\":\"send\",\"key\":\"a\\u0000b\",\"msg\":1}",
	    "{\"type\":\"poll\",\"offsets\":{\"a\":-1}}",
	    "{\"type\":\"commit_offsets\",\"offsets\":[]}",
	    "{\"type\":\"list_committed_offsets\",\"keys\":[1]}",
	};
	struct script s;

	(void)state;
	begin(&s);
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		assert_int_equal(error_of(&s.w, ask(&s.w, 0, bodies[i])), ERROR_MALFORMED_REQUEST);
	asks_nothing(&s);
	end(&s);
}

/* ---- with a service ------------------------------------------------------------------ */

/* Three chunks and a bit, by two nodes in turn; a third one reads it all. */
static void
test_chunks(void **state)
{
	struct world w;
	json_t *log;

	(void)state;
	world_new(&w, registry_find("kafka-lin-kv"), 3, 1, NULL);
	world_run(&w, NODE_HOLD_MS + 1);
	for (int i = 0; i < 3 * KV_LOG_CHUNK + 5; i++) {
		int64_t id = send(&w, i % 2, "k", i);

		world_run(&w, 10);
		assert_int_equal(json_integer_value(json_object_get(world_reply(&w, id), "offset")), i);
	}
	for (int node = 0; node < 3; node++) {
		log = log_at(&w, node, "k");
		assert_int_equal(json_array_size(log), 3 * KV_LOG_CHUNK + 5);
		for (size_t i = 0; i < json_array_size(log); i++)
			assert_int_equal(json_integer_value(json_array_get(log, i)), i);
		json_decref(log);
	}
	assert_silence(&w);
	world_free(&w);
}

static void
test_contention_and_loss(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 24; seed++)
		hostile("kafka-lin-kv", seed, NULL, seed % 2 == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sends_go_together),
	    cmocka_unit_test(test_loses_a_race),
	    cmocka_unit_test(test_finds_out),
	    cmocka_unit_test(test_silent_service),
	    cmocka_unit_test(test_too_many_wait),
	    cmocka_unit_test(test_commits),
	    cmocka_unit_test(test_malformed_roots),
	    cmocka_unit_test(test_refuses_what_is_malformed),
	    cmocka_unit_test(test_chunks),
	    cmocka_unit_test(test_contention_and_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
