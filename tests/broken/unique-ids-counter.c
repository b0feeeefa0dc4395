/*
 * Planted: ids are a counter that begins at one on every node, and nothing
 * tells the nodes apart.
 * To be found by unique-ids' checker, under :duplicated, from two nodes on.
 */
#include "node.h"

struct counter {
	json_int_t count;
};

static void
handle_generate(struct node *n, const struct message *m)
{
	struct counter *c = node_state(n);

	node_reply(n, m, json_pack("{s:s, s:I}", "type", "generate_ok", "id", ++c->count));
}

static const struct route routes[] = {{"generate", handle_generate}, {NULL, NULL}};

const struct program unique_ids_counter_program = {
    .name = "unique-ids-counter",
    .summary = "broken: every node counts from one",
    .state_size = sizeof(struct counter),
    .routes = routes,
};
