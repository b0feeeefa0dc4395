/* What kafka's clients are asked to do: the mix, the keys, and what the generator learns from completions. */
#include <stdlib.h>

#include "value_help.h"
#include "workload.h"

struct asking {
	const struct workload *workload;
	struct test_options options;
	struct arena arena;
	struct random random;
	void *state;
	int64_t now;
	struct op_template next; /* the last one */
};

static void
start(struct asking *a, int concurrency, uint64_t seed)
{
	*a = (struct asking){
	    .workload = workload_find("kafka"),
	    .options = {.node_count = 1, .concurrency = concurrency, .max_writes_per_key = 16},
	};
	a->state = calloc(1, a->workload->state_size);
	random_seed(&a->random, seed, "workload", 0);
}

static void
stop(struct asking *a)
{
	free(a->state);
	arena_free(&a->arena);
}

/* The next operation's :f. */
static const char *
ask(struct asking *a)
{
	a->next = (struct op_template){.now = a->now};
	assert_true(a->workload->generate(a->state, &a->random, &a->arena, &a->options, &a->next));
	return a->next.f;
}

static bool
asks(struct asking *a, const char *f)
{
	return strcmp(ask(a), f) == 0;
}

static void
ask_for(struct asking *a, const char *f)
{
	while (!asks(a, f))
		;
}

static void
complete(struct asking *a, int worker, enum op_type type, const char *f, const char *value)
{
	struct op op = {.type = type, .f = f, .value = edn(&a->arena, value)};

	a->workload->update(a->state, &a->arena, worker, &op);
}

/* ---- the mix -------------------------------------------------------------------- */

static void
test_mix(void **state)
{
	struct asking a;
	int sends = 0, polls = 0, assigns = 0, crashes = 0;

	(void)state;
	start(&a, 4, 1);
	for (int i = 0; i < 60000; i++) {
		const char *f = ask(&a);

		a.now += INT64_C(10000000); /* 100 a second */
		sends += strcmp(f, "send") == 0;
		polls += strcmp(f, "poll") == 0;
		assigns += strcmp(f, "assign") == 0;
		crashes += strcmp(f, "crash") == 0;
	}
	assert_int_equal(sends + polls + assigns + crashes, 60000);
	assert_in_range(assigns, 850, 1030);                                  /* one in 64 */
	assert_in_range(crashes, 600 * 4 / 30 * 3 / 4, 600 * 4 / 30 * 5 / 4); /* each worker every 30 s */
	/* Writes to worn-out keys are drawn anew: a little less than half are sends. */
	assert_in_range(polls - sends, 60000 / 50, 60000 / 12);
	stop(&a);
}

/* The first crash is due at once, the next one at most 60 s divided by the workers later. */
static void
test_crashes(void **state)
{
	struct asking a;
	int64_t last;

	(void)state;
	start(&a, 6, 2);
	ask_for(&a, "crash");
	assert_null(a.next.value);
	for (int i = 0; i < 100; i++)
		assert_string_not_equal(ask(&a), "crash");
	for (int i = 0; i < 50; i++) {
		last = a.now;
		while (!asks(&a, "crash"))
			a.now += INT64_C(1000000);
		assert_true(a.now - last < INT64_C(10100000000));
	}
	stop(&a);
}

static void
test_shapes(void **state)
{
	struct asking a;

	(void)state;
	start(&a, 1, 4);
	ask_for(&a, "poll");
	assert_prints(a.next.value, "[[:poll]]");
	assert_null(a.next.extra);
	ask_for(&a, "send");
	assert_int_equal(a.next.value->count, 1);
	assert_int_equal(a.next.value->items[0]->count, 3);
	assert_true(value_is_keyword(a.next.value->items[0]->items[0], "send"));
	assert_int_equal(a.next.value->items[0]->items[1]->type, VALUE_STRING);
	assert_int_equal(a.next.value->items[0]->items[2]->type, VALUE_INT);
	stop(&a);
}

/* ---- keys ------------------------------------------------------------------------ */

/* Nothing gets lost to a crash or an assign in between: to each key go 1, 2, 3, ... up to 16, then no more. */
static void
test_rotation(void **state)
{
	struct asking a;
	int64_t written[1000] = {0}, newest = 0;

	(void)state;
	start(&a, 10, 5);
	for (int i = 0; i < 20000; i++) {
		int64_t key;

		a.now += INT64_C(50000000);
		if (!asks(&a, "send"))
			continue;
		key = atoi(a.next.value->items[0]->items[1]->text);
		assert_in_range(key, 0, 999);
		assert_int_equal(a.next.value->items[0]->items[2]->integer, ++written[key]);
		assert_in_range(written[key], 1, 16);
		newest = key > newest ? key : newest;
	}
	assert_in_range(newest, 500, 700);
	stop(&a);
}

/* An assign is for the key of what comes next. */
static void
test_assign_takes_the_next_key(void **state)
{
	struct asking a;
	int sends = 0;

	(void)state;
	start(&a, 1, 6);
	a.options.key_count = 40;
	while (sends < 40) {
		const struct value *keys;

		ask_for(&a, "assign");
		assert_int_equal(a.next.value->count, 1);
		keys = a.next.value;
		do
			ask(&a);
		while (strcmp(a.next.f, "crash") == 0);
		if (strcmp(a.next.f, "assign") == 0) /* once more */
			assert_true(value_equal(a.next.value, keys));
		if (strcmp(a.next.f, "send") != 0)
			continue;
		sends++;
		assert_true(value_equal(a.next.value->items[0]->items[1], keys->items[0]));
	}
	stop(&a);
}

