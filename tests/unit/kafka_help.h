/* What tests of kafka's nodes share: asking them, reading their logs, and what must hold of all that was sent. */
#ifndef KAFKA_HELP_H
#define KAFKA_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "registry.h"
#include "world.h"

static int64_t
ask(struct world *w, int node, const char *body)
{
	json_t *json = json_loads(body, JSON_ALLOW_NUL, NULL);

	assert_non_null(json);
	return world_ask(w, node, json);
}

static int64_t
send(struct world *w, int node, const char *key, int64_t value)
{
	return world_ask(w, node, json_pack("{s:s, s:s, s:I}", "type", "send", "key", key, "msg", (json_int_t)value));
}

/* Asserts on the reply, whose in_reply_to is not shown. */
static void
expect(struct world *w, int64_t id, const char *expected)
{
	json_t *reply = json_copy(world_reply(w, id)), *wanted = json_loads(expected, 0, NULL);
	char *text;

	assert_non_null(reply);
	json_object_del(reply, "in_reply_to");
	text = json_dumps(reply, JSON_COMPACT);
	if (!json_equal(reply, wanted))
		fail_msg("%s where this was expected: %s", text, expected);
	free(text);
	json_decref(reply);
	json_decref(wanted);
}

static int
error_of(struct world *w, int64_t id)
{
	json_t *reply = world_reply(w, id);

	assert_non_null(reply);
	return json_object_get(reply, "code") != NULL ? (int)json_integer_value(json_object_get(reply, "code")) : -1;
}

/* The messages of a key at a node, as an array of numbers; owned by the caller. Offsets must be 0, 1, 2, ... */
static json_t *
log_at(struct world *w, int node, const char *key)
{
	json_t *messages = json_array(), *pairs, *pair;
	size_t i;

	do {
		json_int_t from = (json_int_t)json_array_size(messages);
		int64_t id = world_ask(w, node, json_pack("{s:s, s:{s:I}}", "type", "poll", "offsets", key, from));

		if (world_reply(w, id) == NULL)
			world_run(w, 1000);
		assert_int_equal(error_of(w, id), -1);
		pairs = json_object_get(json_object_get(world_reply(w, id), "msgs"), key);
		json_array_foreach (pairs, i, pair) {
			assert_int_equal(json_integer_value(json_array_get(pair, 0)), json_array_size(messages));
			json_array_append(messages, json_array_get(pair, 1));
		}
	} while (json_array_size(pairs) > 0);
	return messages;
}

static size_t
count_in(json_t *messages, int64_t value)
{
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(messages); i++)
		count += json_integer_value(json_array_get(messages, i)) == value;
	return count;
}

static void
assert_silence(struct world *w)
{
	uint64_t before = w->server_messages;

	world_run(w, 60000);
	assert_int_equal(w->server_messages, before);
}

#define SENDS 120

/* Asserts that what was acknowledged is where it was said to be, that nothing is there twice, and what all agree on. */
static void
check_logs(struct world *w, const int64_t *ids, const char *const *keys, int key_count)
{
	for (int k = 0; k < key_count; k++) {
		json_t *first = log_at(w, 0, keys[k]);

		for (int node = 1; node < w->count; node++) {
			json_t *log = log_at(w, node, keys[k]);

			assert_true(json_equal(log, first));
			json_decref(log);
		}
		for (int i = k; i < SENDS; i += key_count) {
			json_t *offset = json_object_get(world_reply(w, ids[i]), "offset");

			assert_true(count_in(first, i) <= 1);
			if (offset != NULL)
				assert_int_equal(
				    json_integer_value(json_array_get(first, (size_t)json_integer_value(offset))), i);
			else if (world_reply(w, ids[i]) != NULL && error_of(w, ids[i]) != ERROR_TIMEOUT)
				assert_int_equal(count_in(first, i), 0);
		}
		json_decref(first);
	}
}

/*
 * SENDS sends to five keys, while messages are lost and repeated and
 * partitions come and go, and nodes die, if they may.
 */
static void
hostile(const char *program, uint64_t seed, char *const args[], bool kills)
{
	static const char *const keys[] = {"a", "b", "c", "d", "e"};
	int64_t ids[SENDS];
	struct world w;

	world_new(&w, registry_find(program), 2 + (int)(seed % 4), seed, args);
	w.latency_max_ms = 200;
	w.loss = w.duplication = 50;
	world_run(&w, NODE_HOLD_MS + 1);
	for (int i = 0; i < SENDS; i++) {
		int node = (int)random_below(&w.random, (uint64_t)w.count);

		ids[i] = send(&w, node, keys[i % 5], i);
		world_run(&w, (int64_t)random_below(&w.random, 100));
		if (i % 40 == 10)
			world_partition(&w, 1 + (uint32_t)random_below(&w.random, 30));
		if (i % 40 == 39)
			world_partition(&w, 0);
		if (kills && i % 15 == 5 && args == NULL)
			world_kill(&w, node);
		else if (kills && i % 15 == 5)
			w.actors[node].dies = DEATH_BY_CHANCE;
		for (int k = 0; k < w.count; k++)
			if (w.actors[k].node == NULL)
				world_restart(&w, registry_find(program), k, args);
	}
	world_partition(&w, 0);
	w.loss = w.duplication = 0;
	for (int k = 0; k < w.count; k++)
		w.actors[k].dies = DEATH_NONE;
	world_run(&w, 12000);
	check_logs(&w, ids, keys, 5);
	world_free(&w);
}

#endif
