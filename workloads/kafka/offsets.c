/* Which offsets operations have touched (op->max-offsets, track-key-offsets and poll-unseen in jepsen.tests.kafka). */
#include <string.h>

#include "decimal.h"
#include "kafka.h"

/* ---- in an operation --------------------------------------------------------------- */

/* Maelstrom takes all keys that are no numbers for one, whose messages it then cannot ask for. */
static bool
read_key(const struct value *key, int64_t *number)
{
	return key->type == VALUE_STRING && decimal_integer(key->text, INT64_MIN, INT64_MAX, number);
}

void
kafka_sent_offsets(const struct op *op, kafka_offset_fn *found, void *arg)
{
	const struct value *mop, *offset;
	int64_t key;

	if (strcmp(op->f, "send") != 0)
		return;
	mop = op->value->items[0];
	offset = mop->items[2]->items[0];
	if (offset->type == VALUE_INT && read_key(mop->items[1], &key))
		found(arg, key, offset->integer > 0 ? offset->integer : 0);
}

void
kafka_polled_offsets(const struct op *op, kafka_offset_fn *found, void *arg)
{
	const struct value *logs;

	if (strcmp(op->f, "poll") != 0)
		return;
	logs = op->value->items[0]->items[1];
	for (size_t i = 0; i + 1 < logs->count; i += 2) {
		const struct value *log = logs->items[i + 1];
		int64_t key, highest = -1;

		for (size_t k = 0; log->type == VALUE_VECTOR && k < log->count; k++)
			if (log->items[k]->items[0]->integer > highest)
				highest = log->items[k]->items[0]->integer;
		if (read_key(logs->items[i], &key))
			found(arg, key, highest);
	}
}

/* ---- over all operations ------------------------------------------------------------- */

struct tracking {
	struct kafka_state *state;
	struct arena *arena;
};

static void
make_room(struct kafka_state *state, struct arena *arena)
{
	struct kafka_tracked *larger;

	if (state->tracked_count < state->capacity)
		return;
	state->capacity = state->capacity > 0 ? 2 * state->capacity : 32;
	larger = arena_alloc(arena, state->capacity * sizeof(*larger));
	if (state->tracked_count > 0)
		memcpy(larger, state->tracked, state->tracked_count * sizeof(*larger));
	state->tracked = larger;
}

size_t
kafka_tracked_place(const struct kafka_state *state, int64_t key)
{
	size_t from = 0, to = state->tracked_count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (state->tracked[middle].key < key)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static struct kafka_tracked *
tracked(const struct tracking *t, int64_t key)
{
	struct kafka_state *state = t->state;
	size_t i = kafka_tracked_place(state, key);

	if (i < state->tracked_count && state->tracked[i].key == key)
		return &state->tracked[i];
	make_room(state, t->arena);
	memmove(&state->tracked[i + 1], &state->tracked[i], (state->tracked_count - i) * sizeof(*state->tracked));
	state->tracked_count++;
	state->tracked[i] = (struct kafka_tracked){.key = key, .highest = -1, .sent = -1, .polled = -1};
	return &state->tracked[i];
}

static void
raise(int64_t *offset, int64_t to)
{
	if (*offset < to)
		*offset = to;
}

bool
kafka_is_unseen(const struct kafka_tracked *key)
{
	return key->polled < key->sent;
}

/* Once polls are level with sends, both are forgotten. */
static void
settle(struct kafka_tracked *key)
{
	if (!kafka_is_unseen(key))
		key->sent = key->polled = -1;
}

static void
has_sent(void *arg, int64_t key, int64_t offset)
{
	struct kafka_tracked *known = tracked(arg, key);

	raise(&known->highest, offset);
	raise(&known->sent, offset);
	settle(known);
}

static void
has_polled(void *arg, int64_t key, int64_t offset)
{
	struct kafka_tracked *known = tracked(arg, key);

	raise(&known->highest, offset);
	raise(&known->polled, offset);
	settle(known);
}

void
kafka_track(struct kafka_state *state, struct arena *arena, const struct op *op)
{
	struct tracking t = {state, arena};

	kafka_sent_offsets(op, has_sent, &t);
	kafka_polled_offsets(op, has_polled, &t);
}
