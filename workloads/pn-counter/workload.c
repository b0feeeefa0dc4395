/* A counter that goes up and down (maelstrom.workload.pn-counter). Errors are not caught: so it is in Maelstrom. */
#include <string.h>

#include "counter.h"

static const struct rpc add = {"add", "add_ok", {{0}}};
static const struct rpc read_counter = {"read", "read_ok", {{"value", SCHEMA_INT}}};

void
counter_draw(struct random *random, struct arena *arena, struct op_template *next)
{
	bool adds = random_below(random, 2) == 0;

	next->f = adds ? "add" : "read";
	next->value = adds ? value_int(arena, (int64_t)random_below(random, 10) - 5) : NULL;
}

static void
added(struct call *call, const struct value *reply)
{
	(void)reply;
	call_ok(call, call_op(call)->value);
}

/* Maelstrom's client wants a long. */
static void
has_read(struct call *call, const struct value *reply)
{
	const struct value *value = value_get(reply, "value");

	if (value->type == VALUE_INT)
		call_ok(call, value);
	else
		call_throw(call, "java.lang.IllegalArgumentException", "Value out of range for long: %s", value->text);
}

void
counter_invoke(struct call *call)
{
	struct value *fields;

	if (strcmp(call_op(call)->f, "read") == 0) {
		call_rpc(call, &read_counter, NULL, 0, has_read);
		return;
	}
	fields = value_collection(call_arena(call), VALUE_MAP);
	value_put_string(call_arena(call), fields, "delta", call_op(call)->value);
	call_rpc(call, &add, fields, 0, added);
}

static bool
generate(void *state, struct random *random, struct arena *arena, const struct test_options *options,
    struct op_template *next)
{
	(void)state, (void)options;
	counter_draw(random, arena, next);
	return true;
}

static const struct promise promises[] = {
    {.node = "pn-counter",
	.faults = EVERYTHING,
	.variants = {{.args = ""}, {.args = "--gossip-ms 20"}, {.args = "--gossip-ms 1000"}}},
    {0},
};

static const char *const kinds[] = {"add", "read", NULL};

static const struct op_shape ops[] = {{"add", SHAPE_INT}, {"read", SHAPE_ANY}, {NULL, SHAPE_ANY}};

const struct workload pn_counter_workload = {
    .name = "pn-counter",
    .summary = "a counter that goes up and down: in the end every node reads the sum of all changes",
    .generate = generate,
    .final = {.f = "read", .flagged = true},
    .ops = ops,
    .invoke = counter_invoke,
    .alive = {.kinds = kinds},
    .check = check_counter,
    .promises = promises,
};
