/* The checker of unique ids. */
#include "check_help.h"

#define ACK(id) OP(0, 0, invoke, generate, "nil") OP(1, 0, ok, generate, id)

static void
accepts_different_ids(void **state)
{
	(void)state;
	assert_all(check_unique_ids, "",
	    "{:valid? true, :attempted-count 0, :acknowledged-count 0, :duplicated-count 0, :duplicated {}, :range "
	    "[nil nil]}");
	assert_all(check_unique_ids,
	    ACK("\"b\"") ACK("\"a\"") ACK("\"c\"") OP(2, 0, invoke, generate, "nil") OP(3, 0, info, generate, "nil"),
	    "{:valid? true, :attempted-count 4, :acknowledged-count 3, :duplicated-count 0, :duplicated {}, :range "
	    "[\"a\" \"c\"]}");
	/* One id need not be comparable; an integer is no real; other operations do not matter. */
	assert_result(check_unique_ids, ACK("{\"a\" 1}"), "range", "[{\"a\" 1} {\"a\" 1}]");
	assert_result(check_unique_ids, ACK("1") ACK("1.0"), "valid?", "true");
	assert_result(check_unique_ids, ACK("1") OP(0, 0, invoke, read, "nil") OP(0, 0, ok, read, "1"),
	    "acknowledged-count", "1");
}

static void
ranges_as_tesser(void **state)
{
	(void)state;
	assert_result(check_unique_ids, ACK("nil") ACK("nil"), "range", "[nil nil]");
	assert_result(check_unique_ids, ACK("nil") ACK("3"), "range", "[3 3]");
	assert_result(check_unique_ids, ACK("1") ACK("1.0"), "range", "[1.0 1.0]"); /* the later of equals */
	assert_result(check_unique_ids, ACK("[9]") ACK("[1 \"a\"]") ACK("[2 3]"), "range", "[[9] [2 3]]");
	assert_result(
	    check_unique_ids, ACK("5") ACK("99999999999999999999") ACK("2.5"), "range", "[2.5 99999999999999999999N]");
}

static void
rejects_duplicates(void **state)
{
	struct buffer text = {0};
	struct history history;
	const struct value *result, *shown;
	int i;

	(void)state;
	assert_all(check_unique_ids, ACK("2") ACK("1") ACK("2") ACK("1N") ACK("3") ACK("2"),
	    "{:valid? false, :attempted-count 6, :acknowledged-count 6, :duplicated-count 2, :duplicated {1 2, 2 3}, "
	    ":range [1 3]}");
	assert_result(check_unique_ids, ACK("nil") ACK("1") ACK("nil") ACK("1"), "duplicated", "{nil 2, 1 2}");
	/* 48 are shown: the most frequent, and of equals the highest. */
	for (i = 0; i < 120; i++)
		buffer_printf(&text,
		    "{:type :invoke :process 0 :f :generate}{:type :ok :process 0 :f :generate :value %d}\n", i % 50);
	history_from(&history, buffer_string(&text));
	result = check_unique_ids(&history.arena, &history, &(const struct check_options){0});
	assert_prints(value_get(result, "duplicated-count"), "50");
	shown = value_get(result, "duplicated");
	assert_int_equal(shown->count, 2 * 48);
	assert_prints(shown->items[0], "0");
	assert_prints(shown->items[1], "3");
	assert_prints(shown->items[2 * 20], "22"); /* 20 and 21 fell out */
	assert_prints(shown->items[2 * 20 + 1], "2");
	buffer_free(&text);
	history_free(&history);
}

static void
cannot_sort_what_is_not_of_one_kind(void **state)
{
	(void)state;
	assert_fails(check_unique_ids, ACK("1") ACK("\"1\""));
	assert_fails(check_unique_ids, ACK("{\"a\" 1}") ACK("{\"a\" 2}"));
	assert_fails(check_unique_ids, ACK("[1 \"a\"]") ACK("[1 2]"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(accepts_different_ids),
	    cmocka_unit_test(ranges_as_tesser),
	    cmocka_unit_test(rejects_duplicates),
	    cmocka_unit_test(cannot_sort_what_is_not_of_one_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
