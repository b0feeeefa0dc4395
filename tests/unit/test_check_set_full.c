/* The checker of sets, broadcast's too. */
#include <time.h>

#include "check_help.h"

#define ADD(at, v)           OP(at, 0, invoke, add, v) OP(at, 0, ok, add, v)
#define READ(at, end, items) OP(at, 1, invoke, read, "nil") OP(end, 1, ok, read, items)

static void
empty_is_unknown(void **state)
{
	(void)state;
	assert_all(check_set_full, "",
	    "{:valid? :unknown, :attempt-count 0, :stable-count 0, :lost-count 0, :lost (), :never-read-count 0, "
	    ":never-read (), "
	    ":stale-count 0, :stale (), :worst-stale (), :duplicated-count 0, :duplicated {}, :eddy/duplicated-count "
	    "0, "
	    ":eddy/duplicated {}}");
	assert_result(check_set_full, ADD(0, "1"), "valid?", ":unknown");
	assert_result(check_set_full, ADD(0, "1"), "never-read", "(1)");
	/* The nemesis, failed reads and unfinished ones show nothing. */
	assert_result(check_set_full,
	    ADD(0, "1") NEMESIS(1, partition, "1") OP(2, 1, invoke, read, "nil") OP(3, 1, fail, read, "nil")
		OP(4, 2, invoke, read, "nil"),
	    "never-read", "(1)");
}

static void
stable_from_the_first_read_on(void **state)
{
	(void)state;
	assert_all(check_set_full, ADD(0, "2") ADD(1, "1") READ(2, 3, "[1 2]"),
	    "{:valid? true, :attempt-count 2, :stable-count 2, :lost-count 0, :lost (), :never-read-count 0, "
	    ":never-read (), "
	    ":stale-count 0, :stale (), :worst-stale (), :stable-latencies {0 0, 0.5 0, 0.95 0, 0.99 0, 1 0}, "
	    ":duplicated-count 0, "
	    ":duplicated {}, :eddy/duplicated-count 0, :eddy/duplicated {}}");
}

static void
stale_until_a_read_missed_it_last(void **state)
{
	static const char history[] =
	    ADD(0, "1") ADD(0, "2") READ(10, 11, "[2]") READ(20, 21, "[]") READ(30, 31, "[1 2]");

	(void)state;
	assert_result(check_set_full, history, "valid?", "true");
	assert_result(check_set_full, history, "stale", "(1 2)");
	assert_result(check_set_full, history, "stable-latencies", "{0 20, 0.5 20, 0.95 20, 0.99 20, 1 20}");
	assert_result(check_set_full, ADD(5, "1") READ(10, 11, "[]") READ(30, 31, "[1]"), "worst-stale",
	    "({:element 1, :outcome :stable, :stable-latency 5, :lost-latency nil, :known #jepsen.history.Op{:index 1, "
	    ":time "
	    "5000000, :type :ok, :process 0, :f :add, :value 1}, :last-absent #jepsen.history.Op{:index 2, :time "
	    "10000000, :type "
	    ":invoke, :process 1, :f :read, :value nil}})");
	/* Missed by less than a millisecond: not stale. */
	assert_result(check_set_full, ADD(5, "1") READ(5, 11, "[]") READ(30, 31, "[1]"), "stale-count", "0");
}

static void
worst_are_the_longest_then_the_highest(void **state)
{
	struct history history;
	struct buffer text = {0};
	const struct value *result, *worst;
	int i;

	(void)state;
	for (i = 0; i < 20; i++)
		buffer_printf(&text,
		    "{:time %d :type :invoke :process 0 :f :add :value %d}{:time %d :type :ok :process 0 :f :add "
		    ":value %d}",
		    i / 4 * 1000000, i, i / 4 * 1000000, i);
	buffer_append_string(
	    &text, READ(100, 101, "[]") READ(200, 201, "[0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19]"));
	history_from(&history, buffer_string(&text));
	result = check_set_full(&history.arena, &history, &(const struct check_options){0});
	worst = value_get(result, "worst-stale");
	assert_int_equal(worst->count, 8);
	for (i = 0; i < 8; i++) {
		static const int expected[] = {3, 2, 1, 0, 7, 6, 5, 4};

		assert_int_equal(value_get(worst->items[i], "element")->integer, expected[i]);
	}
	buffer_free(&text);
	history_free(&history);
}

static void
lost_if_missed_after_it_was_known(void **state)
{
	static const char history[] = ADD(0, "1") ADD(3, "2") READ(10, 11, "[1]") READ(20, 21, "[]");

	(void)state;
	assert_result(check_set_full, history, "valid?", "false");
	assert_result(check_set_full, history, "lost", "(1 2)");
	assert_result(check_set_full, history, "lost-latencies", "{0 0, 0.5 10, 0.95 10, 0.99 10, 1 10}");
	/* Known by a read, though its add never ended. */
	assert_result(check_set_full, OP(0, 0, invoke, add, "1") READ(1, 2, "[1]") READ(3, 4, "[]"), "lost", "(1)");
	/* Never known: nothing to lose. */
	assert_result(
	    check_set_full, OP(0, 0, invoke, add, "1") OP(0, 0, fail, add, "1") READ(3, 4, "[]"), "never-read", "(1)");
	/* The read that missed it began before the add had ended. */
	assert_result(check_set_full,
	    OP(0, 1, invoke, read, "nil") OP(0, 0, invoke, add, "1") OP(1, 0, ok, add, "1") OP(2, 1, ok, read, "[]"),
	    "never-read", "(1)");
	/* Of two overlapping reads the one that began later counts. */
	assert_result(check_set_full,
	    ADD(0, "1") OP(1, 1, invoke, read, "nil") OP(2, 2, invoke, read, "nil") OP(3, 2, ok, read, "[1]")
		OP(4, 1, ok, read, "[]"),
	    "valid?", "true");
}

