/*
 * Planted: broadcast-flood.c, in which one value in ten is acknowledged and
 * forgotten, whether it comes from a client or a node.
 * To be found by broadcast's checker, under :lost.
 */
#include "json_set.h"
#include "node.h"

/* A set that does not always listen. All nodes forget the same ones. */
static bool
forgetful_add(struct json_set *set, json_t *value)
{
	return json_integer_value(value) % 10 != 7 && json_set_add(set, value);
}

#define json_set_add            forgetful_add
#define broadcast_flood_program broadcast_forgetful_program

#include "../../nodes/broadcast-flood.c"
