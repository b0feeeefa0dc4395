/*
 * CASPaxos under faults, in the small world: loss, repetition, overtaking,
 * partitions, and kills of nodes with disks. What clients saw must be
 * linearizable; that a ballot has one state, and a state one child that is
 * chosen, are claims that abort the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zlib.h>

#include "caspaxos_internal.h"
#include "check/register.h"
#include "lies.h"
#include "registry.h"
#include "world.h"

#define OPS_MAX  3000
#define KEY_OPS  30 /* operations on one key: crashed ones make judging dear */
#define VALUES   5
#define CHURN_MS 6000
#define WORK_MAX 20000000

#define KEY_OF_N2 "1" /* contended, it is for n2 to change it */

static struct caspaxos *
paxos_of(const struct world *w, int i)
{
	return *(struct caspaxos **)node_state(w->actors[i].node); /* as nodes/lin-kv-caspaxos.c begins its state */
}

static void
start(struct world *w, int count, uint64_t seed, int restart)
{
	char program[] = "lin-kv-caspaxos", level[] = "--log-level", debug[] = "debug", quiet[] = "error",
	     option[] = "--data-dir", dir[] = "disk";
	char *args[] = {program, level, getenv("WORLD_LOG") != NULL ? debug : quiet, option, dir, NULL};

	if (restart == -1)
		world_new(w, registry_find("lin-kv-caspaxos"), count, seed, args);
	else
		world_restart(w, registry_find("lin-kv-caspaxos"), restart, args);
}

static uint64_t
seeds(uint64_t usual)
{
	return getenv("CASPAXOS_SEEDS") != NULL ? strtoull(getenv("CASPAXOS_SEEDS"), NULL, 10) : usual;
}

/* ---- one operation after the other ----------------------------------------------------- */

static const char *
type_of(const json_t *reply)
{
	return reply != NULL ? json_string_value(json_object_get(reply, "type")) : "nothing";
}

static int
code_of(const json_t *reply)
{
	return strcmp(type_of(reply), "error") == 0 ? (int)json_integer_value(json_object_get(reply, "code")) : -1;
}

static json_t *
ask(struct world *w, int i, const char *body, int64_t ms)
{
	int64_t id = world_ask(w, i, json_loads(body, 0, NULL));

	world_run(w, ms);
	return world_reply(w, id);
}

static void
expect_found(struct world *w, int i, const char *body, const char *value)
{
	json_t *expected = json_loads(value, JSON_DECODE_ANY, NULL);

	assert_true(json_equal(json_object_get(ask(w, i, body, 1000), "value"), expected));
	json_decref(expected);
}

static void
expect_type(struct world *w, int i, const char *body, const char *type)
{
	assert_string_equal(type_of(ask(w, i, body, 1000)), type);
}

static void
expect_code(struct world *w, int i, const char *body, int code)
{
	assert_int_equal(code_of(ask(w, i, body, 1000)), code);
}

static size_t
registers(const struct world *w, int i)
{
	struct reg *reg;
	size_t count = 0;

	RB_FOREACH (reg, reg_tree, &paxos_of(w, i)->registers)
		count++;
	return count;
}

/* Keys and values of all kinds; what is equal as JSON is one key. A key that was only read costs nothing. */
static void
answers_as_the_workload_says(void **state)
{
	struct world w;

	(void)state;
	start(&w, 3, 1, -1);
	world_run(&w, 3000);
	expect_code(&w, 0, "{\"type\":\"read\",\"key\":{\"a\":[1],\"b\":null}}", ERROR_KEY_DOES_NOT_EXIST);
	expect_code(&w, 1, "{\"type\":\"cas\",\"key\":7,\"from\":1,\"to\":2}", ERROR_KEY_DOES_NOT_EXIST);
	for (int i = 0; i < 3; i++)
		assert_int_equal(registers(&w, i), 0);
	expect_type(&w, 0, "{\"type\":\"write\",\"key\":{\"a\":[1],\"b\":null},\"value\":{\"x\":1.5}}", "write_ok");
	expect_found(&w, 2, "{\"type\":\"read\",\"key\":{\"b\":null,\"a\":[1]}}", "{\"x\":1.5}");
	expect_code(
	    &w, 1, "{\"type\":\"cas\",\"key\":{\"a\":[1],\"b\":null},\"from\":1,\"to\":2}", ERROR_PRECONDITION_FAILED);
	expect_type(
	    &w, 1, "{\"type\":\"cas\",\"key\":{\"a\":[1],\"b\":null},\"from\":{\"x\":1.5},\"to\":null}", "cas_ok");
	expect_found(&w, 0, "{\"type\":\"read\",\"key\":{\"a\":[1],\"b\":null}}", "null");
	expect_type(
	    &w, 0, "{\"type\":\"cas\",\"key\":\"new\",\"from\":0,\"to\":[1],\"create_if_not_exists\":true}", "cas_ok");
	expect_found(&w, 2, "{\"type\":\"read\",\"key\":\"new\"}", "[1]");
	expect_code(&w, 0, "{\"type\":\"write\",\"key\":1}", ERROR_MALFORMED_REQUEST);
	expect_code(&w, 0, "{\"type\":\"read\"}", ERROR_MALFORMED_REQUEST);
	world_free(&w);
}

