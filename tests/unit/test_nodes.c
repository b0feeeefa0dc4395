/* The nodes' promises, where a workload does not show them: loss, repetition, restarts, limits, malformed peers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "json_set.h"
#include "registry.h"
#include "world.h"

/* Fifty messages in a thousand are lost, as many arrive twice, and they overtake each other. */
static void
bad_network(struct world *w)
{
	w->latency_min_ms = 0;
	w->latency_max_ms = 300;
	w->loss = 50;
	w->duplication = 50;
}

static void
good_network(struct world *w)
{
	w->latency_min_ms = w->latency_max_ms = 10;
	w->loss = w->duplication = 0;
	world_partition(w, 0);
}

/* Everybody hears a seventh of the others or more, nobody hears all: every second node on either side, of seven. */
static void
ring(struct world *w)
{
	for (int i = 0; i < w->count; i++)
		for (int k = 0; k < w->count; k++) {
			int distance = (k - i + w->count) % w->count;

			w->blocked[i][k] = distance > 1 && distance < w->count - 1;
		}
}

static const struct program *
program(const char *name)
{
	const struct program *found = registry_find(name);

	assert_non_null(found);
	return found;
}

static void
assert_type(struct world *w, int64_t msg_id, const char *type)
{
	json_t *reply = world_reply(w, msg_id);

	assert_non_null(reply);
	assert_string_equal(json_string_value(json_object_get(reply, "type")), type);
}

static void
assert_error(struct world *w, int64_t msg_id, enum error code)
{
	assert_type(w, msg_id, "error");
	assert_int_equal(json_integer_value(json_object_get(world_reply(w, msg_id), "code")), code);
}

/* Nobody says anything any more. */
static void
assert_silence(struct world *w)
{
	uint64_t before = w->server_messages;

	world_run(w, 60000);
	assert_int_equal(w->server_messages, before);
}

/* JSON values that are easily damaged, all different. */
static const char *const awkward[] = {"null", "false", "0", "-0.0", "1", "1.0", "0.1", "1e300", "5e-324", "\"\"",
    "9223372036854775807", "-9223372036854775808", "\"1\"", "\"\\u0000\"", "\"a\\u0000b\"", "\"\\\"\\\\/\\n\"",
    "\"\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e\"", "[]", "[[]]", "{}", "{\"\":null}", "[1,[2.5,{\"a\":[null,true]}]]",
    "{\"a\":{\"b\":1},\"c\":[]}", "{\"type\":\"read\",\"msg_id\":1}"};
#define AWKWARD_COUNT (sizeof(awkward) / sizeof(*awkward))

static json_t *
parse(const char *text)
{
	json_t *json = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

	assert_non_null(json);
	return json;
}

/* ---- json_set ------------------------------------------------------------------ */

static void
add_text(struct json_set *set, const char *text, bool is_new)
{
	json_t *value = parse(text);

	assert_int_equal(json_set_has(set, value), !is_new);
	assert_int_equal(json_set_add(set, value), is_new);
	assert_true(json_set_has(set, value));
	json_decref(value);
}

static void
test_json_set(void **state)
{
	struct json_set set;

	(void)state;
	json_set_init(&set);
	for (size_t i = 0; i < AWKWARD_COUNT; i++)
		add_text(&set, awkward[i], true);
	for (size_t i = 0; i < AWKWARD_COUNT; i++)
		add_text(&set, awkward[i], false);
	add_text(&set, "{\"c\":[],\"a\":{\"b\":1}}", false);
	add_text(&set, "10e299", false);
	assert_int_equal(json_set_size(&set), AWKWARD_COUNT);
	assert_int_equal(json_integer_value(json_set_item(&set, 2)), 0);
	json_set_free(&set);
}

/* ---- echo ---------------------------------------------------------------------- */

static void
test_echo(void **state)
{
	struct world w;

	(void)state;
	world_new(&w, program("echo"), 1, 1, NULL);
	for (size_t i = 0; i < AWKWARD_COUNT; i++) {
		json_t *value = parse(awkward[i]);
		int64_t id = world_ask(&w, 0, json_pack("{s:s, s:O}", "type", "echo", "echo", value));

		assert_type(&w, id, "echo_ok");
		assert_int_equal(json_object_size(world_reply(&w, id)), 3);
		assert_true(json_equal(json_object_get(world_reply(&w, id), "echo"), value));
		json_decref(value);
	}
	assert_error(&w, world_ask(&w, 0, json_pack("{s:s}", "type", "echo")), ERROR_MALFORMED_REQUEST);
	world_free(&w);
}

