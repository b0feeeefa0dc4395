/* The checker of registers: each anomaly that they can show, under its name, and histories that it refuses. */
#include <stdio.h>

#include "check.h"
#include "check/rw_register.h"
#include "elle_help.h"
#include "rw_histories.h"

/* Operations, shortly: process P invokes V, and ends it as :ok, :fail or :info. */
#define DO(p, v)   "{:process " #p ", :type :invoke, :f :txn, :value " v "}\n"
#define OK(p, v)   "{:process " #p ", :type :ok, :f :txn, :value " v "}\n"
#define FAIL(p, v) "{:process " #p ", :type :fail, :f :txn, :value " v "}\n"
#define INFO(p, v) "{:process " #p ", :type :info, :f :txn, :value " v "}\n"
/* One after the other. */
#define TXN(p, v) DO(p, v) OK(p, v)
/* A dependency, for histories that have no other: without any they are not valid. */
#define LINK TXN(8, "[[:w 8 1]]") TXN(9, "[[:r 8 1]]")

static const struct value *
check(struct history *history, const char *text, const char *model, bool sequential, bool linearizable)
{
	const char *const models[] = {model, NULL};
	const struct check_options options = {
	    .consistency_models = models,
	    .sequential_keys = sequential,
	    .linearizable_keys = linearizable,
	};

	history_from(history, text);
	return check_rw_register(&history->arena, history, &options);
}

/* What is under a key of the result, or below that of the only anomaly of that name. */
static void
assert_under(const char *model, const char *text, const char *key, const char *printed)
{
	struct history history;

	assert_prints(value_get(check(&history, text, model, false, false), key), printed);
	history_free(&history);
}

/* ---- anomalies -------------------------------------------------------------------- */

