/* The table of cases: reading it, judging runs by it, the commands made of it, and the pool that runs them. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "casefile.h"
#include "jobs.h"
#include "trial.h"

static struct arena arena;
static char directory[] = "/tmp/eddy-test-cases.XXXXXX";

static const char *
in_directory(const char *name)
{
	return arena_printf(&arena, "%s/%s", directory, name);
}

static void
write_file(const char *name, const char *text)
{
	FILE *file = fopen(in_directory(name), "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int
set_up(void **state)
{
	(void)state;
	return mkdtemp(directory) == NULL;
}

static int
tear_down(void **state)
{
	const char *const names[] = {"cases", "output", "pid", "one", "two", "latest/results.edn", "latest"};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		remove(in_directory(names[i]));
	rmdir(directory);
	arena_free(&arena);
	return 0;
}

/* Reads one text as a table; what is wrong with it, or NULL. */
static const char *
read_text(const char *text, struct case_list *list)
{
	struct buffer error = {0};
	const char *copy = NULL;

	STAILQ_INIT(list);
	write_file("cases", text);
	if (!casefile_read(&arena, in_directory("cases"), "broadcast", list, &error))
		copy = strrchr(arena_printf(&arena, "%s", buffer_string(&error)), '/') + 1;
	buffer_free(&error);
	return copy;
}

static const struct test_case *
one_case(const char *text)
{
	struct case_list list;

	assert_null(read_text(text, &list));
	assert_false(STAILQ_EMPTY(&list));
	return STAILQ_FIRST(&list);
}

/* ---- reading ------------------------------------------------------------- */

static void
reads_all_parts_of_a_line(void **state)
{
	const struct test_case *c = one_case("# comment\n\n"
					     "broken:lossy invalid --node-count 5 --rate=10 --log-stderr lost "
					     "stable.p50<400 ok-fraction>=0.9 -- --batch-ms 50 # the end\n");

	(void)state;
	assert_string_equal(c->node, "broken:lossy");
	assert_string_equal(c->workload, "broadcast");
	assert_true(case_is_broken(c));
	assert_int_equal(c->expected, OUTCOME_INVALID);
	assert_string_equal(c->flags[0], "--node-count");
	assert_string_equal(c->flags[3], "--log-stderr");
	assert_null(c->flags[4]);
	assert_string_equal(c->anomalies[0], "lost");
	assert_null(c->anomalies[1]);
	assert_int_equal(c->figure_count, 2);
	assert_string_equal(c->figures[0].name, "stable.p50");
	assert_int_equal(c->figures[0].relation, RELATION_LT);
	assert_true(c->figures[0].bound == 400);
	assert_int_equal(c->figures[1].relation, RELATION_GE);
	assert_string_equal(c->node_args[0], "--batch-ms");
	assert_string_equal(c->node_args[1], "50");
	assert_null(c->node_args[2]);
}

static void
reads_all_verdicts_in_order(void **state)
{
	const enum outcome expected[] = {OUTCOME_VALID, OUTCOME_INVALID, OUTCOME_UNKNOWN, OUTCOME_CRASH};
	struct case_list list;
	struct test_case *c;
	int i = 0;

	(void)state;
	assert_null(read_text("a valid\na invalid\na unknown\na crash\n", &list));
	STAILQ_FOREACH (c, &list, link)
		assert_int_equal(c->expected, expected[i++]);
	assert_int_equal(i, 4);
}

static void
finds_flags(void **state)
{
	const struct test_case *c = one_case("a valid --rate 10 --rate-x 3 --latency=50 --rate 20\n");

	(void)state;
	assert_string_equal(case_flag(c, "--rate"), "20");
	assert_string_equal(case_flag(c, "--latency"), "50");
	assert_null(case_flag(c, "--late"));
	assert_true(case_number(c, "--latency", 1) == 50);
	assert_true(case_number(c, "--time-limit", 7) == 7);
}

