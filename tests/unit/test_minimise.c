/* Minimisation: what is left is as wrong as what there was, and less. */
#include "runs.h"

#include <stdio.h>

#include "ddmin.h"
#include "explore.h"
#include "finding.h"
#include "minimise.h"

/* ---- ddmin -------------------------------------------------------------------------- */

struct needs {
	size_t count;
	size_t places[4];
	int calls, most; /* most: attempts that are allowed; 0: any number */
};

static bool
has_all(void *arg, const bool *keep, size_t count)
{
	struct needs *needs = arg;

	(void)count;
	if (++needs->calls > needs->most && needs->most > 0)
		return false;
	for (size_t i = 0; i < needs->count; i++)
		if (!keep[needs->places[i]])
			return false;
	return true;
}

static void
test_ddmin(void **state)
{
	static const struct needs cases[] = {{.count = 0}, {.count = 1, .places = {0}}, {.count = 1, .places = {99}},
	    {.count = 2, .places = {17, 63}}, {.count = 4, .places = {0, 1, 98, 99}},
	    {.count = 3, .places = {40, 41, 42}}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct needs needs = cases[i];
		bool keep[100];

		memset(keep, true, sizeof(keep));
		assert_int_equal(ddmin(keep, 100, has_all, &needs), cases[i].count);
		for (size_t k = 0; k < cases[i].count; k++)
			assert_true(keep[cases[i].places[k]]);
		assert_true(needs.calls < 120);
	}
}

/* Out of attempts: what was left out so far is left out, and nothing that is needed. */
static void
test_ddmin_cut_short(void **state)
{
	struct needs needs = {2, {17, 63}, 0, 6};
	bool keep[100];
	size_t left;

	(void)state;
	memset(keep, true, sizeof(keep));
	left = ddmin(keep, 100, has_all, &needs);
	assert_true(left > 2 && left < 100 && keep[17] && keep[63]);
	assert_int_equal(ddmin(keep, 0, has_all, &needs), 0);
}

/* ---- findings ------------------------------------------------------------------------ */

static void
test_findings(void **state)
{
	char finding[FINDING_MAX];
	struct run run;

	(void)state;
	simulate(&run, "-w broadcast --node broken:broadcast-forgetful --node-count 3 --rate 30 --time-limit 3");
	finding_of_run(finding, &run);
	assert_string_equal(finding, "workload:lost");
	run_free(&run);
	simulate(&run, "-w echo --node broken:echo-stranger --time-limit 3 --rate 10");
	finding_of_run(finding, &run);
	assert_string_equal(finding, "protocol");
	run_free(&run);
	simulate(&run, "-w echo --node echo --time-limit 3 -- --frobnicate");
	finding_of_run(finding, &run);
	assert_string_equal(finding, "crash");
	run_free(&run);
	simulate(&run, "-w echo --node echo --time-limit 3");
	finding_of_run(finding, &run);
	assert_string_equal(finding, "");
	run_free(&run);
	finding_of_signal(finding, 6);
	assert_string_equal(finding, "signal:6");
}

static void
test_same_findings(void **state)
{
	(void)state;
	assert_true(finding_is_same("workload:lost", "workload:lost"));
	assert_true(finding_is_same("workload:lost protocol", "workload:lost"));
	assert_false(finding_is_same("workload:lost protocol", "protocol"));
	assert_false(finding_is_same("workload:lost", "workload:lost protocol"));
	assert_false(finding_is_same("workload:lost", "workload:los"));
	assert_false(finding_is_same("workload:lost", ""));
	assert_false(finding_is_same("", ""));
}

/* ---- runs ---------------------------------------------------------------------------- */

/* The scenario that is left, done again: what is wrong with it. */
static void
assert_still(const struct minimised *minimised, const char *finding)
{
	char found[FINDING_MAX];
	struct run run;

	run_test(&run, &minimised->scenario.options);
	finding_of_run(found, &run);
	run_free(&run);
	assert_string_equal(minimised->finding, finding);
	assert_true(finding_is_same(finding, found));
}

static void
shrink(struct minimised *minimised, const char *text)
{
	struct buffer error = {0};
	struct line line;

	parse(&line, COMMAND_SIM, text);
	if (!minimise(minimised, &line.options, NULL, 60, &error))
		fail_msg("%s: %s", text, buffer_string(&error));
	options_free(&line.options);
}