static const struct {
	const char *anomaly, *model, *not ;
	bool sequential, linearizable;
	const char *text;
} planted[] = {
    {"internal", "read-atomic", "#{:read-atomic}", false, false, TXN(0, "[[:w 1 1] [:r 1 2]]") TXN(0, "[[:r 2 nil]]")},
    {"G1a", "read-committed", "#{:read-committed}", false, false,
	DO(0, "[[:w 1 1]]") FAIL(0, "[[:w 1 1]]") TXN(1, "[[:r 1 1]]")},
    {"G1b", "read-committed", "#{:read-committed}", false, false, TXN(0, "[[:w 1 1] [:w 1 2]]") TXN(1, "[[:r 1 1]]")},
    {"lost-update", "update-atomic", "#{:cursor-stability :update-atomic}", false, false,
	TXN(0, "[[:r 1 nil] [:w 1 1]]") TXN(1, "[[:r 1 nil] [:w 1 2]]")},
    {"cyclic-versions", "read-uncommitted", "#{:read-uncommitted}", false, false,
	TXN(0, "[[:r 1 2] [:w 1 1]]") TXN(1, "[[:r 1 1] [:w 1 2]]")},
    {"G1c", "read-committed", "#{:read-committed}", false, false,
	TXN(0, "[[:w 1 1] [:r 2 1]]") TXN(1, "[[:w 2 1] [:r 1 1]]")},
    {"G-single-item", "consistent-view", "#{:consistent-view :repeatable-read}", false, false,
	TXN(0, "[[:r 1 nil] [:r 2 1]]") TXN(1, "[[:w 1 1] [:w 2 1]]")},
    {"G-nonadjacent-item", "snapshot-isolation", "#{:repeatable-read :snapshot-isolation}", false, false,
	TXN(0, "[[:w 1 1]]") TXN(1, "[[:w 2 1]]") TXN(2, "[[:r 1 1] [:r 2 nil]]") TXN(3, "[[:r 1 nil] [:r 2 1]]")},
    {"G2-item", "repeatable-read", "#{:repeatable-read}", false, false,
	TXN(0, "[[:r 1 nil] [:w 2 1]]") TXN(1, "[[:r 2 nil] [:w 1 1]]")},
    /* Only if other transactions' order tells that of versions are there edges of writes alone. */
    {"G0", "read-uncommitted", "#{:read-uncommitted}", true, false,
	TXN(0, "[[:w 1 1] [:w 2 2]]") TXN(1, "[[:w 1 2] [:w 2 1]]") TXN(2, "[[:r 1 1]]") TXN(2, "[[:r 1 2]]")
	    TXN(3, "[[:r 2 1]]") TXN(3, "[[:r 2 2]]")},
    {"G1c-process", "strong-session-read-committed", "#{:strong-session-read-committed}", false, false,
	TXN(0, "[[:r 1 1]]") TXN(0, "[[:w 1 1]]")},
    {"G0-process", "strong-session-read-uncommitted", "#{:strong-session-read-uncommitted}", true, false,
	TXN(0, "[[:w 1 1]]") TXN(0, "[[:w 2 1]]") TXN(1, "[[:w 1 2] [:w 2 2]]") TXN(2, "[[:r 1 2]]")
	    TXN(2, "[[:r 1 1]]") TXN(3, "[[:r 2 1]]") TXN(3, "[[:r 2 2]]")},
    {"G-single-item-process", "strong-session-snapshot-isolation", "#{:strong-session-snapshot-isolation}", false,
	false, TXN(0, "[[:w 1 1]]") TXN(0, "[[:r 1 nil]]")},
    {"G-nonadjacent-item-process", "strong-session-snapshot-isolation", "#{:strong-session-snapshot-isolation}", false,
	false, TXN(0, "[[:w 1 1]]") TXN(0, "[[:r 2 nil]]") TXN(1, "[[:w 2 1]]") TXN(1, "[[:r 1 nil]]")},
    {"G2-item-process", "strong-session-serializable", "#{:strong-session-serializable}", false, false,
	TXN(0, "[[:w 2 1]]") TXN(0, "[[:r 1 nil]]") TXN(1, "[[:w 1 1] [:r 2 nil]]")},
    {"G1c-realtime", "strong-read-committed", "#{:strong-read-committed}", false, false,
	TXN(0, "[[:r 1 1]]") TXN(1, "[[:w 1 1]]")},
    {"G0-realtime", "strong-read-uncommitted", "#{:strong-read-uncommitted}", true, false,
	DO(1, "[[:w 1 2] [:w 2 2]]") TXN(0, "[[:w 1 1]]") TXN(4, "[[:w 2 1]]") DO(2, "[[:r 1 nil]]")
	    DO(3, "[[:r 2 nil]]") OK(2, "[[:r 1 2]]") OK(3, "[[:r 2 1]]") DO(2, "[[:r 1 nil]]") DO(3, "[[:r 2 nil]]")
		OK(2, "[[:r 1 1]]") OK(3, "[[:r 2 2]]") OK(1, "[[:w 1 2] [:w 2 2]]")},
    {"G-single-item-realtime", "strong-snapshot-isolation", "#{:strong-snapshot-isolation}", false, false,
	TXN(0, "[[:w 1 1]]") TXN(1, "[[:r 1 nil]]")},
    {"G-nonadjacent-item-realtime", "strong-snapshot-isolation", "#{:strong-snapshot-isolation}", false, false,
	DO(0, "[[:w 2 1]]") DO(1, "[[:r 1 nil] [:r 2 nil]]") TXN(2, "[[:w 1 1]]") TXN(3, "[[:r 2 nil]]")
	    OK(0, "[[:w 2 1]]") OK(1, "[[:r 1 nil] [:r 2 1]]")},
    {"G2-item-realtime", "strict-serializable", "#{:strong-serializable}", false, false,
	DO(1, "[[:w 1 1] [:r 2 nil]]") TXN(0, "[[:w 2 1]]") TXN(2, "[[:r 1 nil]]") OK(1, "[[:w 1 1] [:r 2 nil]]")},
    /* A key of its own goes back. */
    {"cyclic-versions", "read-uncommitted", "#{:read-uncommitted}", true, false,
	TXN(0, "[[:w 1 1]]") TXN(1, "[[:w 1 2]]") TXN(2, "[[:r 1 1]]") TXN(2, "[[:r 1 2]]") TXN(3, "[[:r 1 2]]")
	    TXN(3, "[[:r 1 1]]")},
    {"cyclic-versions", "read-uncommitted", "#{:read-uncommitted}", false, true,
	TXN(0, "[[:w 1 1]]") TXN(1, "[[:r 1 nil]]")},
};

static void
each_anomaly_has_its_name(void **state)
{
	struct history history;
	const struct value *result;

	(void)state;
	for (size_t i = 0; i < sizeof(planted) / sizeof(planted[0]); i++) {
		result =
		    check(&history, planted[i].text, planted[i].model, planted[i].sequential, planted[i].linearizable);
		if (!elle_has_type(result, planted[i].anomaly))
			fail_msg("%s is not found", planted[i].anomaly);
		assert_int_equal(verdict_of(result), VERDICT_INVALID);
		assert_prints(value_get(result, "not"), planted[i].not );
		history_free(&history);
	}
}

