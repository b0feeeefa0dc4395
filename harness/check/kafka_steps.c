/*
 * Consumers and producers go forward in a log, one place at a time: within an
 * operation, and from one operation of a process to its next on the same key
 * (until another assign). Where they leap over a place that exists it is a
 * skip, where they go back or stay it is nonmonotonic.
 */
#include <stdlib.h>
#include <string.h>

#include "clojure_order.h"
#include "kafka.h"
#include "memory.h"

#define STEPS_SHOWN  8
#define PROCESS_BITS 29

static const struct {
	const char *name;
	bool skip, external;
} kinds[STEP_KINDS] = {
    [STEP_INT_POLL_SKIP] = {"int-poll-skip", true, false},
    [STEP_INT_NONMONOTONIC_POLL] = {"int-nonmonotonic-poll", false, false},
    [STEP_INT_SEND_SKIP] = {"int-send-skip", true, false},
    [STEP_INT_NONMONOTONIC_SEND] = {"int-nonmonotonic-send", false, false},
    [STEP_POLL_SKIP] = {"poll-skip", true, true},
    [STEP_NONMONOTONIC_POLL] = {"nonmonotonic-poll", false, true},
    [STEP_NONMONOTONIC_SEND] = {"nonmonotonic-send", false, true},
};

const char *
kafka_step_name(enum kafka_step_kind kind)
{
	return kinds[kind].name;
}

/* ---- one step ------------------------------------------------------------------------- */

static void
add_step(struct kafka_steps *steps, enum kafka_step_kind kind, const struct kafka_step *step)
{
	KAFKA_GROW(steps->of[kind].items, steps->of[kind].count, steps->of[kind].capacity);
	steps->of[kind].items[steps->of[kind].count++] = *step;
}

/* Where a message is not known to be at any place, nothing can be said. STEP_KINDS: that kind is not looked for. */
static void
judge(struct kafka *kafka, struct kafka_steps *steps, struct kafka_step *step, enum kafka_step_kind skip,
    enum kafka_step_kind nonmonotonic)
{
	int64_t from = kafka_message(kafka, step->key, step->messages[0])->index;
	int64_t to = kafka_message(kafka, step->key, step->messages[1])->index;

	if (from < 0 || to < 0)
		return;
	step->from = from;
	step->delta = to - from;
	if (step->delta > 1 && skip != STEP_KINDS)
		add_step(steps, skip, step);
	if (step->delta < 1)
		add_step(steps, nonmonotonic, step);
}

/* ---- within an operation --------------------------------------------------------------------- */

static bool
holds(const struct value *collection, const struct value *item)
{
	size_t i;

	if (collection == NULL ||
	    (collection->type != VALUE_VECTOR && collection->type != VALUE_LIST && collection->type != VALUE_SET))
		return false;
	for (i = 0; i < collection->count; i++)
		if (value_equal(collection->items[i], item))
			return true;
	return false;
}

/* A key that was taken from the consumer, or given to it, meanwhile may go anywhere. */
static bool
was_rebalanced(const struct kafka *kafka, size_t op, size_t key)
{
	const struct value *extra = kafka->history->ops[op].extra, *log;
	size_t i;

	log = extra != NULL ? value_get(extra, "rebalance-log") : NULL;
	if (log == NULL || (log->type != VALUE_VECTOR && log->type != VALUE_LIST))
		return false;
	for (i = 0; i < log->count; i++)
		if (log->items[i]->type == VALUE_MAP && holds(value_get(log->items[i], "keys"), kafka->keys[key].name))
			return true;
	return false;
}

static void
walk_span(struct kafka *kafka, struct kafka_steps *steps, size_t op, const struct kafka_span *span,
    enum kafka_step_kind skip, enum kafka_step_kind nonmonotonic)
{
	struct kafka_step step;
	size_t i;

	for (i = span->first + 1; i < span->first + span->count; i++) {
		step = (struct kafka_step){
		    .key = span->key,
		    .ops = {op, op},
		    .messages = {kafka->pairs[i - 1].message, kafka->pairs[i].message},
		};
		judge(kafka, steps, &step, skip, nonmonotonic);
	}
}

static void
walk_op(struct kafka *kafka, struct kafka_steps *steps, size_t op)
{
	const struct kafka_span *span;
	size_t i;

	for (i = 0; i < kafka->reads[op].count; i++) {
		span = &kafka->spans[kafka->reads[op].first + i];
		if (span->count > 1 && !was_rebalanced(kafka, op, span->key))
			walk_span(kafka, steps, op, span, STEP_INT_POLL_SKIP, STEP_INT_NONMONOTONIC_POLL);
	}
	if (kafka->history->ops[op].type == OP_INVOKE)
		return;
	for (i = 0; i < kafka->sends[op].count; i++)
		walk_span(kafka, steps, op, &kafka->spans[kafka->sends[op].first + i], STEP_INT_SEND_SKIP,
		    STEP_INT_NONMONOTONIC_SEND);
}