/* ---- unique-ids ------------------------------------------------------------------ */

static void
take_ids(struct world *w, struct json_set *ids, int count)
{
	for (int i = 0; i < w->count; i++)
		for (int k = 0; k < count; k++) {
			int64_t id = world_ask(w, i, json_pack("{s:s}", "type", "generate"));

			assert_type(w, id, "generate_ok");
			assert_true(json_set_add(ids, json_object_get(world_reply(w, id), "id")));
		}
}

static void
test_unique_ids(void **state)
{
	struct world w;
	struct json_set ids;

	(void)state;
	json_set_init(&ids);
	world_new(&w, program("unique-ids"), 3, 1, NULL);
	take_ids(&w, &ids, 500);
	for (int i = 0; i < w.count; i++)
		world_restart(&w, program("unique-ids"), i, NULL);
	w.wall_ms -= 3600000;
	take_ids(&w, &ids, 500);
	assert_int_equal(w.server_messages, 0);
	json_set_free(&ids);
	world_free(&w);
}

/* ---- sets: broadcast and g-set ----------------------------------------------------- */

struct set_node {
	const char *name, *add, *element, *read; /* the program, and its words */
	char *const *args;
};

static char *batch_args[] = {
    (char[]){"broadcast"}, (char[]){"--batch-ms"}, (char[]){"1100"}, (char[]){"--collect-ms"}, (char[]){"600"}, NULL};
static char *direct_args[] = {(char[]){"broadcast"}, (char[]){"--direct"}, NULL};

static const struct set_node set_nodes[] = {
    {"broadcast", "broadcast", "message", "messages", NULL},
    {"broadcast", "broadcast", "message", "messages", batch_args},
    {"broadcast", "broadcast", "message", "messages", direct_args},
    {"broadcast-flood", "broadcast", "message", "messages", NULL},
    {"g-set", "add", "element", "value", NULL},
};

#define foreach_set_node(s) \
	for (const struct set_node *s = set_nodes; s < set_nodes + sizeof(set_nodes) / sizeof(*set_nodes); s++)

static json_t *
set_read(struct world *w, const struct set_node *s, int i)
{
	int64_t id = world_ask(w, i, json_pack("{s:s}", "type", "read"));

	if (world_reply(w, id) == NULL)
		world_run(w, 0); /* it waits for what arrives in the same instant */
	assert_type(w, id, "read_ok");
	assert_int_equal(json_object_size(world_reply(w, id)), 3);
	return json_object_get(world_reply(w, id), s->read);
}

static void
set_new(struct world *w, const struct set_node *s, int count, uint64_t seed)
{
	world_new(w, program(s->name), count, seed, s->args);
	for (int i = 0; i < count; i++)
		set_read(w, s, i);
}

static void
set_add(struct world *w, const struct set_node *s, int i, json_t *element)
{
	int64_t id = world_ask(w, i, json_pack("{s:s, s:o}", "type", s->add, s->element, element));

	assert_non_null(world_reply(w, id)); /* at once, whatever the network does */
	assert_string_not_equal(json_string_value(json_object_get(world_reply(w, id), "type")), "error");
}

/* Everybody has so many elements, each once. */
static void
assert_sizes(struct world *w, const struct set_node *s, size_t size)
{
	for (int i = 0; i < w->count; i++) {
		json_t *elements = set_read(w, s, i), *element;
		struct json_set set;
		size_t k;

		json_set_init(&set);
		json_array_foreach (elements, k, element)
			assert_true(json_set_add(&set, element));
		assert_int_equal(json_set_size(&set), size);
		json_set_free(&set);
	}
}

/* Adds integers from `first` on, at random nodes and moments. */
static void
set_add_some(struct world *w, const struct set_node *s, int first, int count)
{
	for (int k = first; k < first + count; k++) {
		set_add(w, s, (int)random_below(&w->random, (uint64_t)w->count), json_integer(k));
		world_run(w, (int64_t)random_below(&w->random, 100));
	}
}

