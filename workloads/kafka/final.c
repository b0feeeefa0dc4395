/*
 * The end of a test (jepsen.tests.kafka/final-polls): each worker crashes, so
 * that it gets a fresh client, assigns itself all keys from their beginnings,
 * and polls until its polls have reached the highest offset that anybody has
 * seen of each key.
 */
#include "kafka.h"

#define POLL_NS INT64_C(400000000) /* at most, from one poll to the next */

int64_t
kafka_final_due(const void *arg, int worker)
{
	const struct kafka_state *state = arg;
	const struct kafka_final *final;

	if (state->tracked_count == 0)
		return INT64_MAX;
	final = &state->finals[worker];
	return final->reached != NULL && final->missing == 0 ? INT64_MAX : final->due;
}

static void
assign_all(const struct kafka_state *state, struct arena *arena, struct op_template *next)
{
	struct value *keys = value_collection(arena, VALUE_VECTOR), *extra = value_collection(arena, VALUE_MAP);

	for (size_t i = 0; i < state->tracked_count; i++)
		value_push(arena, keys, value_printf(arena, "%lld", (long long)state->tracked[i].key));
	value_put_keyword(arena, extra, "seek-to-beginning?", &value_true);
	next->value = keys;
	next->extra = extra;
}

static void
poll(struct arena *arena, struct op_template *next)
{
	struct value *operations = value_collection(arena, VALUE_VECTOR);
	struct value *operation = value_collection(arena, VALUE_VECTOR), *extra = value_collection(arena, VALUE_MAP);

	value_push(arena, operation, value_keyword(arena, "poll"));
	value_push(arena, operations, operation);
	value_put_int(arena, extra, "poll-ms", 1000); /* it says so, and nobody heeds it */
	next->value = operations;
	next->extra = extra;
}

void
kafka_final_generate(void *arg, struct random *random, struct arena *arena, int worker, struct op_template *next)
{
	static const char *const names[] = {"crash", "assign", "poll"};
	struct kafka_state *state = arg;
	struct kafka_final *final = &state->finals[worker];

	if (final->reached == NULL) {
		final->reached = arena_zero(arena, state->tracked_count * sizeof(*final->reached));
		final->missing = state->tracked_count;
	}
	next->f = names[final->next];
	if (final->next == FINAL_ASSIGN)
		assign_all(state, arena, next);
	if (final->next == FINAL_POLL) {
		poll(arena, next);
		final->due = next->now + (int64_t)random_below(random, POLL_NS);
	} else {
		final->next++;
	}
}

/* ---- catching up ------------------------------------------------------------------ */

struct catching_up {
	const struct kafka_state *state;
	struct kafka_final *final;
};

/* In one poll: Jepsen does not remember what earlier ones saw. */
static void
reach(void *arg, int64_t key, int64_t offset)
{
	struct catching_up *c = arg;
	size_t i = kafka_tracked_place(c->state, key);
	const struct kafka_tracked *tracked = &c->state->tracked[i];

	if (i == c->state->tracked_count || tracked->key != key || tracked->highest > offset || c->final->reached[i])
		return;
	c->final->reached[i] = true;
	c->final->missing--;
}

void
kafka_final_update(struct kafka_state *state, int worker, const struct op *op)
{
	struct catching_up c = {state, &state->finals[worker]};

	kafka_polled_offsets(op, reach, &c);
}
