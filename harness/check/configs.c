/* A hash table over state and bits; rows that differ only in what they spent hang in one chain. */
#include "configs.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

struct config_slot {
	uint32_t generation; /* of another: free */
	uint32_t head;       /* one more than the newest living row */
	uint32_t sample;     /* the first row of that state and bits, which may be dead */
};

#define SLOTS_FIRST 64

void
configs_init(struct configs *set, size_t done_words, size_t kinds, const enum config_kind *kind_list)
{
	*set = (struct configs){.done_words = done_words, .kinds = kinds, .kind_list = kind_list, .generation = 1};
	set->slot_count = SLOTS_FIRST;
	set->slots = memory_zero(SLOTS_FIRST * sizeof(*set->slots));
}

void
configs_free(struct configs *set)
{
	free(set->rows);
	free(set->next);
	free(set->dead);
	free(set->slots);
	*set = (struct configs){0};
}

void
configs_clear(struct configs *set)
{
	set->count = 0;
	if (++set->generation == 0) {
		memset(set->slots, 0, set->slot_count * sizeof(*set->slots));
		set->generation = 1;
	}
}

size_t
configs_width(const struct configs *set)
{
	return set->done_words + set->kinds + 2;
}

/* ---- the table ---------------------------------------------------------------- */

static uint64_t
hash_row(const struct configs *set, const uint32_t *row)
{
	uint64_t hash = 0x9e3779b97f4a7c15;

	for (size_t i = 0; i <= set->done_words; i++) {
		hash = (hash ^ row[i]) * 0xff51afd7ed558ccd;
		hash ^= hash >> 32;
	}
	return hash;
}

static struct config_slot *
find_slot(const struct configs *set, const uint32_t *row)
{
	size_t mask = set->slot_count - 1, at = hash_row(set, row) & mask;

	while (set->slots[at].generation == set->generation &&
	       memcmp(configs_row(set, set->slots[at].sample), row, (1 + set->done_words) * sizeof(*row)) != 0)
		at = (at + 1) & mask;
	return &set->slots[at];
}

static void
rehash(struct configs *set)
{
	struct config_slot *old = set->slots;
	size_t old_count = set->slot_count;

	set->slot_count *= 2;
	set->slots = memory_zero(set->slot_count * sizeof(*set->slots));
	for (size_t i = 0; i < old_count; i++)
		if (old[i].generation == set->generation)
			*find_slot(set, configs_row(set, old[i].sample)) = old[i];
	free(old);
}

static bool
grow(struct configs *set)
{
	size_t width = configs_width(set), capacity = set->capacity > 0 ? set->capacity * 2 : 64;

	if (set->count < set->capacity)
		return true;
	if (capacity * (width + 2) * sizeof(*set->rows) > CONFIGS_BYTES_MAX) {
		set->full = true;
		return false;
	}
	set->rows = memory_resize(set->rows, capacity * width, sizeof(*set->rows));
	set->next = memory_resize(set->next, capacity, sizeof(*set->next));
	set->dead = memory_resize(set->dead, capacity, sizeof(*set->dead));
	set->capacity = capacity;
	if (set->slot_count < 2 * capacity)
		rehash(set);
	return true;
}

/* ---- who can do more ------------------------------------------------------------ */

/*
 * Whether what is left in `a` can stand in for all that is left in `b`. What
 * `a` spent more of compare-and-sets to a value, `b` must have spent more of
 * writes of it.
 */
static bool
stands_in(const struct configs *set, const uint32_t *a, const uint32_t *b)
{
	size_t first = 1 + set->done_words;
	uint64_t owed = 0;

	for (size_t i = 0; i < set->kinds; i++) {
		uint64_t x = a[first + i], y = b[first + i];

		if (set->kind_list[i] == CONFIG_WRITE) {
			if (x + owed > y)
				return false;
			owed = 0;
		} else {
			owed += x > y ? x - y : 0;
			if (owed > 0 && set->kind_list[i] == CONFIG_CAS_LAST)
				return false;
		}
	}
	return true;
}

/* Takes out of a chain what the row makes needless; returns false if something in it makes the row so. */
static bool
make_way(struct configs *set, struct config_slot *slot, const uint32_t *row)
{
	uint32_t *link = &slot->head;

	while (*link != 0) {
		size_t other = *link - 1;

		set->work += 1 + set->kinds / 16;
		if (stands_in(set, configs_row(set, other), row))
			return false;
		if (stands_in(set, row, configs_row(set, other))) {
			set->dead[other] = true;
			*link = set->next[other];
		} else {
			link = &set->next[other];
		}
	}
	return true;
}

void
configs_add(struct configs *set, const uint32_t *row)
{
	struct config_slot *slot;

	set->work += 1 + configs_width(set) / 16;
	if (!grow(set))
		return;
	slot = find_slot(set, row);
	if (slot->generation != set->generation)
		*slot = (struct config_slot){.generation = set->generation, .sample = (uint32_t)set->count};
	else if (!make_way(set, slot, row))
		return;
	memcpy(configs_row(set, set->count), row, configs_width(set) * sizeof(*row));
	set->dead[set->count] = false;
	set->next[set->count] = slot->head;
	slot->head = (uint32_t)++set->count;
}

void
configs_bury(struct configs *set)
{
	size_t width = configs_width(set), kept = 0;

	for (size_t i = 0; i < set->count; i++) {
		if (set->dead[i])
			continue;
		if (kept < i)
			memcpy(configs_row(set, kept), configs_row(set, i), width * sizeof(*set->rows));
		set->dead[kept++] = false;
	}
	set->count = kept;
}
