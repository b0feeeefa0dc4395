/* Swarms: every seed draws a run of its own, the same each time, of what the node withstands; and the user's flags win.
 */
#include "runs.h"

#include "fault.h"
#include "registry.h"
#include "swarm.h"

static void
draw(struct swarm *swarm, const char *text, uint64_t seed)
{
	struct line line;

	parse(&line, COMMAND_SIM, text);
	if (!swarm_draw(swarm, &line.options, seed))
		fail_msg("%s: seed %d", text, (int)seed);
	options_free(&line.options);
}

static const char *
command(const struct swarm *swarm, struct buffer *text)
{
	text->length = 0;
	options_replay(&swarm->options, swarm->options.seed, text);
	return buffer_string(text);
}

static bool
has_argument(const struct test_options *o, const char *wanted)
{
	for (char *const *arg = o->args; *arg != NULL; arg++)
		if (strcmp(*arg, wanted) == 0)
			return true;
	return false;
}

/* ---- what is drawn ------------------------------------------------------------------ */

static void
test_the_same_each_time(void **state)
{
	struct buffer first = {0}, again = {0};
	struct swarm one, two;
	int different = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 50; seed++) {
		draw(&one, "-w lin-kv --node lin-kv --swarm", seed);
		draw(&two, "-w lin-kv --node lin-kv --swarm --seeds 7..9 --jobs 2 -q", seed);
		assert_string_equal(command(&one, &first), command(&two, &again));
		swarm_free(&two);
		draw(&two, "-w lin-kv --node lin-kv --swarm", seed + 1);
		different +=
		    one.options.node_count != two.options.node_count || one.options.faults != two.options.faults;
		swarm_free(&one);
		swarm_free(&two);
	}
	assert_true(different > 25);
	buffer_free(&first);
	buffer_free(&again);
}

/* All that can be drawn is drawn now and then, and can be run. */
static void
test_everything_is_drawn(void **state)
{
	unsigned with = 0, without = 0, partitions = 0, dists = 0, sizes = 0;
	int leases = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 300; seed++) {
		struct swarm swarm;
		struct test_options *o = &swarm.options;

		draw(&swarm, "-w lin-kv --node lin-kv --swarm", seed);
		with |= o->faults;
		without |= ~o->faults;
		partitions |= o->partitions;
		dists |= 1u << o->latency.dist;
		sizes |= 1u << o->node_count;
		leases += has_argument(o, "--lease");
		assert_null(o->workload->refuse(&swarm.arena, o));
		assert_true(o->liveness_s > 0 && o->message_budget > 0 && o->concurrency >= o->node_count);
		assert_true(has_argument(o, "--data-dir") || (o->faults & ~FAULT_BIT(FAULT_PARTITION)) == 0);
		swarm_free(&swarm);
	}
	assert_int_equal(partitions, (1u << PARTITION_KINDS) - 1);
	for (int i = 0; i < FAULT_KINDS; i++)
		assert_true((with & FAULT_BIT(i)) != 0 && (without & FAULT_BIT(i)) != 0);
	assert_int_equal(dists, 7);
	assert_int_equal(sizes, 0xfe); /* 1 to 7 */
	assert_true(leases > 50 && leases < 250);
}

static void
test_flags_win(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct swarm swarm;

		draw(&swarm,
		    "-w broadcast --node broadcast --swarm --node-count 25 --nemesis kill --liveness 5 --latency=7 "
		    "-- --batch-ms 33",
		    seed);
		assert_int_equal(swarm.options.node_count, 25);
		assert_int_equal(swarm.options.faults, FAULT_BIT(FAULT_KILL));
		assert_int_equal(swarm.options.latency.mean_ms, 7);
		assert_true(swarm.options.liveness_s > 4 && swarm.options.liveness_s < 6);
		assert_true(has_argument(&swarm.options, "33"));
		swarm_free(&swarm);
	}
}

static void
test_what_does_not_go_together(void **state)
{
	struct swarm swarm;
	struct line line;
	char output[1024];
	bool drawn;
	int saved;

	(void)state;
	parse(&line, COMMAND_SIM, "-w echo --node echo --swarm --node-count 3 --concurrency 2");
	saved = keep(stderr);
	drawn = swarm_draw(&swarm, &line.options, 1);
	kept(stderr, saved, output, sizeof(output));
	assert_false(drawn);
	assert_shows(output, "eddy: --liveness asks every node");
	swarm_free(&swarm);
	options_free(&line.options);
}

/* ---- promises -------------------------------------------------------------------------- */