/* ---- what nobody has seen ------------------------------------------------------------ */

/* Of so many assigns, how many are for more than one key; the last such one stays in `next`. */
static int
assigns_of_unseen(struct asking *a, int count)
{
	struct op_template last = {0};
	int found = 0;

	while (count-- > 0) {
		ask_for(a, "assign");
		if (a->next.extra == NULL)
			continue;
		found++;
		last = a->next;
	}
	if (found > 0)
		a->next = last;
	return found;
}

static void
test_unseen(void **state)
{
	struct asking a;

	(void)state;
	start(&a, 3, 7);
	assert_int_equal(assigns_of_unseen(&a, 100), 0);
	complete(&a, 0, OP_OK, "send", "[[:send \"900\" [4 1]]]");
	complete(&a, 1, OP_OK, "poll", "[[:poll {\"900\" [[0 7] [3 8]], \"800\" [], \"801\" nil}]]");
	complete(&a, 1, OP_OK, "send", "[[:send \"1000\" [0 1]]]");
	complete(&a, 1, OP_OK, "poll", "[[:poll {\"1000\" []}]]");
	complete(&a, 1, OP_INFO, "send", "[[:send \"1001\" 1]]");
	complete(&a, 1, OP_FAIL, "send", "[[:send \"1002\" 1]]");
	complete(&a, 1, OP_INFO, "crash", "nil");
	complete(&a, 1, OP_OK, "assign", "[\"1003\"]");
	assert_in_range(assigns_of_unseen(&a, 300), 75, 125);
	assert_prints(a.next.extra, "{:unseen {900 {:polled 3, :sent 4}, 1000 {:polled -1, :sent 0}}}");
	assert_int_equal(a.next.value->count, 3);
	assert_true(value_is_string(a.next.value->items[0], "900") && value_is_string(a.next.value->items[1], "1000"));

	/* Once polls are level both are forgotten, so that an older message counts as unseen again. */
	complete(&a, 2, OP_OK, "poll", "[[:poll {\"900\" [[4 1]], \"1000\" [[0 1]]}]]");
	assert_int_equal(assigns_of_unseen(&a, 100), 0);
	complete(&a, 0, OP_OK, "send", "[[:send \"900\" [2 9]]]");
	assert_true(assigns_of_unseen(&a, 100) > 0);
	assert_prints(a.next.extra, "{:unseen {900 {:polled -1, :sent 2}}}");
	stop(&a);
}

/* A key is not named twice. */
static void
test_unseen_key_that_comes_next(void **state)
{
	struct asking a;
	bool single = false;

	(void)state;
	start(&a, 3, 8);
	a.options.key_count = 1;
	a.options.max_writes_per_key = INT64_MAX;
	ask(&a);
	complete(&a, 0, OP_OK, "send", "[[:send \"0\" [0 1]]]");
	while (!single) {
		ask_for(&a, "assign");
		assert_prints(a.next.value, "[\"0\"]");
		single = a.next.extra != NULL;
	}
	stop(&a);
}

/* What a node makes up does no harm: keys that are no numbers, offsets below zero or beyond all bounds. */
static void
test_strange_keys_and_offsets(void **state)
{
	struct asking a;

	(void)state;
	start(&a, 3, 9);
	ask(&a);
	complete(&a, 0, OP_OK, "poll", "[[:poll {\"x\" [[0 1]], \"\" [[0 1]], \"99999999999999999999\" [[1 1]]}]]");
	complete(&a, 0, OP_OK, "send", "[[:send \"5\" [99999999999999999999 1]]]");
	assert_true(a.workload->final.due(a.state, 0) == INT64_MAX); /* nothing to poll for */
	complete(&a, 0, OP_OK, "send", "[[:send \"77\" [-3 1]]]");
	assert_true(assigns_of_unseen(&a, 100) > 0);
	assert_prints(a.next.extra, "{:unseen {77 {:polled -1, :sent 0}}}");
	stop(&a);
}

static void
test_too_many_keys(void **state)
{
	struct arena arena = {0};
	struct test_options options = {.key_count = 1022};
	const struct workload *kafka = workload_find("kafka");

	(void)state;
	assert_null(kafka->refuse(&arena, &options));
	options.key_count = 1023;
	assert_string_equal(kafka->refuse(&arena, &options), "kafka cannot draw one of 1023 keys: take at most 1022");
	arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_mix),
	    cmocka_unit_test(test_crashes),
	    cmocka_unit_test(test_shapes),
	    cmocka_unit_test(test_rotation),
	    cmocka_unit_test(test_assign_takes_the_next_key),
	    cmocka_unit_test(test_unseen),
	    cmocka_unit_test(test_unseen_key_that_comes_next),
	    cmocka_unit_test(test_strange_keys_and_offsets),
	    cmocka_unit_test(test_too_many_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
