/* What has a place of its own in a node is an entry of it; what shares one goes into a child. */
#include "champ.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

#define LEVELS 7

uint64_t
champ_rank(int64_t index)
{
	uint32_t hash = clojure_hash_long((uint64_t)index);
	uint64_t rank = 0;

	/* Widened to 64 bits with its sign, and folded again. */
	if (hash >> 31 != 0)
		hash = ~hash;
	hash ^= hash >> 20 ^ hash >> 12;
	hash ^= hash >> 7 ^ hash >> 4;
	for (int level = 0; level < LEVELS; level++, hash >>= 5)
		rank = rank << 5 | (hash & 31);
	return rank;
}

static size_t
group_end(const struct clojure_ranked *items, size_t at, size_t count, int shift)
{
	size_t end = at + 1;

	while (end < count && items[end].rank >> shift == items[at].rank >> shift)
		end++;
	return end;
}

/* Entries first, then children; `spare` has room for all. */
static void
arrange(struct clojure_ranked *items, size_t count, int level, struct clojure_ranked *spare)
{
	int shift = 5 * (LEVELS - 1 - level);
	size_t at, end, entries = 0, placed;

	if (count < 2 || level == LEVELS)
		return;
	for (at = 0; at < count; at = end)
		if ((end = group_end(items, at, count, shift)) == at + 1)
			spare[entries++] = items[at];
	for (placed = entries, at = 0; at < count; at = end) {
		end = group_end(items, at, count, shift);
		if (end == at + 1)
			continue;
		memcpy(&spare[placed], &items[at], (end - at) * sizeof(*items));
		placed += end - at;
	}
	memcpy(items, spare, count * sizeof(*items));
	for (at = entries; at < count; at = end) {
		end = group_end(items, at, count, shift);
		arrange(&items[at], end - at, level + 1, spare);
	}
}

void
champ_sort(struct clojure_ranked *items, size_t count)
{
	struct clojure_ranked *spare;

	if (count < 2)
		return;
	spare = memory_alloc(count * sizeof(*spare));
	clojure_sort(items, count);
	arrange(items, count, 0, spare);
	free(spare);
}
