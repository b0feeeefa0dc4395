/*
 * Replicas through kills, while the network loses, repeats and overtakes. With
 * a data directory nothing that was acknowledged is lost, though all nodes may
 * be dead at once, and die in the midst of writing; without, what others have
 * comes back to a node that forgot it, and nothing is counted twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "json_set.h"
#include "registry.h"
#include "world.h"

#define STEPS    400
#define SEEDS    12
#define QUIET    20000 /* ms, and everything is everywhere */
#define ADDS_MAX 4096

static char *const memory_args[] = {(char[]){"node"}, (char[]){"--log-level"}, (char[]){"error"}, NULL};
static char *const disk_args[] = {
    (char[]){"node"}, (char[]){"--log-level"}, (char[]){"error"}, (char[]){"--data-dir"}, (char[]){"disk"}, NULL};

/* The program, its words, and how what it is given is added up: as a set, or as a sum. */
static const struct kind {
	const char *name, *add, *given, *value;
	bool is_sum, shrinks;
} kinds[] = {
    {"broadcast", "broadcast", "message", "messages", false, false},
    {"broadcast-flood", "broadcast", "message", "messages", false, false},
    {"g-set", "add", "element", "value", false, false},
    {"g-counter", "add", "delta", "value", true, false},
    {"pn-counter", "add", "delta", "value", true, true},
    {"txn-rw-register-hat", "txn", "txn", "txn", false, false},
};

#define foreach_kind(k) for (const struct kind *k = kinds; k < kinds + sizeof(kinds) / sizeof(*kinds); k++)

struct trial {
	struct world world;
	const struct kind *kind;
	char *const *args;
	int64_t ids[ADDS_MAX]; /* of adds: of element i, or of the delta below */
	json_int_t deltas[ADDS_MAX];
	int count;
};

/* ---- asking ------------------------------------------------------------------------ */

static const struct program *
program_of(const struct kind *kind)
{
	const struct program *program = registry_find(kind->name);

	assert_non_null(program);
	return program;
}

static void
begin(struct trial *t, const struct kind *kind, int count, uint64_t seed, char *const args[])
{
	t->kind = kind;
	t->args = args;
	t->count = 0;
	world_new(&t->world, program_of(kind), count, seed, args);
	t->world.latency_min_ms = t->world.latency_max_ms = 10;
}

static bool
is_alive(const struct trial *t, int i)
{
	return t->world.actors[i].node != NULL;
}

/* What is given: an element, a delta, or a transaction that writes a key of its own and one that all write. */
static json_t *
given(const struct trial *t)
{
	if (strcmp(t->kind->given, "txn") == 0)
		return json_pack("[[s, i, i], [s, s, i]]", "w", t->count, t->count, "w", "all", t->count);
	return json_integer(t->kind->is_sum ? t->deltas[t->count] : t->count);
}

static void
add(struct trial *t, int i)
{
	bool minus = t->kind->shrinks && random_below(&t->world.random, 2) == 0;
	json_int_t delta = (json_int_t)random_below(&t->world.random, 10);

	assert_true(t->count < ADDS_MAX);
	t->deltas[t->count] = minus ? -delta : delta;
	t->ids[t->count] =
	    world_ask(&t->world, i, json_pack("{s:s, s:o}", "type", t->kind->add, t->kind->given, given(t)));
	t->count++;
}

static bool
is_acknowledged(const struct trial *t, int k)
{
	json_t *reply = world_reply(&t->world, t->ids[k]);

	return reply != NULL && strcmp(json_string_value(json_object_get(reply, "type")), "error") != 0;
}

static json_t *
ask(struct trial *t, int i, json_t *body)
{
	json_t *value = json_object_get(world_reply(&t->world, world_ask(&t->world, i, body)), t->kind->value);

	assert_non_null(value);
	return value;
}

/* Borrowed. */
static json_t *
read_value(struct trial *t, int i)
{
	json_t *txn, *op, *found;
	size_t k;

	if (strcmp(t->kind->given, "txn") != 0)
		return ask(t, i, json_pack("{s:s}", "type", "read"));
	txn = json_array();
	for (int key = 0; key < t->count; key++)
		json_array_append_new(txn, json_pack("[s, i, n]", "r", key));
	txn = ask(t, i, json_pack("{s:s, s:o}", "type", "txn", "txn", txn));
	found = json_array();
	json_array_foreach (txn, k, op)
		if (!json_is_null(json_array_get(op, 2)))
			json_array_append(found, json_array_get(op, 2));
	json_array_clear(txn); /* what is borrowed belongs to the reply */
	json_array_append_new(txn, found);
	return found;
}

/* Which of the transactions wrote last, as that node has it. */
static json_int_t
last_writer(struct trial *t, int i)
{
	json_t *txn = ask(t, i, json_pack("{s:s, s:[[s, s, n]]}", "type", "txn", "txn", "r", "all"));

	return json_integer_value(json_array_get(json_array_get(txn, 0), 2));
}

/* ---- what must be there --------------------------------------------------------------- */

