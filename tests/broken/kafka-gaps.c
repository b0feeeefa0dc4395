/*
 * Planted: kafka.c, in which a poll leaves out every eighth message, unless it
 * is the first that was asked for.
 * To be found by kafka's checker, under :int-poll-skip.
 */
#include "logs.h"

static json_t *
leave_some_out(struct logs *logs, json_t *offsets)
{
	json_t *found = logs_poll(logs, offsets), *pairs;
	const char *key;

	json_object_foreach (found, key, pairs)
		for (size_t i = json_array_size(pairs); i-- > 1;)
			if (json_integer_value(json_array_get(json_array_get(pairs, i), 0)) % 8 == 5)
				json_array_remove(pairs, i);
	return found;
}

#define logs_poll     leave_some_out
#define kafka_program kafka_gaps_program

#include "../../nodes/kafka.c"