/* ---- from operation to operation of a process --------------------------------------------------- */

/* By key, the operation's span that a process read, or sent, last. */
struct tracker {
	struct {
		size_t op;
		const struct kafka_span *span; /* NULL: none */
	} * last;
	size_t *active, active_count; /* keys that have one */
};

/* The keys that are named are marked, or not any more. Those that nobody sent to or polled do not matter. */
static void
mark_named(struct kafka *kafka, const struct value *names, size_t mark)
{
	size_t i, key;

	if (names == NULL || (names->type != VALUE_VECTOR && names->type != VALUE_LIST && names->type != VALUE_SET))
		return;
	for (i = 0; i < names->count; i++) {
		key = value_table_find(&kafka->key_names, names->items[i]);
		if (key != VALUE_TABLE_NONE)
			kafka->keys[key].mark = mark;
	}
}

/* All but the keys that are named. */
static void
forget(struct tracker *tracker, struct kafka *kafka, const struct value *except)
{
	size_t i, kept = 0;

	mark_named(kafka, except, 0);
	for (i = 0; i < tracker->active_count; i++) {
		if (kafka->keys[tracker->active[i]].mark != KAFKA_NONE)
			tracker->active[kept++] = tracker->active[i];
		else
			tracker->last[tracker->active[i]].span = NULL;
	}
	tracker->active_count = kept;
	mark_named(kafka, except, KAFKA_NONE);
}

static void
step_across(struct kafka *kafka, struct kafka_steps *steps, const struct tracker *tracker, size_t op,
    const struct kafka_span *span, bool polls)
{
	const struct kafka_span *last = tracker->last[span->key].span;
	struct kafka_step step;

	if (last == NULL || last->count == 0 || span->count == 0)
		return;
	step = (struct kafka_step){
	    .key = span->key,
	    .ops = {tracker->last[span->key].op, op},
	    .messages = {kafka->pairs[last->first + last->count - 1].message, kafka->pairs[span->first].message},
	};
	if (polls)
		judge(kafka, steps, &step, STEP_POLL_SKIP, STEP_NONMONOTONIC_POLL);
	else
		judge(kafka, steps, &step, STEP_KINDS, STEP_NONMONOTONIC_SEND);
}

static void
track(struct kafka *kafka, struct kafka_steps *steps, struct tracker *tracker, size_t op, bool polls)
{
	const struct kafka_spans spans = polls ? kafka->reads[op] : kafka->sends[op];
	enum op_type type = kafka->history->ops[op].type;
	const struct kafka_span *span;
	size_t i;

	if (!polls && type != OP_OK && type != OP_INFO)
		return;
	for (i = spans.first; i < spans.first + spans.count; i++)
		step_across(kafka, steps, tracker, op, &kafka->spans[i], polls);
	if (polls && type != OP_OK)
		return;
	for (i = spans.first; i < spans.first + spans.count; i++) {
		span = &kafka->spans[i];
		if (tracker->last[span->key].span == NULL)
			tracker->active[tracker->active_count++] = span->key;
		tracker->last[span->key].op = op;
		tracker->last[span->key].span = span;
	}
}

static void
walk_process(struct kafka *kafka, struct kafka_steps *steps, const struct clojure_ranked *ops, size_t count,
    struct tracker trackers[2])
{
	const struct op *op;
	size_t i;

	for (i = 0; i < count; i++) {
		op = &kafka->history->ops[ops[i].item];
		if (strcmp(op->f, "assign") == 0 || strcmp(op->f, "subscribe") == 0) {
			if (op->type == OP_INVOKE || op->type == OP_FAIL)
				continue;
			forget(&trackers[0], kafka, op->value);
			forget(&trackers[1], kafka, op->value);
		} else if (kafka_is_txn(op)) {
			track(kafka, steps, &trackers[0], ops[i].item, true);
			track(kafka, steps, &trackers[1], ops[i].item, false);
		}
	}
	forget(&trackers[0], kafka, NULL);
	forget(&trackers[1], kafka, NULL);
}

/* Operations of one process behind each other, the processes in the order of a Clojure map. */
static struct clojure_ranked *
ops_by_process(struct kafka *kafka, size_t *count)
{
	const struct history *history = kafka->history;
	struct clojure_ranked *ops = memory_alloc((history->count + 1) * sizeof(*ops));
	struct value_table processes = {0};
	size_t i, n = 0;

	for (i = 0; i < history->count; i++) {
		if (!op_is_client(&history->ops[i]))
			continue;
		ops[n].rank = value_table_add(&processes, value_int(&kafka->scratch, history->ops[i].process));
		ops[n++].item = i;
	}
	/* A rank has 35 bits. The number keeps apart two processes of one rank. */
	for (i = 0; i < n && processes.count > CLOJURE_SMALL_MAP; i++)
		ops[i].rank |= clojure_rank(processes.values[ops[i].rank]) << PROCESS_BITS;
	clojure_sort(ops, n);
	value_table_free(&processes);
	*count = n;
	return ops;
}

