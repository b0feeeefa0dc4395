/* Whole tests, simulated: verdicts, offences, determinism, sweeps, what is printed. */
#include "runs.h"

#include "fault.h"
#include "watchdog.h"

/* ---- simulations ------------------------------------------------------------------ */

static void
test_right_nodes_are_valid(void **state)
{
	static const char *const pairs[][2] = {{"echo", "echo"}, {"unique-ids", "unique-ids"},
	    {"broadcast", "broadcast"}, {"broadcast", "broadcast-flood"}, {"g-set", "g-set"},
	    {"g-counter", "g-counter"}, {"g-counter", "g-counter-seq-kv"}, {"pn-counter", "pn-counter"}};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct run run;
		char text[256];

		snprintf(text, sizeof(text),
		    "-w %s --node %s --node-count 3 --time-limit 10 --rate 20 --nemesis partition --nemesis-interval 2",
		    pairs[i][0], pairs[i][1]);
		simulate(&run, text);
		assert_int_equal(run_exit_status(&run), 0);
		assert_true(
		    run.verdict == VERDICT_VALID && !run.crashed && run.offences == 0 && run.report.length == 0);
		assert_true(run.history.count > 100 && run.net.all.received > 300 && run.hash != 0);
		assert_true(verdict_of(run.results) == VERDICT_VALID);
		assert_true(verdict_of(value_get(run.results, "protocol")) == VERDICT_VALID);
		run_free(&run);
	}
}

static void
test_wrong_nodes_are_not(void **state)
{
	static const char *const lines[] = {
	    "-w echo --node broken:echo-wrong",
	    "-w unique-ids --node broken:unique-ids-counter",
	    "-w broadcast --node broken:broadcast-forgetful",
	    "-w g-set --node broken:g-set-once --nemesis partition",
	    "-w pn-counter --node broken:counter-island",
	    "-w g-counter --node broken:counter-island",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct run run;
		char text[256];

		snprintf(text, sizeof(text), "%s --node-count 3 --time-limit 10 --rate 20", lines[i]);
		simulate(&run, text);
		if (run_exit_status(&run) != 1)
			fail_msg("%s: %d", text, run_exit_status(&run));
		assert_true(verdict_of(value_get(run.results, "workload")) == VERDICT_INVALID);
		run_free(&run);
	}
}

static void
test_same_seed_same_hash(void **state)
{
	uint64_t hashes[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct run run;

		simulate(&run, i < 2
				   ? "-w g-counter --node g-counter-seq-kv --nemesis partition --latency 10 --seed 3"
				   : "-w g-counter --node g-counter-seq-kv --nemesis partition --latency 10 --seed 4");
		hashes[i] = run.hash;
		run_free(&run);
	}
	assert_true(hashes[0] == hashes[1]);
	assert_true(hashes[0] != hashes[2]);
}

/* ---- faults ----------------------------------------------------------------------- */

/* How often the nemesis did something. */
static int
acts(const struct run *run, const char *f)
{
	int count = 0;

	for (size_t i = 0; i < run->history.count; i++)
		count += run->history.ops[i].process == PROCESS_NEMESIS && strcmp(run->history.ops[i].f, f) == 0;
	return count / 2;
}

/* Killed nodes are no crash, and what is stored or kept elsewhere outlives it. */
static void
test_kills(void **state)
{
	struct run run;
	const struct op *last;

	(void)state;
	simulate(&run,
	    "-w lin-kv --node lin-kv --node-count 3 --concurrency 4n --time-limit 20 --rate 20 --nemesis kill "
	    "--nemesis-interval 2 -- --data-dir disk");
	assert_int_equal(run_exit_status(&run), 0);
	assert_in_range(acts(&run, "kill"), 3, 20);
	assert_in_range(acts(&run, "kill") - acts(&run, "start"), 0, 1);
	assert_int_equal(run.fault_count, acts(&run, "kill") + acts(&run, "start"));
	run_free(&run);

	simulate(&run, "-w g-counter --node g-counter-seq-kv --node-count 3 --time-limit 20 --rate 20 --nemesis kill "
		       "--nemesis-interval 2");
	assert_int_equal(run_exit_status(&run), 0);
	last = &run.history.ops[run.history.count - 1];
	while (last->process != PROCESS_NEMESIS)
		last--;
	assert_string_equal(last->f, "start"); /* all are alive at the end */
	assert_int_equal(last->value->count, 6);
	run_free(&run);
}

