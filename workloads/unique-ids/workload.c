/* Ids that are given out once (maelstrom.workload.unique-ids). */
#include "workload.h"

static const struct rpc generate_id = {"generate", "generate_ok", {{"id", SCHEMA_ANY}}};

static bool
generate(void *state, struct random *random, struct arena *arena, const struct test_options *options,
    struct op_template *next)
{
	(void)state, (void)random, (void)arena, (void)options;
	next->f = "generate";
	return true;
}

static void
generated(struct call *call, const struct value *reply)
{
	call_ok(call, value_get(reply, "id"));
}

static void
invoke(struct call *call)
{
	call_rpc(call, &generate_id, NULL, 0, generated);
}

static const struct promise promises[] = {
    {.node = "unique-ids", .faults = EVERYTHING},
    {0},
};

static const char *const kinds[] = {"generate", NULL};

static const struct op_shape ops[] = {{"generate", SHAPE_ANY}, {NULL, SHAPE_ANY}};

const struct workload unique_ids_workload = {
    .name = "unique-ids",
    .summary = "every id that any node gives out is a new one",
    .generate = generate,
    .ops = ops,
    .invoke = invoke,
    .catches_errors = true,
    .reusable = true,
    .alive = {.kinds = kinds},
    .check = check_unique_ids,
    .promises = promises,
};