static void
test_sets_of_anything(void **state)
{
	struct world w;

	(void)state;
	foreach_set_node(s)
	{
		set_new(&w, s, 3, 1);
		for (int round = 0; round < 2; round++)
			for (size_t i = 0; i < AWKWARD_COUNT; i++)
				set_add(&w, s, (int)(i + (size_t)round) % 3, parse(awkward[i]));
		set_add(&w, s, 0, parse("{\"c\":[],\"a\":{\"b\":1}}"));
		world_run(&w, 5000);
		assert_sizes(&w, s, AWKWARD_COUNT);
		for (int i = 0; i < 3; i++) {
			struct json_set set;
			json_t *element;
			size_t k;

			json_set_init(&set);
			json_array_foreach (set_read(&w, s, i), k, element)
				json_set_add(&set, element);
			for (k = 0; k < AWKWARD_COUNT; k++)
				add_text(&set, awkward[k], false);
			json_set_free(&set);
		}
		world_free(&w);
	}
}

static void
test_sets_on_bad_networks(void **state)
{
	static const int counts[] = {1, 2, 3, 7};
	struct world w;

	(void)state;
	foreach_set_node(s) for (size_t c = 0; c < sizeof(counts) / sizeof(*counts); c++) for (uint64_t seed = 1;
											       seed <= 3; seed++)
	{
		set_new(&w, s, counts[c], seed);
		bad_network(&w);
		set_add_some(&w, s, 0, 60);
		world_partition(&w, (uint32_t)random_next(&w.random));
		set_add_some(&w, s, 60, 60);
		good_network(&w);
		world_run(&w, 5000);
		assert_sizes(&w, s, 120);
		assert_silence(&w);
		world_free(&w);
	}
}

/* No node sees all, and yet everything gets everywhere; also if the hub of broadcast.c is cut off for good. */
static void
test_sets_during_partitions(void **state)
{
	struct world w;

	(void)state;
	foreach_set_node(s)
	{
		if (strcmp(s->name, "broadcast-flood") == 0)
			continue; /* without another topology than "all" it is the neighbours that matter */
		set_new(&w, s, 7, 1);
		good_network(&w);
		ring(&w);
		set_add_some(&w, s, 0, 20);
		world_run(&w, 15000);
		assert_sizes(&w, s, 20);
		world_partition(&w, 1);
		for (int i = 1; i < w.count; i++)
			set_add(&w, s, i, json_integer(100 + i));
		world_run(&w, 15000);
		for (int i = 1; i < w.count; i++)
			assert_int_equal(json_array_size(set_read(&w, s, i)), 26);
		world_partition(&w, 0);
		world_run(&w, 3000);
		assert_sizes(&w, s, 26);
		world_free(&w);
	}
}

/* A value that was there for an hour of partition is not forgotten, and costs little meanwhile. */
static void
test_sets_are_patient(void **state)
{
	struct world w;

	(void)state;
	foreach_set_node(s)
	{
		set_new(&w, s, 3, 1);
		good_network(&w);
		world_partition(&w, 1);
		set_add(&w, s, 0, json_integer(1));
		set_add(&w, s, 1, json_integer(2));
		world_run(&w, 3600000);
		assert_true(w.server_messages < 5 * 3600);
		world_partition(&w, 0);
		world_run(&w, 3000);
		assert_sizes(&w, s, 2);
		world_run(&w, 3000); /* acknowledgements are in no hurry */
		assert_silence(&w);
		world_free(&w);
	}
}

/* One value: to the hub, to the three others, and an acknowledgement for each. Many: one at once, the rest together. */
static void
test_broadcast_is_cheap(void **state)
{
	const struct set_node *s = &set_nodes[0];
	struct world w;

	(void)state;
	set_new(&w, s, 5, 1);
	good_network(&w);
	set_add(&w, s, 1, json_integer(0));
	world_run(&w, 10000);
	assert_sizes(&w, s, 1);
	assert_int_equal(w.server_messages, 8);
	for (int k = 1; k <= 1000; k++)
		set_add(&w, s, 1, json_integer(k));
	world_run(&w, 10000);
	assert_sizes(&w, s, 1001);
	assert_int_equal(w.server_messages, 20);
	world_free(&w);
}

/* Straight to everybody: four messages a value, and later one round of acknowledgements over the star. */
static void
test_broadcast_directly(void **state)
{
	const struct set_node *s = &set_nodes[2];
	struct world w;

	(void)state;
	set_new(&w, s, 5, 1);
	good_network(&w);
	for (int k = 0; k < 100; k++) {
		set_add(&w, s, k % 5, json_integer(k));
		world_run(&w, 10); /* the latency */
		assert_sizes(&w, s, (size_t)k + 1);
	}
	world_run(&w, 10000);
	assert_sizes(&w, s, 100);
	assert_true(w.server_messages <= 4 * 100 + 2 * 4);
	assert_silence(&w);
	world_free(&w);
}

