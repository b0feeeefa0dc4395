/*
 * Transactions that read and write registers (maelstrom.workload.txn-rw-register,
 * with elle.rw-register's generator): txn-list-append's, in which a write
 * replaces what was there.
 */
#include "../txn-list-append/txn.h"

static const struct txn_kind writes = {"w", false};

static bool
generate(void *state, struct random *random, struct arena *arena, const struct test_options *options,
    struct op_template *next)
{
	return txn_generate(&writes, state, random, arena, options, next);
}

static void
answered(struct call *call, const struct value *reply)
{
	txn_answered(&writes, call, reply);
}

static void
invoke(struct call *call)
{
	txn_invoke(call, answered);
}

static const struct promise promises[] = {
    {.node = "txn-rw-register", .faults = EVERYTHING, .variants = {{.args = ""}, {"--lease", "clock"}}},
    {.node = "txn-rw-register-hat",
	.faults = EVERYTHING,
	.flags = "--consistency-models causal-cerone",
	.variants = {{.args = ""}, {.args = "--gossip-ms 20"}, {.args = "--gossip-ms 1000"}}},
    {.node = "txn-rw-register-mvcc", .faults = EVERYTHING, .flags = "--consistency-models strong-snapshot-isolation"},
    {0},
};

static const char *const kinds[] = {"txn", NULL};
static const char *const collisions[] = {"txn-conflict", NULL};

static const struct op_shape ops[] = {{"txn", SHAPE_TXN}, {NULL, SHAPE_ANY}};

const struct workload txn_rw_register_workload = {
    .name = "txn-rw-register",
    .summary = "transactions that read and write registers: strict serializable, or what --consistency-models says",
    .state_size = sizeof(struct txn_state),
    .generate = generate,
    .refuse = txn_refuse,
    .ops = ops,
    .invoke = invoke,
    .catches_errors = true,
    .reusable = true,
    .alive = {.kinds = kinds, .collisions = collisions},
    .check = check_rw_register,
    .promises = promises,
};