static uint64_t
cost(struct world *w, int i, const char *body)
{
	uint64_t before = w->server_messages;

	assert_int_equal(code_of(ask(w, i, body, 1000)), -1);
	return w->server_messages - before;
}

/* Two messages are one round trip to one other node, which makes a majority of three. */
static void
takes_one_round_trip(void **state)
{
	struct world w;

	(void)state;
	start(&w, 3, 1, -1);
	world_run(&w, 3000);
	cost(&w, 0, "{\"type\":\"write\",\"key\":1,\"value\":1}"); /* nobody knows the latency yet */
	assert_int_equal(cost(&w, 0, "{\"type\":\"write\",\"key\":1,\"value\":2}"), 2);
	assert_int_equal(cost(&w, 0, "{\"type\":\"cas\",\"key\":1,\"from\":2,\"to\":3}"), 2);
	assert_int_equal(cost(&w, 0, "{\"type\":\"read\",\"key\":1}"), 2);
	assert_int_equal(cost(&w, 0, "{\"type\":\"write\",\"key\":1,\"value\":3}"), 2);
	cost(&w, 1, "{\"type\":\"write\",\"key\":2,\"value\":1}");
	assert_int_equal(cost(&w, 1, "{\"type\":\"write\",\"key\":1,\"value\":4}"), 4); /* prepare, accept */
	assert_int_equal(cost(&w, 0, "{\"type\":\"read\",\"key\":1}"), 2);
	world_free(&w);
}

/* The side of the minority says that nothing has happened where that is so, and nothing definite where it may not. */
static void
needs_a_majority(void **state)
{
	struct world w;
	int64_t read, written;

	(void)state;
	start(&w, 3, 1, -1);
	world_run(&w, 3000);
	expect_type(&w, 0, "{\"type\":\"write\",\"key\":1,\"value\":1}", "write_ok");
	world_partition(&w, 1);
	read = world_ask(&w, 0, json_pack("{s:s, s:i}", "type", "read", "key", 1));
	expect_type(&w, 1, "{\"type\":\"write\",\"key\":1,\"value\":2}", "write_ok");
	expect_found(&w, 2, "{\"type\":\"read\",\"key\":1}", "2");
	assert_int_equal(code_of(world_reply(&w, read)), ERROR_TEMPORARILY_UNAVAILABLE);
	written = world_ask(&w, 0, json_pack("{s:s, s:i, s:i}", "type", "write", "key", 1, "value", 3));
	world_run(&w, 5000);
	assert_int_equal(code_of(world_reply(&w, written)), ERROR_TIMEOUT); /* it held a promise: the accept is out */
	written = world_ask(&w, 0, json_pack("{s:s, s:i, s:i}", "type", "write", "key", 2, "value", 3));
	world_run(&w, 5000);
	assert_int_equal(code_of(world_reply(&w, written)), ERROR_TEMPORARILY_UNAVAILABLE); /* prepared only */
	world_partition(&w, 0);
	expect_found(&w, 0, "{\"type\":\"read\",\"key\":1}", "2");
	expect_code(&w, 0, "{\"type\":\"read\",\"key\":2}", ERROR_KEY_DOES_NOT_EXIST);
	world_free(&w);
}

/*
 * n0's change is accepted by n0 alone. n1 finds it there and has it accepted, with
 * a change of its own. n0 must answer that its cas succeeded, and not make it again.
 */
static void
knows_its_changes_again(void **state)
{
	struct world w;
	int64_t id;

	(void)state;
	start(&w, 3, 1, -1);
	world_run(&w, 3000);
	expect_type(&w, 0, "{\"type\":\"write\",\"key\":1,\"value\":1}", "write_ok");
	expect_type(&w, 0, "{\"type\":\"write\",\"key\":1,\"value\":2}", "write_ok");
	world_partition(&w, 1);
	id = world_ask(&w, 0, json_pack("{s:s, s:i, s:i, s:i}", "type", "cas", "key", 1, "from", 2, "to", 3));
	world_run(&w, 100);
	w.blocked[1][0] = w.blocked[0][1] = false; /* n0's next attempt comes later than n1's question */
	w.blocked[1][2] = w.blocked[2][1] = true;
	expect_type(&w, 1, "{\"type\":\"cas\",\"key\":1,\"from\":3,\"to\":2}", "cas_ok");
	world_partition(&w, 0);
	world_run(&w, 2000);
	assert_string_equal(type_of(world_reply(&w, id)), "cas_ok");
	expect_found(&w, 2, "{\"type\":\"read\",\"key\":1}", "2");
	world_free(&w);
}