/* Who loses its memory, the hub included, gets back what the others have, though nobody says anything new. */
static void
test_broadcast_remembers_together(void **state)
{
	struct world w;

	(void)state;
	foreach_set_node(s)
	{
		if (strcmp(s->name, "broadcast") != 0)
			continue;
		set_new(&w, s, 5, 1);
		good_network(&w);
		set_add_some(&w, s, 0, 50);
		world_run(&w, 5000);
		for (int i = 0; i < w.count; i++) {
			world_restart(&w, program(s->name), i, s->args);
			assert_int_equal(json_array_size(set_read(&w, s, i)), 0);
			world_run(&w, 5000);
			assert_sizes(&w, s, 50);
		}
		world_restart(&w, program(s->name), 0, s->args);
		for (int i = 1; i < w.count; i++)
			set_add(&w, s, i, json_integer(1000 + i));
		world_run(&w, 5000);
		assert_sizes(&w, s, 54);
		assert_silence(&w);
		world_free(&w);
	}
}

/* Nodes die all the time, on a bad network. What they were asked to keep was with somebody else by then. */
static void
test_broadcast_outlives_its_nodes(void **state)
{
	struct world w;

	(void)state;
	foreach_set_node(s) for (uint64_t seed = 1; seed <= 5; seed++)
	{
		if (strcmp(s->name, "broadcast") != 0)
			continue;
		set_new(&w, s, 5, seed);
		for (int round = 0; round < 10; round++) {
			bad_network(&w);
			set_add_some(&w, s, round * 20, 20);
			good_network(&w);
			world_run(&w, 6000);
			world_restart(&w, program(s->name), (int)random_below(&w.random, 5), s->args);
		}
		world_run(&w, 6000);
		assert_sizes(&w, s, 200);
		world_run(&w, 2000); /* where the hub was the last, its batch has still to be acknowledged */
		assert_silence(&w);
		world_free(&w);
	}
}

/* Its node could not reach the hub, and is dead: those to whom the value was pushed see to it. */
static void
test_broadcast_adopts_what_was_pushed(void **state)
{
	const struct set_node *s = &set_nodes[2];
	struct world w;

	(void)state;
	set_new(&w, s, 4, 1);
	good_network(&w);
	w.blocked[2][0] = w.blocked[2][3] = true;
	set_add(&w, s, 2, json_integer(1));
	world_run(&w, 100);
	world_kill(&w, 2);
	assert_int_equal(json_array_size(set_read(&w, s, 0)), 0);
	assert_int_equal(json_array_size(set_read(&w, s, 1)), 1);
	assert_int_equal(json_array_size(set_read(&w, s, 3)), 0);
	world_run(&w, 10000);
	good_network(&w);
	world_restart(&w, program(s->name), 2, s->args);
	world_run(&w, 5000);
	assert_sizes(&w, s, 1);
	assert_silence(&w);
	world_free(&w);
}

static void
test_flood_keeps_to_the_topology(void **state)
{
	static const char *const bad[] = {"7", "null", "[]", "{\"n0\":7}", "{\"n0\":null}", "{\"n0\":[7]}"};
	static const char *const other[] = {"{}", "{\"n1\":[7]}"};
	const struct set_node *s = &set_nodes[3];
	struct world w;

	(void)state;
	set_new(&w, s, 3, 1);
	good_network(&w);
	for (int i = 0; i < 3; i++) {
		int64_t id = world_ask(&w, i,
		    json_pack("{s:s, s:{s:[s], s:[s, s, s], s:[s]}}", "type", "topology", "topology", "n0", "n1", "n1",
			"n0", "n2", "nobody", "n2", "n1"));

		assert_type(&w, id, "topology_ok");
	}
	for (size_t k = 0; k < sizeof(bad) / sizeof(*bad); k++) {
		json_t *body = json_pack("{s:s, s:o}", "type", "topology", "topology", parse(bad[k]));

		assert_error(&w, world_ask(&w, 0, body), ERROR_MALFORMED_REQUEST);
	}
	for (size_t k = 0; k < sizeof(other) / sizeof(*other); k++) {
		json_t *body = json_pack("{s:s, s:o}", "type", "topology", "topology", parse(other[k]));

		assert_type(&w, world_ask(&w, 0, body), "topology_ok");
	}
	set_add(&w, s, 0, json_integer(1));
	world_run(&w, 1000);
	assert_sizes(&w, s, 1);
	assert_int_equal(w.server_messages, 4); /* two links, there and back */
	world_free(&w);
}

