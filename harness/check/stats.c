/*
 * Counts of outcomes, in all and by :f (jepsen.checker/stats). Invalid if any
 * :f never succeeded, except those that kafka's clients crash on purpose
 * (jepsen.tests.kafka/stats-checker, which Maelstrom puts around it).
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "memory.h"

struct tally {
	const struct value *f; /* a keyword */
	int64_t counts[OP_INFO + 1];
};

struct tallies {
	struct tally *items;
	size_t count;
};

static struct tally *
tally_of(struct arena *arena, struct tallies *tallies, const char *f)
{
	size_t i;

	for (i = 0; i < tallies->count; i++)
		if (value_is_keyword(tallies->items[i].f, f))
			return &tallies->items[i];
	tallies->items = memory_resize(tallies->items, tallies->count + 1, sizeof(*tallies->items));
	tallies->items[tallies->count] = (struct tally){.f = value_keyword(arena, f)};
	return &tallies->items[tallies->count++];
}

static int
by_f(const void *a, const void *b)
{
	const struct tally *x = a, *y = b;
	bool comparable;

	return value_compare(x->f, y->f, &comparable);
}

static struct value *
tally_map(struct arena *arena, const struct tally *tally, bool valid)
{
	struct value *map = value_collection(arena, VALUE_MAP);
	const int64_t *counts = tally->counts;

	value_put_keyword(arena, map, "valid?", value_bool(valid));
	value_put_int(arena, map, "count", counts[OP_OK] + counts[OP_FAIL] + counts[OP_INFO]);
	value_put_int(arena, map, "ok-count", counts[OP_OK]);
	value_put_int(arena, map, "fail-count", counts[OP_FAIL]);
	value_put_int(arena, map, "info-count", counts[OP_INFO]);
	return map;
}

static bool
may_fail(const struct value *f)
{
	return value_is_keyword(f, "crash") || value_is_keyword(f, "debug-topic-partitions");
}

const struct value *
check_stats(struct arena *arena, const struct history *history, const struct check_options *options)
{
	struct value *by_f_map = value_collection(arena, VALUE_MAP), *result;
	struct tallies tallies = {0};
	struct tally all = {0};
	const struct op *op;
	bool valid = true;
	size_t i;

	(void)options;
	for (i = 0; i < history->count; i++) {
		op = &history->ops[i];
		if (op->type == OP_INVOKE || !op_is_client(op))
			continue;
		all.counts[op->type]++;
		tally_of(arena, &tallies, op->f)->counts[op->type]++;
	}
	if (tallies.count > 0)
		qsort(tallies.items, tallies.count, sizeof(*tallies.items), by_f);
	for (i = 0; i < tallies.count; i++) {
		bool ok = tallies.items[i].counts[OP_OK] > 0;

		value_put(arena, by_f_map, tallies.items[i].f, tally_map(arena, &tallies.items[i], ok));
		valid = valid && (ok || may_fail(tallies.items[i].f));
	}
	result = tally_map(arena, &all, valid);
	value_put_keyword(arena, result, "by-f", by_f_map);
	free(tallies.items);
	return result;
}
