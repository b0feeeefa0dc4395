/*
 * Transactions that read and append to lists (maelstrom.workload.txn-list-append,
 * with elle.list-append's generator). As nothing is appended twice, a list says
 * in which order all its appends took effect: that is what makes the check sharp.
 *
 * The code that both transactional workloads share is here too (txn.h).
 */
#include "txn.h"

#include <string.h>

/* ---- keys ---------------------------------------------------------------------- */

/*
 * Beyond that the scale of the draw overflows a double, and Maelstrom crashes
 * (elle.txn/key-dist-scale).
 */
#define KEYS_MAX   1022
#define LENGTH_MAX 65536 /* operations in a transaction */
#define KEY_COUNT  10    /* if --key-count is not given */

struct txn_key {
	int64_t key;
	int64_t next; /* what will be written next: 1, 2, 3, ... */
};

static int
key_count(const struct test_options *options)
{
	return options->key_count > 0 ? (int)options->key_count : KEY_COUNT;
}

const char *
txn_refuse(struct arena *arena, const struct test_options *options)
{
	if (options->key_count > KEYS_MAX)
		return arena_printf(
		    arena, "transactions cannot draw from more than %d keys: give less with --key-count", KEYS_MAX);
	if (options->max_txn_length > LENGTH_MAX)
		return arena_printf(arena,
		    "transactions cannot have more than %d operations: give less with --max-txn-length", LENGTH_MAX);
	return NULL;
}

static void
begin_keys(struct txn_state *state, struct arena *arena, int count)
{
	state->active = arena_alloc(arena, (size_t)count * sizeof(*state->active));
	for (int i = 0; i < count; i++)
		state->active[i] = (struct txn_key){state->next_key++, 1};
}

/*
 * Each place is twice as likely as the one before it: place i of n gets 2^i of
 * 2^n - 1. Of more than 63 places the first ones are left out, which would
 * hardly ever be drawn.
 */
static int
draw_place(struct random *random, int count)
{
	int width = count < 63 ? count : 63;
	uint64_t draw = random_below(random, ((uint64_t)1 << width) - 1) + 1;

	return count - width + 63 - __builtin_clzll(draw);
}

/* ---- transactions ----------------------------------------------------------------- */

static const struct value *
make_mop(struct arena *arena, const char *f, const struct value *key, const struct value *value)
{
	struct value *vector = value_collection(arena, VALUE_VECTOR);

	value_push(arena, vector, value_keyword(arena, f));
	value_push(arena, vector, key);
	value_push(arena, vector, value);
	return vector;
}

/* NULL if the key drawn has had all its writes: its place goes to a fresh key, and another operation must be drawn. */
static const struct value *
draw_mop(const struct txn_kind *kind, struct txn_state *state, struct random *random, struct arena *arena,
    const struct test_options *options)
{
	bool writes = random_below(random, 2) == 1;
	struct txn_key *key = &state->active[draw_place(random, key_count(options))];

	if (!writes)
		return make_mop(arena, "r", value_int(arena, key->key), &value_nil);
	if (key->next > options->max_writes_per_key) {
		*key = (struct txn_key){state->next_key++, 1};
		return NULL;
	}
	return make_mop(arena, kind->write, value_int(arena, key->key), value_int(arena, key->next++));
}

bool
txn_generate(const struct txn_kind *kind, struct txn_state *state, struct random *random, struct arena *arena,
    const struct test_options *options, struct op_template *next)
{
	uint64_t length = 1 + random_below(random, (uint64_t)options->max_txn_length);
	struct value *txn = value_collection(arena, VALUE_VECTOR);

	if (state->active == NULL)
		begin_keys(state, arena, key_count(options));
	while (txn->count < length) {
		const struct value *drawn = draw_mop(kind, state, random, arena, options);

		if (drawn != NULL)
			value_push(arena, txn, drawn);
	}
	next->f = "txn";
	next->value = txn;
	return true;
}

/* ---- the client --------------------------------------------------------------------- */

static const struct rpc run_txn = {"txn", "txn_ok", {{"txn", SCHEMA_ARRAY}}};

void
txn_invoke(struct call *call, call_fn *answered)
{
	struct value *fields = value_collection(call_arena(call), VALUE_MAP);

	value_put_string(call_arena(call), fields, "txn", call_op(call)->value);
	call_rpc(call, &run_txn, fields, 0, answered);
}

static bool
mop_fits(const struct txn_kind *kind, const struct value *mop)
{
	const struct value *result;

	if (mop->type != VALUE_VECTOR || mop->count != 3)
		return false;
	if (value_is_string(mop->items[0], kind->write))
		return true;
	result = mop->items[2];
	return value_is_string(mop->items[0], "r") &&
	       (!kind->lists || result->type == VALUE_VECTOR || result->type == VALUE_NIL);
}

/* The transaction need not be the one that was asked for, as in Maelstrom: the checker gets what was answered. */
void
txn_answered(const struct txn_kind *kind, struct call *call, const struct value *reply)
{
	struct arena *arena = call_arena(call);
	const struct value *txn = value_get(reply, "txn");
	struct value *completed = value_collection(arena, VALUE_VECTOR);

	for (size_t i = 0; txn->type == VALUE_VECTOR && i < txn->count; i++) {
		const struct value *m = txn->items[i];

		if (!mop_fits(kind, m)) {
			call_malformed(call, reply,
			    arena_printf(arena,
				"operation %zu of \"txn\" is neither [\"r\", key, %s] nor [\"%s\", key, value]", i,
				kind->lists ? "list" : "value", kind->write));
			return;
		}
		value_push(arena, completed, make_mop(arena, m->items[0]->text, m->items[1], m->items[2]));
	}
	call_ok(call, completed);
}

/* ---- txn-list-append ------------------------------------------------------------------ */

static const struct txn_kind appends = {"append", true};

static bool
generate(void *state, struct random *random, struct arena *arena, const struct test_options *options,
    struct op_template *next)
{
	return txn_generate(&appends, state, random, arena, options, next);
}

static void
answered(struct call *call, const struct value *reply)
{
	txn_answered(&appends, call, reply);
}

static void
invoke(struct call *call)
{
	txn_invoke(call, answered);
}

const struct workload txn_list_append_workload = {
    .name = "txn-list-append",
    .summary =
	"transactions that read lists and append to them: strict serializable, or what --consistency-models says",
    .state_size = sizeof(struct txn_state),
    .generate = generate,
    .refuse = txn_refuse,
    .invoke = invoke,
    .catches_errors = true,
    .reusable = true,
    .check = check_list_append,
};
