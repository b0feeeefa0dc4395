/* A run's operations: kept, paired as jepsen.history pairs them, and written one a line. Reading is in history_read.c.
 */
#include "history.h"

#include <assert.h>
#include <string.h>

#define OPS_FIRST  64
#define OPEN_FIRST 64

#define WRITE_BYTES 65536 /* of lines, and of what they are made from, before they are written and freed */

static const char *const type_names[] = {
    [OP_INVOKE] = "invoke",
    [OP_OK] = "ok",
    [OP_FAIL] = "fail",
    [OP_INFO] = "info",
};

/* ---- open invocations, by process -------------------------------------------- */

/* An open-addressed table. Processes stay in it; position -1: nothing is open. */
struct history_open {
	int64_t process, position;
	bool used;
};

static struct history_open *
find_open(const struct history *history, int64_t process)
{
	size_t mask = history->open_capacity - 1, i = ((uint64_t)process * 0x9e3779b97f4a7c15 >> 32) & mask;

	while (history->open[i].used && history->open[i].process != process)
		i = (i + 1) & mask;
	return &history->open[i];
}

static void
grow_open(struct history *history)
{
	struct history_open *old = history->open;
	size_t old_capacity = history->open_capacity, i;

	history->open_capacity = old_capacity > 0 ? old_capacity * 2 : OPEN_FIRST;
	history->open = arena_zero(&history->arena, history->open_capacity * sizeof(*old));
	for (i = 0; i < old_capacity; i++)
		if (old[i].used)
			*find_open(history, old[i].process) = old[i];
}

static struct history_open *
open_slot(struct history *history, int64_t process)
{
	struct history_open *slot;

	if (history->open_count * 2 >= history->open_capacity)
		grow_open(history);
	slot = find_open(history, process);
	if (!slot->used) {
		*slot = (struct history_open){.process = process, .position = -1, .used = true};
		history->open_count++;
	}
	return slot;
}

static void
fault(struct history *history, const struct op *op, const char *what)
{
	if (history->fault == NULL)
		history->fault = arena_printf(&history->arena, "process %lld %s (index %lld)", (long long)op->process,
		    what, (long long)op->index);
}

/* Clients invoke and complete; the nemesis begins and ends by turns, whatever the type. */
static void
pair(struct history *history, struct op *op)
{
	struct history_open *slot = open_slot(history, op->process);
	int64_t position = op - history->ops;
	bool opens = op_is_client(op) ? op->type == OP_INVOKE : slot->position < 0;

	op->pair = -1;
	if (opens) {
		if (slot->position >= 0)
			fault(history, op, "invokes while another operation of it is open");
		slot->position = position;
		return;
	}
	if (slot->position < 0) {
		fault(history, op, "completes what it has not invoked");
		return;
	}
	op->pair = slot->position;
	history->ops[slot->position].pair = position;
	slot->position = -1;
}

/* ---- the history --------------------------------------------------------------- */

static void
grow_ops(struct history *history)
{
	struct op *ops;

	history->capacity = history->capacity > 0 ? history->capacity * 2 : OPS_FIRST;
	ops = arena_alloc(&history->arena, history->capacity * sizeof(*ops));
	if (history->count > 0)
		memcpy(ops, history->ops, history->count * sizeof(*ops));
	history->ops = ops;
}

struct op *
history_append_indexed(struct history *history, const struct op *op)
{
	struct op *copy;

	assert(op->f != NULL && op->value != NULL);
	if (history->count == history->capacity)
		grow_ops(history);
	copy = &history->ops[history->count++];
	*copy = *op;
	pair(history, copy);
	return copy;
}

struct op *
history_append(struct history *history, const struct op *op)
{
	struct op numbered = *op;

	numbered.index = (int64_t)history->count;
	return history_append_indexed(history, &numbered);
}

void
history_free(struct history *history)
{
	arena_free(&history->arena);
	*history = (struct history){0};
}

/* ---- operations ------------------------------------------------------------------ */

bool
op_is_client(const struct op *op)
{
	return op->process >= 0;
}

const char *
op_type_name(enum op_type type)
{
	return type_names[type];
}

static const struct value *
process_value(struct arena *arena, const struct op *op)
{
	if (op->process >= 0)
		return value_int(arena, op->process);
	if (op->process < PROCESS_OTHER && op->extra != NULL && value_get(op->extra, "process") != NULL)
		return value_get(op->extra, "process");
	return value_keyword(arena, "nemesis");
}

static const struct value *
op_map(struct arena *arena, const struct op *op)
{
	struct value *map = value_collection(arena, VALUE_MAP);
	size_t i;

	value_put_int(arena, map, "index", op->index);
	value_put_int(arena, map, "time", op->time);
	value_put_keyword(arena, map, "type", value_keyword(arena, type_names[op->type]));
	value_put_keyword(arena, map, "process", process_value(arena, op));
	value_put_keyword(arena, map, "f", value_keyword(arena, op->f));
	value_put_keyword(arena, map, "value", op->value);
	if (op->final)
		value_put_keyword(arena, map, "final?", &value_true);
	if (op->exception != NULL)
		value_put_keyword(arena, map, "exception", op->exception);
	if (op->error != NULL)
		value_put_keyword(arena, map, "error", op->error);
	for (i = 0; op->extra != NULL && i < op->extra->count; i += 2)
		if (!value_is_keyword(op->extra->items[i], "process"))
			value_put(arena, map, op->extra->items[i], op->extra->items[i + 1]);
	return map;
}

const struct value *
op_value(struct arena *arena, const struct op *op)
{
	return value_tagged(arena, "jepsen.history.Op", op_map(arena, op));
}

void
history_write(const struct history *history, FILE *file)
{
	struct buffer lines = {0};
	struct arena arena = {0};
	size_t i;

	for (i = 0; i < history->count; i++) {
		edn_write(&lines, op_map(&arena, &history->ops[i]));
		buffer_append_char(&lines, '\n');
		if (lines.length + arena.used < WRITE_BYTES)
			continue;
		fwrite(lines.bytes, 1, lines.length, file);
		lines.length = 0;
		arena_free(&arena);
	}
	if (lines.length > 0)
		fwrite(lines.bytes, 1, lines.length, file);
	arena_free(&arena);
	buffer_free(&lines);
}
