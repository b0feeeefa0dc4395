/*
 * Planted: an id is the time in milliseconds, and nothing else.
 * To be found by unique-ids' checker, under :duplicated, at high rates.
 */
#include "node.h"

static void
handle_generate(struct node *n, const struct message *m)
{
	node_reply(n, m, json_pack("{s:s, s:I}", "type", "generate_ok", "id", (json_int_t)node_wall_ms(n)));
}

static const struct route routes[] = {{"generate", handle_generate}, {NULL, NULL}};

const struct program unique_ids_clock_program = {
    .name = "unique-ids-clock", .summary = "broken: the clock as an id", .routes = routes};