/*
 * Operations of both, each in their order: mixed at random, or all of b's at
 * once. That is for cycles in real time, whose name depends on what else can be
 * said of transactions in between.
 */
static void
mix(struct history *mixed, const struct history *a, const struct history *b, bool at_once, struct random *random)
{
	for (size_t i = 0, j = 0; i < a->count || j < b->count;) {
		bool first = j == b->count || (i < a->count && random_below(random, a->count + b->count) < a->count);

		if (first)
			history_append(mixed, &a->ops[i++]);
		else
			do
				history_append(mixed, &b->ops[j++]);
			while (at_once && j < b->count);
	}
}

static void
assert_found_among(const struct history *others, size_t i, struct random *random)
{
	const char *const models[] = {planted[i].model, NULL};
	const struct check_options options = {
	    .consistency_models = models,
	    .sequential_keys = planted[i].sequential,
	    .linearizable_keys = planted[i].linearizable,
	};
	struct history history, mixed = {0};
	const struct value *result;

	history_from(&history, planted[i].text);
	mix(&mixed, others, &history, strstr(planted[i].anomaly, "-realtime") != NULL, random);
	result = check_rw_register(&mixed.arena, &mixed, &options);
	assert_int_equal(verdict_of(result), VERDICT_INVALID);
	if (!elle_has_type(result, planted[i].anomaly))
		fail_msg("%s is not found among others", planted[i].anomaly);
	history_free(&mixed);
	history_free(&history);
}

/* Each is found when it happens while others do what is strict serializable. */
static void
each_anomaly_is_found_among_others(void **state)
{
	static struct made made;
	struct history others;
	struct random random;

	(void)state;
	for (uint64_t seed = 0; seed < 40; seed++) {
		others = (struct history){0};
		random_seed(&random, seed, "mix", 0);
		made_generate(&made, seed, MADE_SERIAL, 30);
		made.first_key = made.first_process = 100;
		made_history(&made, &others);
		for (size_t i = 0; i < sizeof(planted) / sizeof(planted[0]); i++)
			assert_found_among(&others, i, &random);
		history_free(&others);
	}
}

