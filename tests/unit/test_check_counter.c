/* The checker of counters. */
#include <stdio.h>
#include <time.h>

#include "check_help.h"

#define ADD(process, type, delta) OP(0, process, invoke, add, delta) OP(1, process, type, add, delta)
#define FINAL(process, sum)                                           \
	"{:type :invoke :process " #process " :f :read :final? true}" \
	"{:type :ok :process " #process " :f :read :final? true :value " sum "}"

static void
the_sum_of_acknowledged_adds(void **state)
{
	(void)state;
	assert_all(check_counter, "", "{:valid? true, :errors nil, :final-reads (), :acceptable ([0 0])}");
	assert_all(check_counter, ADD(0, ok, "3") ADD(0, ok, "-5") ADD(0, fail, "100") FINAL(0, "-2") FINAL(1, "-2"),
	    "{:valid? true, :errors nil, :final-reads (-2 -2), :acceptable ([-2 -2])}");
	/* Reads on the way do not count. */
	assert_result(
	    check_counter, ADD(0, ok, "3") OP(0, 0, invoke, read, "nil") OP(1, 0, ok, read, "77"), "valid?", "true");
}

static void
another_sum_is_an_error(void **state)
{
	(void)state;
	assert_all(check_counter, ADD(0, ok, "3") FINAL(0, "4"),
	    "{:valid? false, :errors (#jepsen.history.Op{:index 3, :time -1, :type :ok, :process 0, :f :read, :value "
	    "4, :final? "
	    "true}), :final-reads (4), :acceptable ([3 3])}");
	assert_result(check_counter, ADD(0, ok, "3") FINAL(0, "2"), "valid?", "false");
	/* Any truth marks a final read. */
	assert_result(check_counter,
	    "{:type :invoke :process 0 :f :read}{:type :ok :process 0 :f :read :value 1 :final? 1}", "valid?", "false");
	assert_result(check_counter,
	    "{:type :invoke :process 0 :f :read}{:type :ok :process 0 :f :read :value 1 :final? false}", "valid?",
	    "true");
}

static void
unknown_adds_widen_what_is_acceptable(void **state)
{
	(void)state;
	assert_result(check_counter, ADD(0, ok, "10") ADD(0, info, "1"), "acceptable", "([10 11])");
	assert_result(check_counter, ADD(0, info, "-1"), "acceptable", "([-1 0])");
	assert_result(check_counter, ADD(0, info, "0"), "acceptable", "([0 0])");
	assert_result(check_counter, ADD(0, info, "2"), "acceptable", "([0 0] [2 2])");
	assert_result(check_counter, ADD(0, info, "2") ADD(1, info, "3"), "acceptable", "([0 0] [2 3] [5 5])");
	assert_result(check_counter, ADD(0, info, "2") ADD(1, info, "3") ADD(2, info, "-1"), "acceptable", "([-1 5])");
	assert_result(check_counter, ADD(0, info, "4") ADD(1, info, "-4"), "acceptable", "([-4 -4] [0 0] [4 4])");
	assert_result(check_counter, ADD(0, info, "2") FINAL(1, "2"), "valid?", "true");
	assert_result(check_counter, ADD(0, info, "2") FINAL(1, "1"), "valid?", "false");
	assert_result(check_counter, ADD(0, info, "2") FINAL(1, "3"), "valid?", "false");
	assert_result(check_counter, ADD(0, info, "2") FINAL(1, "-1"), "valid?", "false");
	/* An add that never ended is not even possible to Maelstrom. */
	assert_result(check_counter, OP(0, 0, invoke, add, "2"), "acceptable", "([0 0])");
}

static void
where_maelstrom_throws(void **state)
{
	(void)state;
	assert_fails(check_counter, ADD(0, ok, "9223372036854775807") ADD(0, ok, "1"));
	assert_fails(check_counter, ADD(0, ok, "9223372036854775807"));
	assert_fails(check_counter, ADD(0, ok, "-9223372036854775808"));
	assert_fails(check_counter, ADD(0, ok, "9223372036854775806") ADD(0, info, "1"));
	assert_fails(check_counter, ADD(0, ok, "9223372036854775806") ADD(0, info, "9223372036854775807"));
	assert_result(check_counter, ADD(0, ok, "9223372036854775805") ADD(0, info, "1"), "acceptable",
	    "([9223372036854775805 9223372036854775806])");
	assert_fails(check_counter, ADD(0, ok, "99999999999999999999"));
	assert_fails(check_counter, ADD(0, info, "1.5"));
	assert_fails(check_counter, ADD(0, ok, "nil"));
	assert_fails(check_counter, FINAL(0, "1.0"));
	assert_fails(check_counter, FINAL(0, "nil"));
	assert_fails(check_counter, FINAL(0, "99999999999999999999"));
}

/* Every sum is another one: 2 to the 40. */
static void
gives_up_in_time(void **state)
{
	struct buffer text = {0};
	clock_t start = clock();
	int i;

	(void)state;
	for (i = 0; i < 40; i++)
		buffer_printf(&text, "{:type :info :process %d :f :add :value %lld}\n", i, 3LL << i);
	assert_fails(check_counter, buffer_string(&text));
	assert_true(clock() - start < 5 * CLOCKS_PER_SEC);
	buffer_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_sum_of_acknowledged_adds),
	    cmocka_unit_test(another_sum_is_an_error),
	    cmocka_unit_test(unknown_adds_widen_what_is_acceptable),
	    cmocka_unit_test(where_maelstrom_throws),
	    cmocka_unit_test(gives_up_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
