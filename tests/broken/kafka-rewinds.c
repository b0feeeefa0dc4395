/*
 * Planted: kafka.c, in which a poll begins two messages before the offset that
 * was asked for.
 * To be found by kafka's checker, under :nonmonotonic-poll.
 */
#include "logs.h"

static json_t *
rewind_all(struct logs *logs, json_t *offsets)
{
	json_t *earlier = json_object(), *offset, *found;
	const char *key;

	json_object_foreach (offsets, key, offset)
		json_object_set_new(
		    earlier, key, json_integer(json_integer_value(offset) > 2 ? json_integer_value(offset) - 2 : 0));
	found = logs_poll(logs, earlier);
	json_decref(earlier);
	return found;
}

#define logs_poll     rewind_all
#define kafka_program kafka_rewinds_program

#include "../../nodes/kafka.c"
