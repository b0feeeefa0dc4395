/*
 * One test from beginning to end: services and nodes are set up at staggered
 * times, init, the workload's set-up, the generator, tear-down, the checkers.
 */
#ifndef RUN_H
#define RUN_H

#include "check.h"
#include "history.h"
#include "options.h"

/* Protocol errors that are described one by one; the rest are counted. */
#define RUN_OFFENCES_MAX 20
/* Bytes of a line that a report shows. */
#define RUN_LINE_MAX 200

/* What a run found. */
struct run {
	struct history history;
	struct net_stats net;
	const struct value *results; /* in the history's arena; NULL after a crash */
	enum verdict verdict;
	bool crashed;                     /* Maelstrom would have ended with 255 and no results */
	int signal;                       /* it was interrupted by this one; 0: by none */
	struct buffer report;             /* why it crashed; protocol errors with node, line and cause: for people */
	uint64_t offences;                /* protocol errors */
	uint64_t late;                    /* replies to closed clients, of nodes that faults may have stalled */
	const struct fault_event *faults; /* that the nemesis did (fault.h), in the history's arena: a script of them */
	size_t fault_count;
	uint64_t hash;            /* of all events, in simulation */
	int64_t duration_ns;      /* on the run's clock */
	struct buffer store_path; /* where it was left, if anywhere */
};

/* Runs it. Options say which clock, nodes, workload, faults. Always frees what it started. */
void run_test(struct run *, const struct test_options *);
void run_free(struct run *);

/* 0, 1, 2 or 255; 128 + the signal that interrupted it. */
int run_exit_status(const struct run *);

/* What there is to say about it, for people: verdicts, figures, where it was left. On stdout. */
void run_print(const struct run *, const struct test_options *);

/* ---- sweep.c ---------------------------------------------------------------- */

/*
 * Every seed of options->seed..last_seed, several at a time in processes of
 * their own, until the first that is not valid (options->failures: so many of
 * them; each is printed with its exact replay command) or the time budget is
 * used up. In a sweep the workload's checker, availability and protocol decide,
 * not :stats. A seed whose process dies has failed. Without a time budget all
 * that is printed but the time is the same whatever the number of processes.
 * Prints how many seeds ran. Returns an exit status: the first failing seed's,
 * or 128 + the signal that interrupted it.
 */
int run_sweep(const struct test_options *);

/*
 * Says why the workload refuses such a test, if it does. One run of it is a
 * crash, as in Maelstrom; of many there is no more to say.
 */
bool run_refused(const struct test_options *);

/*
 * What a command line of `eddy test` or `eddy sim` asks for, a scenario apart: a
 * search, a sweep, or one run after the other until one is not valid, which is
 * minimised if that is wanted. Returns an exit status.
 */
int run_wanted(const struct test_options *);

#endif
