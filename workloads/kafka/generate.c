/*
 * What clients do until the final phase (jepsen.tests.kafka/workload with
 * Maelstrom's options: no transactions, assign in place of subscribe, crashes).
 * Sends and polls alternate at random; now and then a consumer is assigned the
 * key that the next one would have to do with, sometimes with all those whose
 * messages nobody has seen yet; now and then a client crashes.
 */
#include "kafka.h"

#define ASSIGN_ONE_IN 64
#define UNSEEN_ONE_IN 3        /* of the assigns */
#define CRASH_NS      (60 * S) /* at most, divided by the workers: from a crash to when the next is due */
#define S             INT64_C(1000000000)

static void
begin(struct kafka_state *state, struct arena *arena, const struct test_options *options)
{
	key_pool_init(&state->keys, arena, options->key_count, options->max_writes_per_key);
	state->finals = arena_zero(arena, (size_t)options->concurrency * sizeof(*state->finals));
}

/* The crashes have a rhythm of their own; of two operations that are due at a time either may come first. */
static bool
is_crash(struct kafka_state *state, struct random *random, const struct test_options *options, int64_t now)
{
	if (now < state->crash_due || random_below(random, 2) == 0)
		return false;
	state->crash_due = now + (int64_t)random_below(random, (uint64_t)(CRASH_NS / options->concurrency));
	return true;
}

/* ---- assign -------------------------------------------------------------------- */

static const struct value *
show_unseen(struct arena *arena, const struct kafka_tracked *key)
{
	struct value *map = value_collection(arena, VALUE_MAP);

	value_put_int(arena, map, "polled", key->polled);
	value_put_int(arena, map, "sent", key->sent);
	return map;
}

/* Puts the keys with unseen messages into `keys`, and their offsets, for who reads the history, into `extra`. */
static void
add_unseen(
    const struct kafka_state *state, struct arena *arena, int64_t but, struct value *keys, struct op_template *next)
{
	struct value *all = value_collection(arena, VALUE_MAP), *extra;

	for (size_t i = 0; i < state->tracked_count; i++) {
		const struct kafka_tracked *key = &state->tracked[i];

		if (!kafka_is_unseen(key))
			continue;
		value_put(arena, all, value_int(arena, key->key), show_unseen(arena, key));
		if (key->key != but)
			value_push(arena, keys, value_printf(arena, "%lld", (long long)key->key));
	}
	if (all->count == 0)
		return;
	extra = value_collection(arena, VALUE_MAP);
	value_put_keyword(arena, extra, "unseen", all);
	next->extra = extra;
}

static void
assign(const struct kafka_state *state, struct random *random, struct arena *arena, struct op_template *next)
{
	struct value *keys = value_collection(arena, VALUE_VECTOR);

	if (random_below(random, UNSEEN_ONE_IN) == 0)
		add_unseen(state, arena, state->next.key, keys, next);
	value_push(arena, keys, value_printf(arena, "%lld", (long long)state->next.key));
	next->f = "assign";
	next->value = keys;
}

/* ---- send and poll ---------------------------------------------------------------- */

static void
send_or_poll(const struct key_draw *draw, struct arena *arena, struct op_template *next)
{
	struct value *operations = value_collection(arena, VALUE_VECTOR);
	struct value *operation = value_collection(arena, VALUE_VECTOR);

	next->f = draw->writes ? "send" : "poll";
	value_push(arena, operation, value_keyword(arena, next->f));
	if (draw->writes) {
		value_push(arena, operation, value_printf(arena, "%lld", (long long)draw->key));
		value_push(arena, operation, value_int(arena, draw->value));
	}
	value_push(arena, operations, operation);
	next->value = operations;
}

bool
kafka_generate(
    void *arg, struct random *random, struct arena *arena, const struct test_options *options, struct op_template *next)
{
	struct kafka_state *state = arg;

	if (state->finals == NULL)
		begin(state, arena, options);
	if (is_crash(state, random, options, next->now)) {
		next->f = "crash";
		return true;
	}
	if (!state->drawn)
		state->next = key_pool_draw(&state->keys, random);
	state->drawn = random_below(random, ASSIGN_ONE_IN) == 0;
	if (state->drawn)
		assign(state, random, arena, next);
	else
		send_or_poll(&state->next, arena, next);
	return true;
}
