/*
 * Child commands, several at a time: each in a process group of its own, with
 * its output in a file and a limit of time, so that a batch neither hangs nor
 * leaves processes behind.
 */
#ifndef JOBS_H
#define JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* From SIGTERM, for cleaning up, to SIGKILL. */
#define JOB_GRACE_MS 4000

enum job_state { JOB_WAITING, JOB_RUNNING, JOB_DONE };

struct job {
	/* The caller's; strings are borrowed. */
	char *const *argv;
	const char *directory; /* to run in; NULL: here */
	const char *output;    /* stdout and stderr go there */
	int weight;            /* its share of the pool's capacity */
	int64_t limit_ms;      /* it is ended after so long */
	void *arg;

	/* The pool's. */
	enum job_state state;
	pid_t pid;
	int64_t started_ms, ended_ms; /* on the monotonic clock */
	int64_t kill_ms;              /* when SIGKILL follows SIGTERM; 0: not yet told to end */
	bool timed_out;
	int status; /* exit status, or 128 + signal as shells have it */
};

struct pool {
	struct job **jobs; /* started in this order, as capacity allows; one at least */
	size_t count;
	int capacity;
	/* A job has ended. True: run it once more (it may have changed). */
	bool (*ended)(void *arg, struct job *);
	void (*tick)(void *arg); /* a few times a second; may be NULL */
	void *arg;
};

/*
 * Runs all. SIGINT, SIGTERM or SIGHUP ends what runs: returns the signal, or
 * 0 when every job is done. The calling process must have one thread.
 */
int pool_run(struct pool *);

int64_t jobs_now_ms(void);

#endif