static void
says_where_a_table_is_wrong(void **state)
{
	static const struct {
		const char *text, *error;
	} table[] = {
	    {"a valid\nb\n", "cases:2: a case wants a node and a verdict"},
	    {"a fine\n", "cases:1: not a verdict (valid, invalid, unknown, crash): fine"},
	    {"a failed\n", "cases:1: not a verdict (valid, invalid, unknown, crash): failed"},
	    {"a valid --rate\n", "cases:1: --rate wants a value"},
	    {"a valid x<<3\n", "cases:1: not a figure: x<<3"},
	    {"a valid x<3y\n", "cases:1: not a figure: x<3y"},
	    {"a valid <3\n", "cases:1: not a figure: <3"},
	    {"a valid x<\n", "cases:1: not a figure: x<"},
	};
	struct case_list list;

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		assert_string_equal(read_text(table[i].text, &list), table[i].error);
}

static void
limits_the_words_of_a_line(void **state)
{
	char text[1024] = "a valid";
	struct case_list list;

	(void)state;
	for (int i = 0; i < 126; i++)
		strcat(text, " x");
	assert_null(read_text(text, &list));
	strcat(text, " x");
	assert_string_equal(read_text(text, &list), "cases:1: more than 128 words");
}

static void
names_a_missing_file(void **state)
{
	struct buffer error = {0};
	struct case_list list;

	(void)state;
	STAILQ_INIT(&list);
	assert_false(casefile_read(&arena, "/nonexistent/cases", "echo", &list, &error));
	assert_string_equal(buffer_string(&error), "/nonexistent/cases: No such file or directory");
	buffer_free(&error);
}

/* ---- judging ------------------------------------------------------------- */

static const char results_text[] =
    "{:stats {:valid? true, :count 95}, :availability {:valid? false, :ok-fraction 0.875},"
    " :net {:servers {:msgs-per-op 4.5}, :all {:msgs-per-op 6}},"
    " :exceptions {:valid? true, :count 0},"
    " :workload {:valid? false, :lost-count 2, :lost (1 2), :stale-count 0, :stale (), :errors [],"
    "            :duplicated {1 2}, :stable-latencies {0 0, 0.5 120, 0.95 300, 0.99 310, 1 320}}}";

static const struct value *
parse_edn(const char *text)
{
	const char *error = NULL;
	const struct value *value = edn_read(&arena, &text, text + strlen(text), &error);

	assert_non_null(value);
	return value;
}

static void
finds_numbers(void **state)
{
	static const struct {
		const char *name;
		double number;
	} table[] = {{"servers.msgs-per-op", 4.5}, {"all.msgs-per-op", 6}, {"ok-fraction", 0.875}, {"lost-count", 2},
	    {"stable.p50", 120}, {"stable.p95", 300}, {"stable.p99", 310}, {"stable.max", 320}, {"stats.count", 95}};
	const struct value *results = parse_edn(results_text);
	double number;

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		assert_true(results_number(results, table[i].name, &number));
		assert_true(number == table[i].number);
	}
	assert_false(results_number(results, "stable.p42", &number));
	assert_false(results_number(results, "stable.mean", &number));
	assert_false(results_number(results, "servers.nonsense", &number));
	assert_false(results_number(results, "ok-fraction.deeper", &number));
	assert_false(results_number(NULL, "ok-fraction", &number));
	assert_false(results_number(NULL, "stable.p50", &number));
}

static void
finds_anomalies(void **state)
{
	const struct value *results = parse_edn(results_text);

	(void)state;
	assert_true(results_anomaly(results, "lost"));
	assert_true(results_anomaly(results, "duplicated"));
	assert_true(results_anomaly(results, "availability"));
	assert_false(results_anomaly(results, "stale"));
	assert_false(results_anomaly(results, "errors"));
	assert_false(results_anomaly(results, "stats"));
	assert_false(results_anomaly(results, "exceptions"));
	assert_false(results_anomaly(results, "nonsense"));
	results = parse_edn("{:workload {:valid? false, :anomalies {:G1a [{:op 1}], :G1b []}}}");
	assert_true(results_anomaly(results, "G1a"));
	assert_false(results_anomaly(results, "G1b"));
	assert_false(results_anomaly(results, "G0"));
}

