/* The checker of lists: what it reports and how it says it, case by case, and what it refuses. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check/champ.h"
#include "check/elle_internal.h"
#include "check_help.h"
#include "elle_help.h"
#include "list_histories.h"

#define T(process, type, value) "{:process " #process ", :type :" #type ", :f :txn, :value " value "}\n"
/* A transaction that nothing else overlaps. */
#define ASK(process)         T(process, invoke, "[]")
#define DONE(process, value) ASK(process) T(process, ok, value)

static const struct value *
check_at(struct history *history, const char *text, const char *model)
{
	const char *const models[] = {model, NULL};
	const struct check_options options = {.consistency_models = models};

	history_from(history, text);
	return check_list_append(&history->arena, history, &options);
}

/* The types of anomalies that are reported, or the verdict where there are none. */
static void
assert_types(const char *text, const char *model, const char *types)
{
	struct history history;
	const struct value *result = check_at(&history, text, model);

	if (value_get(result, "anomaly-types") != NULL)
		assert_prints(value_get(result, "anomaly-types"), types);
	else
		assert_prints(value_get(result, "valid?"), types);
	history_free(&history);
}

/* Of the first occurrence of an anomaly, what is under a key. */
static void
assert_explains(const char *text, const char *anomaly, const char *key, const char *printed)
{
	struct history history;
	const struct value *result = check_at(&history, text, "strict-serializable");
	const struct value *found = value_get(value_get(result, "anomalies"), anomaly);

	assert_non_null(found);
	assert_prints(value_get(found->items[0], key), printed);
	history_free(&history);
}

/* ---- results ------------------------------------------------------------------------------------ */

static void
good_and_empty_histories(void **state)
{
	(void)state;
	assert_all(check_list_append, DONE(0, "[[:append 1 1]]") DONE(1, "[[:r 1 [1]]]"), "{:valid? true}");
	assert_all(check_list_append, "",
	    "{:valid? :unknown, :anomaly-types (:empty-transaction-graph), :anomalies {:empty-transaction-graph true}, "
	    ":not #{}, :also-not #{}}");
	/* Without realtime there is nothing that these two depend on. */
	assert_types(
	    DONE(0, "[[:append 1 1]]") DONE(1, "[[:append 2 1]]"), "serializable", "(:empty-transaction-graph)");
	assert_types(DONE(0, "[[:append 1 1]]") DONE(1, "[[:append 2 1]]"), "strict-serializable", "true");
}

#define WRITE_CYCLE                                   \
	T(0, invoke, "[[:append 1 1] [:append 2 1]]") \
	T(1, invoke, "[[:append 1 2] [:append 2 2]]") \
	T(0, ok, "[[:append 1 1] [:append 2 1]]")     \
	T(1, ok, "[[:append 1 2] [:append 2 2]]")     \
	DONE(2, "[[:r 1 [1 2]] [:r 2 [2 1]]]")

static void
a_cycle_is_explained(void **state)
{
	(void)state;
	assert_types(WRITE_CYCLE, "read-uncommitted", "(:G0)");
	assert_types(WRITE_CYCLE, "read-atomic", "(:G0)");
	assert_explains(WRITE_CYCLE, "G0", "steps",
	    "({:type :ww, :key 2, :value 2, :value' 1, :a-mop-index 1, :b-mop-index 1} "
	    "{:type :ww, :key 1, :value 1, :value' 2, :a-mop-index 0, :b-mop-index 0})");
	assert_explains(WRITE_CYCLE, "G0", "cycle",
	    "[#jepsen.history.Op{:index 3, :time -1, :type :ok, :process 1, :f :txn, :value [[:append 1 2] [:append 2 "
	    "2]]} "
	    "#jepsen.history.Op{:index 2, :time -1, :type :ok, :process 0, :f :txn, :value [[:append 1 1] [:append 2 "
	    "1]]} "
	    "#jepsen.history.Op{:index 3, :time -1, :type :ok, :process 1, :f :txn, :value [[:append 1 2] [:append 2 "
	    "2]]}]");
}

#define STALE_READ DONE(0, "[[:append 1 1]]") DONE(1, "[[:r 1 []]]")

static void
models_decide_what_counts(void **state)
{
	struct history history;
	const struct value *result = check_at(&history, STALE_READ, "strict-serializable");

	(void)state;
	assert_prints(value_get(result, "valid?"), "false");
	assert_prints(value_get(result, "anomaly-types"), "(:G-single-item-realtime)");
	assert_prints(value_get(result, "not"), "#{:strong-snapshot-isolation}");
	assert_prints(value_get(result, "also-not"), "#{:strong-serializable}");
	history_free(&history);
	assert_types(STALE_READ, "serializable", "true");
	assert_types(STALE_READ, "strong-session-serializable", "true");
	assert_explains(STALE_READ, "G-single-item-realtime", "type", ":G-single-item-realtime");
	/* The same process: it did not see its own append. */
	assert_types(DONE(0, "[[:append 1 1]]") DONE(0, "[[:r 1 []]]"), "strong-session-serializable",
	    "(:G-single-item-process)");
}

