/* Operations by list: what was recorded from a run, given back, makes the same run. */
#include "runs.h"

#include "scenario.h"

#define EVERY_FAULT                                                                                            \
	"-w lin-kv --node lin-kv --node-count 3 --concurrency 2n --time-limit 8 --rate 50 --nemesis "          \
	"partition,kill,pause,loss,duplicate,clock,slow,disk --nemesis-interval 1 --partitions one-way,flaky " \
	"--liveness 5 -- --data-dir x"

static const char *const lines[] = {
    "-w echo --node echo --time-limit 5",
    "-w unique-ids --node unique-ids --time-limit 5 --rate 50",
    "-w broadcast --node broadcast --time-limit 8 --rate 20 --nemesis partition --nemesis-interval 2",
    "-w g-set --node g-set --time-limit 8 --rate 20 --latency 10 --latency-dist exponential",
    "-w g-counter --node g-counter --time-limit 8 --rate 20",
    "-w pn-counter --node pn-counter --time-limit 8 --rate 20",
    "-w lin-kv --node lin-kv --node-count 3 --concurrency 2n --time-limit 8 --rate 50 --nemesis partition",
    "-w lin-kv --node broken:lin-kv-denies --node-count 2 --concurrency 4n --rate 150 --time-limit 6",
    "-w kafka --node kafka --node-count 2 --concurrency 2n --time-limit 8 --rate 50",
    "-w txn-list-append --node txn-list-append --node-count 3 --time-limit 8 --rate 50 --latency 5",
    "-w txn-rw-register --node txn-rw-register --node-count 3 --time-limit 8 --rate 50 --seed 5",
    EVERY_FAULT,
    "-w echo --node echo --rate 0 --time-limit 3",
};

/* The lines that a run writes, read again. */
static void
read_recording(FILE *recording, const struct test_options *options, struct scenario *scenario)
{
	const struct script none = {.end = -1};
	const struct scenario_parts parts = {.options = options, .operations = &none};
	struct buffer text = {0}, error = {0};
	char chunk[4096];
	size_t got;

	scenario_write(&text, &parts);
	rewind(recording);
	while ((got = fread(chunk, 1, sizeof(chunk), recording)) > 0)
		buffer_append(&text, chunk, got);
	if (!scenario_parse(scenario, text.bytes, text.length, NULL, &error))
		fail_msg("%s", buffer_string(&error));
	buffer_free(&text);
	buffer_free(&error);
}

static void
test_recorded_runs_are_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct scenario scenario = {0};
		struct run first, second;
		struct line line;
		FILE *file = tmpfile();

		parse(&line, COMMAND_SIM, lines[i]);
		line.options.recording = file;
		line.options.sweep = true;
		run_test(&first, &line.options);
		read_recording(file, &line.options, &scenario);
		assert_int_equal(scenario.faults.count, first.fault_count);
		run_test(&second, &scenario.options);
		if (first.hash != second.hash || first.history.count != second.history.count)
			fail_msg("%s: %zu operations became %zu", lines[i], first.history.count, second.history.count);
		assert_int_equal(first.verdict, second.verdict);
		run_free(&second);
		run_free(&first);
		fclose(file);
		scenario_free(&scenario);
		options_free(&line.options);
	}
}

static enum verdict
liveness_of(const struct test_options *options)
{
	enum verdict verdict;
	struct run run;

	run_test(&run, options);
	verdict = verdict_of(value_get(run.results, "liveness"));
	run_free(&run);
	return verdict;
}

