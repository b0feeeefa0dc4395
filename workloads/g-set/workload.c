/* A set that only grows (maelstrom.workload.g-set). */
#include <string.h>

#include "workload.h"

static const struct rpc add = {"add", "add_ok", {{0}}};
static const struct rpc read_set = {"read", "read_ok", {{"value", SCHEMA_ARRAY}}};

struct state {
	int64_t next; /* element */
};

static bool
generate(
    void *arg, struct random *random, struct arena *arena, const struct test_options *options, struct op_template *next)
{
	struct state *state = arg;
	bool adds = random_below(random, 2) == 0;

	(void)options;
	next->f = adds ? "add" : "read";
	next->value = adds ? value_int(arena, state->next++) : NULL;
	return true;
}

static void
added(struct call *call, const struct value *reply)
{
	(void)reply;
	call_ok(call, call_op(call)->value);
}

static void
has_read(struct call *call, const struct value *reply)
{
	call_ok(call, value_get(reply, "value"));
}

static void
invoke(struct call *call)
{
	struct value *fields;

	if (strcmp(call_op(call)->f, "read") == 0) {
		call_rpc(call, &read_set, NULL, 0, has_read);
		return;
	}
	fields = value_collection(call_arena(call), VALUE_MAP);
	value_put_string(call_arena(call), fields, "element", call_op(call)->value);
	call_rpc(call, &add, fields, 0, added);
}

static const struct promise promises[] = {
    {.node = "g-set",
	.faults = EVERYTHING,
	.variants = {{.args = ""}, {.args = "--gossip-ms 20"}, {.args = "--gossip-ms 1000"}}},
    {0},
};

static const char *const kinds[] = {"add", "read", NULL};

/* Final reads are not flagged as such here, and errors are not caught: so it is in Maelstrom. */
static const struct op_shape ops[] = {{"add", SHAPE_ANY}, {"read", SHAPE_ANY}, {NULL, SHAPE_ANY}};

const struct workload g_set_workload = {
    .name = "g-set",
    .summary = "a set that only grows: every added element is in every node's set in the end",
    .state_size = sizeof(struct state),
    .generate = generate,
    .final = {.f = "read"},
    .ops = ops,
    .invoke = invoke,
    .alive = {.kinds = kinds},
    .check = check_set_full,
    .promises = promises,
};
