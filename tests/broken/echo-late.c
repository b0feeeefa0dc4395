/*
 * Planted: some echoes are answered after six seconds, when the client is
 * gone. (node_reply() does not let that happen, so the answer is made by hand.)
 * To be found as a protocol error: Maelstrom's node is deaf from here on.
 */
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "node.h"

#define LATE_MS 6000

struct late {
	char *dest;
	json_t *body;
};

static void
late_free(void *arg)
{
	struct late *late = arg;

	json_decref(late->body);
	free(late->dest);
	free(late);
}

static void
answer_late(struct node *n, void *arg)
{
	struct late *late = arg;

	node_send(n, late->dest, json_incref(late->body));
	late_free(late);
}

static void
handle_echo(struct node *n, const struct message *m)
{
	json_t *value;
	struct late *late;

	if (!node_unpack(n, m, "{s:o}", "echo", &value))
		return;
	if (node_random(n, 3) > 0) {
		node_reply(n, m, json_pack("{s:s, s:O}", "type", "echo_ok", "echo", value));
		return;
	}
	late = memory_alloc(sizeof(*late));
	late->dest = memory_copy(m->src, strlen(m->src));
	late->body =
	    json_pack("{s:s, s:O, s:I}", "type", "echo_ok", "echo", value, "in_reply_to", (json_int_t)m->msg_id);
	node_after(n, LATE_MS, answer_late, late, late_free);
}

static const struct route routes[] = {{"echo", handle_echo}, {NULL, NULL}};

const struct program echo_late_program = {
    .name = "echo-late", .summary = "broken: answers clients that are gone", .routes = routes};