/* Who is paused answers nothing, and loses nothing. */
static void
test_pauses(void **state)
{
	struct run run;

	(void)state;
	simulate(&run, "-w g-set --node g-set --node-count 3 --time-limit 60 --rate 20 --nemesis pause,partition "
		       "--nemesis-interval 8");
	assert_int_equal(run_exit_status(&run), 0);
	assert_in_range(acts(&run, "pause"), 2, 20);
	assert_in_range(acts(&run, "start-partition"), 2, 20);
	assert_int_equal(acts(&run, "kill"), 0);
	assert_true(result(&run, "stats", "info-count")->integer > 0);
	run_free(&run);
}

/* A disk that fails is nobody's crash; and with all faults at once the same seed is the same run. */
static void
test_all_faults(void **state)
{
	uint64_t hashes[3];
	struct run run;

	(void)state;
	simulate(&run,
	    "-w lin-kv --node lin-kv --node-count 3 --concurrency 4n --time-limit 30 --rate 30 --nemesis disk "
	    "--nemesis-interval 1 --seed 4 -- --data-dir disk");
	assert_int_equal(run_exit_status(&run), 0);
	assert_true(acts(&run, "start-disk") > 5);
	assert_true(result(&run, "stats", "info-count")->integer > 0); /* of those who died with it */
	run_free(&run);

	for (int i = 0; i < 3; i++) {
		char text[512];

		snprintf(text, sizeof(text),
		    "-w lin-kv --node lin-kv --node-count 5 --concurrency 2n --time-limit 20 "
		    "--rate 20 --latency 5 --latency-dist exponential --nemesis "
		    "partition,loss,duplicate,slow,clock,disk,pause,kill --partitions "
		    "one,majority,minority-third,majorities-ring,one-way,flaky --nemesis-interval 1.5 "
		    "--seed %d -- --data-dir disk",
		    5 + i / 2);
		simulate(&run, text);
		assert_int_equal(run_exit_status(&run) & ~1, 0); /* :stats may be invalid where little succeeds */
		assert_true(verdict_of(value_get(run.results, "workload")) == VERDICT_VALID);
		assert_int_equal(run.offences, 0);
		for (int kind = 0; kind < FAULT_KINDS; kind++)
			assert_true(acts(&run, faults[kind].start_f) > 1);
		hashes[i] = run.hash;
		run_free(&run);
	}
	assert_true(hashes[0] == hashes[1]);
	assert_true(hashes[0] != hashes[2]);
}

/* What a node concludes in a turn counts when the turn is stored: not if its disk fails, or it is killed, before that.
 */
static void
test_invariants_on_bad_disks(void **state)
{
	(void)state;
	for (int seed = 26; seed <= 30; seed++) {
		struct run run;
		char text[512];

		snprintf(text, sizeof(text),
		    "-w lin-kv --node lin-kv --nodes a,b,c --concurrency 6 --rate 20 --time-limit 20 --latency 5 "
		    "--latency-dist exponential --nemesis disk,kill --nemesis-interval 2 --seed %d -- --data-dir x",
		    seed);
		simulate(&run, text); /* it would abort */
		assert_true(verdict_of(value_get(run.results, "workload")) == VERDICT_VALID);
		run_free(&run);
	}
}

/* One more fault does not change when the others come, and whom they hit. */
static void
test_faults_are_drawn_apart(void **state)
{
	static const char *const lists[] = {"kill", "partition,loss,duplicate,slow,clock,disk,pause,kill"};
	struct fault_event events[2][8];
	int counts[2] = {0};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct run run;
		char text[256];

		snprintf(text, sizeof(text), "-w echo --node echo --time-limit 20 --nemesis-interval 2 --nemesis %s",
		    lists[i]);
		simulate(&run, text);
		for (size_t k = 0; k < run.fault_count && counts[i] < 8; k++)
			if (run.faults[k].kind == FAULT_KILL)
				events[i][counts[i]++] = run.faults[k];
		for (int k = 0; k < counts[i]; k++)
			events[i][k].targets = NULL;
		run_free(&run);
	}
	assert_int_equal(counts[0], counts[1]);
	assert_true(counts[0] >= 4);
	for (int k = 0; k < counts[0]; k++) {
		assert_int_equal(events[0][k].time, events[1][k].time);
		assert_int_equal(events[0][k].target_count, events[1][k].target_count);
	}
}

