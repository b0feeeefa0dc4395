/*
 * Sets of configurations of a search for a linearization (register.h): which
 * state the register may be in, which of the open operations have taken effect
 * by then, and how many of each kind of crashed operation were spent on it.
 *
 * A crashed operation never has to take effect. So of two configurations with
 * the same state and the same open operations done, one whose crashed
 * operations can stand in for all that the other still has can do all that the
 * other can; the other is not kept. An operation can stand in for one of its
 * kind, and a write for a compare-and-set to the same value.
 */
#ifndef CONFIGS_H
#define CONFIGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIGS_BYTES_MAX ((size_t)128 << 20)

/* Kinds of crashed operations are in the order of the values they set; to one value compare-and-sets come first. */
enum config_kind {
	CONFIG_CAS,
	CONFIG_CAS_LAST, /* the last one to its value, to which there is no write */
	CONFIG_WRITE,
};

/*
 * A configuration is a row of words: the state, a bit for each slot of an open
 * operation, the number spent of each kind, and the last operation (which is
 * for people: it makes no difference between configurations).
 */
struct configs {
	size_t done_words, kinds;
	const enum config_kind *kind_list; /* borrowed */
	uint32_t *rows;
	uint32_t *next; /* of each row: one more than the older row of the same state and bits; 0: none */
	bool *dead;     /* of each row: another one can do more */
	size_t count, capacity;
	struct config_slot *slots;
	size_t slot_count;
	uint32_t generation;
	uint64_t work; /* rows offered and compared, so far */
	bool full;     /* something found no room */
};

void configs_init(struct configs *, size_t done_words, size_t kinds, const enum config_kind *);
void configs_free(struct configs *);
void configs_clear(struct configs *);
size_t configs_width(const struct configs *); /* words of a row */
/* Adds a copy, unless there is one that can do as much or the set is full. Those that can do less die. */
void configs_add(struct configs *, const uint32_t *row);
/* Forgets the dead, for good. Nothing can be added before the next configs_clear(). */
void configs_bury(struct configs *);

static inline uint32_t *
configs_row(const struct configs *set, size_t i)
{
	return set->rows + i * (set->done_words + set->kinds + 2);
}

static inline bool
config_is_done(const uint32_t *row, size_t slot)
{
	return row[1 + slot / 32] >> slot % 32 & 1;
}

static inline void
config_set_done(uint32_t *row, size_t slot)
{
	row[1 + slot / 32] |= (uint32_t)1 << slot % 32;
}

static inline void
config_clear_done(uint32_t *row, size_t slot)
{
	row[1 + slot / 32] &= ~((uint32_t)1 << slot % 32);
}

#endif
