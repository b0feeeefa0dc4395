/*
 * Planted: the nodes share one number, and merge by taking the greater of two:
 * of adds that happen at the same time only one counts.
 * To be found by the counters' checker, under :errors.
 */
#include "node.h"

#define GOSSIP_MS 200

struct counter {
	json_int_t value;
};

static void
gossip(struct node *n, void *arg)
{
	struct counter *c = node_state(n);

	(void)arg;
	for (int i = 0; i < node_count(n); i++)
		if (i != node_index(n))
			node_send(n, node_peer(n, i), json_pack("{s:s, s:I}", "type", "merge", "value", c->value));
}

static void
handle_merge(struct node *n, const struct message *m)
{
	struct counter *c = node_state(n);
	json_int_t value;

	if (node_unpack(n, m, "{s:I}", "value", &value) && value > c->value)
		c->value = value;
}

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

static void
start(struct node *n)
{
	node_every(n, GOSSIP_MS, gossip, NULL, NULL);
}

static const struct route routes[] = {
    {"add", handle_add},
    {"merge", handle_merge},
    {"read", handle_read},
    {NULL, NULL},
};

const struct program counter_maximum_program = {
    .name = "counter-maximum",
    .summary = "broken: merges totals by maximum",
    .state_size = sizeof(struct counter),
    .start = start,
    .routes = routes,
};