static void
what_nobody_added_does_not_matter(void **state)
{
	(void)state;
	assert_result(check_set_full, ADD(0, "1") READ(1, 2, "[1 7 \"x\" {}]"), "valid?", "true");
	assert_result(check_set_full, ADD(0, "1") READ(1, 2, "[1 7]"), "attempt-count", "1");
	/* Read first, added later. */
	assert_result(check_set_full, READ(0, 1, "[1]") ADD(2, "1") READ(3, 4, "[]"), "lost", "(1)");
}

static void
duplicates_are_only_information(void **state)
{
	static const char history[] = ADD(0, "1") ADD(0, "2") READ(1, 2, "[1 2 1 1]") READ(3, 4, "[1 2 1 9 9]");

	(void)state;
	assert_result(check_set_full, history, "valid?", "true");
	assert_result(check_set_full, history, "duplicated-count", "0");
	assert_result(check_set_full, history, "duplicated", "{}");
	assert_result(check_set_full, history, "eddy/duplicated-count", "2");
	assert_result(check_set_full, history, "eddy/duplicated", "{1 3, 9 2}");
}

static void
adding_again_begins_anew(void **state)
{
	(void)state;
	assert_result(check_set_full, ADD(0, "1") READ(1, 2, "[]") ADD(3, "1"), "never-read", "(1)");
	assert_result(check_set_full, ADD(0, "1") READ(1, 2, "[]") ADD(3, "1"), "attempt-count", "1");
}

static void
reads_of_other_collections(void **state)
{
	(void)state;
	assert_result(check_set_full, ADD(0, "1") READ(1, 2, "nil") READ(3, 4, "#{1}"), "stable-count", "1");
	assert_result(check_set_full, ADD(0, "\\a") READ(1, 2, "\"ab\""), "stable-count", "1");
	assert_result(check_set_full, ADD(0, "[1 2]") READ(1, 2, "{1 2}"), "stable-count", "1");
	assert_fails(check_set_full, ADD(0, "1") READ(1, 2, "1"));
}

static void
where_jepsen_throws(void **state)
{
	(void)state;
	assert_fails(check_set_full, ADD(0, "1") ADD(0, "\"1\""));
	assert_fails(check_set_full, ADD(0, "1") ADD(0, "1.0"));
	assert_result(check_set_full, ADD(0, "{1 2}"), "never-read", "({1 2})"); /* alone it need not be compared */
	assert_fails(check_set_full, OP(0, 0, invoke, add, "1") OP(0, 0, ok, add, "2"));
	assert_fails(check_set_full, OP(0, 0, invoke, delete, "1"));
	assert_fails(check_set_full, OP(0, 0, invoke, broadcast, "1"));
	assert_fails(check_set_full, OP(0, 0, ok, read, "[]"));
	assert_fails(check_set_full, READ(0, 1, "[]") READ(0, 1, "[]") OP(0, 1, invoke, read, "nil") READ(0, 1, "[]"));
}

static void
broadcast_is_another_word_for_add(void **state)
{
	static const char history[] =
	    OP(5, 0, invoke, broadcast, "1") OP(5, 0, ok, broadcast, "1") READ(10, 11, "[]") READ(30, 31, "[1]");

	(void)state;
	assert_result(check_broadcast, history, "worst-stale",
	    "({:element 1, :outcome :stable, :stable-latency 5, :lost-latency nil, :known #jepsen.history.Op{:index 1, "
	    ":time "
	    "5000000, :type :ok, :process 0, :f :add, :value 1}, :last-absent #jepsen.history.Op{:index 2, :time "
	    "10000000, :type "
	    ":invoke, :process 1, :f :read, :value nil}})");
}

/* Thousands of reads of thousands of elements. */
static void
large_histories_are_fast(void **state)
{
	enum { ELEMENTS = 2000, READS = 1000 };
	struct history history = {0};
	struct value *all = value_collection(&history.arena, VALUE_VECTOR);
	struct op op = {.process = 0, .f = "add"};
	const struct value *result;
	clock_t start = clock();
	int i;

	(void)state;
	for (i = 0; i < ELEMENTS; i++) {
		op.value = value_int(&history.arena, i);
		value_push(&history.arena, all, op.value);
		op.type = OP_INVOKE;
		history_append(&history, &op);
		op.type = OP_OK;
		history_append(&history, &op);
	}
	op.f = "read";
	for (i = 0; i < READS; i++) {
		op.type = OP_INVOKE;
		op.value = &value_nil;
		history_append(&history, &op);
		op.type = OP_OK;
		op.value = all;
		history_append(&history, &op);
	}
	result = check_set_full(&history.arena, &history, &(const struct check_options){0});
	assert_prints(value_get(result, "stable-count"), "2000");
	assert_true(clock() - start < 5 * CLOCKS_PER_SEC);
	history_free(&history);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(empty_is_unknown),
	    cmocka_unit_test(stable_from_the_first_read_on),
	    cmocka_unit_test(stale_until_a_read_missed_it_last),
	    cmocka_unit_test(worst_are_the_longest_then_the_highest),
	    cmocka_unit_test(lost_if_missed_after_it_was_known),
	    cmocka_unit_test(what_nobody_added_does_not_matter),
	    cmocka_unit_test(duplicates_are_only_information),
	    cmocka_unit_test(adding_again_begins_anew),
	    cmocka_unit_test(reads_of_other_collections),
	    cmocka_unit_test(where_jepsen_throws),
	    cmocka_unit_test(broadcast_is_another_word_for_add),
	    cmocka_unit_test(large_histories_are_fast),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
