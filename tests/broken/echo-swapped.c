/*
 * Planted: two clients that ask at the same time get each other's answers.
 * To be found by echo's checker, under :errors, if clients are concurrent.
 */
#include "node.h"

#define ALONE_MS 100 /* so long a request waits for another to be swapped with */

struct swapped {
	struct request *waiting; /* NULL: nobody */
	json_t *value;
	uint64_t timer;
};

/* Answers the waiting request, and takes its value away. */
static void
answer(struct swapped *s, json_t *value)
{
	request_reply(s->waiting, json_pack("{s:s, s:O}", "type", "echo_ok", "echo", value));
	s->waiting = NULL;
	json_decref(s->value);
	s->value = NULL;
}

static void
alone(struct node *n, void *arg)
{
	struct swapped *s = node_state(n);

	(void)arg;
	answer(s, s->value);
}

static void
handle_echo(struct node *n, const struct message *m)
{
	struct swapped *s = node_state(n);
	json_t *value;

	if (!node_unpack(n, m, "{s:o}", "echo", &value))
		return;
	if (s->waiting == NULL) {
		s->waiting = node_defer(n, m);
		s->value = json_incref(value);
		s->timer = node_after(n, ALONE_MS, alone, NULL, NULL);
		return;
	}
	node_cancel(n, s->timer);
	node_reply(n, m, json_pack("{s:s, s:O}", "type", "echo_ok", "echo", s->value));
	answer(s, value);
}

static void
stop(struct node *n)
{
	json_decref(((struct swapped *)node_state(n))->value);
}

static const struct route routes[] = {{"echo", handle_echo}, {NULL, NULL}};

const struct program echo_swapped_program = {
    .name = "echo-swapped",
    .summary = "broken: swaps the answers to concurrent echoes",
    .state_size = sizeof(struct swapped),
    .stop = stop,
    .routes = routes,
};
