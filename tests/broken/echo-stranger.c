/*
 * Planted: tells every echo to a node that does not exist.
 * To be found as a protocol error: Maelstrom's node is deaf from here on.
 */
#include "node.h"

static void
handle_echo(struct node *n, const struct message *m)
{
	json_t *value;

	if (!node_unpack(n, m, "{s:o}", "echo", &value))
		return;
	node_reply(n, m, json_pack("{s:s, s:O}", "type", "echo_ok", "echo", value));
	node_send(n, "nobody", json_pack("{s:s, s:O}", "type", "rumour", "echo", value));
}

static const struct route routes[] = {{"echo", handle_echo}, {NULL, NULL}};

const struct program echo_stranger_program = {
    .name = "echo-stranger", .summary = "broken: writes to a node that is not there", .routes = routes};