/* A model that an anomaly does not rule out allows it. */
static void
weaker_models_are_satisfied(void **state)
{
	static const struct {
		const char *model, *text;
	} allowed[] = {
	    {"read-committed", LINK TXN(0, "[[:w 1 1] [:r 1 2]]")},
	    {"read-uncommitted", LINK TXN(0, "[[:w 1 1] [:w 1 2]]") TXN(1, "[[:r 1 1]]")},
	    {"read-committed", LINK TXN(0, "[[:r 1 nil] [:w 1 1]]") TXN(1, "[[:r 1 nil] [:w 1 2]]")},
	    {"snapshot-isolation", LINK TXN(0, "[[:r 1 nil] [:w 2 1]]") TXN(1, "[[:r 2 nil] [:w 1 1]]")},
	    {"serializable", LINK TXN(0, "[[:w 1 1]]") TXN(1, "[[:r 1 nil]]")},
	    {"strong-session-serializable", LINK TXN(0, "[[:w 1 1]]") TXN(1, "[[:r 1 nil]]")},
	    {"causal", LINK TXN(0, "[[:r 1 2] [:w 1 1]]") TXN(1, "[[:r 1 1] [:w 1 2]]")},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		assert_under(allowed[i].model, allowed[i].text, "valid?", "true");
}

/* ---- what crashed --------------------------------------------------------------------- */

static void
crashed_writes_may_be_read(void **state)
{
	(void)state;
	assert_under("strict-serializable", LINK DO(0, "[[:w 1 1]]") INFO(0, "[[:w 1 1]]") TXN(1, "[[:r 1 1]]"),
	    "valid?", "true");
	assert_under("strict-serializable", LINK DO(0, "[[:w 1 1]]") TXN(1, "[[:r 1 1]]") TXN(1, "[[:r 1 1]]"),
	    "valid?", "true");
	assert_under("strict-serializable",
	    LINK DO(0, "[[:w 1 1]]") INFO(0, "[[:w 1 1]]") TXN(1, "[[:r 1 nil]]") TXN(1, "[[:r 1 nil]]"), "valid?",
	    "true");
	/* Not what it had overwritten itself, though. */
	assert_under("strict-serializable",
	    LINK DO(0, "[[:w 1 1] [:w 1 2]]") INFO(0, "[[:w 1 1] [:w 1 2]]") TXN(1, "[[:r 1 1]]"), "anomaly-types",
	    "(:G1b)");
	assert_under("strict-serializable", LINK DO(0, "[[:w 1 1] [:w 1 2]]") TXN(1, "[[:r 1 1]]") TXN(1, "[[:r 1 1]]"),
	    "anomaly-types", "(:G1b)");
}

/* ---- results ------------------------------------------------------------------------------ */

static const struct value *
only(const struct value *result, const char *anomaly)
{
	const struct value *reports = value_get(value_get(result, "anomalies"), anomaly);

	assert_non_null(reports);
	assert_int_equal(reports->count, 1);
	return reports->items[0];
}

static void
assert_report(const char *text, const char *anomaly, const char *key, const char *printed)
{
	struct history history;

	assert_prints(
	    value_get(only(check(&history, text, "strict-serializable", false, false), anomaly), key), printed);
	history_free(&history);
}

static void
reports_say_what_happened(void **state)
{
	(void)state;
	assert_report(TXN(0, "[[:w 1 1] [:r 1 2]]"), "internal", "mop", "[:r 1 2]");
	assert_report(TXN(0, "[[:w 1 1] [:r 1 2]]"), "internal", "expected", "1");
	assert_report(DO(0, "[[:w 1 1]]") FAIL(0, "[[:w 1 1]]") TXN(1, "[[:r 1 1]]"), "G1a", "writer",
	    "#jepsen.history.Op{:index 1, :time -1, :type :fail, :process 0, :f :txn, :value [[:w 1 1]]}");
	assert_report(TXN(0, "[[:r 1 nil] [:w 1 1]]") TXN(1, "[[:r 1 nil] [:w 1 2]]"), "lost-update", "key", "1");
	assert_report(TXN(0, "[[:r 1 nil] [:w 1 1]]") TXN(1, "[[:r 1 nil] [:w 1 2]]"), "lost-update", "value", "nil");
	assert_report(TXN(0, "[[:r 1 2] [:w 1 1]]") TXN(1, "[[:r 1 1] [:w 1 2]]"), "cyclic-versions", "sources",
	    "[:initial-state :wfr-keys]");
	assert_report(TXN(0, "[[:r 1 2] [:w 1 1]]") TXN(1, "[[:r 1 1] [:w 1 2]]"), "cyclic-versions", "key", "1");
}

static void
cycles_are_explained(void **state)
{
	(void)state;
	assert_report(TXN(0, "[[:w 1 1] [:r 2 1]]") TXN(1, "[[:w 2 1] [:r 1 1]]"), "G1c", "steps",
	    "({:type :wr, :key 1, :value 1, :a-mop-index 0, :b-mop-index 1} "
	    "{:type :wr, :key 2, :value 1, :a-mop-index 0, :b-mop-index 1})");
	assert_report(TXN(1, "[[:w 1 1] [:w 2 1]]") TXN(0, "[[:r 2 1] [:r 1 nil]]"), "G-single-item", "steps",
	    "({:type :rw, :key 1, :value nil, :value' 1, :a-mop-index 1, :b-mop-index 0} "
	    "{:type :wr, :key 2, :value 1, :a-mop-index 1, :b-mop-index 0})");
}

/* The same in words, as it is written to a file. */
static void
explanations_have_words(void **state)
{
	static const struct {
		const char *step, *words;
	} steps[] = {
	    {"{:type :wr, :key 5, :value 3}", "T1 set key 5 to 3, which T2 read"},
	    {"{:type :ww, :key 5, :value 3, :value' 4}", "T1 set key 5 to 3, a version before the 4 that T2 set"},
	    {"{:type :rw, :key 5, :value nil, :value' 4}", "T1 read key 5 = nil, a version before the 4 that T2 set"},
	};
	struct arena arena = {0};
	struct buffer text = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		text.length = 0;
		rw_register_workload.render(&text, edn(&arena, steps[i].step), "T1", "T2");
		assert_string_equal(buffer_string(&text), steps[i].words);
	}
	buffer_free(&text);
	arena_free(&arena);
}

/* Maelstrom's wrapper around Elle takes an empty graph for invalid. */
static void
few_transactions_are_not_enough(void **state)
{
	(void)state;
	assert_under("strict-serializable", "", "anomaly-types", "(:empty-transaction-graph)");
	assert_under("strict-serializable", "", "valid?", "false");
	assert_under("strict-serializable", TXN(0, "[[:w 1 1]]"), "valid?", "false");
	assert_under("strict-serializable", TXN(0, "[[:r 1 nil] [:w 1 1]]"), "valid?", "true");
	assert_under("strict-serializable", TXN(0, "[[:w 1 1]]") TXN(0, "[[:r 1 1]]"), "valid?", "true");
	assert_under("strict-serializable", TXN(0, "[[:w 1 1]]") TXN(0, "[[:r 1 1]]"), "anomaly-types", "()");
	assert_under("strict-serializable", TXN(0, "[[:w 1 1]]") TXN(0, "[[:r 1 1]]"), "anomalies", "nil");
	assert_under("read-committed", DO(0, "[[:w 1 1]]") FAIL(0, "[[:w 1 1]]") TXN(1, "[[:r 1 1]]"), "anomaly-types",
	    "(:G1a :empty-transaction-graph)");
}