/* From one node to a thousand. */
static void
test_faults_of_any_cluster(void **state)
{
	static const int sizes[] = {1, 2, 1000};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct run run;
		char text[256];

		snprintf(text, sizeof(text),
		    "-w echo --node echo --node-count %d --concurrency 2 --time-limit 4 --nemesis-interval 0.5 "
		    "--nemesis "
		    "partition,loss,duplicate,slow,clock,disk,pause,kill --partitions one-way,flaky,one",
		    sizes[i]);
		simulate(&run, text);
		assert_false(run.crashed);
		assert_int_equal(run.offences, 0);
		assert_true(run.fault_count > 8);
		run_free(&run);
	}
}

/* A value that only its memory held is gone: the checkers see it. */
static void
test_kills_lose_memory(void **state)
{
	struct run run;

	(void)state;
	simulate(
	    &run, "-w g-set --node g-set --node-count 1 --time-limit 30 --rate 50 --nemesis kill --nemesis-interval 1");
	assert_true(result(&run, "workload", "lost-count")->integer > 10);
	assert_int_equal(run_exit_status(&run), 1);
	run_free(&run);
}

static void
test_offences_are_counted_and_cut(void **state)
{
	struct run run;
	const struct value *errors;

	(void)state;
	simulate(&run, "-w echo --node broken:echo-stranger --time-limit 10 --rate 10");
	assert_int_equal(run_exit_status(&run), 1);
	assert_true(run.offences > RUN_OFFENCES_MAX);
	assert_int_equal(result(&run, "protocol", "count")->integer, run.offences);
	errors = result(&run, "protocol", "errors");
	assert_int_equal(errors->count, RUN_OFFENCES_MAX);
	assert_int_equal(value_get(errors->items[0], "node")->text[0], 'n');
	assert_non_null(strstr(value_get(errors->items[0], "cause")->text, "nobody"));
	assert_true(value_get(errors->items[0], "line")->length <= RUN_LINE_MAX);
	assert_true(verdict_of(value_get(run.results, "workload")) == VERDICT_VALID);
	run_free(&run);
}

/* An answer after the client was replaced offends, but not where clients are used again. */
static void
test_late_answers(void **state)
{
	struct run run;

	(void)state;
	simulate(&run, "-w echo --node broken:echo-late --time-limit 30");
	assert_true(run.offences > 0);
	assert_int_equal(run_exit_status(&run), 1);
	run_free(&run);
}

/* Who was stopped cannot help it: then they are counted, and no more. */
static void
test_late_answers_of_who_is_paused(void **state)
{
	struct run run;

	(void)state;
	simulate(&run, "-w echo --node broken:echo-late --time-limit 30 --nemesis pause --nemesis-interval 100");
	assert_true(run.offences == 0 && run.late > 0);
	assert_int_equal(result(&run, "protocol", "late-replies")->integer, (int64_t)run.late);
	assert_true(verdict_of(value_get(run.results, "protocol")) == VERDICT_VALID);
	run_free(&run);

	simulate(&run, "-w echo --node broken:echo-late --time-limit 30 --nemesis partition");
	assert_true(run.offences > 0 && run.late == 0);
	assert_null(result(&run, "protocol", "late-replies"));
	run_free(&run);
}

/* A malformed answer is an exception and an :info; that alone does not make a test invalid. */
static void
test_malformed_answers(void **state)
{
	struct run run;

	(void)state;
	simulate(&run, "-w echo --node broken:echo-extra-key --time-limit 20 --rate 20");
	assert_int_equal(run_exit_status(&run), 0);
	assert_true(result(&run, "stats", "info-count")->integer > 10);
	assert_int_equal(result(&run, "exceptions", "exceptions")->count, 1);
	assert_int_equal(run.offences, 0);
	run_free(&run);
	simulate(&run, "-w echo --node broken:echo-extra-key --time-limit 20 --rate 20 --availability total");
	assert_int_equal(run_exit_status(&run), 1);
	run_free(&run);
}

