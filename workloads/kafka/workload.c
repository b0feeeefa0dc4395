/*
 * Append-only logs under keys, and consumers that read them (maelstrom.workload.kafka).
 * A client is producer and consumer: it sends messages one at a time, polls
 * what it is assigned, and tells the node how far it has come. What it is
 * assigned is the client's own business: a fresh one is assigned nothing.
 */
#include <string.h>

#include "kafka.h"
#include "value_table.h"

static const struct rpc send_message = {"send", "send_ok", {{"offset", SCHEMA_INT}}};
static const struct rpc poll_logs = {"poll", "poll_ok", {{"msgs", SCHEMA_LOGS}}};
static const struct rpc commit_offsets = {"commit_offsets", "commit_offsets_ok", {{0}}};
static const struct rpc list_offsets = {
    "list_committed_offsets", "list_committed_offsets_ok", {{"offsets", SCHEMA_INTS}}};

struct consumer {
	const struct value *offsets; /* where the next poll begins, by key; NULL: nothing is assigned */
	const struct value *polled;  /* what is going to be committed */
};

static struct consumer *
consumer(struct call *call)
{
	return call_memory(call, sizeof(struct consumer));
}

static const struct value *
fields(struct arena *arena, const char *name, const struct value *value)
{
	struct value *map = value_collection(arena, VALUE_MAP);

	value_put_string(arena, map, name, value);
	return map;
}

/* ---- assign ------------------------------------------------------------------------- */

/* A key that was assigned before is read on from where its consumer is, if it may; all others from the beginning. */
static void
assign(struct call *call, bool keeps)
{
	struct arena *arena = call_arena(call);
	const struct value *keys = call_op(call)->value, *old = consumer(call)->offsets;
	struct value *offsets = value_collection(arena, VALUE_MAP);

	for (size_t i = 0; i < keys->count; i++) {
		const struct value *offset = keeps && old != NULL ? value_find(old, keys->items[i]) : NULL;

		value_put(arena, offsets, keys->items[i], offset != NULL ? offset : value_int(arena, 0));
	}
	consumer(call)->offsets = offsets;
	call_ok(call, keys);
}

/* Maelstrom asks for the committed offsets, but looks for them in the wrong place and never finds any. */
static void
listed(struct call *call, const struct value *reply)
{
	(void)reply;
	assign(call, true);
}

static void
begin_assign(struct call *call)
{
	const struct op *op = call_op(call);

	if (op->extra != NULL && value_get(op->extra, "seek-to-beginning?") != NULL)
		assign(call, false);
	else
		call_rpc(call, &list_offsets, fields(call_arena(call), "keys", op->value), 0, listed);
}

/* ---- send ---------------------------------------------------------------------------- */

static void
sent(struct call *call, const struct value *reply)
{
	struct arena *arena = call_arena(call);
	const struct value *const *asked = call_op(call)->value->items[0]->items;
	struct value *pair = value_collection(arena, VALUE_VECTOR), *operation = value_collection(arena, VALUE_VECTOR);
	struct value *operations = value_collection(arena, VALUE_VECTOR);

	value_push(arena, pair, value_get(reply, "offset"));
	value_push(arena, pair, asked[2]);
	value_push(arena, operation, asked[0]);
	value_push(arena, operation, asked[1]);
	value_push(arena, operation, pair);
	value_push(arena, operations, operation);
	call_ok(call, operations);
}

static void
begin_send(struct call *call)
{
	struct arena *arena = call_arena(call);
	const struct value *const *asked = call_op(call)->value->items[0]->items;
	struct value *map = value_collection(arena, VALUE_MAP);

	value_put_string(arena, map, "key", asked[1]);
	value_put_string(arena, map, "msg", asked[2]);
	call_rpc(call, &send_message, map, 0, sent);
}

/* ---- poll ------------------------------------------------------------------------------ */

static void
committed(struct call *call, const struct value *reply)
{
	struct arena *arena = call_arena(call);
	struct value *operation = value_collection(arena, VALUE_VECTOR);
	struct value *operations = value_collection(arena, VALUE_VECTOR);

	(void)reply;
	value_push(arena, operation, value_keyword(arena, "poll"));
	value_push(arena, operation, consumer(call)->polled);
	value_push(arena, operations, operation);
	call_ok(call, operations);
}

/* Raises `last` to the highest offset of a log, which may be nil. False if there is none behind it. */
static bool
find_last(const struct value *log, int64_t *last)
{
	for (size_t i = 0; log->type == VALUE_VECTOR && i < log->count; i++) {
		const struct value *offset = log->items[i]->items[0];

		if (offset->type != VALUE_INT || offset->integer == INT64_MAX)
			return false;
		if (offset->integer > *last)
			*last = offset->integer;
	}
	return true;
}

