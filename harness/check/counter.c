/*
 * Every final read must be the sum of all acknowledged adds, plus any of those
 * whose outcome is unknown (maelstrom.workload.pn-counter/checker). Sums are
 * longs, as there: where one would overflow, the verdict is unknown, and so it
 * is where the acceptable sums are too scattered to be listed.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "memory.h"

#define RANGES_MAX 100000   /* acceptable ranges */
#define WORK_MAX   50000000 /* ranges shifted in all */

/* From low to high, both included. Ranges are in order and apart by at least one number. */
struct range {
	int64_t low, high;
};

struct sums {
	struct range *ranges, *spare;
	size_t count, work;
	const char *error;
};

/* ---- acceptable sums ------------------------------------------------------------ */

static bool
overflows(struct sums *sums)
{
	sums->error = "integer overflow";
	return false;
}

/* The next range of two lists in order: those of `sums`, as they are and shifted. */
static struct range
take_lower(const struct sums *sums, int64_t delta, size_t *i, size_t *j)
{
	struct range shifted;

	if (*j < sums->count) {
		shifted = (struct range){sums->ranges[*j].low + delta, sums->ranges[*j].high + delta};
		if (*i == sums->count || shifted.low < sums->ranges[*i].low) {
			++*j;
			return shifted;
		}
	}
	return sums->ranges[(*i)++];
}

/* Guava's open ranges from low - 1 to high + 1 need these two to be longs as well. */
static bool
bounds_fit(const struct sums *sums, int64_t delta)
{
	__int128 low = (__int128)sums->ranges[0].low - 1, high = (__int128)sums->ranges[sums->count - 1].high + 1;

	return low >= INT64_MIN && high <= INT64_MAX && low + delta >= INT64_MIN && high + delta <= INT64_MAX;
}

/* An add that may or may not have happened: every sum with and without it. */
static bool
add_possible(struct sums *sums, int64_t delta)
{
	size_t i = 0, j = 0, kept = 0;
	struct range range, *swap;

	if (!bounds_fit(sums, delta))
		return overflows(sums);
	sums->work += sums->count;
	if (sums->count > RANGES_MAX || sums->work > WORK_MAX) {
		sums->error = "too many acceptable sums to list";
		return false;
	}
	sums->spare = memory_resize(sums->spare, 2 * sums->count, sizeof(*sums->spare));
	while (i < sums->count || j < sums->count) {
		range = take_lower(sums, delta, &i, &j);
		if (kept > 0 && range.low <= sums->spare[kept - 1].high + 1) {
			if (range.high > sums->spare[kept - 1].high)
				sums->spare[kept - 1].high = range.high;
		} else {
			sums->spare[kept++] = range;
		}
	}
	swap = sums->ranges;
	sums->ranges = sums->spare;
	sums->spare = swap;
	sums->count = kept;
	return true;
}

static bool
is_add(const struct op *op, enum op_type type)
{
	return op->type == type && strcmp(op->f, "add") == 0;
}

static bool
small_integer(struct sums *sums, const struct value *value)
{
	if (value->type == VALUE_INT)
		return true;
	sums->error = "an add of something that is not an integer of 63 bits";
	return false;
}

static bool
find_acceptable(struct sums *sums, const struct history *history)
{
	int64_t sum = 0;
	size_t i;

	for (i = 0; i < history->count; i++) {
		if (!is_add(&history->ops[i], OP_OK))
			continue;
		if (!small_integer(sums, history->ops[i].value))
			return false;
		if (__builtin_add_overflow(sum, history->ops[i].value->integer, &sum))
			return overflows(sums);
	}
	sums->ranges = memory_alloc(sizeof(*sums->ranges));
	sums->ranges[0] = (struct range){sum, sum};
	sums->count = 1;
	if (!bounds_fit(sums, 0))
		return overflows(sums);
	for (i = 0; i < history->count; i++) {
		if (!is_add(&history->ops[i], OP_INFO))
			continue;
		if (!small_integer(sums, history->ops[i].value) || !add_possible(sums, history->ops[i].value->integer))
			return false;
	}
	return true;
}

static bool
acceptable(const struct sums *sums, int64_t sum)
{
	size_t low = 0, high = sums->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (sum > sums->ranges[middle].high)
			low = middle + 1;
		else
			high = middle;
	}
	return low < sums->count && sum >= sums->ranges[low].low;
}

/* ---- the report ------------------------------------------------------------------ */

/* Truth as Clojure has it: whatever is neither nil nor false. */
static bool
is_final(const struct op *op)
{
	const struct value *flag = op->extra != NULL ? value_get(op->extra, "final?") : NULL;

	return op->final || (flag != NULL && flag->type != VALUE_NIL && flag->type != VALUE_BOOL);
}

static const struct value *
ranges_list(struct arena *arena, const struct sums *sums)
{
	struct value *list = value_collection(arena, VALUE_LIST), *pair;
	size_t i;

	for (i = 0; i < sums->count; i++) {
		pair = value_collection(arena, VALUE_VECTOR);
		value_push(arena, pair, value_int(arena, sums->ranges[i].low));
		value_push(arena, pair, value_int(arena, sums->ranges[i].high));
		value_push(arena, list, pair);
	}
	return list;
}

static const struct value *
report(struct arena *arena, const struct history *history, struct sums *sums)
{
	struct value *result = value_collection(arena, VALUE_MAP);
	struct value *errors = value_collection(arena, VALUE_LIST), *reads = value_collection(arena, VALUE_LIST);
	const struct op *op;
	size_t i;

	for (i = 0; i < history->count; i++) {
		op = &history->ops[i];
		if (op->type != OP_OK || !is_final(op))
			continue;
		if (op->value->type != VALUE_INT) {
			sums->error = "a final read of something that is not an integer of 63 bits";
			return NULL;
		}
		value_push(arena, reads, op->value);
		if (!acceptable(sums, op->value->integer))
			value_push(arena, errors, op_value(arena, op));
	}
	value_put_keyword(arena, result, "valid?", value_bool(errors->count == 0));
	value_put_keyword(arena, result, "errors", errors->count > 0 ? errors : &value_nil);
	value_put_keyword(arena, result, "final-reads", reads);
	value_put_keyword(arena, result, "acceptable", ranges_list(arena, sums));
	return result;
}

const struct value *
check_counter(struct arena *arena, const struct history *history, const struct check_options *options)
{
	const struct value *result = NULL;
	struct sums sums = {0};

	(void)options;
	if (find_acceptable(&sums, history))
		result = report(arena, history, &sums);
	if (result == NULL)
		result = check_failed(arena, "%s", sums.error);
	free(sums.ranges);
	free(sums.spare);
	return result;
}