/* ---- counters ----------------------------------------------------------------------- */

static const char *const counters[] = {"g-counter", "pn-counter", "g-counter-seq-kv"};
#define COUNTERS (sizeof(counters) / sizeof(*counters))

static void
counter_new(struct world *w, const char *name, int count, uint64_t seed)
{
	world_new(w, program(name), count, seed, NULL);
	for (int i = 0; i < count; i++)
		world_ask(w, i, json_pack("{s:s}", "type", "read"));
	world_run(w, 2000);
}

static int64_t
counter_add(struct world *w, int i, json_int_t delta)
{
	return world_ask(w, i, json_pack("{s:s, s:I}", "type", "add", "delta", delta));
}

static void
assert_value(struct world *w, int i, json_int_t value)
{
	int64_t id = world_ask(w, i, json_pack("{s:s}", "type", "read"));

	world_run(w, 1000);
	assert_type(w, id, "read_ok");
	assert_int_equal(json_object_size(world_reply(w, id)), 3);
	assert_int_equal(json_integer_value(json_object_get(world_reply(w, id), "value")), value);
}

static void
assert_values(struct world *w, json_int_t value)
{
	for (int i = 0; i < w->count; i++)
		assert_value(w, i, value);
}

static json_int_t
counter_add_some(struct world *w, bool shrinks, int count)
{
	json_int_t sum = 0;

	while (count-- > 0) {
		json_int_t delta = (json_int_t)random_below(&w->random, 10) - (shrinks ? 5 : 0);

		counter_add(w, (int)random_below(&w->random, (uint64_t)w->count), delta);
		sum += delta;
		world_run(w, (int64_t)random_below(&w->random, 100));
	}
	return sum;
}

/* Also the one on seq-kv, of which only what is lost between it and the service matters. */
static void
test_counters_on_bad_networks(void **state)
{
	static const int counts[] = {1, 2, 3, 7};
	struct world w;

	(void)state;
	for (size_t k = 0; k < COUNTERS; k++)
		for (size_t c = 0; c < sizeof(counts) / sizeof(*counts); c++)
			for (uint64_t seed = 1; seed <= 3; seed++) {
				bool shrinks = strcmp(counters[k], "pn-counter") == 0;
				json_int_t sum;

				counter_new(&w, counters[k], counts[c], seed);
				bad_network(&w);
				sum = counter_add_some(&w, shrinks, 40);
				world_partition(&w, (uint32_t)random_next(&w.random));
				sum += counter_add_some(&w, shrinks, 40);
				good_network(&w);
				world_run(&w, strcmp(counters[k], "g-counter-seq-kv") == 0 ? 60000 : 5000);
				assert_values(&w, sum);
				assert_silence(&w);
				world_free(&w);
			}
}

static void
test_counters_during_partitions(void **state)
{
	struct world w;

	(void)state;
	for (size_t k = 0; k < COUNTERS; k++) {
		json_int_t sum;

		counter_new(&w, counters[k], 7, 1);
		good_network(&w);
		ring(&w);
		sum = counter_add_some(&w, false, 20);
		world_run(&w, 10000);
		assert_values(&w, sum);
		world_free(&w);
	}
}

static void
test_counters_refuse(void **state)
{
	static const char *const bad[] = {"1.0", "\"1\"", "null", "true", "[]", "{}"};
	struct world w;

	(void)state;
	for (size_t k = 0; k < COUNTERS; k++) {
		bool shrinks = strcmp(counters[k], "pn-counter") == 0;
		int64_t id;

		counter_new(&w, counters[k], 2, 1);
		good_network(&w);
		for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
			id = world_ask(&w, 0, json_pack("{s:s, s:o}", "type", "add", "delta", parse(bad[i])));
			assert_error(&w, id, ERROR_MALFORMED_REQUEST);
		}
		id = world_ask(&w, 0, json_pack("{s:s}", "type", "add"));
		assert_error(&w, id, ERROR_MALFORMED_REQUEST);
		id = counter_add(&w, 0, -1);
		world_run(&w, 2000);
		if (shrinks)
			assert_type(&w, id, "add_ok");
		else
			assert_error(&w, id, ERROR_MALFORMED_REQUEST);
		world_run(&w, 2000);
		assert_values(&w, shrinks ? -1 : 0);
		world_free(&w);
	}
}

