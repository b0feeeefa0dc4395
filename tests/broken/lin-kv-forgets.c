/*
 * Planted: at-most-once calls with a memory that is too short. The first node
 * has all values; the others ask it, one request at a time, and repeat a
 * request that is not answered. It remembers the answers to the last sixteen
 * requests of each node, by their numbers, and gives a copy of one of these the
 * same answer. A copy that is later than that is performed once more.
 * Needs a change sent twice, and a copy delivered after sixteen more requests of
 * the same node, when the value has changed again. To be found by a search, by
 * the check of linearizability.
 * With --remembers 1000000 it is right.
 * (Birrell and Nelson, Implementing Remote Procedure Calls, 1984, section 3.2:
 * what may be forgotten, and when.)
 */
#include <stdlib.h>

#include "memory.h"
#include "node.h"
#include "register.h"

#define AGAIN_MS 700

/* A request of a client, kept until it is answered. */
struct asked {
	struct asked *next;
	struct request *request;
	json_t *what; /* {"key", "command"} */
};

struct state {
	int64_t remembers;
	json_t *values;   /* the first node's, by the key's text */
	json_t **answers; /* by node: its last ones, {"number", "reply"} */

	struct asked *first, **last; /* the first is on its way */
	int64_t number;              /* of it */
};

/* ---- the first node ------------------------------------------------------------- */

/* The reply to a client's request, which says on which key it does what. */
static json_t *
perform(struct state *state, const json_t *asked)
{
	char *key = json_dumps(json_object_get(asked, "key"), JSON_ENCODE_ANY | JSON_SORT_KEYS);
	json_t *change = NULL, *reply;

	if (key == NULL)
		memory_exhausted();
	reply = register_apply(json_object_get(asked, "command"), json_object_get(state->values, key), &change);
	if (change != NULL)
		json_object_set_new(state->values, key, change);
	free(key);
	return reply;
}

/* The answer to that request of a node, if it is remembered. */
static json_t *
recall(const json_t *answers, json_int_t number)
{
	json_t *answer;
	size_t i;

	json_array_foreach (answers, i, answer)
		if (json_integer_value(json_object_get(answer, "number")) == number)
			return json_object_get(answer, "reply");
	return NULL;
}

static void
remember(struct state *state, json_t *answers, json_int_t number, json_t *reply)
{
	json_array_append_new(answers, json_pack("{s:I, s:O}", "number", number, "reply", reply));
	if (json_array_size(answers) > (size_t)state->remembers)
		json_array_remove(answers, 0);
}

static void
handle_perform(struct node *n, const struct message *m)
{
	struct state *state = node_state(n);
	int from = node_find(n, m->src);
	json_int_t number;
	json_t *asked, *reply;

	if (from < 0 || !node_unpack(n, m, "{s:I, s:o}", "number", &number, "asked", &asked))
		return;
	reply = json_incref(recall(state->answers[from], number));
	if (reply == NULL) {
		reply = perform(state, asked);
		remember(state, state->answers[from], number, reply);
	}
	node_send(n, m->src, json_pack("{s:s, s:I, s:o}", "type", "performed", "number", number, "reply", reply));
}

/* ---- all others ------------------------------------------------------------------- */

static void
ask(struct node *n)
{
	struct state *state = node_state(n);

	if (state->first != NULL)
		node_send(n, node_peer(n, 0),
		    json_pack("{s:s, s:I, s:O}", "type", "perform", "number", (json_int_t)state->number, "asked",
			state->first->what));
}

static void
ask_again(struct node *n, void *arg)
{
	(void)arg;
	ask(n);
}

static struct asked *
take_first(struct state *state)
{
	struct asked *asked = state->first;

	state->first = asked->next;
	if (state->first == NULL)
		state->last = &state->first;
	return asked;
}

static void
handle_performed(struct node *n, const struct message *m)
{
	struct state *state = node_state(n);
	struct asked *asked;
	json_int_t number;
	json_t *reply;

	if (!node_unpack(n, m, "{s:I, s:o}", "number", &number, "reply", &reply))
		return;
	if (state->first == NULL || number != state->number)
		return;
	asked = take_first(state);
	request_reply(asked->request, json_incref(reply));
	json_decref(asked->what);
	free(asked);
	state->number++;
	ask(n);
}

static void
queue(struct node *n, const struct message *m, json_t *what)
{
	struct state *state = node_state(n);
	struct asked *asked = memory_zero(sizeof(*asked));

	asked->request = node_defer(n, m);
	asked->what = what;
	*state->last = asked;
	state->last = &asked->next;
	if (state->first == asked)
		ask(n);
}

static void
handle_client(struct node *n, const struct message *m)
{
	json_t *key, *command = register_command(n, m, &key), *what;

	if (command == NULL)
		return;
	what = json_pack("{s:O, s:o}", "key", key, "command", command);
	if (node_index(n) != 0) {
		queue(n, m, what);
		return;
	}
	node_reply(n, m, perform(node_state(n), what));
	json_decref(what);
}

/* ---- the program ---------------------------------------------------------- */

static void
start(struct node *n)
{
	struct state *state = node_state(n);

	state->values = json_object();
	state->answers = memory_zero((size_t)node_count(n) * sizeof(*state->answers));
	for (int i = 0; i < node_count(n); i++)
		state->answers[i] = json_array();
	state->last = &state->first;
	if (node_index(n) != 0)
		node_every(n, AGAIN_MS, ask_again, NULL, NULL);
}

static void
stop(struct node *n)
{
	struct state *state = node_state(n);

	while (state->first != NULL) {
		struct asked *asked = take_first(state);

		json_decref(asked->what);
		free(asked);
	}
	for (int i = 0; i < node_count(n); i++)
		json_decref(state->answers[i]);
	free(state->answers);
	json_decref(state->values);
}

static const struct route routes[] = {
    {"read", handle_client},
    {"write", handle_client},
    {"cas", handle_client},
    {"perform", handle_perform},
    {"performed", handle_performed},
    {NULL, NULL},
};

static const struct option_spec options[] = {
    {"remembers", "the answers that are remembered, of each node", OPTION_INT, offsetof(struct state, remembers), 16, 1,
	1000000, NULL},
    {0},
};

const struct program lin_kv_forgets_program = {
    .name = "lin-kv-forgets",
    .summary = "broken: performs a request once more when it comes again too late",
    .state_size = sizeof(struct state),
    .start = start,
    .stop = stop,
    .routes = routes,
    .options = options,
};
