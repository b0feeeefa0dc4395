/* The echo checker. */
#include "check_help.h"

#define ECHO(text) "{:type \"echo_ok\", :echo " text ", :in_reply_to 1}"

static void
accepts_what_was_sent(void **state)
{
	(void)state;
	assert_all(check_echo, "", "{:valid? true, :errors ()}");
	assert_all(check_echo, OP(0, 0, invoke, echo, "\"a\"") OP(1, 0, ok, echo, ECHO("\"a\"")),
	    "{:valid? true, :errors ()}");
	assert_all(check_echo, OP(0, 0, invoke, echo, "[1 {:a 2N}]") OP(1, 0, ok, echo, ECHO("(1 {:a 2})")),
	    "{:valid? true, :errors ()}");
	/* No answer, an unknown outcome, and what is no answer to anything. */
	assert_all(check_echo,
	    OP(0, 0, invoke, echo, "\"a\"") OP(0, 1, invoke, echo, "\"b\"") OP(1, 0, info, echo, "\"a\"")
		NEMESIS(2, start, "nil") NEMESIS(2, start, "nil"),
	    "{:valid? true, :errors ()}");
}

static void
rejects_what_differs(void **state)
{
	(void)state;
	assert_all(check_echo,
	    OP(0, 0, invoke, echo, "\"a\"") OP(0, 1, invoke, echo, "1") OP(1, 1, ok, echo, ECHO("1.0"))
		OP(1, 0, ok, echo, ECHO("\"b\"")),
	    "{:valid? false, :errors ([\"Expected a message with :echo\" \"a\" \"But received\" {:type \"echo_ok\", "
	    ":echo \"b\", "
	    ":in_reply_to 1}] [\"Expected a message with :echo\" 1 \"But received\" {:type \"echo_ok\", :echo 1.0, "
	    ":in_reply_to "
	    "1}])}");
	/* A failure holds no echo. */
	assert_result(check_echo, OP(0, 0, invoke, echo, "\"a\"") OP(1, 0, fail, echo, "\"a\""), "valid?", "false");
	/* The key is the keyword. */
	assert_result(check_echo, OP(0, 0, invoke, echo, "1") OP(1, 0, ok, echo, "{\"echo\" 1}"), "valid?", "false");
	assert_result(check_echo, OP(0, 0, invoke, echo, ":echo") OP(1, 0, ok, echo, "#{:echo}"), "valid?", "true");
}

static void
cannot_judge_broken_histories(void **state)
{
	(void)state;
	assert_fails(check_echo, OP(0, 0, ok, echo, "1"));
	assert_fails(check_echo, OP(0, 0, invoke, echo, "1") OP(0, 0, invoke, echo, "1"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(accepts_what_was_sent),
	    cmocka_unit_test(rejects_what_differs),
	    cmocka_unit_test(cannot_judge_broken_histories),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
