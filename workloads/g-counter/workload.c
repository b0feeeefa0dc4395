/* A counter that only goes up (maelstrom.workload.g-counter): the PN-counter's operations without negative deltas. */
#include "../pn-counter/counter.h"

static bool
generate(void *state, struct random *random, struct arena *arena, const struct test_options *options,
    struct op_template *next)
{
	(void)state, (void)options;
	do
		counter_draw(random, arena, next);
	while (next->value != NULL && next->value->integer < 0);
	return true;
}

static const struct promise promises[] = {
    {.node = "g-counter",
	.faults = EVERYTHING,
	.variants = {{.args = ""}, {.args = "--gossip-ms 20"}, {.args = "--gossip-ms 1000"}}},
    {.node = "g-counter-seq-kv", .faults = EVERYTHING},
    {0},
};

static const char *const kinds[] = {"add", "read", NULL};

static const struct op_shape ops[] = {{"add", SHAPE_INT}, {"read", SHAPE_ANY}, {NULL, SHAPE_ANY}};

const struct workload g_counter_workload = {
    .name = "g-counter",
    .summary = "a counter that only goes up: in the end every node reads the sum of all additions",
    .generate = generate,
    .final = {.f = "read", .flagged = true},
    .ops = ops,
    .invoke = counter_invoke,
    .alive = {.kinds = kinds},
    .check = check_counter,
    .promises = promises,
};