static void
test_counters_refuse_to_overflow(void **state)
{
	struct world w;

	(void)state;
	for (size_t k = 0; k < COUNTERS; k++) {
		int64_t id;

		counter_new(&w, counters[k], 2, 1);
		good_network(&w);
		id = counter_add(&w, 0, INT64_MAX - 2);
		world_run(&w, 2000);
		assert_type(&w, id, "add_ok");
		assert_values(&w, INT64_MAX - 2);
		for (int i = 0; i < 2; i++)
			assert_error(&w, counter_add(&w, i, 3), ERROR_PRECONDITION_FAILED);
		id = counter_add(&w, 1, 2);
		world_run(&w, 2000);
		assert_type(&w, id, "add_ok");
		assert_values(&w, INT64_MAX);
		world_free(&w);
	}
}

/* Each side of a partition adds what fits; together it does not. */
static void
test_counters_overflow_together(void **state)
{
	struct world w;

	(void)state;
	for (size_t k = 0; k < COUNTERS; k++) {
		int64_t ids[2];

		counter_new(&w, counters[k], 2, 1);
		good_network(&w);
		world_partition(&w, 1);
		for (int i = 0; i < 2; i++)
			ids[i] = counter_add(&w, i, INT64_MAX);
		world_run(&w, 2000);
		for (int i = 0; i < 2; i++)
			assert_type(&w, ids[i], "add_ok");
		world_partition(&w, 0);
		world_run(&w, 5000);
		for (int i = 0; i < 2; i++) {
			ids[i] = world_ask(&w, i, json_pack("{s:s}", "type", "read"));
			world_run(&w, 1000);
			assert_error(&w, ids[i], ERROR_PRECONDITION_FAILED);
			assert_error(&w, counter_add(&w, i, 1), ERROR_PRECONDITION_FAILED);
		}
		if (strcmp(counters[k], "pn-counter") == 0) {
			assert_type(&w, counter_add(&w, 0, -1), "add_ok");
			assert_type(&w, counter_add(&w, 1, -INT64_MAX), "add_ok");
			world_run(&w, 5000);
			assert_values(&w, INT64_MAX - 1);
		}
		world_free(&w);
	}
}

/* A node's own increments and decrements do not fit into 64 bits each, their difference does. */
static void
test_pn_counter_is_wide(void **state)
{
	static const json_int_t deltas[] = {
	    INT64_MAX, -INT64_MAX, INT64_MAX, -INT64_MAX, INT64_MIN, INT64_MAX, 1, INT64_MAX, INT64_MIN, -7, 8};
	struct world w;

	(void)state;
	counter_new(&w, "pn-counter", 2, 1);
	good_network(&w);
	for (size_t i = 0; i < sizeof(deltas) / sizeof(*deltas); i++)
		assert_type(&w, counter_add(&w, 0, deltas[i]), "add_ok");
	assert_value(&w, 0, 0);
	world_run(&w, 2000);
	assert_value(&w, 1, 0);
	assert_type(&w, counter_add(&w, 1, INT64_MIN), "add_ok");
	assert_error(&w, counter_add(&w, 1, -1), ERROR_PRECONDITION_FAILED);
	assert_error(&w, counter_add(&w, 1, INT64_MIN), ERROR_PRECONDITION_FAILED);
	assert_value(&w, 1, INT64_MIN);
	world_free(&w);
}

/* What was acknowledged survives the node, and what it adds afterwards comes on top. */
static void
test_seq_kv_survives_restarts(void **state)
{
	struct world w;
	json_int_t sum = 0;

	(void)state;
	counter_new(&w, "g-counter-seq-kv", 3, 1);
	w.latency_max_ms = 200;
	for (int round = 1; round <= 20; round++) {
		int i = round % w.count;
		int64_t id = counter_add(&w, i, round);

		world_run(&w, 3000);
		assert_type(&w, id, "add_ok");
		sum += round;
		world_restart(&w, program("g-counter-seq-kv"), i, NULL);
		world_ask(&w, i, json_pack("{s:s}", "type", "read"));
	}
	world_run(&w, 3000);
	assert_values(&w, sum);
	world_free(&w);
}