/* ---- rare orders of events ------------------------------------------------------------------ */

static struct reg *
reg_of(struct world *w, int i, int key)
{
	json_t *name = json_integer(key);
	struct reg *reg = reg_find(paxos_of(w, i), name);

	json_decref(name);
	assert_non_null(reg);
	return reg;
}

/* What an acceptor answers in the present round of n0, which hears nobody else. */
static void
say(struct world *w, const char *from, int64_t promised, int64_t accepted)
{
	json_t *body = json_pack("{s:s, s:i, s:i, s:I, s:I, s:I, s:I}", "type", "caspaxos_state", "key", 1, "life", 0,
	    "round", (json_int_t)reg_of(w, 0, 1)->round, "sent", (json_int_t)w->now_ms, "promised",
	    (json_int_t)promised, "accepted", (json_int_t)accepted);
	json_t *message = json_pack("{s:s, s:s, s:o}", "src", from, "dest", "n0", "body", body);
	char *text;

	if (accepted > 0)
		json_object_set_new(body, "state", json_pack("{s:i, s:[i, i, i]}", "value", 9, "changes", 0, 0, 1));
	text = json_dumps(message, 0);
	world_feed(w, 0, text);
	free(text);
	json_decref(message);
}

/*
 * n0 has the promises of a majority for a register in which there was nothing
 * yet. Reads meet what n2 has accepted below, and do not get on. So n0 has it
 * accepted that there is nothing.
 */
static void
accepts_that_there_is_nothing(void **state)
{
	struct world w;
	struct reg *reg;
	int64_t id;

	(void)state;
	start(&w, 3, 1, -1);
	world_run(&w, 3000);
	world_partition(&w, 1);
	world_ask(&w, 0, json_pack("{s:s, s:i, s:i}", "type", "write", "key", 1, "value", 1));
	world_run(&w, 910); /* the client has been told that it has not happened: now it must not */
	reg = reg_of(&w, 0, 1);
	assert_int_equal(reg->phase, PHASE_PREPARING);
	say(&w, "n1", reg->ballot, 0);
	assert_int_equal(reg->phase, PHASE_IDLE);
	assert_true(reg->held > 0 && reg->held_state == NULL);
	id = world_ask(&w, 0, json_pack("{s:s, s:i}", "type", "read", "key", 1));
	while (reg->phase != PHASE_ACCEPTING) {
		if (reg->phase == PHASE_READING) {
			say(&w, "n2", 5, 5);
			say(&w, "n1", reg->held, 0);
		}
		world_run(&w, 1);
		assert_null(world_reply(&w, id));
	}
	say(&w, "n1", reg->next, reg->ballot);
	assert_int_equal(code_of(world_reply(&w, id)), ERROR_KEY_DOES_NOT_EXIST);
	world_free(&w);
}

/*
 * n0 has a batch accepted that changes nothing: a cas that succeeds and one that
 * fails. While it waits the first client gives up. The other must get its own
 * answer, and not the one that stands before it.
 */
static void
answers_each_its_own(void **state)
{
	struct world w;
	struct reg *reg;
	int64_t same, other;

	(void)state;
	start(&w, 3, 1, -1);
	world_run(&w, 3000);
	for (int i = 0; i < 2; i++)
		expect_type(&w, 0, "{\"type\":\"write\",\"key\":1,\"value\":9}", "write_ok");
	world_partition(&w, 1);
	reg = reg_of(&w, 0, 1);
	reg->held = 0;
	reg->refusals = 3; /* as if reading had not worked */
	same = world_ask(&w, 0, json_pack("{s:s, s:i, s:i, s:i}", "type", "cas", "key", 1, "from", 9, "to", 9));
	world_run(&w, 400);
	other = world_ask(&w, 0, json_pack("{s:s, s:i, s:i, s:i}", "type", "cas", "key", 1, "from", 1, "to", 2));
	assert_int_equal(reg->phase, PHASE_PREPARING);
	say(&w, "n1", reg->ballot, 0);
	assert_int_equal(reg->phase, PHASE_ACCEPTING);
	world_run(&w, 600);
	assert_int_equal(code_of(world_reply(&w, same)), ERROR_TEMPORARILY_UNAVAILABLE);
	assert_null(world_reply(&w, other));
	say(&w, "n1", reg->next, reg->ballot);
	assert_int_equal(code_of(world_reply(&w, other)), ERROR_PRECONDITION_FAILED);
	world_free(&w);
}

