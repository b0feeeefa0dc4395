/*
 * Planted: one reply in three has a key that is not in the workload's schema.
 * To be found by the client, which calls the reply malformed: the operation is
 * :info, and :exceptions has it. As under Maelstrom, the test stays valid.
 */
#include "node.h"

static void
handle_echo(struct node *n, const struct message *m)
{
	json_t *value, *body;

	if (!node_unpack(n, m, "{s:o}", "echo", &value))
		return;
	body = json_pack("{s:s, s:O}", "type", "echo_ok", "echo", value);
	if (node_random(n, 3) == 0)
		json_object_set_new(body, "greeting", json_string("hello"));
	node_reply(n, m, body);
}

static const struct route routes[] = {{"echo", handle_echo}, {NULL, NULL}};

const struct program echo_extra_key_program = {
    .name = "echo-extra-key", .summary = "broken: replies with a key too many", .routes = routes};