/* --rate 0 makes no operations: :stats has nothing to complain of. */
static void
test_rate_zero(void **state)
{
	struct run run;

	(void)state;
	simulate(&run, "-w echo --node echo --rate 0");
	assert_int_equal(run_exit_status(&run), 0);
	assert_int_equal(run.history.count, 0);
	assert_int_equal(run.duration_ns / S_NS, 60);
	run_free(&run);
}

static void
test_message_budget(void **state)
{
	struct run run;

	(void)state;
	simulate(&run, "-w g-set --node g-set --rate 100 --message-budget 500");
	assert_int_equal(run_exit_status(&run), 0);
	assert_true(run.net.all.received >= 500 && run.duration_ns < 20 * S_NS);
	assert_true(run.history.count < 700);
	run_free(&run);
}

static void
test_bad_node_arguments(void **state)
{
	struct run run;

	(void)state;
	simulate(&run, "-w echo --node echo -- --frobnicate");
	assert_int_equal(run_exit_status(&run), 255);
	assert_says(&run, "node n");
	assert_null(run.results);
	run_free(&run);
}

static void
test_simulation_with_a_store(void **state)
{
	struct run run;
	char text[256], path[256];

	(void)state;
	snprintf(text, sizeof(text), "-w echo --node echo --time-limit 2 --store %s/sim", directory);
	simulate(&run, text);
	snprintf(path, sizeof(path), "%s/sim/echo/latest/results.edn", directory);
	assert_int_equal(access(path, R_OK), 0);
	snprintf(path, sizeof(path), "%s/sim/latest/node-logs/n1.log", directory);
	assert_int_equal(access(path, R_OK), 0);
	run_free(&run);
	simulate(&run, "-w echo --node echo --time-limit 2 --store /dev/null/x");
	assert_int_equal(run_exit_status(&run), 255);
	assert_says(&run, "Not a directory");
	run_free(&run);
}

/* ---- sweeps ------------------------------------------------------------------------ */

static void
test_sweep(void **state)
{
	char output[8192];

	(void)state;
	assert_int_equal(sweep("-w g-set --node g-set --time-limit 3 --nemesis partition --seeds 5..14 -q", NULL,
			     output, sizeof(output)),
	    0);
	assert_int_equal(strncmp(output, "seeds 5..14: 10 runs, ", 22), 0);
	assert_non_null(strstr(output, "all valid"));
}

/* In a sweep :stats does not decide: a short run may have no read at all. */
static void
test_sweep_leaves_stats_out(void **state)
{
	char output[8192];

	(void)state;
	assert_int_equal(sweep("-w echo --node broken:echo-extra-key --time-limit 1 --rate 2 --seeds 1..20 -q", NULL,
			     output, sizeof(output)),
	    0);
}

static void
test_sweep_finds_and_replays(void **state)
{
	char output[16384], *command, *end;
	struct run run;

	(void)state;
	assert_int_equal(sweep("-w g-set --node broken:g-set-once --time-limit 5 --rate 5 --nemesis partition "
			       "--nemesis-interval 2 --message-budget 1000 --seeds 1..200 -q",
			     NULL, output, sizeof(output)),
	    1);
	command = strstr(output, "again with: ");
	assert_non_null(command);
	command = strstr(command, " sim ") + 5;
	end = strchr(command, '\n');
	*end = '\0';
	simulate(&run, command);
	assert_int_equal(run_exit_status(&run), 1);
	run_free(&run);
	assert_non_null(strstr(end + 1, "not valid"));
}

static void
test_sweep_keeps_its_time(void **state)
{
	char output[8192];

	(void)state;
	assert_int_equal(
	    sweep("-w echo --node echo --time-limit 1 --seeds 0..18446744073709551615 --time-budget 0.05 -q", NULL,
		output, sizeof(output)),
	    0);
	assert_non_null(strstr(output, "all valid"));
}