/* Moves on behind what was polled; never back. NULL if there is nothing behind it. */
static const struct value *
advance(struct arena *arena, const struct value *old, const struct value *logs)
{
	struct value *offsets = value_collection(arena, VALUE_MAP);
	struct value_table places = {0};
	bool ends = false;

	for (size_t i = 0; old != NULL && i + 1 < old->count; i += 2) {
		value_table_add(&places, old->items[i]);
		value_put(arena, offsets, old->items[i], old->items[i + 1]);
	}
	for (size_t i = 0; i + 1 < logs->count && !ends; i += 2) {
		size_t place = 2 * value_table_add(&places, logs->items[i]) + 1;
		int64_t last = -1;

		ends = !find_last(logs->items[i + 1], &last);
		if (place > offsets->count)
			value_put(arena, offsets, logs->items[i], value_int(arena, last + 1));
		else if (offsets->items[place]->integer <= last)
			offsets->items[place] = value_int(arena, last + 1);
	}
	value_table_free(&places);
	return ends ? NULL : offsets;
}

/* What there is to commit: of each key that had messages the highest offset. */
static const struct value *
to_commit(struct arena *arena, const struct value *logs)
{
	struct value *offsets = value_collection(arena, VALUE_MAP);

	for (size_t i = 0; i + 1 < logs->count; i += 2) {
		int64_t offset = 0;

		if (logs->items[i + 1]->type == VALUE_NIL || logs->items[i + 1]->count == 0)
			continue;
		find_last(logs->items[i + 1], &offset);
		value_put(arena, offsets, logs->items[i], value_int(arena, offset));
	}
	return offsets;
}

/* The consumer moves on at once, even if the commit fails. */
static void
polled(struct call *call, const struct value *reply)
{
	struct arena *arena = call_arena(call);
	struct consumer *c = consumer(call);
	const struct value *offsets, *commit;

	c->polled = value_get(reply, "msgs");
	offsets = advance(arena, c->offsets, c->polled);
	if (offsets == NULL) {
		call_throw(call, "java.lang.ArithmeticException", "long overflow");
		return;
	}
	c->offsets = offsets;
	commit = to_commit(arena, c->polled);
	if (commit->count > 0)
		call_rpc(call, &commit_offsets, fields(arena, "offsets", commit), 0, committed);
	else
		committed(call, NULL);
}

static void
begin_poll(struct call *call)
{
	struct arena *arena = call_arena(call);
	const struct value *offsets = consumer(call)->offsets;

	if (offsets == NULL)
		offsets = value_collection(arena, VALUE_MAP);
	call_rpc(call, &poll_logs, fields(arena, "offsets", offsets), 0, polled);
}

/* ---- the workload ------------------------------------------------------------------------ */

static void
invoke(struct call *call)
{
	static const struct {
		const char *f;
		void (*begin)(struct call *);
	} kinds[] = {{"send", begin_send}, {"poll", begin_poll}, {"assign", begin_assign}, {"crash", call_info}};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].f, call_op(call)->f) == 0)
			kinds[i].begin(call);
}

static void
update(void *arg, struct arena *arena, int worker, const struct op *op)
{
	struct kafka_state *state = arg;

	if (op->type != OP_OK)
		return;
	if (state->finals[worker].reached == NULL)
		kafka_track(state, arena, op);
	else
		kafka_final_update(state, worker, op);
}

static const char *
refuse(struct arena *arena, const struct test_options *options)
{
	if (options->key_count <= KEY_POOL_COUNT_MAX)
		return NULL;
	return arena_printf(arena, "kafka cannot draw one of %lld keys: take at most %d", (long long)options->key_count,
	    KEY_POOL_COUNT_MAX);
}

static const char *const idempotent[] = {"assign", NULL};

static const struct promise promises[] = {
    {.node = "kafka",
	.faults = EVERYTHING,
	.variants = {{.args = ""}, {.args = "--acks majority"}, {.args = "--batch-ms 50"}, {.args = "--lag-ms 0"}}},
    {.node = "kafka-lin-kv", .faults = EVERYTHING, .flags = "--max-writes-per-key 16 --message-budget 2000"},
    {0},
};

static const char *const kinds[] = {"send", "poll", "assign", NULL};

static const struct op_shape ops[] = {
    {"send", SHAPE_SEND}, {"poll", SHAPE_ANY}, {"assign", SHAPE_KEYS}, {"crash", SHAPE_ANY}, {NULL, SHAPE_ANY}};

const struct workload kafka_workload = {
    .name = "kafka",
    .summary = "append-only logs: no acknowledged message is lost, and all are read in order",
    .state_size = sizeof(struct kafka_state),
    .generate = kafka_generate,
    .update = update,
    .final = {.due = kafka_final_due, .generate = kafka_final_generate, .limit_s = 10},
    .refuse = refuse,
    .ops = ops,
    .invoke = invoke,
    .catches_errors = true,
    .idempotent = idempotent,
    .alive = {.kinds = kinds},
    .check = check_kafka,
    .promises = promises,
};