/* Why a run with these results is not as the case wants it; NULL if it is. */
static const char *
judge(const char *line, enum outcome outcome, const char *results, int what)
{
	struct buffer why = {0};
	const char *copy = NULL;

	if (!case_judge(one_case(line), outcome, results == NULL ? NULL : parse_edn(results), what, &why))
		copy = arena_printf(&arena, "%s", buffer_string(&why));
	buffer_free(&why);
	return copy;
}

static void
judges_the_verdict_first(void **state)
{
	(void)state;
	assert_null(judge("a valid\n", OUTCOME_VALID, "{}", JUDGE_FIGURES));
	assert_string_equal(judge("a valid\n", OUTCOME_INVALID, "{}", JUDGE_FIGURES), "invalid, expected valid");
	assert_string_equal(judge("a invalid\n", OUTCOME_CRASH, NULL, 0), "crash, expected invalid");
	assert_string_equal(judge("a valid\n", OUTCOME_VALID, NULL, 0), "left no results");
	assert_null(judge("a crash\n", OUTCOME_CRASH, NULL, JUDGE_ANOMALIES | JUDGE_FIGURES));
	assert_string_equal(judge("a crash\n", OUTCOME_VALID, "{}", 0), "valid, expected crash");
}

static void
judges_anomalies(void **state)
{
	(void)state;
	assert_null(judge("a invalid lost\n", OUTCOME_INVALID, results_text, JUDGE_ANOMALIES));
	assert_string_equal(judge("a invalid lost stale\n", OUTCOME_INVALID, results_text, JUDGE_ANOMALIES),
	    "invalid, but not for :stale");
	assert_null(judge("a invalid stale\n", OUTCOME_INVALID, results_text, JUDGE_FIGURES));
}

static void
judges_figures(void **state)
{
	static const struct {
		const char *figure, *why;
	} table[] = {
	    {"ok-fraction>=0.875", NULL},
	    {"ok-fraction>0.875", "ok-fraction is 0.875, expected ok-fraction>0.875"},
	    {"ok-fraction<=0.875", NULL},
	    {"ok-fraction<0.875", "ok-fraction is 0.875, expected ok-fraction<0.875"},
	    {"lost-count=2", NULL},
	    {"lost-count=3", "lost-count is 2, expected lost-count=3"},
	    {"stable.p50<120", "stable.p50 is 120, expected stable.p50<120"},
	    {"stable.max<321", NULL},
	    {"nonsense<1", "the results have no nonsense"},
	};
	int what = JUDGE_FIGURES | JUDGE_LATENCIES;

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		const char *line = arena_printf(&arena, "a valid %s\n", table[i].figure);
		const char *why = judge(line, OUTCOME_VALID, results_text, what);

		assert_int_equal(why == NULL, table[i].why == NULL);
		if (why != NULL)
			assert_string_equal(why, table[i].why);
	}
	assert_null(judge("a valid stable.p50<1\n", OUTCOME_VALID, results_text, JUDGE_FIGURES));
	assert_null(judge("a valid lost-count<1\n", OUTCOME_VALID, results_text, JUDGE_ANOMALIES));
}

static void
knows_exit_statuses(void **state)
{
	(void)state;
	assert_int_equal(outcome_of_status(0), OUTCOME_VALID);
	assert_int_equal(outcome_of_status(1), OUTCOME_INVALID);
	assert_int_equal(outcome_of_status(2), OUTCOME_UNKNOWN);
	assert_int_equal(outcome_of_status(255), OUTCOME_CRASH);
	assert_int_equal(outcome_of_status(254), OUTCOME_FAILED);
	assert_int_equal(outcome_of_status(137), OUTCOME_FAILED);
}

/* ---- commands ------------------------------------------------------------ */

static const struct trial_options options = {.eddy = "bin/eddy",
    .bin_dir = "/x y/bin",
    .broken_dir = "/x/broken",
    .maelstrom = "/opt/maelstrom",
    .recovery = "5",
    .sweep_s = 2};