/* Every acknowledged element once, and none that nobody added. */
static void
check_set(struct trial *t, json_t *elements, bool all)
{
	struct json_set set;
	json_t *element;
	size_t i;

	json_set_init(&set);
	json_array_foreach (elements, i, element) {
		assert_true(json_integer_value(element) >= 0 && json_integer_value(element) < t->count);
		assert_true(json_set_add(&set, element));
	}
	for (int k = 0; all && k < t->count; k++) {
		json_t *expected = json_integer(k);

		if (is_acknowledged(t, k) && !json_set_has(&set, expected))
			fail_msg("%s has lost %d", t->kind->name, k);
		json_decref(expected);
	}
	json_set_free(&set);
}

/* All that is acknowledged, and of the rest any part, or, not all: no more than everything. */
static void
check_sum(struct trial *t, json_int_t sum, bool all)
{
	json_int_t low = 0, high = 0;

	for (int k = 0; k < t->count; k++) {
		bool sure = all && is_acknowledged(t, k);

		low += sure || t->deltas[k] < 0 ? t->deltas[k] : 0;
		high += sure || t->deltas[k] > 0 ? t->deltas[k] : 0;
	}
	if (sum < low || sum > high)
		fail_msg("%s reads %d, not %d to %d", t->kind->name, (int)sum, (int)low, (int)high);
}

/* Everybody has the same, and what must be there (`all`: everything acknowledged). */
static void
check(struct trial *t, bool all)
{
	json_t *first = read_value(t, 0);

	for (int i = 0; i < t->world.count; i++) {
		json_t *value = read_value(t, i);

		if (t->kind->is_sum) {
			assert_int_equal(json_integer_value(value), json_integer_value(first));
			check_sum(t, json_integer_value(value), all);
		} else {
			assert_int_equal(json_array_size(value), json_array_size(first));
			check_set(t, value, all);
		}
		if (strcmp(t->kind->given, "txn") == 0)
			assert_int_equal(last_writer(t, i), last_writer(t, 0));
	}
}

static void
restart(struct trial *t, int i)
{
	world_restart(&t->world, program_of(t->kind), i, t->args);
}

static void
settle(struct trial *t)
{
	world_partition(&t->world, 0);
	t->world.loss = t->world.duplication = 0;
	t->world.latency_min_ms = t->world.latency_max_ms = 10;
	for (int i = 0; i < t->world.count; i++) {
		t->world.actors[i].dies = DEATH_NONE;
		if (!is_alive(t, i))
			restart(t, i);
	}
	world_run(&t->world, QUIET);
}

/* ---- churn ------------------------------------------------------------------------------ */

static bool
by_chance(struct trial *t, uint64_t one_in)
{
	return random_below(&t->world.random, one_in) == 0;
}

/* Kills a node, now or in the midst of storing something, or all of them; starts again what is dead after a while. */
static void
kill_and_restart(struct trial *t)
{
	struct world *w = &t->world;
	struct actor *victim = &w->actors[random_below(&w->random, (uint64_t)w->count)];

	if (by_chance(t, 20))
		world_kill(w, (int)(victim - w->actors));
	else if (by_chance(t, 20))
		victim->dies = (enum death)(DEATH_NOTHING_STORED + (int)random_below(&w->random, 3));
	for (int i = 0; i < w->count; i++) {
		if (by_chance(t, 2000))
			for (int k = 0; k < w->count; k++)
				world_kill(w, k);
		if (!is_alive(t, i) && by_chance(t, 10))
			restart(t, i);
	}
}

static void
churn(struct trial *t)
{
	struct world *w = &t->world;

	w->latency_min_ms = 0;
	w->latency_max_ms = 300;
	w->loss = w->duplication = 50;
	for (int step = 0; step < STEPS; step++) {
		int i = (int)random_below(&w->random, (uint64_t)w->count);

		kill_and_restart(t);
		if (by_chance(t, 20))
			world_partition(w, (uint32_t)random_below(&w->random, 32));
		if (is_alive(t, i) && by_chance(t, 2))
			add(t, i);
		world_run(w, (int64_t)random_below(&w->random, 100));
	}
}

/* What was acknowledged is there, and not by luck: some adds were not acknowledged, for their node died. */
static void
nothing_acknowledged_is_lost_with_disks(void **state)
{
	static struct trial t;

	(void)state;
	foreach_kind(kind)
	{
		int added = 0, acknowledged = 0;

		for (uint64_t seed = 1; seed <= SEEDS; seed++) {
			begin(&t, kind, 1 + (int)seed % 5, seed, disk_args);
			churn(&t);
			settle(&t);
			check(&t, true);
			for (int k = 0; k < t.count; k++)
				acknowledged += is_acknowledged(&t, k);
			added += t.count;
			world_free(&t.world);
		}
		assert_true(acknowledged > 100 * SEEDS && acknowledged < added);
	}
}

/* Nodes agree in the end, and nothing is there twice. What only a killed node had is gone. */
static void
nodes_agree_without_disks(void **state)
{
	static struct trial t;

	(void)state;
	foreach_kind(kind) for (uint64_t seed = 1; seed <= SEEDS; seed++)
	{
		begin(&t, kind, 2 + (int)seed % 4, seed, memory_args);
		churn(&t);
		settle(&t);
		check(&t, false);
		world_free(&t.world);
	}
}

