/*
 * Randomness from seeds, in separate streams, so that one more draw in a node
 * does not reshuffle the faults. Integer arithmetic only: the same draws on
 * every machine and at every optimisation level.
 */
#ifndef RANDOM_H
#define RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
	uint64_t state[4]; /* xoshiro256** (Blackman, Vigna 2018), seeded by splitmix64 */
};

/* An independent stream for each (seed, name, number). */
void random_seed(struct random *, uint64_t seed, const char *name, uint64_t number);
uint64_t random_next(struct random *);
uint64_t random_below(struct random *, uint64_t bound); /* uniform, without bias; bound > 0 */
/* Exponentially distributed with the given mean, in the same unit; no libm. */
uint64_t random_exponential(struct random *, uint64_t mean);
/* Fisher and Yates' shuffle of `count` ints. */
void random_shuffle(struct random *, int *items, size_t count);

#endif
