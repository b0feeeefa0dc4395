/* Stats, availability, exceptions, net, and all of them together. */
#include "check/ratio.h"
#include "check_help.h"

#define DONE(process, type, f) OP(0, process, invoke, f, "nil") OP(1, process, type, f, "nil")

/* ---- verdicts -------------------------------------------------------------------- */

static void
verdicts(void **state)
{
	struct arena arena = {0};

	(void)state;
	assert_int_equal(verdict_of(edn(&arena, "{:valid? true}")), VERDICT_VALID);
	assert_int_equal(verdict_of(edn(&arena, "{:valid? false}")), VERDICT_INVALID);
	assert_int_equal(verdict_of(edn(&arena, "{:valid? :unknown}")), VERDICT_UNKNOWN);
	assert_int_equal(verdict_of(edn(&arena, "{}")), VERDICT_UNKNOWN);
	assert_int_equal(verdict_of(edn(&arena, "nil")), VERDICT_UNKNOWN);
	assert_prints(verdict_value(VERDICT_UNKNOWN), ":unknown");
	assert_prints(verdict_value(VERDICT_VALID), "true");
	assert_prints(verdict_value(VERDICT_INVALID), "false");
	assert_int_equal(verdict_worse(VERDICT_VALID, VERDICT_UNKNOWN), VERDICT_UNKNOWN);
	assert_int_equal(verdict_worse(VERDICT_INVALID, VERDICT_UNKNOWN), VERDICT_INVALID);
	assert_int_equal(verdict_exit_status(VERDICT_VALID), 0);
	assert_int_equal(verdict_exit_status(VERDICT_INVALID), 1);
	assert_int_equal(verdict_exit_status(VERDICT_UNKNOWN), 2);
	assert_string_equal(verdict_name(VERDICT_INVALID), "invalid");
	assert_prints(check_failed(&arena, "no %d", 1), "{:valid? :unknown, :error \"no 1\"}");
	arena_free(&arena);
}

/* ---- stats ------------------------------------------------------------------------- */

static void
stats_by_f_in_order(void **state)
{
	(void)state;
	assert_all(check_stats, "", "{:valid? true, :count 0, :ok-count 0, :fail-count 0, :info-count 0, :by-f {}}");
	assert_all(check_stats,
	    DONE(0, ok, write) DONE(0, fail, read) DONE(1, ok, read) DONE(2, info, read) NEMESIS(0, start, "nil")
		OP(5, 5, invoke, cas, "nil"),
	    "{:valid? true, :count 4, :ok-count 2, :fail-count 1, :info-count 1, :by-f {:read {:valid? true, :count 3, "
	    ":ok-count "
	    "1, :fail-count 1, :info-count 1}, :write {:valid? true, :count 1, :ok-count 1, :fail-count 0, :info-count "
	    "0}}}");
}

static void
stats_want_one_success_of_each(void **state)
{
	(void)state;
	assert_result(check_stats, DONE(0, ok, read) DONE(0, fail, cas), "valid?", "false");
	assert_result(check_stats, DONE(0, ok, read) DONE(0, info, crash), "valid?", "true");
	assert_result(check_stats, "{:type :info :process 0 :f :debug-topic-partitions}", "valid?", "true");
	assert_result(check_stats, DONE(0, info, crash) DONE(0, fail, send), "valid?", "false");
	assert_result(check_stats, DONE(0, info, crash), "by-f",
	    "{:crash {:valid? false, :count 1, :ok-count 0, :fail-count 0, :info-count 1}}");
}

/* ---- availability ---------------------------------------------------------------------- */

static void
availability_is_a_bound(void **state)
{
	const struct check_options any = {0}, total = {.availability = AVAILABILITY_TOTAL};
	struct check_options half = {.availability = AVAILABILITY_FRACTION, .availability_fraction = 0.5};
	static const char two_of_three[] = DONE(0, ok, a) DONE(0, ok, a) DONE(0, fail, a);

	(void)state;
	assert_all_of(check_availability, &total, "", "{:valid? true, :ok-fraction 1}");
	assert_all_of(check_availability, &any, two_of_three, "{:valid? true, :ok-fraction 0.6666667}");
	assert_all_of(check_availability, &total, two_of_three, "{:valid? false, :ok-fraction 0.6666667}");
	assert_all_of(check_availability, &total, DONE(0, ok, a), "{:valid? true, :ok-fraction 1.0}");
	assert_result_of(check_availability, &half, two_of_three, "valid?", "true");
	assert_result_of(check_availability, &half, DONE(0, fail, a), "valid?", "false");
	/* The fraction is a float: nine of ten are less than 0.9. */
	half.availability_fraction = 0.9;
	assert_all_of(check_availability, &half,
	    DONE(0, ok, a) DONE(0, ok, a) DONE(0, ok, a) DONE(0, ok, a) DONE(0, ok, a) DONE(0, ok, a) DONE(0, ok, a)
		DONE(0, ok, a) DONE(0, ok, a) DONE(0, fail, a),
	    "{:valid? false, :ok-fraction 0.9}");
}

