/* Scenario files: what is written is read, what is read is replayed, and what is no scenario is refused in one line. */
#include "runs.h"

#include <stdio.h>

#include "explore.h"
#include "scenario.h"
#include "words.h"

#define RUN "run -w lin-kv --node lin-kv --node-count 3 --concurrency 2n --time-limit 5\n"

static bool
parses(struct scenario *scenario, const char *text, struct buffer *error)
{
	return scenario_parse(scenario, text, strlen(text), NULL, error);
}

/* ---- refused ------------------------------------------------------------------------ */

static const struct {
	const char *text, *complaint;
} malformed[] = {
    {"", "there is no run in it"},
    {"# nothing\n\n", "there is no run in it"},
    {"op 0 0 read [0 nil]\n", "line 1: expected 'run'"},
    {"\n\nrun\n", "line 3: expected --node PROGRAM"},
    {"run -w nothing --node echo\n", "line 1: --workload: 'nothing' is not one of"},
    {"run -w echo --node 'echo\n", "line 1: a quote that does not end"},
    {"run -w echo --node echo --help\n", "--help"},
    {"run -w echo --node echo --seeds 1..2\n", "line 1: a scenario is one run"},
    {"run -w echo --replay x\n", "line 1: a scenario is one run"},
    {RUN "run -w echo --node echo\n", "line 2: a second run"},
    {RUN "frobnicate\n", "line 2: 'frobnicate' is none of run, end, op, final, fault, choice"},
    {RUN "end\n", "line 2: a time is missing"},
    {RUN "end soon\n", "line 2: 'soon' is no time in seconds"},
    {RUN "end -1\n", "line 2: '-1' is no time in seconds"},
    {RUN "end 1.\n", "line 2: '1.' is no time in seconds"},
    {RUN "end 1.0000000001\n", "line 2: '1.0000000001' is no time in seconds"},
    {RUN "end 1 2\n", "line 2: '2' is too much"},
    {RUN "op 0\n", "line 2: a worker is missing"},
    {RUN "op 0 6 read [0 nil]\n", "line 2: expected a worker from 0 to 5, not '6'"},
    {RUN "op 0 0\n", "line 2: the operation's name is missing"},
    {RUN "op 0 0 read\n", "line 2: the operation's value is missing"},
    {RUN "op 0 0 burn [0 nil]\n", "line 2: lin-kv has no operation 'burn'"},
    {RUN "op 0 0 read nil\n", "line 2: the operation 'read' of lin-kv has no such value"},
    {RUN "op 0 0 cas [0 1]\n", "line 2: the operation 'cas' of lin-kv has no such value"},
    {RUN "op 0 0 read [0 nil\n", "line 2: "},
    {RUN "op 0 0 read [0 nil] 5\n", "line 2: what else an operation has is a map"},
    {RUN "op 0 0 read [0 nil] {} 5\n", "line 2: '5' is too much"},
    {RUN "op 2 0 read [0 nil]\nop 1 0 read [0 nil]\n", "line 3: its time is before that of the one before it"},
    {RUN "fault 1\n", "line 2: expected start or stop, and a fault"},
    {RUN "fault 1 start plague - {}\n", "line 2: 'plague' is no fault"},
    {RUN "fault 1 start kill\n", "line 2: how it was chosen is missing"},
    {RUN "fault 1 start kill one\n", "line 2: a fault has a map"},
    {RUN "fault 1 start kill one {\"n7\" []}\n", "line 2: a fault is for a node that there is not"},
    {RUN "fault 1 start kill one {\"n1\" [5]}\n", "line 2: a node of kill has a vector of 0 numbers"},
    {RUN "fault 1 start clock one {\"n1\" [0 50001]}\n", "line 2: drift-ppm: expected an integer from -50000 to 50000"},
    {RUN "fault 1 start loss one {\"n1\" [nil]}\n", "line 2: permille: expected an integer from 0 to 1000"},
    {RUN "fault 1 start partition one {\"n1\" #{\"n9\"}}\n", "line 2: a partition is between nodes that there are"},
    {RUN "fault 1 start partition one {\"n1\" 5}\n", "line 2: a partition is a map from nodes to sets of nodes"},
    {RUN "fault 1 start partition one {} 1001\n", "line 2: expected how many in a thousand"},
    {RUN "fault 1 stop partition x\n", "line 2: 'x' is too much"},
    {RUN "choice\n", "line 2: '' is no choice"},
    {RUN "choice fly\n", "line 2: 'fly' is no choice"},
    {RUN "choice deliver n0 n1\n", "line 2: 'deliver' takes 3 words, not 2"},
    {RUN "choice deliver n0 n1 x\n", "line 2: expected an integer from 0 to"},
    {RUN "choice deliver n0 n1 0 0 0\n", "line 2: that is no choice"},
};