/* A node that has been away for more states than the service keeps reads the newest all the same. */
static void
test_seq_kv_beyond_the_ring(void **state)
{
	struct world w;

	(void)state;
	counter_new(&w, "g-counter-seq-kv", 2, 1);
	good_network(&w);
	for (int round = 0; round < 20; round++) {
		for (int k = 0; k < 50; k++) {
			counter_add(&w, 0, 1);
			world_run(&w, 30);
		}
		assert_value(&w, 1, 50 * (round + 1));
	}
	world_free(&w);
}

/* A service that does not answer: no operation is said to have failed, and none is lost or done twice in the end. */
static void
test_seq_kv_silent(void **state)
{
	struct world w;
	int64_t add, read;

	(void)state;
	counter_new(&w, "g-counter-seq-kv", 2, 1);
	good_network(&w);
	w.loss = 1000;
	add = counter_add(&w, 0, 5);
	read = world_ask(&w, 0, json_pack("{s:s}", "type", "read"));
	world_run(&w, 3900);
	assert_null(world_reply(&w, add));
	assert_null(world_reply(&w, read));
	world_run(&w, 200);
	assert_error(&w, add, ERROR_TIMEOUT);
	assert_error(&w, read, ERROR_TEMPORARILY_UNAVAILABLE);
	w.loss = 0;
	world_run(&w, 60000);
	assert_values(&w, 5);
	assert_silence(&w);
	world_free(&w);
}

/* ---- malformed messages of peers ------------------------------------------------------- */

static const char *const nodes[] = {"echo", "unique-ids", "broadcast", "broadcast-flood", "g-set", "g-counter",
    "pn-counter", "g-counter-seq-kv", "lin-kv-proxy"};

/* What may stand in place of any member. */
static const char *const wrong[] = {"null", "true", "-1", "1.5", "9223372036854775807", "\"x\"", "[]", "{}",
    "[1,2,3,4]", "{\"n1\":[-1,[1]]}", "{\"n0\":null,\"n1\":{},\"n9\":[]}",
    "{\"n0\":[-1,[1]],\"n1\":[9223372036854775807,[1,2]],\"n9\":[0,[1]]}",
    "{\"n0\":[1,2],\"n1\":[0,1,2,3,4],\"n2\":[-1,0,0,0]}", "{\"n1\":9223372036854775807,\"n2\":-5}",
    "{\"n0\":[9223372036854775807,9223372036854775807,0,0]}", "{\"n1\":[4611686018427387904,0,0,0]}",
    "{\"n1\":[0,-1,0,0],\"n2\":[0,1,0]}", "[[\"n0\",5,4611686018427387904,0,0,0]]", "[[\"n1\",0,0,7,0,0]]",
    "[[\"n1\",7,0,-1,0,0],[\"n9\",7,0,1,0,0]]", "[[\"n1\",7,0,1,0],[\"n2\",7,0,1,0,0,0]]", "[3,4,9223372036854775807]",
    "[3,-1,-1]", "[3,9,8]", "[0,5]", "[1,9223372036854775807]"};

static const char *const shapes[] = {"{\"type\":\"gossip\",\"log\":%s,\"ack\":[0,0],\"values\":[],\"ask\":true}",
    "{\"type\":\"gossip\",\"log\":[1,0,1],\"ack\":%s,\"values\":[],\"ask\":false}",
    "{\"type\":\"gossip\",\"log\":[2,0,1],\"ack\":[0,0],\"values\":%s,\"ask\":true}",
    "{\"type\":\"gossip\",\"log\":[2,5,9],\"ack\":[0,0],\"values\":[1],\"ask\":%s}", "{\"type\":\"gossip\",\"log\":%s}",
    "{\"type\":\"push\",\"value\":%s}", "{\"type\":\"push\",\"x\":%s}", "{\"type\":\"delta\",\"elements\":%s}",
    "{\"type\":\"delta\",\"x\":%s}", "{\"type\":\"merge\",\"entries\":%s}", "{\"type\":\"merge\",\"x\":%s}",
    "{\"type\":\"hello\",\"life\":%s}", "{\"type\":\"delta\",\"elements\":[],\"life\":%s}",
    "{\"type\":\"merge\",\"entries\":[],\"life\":%s}", "{\"type\":\"pass\",\"x\":%s}",
    "{\"type\":\"pass\",\"messages\":%s,\"life\":1}", "{\"type\":\"pass\",\"messages\":[],\"life\":%s}",
    "{\"type\":\"ask\",\"life\":%s}", "{\"type\":\"topology\",\"topology\":%s}", "{\"type\":\"topology\",\"x\":%s}"};