static struct trial *
make_trial(const char *line, enum engine engine)
{
	return trial_new(&arena, &options, one_case(line), engine, directory);
}

static const char *
command(const struct trial *t)
{
	struct buffer text = {0};
	const char *copy;

	trial_command(t, &text);
	copy = arena_printf(&arena, "%s", buffer_string(&text));
	buffer_free(&text);
	return copy;
}

static void
builds_commands(void **state)
{
	(void)state;
	assert_string_equal(command(make_trial("a valid --rate 5 --time-limit 3 -- --x 'y\n", ENGINE_TEST)),
	    "bin/eddy test -w broadcast --bin '/x y/bin/a' --rate 5 --time-limit 3 --recovery 5 -- --x ''\\''y'");
	assert_string_equal(command(make_trial("broken:b invalid --recovery 2\n", ENGINE_TEST)),
	    "bin/eddy test -w broadcast --bin /x/broken/b --recovery 2 --time-limit 10");
	assert_string_equal(command(make_trial("broken:b invalid\n", ENGINE_SIM)),
	    "bin/eddy sim -w broadcast --node broken:b --time-limit 10 --seed 1");
	assert_string_equal(command(make_trial("a valid\n", ENGINE_SWEEP)),
	    "bin/eddy sim -w broadcast --node a --time-limit 10 --message-budget 5000 --jobs 1 --minimise-budget 0 "
	    "--seeds "
	    "1..10");
}

/* Each run finds an empty directory; who does it again by hand needs another one. */
static void
gives_nodes_a_directory(void **state)
{
	static const char line[] = "a valid -- --data-dir {data} --x\n";
	const struct trial *t = make_trial(line, ENGINE_TEST);
	int last = 0;

	(void)state;
	while (t->job.argv[last + 1] != NULL)
		last++;
	assert_string_equal(t->job.argv[last], "--x");
	assert_string_equal(t->job.argv[last - 1], in_directory("data"));
	assert_non_null(strstr(command(t), " -- --data-dir \"$(mktemp -d)\" --x"));
	assert_non_null(strstr(command(make_trial(line, ENGINE_MAELSTROM)), " -- --data-dir \"$(mktemp -d)\" --x"));
	assert_non_null(strstr(command(make_trial(line, ENGINE_SIM)), " -- --data-dir data --x"));
}

static void
keeps_own_flags_from_maelstrom(void **state)
{
	const char *line = "a valid --seed 3 --rate 5 --recovery=2 --message-budget 9 --time-limit 4 -- --seed 3\n";

	(void)state;
	assert_string_equal(command(make_trial(line, ENGINE_MAELSTROM)),
	    "/opt/maelstrom test -w broadcast --bin '/x y/bin/a' --rate 5 --time-limit 4 -- --seed 3");
	assert_null(
	    strstr(command(make_trial("a valid --nemesis kill,pause --rate 5\n", ENGINE_MAELSTROM)), "nemesis"));
	assert_non_null(strstr(command(make_trial("a valid --nemesis kill,partition --rate 5\n", ENGINE_MAELSTROM)),
	    " --rate 5 --nemesis partition "));
	assert_non_null(
	    strstr(command(make_trial("a valid --nemesis=partition\n", ENGINE_MAELSTROM)), " --nemesis partition "));
}

/* Lets the trial end with a status and output, as if it had run. */
static bool
end_trial(struct trial *t, int status, const char *output)
{
	write_file("output", output);
	t->job.status = status;
	return trial_ended(t);
}

static void
sweeps_on_until_the_budget(void **state)
{
	struct trial *t = make_trial("a valid\n", ENGINE_SWEEP);

	(void)state;
	assert_true(end_trial(t, 0, "seeds 1..10: 10 runs, 9 messages, 0.1 s (90 messages/s): all valid\n"));
	assert_non_null(strstr(command(t), "--seeds 11..1000000000 --time-budget 2"));
	assert_false(end_trial(t, 0, "seeds 11..42: 32 runs, 9 messages, 0.1 s (90 messages/s): all valid\n"));
	assert_true(t->passed);
	assert_int_equal(t->seeds_run, 42);
}

