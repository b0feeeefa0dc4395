/*
 * Transactions over services, of nodes that die on the way: after each message
 * of a transaction its node is killed, with what is on its way delivered or
 * lost. Whatever is left in the service, the others find all of it done or
 * nothing, and all if the client was told so; and they are not held up for long.
 * A node that only stood still, while others finished what it had begun, must
 * not go on as if nothing had happened; nor must one whose questions came twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "registry.h"
#include "world.h"

#define KEYS       4
#define LATENCY_MS 10
#define FINISH_MS  4000 /* to find out what became of a dead node's transaction, and to finish it */
#define STEPS_MAX  200

static const struct kind {
	const char *name, *write;
	bool lists, locks; /* whether a dead node's locks are to be waited for */
} kinds[] = {
    {"txn-rw-register-mvcc", "w", false, true},
    {"txn-list-append-mvcc", "append", true, true},
    {"txn-list-append-datomic", "append", true, false},
};

#define foreach_kind(k) for (const struct kind *k = kinds; k < kinds + sizeof(kinds) / sizeof(*kinds); k++)

/* What came of the deaths of one kind of node. */
struct outcomes {
	int told, done,
	    undone; /* the client was told that it is done; it is, though the client was not told; it is not */
	int waited; /* readers that had to wait for a lock */
};

/* ---- transactions ----------------------------------------------------------------- */

/* Writes that value to all keys. */
static json_t *
writes(const struct kind *kind, int value)
{
	json_t *txn = json_array();

	for (int key = 0; key < KEYS; key++)
		json_array_append_new(txn, json_pack("[s, i, i]", kind->write, key, value));
	return json_pack("{s:s, s:o}", "type", "txn", "txn", txn);
}

static json_t *
reads(void)
{
	json_t *txn = json_array();

	for (int key = 0; key < KEYS; key++)
		json_array_append_new(txn, json_pack("[s, i, n]", "r", key));
	return json_pack("{s:s, s:o}", "type", "txn", "txn", txn);
}

static bool
is_ok(const json_t *reply)
{
	return reply != NULL && strcmp(json_string_value(json_object_get(reply, "type")), "txn_ok") == 0;
}

/* Asks until it is answered, for FINISH_MS at most; returns the reply. */
static json_t *
insist(struct world *w, int node, json_t *body)
{
	int64_t end = w->now_ms + FINISH_MS, id;

	do {
		id = world_ask(w, node, json_copy(body));
		while (world_reply(w, id) == NULL && w->now_ms < end)
			world_run(w, 1);
	} while (!is_ok(world_reply(w, id)) && w->now_ms < end);
	json_decref(body);
	if (!is_ok(world_reply(w, id)))
		fail_msg("a transaction is held up for longer than %d ms", FINISH_MS);
	return world_reply(w, id);
}

/* The newest value of that key in a transaction of reads. */
static json_int_t
newest(const struct kind *kind, json_t *reply, int key)
{
	json_t *value = json_array_get(json_array_get(json_object_get(reply, "txn"), (size_t)key), 2);

	return json_integer_value(kind->lists ? json_array_get(value, json_array_size(value) - 1) : value);
}

/* ---- one death ----------------------------------------------------------------------- */

static void
lose_all(struct world *w)
{
	struct letter *letter;

	while ((letter = TAILQ_FIRST(&w->letters)) != NULL) {
		TAILQ_REMOVE(&w->letters, letter, entry);
		world_letter_free(letter);
	}
}

/* Node 0 begins to write 2 where 1 was, and has sent or got so many messages of it. False: there are not so many. */
static bool
write_up_to(struct world *w, int messages, int64_t *id, const struct kind *kind)
{
	uint64_t before;
	int64_t end;

	assert_non_null(registry_find(kind->name));
	world_new(w, registry_find(kind->name), 2, 1, NULL);
	w->latency_min_ms = w->latency_max_ms = LATENCY_MS;
	insist(w, 0, writes(kind, 1));
	world_run(w, 1000);
	end = w->now_ms + 1000;
	before = w->server_messages;
	*id = world_ask(w, 0, writes(kind, 2));
	while (w->server_messages < before + (uint64_t)messages && w->now_ms < end)
		world_run(w, 1);
	return w->now_ms < end;
}

/* What the others read: everywhere the same. */
static json_int_t
read_all(struct world *w, const struct kind *kind)
{
	json_t *reply = insist(w, 1, reads());
	json_int_t value = newest(kind, reply, 0);

	for (int key = 0; key < KEYS; key++)
		assert_int_equal(newest(kind, reply, key), value);
	assert_true(value == 1 || value == 2);
	return value;
}