/* Lets what n1 has said to n0 take longer. */
static void
delay_answer(struct world *w, int64_t ms)
{
	struct letter *letter, *next;

	TAILQ_FOREACH_SAFE (letter, &w->letters, entry, next) {
		if (strcmp(letter->src, "n1") != 0 || strcmp(letter->dest, "n0") != 0 || letter->due >= w->now_ms + ms)
			continue;
		TAILQ_REMOVE(&w->letters, letter, entry);
		world_post(w, letter->src, letter->dest, letter->line, w->now_ms + ms);
		world_letter_free(letter);
	}
}

/*
 * n1 promises n0 a ballot and says what it has accepted. While that is on its
 * way, n2 changes the value, with n1. Who asks n0 to read then must not be
 * told what n1 had said before.
 */
static void
reads_what_was_said_since(void **state)
{
	struct world w;
	int64_t before, after, written;

	(void)state;
	start(&w, 3, 1, -1);
	world_run(&w, 3000);
	w.latency_min_ms = w.latency_max_ms = 10;
	for (int i = 0; i < 3; i++)
		expect_type(&w, 0, "{\"type\":\"write\",\"key\":" KEY_OF_N2 ",\"value\":1}", "write_ok");
	expect_found(&w, 0, "{\"type\":\"read\",\"key\":" KEY_OF_N2 "}", "1");
	assert_int_equal(reg_of(&w, 0, atoi(KEY_OF_N2))->hash % 3, 2);
	reg_of(&w, 0, atoi(KEY_OF_N2))->held = 0;
	reg_of(&w, 0, atoi(KEY_OF_N2))->refusals = 3; /* as if reading had not worked */
	before = world_ask(&w, 0, json_pack("{s:s, s:i}", "type", "read", "key", atoi(KEY_OF_N2)));
	assert_int_equal(reg_of(&w, 0, atoi(KEY_OF_N2))->phase, PHASE_PREPARING);
	world_run(&w, 10);
	delay_answer(&w, 600); /* from now */
	w.blocked[0][1] = w.blocked[0][2] = w.blocked[2][0] = true;
	written = world_ask(&w, 2, json_pack("{s:s, s:i, s:i}", "type", "write", "key", atoi(KEY_OF_N2), "value", 2));
	world_run(&w, 300);
	assert_string_equal(type_of(world_reply(&w, written)), "write_ok");
	after = world_ask(&w, 0, json_pack("{s:s, s:i}", "type", "read", "key", atoi(KEY_OF_N2)));
	world_run(&w, 290);
	assert_null(world_reply(&w, before));
	world_run(&w, 20);
	assert_int_equal(json_integer_value(json_object_get(world_reply(&w, before), "value")), 1);
	assert_null(world_reply(&w, after));
	world_partition(&w, 0);
	world_run(&w, 800);
	assert_int_equal(json_integer_value(json_object_get(world_reply(&w, after), "value")), 2);
	world_free(&w);
}

/* What a peer has handed over in an earlier life comes again, late. */
static void
does_nothing_of_an_earlier_life(void **state)
{
	static const char *const text = "{\"src\":\"n1\",\"dest\":\"n0\",\"body\":{\"type\":\"caspaxos_forward\","
					"\"key\":1,\"command\":{\"value\":%d},"
					"\"id\":%d,\"life\":%d,\"to\":1}}";
	static const struct {
		int value, id, incarnation, found;
	} cases[] = {{1, 7, 1, 1}, {2, 7, 1, 1}, {3, 1, 2, 3}, {4, 8, 1, 3}, {5, 7, 1, 3}, {6, 2, 2, 6}, {7, 1, 2, 6}};
	struct world w;

	(void)state;
	start(&w, 3, 1, -1);
	world_run(&w, 3000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char line[300];

		snprintf(line, sizeof(line), text, cases[i].value, cases[i].id, cases[i].incarnation);
		world_feed(&w, 0, line);
		world_run(&w, 500);
		assert_int_equal(
		    json_integer_value(json_object_get(ask(&w, 2, "{\"type\":\"read\",\"key\":1}", 500), "value")),
		    cases[i].found);
	}
	world_free(&w);
}

/* Lives are counted on the disk. */
static void
counts_its_lives(void **state)
{
	struct world w;

	(void)state;
	start(&w, 3, 1, -1);
	for (int life = 1; life < 4; life++) {
		assert_int_equal(paxos_of(&w, 0)->incarnation, life);
		world_run(&w, 100);
		start(&w, 0, 0, 0);
	}
	world_free(&w);
}

