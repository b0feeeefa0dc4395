/*
 * Planted: kafka.c, in which a poll that finds more than two messages of a key
 * begins at the second, as if the first had not yet been replicated here.
 * To be found by kafka's checker, under :poll-skip.
 */
#include "logs.h"

static json_t *
skip_some(struct logs *logs, json_t *offsets)
{
	json_t *found = logs_poll(logs, offsets), *pairs;
	const char *key;

	json_object_foreach (found, key, pairs)
		if (json_array_size(pairs) > 2)
			json_array_remove(pairs, 0);
	return found;
}

#define logs_poll     skip_some
#define kafka_program kafka_skips_program

#include "../../nodes/kafka.c"
