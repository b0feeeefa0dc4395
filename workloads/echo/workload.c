/* A message comes back as it was sent (maelstrom.workload.echo). */
#include "workload.h"

static const struct rpc echo = {"echo", "echo_ok", {{"echo", SCHEMA_ANY}}};

static bool
generate(void *state, struct random *random, struct arena *arena, const struct test_options *options,
    struct op_template *next)
{
	(void)state, (void)options;
	next->f = "echo";
	next->value = value_printf(arena, "Please echo %d", (int)random_below(random, 128));
	return true;
}

/* The checker looks into the whole reply. */
static void
echoed(struct call *call, const struct value *reply)
{
	call_ok(call, reply);
}

static void
invoke(struct call *call)
{
	struct value *fields = value_collection(call_arena(call), VALUE_MAP);

	value_put_string(call_arena(call), fields, "echo", call_op(call)->value);
	call_rpc(call, &echo, fields, 0, echoed);
}

static const struct promise promises[] = {
    {.node = "echo", .faults = EVERYTHING},
    {0},
};

static const char *const kinds[] = {"echo", NULL};

static const struct op_shape ops[] = {{"echo", SHAPE_ANY}, {NULL, SHAPE_ANY}};

const struct workload echo_workload = {
    .name = "echo",
    .summary = "a message comes back as it was sent",
    .generate = generate,
    .each_thread = true,
    .ops = ops,
    .invoke = invoke,
    .catches_errors = true,
    .alive = {.kinds = kinds},
    .check = check_echo,
    .promises = promises,
};
