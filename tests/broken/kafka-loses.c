/*
 * Planted: kafka.c, in which every eighth message of a key is acknowledged and
 * never shown to anybody.
 * To be found by kafka's checker, under :lost-write.
 */
#include "logs.h"

static json_t *
lose_some(struct logs *logs, json_t *offsets)
{
	json_t *found = logs_poll(logs, offsets), *pairs;
	const char *key;

	json_object_foreach (found, key, pairs)
		for (size_t i = json_array_size(pairs); i-- > 0;)
			if (json_integer_value(json_array_get(json_array_get(pairs, i), 0)) % 8 == 5)
				json_array_remove(pairs, i);
	return found;
}

#define logs_poll     lose_some
#define kafka_program kafka_loses_program

#include "../../nodes/kafka.c"
