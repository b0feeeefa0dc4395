/* The command line of eddy: defaults, every flag, every refusal, and the line that replays a simulation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "decimal.h"
#include "fault.h"
#include "options.h"
#include "registry.h"
#include "workload.h"

#define WORDS_MAX 40

struct line {
	struct test_options options;
	struct buffer text;
	char *words[WORDS_MAX];
	char copy[1024];
	enum parse result;
};

/* Parses a line whose words are separated by single spaces; '_' stands for an empty word. */
static void
parse(struct line *line, enum command command, const char *text)
{
	int count = 0;

	memset(line, 0, sizeof(*line));
	strlcpy(line->copy, text, sizeof(line->copy));
	for (char *word = strtok(line->copy, " "); word != NULL; word = strtok(NULL, " "))
		line->words[count++] = strcmp(word, "_") == 0 ? word + 1 : word;
	line->result = options_parse(&line->options, command, count, line->words, &line->text);
}

static void
done(struct line *line)
{
	options_free(&line->options);
	buffer_free(&line->text);
}

static void
parse_good(struct line *line, enum command command, const char *text)
{
	parse(line, command, text);
	if (line->result != PARSE_OK)
		fail_msg("'%s' was refused: %s", text, buffer_string(&line->text));
}

/* Refused in one line that contains `expected`. */
static void
assert_refused(enum command command, const char *text, const char *expected)
{
	struct line line;

	parse(&line, command, text);
	assert_int_equal(line.result, PARSE_BAD);
	buffer_string(&line.text);
	if (strstr(line.text.bytes, expected) == NULL)
		fail_msg("'%s' gave '%s', not '%s'", text, line.text.bytes, expected);
	assert_null(strchr(line.text.bytes, '\n'));
	done(&line);
}

#define TEST "-w echo --bin ./node "
#define SIM  "-w echo --node echo "

/* ---- defaults --------------------------------------------------------------- */

static void
test_defaults(void **state)
{
	struct line line;
	const struct test_options *o = &line.options;

	(void)state;
	parse_good(&line, COMMAND_TEST, TEST);
	assert_string_equal(o->workload->name, "echo");
	assert_string_equal(o->bin, "./node");
	assert_string_equal(o->program_name, "node");
	assert_int_equal(o->node_count, 5);
	assert_string_equal(o->nodes[0], "n1");
	assert_string_equal(o->nodes[4], "n5");
	assert_int_equal(o->concurrency, 5);
	assert_true(o->rate == 5 && o->time_limit_s == 60 && o->recovery_s == 10 && o->nemesis_interval_s == 10);
	assert_true(o->latency.mean_ms == 0 && o->latency.dist == LATENCY_CONSTANT);
	assert_true(o->topology == TOPOLOGY_GRID && o->faults == 0);
	assert_true(o->key_count == 0 && o->max_txn_length == 4 && o->max_writes_per_key == 16);
	assert_true(!o->log_stderr && !o->log_net_send && !o->log_net_recv && !o->quiet && !o->sweep);
	assert_true(o->check.availability == AVAILABILITY_ANY && o->check.node_count == 5);
	assert_true(!o->check.sequential_keys && !o->check.linearizable_keys);
	assert_string_equal(o->check.consistency_models[0], "strict-serializable");
	assert_null(o->check.consistency_models[1]);
	assert_string_equal(o->store, "store");
	assert_int_equal(o->test_count, 1);
	assert_null(o->args[0]);
	assert_false(o->seed_given);
	done(&line);
}

static void
test_sim_defaults(void **state)
{
	struct line line;

	(void)state;
	parse_good(&line, COMMAND_SIM, SIM);
	assert_ptr_equal(line.options.program, registry_find("echo"));
	assert_string_equal(line.options.program_name, "echo");
	assert_true(line.options.seed == 1 && line.options.last_seed == 1 && !line.options.sweep);
	assert_null(line.options.store);
	done(&line);
}

/* ---- every flag -------------------------------------------------------------- */