static void
feed_malformed(struct world *w)
{
	static const char *const sources[] = {"n1", "n2", "n0", "n9", "seq-kv", "c7"};
	char line[512], body[384];

	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
		for (size_t k = 0; k < sizeof(wrong) / sizeof(*wrong); k++)
			for (size_t j = 0; j < sizeof(sources) / sizeof(*sources); j++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
				snprintf(body, sizeof(body), shapes[i], wrong[k]);
#pragma GCC diagnostic pop
				snprintf(line, sizeof(line), "{\"src\":\"%s\",\"dest\":\"n0\",\"body\":%s}", sources[j],
				    body);
				world_feed(w, 0, line);
			}
}

/* Malformed messages neither end a node nor keep it from doing its work afterwards. */
static void
test_malformed_messages(void **state)
{
	struct world w;

	(void)state;
	for (size_t k = 0; k < sizeof(nodes) / sizeof(*nodes); k++) {
		world_new(&w, program(nodes[k]), 3, 1, NULL);
		good_network(&w);
		for (int i = 0; i < 3; i++)
			world_ask(&w, i, json_pack("{s:s}", "type", "read"));
		feed_malformed(&w);
		world_run(&w, 5000);
		w.replies = (json_decref(w.replies), json_object());
		if (strcmp(nodes[k], "g-counter") == 0 || strcmp(nodes[k], "pn-counter") == 0) {
			counter_add(&w, 0, 3);
			counter_add(&w, 1, 4);
			world_run(&w, 5000);
			assert_values(&w, 7);
		}
		world_free(&w);
	}
}

/* The sets take what they do understand, and deliver what comes afterwards. */
static void
test_sets_after_malformed_messages(void **state)
{
	struct world w;

	(void)state;
	foreach_set_node(s)
	{
		set_new(&w, s, 3, 1);
		good_network(&w);
		feed_malformed(&w);
		world_run(&w, 5000);
		for (int i = 0; i < 3; i++)
			set_add(&w, s, i, json_pack("[s, i]", "new", i));
		world_run(&w, 10000);
		for (int i = 0; i < 3; i++) {
			struct json_set set;
			json_t *element;
			size_t k;

			json_set_init(&set);
			json_array_foreach (set_read(&w, s, i), k, element)
				json_set_add(&set, element);
			add_text(&set, "[\"new\",0]", false);
			add_text(&set, "[\"new\",1]", false);
			add_text(&set, "[\"new\",2]", false);
			json_set_free(&set);
		}
		world_free(&w);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_json_set),
	    cmocka_unit_test(test_echo),
	    cmocka_unit_test(test_unique_ids),
	    cmocka_unit_test(test_sets_of_anything),
	    cmocka_unit_test(test_sets_on_bad_networks),
	    cmocka_unit_test(test_sets_during_partitions),
	    cmocka_unit_test(test_sets_are_patient),
	    cmocka_unit_test(test_broadcast_is_cheap),
	    cmocka_unit_test(test_broadcast_directly),
	    cmocka_unit_test(test_broadcast_remembers_together),
	    cmocka_unit_test(test_broadcast_outlives_its_nodes),
	    cmocka_unit_test(test_broadcast_adopts_what_was_pushed),
	    cmocka_unit_test(test_flood_keeps_to_the_topology),
	    cmocka_unit_test(test_counters_on_bad_networks),
	    cmocka_unit_test(test_counters_during_partitions),
	    cmocka_unit_test(test_counters_refuse),
	    cmocka_unit_test(test_counters_refuse_to_overflow),
	    cmocka_unit_test(test_counters_overflow_together),
	    cmocka_unit_test(test_pn_counter_is_wide),
	    cmocka_unit_test(test_seq_kv_survives_restarts),
	    cmocka_unit_test(test_seq_kv_beyond_the_ring),
	    cmocka_unit_test(test_seq_kv_silent),
	    cmocka_unit_test(test_malformed_messages),
	    cmocka_unit_test(test_sets_after_malformed_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
