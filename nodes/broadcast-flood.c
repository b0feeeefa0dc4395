/*
 * Broadcast by flooding, the textbook's way: who learns a new value passes it
 * on to every neighbour but the one it came from, and repeats that until the
 * neighbour has acknowledged it.
 *
 * Promises: a broadcast is acknowledged at once, and every acknowledged value
 * reaches every node that a path of neighbours leads to, though messages are
 * lost, duplicated or reordered and partitions come and go: a value lost on a
 * link is sent again within four seconds of the link's return, and what was
 * seen before is not passed on again. Values are any JSON, and equal values are
 * one.
 *
 * Costs: each value crosses each link once or twice, and each crossing has
 * an acknowledgement. broadcast.c does with a fiftieth of that.
 *
 * Kills: with --data-dir values are on disk before a client or a neighbour
 * hears that they have arrived, and so is the topology. Who has passed a value
 * on to whom is not: after a restart a node passes everything on again, all in
 * one message a neighbour, and the promises hold through kills of any nodes.
 * Without, a killed node forgets. Once it is back it asks its neighbours for
 * all they have, and what it had passed on before reaches it as well if that
 * arrives only then; lost is an acknowledged value that no neighbour is ever
 * given, or all that had it were killed. Its neighbours are all peers until it
 * is told a topology again.
 *
 * Assumes: the neighbours of the topology message make a connected graph.
 * Before it comes all peers are neighbours.
 *
 * Source: Lynch, Distributed Algorithms (1996), section 4.1 (flooding), over
 * retransmission as in Cachin, Guerraoui and Rodrigues, Introduction to
 * Reliable and Secure Distributed Programming (2011), section 2.4 (stubborn
 * and perfect links).
 */
#include <stdlib.h>
#include <string.h>

#include "durable.h"
#include "json_set.h"
#include "memory.h"
#include "node.h"

#define VALUES_MAX 4096 /* in one message */
#define ASK_MS     1500 /* after a start without memory: by then there is a topology, if there will be one */

static const struct retry retry = {.initial_ms = 1000, .cap_ms = 2000, .give_up_ms = 60000};
static const struct retry retry_ask = {.initial_ms = 1000, .cap_ms = 5000, .give_up_ms = 60000};

struct flood {
	struct json_set values;
	bool *neighbours; /* by index */
	int64_t *lives;   /* by index: in which one (durable.h) it has asked us; 0: it has not; -1: in several, and */
			  /* an ask may come late as well: nobody can tell which one is the last */
	struct durable durable;
};

/* Values on their way to a neighbour; none: it is asked for its own. */
struct passage {
	int to;
	json_t *values; /* owned */
};

/* ---- passing on ----------------------------------------------------------- */

static void passage_send(struct node *, void *);

static void
passage_free(void *arg)
{
	struct passage *passage = arg;

	json_decref(passage->values);
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
	struct flood *f = node_state(n);
	struct passage *passage = arg;
	const struct retry *again = passage->values != NULL ? &retry : &retry_ask;
	json_t *body = json_pack("{s:s, s:O*, s:I}", "type", passage->values != NULL ? "pass" : "ask", "messages",
	    passage->values, "life", (json_int_t)f->durable.life);

	node_rpc_retry(n, node_peer(n, passage->to), body, again, passage_answered, passage, passage_free);
}

static void
pass(struct node *n, int to, json_t *values)
{
	struct passage *passage = memory_alloc(sizeof(*passage));

	*passage = (struct passage){to, json_incref(values)};
	passage_send(n, passage);
}

/* The next of our values, from *first on, which is moved behind them. */
static json_t *
next_values(struct node *n, size_t *first)
{
	struct flood *f = node_state(n);
	json_t *values = json_array();

	for (; *first < json_set_size(&f->values) && json_array_size(values) < VALUES_MAX; ++*first)
		if (json_array_append(values, json_set_item(&f->values, *first)) == -1)
			memory_exhausted();
	return values;
}

/* Passes on our values from there on, but not to where they came from: a node's index, or -1. */
static void
pass_on(struct node *n, size_t first, int from)
{
	struct flood *f = node_state(n);

	while (first < json_set_size(&f->values)) {
		json_t *values = next_values(n, &first);

		for (int i = 0; i < node_count(n); i++)
			if (f->neighbours[i] && i != from)
				pass(n, i, values);
		json_decref(values);
	}
}

/* Keeps values and passes on those that are new. `from` is a node's index, or -1. */
static void
learn(struct node *n, const json_t *values, int from)
{
	struct flood *f = node_state(n);
	size_t before = json_set_size(&f->values), i;
	json_t *value;

	json_array_foreach (values, i, value)
		if (json_set_add(&f->values, value))
			durable_append(&f->durable, n, json_pack("{s:O}", "message", value));
	pass_on(n, before, from);
}

