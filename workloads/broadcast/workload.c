/* Values told to one node reach all (maelstrom.workload.broadcast). */
#include <string.h>

#include "workload.h"

static const struct rpc set_topology = {"topology", "topology_ok", {{0}}};
static const struct rpc broadcast = {"broadcast", "broadcast_ok", {{0}}};
static const struct rpc read_messages = {"read", "read_ok", {{"messages", SCHEMA_ARRAY}}};

struct state {
	int64_t next; /* message */
};

static bool
generate(
    void *arg, struct random *random, struct arena *arena, const struct test_options *options, struct op_template *next)
{
	struct state *state = arg;
	bool tells = random_below(random, 2) == 0;

	(void)options;
	next->f = tells ? "broadcast" : "read";
	next->value = tells ? value_int(arena, state->next++) : NULL;
	return true;
}

/* ---- topologies, in Maelstrom's order of neighbours -------------------------- */

struct builder {
	struct arena *arena;
	const char *const *nodes;
	int count;
	struct value *list; /* of the node at hand */
};

/* Out of bounds: no neighbour. */
static void
neighbour(struct builder *b, int i)
{
	if (i >= 0 && i < b->count)
		value_push(b->arena, b->list, value_string(b->arena, b->nodes[i]));
}

static void
line_neighbours(struct builder *b, int i)
{
	neighbour(b, i - 1);
	neighbour(b, i + 1);
}

/* Rows of `side`, the last one may be short. */
static void
grid_neighbours(struct builder *b, int i)
{
	int side = 0;

	while (side * side < b->count)
		side++;
	neighbour(b, i + side);
	neighbour(b, i - side);
	neighbour(b, i % side < side - 1 ? i + 1 : -1);
	neighbour(b, i % side > 0 ? i - 1 : -1);
}

/* A heap: the parent first, then the children. */
static void
tree_neighbours(struct builder *b, int i, int branches)
{
	neighbour(b, i > 0 ? (i - 1) / branches : -1);
	for (int child = 1; child <= branches; child++)
		neighbour(b, i * branches + child);
}

static void
total_neighbours(struct builder *b, int i)
{
	for (int other = 0; other < b->count; other++)
		neighbour(b, other != i ? other : -1);
}

static void
neighbours(struct builder *b, enum topology topology, int i)
{
	switch (topology) {
	case TOPOLOGY_LINE:
		line_neighbours(b, i);
		break;
	case TOPOLOGY_GRID:
		grid_neighbours(b, i);
		break;
	case TOPOLOGY_TREE2:
	case TOPOLOGY_TREE3:
	case TOPOLOGY_TREE4:
		tree_neighbours(b, i, 2 + (int)(topology - TOPOLOGY_TREE2));
		break;
	case TOPOLOGY_TOTAL:
		total_neighbours(b, i);
		break;
	}
}

static const struct value *
topology_value(struct arena *arena, enum topology topology, const char *const *nodes, int count)
{
	struct value *map = value_collection(arena, VALUE_MAP);
	struct builder b = {.arena = arena, .nodes = nodes, .count = count};

	if (topology == TOPOLOGY_LINE && count < 2)
		return map;
	for (int i = 0; i < count; i++) {
		b.list = value_collection(arena, VALUE_VECTOR);
		neighbours(&b, topology, i);
		value_put_string(arena, map, nodes[i], b.list);
	}
	return map;
}

static const struct value *
setup(struct arena *arena, const struct test_options *options, const struct rpc **rpc)
{
	struct value *body = value_collection(arena, VALUE_MAP);

	*rpc = &set_topology;
	value_put_string(arena, body, "type", value_string(arena, set_topology.request));
	value_put_string(
	    arena, body, "topology", topology_value(arena, options->topology, options->nodes, options->node_count));
	return body;
}

/* ---- the client --------------------------------------------------------------- */

static void
told(struct call *call, const struct value *reply)
{
	(void)reply;
	call_ok(call, call_op(call)->value);
}

static void
has_read(struct call *call, const struct value *reply)
{
	call_ok(call, value_get(reply, "messages"));
}

static void
invoke(struct call *call)
{
	struct value *fields;

	if (strcmp(call_op(call)->f, "read") == 0) {
		call_rpc(call, &read_messages, NULL, 0, has_read);
		return;
	}
	fields = value_collection(call_arena(call), VALUE_MAP);
	value_put_string(call_arena(call), fields, "message", call_op(call)->value);
	call_rpc(call, &broadcast, fields, 0, told);
}

static const char *const idempotent[] = {"read", NULL};

static const struct promise promises[] = {
    {.node = "broadcast",
	.faults = EVERYTHING,
	.variants = {{.args = ""}, {.args = "--batch-ms 0"}, {.args = "--batch-ms 1000"}}},
    {.node = "broadcast-flood", .faults = EVERYTHING, .flags = "--rate 5 --message-budget 1000"},
    {0},
};

static const char *const kinds[] = {"broadcast", "read", NULL};

static const struct op_shape ops[] = {{"broadcast", SHAPE_ANY}, {"read", SHAPE_ANY}, {NULL, SHAPE_ANY}};

const struct workload broadcast_workload = {
    .name = "broadcast",
    .summary = "values told to one node reach all, in spite of partitions",
    .state_size = sizeof(struct state),
    .generate = generate,
    .final = {.f = "read", .flagged = true},
    .setup = setup,
    .ops = ops,
    .invoke = invoke,
    .catches_errors = true,
    .idempotent = idempotent,
    .alive = {.kinds = kinds},
    .check = check_broadcast,
    .promises = promises,
};
