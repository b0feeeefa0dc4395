/*
 * Planted: a link that numbers its messages modulo sixteen, as one may where
 * messages cannot overtake each other. A neighbour gets one value a second, and
 * the same one again as long as it has not acknowledged its number. A copy that
 * is so late that sixteen values have passed it is taken for a new one: it is
 * acknowledged under the number of the value whose place it took, which is
 * never sent again.
 * Needs a value sent twice, and the first copy delivered between the sixteenth
 * value behind it and the seventeenth. To be found by a search, under :lost.
 * With --numbers 1000000000 the link is right.
 * (Bartlett, Scantlebury and Wilkinson, A Note on Reliable Full-Duplex
 * Transmission over Half-Duplex Links, 1969, with more than one bit.)
 */
#include <stdlib.h>

#include "json_set.h"
#include "memory.h"
#include "node.h"

#define TICK_MS 1000

/* To and from one other node. */
struct link {
	json_t *waiting; /* values for it, the first of which is on its way */
	int64_t sending; /* that one's number */
	int64_t awaited; /* the number of the next value from it */
};

struct state {
	int64_t numbers;
	struct json_set values;
	struct link *links; /* by index */
};

static void
carry(struct node *n, int to)
{
	struct state *state = node_state(n);
	struct link *link = &state->links[to];

	if (json_array_size(link->waiting) > 0)
		node_send(n, node_peer(n, to),
		    json_pack("{s:s, s:I, s:O}", "type", "carry", "number", (json_int_t)link->sending, "message",
			json_array_get(link->waiting, 0)));
}

static void
tick(struct node *n, void *arg)
{
	(void)arg;
	for (int i = 0; i < node_count(n); i++)
		carry(n, i);
}

static void
learn(struct node *n, json_t *value, int from)
{
	struct state *state = node_state(n);

	if (!json_set_add(&state->values, value))
		return;
	for (int i = 0; i < node_count(n); i++)
		if (i != node_index(n) && i != from)
			json_array_append(state->links[i].waiting, value);
}

/* ---- messages ------------------------------------------------------------- */

static void
handle_carry(struct node *n, const struct message *m)
{
	struct state *state = node_state(n);
	int from = node_find(n, m->src);
	json_int_t number;
	json_t *value;

	if (from < 0 || !node_unpack(n, m, "{s:I, s:o}", "number", &number, "message", &value))
		return;
	if (number == state->links[from].awaited) {
		state->links[from].awaited = (number + 1) % state->numbers;
		learn(n, value, from);
	}
	node_send(n, m->src, json_pack("{s:s, s:I}", "type", "carried", "number", number));
}

static void
handle_carried(struct node *n, const struct message *m)
{
	struct state *state = node_state(n);
	int from = node_find(n, m->src);
	struct link *link;
	json_int_t number;

	if (from < 0 || !node_unpack(n, m, "{s:I}", "number", &number))
		return;
	link = &state->links[from];
	if (json_array_size(link->waiting) == 0 || number != link->sending)
		return;
	json_array_remove(link->waiting, 0);
	link->sending = (link->sending + 1) % state->numbers;
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
	struct state *state = node_state(n);

	node_reply(n, m, json_pack("{s:s, s:O}", "type", "read_ok", "messages", state->values.items));
}

static void
handle_topology(struct node *n, const struct message *m)
{
	node_reply_type(n, m, "topology_ok");
}

/* ---- the program ---------------------------------------------------------- */

static void
start(struct node *n)
{
	struct state *state = node_state(n);

	json_set_init(&state->values);
	state->links = memory_zero((size_t)node_count(n) * sizeof(*state->links));
	for (int i = 0; i < node_count(n); i++)
		state->links[i].waiting = json_array();
	node_every(n, TICK_MS, tick, NULL, NULL);
}

static void
stop(struct node *n)
{
	struct state *state = node_state(n);

	for (int i = 0; i < node_count(n); i++)
		json_decref(state->links[i].waiting);
	json_set_free(&state->values);
	free(state->links);
}

static const struct route routes[] = {
    {"broadcast", handle_broadcast},
    {"read", handle_read},
    {"topology", handle_topology},
    {"carry", handle_carry},
    {"carried", handle_carried},
    {NULL, NULL},
};

static const struct option_spec options[] = {
    {"numbers", "how many there are before they begin anew", OPTION_INT, offsetof(struct state, numbers), 16, 2,
	1000000000, NULL},
    {0},
};

const struct program broadcast_window_program = {
    .name = "broadcast-window",
    .summary = "broken: numbers messages modulo sixteen where they can overtake each other",
    .state_size = sizeof(struct state),
    .start = start,
    .stop = stop,
    .routes = routes,
    .options = options,
};
