/*
 * Many seeds, on all processors, until one is not valid. Whichever worker is
 * faster, what is printed is what one after the other would have given: results
 * are taken in the order of seeds, and what lies behind the last failing one
 * that counts is thrown away.
 */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "crew.h"
#include "explore.h"
#include "memory.h"
#include "minimise.h"
#include "run.h"
#include "swarm.h"
#include "wall.h"
#include "words.h"
#include "workload.h"

/* How far seeds may be ahead of the first one that is not done yet. */
#define AHEAD_MAX 1024
#define TICK_MS   100

struct sweep {
	const struct test_options *options;
	struct crew *crew;
	uint64_t given, taken; /* seeds, counted from the first: handed out; looked at, in their order */
	struct {
		bool done;
		struct crew_result result;
	} ahead[AHEAD_MAX];      /* of seeds taken..given, by their number modulo AHEAD_MAX */
	uint64_t messages, most; /* delivered in all runs; in one */
	uint64_t failures, first_failing;
	int status; /* the first failing seed's */
	int signal;
	double started, shown;
	bool terminal;
};

/* ---- in a worker ----------------------------------------------------------------- */

/*
 * Runs what the options say, or what a swarm makes of them, and prints what it
 * found; of a valid run only if `tells_valid`. Returns its exit status, and the
 * number of messages that were delivered.
 */
static int
run_told(const struct test_options *options, bool tells_valid, uint64_t *messages)
{
	struct swarm swarm = {0};
	const struct test_options *o = options->swarm ? &swarm.options : options;
	struct run run;
	int status;

	if (options->swarm && !swarm_draw(&swarm, options, options->seed))
		return EXIT_ARGUMENTS;
	run_test(&run, o);
	*messages = run.net.all.received;
	status = run_exit_status(&run);
	if (status != 0 || tells_valid) {
		run_print(&run, o);
		if (options->swarm)
			swarm_print(&swarm);
		fflush(stdout);
	}
	run_free(&run);
	swarm_free(&swarm);
	return status;
}

static int
run_seed(void *arg, uint64_t seed, uint64_t *messages)
{
	const struct sweep *sweep = arg;
	struct test_options one = *sweep->options;

	one.seed = seed;
	return run_told(&one, false, messages);
}

/* ---- what is shown ----------------------------------------------------------------- */

static void
erase(const struct sweep *sweep)
{
	if (sweep->shown > sweep->started)
		fputs("\r\033[K", stderr);
}

static void
show(struct sweep *sweep)
{
	double now = wall_seconds();

	if (!sweep->terminal || now - sweep->shown < 0.2)
		return;
	sweep->shown = now;
	fprintf(stderr, "\r\033[Kseed %" PRIu64 "  %" PRIu64 " runs  %" PRIu64 " messages  %.0f messages/s",
	    sweep->options->seed + sweep->taken, sweep->taken, sweep->messages,
	    (double)sweep->messages / (now - sweep->started));
	fflush(stderr);
}

/* What a run that took its process with it could not tell. */
static void
report_drawn(const struct test_options *options, uint64_t seed)
{
	struct swarm swarm;

	if (swarm_draw(&swarm, options, seed))
		swarm_print(&swarm);
	swarm_free(&swarm);
}

static void
report_failure(struct sweep *sweep, const struct crew_result *result)
{
	struct buffer command = {0};

	erase(sweep);
	crew_show(result->output);
	if (result->status == EXIT_ARGUMENTS)
		return;
	if (result->status == CREW_CRASHED && sweep->options->swarm)
		report_drawn(sweep->options, result->task);
	words_quote(&command, program_invocation_name);
	buffer_append_char(&command, ' ');
	options_replay(sweep->options, result->task, &command);
	printf("%sfailing seed %" PRIu64 "; again with: %s\n", sweep->failures > 1 ? "" : "first ", result->task,
	    buffer_string(&command));
	fflush(stdout);
	buffer_free(&command);
}

static void
summarize(const struct sweep *sweep)
{
	double elapsed = wall_seconds() - sweep->started;
	uint64_t first = sweep->options->seed;

	printf("seeds %" PRIu64 "..%" PRIu64 ": %" PRIu64 " runs, %" PRIu64 " messages (at most %" PRIu64
	       " a run), %.1f s (%.0f messages/s): ",
	    first, first + (sweep->taken > 0 ? sweep->taken - 1 : 0), sweep->taken, sweep->messages, sweep->most,
	    elapsed, (double)sweep->messages / (elapsed > 0 ? elapsed : 1));
	if (sweep->signal != 0)
		printf("interrupted\n");
	else if (sweep->status == EXIT_ARGUMENTS)
		printf("the last one could not be drawn\n");
	else if (sweep->failures > 1)
		printf("%" PRIu64 " not valid\n", sweep->failures);
	else
		printf("%s\n", sweep->status == 0 ? "all valid" : "not valid");
	fflush(stdout);
}

/* ---- seeds out, results in ------------------------------------------------------------ */

static bool
is_over(const struct sweep *sweep)
{
	return sweep->signal != 0 || sweep->failures >= (uint64_t)sweep->options->failures;
}