/* ---- anomalies without cycles ------------------------------------------------------------------------ */

static void
internal_contradictions(void **state)
{
	(void)state;
	assert_explains(DONE(0, "[[:append 1 1] [:append 1 2] [:r 1 [5 1]]]") DONE(1, "[[:append 1 5]]"), "internal",
	    "expected", "[... 1 2]");
	assert_explains(DONE(0, "[[:append 1 1]]") DONE(1, "[[:r 1 [1]] [:append 1 2] [:r 1 [2 1]]]"), "internal",
	    "mop", "[:r 1 [2 1]]");
	assert_explains(DONE(0, "[[:append 1 1]]") DONE(1, "[[:r 1 [1]] [:r 1 nil]]"), "internal", "expected", "[1]");
	assert_explains(DONE(0, "[[:append 1 1] [:r 1 nil]]"), "internal", "expected", "[... 1]");
	/* After nil anything may be read, but what was appended to nil is known. */
	assert_types(DONE(0, "[[:append 1 1]]") DONE(1, "[[:r 1 nil] [:r 1 [1]]]"), "read-atomic", "true");
	assert_explains(DONE(0, "[[:r 1 nil] [:append 1 1] [:r 1 [2 1]]]") DONE(1, "[[:append 1 2]]"), "internal",
	    "expected", "[1]");
	/* Whatever came before the first append is unknown. */
	assert_types(DONE(0, "[[:append 1 1]]") DONE(1, "[[:append 1 2] [:r 1 [1 2]]]"), "read-atomic", "true");
	assert_types(DONE(0, "[[:append 1 1] [:r 2 []] [:append 1 2] [:r 1 [1 2]]]"), "read-atomic",
	    "(:empty-transaction-graph)");
	assert_explains(
	    DONE(0, "[[:r 1 [1 2]] [:append 1 2]]") DONE(1, "[[:append 1 1]]"), "future-read", "mop", "[:r 1 [1 2]]");
}

static void
duplicates_and_orders(void **state)
{
	(void)state;
	assert_explains(DONE(0, "[[:append 1 1]]") DONE(1, "[[:append 1 2]]") DONE(2, "[[:r 1 [2 1 2 1 2]]]"),
	    "duplicate-elements", "duplicates", "{1 2, 2 3}");
	assert_explains(DONE(0, "[[:append 1 1]]") DONE(1, "[[:append 1 2]]") DONE(2, "[[:r 1 [2]]]")
			    DONE(2, "[[:r 1 [1 2]]]"),
	    "incompatible-order", "values", "[[2] [1 2]]");
	assert_types(DONE(0, "[[:append 1 1]]") DONE(1, "[[:append 1 2]]") DONE(2, "[[:r 1 [1]]]")
			 DONE(2, "[[:r 1 [1 2]]]"),
	    "read-committed", "true");
}

static void
dirty_reads_and_updates(void **state)
{
	(void)state;
#define ABORTED                         \
	T(0, invoke, "[[:append 1 1]]") \
	T(0, fail, "[[:append 1 1]]") DONE(1, "[[:append 1 2]]") DONE(2, "[[:r 1 [1 2]]]")
	assert_explains(ABORTED, "G1a", "element", "1");
	assert_explains(ABORTED, "dirty-update", "values", "[1 2]");
	assert_explains(ABORTED, "dirty-update", "key", "1");
	/* What is indefinite may have taken effect. */
	assert_types(T(0, invoke, "[[:append 1 1]]") T(0, info, "[[:append 1 1]]") DONE(1, "[[:append 1 2]]")
			 DONE(2, "[[:r 1 [1 2]]]"),
	    "strict-serializable", "true");
	assert_explains(T(0, invoke, "[[:append 1 1] [:append 1 2]]") T(1, invoke, "[[:r 1 nil]]")
			    T(1, ok, "[[:r 1 [1]]]") T(0, ok, "[[:append 1 1] [:append 1 2]]"),
	    "G1b", "writer",
	    "#jepsen.history.Op{:index 3, :time -1, :type :ok, :process 0, :f :txn, :value [[:append 1 1] [:append 1 "
	    "2]]}");
	/* Its own intermediate states are its own affair. */
	assert_types(DONE(0, "[[:append 1 1] [:r 1 [1]] [:append 1 2]]") DONE(1, "[[:r 1 [1 2]]]"),
	    "strict-serializable", "true");
}