/* Whoever has lost what was promised must not go on as if nothing had been. */
static void
refuses_strange_records(void **state)
{
	static const char *const records[] = {"7", "{}", "{\"life\":0}", "{\"life\":\"x\"}",
	    "{\"key\":1,\"promised\":5}", "{\"key\":1,\"promised\":0,\"accepted\":0}",
	    "{\"key\":1,\"promised\":5,\"accepted\":6,\"state\":{}}", "{\"key\":1,\"promised\":5,\"accepted\":5}",
	    "{\"key\":1,\"promised\":5,\"accepted\":0,\"state\":{}}",
	    "{\"key\":1,\"promised\":5,\"accepted\":5,\"state\":[]}", "{\"key\":1,\"promised\":-5,\"accepted\":0}"};

	(void)state;
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		struct storing storing = {.sync = true};
		struct world w;

		start(&w, 3, 1, -1);
		world_run(&w, 100);
		buffer_printf(&storing.bytes, "%08lx %s\n",
		    crc32_z(0, (const unsigned char *)records[i], strlen(records[i])), records[i]);
		disk_store(w.actors[0].disk, &storing);
		buffer_free(&storing.bytes);
		world_kill(&w, 0);
		w.actors[0].fails = true;
		start(&w, 0, 0, 0);
		assert_true(node_has_failed(w.actors[0].node));
		world_free(&w);
	}
}

/*
 * A node dies while it writes, several keys in one turn where there is one
 * node only, and so many bytes get to its disk. False if there were not so many.
 */
static bool
comes_back(int count, int victim, size_t left)
{
	struct world w;
	size_t before, all;

	start(&w, count, 7, -1);
	w.latency_max_ms = 5;
	world_run(&w, 2500);
	expect_type(&w, 0, "{\"type\":\"write\",\"key\":1,\"value\":1}", "write_ok");
	before = world_tear(&w, victim, SIZE_MAX);
	w.actors[victim].dies = DEATH_ALL_STORED;
	for (int i = 0; i < count; i++)
		if (w.actors[i].node != NULL)
			world_ask(&w, i, json_pack("{s:s, s:i, s:i}", "type", "write", "key", 2, "value", i));
	world_run(&w, 2000);
	assert_null(w.actors[victim].node);
	all = world_tear(&w, victim, before + left);
	start(&w, 0, 0, victim);
	world_run(&w, 2000);
	for (int i = 0; i < count; i++) {
		expect_found(&w, i, "{\"type\":\"read\",\"key\":1}", "1");
		expect_type(&w, i, "{\"type\":\"write\",\"key\":2,\"value\":5}", "write_ok");
	}
	world_free(&w);
	return before + left < all;
}

static void
comes_back_from_any_tear(void **state)
{
	(void)state;
	for (int victim = 0; victim < 4; victim++) {
		size_t left = 0;

		while (comes_back(victim < 3 ? 3 : 1, victim % 3, left))
			left++;
		assert_true(left > 30);
	}
}

/*
 * Without disks: n1 has accepted what only n0 has besides, is killed and
 * started again. While n0 is cut off, n1 must not help n2 to overlook it.
 */
static void
does_not_count_who_has_forgotten(void **state)
{
	struct world w;

	(void)state;
	world_new(&w, registry_find("lin-kv-caspaxos"), 3, 1, NULL);
	world_run(&w, 100);
	expect_type(&w, 0, "{\"type\":\"write\",\"key\":1,\"value\":1}", "write_ok");
	world_run(&w, 2000);
	world_partition(&w, 4);
	expect_type(&w, 0, "{\"type\":\"write\",\"key\":1,\"value\":2}", "write_ok");
	world_restart(&w, registry_find("lin-kv-caspaxos"), 1, NULL);
	world_partition(&w, 1);
	expect_code(&w, 2, "{\"type\":\"read\",\"key\":1}", ERROR_TEMPORARILY_UNAVAILABLE);
	expect_code(&w, 1, "{\"type\":\"read\",\"key\":1}", ERROR_TEMPORARILY_UNAVAILABLE);
	expect_code(&w, 2, "{\"type\":\"write\",\"key\":1,\"value\":3}", ERROR_TEMPORARILY_UNAVAILABLE);
	world_partition(&w, 0);
	expect_found(&w, 2, "{\"type\":\"read\",\"key\":1}", "2");
	expect_type(&w, 0, "{\"type\":\"cas\",\"key\":1,\"from\":2,\"to\":4}", "cas_ok");
	expect_code(&w, 1, "{\"type\":\"write\",\"key\":1,\"value\":5}", ERROR_TEMPORARILY_UNAVAILABLE);
	expect_found(&w, 2, "{\"type\":\"read\",\"key\":1}", "4");
	world_free(&w);
}

/* ---- nonsense ---------------------------------------------------------------------------- */

