/*
 * The states that a search has been in, by their digests: 64 bits stand for a
 * state, and two that share them by chance (one in 10^7 for a million states)
 * are taken for one.
 */
#ifndef VISITED_H
#define VISITED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialise before use. */
struct visited {
	struct visited_state *states;
	size_t count, capacity;
};

/*
 * Whether the state is new, or was not yet visited with so much left to spend:
 * choices, and departures from the usual order. Notes it if so.
 */
bool visited_add(struct visited *, uint64_t digest, int choices_left, int delays_left);
void visited_free(struct visited *);

#endif
