/* Logs in a tree, each an array of the pairs that polls are answered with. */
#include "logs.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

static int
compare_keys(struct logs_log *a, struct logs_log *b)
{
	return strcmp(a->key, b->key);
}

RB_GENERATE_INTERNAL(logs_tree, logs_log, entry, compare_keys, static __attribute__((unused)))

static void
put(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) == -1)
		memory_exhausted();
}

/* ---- logs ------------------------------------------------------------------- */

void
logs_init(struct logs *logs)
{
	RB_INIT(&logs->tree);
}

static void
log_free(struct logs_log *log)
{
	for (int64_t i = 0; i < log->count; i++)
		json_decref(log->messages[i].pair);
	free(log->messages);
	free(log);
}

void
logs_free(struct logs *logs)
{
	struct logs_log *log, *next;

	RB_FOREACH_SAFE (log, logs_tree, &logs->tree, next) {
		RB_REMOVE(logs_tree, &logs->tree, log);
		log_free(log);
	}
}

static struct logs_log *
find(struct logs *logs, const char *key)
{
	struct logs_log wanted = {.key = key};

	return RB_FIND(logs_tree, &logs->tree, &wanted);
}

struct logs_log *
logs_get(struct logs *logs, const char *key)
{
	struct logs_log *log = find(logs, key);
	size_t size = strlen(key) + 1;

	if (log != NULL)
		return log;
	log = memory_zero(sizeof(*log) + size);
	log->key = memcpy(log->text, key, size);
	log->committed = -1;
	RB_INSERT(logs_tree, &logs->tree, log);
	return log;
}

size_t
logs_bytes(const json_t *message)
{
	return json_dumpb(message, NULL, 0, JSON_ENCODE_ANY | JSON_COMPACT);
}

int64_t
logs_append(struct logs_log *log, json_t *message)
{
	struct logs_message *next;

	if (log->count == log->capacity) {
		log->capacity = 2 * log->capacity + 8;
		log->messages = memory_resize(log->messages, (size_t)log->capacity, sizeof(*log->messages));
	}
	next = &log->messages[log->count];
	next->pair = memory_made(json_pack("[I, O]", (json_int_t)log->count, message));
	next->bytes = logs_bytes(next->pair);
	return log->count++;
}

/* ---- requests ---------------------------------------------------------------- */

bool
logs_are_offsets(json_t *offsets)
{
	const char *key;
	json_t *offset;

	json_object_foreach (offsets, key, offset)
		if (!json_is_integer(offset) || json_integer_value(offset) < 0)
			return false;
	return json_is_object(offsets);
}

bool
logs_are_keys(const json_t *keys)
{
	for (size_t i = 0; i < json_array_size(keys); i++)
		if (!json_is_string(json_array_get(keys, i)))
			return false;
	return json_is_array(keys);
}

/* The messages from `offset` on for which there is room. */
static json_t *
take(const struct logs_log *log, int64_t offset, int64_t *messages, size_t *bytes)
{
	json_t *pairs = memory_made(json_array());

	for (; offset<log->count && * messages> 0; offset++) {
		const struct logs_message *m = &log->messages[offset];

		if (m->bytes > *bytes && *messages < LOGS_POLL_MAX)
			break;
		*bytes -= m->bytes < *bytes ? m->bytes : *bytes;
		--*messages;
		if (json_array_append(pairs, m->pair) == -1)
			memory_exhausted();
	}
	return pairs;
}

json_t *
logs_poll(struct logs *logs, json_t *offsets)
{
	size_t bytes = LOGS_POLL_BYTES_MAX;
	int64_t messages = LOGS_POLL_MAX;
	const char *key;
	json_t *found, *offset;

	if (!logs_are_offsets(offsets))
		return NULL;
	found = memory_made(json_object());
	json_object_foreach (offsets, key, offset) {
		const struct logs_log *log = find(logs, key);
		json_t *pairs = log != NULL ? take(log, json_integer_value(offset), &messages, &bytes) : NULL;

		if (json_array_size(pairs) > 0)
			put(found, key, json_incref(pairs));
		json_decref(pairs);
	}
	return found;
}

json_t *
logs_commit(struct logs *logs, json_t *offsets)
{
	json_t *grown, *offset;
	const char *key;

	if (!logs_are_offsets(offsets))
		return NULL;
	grown = memory_made(json_object());
	json_object_foreach (offsets, key, offset) {
		struct logs_log *log = logs_get(logs, key);

		if (json_integer_value(offset) <= log->committed)
			continue;
		log->committed = json_integer_value(offset);
		put(grown, key, json_incref(offset));
	}
	return grown;
}

json_t *
logs_committed(struct logs *logs, json_t *keys)
{
	json_t *found, *key;
	size_t i;

	if (!logs_are_keys(keys))
		return NULL;
	found = memory_made(json_object());
	json_array_foreach (keys, i, key) {
		const struct logs_log *log = find(logs, json_string_value(key));

		if (log != NULL && log->committed >= 0)
			put(found, log->key, json_integer(log->committed));
	}
	return found;
}