static void
survives_nonsense(void **state)
{
	static const char *const bodies[] = {"{\"type\":\"caspaxos_read\"}",
	    "{\"type\":\"caspaxos_read\",\"key\":1,\"ballot\":-1}",
	    "{\"type\":\"caspaxos_read\",\"key\":1,\"ballot\":5,\"state\":[]}",
	    "{\"type\":\"caspaxos_read\",\"key\":1,\"ballot\":0,\"state\":{}}",
	    "{\"type\":\"caspaxos_prepare\",\"key\":1,\"ballot\":0,\"known\":0}",
	    "{\"type\":\"caspaxos_prepare\",\"key\":1,\"ballot\":9223372036854775807,\"known\":0}",
	    "{\"type\":\"caspaxos_accept\",\"key\":1,\"ballot\":5,\"next\":6,\"state\":7}",
	    "{\"type\":\"caspaxos_accept\",\"key\":1,\"ballot\":\"x\",\"next\":6,\"state\":{}}",
	    "{\"type\":\"caspaxos_state\",\"key\":1,\"life\":1,\"round\":1,\"sent\":0,\"promised\":-4,\"accepted\":0}",
	    "{\"type\":\"caspaxos_state\",\"key\":1,\"life\":1,\"round\":1,\"sent\":0,\"promised\":4,\"accepted\":3}",
	    "{\"type\":\"caspaxos_forward\",\"key\":1,\"command\":{},\"id\":0,\"life\":1,\"to\":1}",
	    "{\"type\":\"caspaxos_forward\",\"key\":1,\"command\":{},\"id\":1,\"life\":1,\"to\":-1}"};
	static const char *const senders[] = {"n1", "n0", "n7", "c4"};
	struct world w;

	(void)state;
	start(&w, 3, 1, -1);
	world_run(&w, 3000);
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		for (size_t k = 0; k < sizeof(senders) / sizeof(senders[0]); k++) {
			char line[400];

			snprintf(
			    line, sizeof(line), "{\"src\":\"%s\",\"dest\":\"n0\",\"body\":%s}", senders[k], bodies[i]);
			world_feed(&w, 0, line);
		}
	assert_int_equal(registers(&w, 0), 0);
	expect_type(&w, 0, "{\"type\":\"write\",\"key\":1,\"value\":1}", "write_ok");
	expect_found(&w, 1, "{\"type\":\"read\",\"key\":1}", "1");
	world_free(&w);
}

static const struct lie_type lies[] = {
    {"caspaxos_read", {{"key", LIE_NUMBER}, {"ballot", LIE_NUMBER}, {"state", LIE_OBJECT}, {"round", LIE_NUMBER},
			  {"sent", LIE_NUMBER}}},
    {"caspaxos_read", {{"key", LIE_NUMBER}, {"ballot", LIE_NUMBER}, {"round", LIE_NUMBER}, {"sent", LIE_NUMBER}}},
    {"caspaxos_prepare", {{"key", LIE_NUMBER}, {"ballot", LIE_NUMBER}, {"known", LIE_NUMBER}, {"round", LIE_NUMBER},
			     {"sent", LIE_NUMBER}}},
    {"caspaxos_accept", {{"key", LIE_NUMBER}, {"ballot", LIE_NUMBER}, {"next", LIE_NUMBER}, {"state", LIE_OBJECT},
			    {"round", LIE_NUMBER}, {"sent", LIE_NUMBER}}},
    {"caspaxos_state", {{"key", LIE_NUMBER}, {"life", LIE_NUMBER}, {"round", LIE_NUMBER}, {"sent", LIE_NUMBER},
			   {"promised", LIE_NUMBER}, {"accepted", LIE_NUMBER}, {"state", LIE_OBJECT}}},
    {"caspaxos_state", {{"key", LIE_NUMBER}, {"life", LIE_NUMBER}, {"round", LIE_NUMBER}, {"sent", LIE_NUMBER},
			   {"promised", LIE_NUMBER}, {"accepted", LIE_NUMBER}}},
    {"caspaxos_forward", {{"key", LIE_NUMBER}, {"command", LIE_OBJECT}, {"id", LIE_NUMBER}, {"to", LIE_NUMBER},
			     {"life", LIE_NUMBER}, {"msg_id", LIE_NUMBER}}},
};

/* Answers that are of the present round, if there is one, of keys that clients ask for. */
static json_t *
fitting(struct world *w, json_t *body)
{
	int key = (int)random_below(&w->random, 3), node = (int)random_below(&w->random, (uint64_t)w->count);
	json_t *name = json_integer(key);
	const struct reg *reg = reg_find(paxos_of(w, node), name);

	if (json_object_get(body, "key") != NULL && random_below(&w->random, 8) > 0)
		json_object_set(body, "key", name);
	if (json_object_get(body, "round") != NULL && reg != NULL)
		json_object_set_new(body, "round", json_integer(reg->round));
	if (json_object_get(body, "promised") != NULL && reg != NULL && random_below(&w->random, 2) == 0)
		json_object_set_new(body, "promised", json_integer(reg->ballot));
	json_decref(name);
	return body;
}

