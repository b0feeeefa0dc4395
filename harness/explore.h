/*
 * A systematic search through what may happen in a small cluster: in which
 * order messages arrive, operations begin and timers fire, and, within given
 * budgets, which messages are lost or come twice and which nodes are killed
 * and started again.
 *
 * Nodes are C programs that cannot be cloned: the search is stateless
 * (Godefroid, Model Checking for Programming Languages using VeriSoft, 1997)
 * and comes to a state by running from the start, which takes well under a
 * millisecond before operations begin. Digests of states (net_digest() and the
 * history, as far as a checker can tell histories apart) prune what another
 * order has led to already.
 *
 * The order of the search is delay-bounded (Emmi, Qadeer and Rakamaric,
 * Delay-Bounded Scheduling, POPL 2011): the usual order delivers the oldest
 * message first, begins operations when none is on its way, and lets time
 * pass when nothing else can happen. Each departure from it costs one, and puts
 * the messages it passes over behind everything else. All runs without a departure
 * are tried first, then with one, with two, ...: most faults need few, and
 * once no bound has kept anything back, everything was seen.
 *
 * After each path that could not go on the run is finished in the usual way,
 * recovery and final reads included, and judged by the workload's checker.
 */
#ifndef EXPLORE_H
#define EXPLORE_H

#include "options.h"
#include "steer.h"

/* How a search ended. */
enum explore_end {
	EXPLORE_ALL,   /* everything within depth and budgets was seen */
	EXPLORE_LIMIT, /* the limit of states or of time came first */
	EXPLORE_FOUND, /* a path that is not valid, or ends eddy: it is in `path` */
};

struct explored {
	enum explore_end end;
	uint64_t states, runs, steps; /* steps: choices made, replayed ones not counted */
	uint64_t unknown;             /* runs that the checkers could not judge */
	int delays;                   /* departures allowed in the last round */
	int status;                   /* of a path that was found: 1, 255, or 128 and a signal */
	int depth;                    /* of `path` */
	double seconds;               /* of real time */
	struct choice path[EXPLORE_DEPTH_MAX];
};

/* Searches as options->explore says; prints nothing. Names in the path are those of the options, or constant. */
void explore(struct explored *, const struct test_options *);

/* eddy sim --explore: the search, what it found, and a scenario of that. Returns an exit status. */
int run_explore(const struct test_options *);

#endif
