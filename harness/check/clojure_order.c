/* Clojure's hashes (Murmur3 over Java's own) and the order of its hash tries, which take five bits of them at a level.
 */
#include "clojure_order.h"

#include <stdlib.h>

#include "utf8.h"

#define LEVELS 7

/* ---- Murmur3, 32 bits, seed 0 --------------------------------------------------- */

static uint32_t
rotate(uint32_t x, int bits)
{
	return x << bits | x >> (32 - bits);
}

static uint32_t
mix(uint32_t hash, uint32_t word)
{
	word = rotate(word * 0xcc9e2d51, 15) * 0x1b873593;
	return rotate(hash ^ word, 13) * 5 + 0xe6546b64;
}

static uint32_t
finish(uint32_t hash, uint32_t length)
{
	hash ^= length;
	hash = (hash ^ hash >> 16) * 0x85ebca6b;
	hash = (hash ^ hash >> 13) * 0xc2b2ae35;
	return hash ^ hash >> 16;
}

static uint32_t
hash_int(uint32_t n)
{
	return n == 0 ? 0 : finish(mix(0, n), 4);
}

uint32_t
clojure_hash_long(uint64_t n)
{
	return n == 0 ? 0 : finish(mix(mix(0, (uint32_t)n), (uint32_t)(n >> 32)), 8);
}

/* ---- Java's hash of a string, over its UTF-16 units ------------------------------- */

static uint32_t
java_hash(const char *text, size_t length)
{
	const char *p = text, *end = text + length;
	uint32_t hash = 0, point;

	while (p < end) {
		point = (uint32_t)utf8_next(&p, end);
		if (point >= 0x10000) {
			hash = hash * 31 + (0xd800 + ((point - 0x10000) >> 10));
			point = 0xdc00 + ((point - 0x10000) & 0x3ff);
		}
		hash = hash * 31 + point;
	}
	return hash;
}

static uint32_t clojure_hash(const struct value *);

static uint32_t
hash_ordered(const struct value *sequence)
{
	uint32_t hash = 1;

	for (size_t i = 0; i < sequence->count; i++)
		hash = 31 * hash + clojure_hash(sequence->items[i]);
	return finish(mix(0, hash), (uint32_t)sequence->count);
}

static uint32_t
clojure_hash(const struct value *value)
{
	switch (value->type) {
	case VALUE_NIL:
		return 0;
	case VALUE_BOOL:
		return value->boolean ? 1231 : 1237;
	case VALUE_INT:
		return clojure_hash_long((uint64_t)value->integer);
	case VALUE_STRING:
		return hash_int(java_hash(value->text, value->length));
	case VALUE_VECTOR:
	case VALUE_LIST:
		return hash_ordered(value);
	default:
		return (uint32_t)value_hash(value);
	}
}

/* ---- order ------------------------------------------------------------------------ */

uint64_t
clojure_rank(const struct value *value)
{
	uint32_t hash = clojure_hash(value);
	uint64_t rank = 0;
	int level;

	for (level = 0; level < LEVELS; level++, hash >>= 5)
		rank = rank << 5 | (hash & 31);
	return rank;
}

static int
by_rank(const void *a, const void *b)
{
	const struct clojure_ranked *x = a, *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return (x->item > y->item) - (x->item < y->item);
}

void
clojure_sort(struct clojure_ranked *ranked, size_t count)
{
	if (count > 1)
		qsort(ranked, count, sizeof(*ranked), by_rank);
}