/* Nobody can be right after that, but all are there, and clients get answers. */
static void
outlives_any_lie(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < seeds(60); seed++) {
		struct world w;
		int64_t id;

		start(&w, (int[]){3, 5, 2}[seed % 3], seed, -1);
		lie_claim_nothing(&w);
		world_run(&w, 3000);
		for (int i = 0; i < 400; i++) {
			lie_tell(&w, lies, sizeof(lies) / sizeof(lies[0]), fitting);
			if (i % 3 == 0)
				world_ask(&w, i % w.count,
				    i % 2 == 0
					? json_pack("{s:s, s:i, s:i}", "type", "write", "key", i / 3 % 3, "value", i)
					: json_pack("{s:s, s:i}", "type", "read", "key", i / 3 % 3));
			world_run(&w, (int64_t)random_below(&w.random, 60));
		}
		id = world_ask(&w, 0, json_pack("{s:s, s:i}", "type", "read", "key", 1));
		world_run(&w, 5000);
		assert_non_null(world_reply(&w, id));
		world_free(&w);
	}
}

/* ---- whatever happens --------------------------------------------------------------------- */

struct asked {
	int64_t id;
	bool done;
	enum { READ, WRITE, CAS } kind;
	struct register_op op; /* as if it succeeded */
};

struct trial {
	struct world world;
	struct asked asked[OPS_MAX];
	int count;
	size_t position; /* in the history */
	int oks;
};

static int
below(struct trial *t, int bound)
{
	return (int)random_below(&t->world.random, (uint64_t)bound);
}

static void
invoke(struct trial *t, int node, int kind)
{
	struct asked *asked = &t->asked[t->count++];
	int key = (t->count - 1) / KEY_OPS, from = below(t, VALUES) + 1, to = below(t, VALUES) + 1;

	assert_true(t->count <= OPS_MAX);
	*asked = (struct asked){.kind = kind};
	asked->op.from = kind == CAS ? (uint32_t)from : REGISTER_ANY;
	asked->op.to = kind == READ ? REGISTER_ANY : (uint32_t)to;
	asked->op.invoked = t->position++;
	asked->op.completed = REGISTER_NEVER;
	asked->id = world_ask(&t->world, node,
	    kind == READ    ? json_pack("{s:s, s:i}", "type", "read", "key", key)
	    : kind == WRITE ? json_pack("{s:s, s:i, s:i}", "type", "write", "key", key, "value", to)
			    : json_pack("{s:s, s:i, s:i, s:i}", "type", "cas", "key", key, "from", from, "to", to));
}

/* A read of a key that is not there has found 0; other definite errors are no operations at all. */
static void
complete(struct trial *t, struct asked *asked)
{
	json_t *reply = world_reply(&t->world, asked->id);
	int code = code_of(reply);

	if (asked->done || reply == NULL)
		return;
	asked->done = true;
	if (code != -1 && (asked->kind != READ || code != ERROR_KEY_DOES_NOT_EXIST)) {
		if (error_is_definite(code) || asked->kind == READ)
			asked->op.invoked = REGISTER_NEVER;
		return;
	}
	t->oks++;
	asked->op.completed = t->position++;
	if (asked->kind == READ)
		asked->op.from = asked->op.to = (uint32_t)json_integer_value(json_object_get(reply, "value"));
}

static void
judge(const struct trial *t, int first, uint64_t seed)
{
	struct register_op ops[KEY_OPS];
	struct register_search search = {0};
	enum verdict verdict;
	size_t count = 0;

	for (int i = first; i < first + KEY_OPS && i < t->count; i++)
		if (t->asked[i].op.invoked != REGISTER_NEVER && (t->asked[i].done || t->asked[i].kind != READ))
			ops[count++] = t->asked[i].op;
	verdict = register_search(&search, ops, count, WORK_MAX);
	if (verdict != VERDICT_VALID)
		fail_msg("seed %llu, key %d: %s", (unsigned long long)seed, first / KEY_OPS,
		    verdict == VERDICT_INVALID ? "not linearizable" : "too much to check");
	register_search_free(&search);
}

static void
strike(struct trial *t)
{
	struct actor *victim = &t->world.actors[below(t, t->world.count)];

	switch (below(t, 6)) {
	case 0:
	case 1:
		world_partition(&t->world, (uint32_t)below(t, 1 << t->world.count));
		break;
	case 2:
		world_partition(&t->world, 0);
		break;
	case 3: /* the power fails */
		for (int i = 0; i < t->world.count; i++)
			world_kill(&t->world, i);
		break;
	case 4:
		world_kill(&t->world, (int)(victim - t->world.actors));
		break;
	default: /* it dies of what it does next */
		if (victim->node != NULL)
			victim->dies = DEATH_NOTHING_STORED + (enum death)below(t, 3);
	}
}

