/*
 * Planted: an element is sent to each peer once, when it is added, and then
 * forgotten: nobody waits for an acknowledgement.
 * To be found by g-set's checker, under :lost, when a partition swallows what
 * is on its way.
 */
#include "json_set.h"
#include "node.h"

struct g_set {
	struct json_set elements;
};

static void
handle_add(struct node *n, const struct message *m)
{
	struct g_set *s = node_state(n);
	json_t *element;

	if (!node_unpack(n, m, "{s:o}", "element", &element))
		return;
	json_set_add(&s->elements, element);
	for (int i = 0; i < node_count(n); i++)
		if (i != node_index(n))
			node_send(n, node_peer(n, i), json_pack("{s:s, s:O}", "type", "delta", "element", element));
	node_reply_type(n, m, "add_ok");
}

static void
handle_delta(struct node *n, const struct message *m)
{
	struct g_set *s = node_state(n);
	json_t *element;

	if (node_unpack(n, m, "{s:o}", "element", &element))
		json_set_add(&s->elements, element);
}

static void
handle_read(struct node *n, const struct message *m)
{
	struct g_set *s = node_state(n);

	node_reply(n, m, json_pack("{s:s, s:O}", "type", "read_ok", "value", s->elements.items));
}

static void
start(struct node *n)
{
	json_set_init(&((struct g_set *)node_state(n))->elements);
}

static void
stop(struct node *n)
{
	json_set_free(&((struct g_set *)node_state(n))->elements);
}

static const struct route routes[] = {
    {"add", handle_add},
    {"delta", handle_delta},
    {"read", handle_read},
    {NULL, NULL},
};

const struct program g_set_once_program = {
    .name = "g-set-once",
    .summary = "broken: forgets a delta once it is sent",
    .state_size = sizeof(struct g_set),
    .start = start,
    .stop = stop,
    .routes = routes,
};
