/* How long a checker takes, for the benches of checkers: time, and memory as the kernel saw it. */
#ifndef MEASURE_H
#define MEASURE_H

#include <sys/resource.h>

#include <err.h>
#include <stdio.h>
#include <time.h>

#include "check.h"

static inline double
measure_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Prints "COUNT WHAT in S s of processor time, at most M MiB with the history"; the history must be valid. */
static inline void
measure_check(check_fn *check, const struct history *history, size_t count, const char *what)
{
	const struct check_options options = {0};
	struct arena arena = {0};
	struct rusage usage;
	double start = measure_seconds(), took;

	if (verdict_of(check(&arena, history, &options)) != VERDICT_VALID)
		errx(1, "%zu %s are not valid", count, what);
	took = measure_seconds() - start;
	getrusage(RUSAGE_SELF, &usage);
	printf("%8zu %s in %5.2f s of processor time, at most %ld MiB with the history\n", count, what, took,
	    usage.ru_maxrss / 1024);
	arena_free(&arena);
}

#endif