static void
test_malformed_scenarios(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		struct scenario scenario = {0};
		struct buffer error = {0};

		if (parses(&scenario, malformed[i].text, &error))
			fail_msg("'%s' was taken", malformed[i].text);
		if (strstr(buffer_string(&error), malformed[i].complaint) == NULL)
			fail_msg("'%s': '%s'", malformed[i].text, buffer_string(&error));
		assert_null(strchr(buffer_string(&error), '\n'));
		scenario_free(&scenario);
		buffer_free(&error);
	}
}

static void
test_exit_status_of_malformed_files(void **state)
{
	char output[4096];
	int saved, status;

	(void)state;
	assert_int_equal(run_text(RUN "op 0 0 burn nil\n", NULL, stderr, output, sizeof(output)), EXIT_ARGUMENTS);
	assert_shows(output, "line 2: lin-kv has no operation 'burn'\n");
	saved = keep(stderr);
	status = run_scenario("/nowhere", NULL);
	kept(stderr, saved, output, sizeof(output));
	assert_int_equal(status, EXIT_ARGUMENTS);
	assert_string_equal(output, "eddy: /nowhere: No such file or directory\n");
}

/* ---- taken -------------------------------------------------------------------------- */

static void
write_again(const struct scenario *scenario, struct buffer *text)
{
	const struct scenario_parts parts = scenario_parts(scenario);

	scenario_write(text, &parts);
}

static void
test_what_is_read_is_written(void **state)
{
	static const char text[] =
	    "run -w lin-kv --node lin-kv --seed 7 --node-count 3 --concurrency 6 --time-limit 5 --nemesis "
	    "partition,kill "
	    "-- --data-dir 'a b'\n"
	    "end 2.100000000\n"
	    "op 0.000000000 0 read [0 nil]\n"
	    "op 0.000000001 5 cas [0 [1 \"a\"]] {:x #{1}}\n"
	    "final 12.000000000 1 write [0 nil]\n"
	    "fault 1.000000000 start partition majority {\"n0\" #{\"n1\" \"n2\"}, \"n1\" #{\"n0\"}, \"n2\" #{}}\n"
	    "fault 1.250000000 start kill - {\"n1\" []}\n"
	    "fault 1.500000000 stop partition\n"
	    "fault 1.750000000 start partition flaky {\"n0\" #{}, \"n1\" #{}, \"n2\" #{\"n1\"}} 500\n"
	    "choice op 0\n"
	    "choice deliver n0 n1 3\n"
	    "choice crash n2\n"
	    "choice wait\n";
	struct scenario scenario = {0};
	struct buffer error = {0}, again = {0};

	(void)state;
	if (!parses(&scenario, text, &error))
		fail_msg("%s", buffer_string(&error));
	assert_int_equal(scenario.options.seed, 7);
	assert_string_equal(scenario.options.args[1], "a b");
	assert_int_equal(scenario.operations.count, 3);
	assert_int_equal(scenario.operations.end, 2100 * MS_NS);
	assert_true(scenario.operations.ops[2].concluding && !scenario.operations.ops[2].flagged);
	assert_int_equal(scenario.faults.count, 4);
	assert_true(
	    scenario.faults.events[0].grudge->drops[0 * 3 + 2] && !scenario.faults.events[0].grudge->drops[2 * 3]);
	assert_int_equal(scenario.faults.events[1].targets[0].node, 1);
	assert_null(scenario.faults.events[1].spec);
	assert_int_equal(scenario.faults.events[3].grudge->permille, 500);
	assert_int_equal(scenario.choices.count, 4);
	write_again(&scenario, &again);
	assert_string_equal(buffer_string(&again), text);
	scenario_free(&scenario);
	buffer_free(&again);
}