/* ---- without disks ------------------------------------------------------------------------- */

/* All but one node are killed, in turn and then at once: they get back all that was everywhere, and count on. */
static void
what_others_have_comes_back(void **state)
{
	static struct trial t;

	(void)state;
	foreach_kind(kind)
	{
		begin(&t, kind, 4, 1, memory_args);
		for (int k = 0; k < 20; k++)
			add(&t, k % 4);
		world_run(&t.world, QUIET);
		check(&t, true);
		for (int i = 1; i < 4; i++) {
			restart(&t, i);
			add(&t, i);
			world_run(&t.world, QUIET);
			check(&t, true);
		}
		for (int i = 1; i < 4; i++)
			restart(&t, i);
		world_run(&t.world, QUIET);
		check(&t, true);
		world_free(&t.world);
	}
}

/* What a node says first in one life is not what it said first in another. */
static void
lives_are_told_apart(void **state)
{
	static struct trial t;

	(void)state;
	foreach_kind(kind)
	{
		begin(&t, kind, 2, 1, memory_args);
		for (int life = 0; life < 4; life++) {
			add(&t, 0);
			world_run(&t.world, QUIET);
			check(&t, true);
			restart(&t, 0);
		}
		world_free(&t.world);
	}
}

/* An acknowledgement that was on its way when the node died does not count for the one that came back. */
static void
former_lives_do_not_acknowledge(void **state)
{
	static struct trial t;

	(void)state;
	foreach_kind(kind) for (int64_t wait = 150; wait < 1500; wait += 50)
	{
		begin(&t, kind, 2, 1, memory_args);
		add(&t, 0);
		world_run(&t.world, 1);
		t.world.latency_min_ms = t.world.latency_max_ms = 400;
		world_run(&t.world, wait);
		t.world.latency_min_ms = t.world.latency_max_ms = 1;
		restart(&t, 1);
		world_run(&t.world, QUIET);
		check(&t, true);
		world_free(&t.world);
	}
}

/* Until a node has something new; or for long, where that makes no difference. */
static void
await_change(struct trial *t, int i)
{
	json_t *before = json_deep_copy(read_value(t, i));

	for (int k = 0; k < 2 * QUIET / 100 && json_equal(read_value(t, i), before); k++)
		world_run(&t->world, 100);
	json_decref(before);
}

/*
 * What a node said in a former life comes after all that it says in this one, and
 * is the first that there is to know. Who hears it must not take the node for one
 * that knows it; though the node's first word about that be lost.
 */
static void
former_lives_may_speak_late(void **state)
{
	static struct trial t;

	(void)state;
	foreach_kind(kind) for (int victim = 0; victim < 2; victim++) for (int deaf = 0; deaf < 3; deaf++)
	{
		begin(&t, kind, 2, 1, memory_args);
		world_run(&t.world, QUIET);
		t.world.latency_min_ms = t.world.latency_max_ms = QUIET;
		add(&t, victim);
		world_run(&t.world, 1000);
		t.world.latency_min_ms = t.world.latency_max_ms = 10;
		restart(&t, victim);
		await_change(&t, 1 - victim);
		for (int i = 0; i < deaf; i++)
			t.world.blocked[victim ^ i][1 - (victim ^ i)] = true;
		world_run(&t.world, 4000);
		t.world.blocked[0][1] = t.world.blocked[1][0] = false;
		world_run(&t.world, 2 * QUIET);
		check(&t, true);
		world_free(&t.world);
	}
}

/* ---- disks ---------------------------------------------------------------------------------- */

static size_t
stored(const struct trial *t, int i)
{
	return node_stored(t->world.actors[i].node);
}

/* A counter's disk holds what it is, not how it came about. */
static void
counters_take_little_room(void **state)
{
	static struct trial t;
	size_t most = 0;

	(void)state;
	foreach_kind(kind)
	{
		if (!kind->is_sum)
			continue;
		begin(&t, kind, 2, 1, disk_args);
		for (int round = 0; round < 3; round++) {
			for (int k = 0; k < ADDS_MAX / 3; k++) {
				add(&t, k % 2);
				for (int again = 0; again < 4; again++)
					world_ask(&t.world, 0, json_pack("{s:s, s:i}", "type", "add", "delta", 0));
				most = stored(&t, 0) > most ? stored(&t, 0) : most;
				if (k % 20 == 0)
					world_run(&t.world, 200);
			}
			settle(&t);
			check(&t, true);
			for (int i = 0; i < 2; i++)
				restart(&t, i);
			check(&t, true);
		}
		world_free(&t.world);
	}
	assert_true(most > 200000 && most < 400000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_acknowledged_is_lost_with_disks),
	    cmocka_unit_test(nodes_agree_without_disks),
	    cmocka_unit_test(what_others_have_comes_back),
	    cmocka_unit_test(lives_are_told_apart),
	    cmocka_unit_test(former_lives_do_not_acknowledge),
	    cmocka_unit_test(former_lives_may_speak_late),
	    cmocka_unit_test(counters_take_little_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