static void
lost_updates(void **state)
{
	(void)state;
#define LOST(first, second) \
	T(0, invoke, "[]")  \
	T(1, invoke, "[]") T(0, ok, "[[:r 1 " first "] [:append 1 1]]") T(1, ok, "[[:r 1 " second "] [:append 1 2]]")
	assert_explains(LOST("nil", "nil"), "lost-update", "value", "nil");
	assert_explains(LOST("[]", "[]"), "lost-update", "key", "1");
	assert_types(LOST("[]", "[]"), "update-atomic", "(:lost-update)");
	assert_types(LOST("[]", "[1]"), "update-atomic", "true");
}

static void
crashed_transactions(void **state)
{
	(void)state;
	/* Its nil says nothing, and without its completion there is no transaction. */
	assert_types(DONE(1, "[[:append 1 1]]") T(0, invoke, "[[:r 1 nil]]") T(0, info, "[[:r 1 nil]]"),
	    "strict-serializable", "true");
	assert_types(DONE(1, "[[:append 1 1]]") T(0, invoke, "[[:append 1 2]]") DONE(1, "[[:r 1 [1]]]"),
	    "strict-serializable", "true");
	/* It was seen before it was asked for. */
	assert_types(DONE(1, "[[:r 1 [1]]]") T(0, invoke, "[[:append 1 1]]") T(0, info, "[[:append 1 1]]"),
	    "strict-serializable", "(:G1c-realtime)");
	/* Half of it was seen. */
	assert_types(T(0, invoke, "[[:append 1 1] [:append 2 1]]") T(0, info, "[[:append 1 1] [:append 2 1]]")
			 DONE(1, "[[:r 1 [1]] [:r 2 []]]"),
	    "serializable", "(:G-single-item)");
}

/* ---- what cannot be judged ------------------------------------------------------------------------------ */

static void
bad_histories_are_unknown(void **state)
{
	static const char *const values[] = {"nil", "5", "{:a 1}", "[5]", "[[:w 1 2]]", "[[\"r\" 1 nil]]", "[[]]",
	    "[nil]", "[[:r 1 5]]", "[[:r 1 \"12\"]]", "[[:r 1 #{1}]]", "\"r\""};
	struct buffer text = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		text.length = 0;
		buffer_printf(&text, ASK(0) "{:process 0, :type :ok, :f :txn, :value %s}", values[i]);
		assert_fails(check_list_append, buffer_string(&text));
	}
	buffer_free(&text);
	assert_result(check_list_append, DONE(0, "[[:r 1 [7]]]"), "error",
	    "\"appended by no completed transaction: 7 of key 1\"");
	/* Elements from nowhere, or twice; processes that do two things at once. */
	assert_fails(check_list_append, DONE(0, "[[:r 1 [7]]]"));
	assert_fails(check_list_append, T(0, invoke, "[[:append 1 1]]") T(0, ok, "[]") T(0, invoke, "[[:append 1 1]]"));
	assert_fails(check_list_append, T(0, invoke, "[[:append 1 1] [:append 1 1]]"));
	assert_fails(check_list_append, ASK(0) ASK(0));
	/* A list is as good as a vector for what a client asks. */
	assert_types(DONE(1, "([:append 1 1])") DONE(0, "[(:r 1 [1])]"), "serializable", "true");
}

static void
unknown_models_are_refused(void **state)
{
	struct history history;
	const struct value *result = check_at(&history, STALE_READ, "no-such-model");

	(void)state;
	assert_int_equal(verdict_of(result), VERDICT_UNKNOWN);
	assert_prints(value_get(result, "error"), "\"there is no consistency model no-such-model\"");
	history_free(&history);
}

/* ---- large components ------------------------------------------------------------------------------------- */

#define CROWD 30

/* Every vertex leads to every other one, and what a cycle needs beside an rw edge is not there. */
static void
the_search_for_a_cycle_is_bounded(void **state)
{
	const struct elle_cycle_kind kind = {
	    .legal = ELLE_WW | ELLE_PROCESS, .required = ELLE_PROCESS, .rw_wanted = 1, .rw = ELLE_RW_SINGLE};
	const struct elle_cycle_kind any = {.legal = ELLE_WW};
	struct elle_edge edges[CROWD * CROWD];
	uint64_t ranks[CROWD], work;
	struct elle_graph graph;
	uint32_t cycle[CROWD], v;
	size_t count = 0;

	(void)state;
	for (v = 0; v < CROWD * CROWD; v++)
		if (v / CROWD != v % CROWD)
			edges[count++] = (struct elle_edge){v / CROWD, v % CROWD, ELLE_WW | ELLE_RW};
	for (v = 0; v < CROWD; v++)
		ranks[v] = champ_rank(v);
	elle_graph_build(&graph, edges, count, CROWD);
	assert_false(elle_cycle_is_possible(&graph, &kind));
	assert_true(elle_cycle_is_possible(&graph, &any));
	work = 1000000;
	assert_int_equal(elle_find_cycle(&graph, ranks, &kind, true, &work, cycle), 0);
	assert_int_equal(work, 0);
	/* The other way it is soon clear that there is none. */
	work = 1000000;
	assert_int_equal(elle_find_cycle(&graph, ranks, &kind, false, &work, cycle), 0);
	assert_true(work > 0);
	assert_int_equal(elle_find_cycle(&graph, ranks, &any, true, &work, cycle), 2);
	elle_graph_free(&graph);
}