static void
ratios_as_clojure(void **state)
{
	(void)state;
	assert_true(ratio_float(0, 7) == 0);
	assert_true(ratio_float(14, 7) == 2);
	assert_true(ratio_float(1, 3) == 1.0f / 3);
	assert_true(ratio_float(168, 83) == 2.0240965f);
	assert_true(ratio_float(1, 1000000007) == (float)9.99999993e-10);
}

/* ---- exceptions ------------------------------------------------------------------------- */

#define THREW(process, class)                                                        \
	"{:type :invoke :process " #process " :f :a}{:type :info :process " #process \
	" :f :a :exception {:via [{:type " class "}]}}\n"

static void
exceptions_by_frequency(void **state)
{
	struct history history;
	const struct value *list;

	(void)state;
	assert_all(check_exceptions, DONE(0, ok, a) DONE(0, info, a), "{:valid? true}");
	/* An exception of something else than an :info does not count. */
	assert_all(check_exceptions, "{:type :invoke :process 0 :f :a}{:type :fail :process 0 :f :a :exception {}}",
	    "{:valid? true}");
	assert_all(check_exceptions, THREW(0, "a.B"),
	    "{:valid? true, :exceptions ({:count 1, :class a.B, :example #jepsen.history.Op{:index 1, :time -1, :type "
	    ":info, "
	    ":process 0, :f :a, :value nil, :exception {:via [{:type a.B}]}}})}");
	history_from(&history, THREW(0, "x") THREW(1, "y") THREW(2, "y")
				   THREW(3, "z") "{:type :info :process :nemesis :f :a :exception {}}");
	list = value_get(check_exceptions(&history.arena, &history, &(const struct check_options){0}), "exceptions");
	assert_int_equal(list->count, 4);
	assert_prints(value_get(list->items[0], "class"), "y");
	assert_prints(value_get(value_get(list->items[0], "example")->items[0], "process"), "1");
	assert_prints(value_get(list->items[1], "class"), "nil");
	assert_prints(value_get(list->items[2], "class"), "z");
	assert_prints(value_get(list->items[3], "class"), "x");
	history_free(&history);
}

/* ---- net, all ------------------------------------------------------------------------------ */

static const struct net_stats net = {
    .all = {168, 160},
    .clients = {100, 99},
    .servers = {68, 61},
    .dropped = 8,
};

static void
messages_by_operation(void **state)
{
	const struct check_options options = {.net = &net};

	(void)state;
	assert_all_of(check_net, &options, "",
	    "{:all {:send-count 168, :recv-count 160, :msg-count 168}, :clients {:send-count 100, :recv-count 99, "
	    ":msg-count 100}, "
	    ":servers {:send-count 68, :recv-count 61, :msg-count 68}, :valid? true}");
	assert_all_of(check_net, &options, DONE(0, ok, a) DONE(0, fail, a) DONE(0, info, a) NEMESIS(0, b, "nil"),
	    "{:all {:send-count 168, :recv-count 160, :msg-count 168, :msgs-per-op 56.0}, :clients {:send-count 100, "
	    ":recv-count "
	    "99, :msg-count 100}, :servers {:send-count 68, :recv-count 61, :msg-count 68, :msgs-per-op 22.666666}, "
	    ":valid? true}");
}

static const struct value *
unsure(struct arena *arena, const struct history *history, const struct check_options *options)
{
	(void)history;
	(void)options;
	return check_failed(arena, "unsure");
}

static void
all_together(void **state)
{
	const struct check_options alone = {0}, with_net = {.net = &net, .availability = AVAILABILITY_TOTAL};
	static const char good[] = OP(0, 0, invoke, echo, "1") OP(1, 0, ok, echo, "{:echo 1}");
	static const char bad[] = OP(0, 0, invoke, echo, "1") OP(1, 0, fail, echo, "1");
	struct history history;
	const struct value *result;

	(void)state;
	history_from(&history, good);
	assert_prints(check_all(&history.arena, &history, &alone, check_echo),
	    "{:exceptions {:valid? true}, :stats {:valid? true, :count 1, :ok-count 1, :fail-count 0, :info-count 0, "
	    ":by-f {:echo "
	    "{:valid? true, :count 1, :ok-count 1, :fail-count 0, :info-count 0}}}, :availability {:valid? true, "
	    ":ok-fraction 1.0}, "
	    ":workload {:valid? true, :errors ()}, :valid? true}");
	result = check_all(&history.arena, &history, &with_net, unsure);
	assert_int_equal(verdict_of(result), VERDICT_UNKNOWN);
	assert_non_null(value_get(result, "net"));
	history_free(&history);
	history_from(&history, bad);
	assert_int_equal(verdict_of(check_all(&history.arena, &history, &with_net, unsure)), VERDICT_INVALID);
	history_free(&history);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(verdicts),
	    cmocka_unit_test(stats_by_f_in_order),
	    cmocka_unit_test(stats_want_one_success_of_each),
	    cmocka_unit_test(availability_is_a_bound),
	    cmocka_unit_test(ratios_as_clojure),
	    cmocka_unit_test(exceptions_by_frequency),
	    cmocka_unit_test(messages_by_operation),
	    cmocka_unit_test(all_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