static void
test_flags_beside_it(void **state)
{
	char trace[] = "--trace", quiet[] = "-q", *extra[] = {trace, quiet, NULL};
	struct scenario scenario = {0};
	struct buffer error = {0};

	(void)state;
	assert_true(scenario_parse(&scenario, RUN, strlen(RUN), extra, &error));
	assert_true(scenario.options.trace && scenario.options.quiet);
	assert_int_equal(scenario.options.node_count, 3);
	scenario_free(&scenario);
}

static void
test_words(void **state)
{
	static const char line[] = "a 'b c' d\\'e ''  f'g'h";
	static const char *const expected[] = {"a", "b c", "d'e", "", "fgh"};
	struct arena arena = {0};
	char *words[8];

	(void)state;
	assert_int_equal(words_split(&arena, line, strlen(line), words, 8), 5);
	for (int i = 0; i < 5; i++)
		assert_string_equal(words[i], expected[i]);
	assert_int_equal(words_split(&arena, line, strlen(line), words, 4), -1);
	assert_int_equal(words_split(&arena, "'a", 2, words, 8), -1);
	assert_int_equal(words_split(&arena, " \t", 2, words, 8), 0);
	arena_free(&arena);
}

/* ---- replayed ----------------------------------------------------------------------- */

#define FORGETFUL                                                                       \
	"run -w broadcast --node broken:broadcast-once --node-count 2 --recovery 0.5\n" \
	"op 0.2 0 broadcast 1\n"                                                        \
	"op 0.5 1 broadcast 2\n"                                                        \
	"final 1 0 read nil\n"                                                          \
	"final 1.1 1 read nil\n"

static uint64_t
replay(const char *text, int status, size_t missed)
{
	struct scenario scenario = {0};
	struct buffer error = {0};
	struct run run;
	uint64_t hash;

	if (!parses(&scenario, text, &error))
		fail_msg("%s", buffer_string(&error));
	run_test(&run, &scenario.options);
	assert_int_equal(run_exit_status(&run), status);
	assert_true(run.history.count >= 8);
	assert_int_equal(scenario.choices.missed, missed);
	hash = run.hash;
	run_free(&run);
	scenario_free(&scenario);
	return hash;
}

static void
test_same_scenario_same_hash(void **state)
{
	static const char lost[] = FORGETFUL "choice op 0\nchoice drop n0 n1 0\n";
	static const char kept_all[] = FORGETFUL "choice op 0\nchoice deliver n0 n1 0\n";
	static const char cut_off[] = FORGETFUL "fault 0.1 start partition one {\"n1\" #{\"n0\"}}\n";

	(void)state;
	assert_true(replay(lost, 1, 0) == replay(lost, 1, 0));
	assert_true(replay(kept_all, 0, 0) != replay(lost, 1, 0));
	assert_true(replay(FORGETFUL, 0, 0) == replay(FORGETFUL, 0, 0));
	assert_true(replay(cut_off, 1, 0) == replay(cut_off, 1, 0));
	/* What cannot be chosen is passed over. */
	replay(FORGETFUL "choice op 0\nchoice deliver n1 n0 0\nchoice op 0\nchoice deliver n0 n1 7\n", 0, 3);
}

static void
test_trace(void **state)
{
	static const char text[] = FORGETFUL "final 3 1 read nil\nfault 0.1 start partition one {\"n1\" #{\"n0\"}}\n";
	char trace[] = "--trace", *extra[] = {trace, NULL};
	char output[16384];

	(void)state;
	assert_int_equal(run_text(text, extra, stdout, output, sizeof(output)), 0);
	assert_shows(output, "op      process 0 invoke broadcast 1\n");
	assert_shows(output, "op      process 0 ok broadcast 1\n");
	assert_shows(output, "deliver n1 -> n0  {\"type\":\"pass\"");
	assert_shows(output, "fault   start-partition :one\n");
	assert_shows(output, "drop    n0 -> n1  {\"type\":\"pass\"");
	assert_shows(output, "timer   n0\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_malformed_scenarios),
	    cmocka_unit_test(test_exit_status_of_malformed_files),
	    cmocka_unit_test(test_what_is_read_is_written),
	    cmocka_unit_test(test_flags_beside_it),
	    cmocka_unit_test(test_words),
	    cmocka_unit_test(test_same_scenario_same_hash),
	    cmocka_unit_test(test_trace),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