/* ---- odd histories --------------------------------------------------------------------------- */

static void
odd_values_are_values(void **state)
{
	(void)state;
	assert_under(
	    "strict-serializable", TXN(0, "[[:w \"k\" \"a\"]]") TXN(1, "[[:r \"k\" \"a\"]]"), "valid?", "true");
	assert_under("strict-serializable", TXN(0, "[[:w [1] {:a 1}]]") TXN(1, "[[:r [1] {:a 1}]]"), "valid?", "true");
	assert_under("strict-serializable", TXN(0, "[[:w nil 1]]") TXN(1, "[[:r nil nil]]"), "valid?", "false");
	assert_under("strict-serializable", TXN(0, "[[:w 1 nil]]") TXN(1, "[[:r 1 nil]]"), "valid?", "true");
	assert_under("strict-serializable", TXN(0, "[]") TXN(1, "[]"), "valid?", "true");
	assert_under("strict-serializable", TXN(0, "[[:w 1 1]]") TXN(0, "[[:w 1 1]]"), "valid?", "true");
}

static void
what_is_no_history_of_registers_is_unknown(void **state)
{
	static const char *const bad[] = {
	    TXN(0, "[[:w 1 1]]") TXN(0, "[[:w 1 1]]") TXN(0, "[[:r 1 1]]"),
	    TXN(0, "[[:w 1 nil]]") TXN(0, "[[:w 1 nil]]") TXN(0, "[[:r 1 nil]]"),
	    TXN(0, "[[:w 1 1]]") TXN(0, "[[:w \"1\" 1]]"),
	    TXN(0, "nil") TXN(0, "[[:w 1 1]]"),
	    TXN(0, "5"),
	    TXN(0, "{:a 1}"),
	    TXN(0, "[5]"),
	    TXN(0, "[nil]"),
	    TXN(0, "[[:append 1 1]]"),
	    DO(0, "[[:w 1 1]]") DO(0, "[[:w 1 2]]"),
	    OK(0, "[[:w 1 1]]"),
	};
	struct history history;
	const struct value *result;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		result = check(&history, bad[i], "strict-serializable", true, true);
		assert_int_equal(verdict_of(result), VERDICT_UNKNOWN);
		assert_non_null(value_get(result, "error"));
		history_free(&history);
	}
	assert_under("no-such-model", TXN(0, "[[:w 1 1]]"), "valid?", ":unknown");
}

/* Readers of nil, and as many writers, would make a graph of their product. */
static void
too_many_dependencies_are_refused(void **state)
{
	struct history history = {0};
	struct op op = {.f = "txn", .pair = -1};
	const struct check_options options = {0};
	struct buffer text = {0};

	(void)state;
	for (int i = 0; i < 2 * 12000; i++) {
		text.length = 0;
		buffer_printf(&text, i % 2 == 0 ? "[[:w 1 %d]]" : "[[:r 1 nil]]", i);
		op.value = edn(&history.arena, buffer_string(&text));
		op.type = OP_INVOKE;
		history_append(&history, &op);
		op.type = OP_OK;
		history_append(&history, &op);
	}
	assert_int_equal(verdict_of(check_rw_register(&history.arena, &history, &options)), VERDICT_UNKNOWN);
	buffer_free(&text);
	history_free(&history);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_anomaly_has_its_name),
	    cmocka_unit_test(each_anomaly_is_found_among_others),
	    cmocka_unit_test(weaker_models_are_satisfied),
	    cmocka_unit_test(crashed_writes_may_be_read),
	    cmocka_unit_test(reports_say_what_happened),
	    cmocka_unit_test(cycles_are_explained),
	    cmocka_unit_test(explanations_have_words),
	    cmocka_unit_test(few_transactions_are_not_enough),
	    cmocka_unit_test(odd_values_are_values),
	    cmocka_unit_test(what_is_no_history_of_registers_is_unknown),
	    cmocka_unit_test(too_many_dependencies_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
