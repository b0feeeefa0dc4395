/*
 * Worker processes, each of which does one numbered task at a time. A task
 * that crashes takes only its worker with it: another one takes its place.
 * Workers end with their parent, whatever becomes of it; they leave SIGINT,
 * SIGTERM and SIGHUP to the parent, which is told of them by crew_wait().
 */
#ifndef CREW_H
#define CREW_H

#include <stdbool.h>
#include <stdint.h>

#define CREW_MAX 1024 /* workers */

struct crew;

/* What came of a task. */
struct crew_result {
	uint64_t task;
	int status;      /* what the task returned; CREW_CRASHED: its worker has died, and `output` says how */
	uint64_t figure; /* what else the task wants to tell */
	/* Where status is not 0: what the task has written to stdout and stderr; the caller closes it. Else -1. */
	int output;
};
#define CREW_CRASHED (-1)

/* In a worker. What it prints is kept, and forgotten if it returns 0. */
typedef int crew_fn(void *arg, uint64_t task, uint64_t *figure);

/* How a wait ended. */
enum crew_event { CREW_RESULT, CREW_TIMEOUT, CREW_SIGNAL };

/* `count` workers, which begin with a copy of this process. It must have one thread. */
struct crew *crew_start(int count, crew_fn *, void *arg);
/* Whether one of them has nothing to do. */
bool crew_is_idle(const struct crew *);
/* Gives it a task. */
void crew_give(struct crew *, uint64_t task);
/* Waits for a result, for a signal that asks to end (its number is left in result->status), or so long. */
enum crew_event crew_wait(struct crew *, int timeout_ms, struct crew_result *);
/* Kills who is busy, lets the others end, and frees it. False if one of those ended badly (what it has left behind was
 * leaked): then what it said is copied to stdout. */
bool crew_stop(struct crew *);

/* Copies what a task has written to stdout, and closes it. */
void crew_show(int output);

#endif