static void
rejects_a_sweep_with_a_wrong_verdict(void **state)
{
	struct trial *t = make_trial("a valid\n", ENGINE_SWEEP);

	(void)state;
	assert_false(
	    end_trial(t, 1, "first failing seed 7; again with: x\nseeds 1..7: 7 runs, 1 messages: not valid\n"));
	assert_false(t->passed);
	assert_string_equal(t->why, "invalid at seed 7");
}

static void
write_results(const char *text)
{
	mkdir(in_directory("latest"), 0777);
	write_file("latest/results.edn", text);
}

static void
replays_what_a_sweep_rejects(void **state)
{
	struct trial *t = make_trial("broken:b invalid lost\n", ENGINE_SWEEP);

	(void)state;
	write_results(results_text);
	assert_true(
	    end_trial(t, 1, "first failing seed 7; again with: x\nseeds 1..7: 7 runs, 1 messages: not valid\n"));
	assert_non_null(strstr(command(t), "--message-budget 5000 --seed 7"));
	assert_false(end_trial(t, 1, ""));
	assert_true(t->passed);
	assert_int_equal(t->seed_found, 7);
}

static void
rejects_a_sweep_for_another_reason(void **state)
{
	struct trial *t = make_trial("broken:b invalid stale\n", ENGINE_SWEEP);

	(void)state;
	write_results(results_text);
	assert_true(
	    end_trial(t, 1, "first failing seed 7; again with: x\nseeds 1..7: 7 runs, 1 messages: not valid\n"));
	assert_false(end_trial(t, 1, ""));
	assert_false(t->passed);
	assert_string_equal(t->why, "invalid, but not for :stale");
}

static void
rejects_a_broken_node_that_holds(void **state)
{
	struct trial *t = make_trial("broken:b invalid lost\n", ENGINE_SWEEP);

	(void)state;
	assert_true(end_trial(t, 0, "seeds 1..10: 10 runs, 9 messages, 0.1 s (90 messages/s): all valid\n"));
	assert_false(end_trial(t, 0, "seeds 11..15: 5 runs, 9 messages, 0.1 s (90 messages/s): all valid\n"));
	assert_string_equal(t->why, "valid for all of 15 seeds");
}

static void
judges_a_run_by_its_results(void **state)
{
	struct trial *t = make_trial("a valid lost-count<3 stable.p50<1\n", ENGINE_TEST);

	(void)state;
	write_results(results_text);
	assert_false(end_trial(t, 0, ""));
	assert_true(t->passed);
	t = make_trial("a valid lost-count<3 stable.p50<1\n", ENGINE_SIM);
	assert_false(end_trial(t, 0, ""));
	assert_string_equal(t->why, "stable.p50 is 120, expected stable.p50<1");
	write_results("not a map");
	t = make_trial("a valid\n", ENGINE_TEST);
	assert_false(end_trial(t, 0, ""));
	assert_string_equal(t->why, "left no results");
}

static void
reports_a_bad_end(void **state)
{
	struct trial *t = make_trial("a valid\n", ENGINE_TEST);

	(void)state;
	assert_false(end_trial(t, 254, "unknown flag\n"));
	assert_string_equal(t->why, "exit status 254");
	t = make_trial("a valid --time-limit 5\n", ENGINE_TEST);
	t->job.timed_out = true;
	assert_false(end_trial(t, 143, ""));
	assert_string_equal(t->why, "ended after 55 s without a result");
}

static void
shows_the_last_lines(void **state)
{
	struct trial *t = make_trial("a valid\n", ENGINE_TEST);
	struct buffer text = {0}, output = {0};

	(void)state;
	for (int i = 1; i <= 20; i++)
		buffer_printf(&output, "line %d\n", i);
	write_file("output", buffer_string(&output));
	trial_tail(t, &text);
	assert_memory_equal(buffer_string(&text), "line 6\n", 7);
	assert_string_equal(buffer_string(&text) + text.length - 7, "line 20");
	buffer_free(&text);
	buffer_free(&output);
}