static void
ask_neighbours(struct node *n, void *arg)
{
	struct flood *f = arg;

	for (int i = 0; i < node_count(n); i++)
		if (f->neighbours[i])
			pass(n, i, NULL);
}

/* ---- messages ------------------------------------------------------------- */

/* Who has passed it on; -1: nobody who has it still, for that was in a life before the one in which it asked us. */
static int
who_has_it(struct node *n, const struct message *m, int64_t life)
{
	const struct flood *f = node_state(n);
	int from = node_find(n, m->src);

	return from != -1 && f->lives[from] != 0 && f->lives[from] != life ? -1 : from;
}

static void
handle_pass(struct node *n, const struct message *m)
{
	json_int_t life;
	json_t *values;

	if (!node_unpack(n, m, "{s:o, s:I}", "messages", &values, "life", &life))
		return;
	if (!json_is_array(values)) {
		node_error(n, m, ERROR_MALFORMED_REQUEST, "messages is not an array");
		return;
	}
	learn(n, values, who_has_it(n, m, life));
	node_reply_type(n, m, "pass_ok");
}

static void
handle_ask(struct node *n, const struct message *m)
{
	struct flood *f = node_state(n);
	int from = node_find(n, m->src);
	json_int_t life;

	if (!node_unpack(n, m, "{s:I}", "life", &life))
		return;
	if (from != -1)
		f->lives[from] = f->lives[from] == 0 || f->lives[from] == life ? life : -1;
	for (size_t i = 0; from != -1 && i < json_set_size(&f->values);) {
		json_t *values = next_values(n, &i);

		pass(n, from, values);
		json_decref(values);
	}
	node_reply_type(n, m, "ask_ok");
}

static void
handle_broadcast(struct node *n, const struct message *m)
{
	json_t *value, *values;

	if (!node_unpack(n, m, "{s:o}", "message", &value))
		return;
	values = json_pack("[O]", value);
	learn(n, values, -1);
	json_decref(values);
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

static json_t *
pack_neighbours(struct node *n)
{
	struct flood *f = node_state(n);
	json_t *ids = json_array();

	for (int i = 0; i < node_count(n); i++)
		if (f->neighbours[i] && json_array_append_new(ids, json_string(node_peer(n, i))) == -1)
			memory_exhausted();
	return json_pack("{s:o}", "neighbours", ids);
}

/* Takes our neighbours from {"n1": ["n2", ...], ...}. A topology that does not mention us changes nothing. */
static void
handle_topology(struct node *n, const struct message *m)
{
	struct flood *f = node_state(n);
	json_t *topology, *ids;

	if (!node_unpack(n, m, "{s:o}", "topology", &topology))
		return;
	ids = json_object_get(topology, node_id(n));
	if (!json_is_object(topology) || (ids != NULL && !set_neighbours(n, ids))) {
		node_error(n, m, ERROR_MALFORMED_REQUEST, "the topology is not a map of ids to arrays of ids");
		return;
	}
	durable_append(&f->durable, n, pack_neighbours(n));
	node_reply_type(n, m, "topology_ok");
}

/* ---- durable state ----------------------------------------------------------- */

/* A record is {"message": value} or {"neighbours": [ids]}. */
static bool
load(struct node *n, json_t *record)
{
	json_t *value = json_object_get(record, "message"), *ids = json_object_get(record, "neighbours");

	if (value == NULL)
		return set_neighbours(n, ids);
	json_set_add(&((struct flood *)node_state(n))->values, value);
	return true;
}

static json_t *
records(struct node *n)
{
	struct flood *f = node_state(n);
	json_t *all = json_pack("[o]", pack_neighbours(n));

	for (size_t i = 0; i < json_set_size(&f->values); i++)
		if (json_array_append_new(all, json_pack("{s:O}", "message", json_set_item(&f->values, i))) == -1)
			memory_exhausted();
	return all;
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
	f->lives = memory_zero((size_t)node_count(n) * sizeof(*f->lives));
	durable_start(&f->durable, n, load, records);
	if (f->durable.remembers)
		pass_on(n, 0, -1);
	else
		node_after(n, ASK_MS, ask_neighbours, f, NULL);
}

static void
stop(struct node *n)
{
	struct flood *f = node_state(n);

	json_set_free(&f->values);
	free(f->neighbours);
	free(f->lives);
}

static const struct route routes[] = {
    {"broadcast", handle_broadcast},
    {"read", handle_read},
    {"topology", handle_topology},
    {"pass", handle_pass},
    {"ask", handle_ask},
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
