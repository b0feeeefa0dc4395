/*
 * Planted: one echo in ten is a text that nobody sent.
 * To be found by echo's checker, under :errors.
 */
#include "node.h"

static void
handle_echo(struct node *n, const struct message *m)
{
	json_t *value;

	if (!node_unpack(n, m, "{s:o}", "echo", &value))
		return;
	if (node_random(n, 10) == 0)
		node_reply(n, m, json_pack("{s:s, s:s}", "type", "echo_ok", "echo", "what did you say?"));
	else
		node_reply(n, m, json_pack("{s:s, s:O}", "type", "echo_ok", "echo", value));
}

static const struct route routes[] = {{"echo", handle_echo}, {NULL, NULL}};

const struct program echo_wrong_program = {
    .name = "echo-wrong", .summary = "broken: one echo in ten is wrong", .routes = routes};