/* Whatever is wrong with it, a history is judged. */
static void
large_components_are_judged(void **state)
{
	struct list_maker maker = {.txns = LIST_TXNS_MAX - 1, .keys = 3, .processes = 12, .length = 4};
	const struct check_options options = {0};
	struct history history = {0};
	const struct value *result;

	(void)state;
	maker.database = LIST_PIECEMEAL;
	random_seed(&maker.random, 1, "large", 0);
	list_make(&maker);
	list_history(&maker, &history);
	result = check_list_append(&history.arena, &history, &options);
	assert_int_equal(verdict_of(result), VERDICT_INVALID);
	assert_true(elle_has_type(result, "G0"));
	assert_true(elle_has_type(result, "G-single-item"));
	history_free(&history);
	list_free(&maker);
}

/* ---- files ---------------------------------------------------------------------------------------------------- */

static void
assert_file_has(const char *directory, const char *name, const char *part)
{
	char path[256], text[4096] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/elle/%s", directory, name);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
	assert_non_null(strstr(text, part));
	fclose(file);
	assert_int_equal(unlink(path), 0);
}

static void
cycles_are_written_down(void **state)
{
	static const char *const names[] = {"G0.svg", "G-single-item-realtime.svg"};
	char directory[] = "/tmp/test_check_list_append.XXXXXX", path[256];
	struct check_options options = {.directory = mkdtemp(directory)};
	struct history history;

	(void)state;
	assert_non_null(options.directory);
	history_from(&history, WRITE_CYCLE DONE(0, "[[:append 3 1]]") DONE(1, "[[:r 3 []]]"));
	check_list_append(&history.arena, &history, &options);
	history_free(&history);
	assert_file_has(directory, "G0.txt",
	    "  - T1 < T2, because T1 appended 2 to key 2 before T2 appended 1.\n"
	    "  - However, T2 < T1, because T2 appended 1 to key 1 before T1 appended 2: a contradiction!\n");
	assert_file_has(directory, "G0.dot", "c1t0:m1 -> c1t1:m1 [label=\"ww\"");
	assert_file_has(directory, "G-single-item-realtime.txt",
	    "T1 < T2, because T1 did not read T2's append of 1 to key 3, which was empty then.\n");
	assert_file_has(directory, "G-single-item-realtime.dot", "[label=\"realtime\"");
	/* Pictures are there where Graphviz is. */
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/elle/%s", directory, names[i]);
		remove(path);
	}
	snprintf(path, sizeof(path), "%s/elle", directory);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(directory), 0);
}

/* ---- order ------------------------------------------------------------------------------------------------------ */

static void
maps_have_their_order(void **state)
{
	static const int64_t sorted[] = {39, 6, 99999999999, 1000, 29, 13, 17, 33, 15, 0, 38, 10, 34, 35, 32, 26, 21,
	    20, 9, 30, 19, 18, 5, 23, 16, 11, 8, 28, 12, 1, 22, 7, 3, 24, 31, 14, 2, 37, 25, 123456, 36, 27, 4};
	const size_t count = sizeof(sorted) / sizeof(sorted[0]);
	struct clojure_ranked ranked[sizeof(sorted) / sizeof(sorted[0])];

	(void)state;
	for (size_t i = 0; i < count; i++)
		ranked[i] = (struct clojure_ranked){champ_rank(sorted[i]), (size_t)sorted[i]};
	champ_sort(ranked, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(ranked[i].item, sorted[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(good_and_empty_histories),
	    cmocka_unit_test(a_cycle_is_explained),
	    cmocka_unit_test(models_decide_what_counts),
	    cmocka_unit_test(internal_contradictions),
	    cmocka_unit_test(duplicates_and_orders),
	    cmocka_unit_test(dirty_reads_and_updates),
	    cmocka_unit_test(lost_updates),
	    cmocka_unit_test(crashed_transactions),
	    cmocka_unit_test(bad_histories_are_unknown),
	    cmocka_unit_test(unknown_models_are_refused),
	    cmocka_unit_test(the_search_for_a_cycle_is_bounded),
	    cmocka_unit_test(large_components_are_judged),
	    cmocka_unit_test(cycles_are_written_down),
	    cmocka_unit_test(maps_have_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