/* ---- the pool ------------------------------------------------------------ */

struct log {
	struct job *ended[8];
	int count, again, running_max;
	struct pool *pool;
};

static bool
on_ended(void *arg, struct job *job)
{
	struct log *log = arg;

	log->ended[log->count++] = job;
	return log->again-- > 0;
}

static void
on_tick(void *arg)
{
	struct log *log = arg;
	int running = 0;

	for (size_t i = 0; i < log->pool->count; i++)
		running += log->pool->jobs[i]->state == JOB_RUNNING;
	if (running > log->running_max)
		log->running_max = running;
}

#define SHELL(text)                                                                                    \
	(char *const[])                                                                                \
	{                                                                                              \
		(char *)(uintptr_t) "/bin/sh", (char *)(uintptr_t) "-c", (char *)(uintptr_t)text, NULL \
	}

static int
run_pool(struct job *a, struct job *b, int capacity, struct log *log)
{
	struct job *jobs[] = {a, b};
	struct pool pool = {jobs, b == NULL ? 1 : 2, capacity, on_ended, on_tick, log};

	log->pool = &pool;
	return pool_run(&pool);
}

static struct job
job_of(char *const *argv, const char *output)
{
	return (struct job){.argv = argv, .output = in_directory(output), .weight = 1, .limit_ms = 10000};
}

static const char *
content(const char *name)
{
	static char text[256];
	FILE *file = fopen(in_directory(name), "r");
	size_t length;

	assert_non_null(file);
	length = fread(text, 1, sizeof text - 1, file);
	text[length] = '\0';
	fclose(file);
	return text;
}

static void
runs_commands(void **state)
{
	struct job a = job_of(SHELL("echo out; echo err >&2; exit 3"), "one"), b = job_of(SHELL("kill -9 $$"), "two");
	struct log log = {0};

	(void)state;
	b.directory = directory;
	assert_int_equal(run_pool(&a, &b, 2, &log), 0);
	assert_int_equal(log.count, 2);
	assert_int_equal(a.status, 3);
	assert_int_equal(b.status, 128 + 9);
	assert_string_equal(content("one"), "out\nerr\n");
}

static void
runs_in_a_directory_with_nothing_to_read(void **state)
{
	struct job a = job_of(SHELL("cat; pwd -P"), "one");
	struct log log = {0};

	(void)state;
	a.directory = directory;
	assert_int_equal(run_pool(&a, NULL, 2, &log), 0);
	assert_string_equal(content("one"), arena_printf(&arena, "%s\n", directory));
}

static void
says_what_cannot_be_run(void **state)
{
	struct job a = job_of((char *const[]){(char *)(uintptr_t) "/nonexistent/eddy", NULL}, "one");
	struct log log = {0};

	(void)state;
	assert_int_equal(run_pool(&a, NULL, 1, &log), 0);
	assert_int_equal(a.status, 127);
	assert_non_null(strstr(content("one"), "/nonexistent/eddy: No such file or directory"));
}

static void
runs_again_when_told(void **state)
{
	struct job a = job_of(SHELL("true"), "one");
	struct log log = {.again = 2};

	(void)state;
	assert_int_equal(run_pool(&a, NULL, 1, &log), 0);
	assert_int_equal(log.count, 3);
}

static void
keeps_to_its_capacity(void **state)
{
	struct job a = job_of(SHELL("sleep 0.15"), "one"), b = job_of(SHELL("sleep 0.15"), "two");
	struct log log = {0}, wide = {0};

	(void)state;
	a.weight = 5; /* more than there is: it runs all the same, alone */
	assert_int_equal(run_pool(&a, &b, 2, &log), 0);
	assert_int_equal(log.running_max, 1);
	a.weight = 1;
	a.state = b.state = JOB_WAITING;
	assert_int_equal(run_pool(&a, &b, 2, &wide), 0);
	assert_int_equal(wide.running_max, 2);
}

