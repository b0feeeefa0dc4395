/*
 * One case under one engine: which command that is, what its exit status and
 * results say, and, in a sweep, what is run next.
 */
#ifndef TRIAL_H
#define TRIAL_H

#include "casefile.h"
#include "jobs.h"

enum engine {
	ENGINE_TEST,      /* eddy test: real processes */
	ENGINE_SIM,       /* eddy sim: full length, one seed */
	ENGINE_SWEEP,     /* eddy sim: short, many seeds */
	ENGINE_MAELSTROM, /* the real one */
};
#define ENGINES 4

#define SWEEP_SEEDS_MIN      10   /* however slow the machine is */
#define SWEEP_MESSAGE_BUDGET 5000 /* delivered messages in one run of a sweep */
#define CASE_TIME_LIMIT_S    10   /* of a case that does not say it */

/* Of a pool of runs in real time, in the weights of trial.c: what two cores carry without being late. */
#define REAL_TIME_CAPACITY 1000
#define MAELSTROM_WEIGHT   333 /* a JVM */

/* What all trials of a batch share. Strings are borrowed; paths are absolute but for `eddy`. */
struct trial_options {
	const char *eddy, *bin_dir, *broken_dir, *maelstrom;
	const char *recovery; /* of ENGINE_TEST, in seconds; NULL: its default */
	uint64_t seeds;       /* of a sweep; 0: as many as the budget allows */
	double sweep_s;       /* the time budget of one sweep */
};

struct trial {
	const struct trial_options *options;
	const struct test_case *test;
	enum engine engine;
	struct arena *arena;
	const char *directory; /* of its own, with output and store */
	const char *data;      /* what CASE_DATA stands for */
	struct job job;

	/* A sweep runs its first seeds, then what the budget allows, and replays what it found. */
	enum { STEP_FIRST, STEP_REST, STEP_REPLAY } step;
	uint64_t seeds_run, seed_found; /* 0: no seed, since none could run */

	enum outcome outcome;
	const struct value *results; /* NULL: none */
	bool passed;
	const char *why; /* if not passed, one line */
};

/* `directory` must exist. Everything is made in the arena. */
struct trial *trial_new(
    struct arena *, const struct trial_options *, const struct test_case *, enum engine, const char *directory);

/* Its job has ended: true if the job is to run again, else it has been judged. */
bool trial_ended(struct trial *);

/* The command, as a shell would take it. */
void trial_command(const struct trial *, struct buffer *);
/* The last lines of what it printed. */
void trial_tail(const struct trial *, struct buffer *);
void trial_last_line(const struct trial *, struct buffer *);

#endif