/* Nothing of the dead stands in the way of others, nor of the node itself when it is back. */
static void
go_on(struct world *w, const struct kind *kind)
{
	for (int node = 0; node < 2; node++) {
		insist(w, node, writes(kind, 3 + node));
		world_run(w, 1000);
		assert_int_equal(newest(kind, insist(w, 1 - node, reads()), KEYS - 1), 3 + node);
	}
}

static bool
die_and_look(const struct kind *kind, int messages, bool lost, struct outcomes *outcomes)
{
	struct world w;
	json_int_t value;
	int64_t id, since;
	bool died = write_up_to(&w, messages, &id, kind);

	world_kill(&w, 0);
	if (lost)
		lose_all(&w);
	since = w.now_ms;
	value = read_all(&w, kind);
	outcomes->waited += w.now_ms - since > 1000;
	if (is_ok(world_reply(&w, id)))
		assert_int_equal(value, 2);
	outcomes->told += is_ok(world_reply(&w, id));
	outcomes->done += value == 2 && !is_ok(world_reply(&w, id));
	outcomes->undone += value == 1;
	world_restart(&w, registry_find(kind->name), 0, NULL);
	assert_int_equal(read_all(&w, kind), value);
	go_on(&w, kind);
	world_free(&w);
	return died;
}

/* Node 0 stands still for so long that others take its locks away, and then goes on. */
static bool
stop_and_look(const struct kind *kind, int messages, struct outcomes *outcomes)
{
	struct world w;
	json_int_t during, after;
	int64_t id;
	bool stopped = write_up_to(&w, messages, &id, kind);

	w.actors[0].stopped_until_ms = w.now_ms + 2 * FINISH_MS;
	during = read_all(&w, kind);
	world_run(&w, 4 * FINISH_MS);
	after = read_all(&w, kind);
	assert_true(after >= during);
	if (is_ok(world_reply(&w, id)))
		assert_int_equal(after, 2);
	outcomes->done += after == 2;
	outcomes->undone += after == 1;
	go_on(&w, kind);
	world_free(&w);
	return stopped;
}

/* ---- tests ----------------------------------------------------------------------------- */

static void
may_die_at_any_point(void **state)
{
	(void)state;
	foreach_kind(kind)
	{
		struct outcomes outcomes = {0};
		int messages = 0;

		while (messages < STEPS_MAX && die_and_look(kind, messages, false, &outcomes))
			die_and_look(kind, messages++, true, &outcomes);
		print_message("%s: %d messages; told %d, done %d, undone %d, waited %d\n", kind->name, messages,
		    outcomes.told, outcomes.done, outcomes.undone, outcomes.waited);
		assert_in_range(messages, 2, STEPS_MAX - 1);
		assert_true(outcomes.told > 0 && outcomes.done > 0 && outcomes.undone > 0);
		assert_true(kind->locks ? outcomes.waited > 0 : outcomes.waited == 0);
	}
}

static void
may_stand_still_at_any_point(void **state)
{
	(void)state;
	foreach_kind(kind)
	{
		struct outcomes outcomes = {0};
		int messages = 0;

		while (messages < STEPS_MAX && stop_and_look(kind, messages, &outcomes))
			messages++;
		assert_in_range(messages, 2, STEPS_MAX - 1);
		assert_true(outcomes.done > 0);
	}
}

/* ---- what comes twice ------------------------------------------------------------------- */

static bool
has_once(const json_t *list, json_int_t value)
{
	int found = 0;

	for (size_t i = 0; i < json_array_size(list); i++)
		found += json_integer_value(json_array_get(list, i)) == value;
	return found == 1;
}

/* Of a question that comes twice the answers overtake each other: the first one to come may say that it failed. */
static void
questions_may_come_twice(void **state)
{
	(void)state;
	foreach_kind(kind) for (uint64_t seed = 1; seed <= 20; seed++)
	{
		struct world w;
		json_t *list;

		if (!kind->lists)
			continue;
		world_new(&w, registry_find(kind->name), 1, seed, NULL);
		w.latency_min_ms = 1;
		w.latency_max_ms = 20;
		w.duplication = 1000;
		for (int value = 1; value <= 10; value++)
			insist(&w, 0, writes(kind, value));
		list = json_array_get(json_array_get(json_object_get(insist(&w, 0, reads()), "txn"), 0), 2);
		assert_int_equal(json_array_size(list), 10);
		for (int value = 1; value <= 10; value++)
			assert_true(has_once(list, value));
		world_free(&w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(may_die_at_any_point),
	    cmocka_unit_test(may_stand_still_at_any_point),
	    cmocka_unit_test(questions_may_come_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