static void
test_flags(void **state)
{
	struct line line;
	const struct test_options *o = &line.options;

	(void)state;
	parse_good(&line, COMMAND_TEST,
	    TEST "--node-count 3 --concurrency 4n --rate 1e2 --time-limit 7 --recovery 2.5 --latency 20 "
		 "--latency-dist exponential --nemesis partition --nemesis-interval 0.5 --topology tree3 "
		 "--availability 0.9 --consistency-models serializable,PL-2 --key-count 8 --max-txn-length 5");
	assert_int_equal(o->node_count, 3);
	assert_string_equal(o->nodes[2], "n2");
	assert_int_equal(o->concurrency, 12);
	assert_true(o->rate == 100 && o->time_limit_s == 7 && o->recovery_s == 2.5);
	assert_true(o->latency.mean_ms == 20 && o->latency.dist == LATENCY_EXPONENTIAL);
	assert_true(
	    o->faults == FAULT_BIT(FAULT_PARTITION) && o->nemesis_interval_s == 0.5 && o->topology == TOPOLOGY_TREE3);
	assert_true(o->check.availability == AVAILABILITY_FRACTION && o->check.availability_fraction == 0.9);
	assert_string_equal(o->check.consistency_models[1], "PL-2");
	assert_null(o->check.consistency_models[2]);
	assert_true(o->key_count == 8 && o->max_txn_length == 5);
	done(&line);

	parse_good(&line, COMMAND_TEST,
	    TEST "--max-writes-per-key 3 --log-stderr --log-net-send --log-net-recv --test-count 4 --seed 9 "
		 "--store /tmp/x -q --availability total --latency-dist uniform --topology tree --concurrency 7");
	assert_true(o->max_writes_per_key == 3 && o->log_stderr && o->log_net_send && o->log_net_recv && o->quiet);
	assert_true(o->test_count == 4 && o->seed == 9 && o->seed_given && o->concurrency == 7);
	assert_true(o->check.availability == AVAILABILITY_TOTAL && o->latency.dist == LATENCY_UNIFORM);
	assert_true(o->topology == TOPOLOGY_TREE2);
	assert_string_equal(o->store, "/tmp/x");
	done(&line);
}

static void
test_spellings(void **state)
{
	struct line line;

	(void)state;
	parse_good(&line, COMMAND_TEST, "--workload=echo --bin=./a=b --rate=0 --latency 5 --latency=6");
	assert_string_equal(line.options.bin, "./a=b");
	assert_true(line.options.rate == 0 && line.options.latency.mean_ms == 6);
	done(&line);
	parse_good(&line, COMMAND_TEST, "-wecho --bin x --availability 1 --concurrency 1n");
	assert_string_equal(line.options.workload->name, "echo");
	assert_int_equal(line.options.concurrency, 5);
	done(&line);
}

static void
test_sim_flags(void **state)
{
	struct line line;
	const struct test_options *o = &line.options;

	(void)state;
	parse_good(&line, COMMAND_SIM, SIM "--seeds 3..18446744073709551615 --time-budget 1.5 --message-budget 5000");
	assert_true(o->sweep && o->seed == 3 && o->last_seed == UINT64_MAX);
	assert_true(o->time_budget_s == 1.5 && o->message_budget == 5000);
	done(&line);
	parse_good(&line, COMMAND_SIM, SIM "--seeds 3..5 --seed 12 --store s");
	assert_true(!o->sweep && o->seed == 12 && o->last_seed == 12);
	assert_string_equal(o->store, "s");
	done(&line);
}

static void
test_harmless_flags_of_jepsen(void **state)
{
	struct line line;

	(void)state;
	parse_good(&line, COMMAND_TEST,
	    TEST "--username u --password p --ssh-private-key k --strict-host-key-checking --no-ssh --logging-json");
	done(&line);
	assert_refused(COMMAND_TEST, TEST "--leave-db-running", "never leaves processes");
}

/* ---- nodes --------------------------------------------------------------------- */

static void
test_nodes(void **state)
{
	struct line line;
	const struct test_options *o = &line.options;

	(void)state;
	parse_good(&line, COMMAND_TEST, TEST "--nodes a,b,d --concurrency 2n");
	assert_true(o->node_count == 3 && o->concurrency == 6);
	assert_string_equal(o->nodes[2], "d");
	done(&line);
	parse_good(&line, COMMAND_TEST, TEST "-n x --node y --nodes a");
	assert_int_equal(o->node_count, 3);
	assert_string_equal(o->nodes[0], "a");
	assert_string_equal(o->nodes[2], "y");
	done(&line);
	parse_good(&line, COMMAND_TEST, TEST "--nodes a,b --node-count 1");
	assert_int_equal(o->node_count, 1);
	assert_string_equal(o->nodes[0], "n0");
	done(&line);
}

