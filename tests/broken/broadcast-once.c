/*
 * Planted: broadcast-flood.c, in which a value is passed on once and never
 * again, whether it was acknowledged or not.
 * To be found by broadcast's checker, under :lost, when a partition swallows
 * what is on its way.
 */
#include "node.h"

#define node_rpc_retry(n, dest, body, policy, reply, arg, drop) \
	((void)(policy), (void)(reply), node_send(n, dest, body), drop(arg))
#define broadcast_flood_program broadcast_once_program

#include "../../nodes/broadcast-flood.c"
