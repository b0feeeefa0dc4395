/*
 * Which of a peer's numbered messages have come already: the network may
 * repeat them, and some must be acted on once.
 */
#ifndef ONCE_H
#define ONCE_H

#include <stdbool.h>
#include <stdint.h>

#define ONCE_WINDOW 4096 /* older numbers than so many before the newest count as seen */

/* Zero-initialise before use. */
struct once {
	int64_t incarnation, newest;
	uint64_t seen[ONCE_WINDOW / 64];
};

/*
 * Whether this number (1, 2, ...) of that incarnation comes for the first
 * time; it is remembered. Later incarnations have higher numbers, and what is
 * of an earlier one than the newest counts as seen.
 */
bool once_first(struct once *, int64_t incarnation, int64_t id);

#endif
