/*
 * Planted: a counter of operations, not of states: every add is told to all
 * peers, and told again until it is acknowledged, and who hears it adds it,
 * however often it hears it.
 * To be found by the counters' checker, under :errors, when latency makes an
 * acknowledgement later than the next attempt.
 */
#include "node.h"

#define RETRY_MS 50

static const struct retry retry = {.initial_ms = RETRY_MS, .cap_ms = RETRY_MS};

struct counter {
	json_int_t value;
};

static void
acknowledged(struct node *n, const struct message *reply, void *arg)
{
	(void)n;
	(void)reply;
	(void)arg;
}

static void
handle_add(struct node *n, const struct message *m)
{
	struct counter *c = node_state(n);
	json_int_t delta;

	if (!node_unpack(n, m, "{s:I}", "delta", &delta))
		return;
	c->value += delta;
	for (int i = 0; i < node_count(n); i++)
		if (i != node_index(n))
			node_rpc_retry(n, node_peer(n, i), json_pack("{s:s, s:I}", "type", "apply", "delta", delta),
			    &retry, acknowledged, NULL, NULL);
	node_reply_type(n, m, "add_ok");
}

static void
handle_apply(struct node *n, const struct message *m)
{
	struct counter *c = node_state(n);
	json_int_t delta;

	if (!node_unpack(n, m, "{s:I}", "delta", &delta))
		return;
	c->value += delta;
	node_reply_type(n, m, "apply_ok");
}

static void
handle_read(struct node *n, const struct message *m)
{
	struct counter *c = node_state(n);

	node_reply(n, m, json_pack("{s:s, s:I}", "type", "read_ok", "value", c->value));
}

static const struct route routes[] = {
    {"add", handle_add},
    {"apply", handle_apply},
    {"read", handle_read},
    {NULL, NULL},
};

const struct program counter_twice_program = {
    .name = "counter-twice",
    .summary = "broken: applies what it hears, and hears retries too",
    .state_size = sizeof(struct counter),
    .routes = routes,
};