/* ---- what is printed ---------------------------------------------------------------------- */

static void
show(const char *text, char *output, size_t size)
{
	struct line line;
	struct run run;
	int saved;

	parse(&line, COMMAND_SIM, text);
	run_test(&run, &line.options);
	saved = keep(stdout);
	run_print(&run, &line.options);
	kept(stdout, saved, output, size);
	run_free(&run);
	options_free(&line.options);
}

static void
test_print(void **state)
{
	char output[16384];

	(void)state;
	show("-w g-counter --node g-counter --time-limit 5", output, sizeof(output));
	assert_shows(output, "workload       valid");
	assert_shows(output, ":acceptable ([");
	assert_shows(output, "ok-fraction 1\n");
	assert_shows(output, "messages per operation ");
	assert_shows(output, "\nValid: ");
	assert_shows(output, "\nhash ");

	show("-w echo --node broken:echo-stranger --time-limit 10 --rate 10", output, sizeof(output));
	assert_shows(output, "protocol       invalid  errors ");
	assert_shows(output, "dest \"nobody\" is not there");
	assert_shows(output, " more\n");
	assert_shows(output, "\nInvalid: ");

	show("-w echo --node broken:echo-extra-key --time-limit 10 --rate 10", output, sizeof(output));
	assert_shows(output, " like \"indeterminate: Malformed RPC response.");

	assert_null(strstr(output, "faults "));
	show(
	    "-w g-set --node g-set --time-limit 10 --nemesis kill,loss --nemesis-interval 100", output, sizeof(output));
	assert_shows(output, "\n  faults                  loss 1, kill 1; messages dropped ");
	assert_shows(output, ", replies to clients that had given up 0\n");

	show("-w echo --node echo --time-limit 1 -q", output, sizeof(output));
	assert_int_equal(strncmp(output, "Valid: ", 7), 0);
	show("-w echo --node echo --store /dev/null/x", output, sizeof(output));
	assert_shows(output, "Crashed: ");
}

/* ---- simulations that hang --------------------------------------------------------------- */

static void
again_at_once(void *arg)
{
	loop_after(arg, 0, again_at_once, arg);
}

static void
later(void *arg)
{
	if (loop_now(arg) < 3000000)
		loop_after(arg, 1, later, arg);
}

/* In a child: whether it is ended by the watchdog (255), or by itself (0). */
static int
watched(loop_fn *fn)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		struct loop *loop = loop_new(CLOCK_VIRTUAL);

		fclose(stderr);
		watchdog_begin(loop, 100, "still\n");
		loop_after(loop, 0, fn, loop);
		loop_run(loop);
		watchdog_end();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
test_watchdog(void **state)
{
	(void)state;
	assert_int_equal(watched(again_at_once), 255);
	assert_int_equal(watched(later), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_right_nodes_are_valid),
	    cmocka_unit_test(test_wrong_nodes_are_not),
	    cmocka_unit_test(test_same_seed_same_hash),
	    cmocka_unit_test(test_kills),
	    cmocka_unit_test(test_pauses),
	    cmocka_unit_test(test_all_faults),
	    cmocka_unit_test(test_invariants_on_bad_disks),
	    cmocka_unit_test(test_faults_are_drawn_apart),
	    cmocka_unit_test(test_faults_of_any_cluster),
	    cmocka_unit_test(test_kills_lose_memory),
	    cmocka_unit_test(test_offences_are_counted_and_cut),
	    cmocka_unit_test(test_late_answers),
	    cmocka_unit_test(test_late_answers_of_who_is_paused),
	    cmocka_unit_test(test_malformed_answers),
	    cmocka_unit_test(test_rate_zero),
	    cmocka_unit_test(test_message_budget),
	    cmocka_unit_test(test_bad_node_arguments),
	    cmocka_unit_test(test_simulation_with_a_store),
	    cmocka_unit_test(test_sweep),
	    cmocka_unit_test(test_sweep_leaves_stats_out),
	    cmocka_unit_test(test_sweep_finds_and_replays),
	    cmocka_unit_test(test_sweep_keeps_its_time),
	    cmocka_unit_test(test_print),
	    cmocka_unit_test(test_watchdog),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
