/* Acknowledged ids must differ (jepsen.checker/unique-ids). */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "memory.h"
#include "value_table.h"

#define DUPLICATES_SHOWN 48

struct ids {
	struct value_table table;
	int64_t *counts; /* by number in the table */
	size_t capacity;
	int64_t attempted, acknowledged;
	const struct value *lowest, *highest; /* nil is passed over */
	bool comparable;
};

/* An id that was there more than once. */
struct duplicate {
	const struct value *id;
	int64_t count;
	size_t place; /* in order of appearance */
};

/* The later of equals counts, as in Tesser's range. */
static void
widen_range(struct ids *ids, const struct value *id)
{
	if (id->type == VALUE_NIL)
		return;
	if (ids->lowest == NULL) {
		ids->lowest = ids->highest = id;
		return;
	}
	if (value_compare(id, ids->lowest, &ids->comparable) <= 0)
		ids->lowest = id;
	if (value_compare(id, ids->highest, &ids->comparable) >= 0)
		ids->highest = id;
}

static void
acknowledge(struct ids *ids, const struct value *id)
{
	size_t known = ids->table.count, number = value_table_add(&ids->table, id);

	if (number == ids->capacity) {
		ids->capacity = ids->capacity > 0 ? ids->capacity * 2 : 64;
		ids->counts = memory_resize(ids->counts, ids->capacity, sizeof(*ids->counts));
	}
	if (number == known)
		ids->counts[number] = 0;
	ids->counts[number]++;
	ids->acknowledged++;
	widen_range(ids, id);
}

static void
scan(struct ids *ids, const struct history *history)
{
	const struct op *op;
	size_t i;

	for (i = 0; i < history->count; i++) {
		op = &history->ops[i];
		if (strcmp(op->f, "generate") != 0)
			continue;
		ids->attempted += op->type == OP_INVOKE;
		if (op->type == OP_OK)
			acknowledge(ids, op->value);
	}
}

/* ---- duplicates --------------------------------------------------------------- */

static int
by_id(const void *a, const void *b)
{
	const struct duplicate *x = a, *y = b;
	bool comparable;
	int order = value_compare(x->id, y->id, &comparable);

	return order != 0 ? order : (x->place > y->place) - (x->place < y->place);
}

/* The most frequent first, of those the highest id. */
static int
by_count(const void *a, const void *b)
{
	const struct duplicate *x = a, *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return by_id(b, a);
}

/* In order of their ids. Ids that compare equal (1 and 1.0) fall together, as keys of a sorted map do. */
static size_t
find_duplicates(struct ids *ids, struct duplicate *found)
{
	size_t count = 0, kept = 0, i;

	for (i = 0; i < ids->table.count; i++)
		if (ids->counts[i] > 1)
			found[count++] = (struct duplicate){ids->table.values[i], ids->counts[i], i};
	qsort(found, count, sizeof(*found), by_id);
	for (i = 0; i < count; i++) {
		if (kept > 0 && value_compare(found[kept - 1].id, found[i].id, &ids->comparable) == 0)
			found[kept - 1].count = found[i].count;
		else
			found[kept++] = found[i];
	}
	return kept;
}

static const struct value *
duplicates_map(struct arena *arena, struct duplicate *found, size_t count)
{
	struct value *map = value_collection(arena, VALUE_MAP);
	size_t i;

	qsort(found, count, sizeof(*found), by_count);
	if (count > DUPLICATES_SHOWN)
		count = DUPLICATES_SHOWN;
	qsort(found, count, sizeof(*found), by_id);
	for (i = 0; i < count; i++)
		value_put(arena, map, found[i].id, value_int(arena, found[i].count));
	return map;
}

static const struct value *
range(struct arena *arena, const struct ids *ids)
{
	struct value *pair = value_collection(arena, VALUE_VECTOR);

	value_push(arena, pair, ids->lowest != NULL ? ids->lowest : &value_nil);
	value_push(arena, pair, ids->highest != NULL ? ids->highest : &value_nil);
	return pair;
}

static const struct value *
report(struct arena *arena, struct ids *ids)
{
	struct duplicate *found = memory_alloc(ids->table.count * sizeof(*found));
	struct value *result = value_collection(arena, VALUE_MAP);
	size_t count = find_duplicates(ids, found);

	value_put_keyword(arena, result, "valid?", value_bool(count == 0));
	value_put_int(arena, result, "attempted-count", ids->attempted);
	value_put_int(arena, result, "acknowledged-count", ids->acknowledged);
	value_put_int(arena, result, "duplicated-count", (int64_t)count);
	value_put_keyword(arena, result, "duplicated", duplicates_map(arena, found, count));
	value_put_keyword(arena, result, "range", range(arena, ids));
	free(found);
	return result;
}

const struct value *
check_unique_ids(struct arena *arena, const struct history *history, const struct check_options *options)
{
	struct ids ids = {.comparable = true};
	const struct value *result;

	(void)options;
	scan(&ids, history);
	result = report(arena, &ids);
	if (!ids.comparable)
		result = check_failed(arena, "the ids cannot be compared: they are not of one kind");
	value_table_free(&ids.table);
	free(ids.counts);
	return result;
}
