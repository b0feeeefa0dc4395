/* Real time, for limits of it and for what is shown of it; nothing that a simulation depends on. */
#ifndef WALL_H
#define WALL_H

#include <time.h>

static inline double
wall_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

#endif
