/*
 * Planted: a counter that never tells anybody.
 * To be found by the counters' checker, under :errors, from two nodes on.
 */
#include "node.h"

struct counter {
	json_int_t value;
};

static void
handle_add(struct node *n, const struct message *m)
{
	struct counter *c = node_state(n);
	json_int_t delta;

	if (!node_unpack(n, m, "{s:I}", "delta", &delta))
		return;
	c->value += delta;
	node_reply_type(n, m, "add_ok");
}

static void
handle_read(struct node *n, const struct message *m)
{
	struct counter *c = node_state(n);

	node_reply(n, m, json_pack("{s:s, s:I}", "type", "read_ok", "value", c->value));
}

static const struct route routes[] = {{"add", handle_add}, {"read", handle_read}, {NULL, NULL}};

const struct program counter_island_program = {
    .name = "counter-island",
    .summary = "broken: keeps its count to itself",
    .state_size = sizeof(struct counter),
    .routes = routes,
};