/* The phase of liveness asks what the list says; what was not asked need not be proven. */
static void
test_liveness_by_list(void **state)
{
	struct scenario scenario = {0};
	FILE *file = tmpfile();
	struct line line;

	(void)state;
	parse(&line, COMMAND_SIM,
	    "-w lin-kv --node broken:lin-kv-frozen --node-count 3 --concurrency 2n --rate 20 "
	    "--nemesis partition --nemesis-interval 2 --time-limit 6 --liveness 3");
	line.options.recording = file;
	assert_int_equal(liveness_of(&line.options), VERDICT_INVALID);
	read_recording(file, &line.options, &scenario);
	assert_int_equal(liveness_of(&scenario.options), VERDICT_INVALID);
	while (scenario.operations.ops[scenario.operations.count - 1].time > scenario.operations.end)
		scenario.operations.count--;
	assert_int_equal(liveness_of(&scenario.options), VERDICT_VALID);
	fclose(file);
	scenario_free(&scenario);
	options_free(&line.options);
}

/* Of a list with less in it just that is done, each by its worker and not before its time. */
static void
test_a_part_of_a_list(void **state)
{
	const struct value *nil = &value_nil;
	struct script_op ops[] = {
	    {.time = 0, .worker = 1, .f = "echo", .value = nil},
	    {.time = 5 * MS_NS, .worker = 0, .f = "echo", .value = nil},
	    {.time = 5 * MS_NS, .worker = 1, .f = "echo", .value = nil},
	};
	const struct script script = {.ops = ops, .count = 3, .end = -1};
	struct line line;
	struct run run;

	(void)state;
	parse(&line, COMMAND_SIM, "-w echo --node echo --node-count 2");
	line.options.operations = &script;
	run_test(&run, &line.options);
	assert_int_equal(run.history.count, 6);
	assert_int_equal(run.history.ops[0].process, 1);
	assert_int_equal(run.history.ops[0].time, 0);
	assert_int_equal(run.history.ops[2].process, 0);
	assert_int_equal(run.history.ops[2].time, 5 * MS_NS);
	assert_true(run.duration_ns < S_NS);
	run_free(&run);
	options_free(&line.options);
}

/* What is drawn beforehand is so much, and the final phase is the workload's. */
static void
test_drawn_operations(void **state)
{
	struct line line;
	struct run run;
	size_t final = 0;

	(void)state;
	parse(&line, COMMAND_SIM, "-w g-set --node g-set --node-count 3");
	line.options.draw_ops = 10;
	run_test(&run, &line.options);
	assert_int_equal(run_exit_status(&run), 0);
	assert_int_equal(run.history.count, 2 * (10 + 3));
	for (size_t i = 0; i < run.history.count; i++)
		final += run.history.ops[i].type == OP_INVOKE && run.history.ops[i].time > 9 * S_NS;
	assert_int_equal(final, 3);
	run_free(&run);
	options_free(&line.options);
}

static void
test_cursor(void **state)
{
	struct script script = {0};
	struct script_cursor cursor;
	struct script_op op = {.f = "read", .value = &value_nil};

	(void)state;
	for (int i = 0; i < 100; i++) {
		op.worker = i % 3 == 0;
		op.concluding = i >= 90;
		assert_true(script_add(&script, &op));
	}
	cursor_init(&cursor, &script, 3);
	for (int i = 0; i < 30; i++) {
		assert_ptr_equal(cursor_peek(&cursor, 1, false), &script.ops[3 * i]);
		cursor_advance(&cursor, 1);
	}
	assert_null(cursor_peek(&cursor, 1, false));
	assert_ptr_equal(cursor_peek(&cursor, 1, true), &script.ops[90]);
	/* Who goes on to the final phase leaves the rest of the main phase behind. */
	assert_ptr_equal(cursor_peek(&cursor, 0, true), &script.ops[91]);
	assert_null(cursor_peek(&cursor, 0, false));
	assert_null(cursor_peek(&cursor, 2, false));
	cursor_free(&cursor);
	script_free(&script);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_recorded_runs_are_the_same),
	    cmocka_unit_test(test_liveness_by_list),
	    cmocka_unit_test(test_a_part_of_a_list),
	    cmocka_unit_test(test_drawn_operations),
	    cmocka_unit_test(test_cursor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