static void
test_operations_nodes_and_faults_go(void **state)
{
	struct minimised minimised;

	(void)state;
	shrink(&minimised,
	    "-w broadcast --node broken:broadcast-once --node-count 5 --rate 20 --time-limit 6 --nemesis "
	    "partition --nemesis-interval 1");
	assert_still(&minimised, "workload:lost");
	assert_false(minimised.ended);
	assert_int_equal(minimised.before.nodes, 5);
	assert_true(minimised.before.operations > 80 && minimised.before.faults > 2);
	assert_int_equal(minimised.after.nodes, 2);
	assert_in_range(minimised.after.operations, 1, 4);
	assert_in_range(minimised.after.faults, 1, 2);
	minimised_free(&minimised);
}

static void
test_liveness_failures(void **state)
{
	struct minimised minimised;

	(void)state;
	shrink(&minimised,
	    "-w lin-kv --node broken:lin-kv-frozen --node-count 3 --concurrency 2n --rate 20 --time-limit 6 "
	    "--nemesis partition --nemesis-interval 1 --liveness 10");
	assert_still(&minimised, "liveness");
	assert_true(minimised.after.operations < minimised.before.operations);
	minimised_free(&minimised);
}

static void
test_nothing_to_minimise(void **state)
{
	struct minimised minimised;

	(void)state;
	shrink(&minimised, "-w echo --node echo --time-limit 3");
	assert_string_equal(minimised.finding, "");
	assert_int_equal(minimised.runs, 0);
	minimised_free(&minimised);
}

/* ---- for people ------------------------------------------------------------------------ */

/* A sweep that fails leaves a scenario that fails, and says how to run it; a quiet one does not. */
static void
test_sweep_leaves_a_scenario(void **state)
{
	char text[512], path[128], output[8192];
	struct line line;
	int saved;

	(void)state;
	snprintf(path, sizeof(path), "%s/scenario", directory);
	for (int quiet = 1; quiet >= 0; quiet--) {
		snprintf(text, sizeof(text),
		    "-w broadcast --node broken:broadcast-forgetful --node-count 3 --rate 30 --time-limit 3 --seeds "
		    "1..3 "
		    "--scenario %s%s",
		    path, quiet ? " -q" : "");
		parse(&line, COMMAND_SIM, text);
		saved = keep(stdout);
		assert_int_equal(run_sweep(&line.options), 1);
		kept(stdout, saved, output, sizeof(output));
		assert_int_equal(access(path, R_OK), quiet ? -1 : 0);
		options_free(&line.options);
	}
	assert_shows(output, "minimised in ");
	snprintf(text, sizeof(text), " sim --replay %s --trace\n", path);
	assert_shows(output, text);
	saved = keep(stdout);
	assert_int_equal(run_scenario(path, NULL), 1);
	kept(stdout, saved, output, sizeof(output));
	assert_shows(output, "lost");
}

/* What a search finds is left as well. */
static void
test_search_leaves_a_scenario(void **state)
{
	char text[512], path[128], output[8192];
	struct line line;
	int saved;

	(void)state;
	snprintf(path, sizeof(path), "%s/found it", directory);
	parse(&line, COMMAND_SIM, "-w txn-list-append --node broken:txn-lost-update --node-count 3 --explore");
	line.options.scenario = path;
	saved = keep(stdout);
	assert_int_equal(run_explore(&line.options), 1);
	kept(stdout, saved, output, sizeof(output));
	options_free(&line.options);
	assert_shows(output, "departures from the usual order");
	assert_shows(output, "deliver n1 n0 0");
	snprintf(text, sizeof(text), " sim --replay '%s' --trace\n", path);
	assert_shows(output, text);
	saved = keep(stdout);
	assert_int_equal(run_scenario(path, NULL), 1);
	kept(stdout, saved, output, sizeof(output));
	assert_shows(output, ":anomaly-types (:G-single-item");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ddmin),
	    cmocka_unit_test(test_ddmin_cut_short),
	    cmocka_unit_test(test_findings),
	    cmocka_unit_test(test_same_findings),
	    cmocka_unit_test(test_operations_nodes_and_faults_go),
	    cmocka_unit_test(test_liveness_failures),
	    cmocka_unit_test(test_nothing_to_minimise),
	    cmocka_unit_test(test_sweep_leaves_a_scenario),
	    cmocka_unit_test(test_search_leaves_a_scenario),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
