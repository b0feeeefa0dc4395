/*
 * Echo: what a client sends comes back, whatever its type. Promises equal
 * values and total availability; assumes nothing. It is the smallest node
 * there is (Maelstrom, doc/workloads.md, "Workload: Echo").
 */
#include "node.h"

static void
handle_echo(struct node *n, const struct message *m)
{
	json_t *value;

	if (node_unpack(n, m, "{s:o}", "echo", &value))
		node_reply(n, m, json_pack("{s:s, s:O}", "type", "echo_ok", "echo", value));
}

static const struct route routes[] = {{"echo", handle_echo}, {NULL, NULL}};

const struct program echo_program = {.name = "echo", .summary = "sends back what it gets", .routes = routes};
