/*
 * Planted: a node that hears of a peer's set takes it for its own, instead of
 * the union of both: elements vanish by merging.
 * To be found by g-set's checker, under :lost.
 */
#include "node.h"

#define GOSSIP_MS 200

struct g_set {
	json_t *elements; /* an array */
};

static void
gossip(struct node *n, void *arg)
{
	struct g_set *s = node_state(n);
	int peer = (int)node_random(n, (uint64_t)node_count(n));

	(void)arg;
	if (peer != node_index(n))
		node_send(n, node_peer(n, peer), json_pack("{s:s, s:O}", "type", "merge", "elements", s->elements));
}

static void
handle_merge(struct node *n, const struct message *m)
{
	struct g_set *s = node_state(n);
	json_t *elements;

	if (!node_unpack(n, m, "{s:o}", "elements", &elements))
		return;
	json_decref(s->elements);
	s->elements = json_incref(elements);
}

static void
handle_add(struct node *n, const struct message *m)
{
	struct g_set *s = node_state(n);
	json_t *element;

	if (!node_unpack(n, m, "{s:o}", "element", &element))
		return;
	json_array_append(s->elements, element);
	node_reply_type(n, m, "add_ok");
}

static void
handle_read(struct node *n, const struct message *m)
{
	struct g_set *s = node_state(n);

	node_reply(n, m, json_pack("{s:s, s:O}", "type", "read_ok", "value", s->elements));
}

static void
start(struct node *n)
{
	((struct g_set *)node_state(n))->elements = json_array();
	node_every(n, GOSSIP_MS, gossip, NULL, NULL);
}

static void
stop(struct node *n)
{
	json_decref(((struct g_set *)node_state(n))->elements);
}

static const struct route routes[] = {
    {"add", handle_add},
    {"merge", handle_merge},
    {"read", handle_read},
    {NULL, NULL},
};

const struct program g_set_overwrites_program = {
    .name = "g-set-overwrites",
    .summary = "broken: merges by replacing",
    .state_size = sizeof(struct g_set),
    .start = start,
    .stop = stop,
    .routes = routes,
};
