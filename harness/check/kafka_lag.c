/*
 * How far behind consumers were: when a poll begins, and the last message that
 * its process has of a key is not the last of that log any more, since when
 * has it not been? A lower bound: an offset surely exists from the first
 * completion on that named it, or a higher one.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "clojure_order.h"
#include "kafka.h"
#include "memory.h"

#define NANOS 1e9

/* From `time` on all offsets up to `offset` existed. */
struct growth {
	int64_t offset, time;
};

/* By key, both rising. */
struct grown {
	struct growth *items;
	size_t count, capacity;
};

/* The last offset that a process has of a key; -1: none yet. */
struct position {
	size_t key;
	int64_t offset;
};

struct consumer {
	struct position *items; /* in the order of a Clojure map that got them in this order */
	size_t count, capacity;
};

struct lag {
	struct kafka *kafka;
	struct grown *grown;
	struct consumer *consumers;
	struct value_table processes;
	size_t consumer_capacity;
	struct position *offsets; /* of one operation: the highest by key */
	size_t count, capacity;
	/* the worst so far */
	bool any;
	int64_t worst_time, worst_process, worst;
	size_t worst_key;
};

/* ---- what an operation knew ----------------------------------------------------------- */

static void
raise_polled(struct lag *lag, size_t op)
{
	struct kafka *kafka = lag->kafka;
	const struct kafka_span *span;
	int64_t highest;
	size_t i, j;

	for (i = 0; i < kafka->reads[op].count; i++) {
		span = &kafka->spans[kafka->reads[op].first + i];
		highest = -1;
		for (j = span->first; j < span->first + span->count; j++)
			if (kafka->pairs[j].offset > highest)
				highest = kafka->pairs[j].offset;
		KAFKA_GROW(lag->offsets, lag->count, lag->capacity);
		lag->offsets[lag->count++] = (struct position){span->key, highest};
	}
}

/* A transaction sends to few keys. */
static void
raise(struct lag *lag, size_t key, int64_t offset)
{
	size_t i;

	for (i = 0; i < lag->count; i++) {
		if (lag->offsets[i].key != key)
			continue;
		if (lag->offsets[i].offset < offset)
			lag->offsets[i].offset = offset;
		return;
	}
	KAFKA_GROW(lag->offsets, lag->count, lag->capacity);
	lag->offsets[lag->count++] = (struct position){key, offset};
}

/* The offset of the last send counts only if all behind it have one, and the highest from there on: so it is in Jepsen,
 * where a send without an offset makes it forget those before it. */
static size_t
sends_that_count(const struct value *mops)
{
	const struct value *mop;
	size_t i;

	for (i = mops->count; i > 0; i--) {
		mop = mops->items[i - 1];
		if (!value_is_keyword(mop->items[0], "send"))
			continue;
		if (mop->count < 3 || mop->items[2]->type != VALUE_VECTOR || mop->items[2]->count == 0 ||
		    mop->items[2]->items[0]->type != VALUE_INT)
			break;
	}
	return i;
}

static void
raise_sent(struct lag *lag, size_t position)
{
	const struct value *mops = lag->kafka->history->ops[position].value, *mop;
	int64_t offset;
	size_t i;

	for (i = sends_that_count(mops); i < mops->count; i++) {
		mop = mops->items[i];
		if (!value_is_keyword(mop->items[0], "send"))
			continue;
		offset = mop->items[2]->items[0]->integer;
		raise(lag, value_table_find(&lag->kafka->key_names, mop->items[1]), offset > 0 ? offset : 0);
	}
}

static void
gather_offsets(struct lag *lag, size_t op)
{
	lag->count = 0;
	raise_polled(lag, op);
	if (lag->kafka->sends[op].count > 0)
		raise_sent(lag, op);
}

/* ---- since when a log is longer than that -------------------------------------------------- */

static void
grow(struct lag *lag, const struct position *known, int64_t time)
{
	struct grown *grown = &lag->grown[known->key];

	if (known->offset < 0 || (grown->count > 0 && grown->items[grown->count - 1].offset >= known->offset))
		return;
	KAFKA_GROW(grown->items, grown->count, grown->capacity);
	grown->items[grown->count++] = (struct growth){known->offset, time};
}

static void
grow_all(struct lag *lag)
{
	const struct history *history = lag->kafka->history;
	size_t i, j;

	for (i = 0; i < history->count; i++) {
		if (history->ops[i].type != OP_OK && history->ops[i].type != OP_INFO)
			continue;
		gather_offsets(lag, i);
		for (j = 0; j < lag->count; j++)
			grow(lag, &lag->offsets[j], history->ops[i].time);
	}
}

/* How long before `time` there was something behind an offset. */
static int64_t
behind(const struct grown *grown, int64_t offset, int64_t time)
{
	size_t low = 0, high = grown->count, middle;
	int64_t late;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (grown->items[middle].offset > offset)
			high = middle;
		else
			low = middle + 1;
	}
	if (low == grown->count || grown->items[low].time > time)
		return 0;
	return __builtin_sub_overflow(time, grown->items[low].time, &late) ? INT64_MAX : late;
}

/* ---- consumers --------------------------------------------------------------------------------- */

static struct consumer *
consumer_of(struct lag *lag, const struct op *op)
{
	size_t known = lag->processes.count, number;

	number = value_table_add(&lag->processes, value_int(&lag->kafka->scratch, op->process));
	if (number == known) {
		KAFKA_GROW(lag->consumers, number, lag->consumer_capacity);
		lag->consumers[number] = (struct consumer){0};
	}
	return &lag->consumers[number];
}