static void
test_promises(void **state)
{
	const struct workload *lin_kv = workload_find("lin-kv");

	(void)state;
	assert_true(promise_includes(promise_find(lin_kv, "lin-kv"), "kill"));
	assert_true(promise_includes(promise_find(lin_kv, "lin-kv"), "partition"));
	assert_false(promise_includes(promise_find(lin_kv, "lin-kv"), "part"));
	assert_false(promise_includes(promise_find(lin_kv, "lin-kv"), "ill"));
	assert_true(promise_includes(promise_find(lin_kv, "broken:lin-kv-stale"), "partition"));
	assert_false(promise_includes(promise_find(lin_kv, "broken:lin-kv-stale"), "kill"));
	for (const struct workload *const *w = workloads; *w != NULL; w++)
		for (const struct promise *p = (*w)->promises; p != NULL && p->node != NULL; p++)
			assert_non_null(registry_find(p->node));
}

/* What a variant assumes is not taken from it. */
static void
test_variants_are_spared(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct swarm swarm;
		bool clocks = false;

		draw(&swarm, "-w lin-kv --node lin-kv --swarm", seed);
		for (int i = 0; i < FAULT_KINDS; i++)
			clocks |= strcmp(faults[i].name, "clock") == 0 && (swarm.options.faults & FAULT_BIT(i)) != 0;
		assert_false(clocks && has_argument(&swarm.options, "--lease"));
		swarm_free(&swarm);
	}
}

/* ---- runs --------------------------------------------------------------------------------- */

static uint64_t
hash_of(const char *text)
{
	const char *hash = strstr(text, "\nhash ");

	assert_non_null(hash);
	return strtoull(hash + 6, NULL, 16);
}

/* Runs a command as it was printed behind `mark`. */
static uint64_t
again(const char *output, const char *mark)
{
	const char *start = strstr(output, mark);
	char words[2048], text[16384];
	struct line line;
	int saved;

	assert_non_null(start);
	start = strstr(start, " sim ");
	assert_non_null(start);
	strlcpy(words, start + 5, sizeof(words));
	*strchr(words, '\n') = '\0';
	parse(&line, COMMAND_SIM, words);
	saved = keep(stdout);
	assert_int_equal(run_wanted(&line.options), 1);
	kept(stdout, saved, text, sizeof(text));
	options_free(&line.options);
	return hash_of(text);
}

/* Both the swarm's command and that of what was drawn. */
static void
test_failing_seeds_can_be_run_again(void **state)
{
	char output[16384];

	(void)state;
	assert_int_equal(
	    sweep("-w g-set --node broken:g-set-once --swarm --nemesis partition --minimise-budget 0 --seeds 1..100",
		NULL, output, sizeof(output)),
	    1);
	assert_shows(output, "drawn: ");
	assert_true(again(output, "again with: ") == hash_of(output));
	assert_true(again(output, "drawn: ") == hash_of(output));
}

static void
test_what_fails_is_minimised(void **state)
{
	char words[512], output[16384], path[128];
	struct line line;
	int saved;

	(void)state;
	snprintf(path, sizeof(path), "%s/scenario", directory);
	snprintf(words, sizeof(words),
	    "-w g-set --node broken:g-set-overwrites --swarm --seed 1 --minimise --scenario %s -q", path);
	parse(&line, COMMAND_SIM, words);
	saved = keep(stdout);
	assert_int_equal(run_wanted(&line.options), 1);
	kept(stdout, saved, output, sizeof(output));
	options_free(&line.options);
	assert_shows(output, "\nminimised in ");
	assert_null(strstr(strstr(output, "\nminimised in ") + 1, "\nminimised in "));
	assert_int_equal(access(path, R_OK), 0);
}

static void
test_right_nodes_survive(void **state)
{
	char output[16384];

	(void)state;
	if (sweep("-w lin-kv --node lin-kv-proxy --swarm --nemesis partition,kill --seeds 1..20", NULL, output,
		sizeof(output)) != 0)
		fail_msg("%s", output);
	if (sweep("-w unique-ids --node unique-ids --swarm --seeds 1..20", NULL, output, sizeof(output)) != 0)
		fail_msg("%s", output);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_same_each_time),
	    cmocka_unit_test(test_everything_is_drawn),
	    cmocka_unit_test(test_flags_win),
	    cmocka_unit_test(test_what_does_not_go_together),
	    cmocka_unit_test(test_promises),
	    cmocka_unit_test(test_variants_are_spared),
	    cmocka_unit_test(test_failing_seeds_can_be_run_again),
	    cmocka_unit_test(test_what_fails_is_minimised),
	    cmocka_unit_test(test_right_nodes_survive),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
