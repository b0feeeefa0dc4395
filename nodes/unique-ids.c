/*
 * Unique ids without coordination: 128 random bits drawn once an incarnation,
 * then a counter.
 *
 * Promises: total availability, also under partitions (no node is ever asked),
 * and ids that differ within an incarnation for certain and between any two
 * incarnations but for a chance of 2^-128 each pair: on other nodes, after a
 * restart, whatever the clocks say, for none is read. By the birthday bound
 * 2^32 incarnations collide with a chance of about 2^-65.
 *
 * Assumes a host whose random bits are independent from one incarnation to the
 * next. The ids are not ordered.
 *
 * Source: Leach, Mealling and Salz, RFC 4122, section 4.4 (random UUIDs).
 */
#include <inttypes.h>
#include <stdio.h>

#include "node.h"

struct unique_ids {
	uint64_t incarnation[2];
	uint64_t count;
};

static void
start(struct node *n)
{
	struct unique_ids *u = node_state(n);

	u->incarnation[0] = node_random(n, 0);
	u->incarnation[1] = node_random(n, 0);
}

static void
handle_generate(struct node *n, const struct message *m)
{
	struct unique_ids *u = node_state(n);
	char id[64];

	snprintf(
	    id, sizeof(id), "%016" PRIx64 "%016" PRIx64 "-%" PRIu64, u->incarnation[0], u->incarnation[1], ++u->count);
	node_reply(n, m, json_pack("{s:s, s:s}", "type", "generate_ok", "id", id));
}

static const struct route routes[] = {{"generate", handle_generate}, {NULL, NULL}};

const struct program unique_ids_program = {
    .name = "unique-ids",
    .summary = "random incarnation and a counter: unique without coordination",
    .state_size = sizeof(struct unique_ids),
    .start = start,
    .routes = routes,
};
