/*
 * Draws from seeds. Everything is integer arithmetic with a defined width, so
 * that a seed means the same on every machine and with every compiler.
 */
#include "random.h"

#include <assert.h>

#include "fnv.h"

/* ---- the generator ------------------------------------------------------- */

/* splitmix64 (Steele, Lea, Flood 2014): spreads a seed over 64 bits, and the next, and the next. */
static uint64_t
split(uint64_t *x)
{
	uint64_t z = (*x += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void
random_seed(struct random *r, uint64_t seed, const char *name, uint64_t number)
{
	uint64_t x = seed;

	x = split(&x) ^ fnv_text(FNV_BASIS, name);
	x = split(&x) ^ number;
	for (int i = 0; i < 4; i++)
		r->state[i] = split(&x);
}

static uint64_t
rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

uint64_t
random_next(struct random *r)
{
	uint64_t *s = r->state, result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

/* ---- distributions ------------------------------------------------------- */

/* Lemire 2019, "Fast random integer generation in an interval": a division only when a draw must be rejected. */
uint64_t
random_below(struct random *r, uint64_t bound)
{
	unsigned __int128 product;

	assert(bound > 0);
	product = (unsigned __int128)random_next(r) * bound;
	if ((uint64_t)product < bound) {
		uint64_t threshold = -bound % bound;

		while ((uint64_t)product < threshold)
			product = (unsigned __int128)random_next(r) * bound;
	}
	return product >> 64;
}

/* The first 32 bits behind the point of log2(m / 2^63), for m in [2^63, 2^64): one squaring a bit. */
static uint64_t
log2_fraction(uint64_t m)
{
	uint64_t bits = 0;

	for (int i = 0; i < 32; i++) {
		unsigned __int128 square = (unsigned __int128)m * m;

		bits <<= 1;
		if (square >> 127) {
			bits |= 1;
			m = square >> 64;
		} else
			m = square >> 63;
	}
	return bits;
}

/* By inversion: -ln(u) times the mean, with u uniform in (0, 1) and 32 bits behind the point. */
uint64_t
random_exponential(struct random *r, uint64_t mean)
{
	const uint64_t ln2 = 0xb17217f7; /* times 2^32 */
	uint64_t u = random_next(r) | 1, negated;
	int zeros = __builtin_clzll(u);
	unsigned __int128 product;

	negated = ((uint64_t)(zeros + 1) << 32) - log2_fraction(u << zeros);
	negated = (uint64_t)((unsigned __int128)negated * ln2 >> 32);
	product = (unsigned __int128)negated * mean >> 32;
	return product > UINT64_MAX ? UINT64_MAX : (uint64_t)product;
}

void
random_shuffle(struct random *r, int *items, size_t count)
{
	for (size_t i = count; i > 1; i--) {
		size_t j = random_below(r, i);
		int swapped = items[i - 1];

		items[i - 1] = items[j];
		items[j] = swapped;
	}
}
