/* Many seeds, one after the other, until one is not valid. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "run.h"

struct sweep {
	uint64_t runs, messages, operations;
	double started, shown;
	bool terminal;
};

static double
wall_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
erase(const struct sweep *sweep)
{
	if (sweep->shown > sweep->started)
		fputs("\r\033[K", stderr);
}

static void
show(struct sweep *sweep, uint64_t seed)
{
	double now = wall_seconds();

	if (!sweep->terminal || now - sweep->shown < 0.2)
		return;
	sweep->shown = now;
	fprintf(stderr, "\r\033[Kseed %" PRIu64 "  %" PRIu64 " runs  %" PRIu64 " messages  %.0f messages/s", seed,
	    sweep->runs, sweep->messages, (double)sweep->messages / (now - sweep->started));
	fflush(stderr);
}

/* Runs one seed. Returns its exit status; what is not valid is told in full. */
static int
run_seed(struct sweep *sweep, const struct test_options *options, uint64_t seed)
{
	struct test_options one = *options;
	struct buffer command = {0};
	struct run run;
	int status;

	one.seed = seed;
	run_test(&run, &one);
	sweep->runs++;
	sweep->messages += run.net.all.received;
	sweep->operations += run.history.count;
	status = run_exit_status(&run);
	if (status != 0) {
		erase(sweep);
		run_print(&run, &one);
		options_replay(options, seed, &command);
		printf("first failing seed %" PRIu64 "; again with: %s %s\n", seed, program_invocation_name,
		    buffer_string(&command));
		buffer_free(&command);
	}
	run_free(&run);
	return status;
}

int
run_sweep(const struct test_options *options)
{
	struct sweep sweep = {.started = wall_seconds(), .terminal = !options->quiet && isatty(STDERR_FILENO) == 1};
	uint64_t seed = options->seed;
	double elapsed;
	int status = 0;

	sweep.shown = sweep.started;
	for (;;) {
		status = run_seed(&sweep, options, seed);
		if (status != 0 || seed == options->last_seed)
			break;
		if (options->time_budget_s > 0 && wall_seconds() - sweep.started >= options->time_budget_s)
			break;
		show(&sweep, ++seed);
	}
	if (status == 0)
		erase(&sweep);
	elapsed = wall_seconds() - sweep.started;
	printf("seeds %" PRIu64 "..%" PRIu64 ": %" PRIu64 " runs, %" PRIu64 " messages, %.1f s (%.0f messages/s): %s\n",
	    options->seed, seed, sweep.runs, sweep.messages, elapsed,
	    (double)sweep.messages / (elapsed > 0 ? elapsed : 1), status == 0 ? "all valid" : "not valid");
	fflush(stdout);
	return status;
}