static void
start_some(struct trial *t, int chance)
{
	for (int i = 0; i < t->world.count; i++)
		if (t->world.actors[i].node == NULL && below(t, chance) == 0)
			start(&t->world, 0, 0, i);
}

static void
churn(struct trial *t)
{
	int64_t next = t->world.now_ms, end = t->world.now_ms + CHURN_MS;

	while (t->world.now_ms < end) {
		int node = below(t, t->world.count);

		if (t->world.now_ms >= next) {
			strike(t);
			next = t->world.now_ms + 20 + below(t, 600);
		}
		start_some(t, 10);
		if (t->world.actors[node].node != NULL)
			invoke(t, node, (int[]){READ, WRITE, CAS, CAS}[below(t, 4)]);
		world_run(&t->world, below(t, 30));
		for (int i = 0; i < t->count; i++)
			complete(t, &t->asked[i]);
	}
}

/* All are alive and together again: everybody can read. */
static void
recover(struct trial *t, uint64_t seed)
{
	int first;

	world_partition(&t->world, 0);
	t->world.loss = 0;
	for (int i = 0; i < t->world.count; i++)
		t->world.actors[i].dies = DEATH_NONE;
	start_some(t, 1);
	world_run(&t->world, 10000);
	first = t->count;
	for (int i = 0; i < t->world.count; i++) {
		invoke(t, i, READ);
		world_run(&t->world, 4000);
	}
	for (int i = 0; i < t->count; i++)
		complete(t, &t->asked[i]);
	for (int i = first; i < t->count; i++)
		if (t->asked[i].op.completed == REGISTER_NEVER)
			fail_msg("seed %llu: n%d cannot read", (unsigned long long)seed, i - first);
}

static int
survive(uint64_t seed)
{
	static const int64_t latencies[] = {0, 5, 30, 100};
	struct trial *t = calloc(1, sizeof(*t));
	int oks;

	start(&t->world, (int[]){3, 5, 3, 1, 3, 2, 4, 7}[seed % 8], seed, -1);
	t->world.latency_max_ms = latencies[below(t, 4)];
	t->world.loss = (uint64_t)below(t, 2) * 30;
	t->world.duplication = (uint64_t)below(t, 2) * 200;
	world_run(&t->world, 2000);
	churn(t);
	recover(t, seed);
	for (int i = 0; i < t->count; i += KEY_OPS)
		judge(t, i, seed);
	oks = t->oks;
	world_free(&t->world);
	free(t);
	return oks;
}

static void
survives_kills(void **state)
{
	uint64_t first = getenv("CASPAXOS_SEED") != NULL ? strtoull(getenv("CASPAXOS_SEED"), NULL, 10) : 0;
	uint64_t count = seeds(16);
	int oks = 0;

	(void)state;
	for (uint64_t seed = first; seed < first + count; seed++)
		oks += survive(seed);
	assert_true((uint64_t)oks > 10 * count); /* a cluster that does nothing is not right either */
}

/* Many writes of few keys: what is kept follows the keys, and records are rewritten. */
static void
stays_small(void **state)
{
	struct world w;
	size_t most = 0;

	(void)state;
	start(&w, 3, 5, -1);
	world_run(&w, 3000);
	for (int i = 0; i < 3000; i++) {
		json_t *value = json_array();

		for (int k = 0; k < 500; k++)
			json_array_append_new(value, json_integer(i));
		world_ask(&w, i % 3, json_pack("{s:s, s:i, s:o}", "type", "write", "key", i % 7, "value", value));
		world_run(&w, 20);
		if (node_stored(w.actors[0].node) > most)
			most = node_stored(w.actors[0].node);
		json_object_clear(w.replies);
	}
	assert_in_range(registers(&w, 0), 1, 7);
	assert_in_range(most, CASPAXOS_GARBAGE / 2, 2 * CASPAXOS_GARBAGE);
	world_free(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_as_the_workload_says),
	    cmocka_unit_test(takes_one_round_trip),
	    cmocka_unit_test(needs_a_majority),
	    cmocka_unit_test(knows_its_changes_again),
	    cmocka_unit_test(accepts_that_there_is_nothing),
	    cmocka_unit_test(answers_each_its_own),
	    cmocka_unit_test(reads_what_was_said_since),
	    cmocka_unit_test(does_nothing_of_an_earlier_life),
	    cmocka_unit_test(counts_its_lives),
	    cmocka_unit_test(refuses_strange_records),
	    cmocka_unit_test(comes_back_from_any_tear),
	    cmocka_unit_test(does_not_count_who_has_forgotten),
	    cmocka_unit_test(survives_nonsense),
	    cmocka_unit_test(outlives_any_lie),
	    cmocka_unit_test(survives_kills),
	    cmocka_unit_test(stays_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
