/*
 * Planted: kafka.c, in which every eighth message of a key is kept, but its
 * sender is told that it is not and never will be.
 * To be found by kafka's checker, under :G1a.
 */
#include "node.h"

static void
deny_some(struct request *request, json_t *body)
{
	if (json_integer_value(json_object_get(body, "offset")) % 8 != 5) {
		request_reply(request, body);
		return;
	}
	json_decref(body);
	request_error(request, ERROR_TEMPORARILY_UNAVAILABLE, "not done (but it is)");
}

#define request_reply deny_some
#define kafka_program kafka_denies_program

#include "../../nodes/kafka.c"