/* While a consumer is worked on, every key of it is marked with its place. */
static void
mark_keys(struct lag *lag, const struct consumer *consumer, bool marked)
{
	size_t i;

	for (i = 0; i < consumer->count; i++)
		lag->kafka->keys[consumer->items[i].key].mark = marked ? i : KAFKA_NONE;
}

static void
add_position(struct kafka *kafka, struct consumer *consumer, size_t key, int64_t offset)
{
	size_t *mark = &kafka->keys[key].mark;

	if (*mark != KAFKA_NONE) {
		assert(*mark < consumer->count);
		if (consumer->items[*mark].offset < offset)
			consumer->items[*mark].offset = offset;
		return;
	}
	KAFKA_GROW(consumer->items, consumer->count, consumer->capacity);
	*mark = consumer->count;
	consumer->items[consumer->count++] = (struct position){key, offset};
}

/* Only what the order decides on is put in order: which of equal lags is met first. */
static void
put_in_order(struct lag *lag, struct consumer *consumer)
{
	struct position *sorted;
	struct clojure_ranked *ranked;
	size_t i;

	if (consumer->count <= CLOJURE_SMALL_MAP)
		return;
	ranked = memory_alloc(consumer->count * sizeof(*ranked));
	sorted = memory_alloc(consumer->count * sizeof(*sorted));
	for (i = 0; i < consumer->count; i++)
		ranked[i] = (struct clojure_ranked){clojure_rank(lag->kafka->keys[consumer->items[i].key].name), i};
	clojure_sort(ranked, consumer->count);
	for (i = 0; i < consumer->count; i++)
		sorted[i] = consumer->items[ranked[i].item];
	memcpy(consumer->items, sorted, consumer->count * sizeof(*sorted));
	free(sorted);
	free(ranked);
}

/* It keeps its place in the logs that stay assigned. */
static void
assign(struct lag *lag, struct consumer *consumer, const struct value *names)
{
	struct consumer old = *consumer, assigned = {0};
	struct kafka *kafka = lag->kafka;
	size_t i;

	for (i = 0; i < names->count; i++)
		add_position(kafka, &assigned, value_table_find(&kafka->key_names, names->items[i]), -1);
	for (i = 0; i < old.count; i++)
		if (kafka->keys[old.items[i].key].mark != KAFKA_NONE)
			add_position(kafka, &assigned, old.items[i].key, old.items[i].offset);
	mark_keys(lag, &assigned, false);
	put_in_order(lag, &assigned);
	free(old.items);
	*consumer = assigned;
}

static void
poll(struct lag *lag, struct consumer *consumer, size_t op)
{
	const struct op *completion = &lag->kafka->history->ops[op];
	int64_t time = lag->kafka->history->ops[completion->pair].time, late;
	size_t i, before = consumer->count;

	gather_offsets(lag, op);
	mark_keys(lag, consumer, true);
	for (i = 0; i < lag->count; i++)
		add_position(lag->kafka, consumer, lag->offsets[i].key, lag->offsets[i].offset);
	mark_keys(lag, consumer, false);
	if (consumer->count > before)
		put_in_order(lag, consumer);
	for (i = 0; i < consumer->count; i++) {
		late = behind(&lag->grown[consumer->items[i].key], consumer->items[i].offset, time);
		if (lag->any && late <= lag->worst)
			continue;
		lag->any = true;
		lag->worst = late;
		lag->worst_time = time;
		lag->worst_process = completion->process;
		lag->worst_key = consumer->items[i].key;
	}
}

static void
follow(struct lag *lag, size_t position)
{
	const struct op *op = &lag->kafka->history->ops[position];

	if (op->type != OP_OK || !op_is_client(op))
		return;
	if (strcmp(op->f, "assign") == 0) {
		if (op->value->type == VALUE_VECTOR || op->value->type == VALUE_LIST || op->value->type == VALUE_SET)
			assign(lag, consumer_of(lag, op), op->value);
	} else if (strcmp(op->f, "subscribe") == 0) {
		consumer_of(lag, op)->count = 0;
	} else if (strcmp(op->f, "poll") == 0 || strcmp(op->f, "txn") == 0) {
		poll(lag, consumer_of(lag, op), position);
	}
}

/* ---- the report ------------------------------------------------------------------------------------ */

static const struct value *
report(struct lag *lag)
{
	struct arena *arena = lag->kafka->arena;
	struct value *map = value_collection(arena, VALUE_MAP);

	value_put_keyword(arena, map, "time", value_real(arena, (double)lag->worst_time / NANOS));
	if (lag->any) {
		value_put_keyword(arena, map, "process", value_int(arena, lag->worst_process));
		value_put_keyword(arena, map, "key", lag->kafka->key_names.values[lag->worst_key]);
	}
	value_put_keyword(arena, map, "lag", value_real(arena, (double)lag->worst / NANOS));
	return map;
}

const struct value *
kafka_worst_lag(struct kafka *kafka)
{
	struct lag lag = {.kafka = kafka};
	const struct value *result;
	size_t i;

	lag.grown = memory_zero((kafka->key_names.count + 1) * sizeof(*lag.grown));
	grow_all(&lag);
	for (i = 0; i < kafka->history->count; i++)
		follow(&lag, i);
	result = report(&lag);
	for (i = 0; i < kafka->key_names.count; i++)
		free(lag.grown[i].items);
	for (i = 0; i < lag.processes.count; i++)
		free(lag.consumers[i].items);
	value_table_free(&lag.processes);
	free(lag.grown);
	free(lag.consumers);
	free(lag.offsets);
	return result;
}