static void
walk_processes(struct kafka *kafka, struct kafka_steps *steps)
{
	size_t count, first, end, i, keys = kafka->key_names.count + 1;
	struct clojure_ranked *ops = ops_by_process(kafka, &count);
	struct tracker trackers[2];

	for (i = 0; i < 2; i++)
		trackers[i] = (struct tracker){
		    .last = memory_zero(keys * sizeof(*trackers[i].last)),
		    .active = memory_alloc(keys * sizeof(*trackers[i].active)),
		};
	for (first = 0; first < count; first = end) {
		for (end = first; end < count && ops[end].rank == ops[first].rank; end++)
			continue;
		walk_process(kafka, steps, ops + first, end - first, trackers);
	}
	for (i = 0; i < 2; i++) {
		free(trackers[i].last);
		free(trackers[i].active);
	}
	free(ops);
}

void
kafka_find_steps(struct kafka *kafka, struct kafka_steps *steps)
{
	size_t i;

	for (i = 0; i < kafka->history->count; i++)
		walk_op(kafka, steps, i);
	walk_processes(kafka, steps);
}

void
kafka_steps_free(struct kafka_steps *steps)
{
	size_t i;

	for (i = 0; i < STEP_KINDS; i++)
		free(steps->of[i].items);
}

/* ---- the report ------------------------------------------------------------------------------------- */

static const struct value *
pair_of(struct kafka *kafka, const struct value *a, const struct value *b)
{
	struct value *pair = value_collection(kafka->arena, VALUE_VECTOR);

	value_push(kafka->arena, pair, a);
	value_push(kafka->arena, pair, b);
	return pair;
}

static const struct value *
skipped(struct kafka *kafka, const struct kafka_step *step)
{
	struct value *list = value_collection(kafka->arena, VALUE_LIST);
	int64_t i;

	for (i = step->from + 1; i < step->from + step->delta; i++)
		value_push(kafka->arena, list, kafka_at(&kafka->keys[step->key], i)->value);
	return list;
}

static const struct value *
show_step(struct kafka *kafka, const struct kafka_step *step, enum kafka_step_kind kind)
{
	const struct value *first = kafka_message(kafka, step->key, step->messages[0])->value;
	const struct value *second = kafka_message(kafka, step->key, step->messages[1])->value;
	struct value *map = value_collection(kafka->arena, VALUE_MAP);

	value_put_keyword(kafka->arena, map, "key", kafka->keys[step->key].name);
	if (kind != STEP_POLL_SKIP)
		value_put_keyword(kafka->arena, map, "values", pair_of(kafka, first, second));
	value_put_int(kafka->arena, map, "delta", step->delta);
	if (kinds[kind].skip)
		value_put_keyword(kafka->arena, map, "skipped", skipped(kafka, step));
	if (!kinds[kind].external)
		value_put_keyword(kafka->arena, map, "op", kafka_show_op(kafka, step->ops[0]));
	else
		value_put_keyword(kafka->arena, map, "ops",
		    pair_of(kafka, kafka_show_op(kafka, step->ops[0]), kafka_show_op(kafka, step->ops[1])));
	return map;
}

/* By how far; of equals the one that was found first. */
static void
rank_steps(const struct kafka_step *steps, size_t count, struct clojure_ranked *ranked)
{
	size_t i;

	for (i = 0; i < count; i++)
		ranked[i] = (struct clojure_ranked){(uint64_t)steps[i].delta + ((uint64_t)1 << 63), i};
	clojure_sort(ranked, count);
}

/* The worst ones: the farthest back, or ahead. */
const struct value *
kafka_show_steps(struct kafka *kafka, struct kafka_steps *steps, enum kafka_step_kind kind)
{
	struct value *errors = value_collection(kafka->arena, VALUE_LIST);
	size_t count = steps->of[kind].count, first = 0, end = count, i;
	struct clojure_ranked *ranked;

	if (count == 0)
		return NULL;
	ranked = memory_alloc(count * sizeof(*ranked));
	if (!kafka->all_errors && count > STEPS_SHOWN) {
		first = kinds[kind].skip ? count - STEPS_SHOWN : 0;
		end = first + STEPS_SHOWN;
	}
	rank_steps(steps->of[kind].items, count, ranked);
	for (i = first; i < end; i++)
		value_push(kafka->arena, errors, show_step(kafka, &steps->of[kind].items[ranked[i].item], kind));
	free(ranked);
	return errors;
}