/* Whether a process that wrote its id to the file is gone (a zombie that init has not reaped yet is). */
static bool
is_gone(const char *name)
{
	const char *path = arena_printf(&arena, "/proc/%d/stat", atoi(content(name)));
	char text[64] = "";
	FILE *file;

	for (int i = 0; i < 50; i++) {
		if ((file = fopen(path, "r")) == NULL)
			return true;
		text[fread(text, 1, sizeof text - 1, file)] = '\0';
		fclose(file);
		if (strstr(text, ") Z") != NULL)
			return true;
		usleep(20000);
	}
	return false;
}

static void
ends_what_takes_too_long(void **state)
{
	struct job a = job_of(SHELL("sleep 60 & echo $! >\"$PID_FILE\"; wait"), "one");
	struct log log = {0};

	(void)state;
	setenv("PID_FILE", in_directory("pid"), 1);
	a.limit_ms = 300;
	assert_int_equal(run_pool(&a, NULL, 1, &log), 0);
	assert_true(a.timed_out);
	assert_int_equal(a.status, 128 + SIGTERM);
	assert_true(is_gone("pid"));
}

static void
leaves_nothing_behind(void **state)
{
	struct job a = job_of(SHELL("sleep 60 & echo $! >\"$PID_FILE\""), "one");
	struct log log = {0};

	(void)state;
	setenv("PID_FILE", in_directory("pid"), 1);
	assert_int_equal(run_pool(&a, NULL, 1, &log), 0);
	assert_int_equal(a.status, 0);
	assert_true(is_gone("pid"));
}

static void
ends_all_on_a_signal(void **state)
{
	struct job a = job_of(SHELL("echo $$ >\"$PID_FILE\"; exec sleep 60"), "one");
	struct job b = job_of(SHELL("sleep 0.3; kill -INT $PPID; sleep 60"), "two");
	struct log log = {0};

	(void)state;
	setenv("PID_FILE", in_directory("pid"), 1);
	assert_int_equal(run_pool(&a, &b, 2, &log), SIGINT);
	assert_int_equal(log.count, 0);
	assert_true(is_gone("pid"));
	assert_int_equal(a.state, JOB_DONE);
	assert_int_equal(b.state, JOB_DONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_all_parts_of_a_line),
	    cmocka_unit_test(reads_all_verdicts_in_order),
	    cmocka_unit_test(finds_flags),
	    cmocka_unit_test(says_where_a_table_is_wrong),
	    cmocka_unit_test(limits_the_words_of_a_line),
	    cmocka_unit_test(names_a_missing_file),
	    cmocka_unit_test(finds_numbers),
	    cmocka_unit_test(finds_anomalies),
	    cmocka_unit_test(judges_the_verdict_first),
	    cmocka_unit_test(judges_anomalies),
	    cmocka_unit_test(judges_figures),
	    cmocka_unit_test(knows_exit_statuses),
	    cmocka_unit_test(builds_commands),
	    cmocka_unit_test(gives_nodes_a_directory),
	    cmocka_unit_test(keeps_own_flags_from_maelstrom),
	    cmocka_unit_test(sweeps_on_until_the_budget),
	    cmocka_unit_test(rejects_a_sweep_with_a_wrong_verdict),
	    cmocka_unit_test(replays_what_a_sweep_rejects),
	    cmocka_unit_test(rejects_a_sweep_for_another_reason),
	    cmocka_unit_test(rejects_a_broken_node_that_holds),
	    cmocka_unit_test(judges_a_run_by_its_results),
	    cmocka_unit_test(reports_a_bad_end),
	    cmocka_unit_test(shows_the_last_lines),
	    cmocka_unit_test(runs_commands),
	    cmocka_unit_test(runs_in_a_directory_with_nothing_to_read),
	    cmocka_unit_test(says_what_cannot_be_run),
	    cmocka_unit_test(runs_again_when_told),
	    cmocka_unit_test(keeps_to_its_capacity),
	    cmocka_unit_test(ends_what_takes_too_long),
	    cmocka_unit_test(leaves_nothing_behind),
	    cmocka_unit_test(ends_all_on_a_signal),
	};

	return cmocka_run_group_tests_name("cases", tests, set_up, tear_down);
}