static void
test_nodes_file(void **state)
{
	char path[] = "/tmp/test_flags.XXXXXX", words[128];
	int fd = mkstemp(path);
	struct line line;

	(void)state;
	assert_true(fd >= 0 && write(fd, "one\n  two \r\n\nthree", 18) == 18);
	close(fd);
	snprintf(words, sizeof(words), TEST "--nodes-file %s", path);
	parse_good(&line, COMMAND_TEST, words);
	assert_int_equal(line.options.node_count, 3);
	assert_string_equal(line.options.nodes[1], "two");
	assert_string_equal(line.options.nodes[2], "three");
	done(&line);
	unlink(path);
	assert_refused(COMMAND_TEST, words, "No such file");
}

/* Any UTF-8, as in Maelstrom. */
static void
test_nodes_with_umlauts(void **state)
{
	struct line line;

	(void)state;
	parse_good(&line, COMMAND_TEST, TEST "--nodes \xc3\xbcmlaut,\xe6\x97\xa5");
	assert_string_equal(line.options.nodes[0], "\xc3\xbcmlaut");
	assert_string_equal(line.options.nodes[1], "\xe6\x97\xa5");
	done(&line);
}

static void
test_bad_nodes(void **state)
{
	(void)state;
	assert_refused(COMMAND_TEST, TEST "--nodes a,,b", "empty name");
	assert_refused(COMMAND_TEST, TEST "--nodes a,b,a", "two nodes are called 'a'");
	assert_refused(COMMAND_TEST, TEST "--nodes a/b", "cannot be called");
	assert_refused(COMMAND_TEST, TEST "--nodes a'b", "cannot be called");
	assert_refused(COMMAND_TEST, TEST "--nodes-file /", "Is a directory");
	assert_refused(COMMAND_TEST, TEST "--nodes-file /dev/null", "no name is in /dev/null");
	assert_refused(COMMAND_SIM, SIM "--explore --swarm", "neither --swarm nor --seeds");
	assert_refused(COMMAND_SIM, SIM "--explore --seeds 1..2", "neither --swarm nor --seeds");
	assert_refused(COMMAND_TEST, TEST "--nodes a\xff", "cannot be called");
	assert_refused(COMMAND_TEST, TEST "--nodes a\x7f", "cannot be called");
	assert_refused(COMMAND_TEST, TEST "--nodes c12", "that is a client");
	assert_refused(COMMAND_TEST, TEST "--nodes lin-kv", "that is a service");
	assert_refused(COMMAND_TEST, TEST "--node _", "1 to 64 characters");
	assert_refused(COMMAND_TEST, TEST "--node-count 0", "from 1 to 1000");
	assert_refused(COMMAND_TEST, TEST "--node-count 1001", "from 1 to 1000");
	assert_refused(COMMAND_TEST, TEST "--concurrency 0", "1 to 10000 workers");
	assert_refused(COMMAND_TEST, TEST "--concurrency 9999n", "1 to 10000 workers");
	assert_refused(COMMAND_TEST, TEST "--concurrency n", "followed by n");
	assert_refused(COMMAND_TEST, TEST "--concurrency 3m", "followed by n");
}

/* ---- arguments of the node -------------------------------------------------------- */

static void
test_node_arguments(void **state)
{
	struct line line;
	char *const *args;

	(void)state;
	parse_good(&line, COMMAND_TEST, TEST "one - --rate 7 two -- --rate 8 -x --");
	args = line.options.args;
	assert_true(line.options.rate == 7);
	assert_string_equal(args[0], "one");
	assert_string_equal(args[1], "-");
	assert_string_equal(args[2], "two");
	assert_string_equal(args[3], "--rate");
	assert_string_equal(args[5], "-x");
	assert_string_equal(args[6], "--");
	assert_null(args[7]);
	done(&line);
}

/* ---- refusals ------------------------------------------------------------------------ */

static void
test_refusals(void **state)
{
	(void)state;
	assert_refused(COMMAND_TEST, TEST "--frob 1", "unknown flag --frob");
	assert_refused(COMMAND_TEST, TEST "-z", "unknown flag -z");
	assert_refused(COMMAND_TEST, TEST "--rat 1", "unknown flag --rat ");
	assert_refused(COMMAND_TEST, TEST "--seeds 1..2", "is a flag of `eddy sim`");
	assert_refused(COMMAND_SIM, SIM "--bin x", "is a flag of `eddy test`");
	assert_refused(COMMAND_TEST, TEST "--rate", "RATE is missing");
	assert_refused(COMMAND_TEST, TEST "--log-stderr=1", "takes no value");
	assert_refused(COMMAND_TEST, "-w frob --bin x", "'frob' is not one of broadcast, echo, g-counter, g-set");
	assert_refused(COMMAND_TEST, "-w echo", "--bin");
	assert_refused(COMMAND_SIM, "-w echo", "--node PROGRAM");
	assert_refused(COMMAND_SIM, "-w echo --node frob", "no program 'frob'");
	assert_refused(COMMAND_TEST, TEST "--store _", "expected a directory");
}