static bool
may_give(const struct sweep *sweep)
{
	const struct test_options *o = sweep->options;

	if (is_over(sweep) || sweep->given - sweep->taken == AHEAD_MAX || !crew_is_idle(sweep->crew))
		return false;
	if (sweep->given > 0 && sweep->given - 1 == o->last_seed - o->seed)
		return false;
	return sweep->given == 0 || o->time_budget_s <= 0 || wall_seconds() - sweep->started < o->time_budget_s;
}

/* Looks at the results that are next in order. */
static void
take(struct sweep *sweep)
{
	while (sweep->taken < sweep->given && sweep->ahead[sweep->taken % AHEAD_MAX].done && !is_over(sweep)) {
		const struct crew_result *result = &sweep->ahead[sweep->taken % AHEAD_MAX].result;

		sweep->ahead[sweep->taken++ % AHEAD_MAX].done = false;
		sweep->messages += result->figure;
		if (sweep->most < result->figure)
			sweep->most = result->figure;
		if (result->status == 0)
			continue;
		if (sweep->failures++ == 0)
			sweep->first_failing = result->task;
		if (sweep->status == 0)
			sweep->status = result->status == CREW_CRASHED ? EXIT_CRASH : result->status;
		report_failure(sweep, result);
	}
}

static void
await(struct sweep *sweep)
{
	struct crew_result result;
	uint64_t place;

	switch (crew_wait(sweep->crew, TICK_MS, &result)) {
	case CREW_RESULT:
		place = (result.task - sweep->options->seed) % AHEAD_MAX;
		sweep->ahead[place].result = result;
		sweep->ahead[place].done = true;
		take(sweep);
		break;
	case CREW_SIGNAL:
		sweep->signal = result.status;
		break;
	case CREW_TIMEOUT:
		break;
	}
}

/* What came of seeds behind the last one that counts is of no interest. */
static void
forget_rest(struct sweep *sweep)
{
	for (uint64_t i = sweep->taken; i < sweep->given; i++)
		if (sweep->ahead[i % AHEAD_MAX].done && sweep->ahead[i % AHEAD_MAX].result.output != -1)
			close(sweep->ahead[i % AHEAD_MAX].result.output);
}

/* The first failing seed becomes a scenario, as small as can be in the time allowed; not where little is to be said. */
static void
minimise_first(const struct sweep *sweep)
{
	struct test_options one = *sweep->options;

	one.seed = sweep->first_failing;
	if (sweep->failures > 0 && sweep->status != EXIT_ARGUMENTS && sweep->signal == 0 && one.minimise_s > 0 &&
	    !one.quiet)
		minimise_report(&one, NULL);
}

/* Those that this process may use. */
static int
processors(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == -1)
		return (int)sysconf(_SC_NPROCESSORS_ONLN);
	return CPU_COUNT(&set);
}

static void
run_all(struct sweep *sweep)
{
	do {
		while (may_give(sweep))
			crew_give(sweep->crew, sweep->options->seed + sweep->given++);
		await(sweep);
		show(sweep);
	} while (!is_over(sweep) && (sweep->taken < sweep->given || may_give(sweep)));
}

int
run_sweep(const struct test_options *options)
{
	struct sweep *sweep = memory_zero(sizeof(*sweep));
	int jobs = options->jobs > 0 ? (int)options->jobs : processors(), status;

	sweep->options = options;
	sweep->started = sweep->shown = wall_seconds();
	sweep->terminal = !options->quiet && isatty(STDERR_FILENO) == 1;
	sweep->crew = crew_start(jobs < CREW_MAX ? jobs : CREW_MAX, run_seed, sweep);
	run_all(sweep);
	erase(sweep);
	forget_rest(sweep);
	if (!crew_stop(sweep->crew) && sweep->status == 0)
		sweep->status = EXIT_CRASH;
	minimise_first(sweep);
	summarize(sweep);
	status = sweep->signal != 0 ? 128 + sweep->signal : sweep->status;
	free(sweep);
	return status;
}

/* ---- one or many -------------------------------------------------------------------- */

bool
run_refused(const struct test_options *options)
{
	struct arena arena = {0};
	const char *why = workload_refusal(&arena, options);

	if (why != NULL)
		fprintf(stderr, "eddy: %s\n", why);
	arena_free(&arena);
	return why != NULL;
}

/* What makes a swarm draw in vain is what the user has fixed: mostly it shows with the first seed. */
static bool
draws_nothing(const struct test_options *options)
{
	struct swarm swarm;
	bool drawn = swarm_draw(&swarm, options, options->seed);

	swarm_free(&swarm);
	return !drawn;
}

static int
run_one(const struct test_options *options)
{
	struct test_options one = *options;
	uint64_t messages;
	int status;

	if (one.command == COMMAND_TEST && !one.seed_given)
		arc4random_buf(&one.seed, sizeof(one.seed));
	status = run_told(&one, true, &messages);
	if (status != 0 && one.minimise)
		minimise_report(&one, NULL);
	return status;
}

int
run_wanted(const struct test_options *options)
{
	int status = 0;

	if (options->explore.wanted)
		return run_explore(options);
	if (options->swarm && draws_nothing(options))
		return EXIT_ARGUMENTS;
	if (!options->swarm && (options->sweep || options->minimise) && run_refused(options))
		return EXIT_CRASH;
	if (options->sweep)
		return run_sweep(options);
	for (int64_t i = 0; status == 0 && i < options->test_count; i++)
		status = run_one(options);
	return status;
}
