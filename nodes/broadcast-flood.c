/*
 * Broadcast by flooding, the textbook's way: who learns a new value passes it
 * on to every neighbour but the one it came from, and repeats that until the
 * neighbour has acknowledged it.
 *
 * Promises: a broadcast is acknowledged at once, and every acknowledged value
 * reaches every node that a path of neighbours leads to, though messages are
 * lost, duplicated or reordered and partitions come and go: a value lost on a
 * link is sent again within two seconds of the link's return, and what was
 * seen before is not passed on again. Values are any JSON, and equal values are
 * one.
 *
 * Costs: each value crosses each link once or twice, and each crossing has
 * an acknowledgement. broadcast.c does with a tenth of that.
 *
 * Assumes: nodes do not lose their memory, and the neighbours of the topology
 * message make a connected graph. Before it comes all peers are neighbours.
 *
 * Source: Lynch, Distributed Algorithms (1996), section 4.1 (flooding), over
 * retransmission as in Cachin, Guerraoui and Rodrigues, Introduction to
 * Reliable and Secure Distributed Programming (2011), section 2.4 (stubborn
 * and perfect links).
 */
#include <stdlib.h>
#include <string.h>

#include "json_set.h"
#include "memory.h"
#include "node.h"

static const struct retry retry = {.initial_ms = 1000, .cap_ms = 2000, .give_up_ms = 60000};

struct flood {
	struct json_set values;
	bool *neighbours; /* by index */
};

/* A value on its way to a neighbour. */
struct passage {
	int to;
	json_t *value; /* owned */
};

/* ---- passing on ----------------------------------------------------------- */

static void passage_send(struct node *, void *);

static void
passage_free(void *arg)
{
	struct passage *passage = arg;

	json_decref(passage->value);
	free(passage);
}

/* Without an acknowledgement we begin anew: no value is ever given up. */
static void
passage_answered(struct node *n, const struct message *reply, void *arg)
{
	if (message_error(reply) == -1)
		passage_free(arg);
	else
		node_after(n, retry.cap_ms, passage_send, arg, passage_free);
}

static void
passage_send(struct node *n, void *arg)
{
	struct passage *passage = arg;
	json_t *body = json_pack("{s:s, s:O}", "type", "pass", "message", passage->value);

	node_rpc_retry(n, node_peer(n, passage->to), body, &retry, passage_answered, passage, passage_free);
}

static void
pass(struct node *n, int to, json_t *value)
{
	struct passage *passage = memory_alloc(sizeof(*passage));

	*passage = (struct passage){to, json_incref(value)};
	passage_send(n, passage);
}

/* Keeps a value and, if it is new, passes it on. `from` is a node's index, or -1. */
static void
learn(struct node *n, json_t *value, int from)
{
	struct flood *f = node_state(n);

	if (!json_set_add(&f->values, value))
		return;
	for (int i = 0; i < node_count(n); i++)
		if (f->neighbours[i] && i != from)
			pass(n, i, value);
}

/* ---- messages ------------------------------------------------------------- */

static void
handle_pass(struct node *n, const struct message *m)
{
	json_t *value;

	if (!node_unpack(n, m, "{s:o}", "message", &value))
		return;
	learn(n, value, node_find(n, m->src));
	node_reply_type(n, m, "pass_ok");
}

static void
handle_broadcast(struct node *n, const struct message *m)
{
	json_t *value;

	if (!node_unpack(n, m, "{s:o}", "message", &value))
		return;
	learn(n, value, -1);
	node_reply_type(n, m, "broadcast_ok");
}

static void
handle_read(struct node *n, const struct message *m)
{
	struct flood *f = node_state(n);

	node_reply(n, m, json_pack("{s:s, s:O}", "type", "read_ok", "messages", f->values.items));
}

/* False, and nothing changed, if `ids` is not an array of ids. Those of strangers are left out. */
static bool
set_neighbours(struct node *n, const json_t *ids)
{
	struct flood *f = node_state(n);
	json_t *id;
	size_t i;

	json_array_foreach (ids, i, id)
		if (!json_is_string(id))
			return false;
	if (!json_is_array(ids))
		return false;
	memset(f->neighbours, 0, (size_t)node_count(n) * sizeof(*f->neighbours));
	json_array_foreach (ids, i, id) {
		int peer = node_find(n, json_string_value(id));

		if (peer != -1 && peer != node_index(n))
			f->neighbours[peer] = true;
	}
	return true;
}

/* Takes our neighbours from {"n1": ["n2", ...], ...}. A topology that does not mention us changes nothing. */
static void
handle_topology(struct node *n, const struct message *m)
{
	json_t *topology, *ids;

	if (!node_unpack(n, m, "{s:o}", "topology", &topology))
		return;
	ids = json_object_get(topology, node_id(n));
	if (!json_is_object(topology) || (ids != NULL && !set_neighbours(n, ids)))
		node_error(n, m, ERROR_MALFORMED_REQUEST, "the topology is not a map of ids to arrays of ids");
	else
		node_reply_type(n, m, "topology_ok");
}

/* ---- the program ---------------------------------------------------------- */

static void
start(struct node *n)
{
	struct flood *f = node_state(n);

	json_set_init(&f->values);
	f->neighbours = memory_zero((size_t)node_count(n) * sizeof(*f->neighbours));
	for (int i = 0; i < node_count(n); i++)
		f->neighbours[i] = i != node_index(n);
}

static void
stop(struct node *n)
{
	struct flood *f = node_state(n);

	json_set_free(&f->values);
	free(f->neighbours);
}

static const struct route routes[] = {
    {"broadcast", handle_broadcast},
    {"read", handle_read},
    {"topology", handle_topology},
    {"pass", handle_pass},
    {NULL, NULL},
};

const struct program broadcast_flood_program = {
    .name = "broadcast-flood",
    .summary = "broadcast by flooding over the given topology, with acknowledgement and retry",
    .state_size = sizeof(struct flood),
    .start = start,
    .stop = stop,
    .routes = routes,
};