static void
test_default_workload(void **state)
{
	static const struct {
		enum command command;
		const char *text;
	} cases[] = {{COMMAND_TEST, "--bin x"}, {COMMAND_SIM, "--node lin-kv-proxy"}, {COMMAND_CHECK, "history.edn"}};
	struct line line;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		parse_good(&line, cases[i].command, cases[i].text);
		assert_string_equal(line.options.workload->name, "lin-kv");
		done(&line);
	}
}

static void
test_bad_values(void **state)
{
	static const char *const bad[][2] = {
	    {"--rate -1", "from 0"},
	    {"--rate x", "a number"},
	    {"--rate inf", "a number"},
	    {"--rate 0x10", "a number"},
	    {"--rate _", "a number"},
	    {"--time-limit 0", "from 1"},
	    {"--time-limit 1.5", "an integer"},
	    {"--time-limit 99999999999999999999", "an integer"},
	    {"--latency -1", "from 0"},
	    {"--latency-dist normal", "not one of constant, uniform, exponential"},
	    {"--nemesis kil", "'kil' is not one of partition"},
	    {"--nemesis kill,clock", "'clock' is a fault of `eddy sim` only"},
	    {"--nemesis disk", "'disk' is a fault of `eddy sim` only"},
	    {"--partitions one,two", "'two' is not one of one, minority-third,"},
	    {"--partitions ,", "empty name"},
	    {"--nemesis partition,", "empty name"},
	    {"--nemesis-interval 0", "a number"},
	    {"--topology star", "not one of line, grid"},
	    {"--availability 1.1", "'total' or a number"},
	    {"--availability most", "'total' or a number"},
	    {"--consistency-models serializable,frob", "'frob' is not one of 1SR"},
	    {"--key-count 0", "from 1"},
	    {"--test-count 0", "from 1"},
	    {"--seed -1", "from 0"},
	    {"--seed 18446744073709551616", "2^64 - 1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text), TEST "%s", bad[i][0]);
		assert_refused(COMMAND_TEST, text, bad[i][1]);
	}
	assert_refused(COMMAND_SIM, SIM "--seeds 5..4", "FIRST..LAST");
	assert_refused(COMMAND_SIM, SIM "--seeds 5", "FIRST..LAST");
	assert_refused(COMMAND_SIM, SIM "--seeds ..", "FIRST..LAST");
	assert_refused(COMMAND_SIM, SIM "--message-budget 0", "from 1");
}

static void
test_check(void **state)
{
	struct line line;

	(void)state;
	parse_good(&line, COMMAND_CHECK, "-w g-set --availability total some/history.edn");
	assert_string_equal(line.options.history, "some/history.edn");
	done(&line);
	assert_refused(COMMAND_CHECK, "-w g-set", "one history.edn");
	assert_refused(COMMAND_CHECK, "-w g-set a b", "one history.edn");
	assert_refused(COMMAND_CHECK, "-w g-set --rate 5 a", "is a flag of `eddy test`");
}

static void
test_help(void **state)
{
	struct line line;

	(void)state;
	for (enum command c = COMMAND_TEST; c <= COMMAND_CHECK; c++) {
		parse(&line, c, "--frob --help");
		assert_int_equal(line.result, PARSE_BAD); /* stops at the first fault */
		done(&line);
		parse(&line, c, "-h");
		assert_int_equal(line.result, PARSE_HELP);
		assert_non_null(strstr(buffer_string(&line.text), "--consistency-models"));
		assert_null(strstr(line.text.bytes, "--username"));
		done(&line);
	}
}

static void
test_comma_with_spaces(void **state)
{
	struct test_options options;
	struct buffer text = {0};
	char w[] = "-w", echo[] = "echo", bin[] = "--bin=x", flag[] = "--consistency-models", value[] = "PL-3 , causal";
	char *argv[] = {w, echo, bin, flag, value, NULL};

	(void)state;
	assert_int_equal(options_parse(&options, COMMAND_TEST, 5, argv, &text), PARSE_OK);
	assert_string_equal(options.check.consistency_models[0], "PL-3");
	assert_string_equal(options.check.consistency_models[1], "causal");
	options_free(&options);
	buffer_free(&text);
}

/* ---- replay --------------------------------------------------------------------------- */

static void
assert_replays(const char *given, const char *expected)
{
	struct line line;
	struct buffer text = {0};

	parse_good(&line, COMMAND_SIM, given);
	options_replay(&line.options, 42, &text);
	assert_string_equal(buffer_string(&text), expected);
	buffer_free(&text);
	done(&line);
}

static void
test_replay(void **state)
{
	(void)state;
	assert_replays(
	    SIM "--seeds 1..100 --time-budget 5 --quiet", "sim -w echo --node echo --seed 42 --nodes n1,n2,n3,n4,n5");
	assert_replays(SIM "--node-count 3 --concurrency 2n --rate 0.1 --time-limit 9 --recovery 1.25 --latency 3 "
			   "--latency-dist uniform --nemesis partition --nemesis-interval 2 --topology total "
			   "--message-budget 77 -- --x it's _ $a",
	    "sim -w echo --node echo --seed 42 --node-count 3 --concurrency 6 --rate 0.1 --time-limit 9 --recovery "
	    "1.25 "
	    "--latency 3 --latency-dist uniform --nemesis partition --nemesis-interval 2 --topology total "
	    "--message-budget 77 -- --x 'it'\\''s' '' '$a'");
	assert_replays(SIM "--node-count 1 --availability 0.75 --consistency-models serializable,PL-2 --key-count 2 "
			   "--max-txn-length 3 --max-writes-per-key 8",
	    "sim -w echo --node echo --seed 42 --node-count 1 --availability 0.75 --consistency-models "
	    "serializable,PL-2 "
	    "--key-count 2 --max-txn-length 3 --max-writes-per-key 8");
	assert_replays(SIM "--node-count 1 --nemesis kill,partition --partitions flaky,one",
	    "sim -w echo --node echo --seed 42 --node-count 1 --nemesis partition,kill --partitions one,flaky");
	assert_replays(SIM "--node-count 1 --partitions majorities-ring,majority,minority-third,one",
	    "sim -w echo --node echo --seed 42 --node-count 1");
	assert_replays(SIM "--node-count 1 --linearizable-keys --sequential-keys",
	    "sim -w echo --node echo --seed 42 --node-count 1 --sequential-keys --linearizable-keys");
	assert_replays(SIM "--node-count 1 --availability total",
	    "sim -w echo --node echo --seed 42 --node-count 1 --availability total");
}

/* ---- parts --------------------------------------------------------------------------------- */

static void
test_decimal(void **state)
{
	int64_t i;
	double d;

	(void)state;
	assert_true(decimal_integer("-5", -5, 5, &i) && i == -5);
	assert_true(decimal_integer("+5", -5, 5, &i) && i == 5);
	assert_false(decimal_integer("6", -5, 5, &i));
	assert_false(decimal_integer(" 5", -5, 5, &i));
	assert_false(decimal_integer("-", -5, 5, &i));
	assert_false(decimal_integer("", -5, 5, &i));
	assert_false(decimal_integer("5x", -5, 5, &i));
	assert_true(decimal_real("-1.5e3", &d) && d == -1500);
	assert_false(decimal_real("1e999", &d));
	assert_false(decimal_real("nan", &d));
	assert_false(decimal_real("e", &d));
}

static void
test_registry(void **state)
{
	(void)state;
	assert_non_null(registry_find("echo"));
	assert_null(registry_find("ech"));
	assert_null(registry_find(""));
	assert_non_null(workload_find("g-set"));
	assert_null(workload_find("g_set"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_sim_defaults),
	    cmocka_unit_test(test_flags),
	    cmocka_unit_test(test_spellings),
	    cmocka_unit_test(test_sim_flags),
	    cmocka_unit_test(test_harmless_flags_of_jepsen),
	    cmocka_unit_test(test_nodes),
	    cmocka_unit_test(test_nodes_file),
	    cmocka_unit_test(test_nodes_with_umlauts),
	    cmocka_unit_test(test_bad_nodes),
	    cmocka_unit_test(test_node_arguments),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_default_workload),
	    cmocka_unit_test(test_bad_values),
	    cmocka_unit_test(test_check),
	    cmocka_unit_test(test_help),
	    cmocka_unit_test(test_comma_with_spaces),
	    cmocka_unit_test(test_replay),
	    cmocka_unit_test(test_decimal),
	    cmocka_unit_test(test_registry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
