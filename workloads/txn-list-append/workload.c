/*
 * Transactions that read and append to lists (maelstrom.workload.txn-list-append,
 * with elle.list-append's generator). As nothing is appended twice, a list says
 * in which order all its appends took effect: that is what makes the check sharp.
 *
 * The code that both transactional workloads share is here too (txn.h).
 */
#include "txn.h"

#include <string.h>

#define LENGTH_MAX 65536 /* operations in a transaction */

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

static const struct value *
draw_mop(const struct txn_kind *kind, struct txn_state *state, struct random *random, struct arena *arena)
{
	struct key_draw draw = key_pool_draw(&state->keys, random);
	const struct value *key = value_int(arena, draw.key);

	return draw.writes ? make_mop(arena, kind->write, key, value_int(arena, draw.value))
			   : make_mop(arena, "r", key, &value_nil);
}

bool
txn_generate(const struct txn_kind *kind, struct txn_state *state, struct random *random, struct arena *arena,
    const struct test_options *options, struct op_template *next)
{
	uint64_t length = 1 + random_below(random, (uint64_t)options->max_txn_length);
	struct value *txn = value_collection(arena, VALUE_VECTOR);

	if (state->keys.count == 0)
		key_pool_init(&state->keys, arena, options->key_count, options->max_writes_per_key);
	while (txn->count < length)
		value_push(arena, txn, draw_mop(kind, state, random, arena));
	next->f = "txn";
	next->value = txn;
	return true;
}

const char *
txn_refuse(struct arena *arena, const struct test_options *options)
{
	if (options->key_count > KEY_POOL_COUNT_MAX)
		return arena_printf(arena,
		    "transactions cannot draw from more than %d keys: give less with --key-count", KEY_POOL_COUNT_MAX);
	if (options->max_txn_length > LENGTH_MAX)
		return arena_printf(arena,
		    "transactions cannot have more than %d operations: give less with --max-txn-length", LENGTH_MAX);
	return NULL;
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

static const struct promise promises[] = {
    {.node = "txn-list-append", .faults = EVERYTHING, .variants = {{.args = ""}, {"--lease", "clock"}}},
    {.node = "txn-list-append-datomic",
	.faults = EVERYTHING,
	.variants = {{.args = ""}, {.args = "--recent 0"}, {.args = "--recent 4"}}},
    {.node = "txn-list-append-mvcc", .faults = EVERYTHING, .flags = "--consistency-models strong-snapshot-isolation"},
    {0},
};

static const char *const kinds[] = {"txn", NULL};
static const char *const collisions[] = {"txn-conflict", NULL};

static const struct op_shape ops[] = {{"txn", SHAPE_TXN}, {NULL, SHAPE_ANY}};

const struct workload txn_list_append_workload = {
    .name = "txn-list-append",
    .summary =
	"transactions that read lists and append to them: strict serializable, or what --consistency-models says",
    .state_size = sizeof(struct txn_state),
    .generate = generate,
    .refuse = txn_refuse,
    .ops = ops,
    .invoke = invoke,
    .catches_errors = true,
    .reusable = true,
    .alive = {.kinds = kinds, .collisions = collisions},
    .check = check_list_append,
    .promises = promises,
};
