/*
 * The nodes for transactions: what they answer, that nothing of a malformed
 * transaction happens, that reads cost no entries, snapshots; and, under loss,
 * repetition, overtaking, partitions and restarts, that Elle's checks find
 * their histories strict serializable.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "check.h"
#include "raft_internal.h"
#include "registry.h"
#include "txn.h"
#include "workload.h"
#include "world.h"

static const struct kind {
	const char *name;
	const char *write, *foreign; /* what it is called here, and by the other */
	bool lists;
} kinds[] = {{"txn-list-append", "append", "w", true}, {"txn-rw-register", "w", "append", false}};

#define foreach_kind(k) for (const struct kind *k = kinds; k < kinds + sizeof(kinds) / sizeof(*kinds); k++)

/* As nodes/txn-list-append.c begins its state. */
struct store {
	bool lease;
	struct raft *raft;
	json_t *values;
};

static struct store *
store_of(const struct world *w, int i)
{
	return node_state(w->actors[i].node);
}

static struct raft *
raft_of(const struct world *w, int i)
{
	return store_of(w, i)->raft;
}

static const struct program *
program_of(const struct kind *kind)
{
	const struct program *program = registry_find(kind->name);

	assert_non_null(program);
	return program;
}

/* Command lines: as it is, with leases, with a disk. */
#define ARGS(...) ((char *[]){(char[]){"txn"}, (char[]){"--log-level"}, (char[]){"error"}, __VA_ARGS__})
#define PLAIN     ARGS(NULL)
#define LEASE     ARGS((char[]){"--lease"}, NULL)
#define DISK      ARGS((char[]){"--data-dir"}, (char[]){"disk"}, NULL)

static void
open_world(struct world *w, const struct kind *kind, int count, uint64_t seed)
{
	world_new(w, program_of(kind), count, seed, PLAIN);
}

static int
leader_of(const struct world *w)
{
	for (int i = 0; i < w->count; i++)
		if (raft_of(w, i)->role == ROLE_LEADER)
			return i;
	return -1;
}

/* JSON with single quotes. */
static json_t *
quoted(const char *json)
{
	char *text = strdup(json);
	json_t *value;

	for (char *c = text; *c != '\0'; c++)
		if (*c == '\'')
			*c = '"';
	value = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	if (value == NULL)
		fail_msg("%s is no JSON", text);
	free(text);
	return value;
}

static int64_t
send(struct world *w, int i, const char *txn)
{
	return world_ask(w, i, json_pack("{s:s, s:o}", "type", "txn", "txn", quoted(txn)));
}

/* Its reply within a second; NULL: there is none yet. */
static json_t *
ask(struct world *w, int i, const char *txn)
{
	int64_t id = send(w, i, txn);

	world_run(w, 1000);
	return world_reply(w, id);
}

static void
assert_txn(struct world *w, int i, const char *txn, const char *expected)
{
	json_t *reply = ask(w, i, txn), *completed = quoted(expected);

	if (!json_equal(json_object_get(reply, "txn"), completed))
		fail_msg("%s does not become %s", txn, expected);
	assert_string_equal(json_string_value(json_object_get(reply, "type")), "txn_ok");
	assert_int_equal(json_object_size(reply), 3);
	json_decref(completed);
}

static void
assert_error(struct world *w, int i, const char *txn, enum error code)
{
	json_t *reply = ask(w, i, txn);

	if (reply == NULL)
		fail_msg("%s is not answered", txn);
	assert_string_equal(json_string_value(json_object_get(reply, "type")), "error");
	assert_int_equal(json_integer_value(json_object_get(reply, "code")), code);
}

/* ---- what is answered ------------------------------------------------------------------ */

static void
performs_in_order(void **state)
{
	struct world w;

	(void)state;
	for (int i = 0; i < 3; i++) {
		open_world(&w, &kinds[0], 3, 1);
		assert_txn(&w, i, "[]", "[]");
		assert_txn(&w, i, "[['r',1,null]]", "[['r',1,null]]");
		assert_txn(&w, i, "[['append',1,8],['r',1,null],['append',1,6],['append',2,9],['r',1,null]]",
		    "[['append',1,8],['r',1,[8]],['append',1,6],['append',2,9],['r',1,[8,6]]]");
		assert_txn(&w, (i + 1) % 3, "[['r',2,null],['r',1,null],['r',3,null],['r',2,null]]",
		    "[['r',2,[9]],['r',1,[8,6]],['r',3,null],['r',2,[9]]]");
		world_free(&w);
		open_world(&w, &kinds[1], 3, 1);
		assert_txn(&w, i, "[['r',1,null],['w',1,8],['r',1,null],['w',1,6],['w',2,null],['r',1,null]]",
		    "[['r',1,null],['w',1,8],['r',1,8],['w',1,6],['w',2,null],['r',1,6]]");
		assert_txn(&w, (i + 1) % 3, "[['r',2,null],['r',1,null]]", "[['r',2,null],['r',1,6]]");
		world_free(&w);
	}
}

/* Keys are equal as JSON is: objects in any order, 1 and 1.0 and "1" not. */
static void
takes_any_json(void **state)
{
	static const char *const keys[] = {"null", "false", "0", "1", "1.0", "'1'", "''", "'\\u0000'", "'a\\u0000b'",
	    "[]", "[[1]]", "{}", "{'a':1,'b':[null]}", "-9223372036854775808", "1e300", "'\xc3\xa9'", "'[1]'"};
	char txn[200], expected[200];
	struct world w;

	(void)state;
	foreach_kind(k)
	{
		open_world(&w, k, 2, 1);
		for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
			snprintf(
			    txn, sizeof(txn), "[['r',%s,null],['%s',%s,{'x':%zu}]]", keys[i], k->write, keys[i], i);
			snprintf(expected, sizeof(expected), "[['r',%s,null],['%s',%s,{'x':%zu}]]", keys[i], k->write,
			    keys[i], i);
			assert_txn(&w, 0, txn, expected);
		}
		snprintf(expected, sizeof(expected), "[['r',{'b':[null],'a':1},%s{'x':12}%s]]", k->lists ? "[" : "",
		    k->lists ? "]" : "");
		assert_txn(&w, 1, "[['r',{'b':[null],'a':1},null]]", expected);
		world_free(&w);
	}
}

static void
refuses_what_is_malformed(void **state)
{
	static const char *const malformed[] = {"null", "{}", "'r'", "[['X',1,5],null]", "[['X',1,5],[]]",
	    "[['X',1,5],['r',1]]", "[['X',1,5],['r',1,null,null]]", "[['X',1,5],['r',1,5]]", "[['X',1,5],['R',1,null]]",
	    "[['X',1,5],['r\\u0000',1,null]]", "[['X',1,5],[1,1,null]]", "[['X',1,5],{'r':1}]", "[['X',1,5],['X',1]]",
	    "[['X',1,5],['Y',1,6]]"};
	struct world w;

	(void)state;
	foreach_kind(k)
	{
		open_world(&w, k, 3, 1);
		for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++) {
			char txn[100];
			size_t length = 0;

			for (const char *c = malformed[i]; *c != '\0'; c++)
				length += (size_t)snprintf(txn + length, sizeof(txn) - length,
				    *c == 'X'   ? "%s"
				    : *c == 'Y' ? "%s"
						: "%.1s",
				    *c == 'X'   ? k->write
				    : *c == 'Y' ? k->foreign
						: c);
			assert_error(&w, (int)i % 3, txn, ERROR_MALFORMED_REQUEST);
		}
		assert_int_equal(json_integer_value(json_object_get(
				     world_reply(&w, world_ask(&w, 0, json_pack("{s:s}", "type", "txn"))), "code")),
		    ERROR_MALFORMED_REQUEST);
		assert_txn(&w, 0, "[['r',1,null]]", "[['r',1,null]]");
		world_free(&w);
	}
}

static json_t *
reads(size_t count)
{
	json_t *txn = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(txn, json_pack("[s, i, n]", "r", 1));
	return json_pack("{s:s, s:o}", "type", "txn", "txn", txn);
}

static void
limits_the_length(void **state)
{
	struct world w;
	int64_t most, more;

	(void)state;
	open_world(&w, &kinds[0], 1, 1);
	world_run(&w, 1000);
	most = world_ask(&w, 0, reads(TXN_OPS_MAX));
	more = world_ask(&w, 0, reads(TXN_OPS_MAX + 1));
	world_run(&w, 100);
	assert_int_equal(json_array_size(json_object_get(world_reply(&w, most), "txn")), TXN_OPS_MAX);
	assert_int_equal(json_integer_value(json_object_get(world_reply(&w, more), "code")), ERROR_MALFORMED_REQUEST);
	world_free(&w);
}

/* ---- the log ---------------------------------------------------------------------------- */

static void
reads_are_no_entries(void **state)
{
	struct world w;

	(void)state;
	foreach_kind(k)
	{
		char txn[100];
		int64_t last;

		open_world(&w, k, 3, 1);
		snprintf(txn, sizeof(txn), "[['%s',1,1]]", k->write);
		assert_txn(&w, 0, txn, txn);
		last = log_last(&raft_of(&w, leader_of(&w))->log);
		for (int i = 0; i < 10; i++)
			assert_txn(&w, i % 3, "[['r',2,null],['r',3,null]]", "[['r',2,null],['r',3,null]]");
		assert_int_equal(log_last(&raft_of(&w, leader_of(&w))->log), last);
		snprintf(txn, sizeof(txn), "[['r',2,null],['%s',1,2]]", k->write);
		assert_txn(&w, 0, txn, txn);
		assert_int_equal(log_last(&raft_of(&w, leader_of(&w))->log), last + 1);
		world_free(&w);
	}
}

/* A minority does nothing, says so, and has not done it when it is back. */
static void
a_minority_aborts(void **state)
{
	struct world w;

	(void)state;
	foreach_kind(k)
	{
		char txn[100];
		int64_t read, write;
		int leader, other;

		open_world(&w, k, 5, 1);
		assert_txn(&w, 0, "[['r',1,null]]", "[['r',1,null]]");
		leader = leader_of(&w);
		other = (leader + 1) % 5;
		world_partition(&w, 1U << other);
		snprintf(txn, sizeof(txn), "[['%s',1,1]]", k->write);
		write = send(&w, other, txn);
		read = send(&w, other, "[['r',1,null]]");
		assert_txn(&w, leader, "[['r',1,null]]", "[['r',1,null]]");
		world_run(&w, 5000);
		assert_int_equal(
		    json_integer_value(json_object_get(world_reply(&w, read), "code")), ERROR_TEMPORARILY_UNAVAILABLE);
		assert_string_equal(json_string_value(json_object_get(world_reply(&w, write), "type")), "error");
		world_partition(&w, 0);
		world_run(&w, 5000);
		if (error_is_definite((int)json_integer_value(json_object_get(world_reply(&w, write), "code"))))
			assert_txn(&w, other, "[['r',1,null]]", "[['r',1,null]]");
		world_free(&w);
	}
}

/* Who was away for longer than the log remembers gets the whole state. */
static void
restores_snapshots(void **state)
{
	struct world w;

	(void)state;
	foreach_kind(k)
	{
		int other;

		open_world(&w, k, 3, 1);
		assert_txn(&w, 0, "[]", "[]");
		other = (leader_of(&w) + 1) % 3;
		for (int i = 0; i < 3; i++) {
			raft_of(&w, i)->limits.log_entries = 5;
			raft_of(&w, i)->limits.chunk_bytes = 100;
		}
		world_partition(&w, 1U << other);
		for (int i = 0; i < 40; i++) {
			char txn[100];

			snprintf(txn, sizeof(txn), "[['%s',{'k':%d},%d],['%s','a\\u0000b',%d]]", k->write, i % 7, i,
			    k->write, i);
			assert_txn(&w, (other + 1) % 3, txn, txn);
		}
		assert_int_equal(json_object_size(store_of(&w, other)->values), 0);
		world_partition(&w, 0);
		world_run(&w, 5000);
		assert_int_equal(json_object_size(store_of(&w, other)->values), 8);
		for (int i = 0; i < 3; i++)
			assert_true(json_equal(store_of(&w, i)->values, store_of(&w, other)->values));
		world_free(&w);
	}
}

/* ---- what peers send ---------------------------------------------------------------------- */

/* A command that is no transaction, a query that changes something, a snapshot that is none: all answered or dropped.
 */
static void
shrugs_off_peers_gone_wrong(void **state)
{
	static const char *const forwards[] = {"{'key':1}", "[['r',1]]", "[['X',1,5],['Y',1,5]]", "7"};
	struct world w;

	(void)state;
	foreach_kind(k)
	{
		int leader, id = 100;

		open_world(&w, k, 3, 1);
		assert_txn(&w, 0, "[]", "[]");
		leader = leader_of(&w);
		for (size_t i = 0; i < sizeof(forwards) / sizeof(*forwards); i++)
			for (int query = 0; query < 2; query++) {
				char line[400], command[100];
				size_t length = 0;

				for (const char *c = forwards[i]; *c != '\0'; c++)
					length += (size_t)snprintf(command + length, sizeof(command) - length, "%.*s",
					    *c == 'X'   ? 9
					    : *c == 'Y' ? 9
							: 1,
					    *c == 'X'    ? k->write
					    : *c == 'Y'  ? k->foreign
					    : *c == '\'' ? "\""
							 : c);
				snprintf(line, sizeof(line),
				    "{\"src\":\"n%d\",\"dest\":\"n%d\",\"body\":{\"type\":\"raft_forward\",\"id\":%d,"
				    "\"incarnation\":1,\"query\":%s,\"command\":%s}}",
				    (leader + 1) % 3, leader, id++, query ? "true" : "false", command);
				world_feed(&w, leader, line);
				world_run(&w, 200);
			}
		assert_txn(&w, 1, "[['r',1,null]]", "[['r',1,null]]");
		for (int i = 0; i < 3; i++)
			assert_int_equal(json_object_size(store_of(&w, i)->values), 0);
		world_free(&w);
	}
}

static void
offer_snapshot(struct world *w, int index, const char *data)
{
	char line[400];

	snprintf(line, sizeof(line),
	    "{\"src\":\"n1\",\"dest\":\"n0\",\"body\":{\"type\":\"raft_snapshot\",\"term\":5,\"at\":0,\"round\":0,"
	    "\"timeout\":300,\"promise\":0,\"index\":%d,\"index_term\":4,\"offset\":0,\"done\":true,\"data\":\"%s\"}}",
	    index, data);
	world_feed(w, 0, line);
}

static void
drops_snapshots_that_are_none(void **state)
{
	static const char *const data[] = {"[]", "7", "", "{", "[1]"};
	struct world w;

	(void)state;
	foreach_kind(k)
	{
		open_world(&w, k, 3, 1);
		for (int i = 0; i < (int)(sizeof(data) / sizeof(*data)); i++)
			offer_snapshot(&w, 10 + i, data[i]);
		if (k->lists)
			offer_snapshot(&w, 20, "{\\\"1\\\":7}");
		assert_int_equal(raft_of(&w, 0)->commit, 0);
		assert_int_equal(json_object_size(store_of(&w, 0)->values), 0);
		offer_snapshot(&w, 30, "{\\\"1\\\":[7]}");
		assert_int_equal(raft_of(&w, 0)->commit, 30);
		assert_int_equal(json_object_size(store_of(&w, 0)->values), 1);
		world_free(&w);
	}
}

/* ---- strict serializability ------------------------------------------------------------------ */

#define CLIENTS 10
#define STEPS   600

struct client_state {
	int64_t process, id; /* 0: nothing is open */
	const struct value *txn;
	int64_t asked;
};

struct trial {
	const struct kind *kind;
	bool restarts;
	struct world w;
	struct history history;
	struct random random;
	struct workload const *workload;
	void *generator;
	struct client_state clients[CLIENTS];
	int oks, fails, infos;
};

static void
note(struct trial *t, struct client_state *c, enum op_type type, const struct value *value)
{
	struct op op = {.index = -1,
	    .time = t->w.now_ms * 1000000 + (int64_t)t->history.count,
	    .type = type,
	    .process = c->process,
	    .f = "txn",
	    .value = value};

	history_append(&t->history, &op);
}

static void
begin_txn(struct trial *t, struct client_state *c, int node)
{
	const struct test_options options = {.max_txn_length = 4, .max_writes_per_key = 16, .key_count = 5};
	struct op_template next = {0};
	struct buffer text = {0};

	t->workload->generate(t->generator, &t->random, &t->history.arena, &options, &next);
	c->txn = next.value;
	c->asked = t->w.now_ms;
	note(t, c, OP_INVOKE, c->txn);
	json_write(&text, c->txn);
	c->id = world_ask(
	    &t->w, node, json_pack("{s:s, s:o}", "type", "txn", "txn", json_loadb(text.bytes, text.length, 0, NULL)));
	buffer_free(&text);
}

/* The reply's transaction, as a client would have it. */
static const struct value *
completed(struct trial *t, const json_t *reply)
{
	char *text = json_dumps(json_object_get(reply, "txn"), 0);
	const char *cursor = text, *error;
	const struct value *json = json_read(&t->history.arena, &cursor, text + strlen(text), &error);
	struct value *txn = value_collection(&t->history.arena, VALUE_VECTOR);

	for (size_t i = 0; i < json->count; i++) {
		struct value *op = value_collection(&t->history.arena, VALUE_VECTOR);

		value_push(&t->history.arena, op, value_keyword(&t->history.arena, json->items[i]->items[0]->text));
		value_push(&t->history.arena, op, json->items[i]->items[1]);
		value_push(&t->history.arena, op, json->items[i]->items[2]);
		value_push(&t->history.arena, txn, op);
	}
	free(text);
	return txn;
}

static void
end_txn(struct trial *t, struct client_state *c)
{
	json_t *reply = world_reply(&t->w, c->id);

	if (reply == NULL && t->w.now_ms - c->asked < 5000)
		return;
	if (reply != NULL && json_object_get(reply, "txn") != NULL) {
		note(t, c, OP_OK, completed(t, reply));
		t->oks++;
	} else if (reply != NULL && error_is_definite((int)json_integer_value(json_object_get(reply, "code")))) {
		note(t, c, OP_FAIL, c->txn);
		t->fails++;
	} else {
		note(t, c, OP_INFO, c->txn);
		t->infos++;
		c->process += CLIENTS;
	}
	c->id = 0;
}

/* Elle wants every transaction completed. */
static void
finish_all(struct trial *t)
{
	for (int ms = 0; ms <= 5000; ms += 20) {
		for (int i = 0; i < CLIENTS; i++)
			if (t->clients[i].id != 0)
				end_txn(t, &t->clients[i]);
		world_run(&t->w, 20);
	}
}

/* Small ones, so that snapshots are made, stored, sent and restored. */
static void
set_limits(struct raft *r)
{
	r->limits.log_entries = 20;
	r->limits.chunk_bytes = 200;
	r->limits.stored_bytes = 2000;
}

/* Kills a node, now or in the midst of storing something, and starts those that are dead again after a while. */
static void
kill_and_restart(struct trial *t)
{
	struct world *w = &t->w;
	struct actor *victim = &w->actors[random_below(&t->random, (uint64_t)w->count)];

	if (random_below(&t->random, 60) == 0)
		world_kill(w, (int)(victim - w->actors));
	else if (random_below(&t->random, 60) == 0)
		victim->dies = DEATH_BY_CHANCE;
	for (int i = 0; i < w->count; i++)
		if (w->actors[i].node == NULL && random_below(&t->random, 20) == 0) {
			world_restart(w, program_of(t->kind), i, DISK);
			if (w->actors[i].node != NULL)
				set_limits(raft_of(w, i));
		}
}

static void
break_something(struct trial *t)
{
	struct world *w = &t->w;
	uint64_t count = (uint64_t)w->count;

	if (random_below(&t->random, 60) == 0)
		world_partition(w, (uint32_t)random_below(&t->random, 32));
	if (random_below(&t->random, 60) == 0)
		w->blocked[random_below(&t->random, count)][random_below(&t->random, count)] = true;
	if (random_below(&t->random, 30) == 0)
		world_partition(w, 0);
	if (t->restarts)
		kill_and_restart(t);
}

static void
judge(struct trial *t, uint64_t seed)
{
	const struct check_options options = {0};
	const struct value *result = t->workload->check(&t->history.arena, &t->history, &options);
	struct buffer text = {0};

	if (verdict_of(result) == VERDICT_VALID)
		return;
	edn_write(&text, result);
	fail_msg("%s, seed %d: %s", t->kind->name, (int)seed, buffer_string(&text));
}

static void
try(struct trial *t, const struct kind *kind, uint64_t seed, char *const args[], bool restarts)
{
	*t = (struct trial){.kind = kind, .workload = workload_find(kind->name), .restarts = restarts};
	world_new(&t->w, program_of(kind), seed % 2 ? 5 : 3, seed, args);
	t->w.latency_max_ms = 60;
	t->w.loss = t->w.duplication = 50;
	t->generator = calloc(1, t->workload->state_size);
	random_seed(&t->random, seed, "trial", 0);
	for (int i = 0; i < CLIENTS; i++)
		t->clients[i].process = i;
	for (int i = 0; i < t->w.count; i++)
		set_limits(raft_of(&t->w, i));
	for (int step = 0; step < STEPS; step++) {
		break_something(t);
		for (int i = 0; i < CLIENTS; i++)
			if (t->clients[i].id != 0)
				end_txn(t, &t->clients[i]);
			else if (random_below(&t->random, 4) == 0)
				begin_txn(t, &t->clients[i], i % t->w.count);
		world_run(&t->w, 20);
	}
	finish_all(t);
	judge(t, seed);
	free(t->generator);
	history_free(&t->history);
	world_free(&t->w);
}

static void
try_seeds(uint64_t first, uint64_t last, char *const args[], bool restarts)
{
	foreach_kind(k)
	{
		int oks = 0, fails = 0, infos = 0;

		for (uint64_t seed = first; seed <= last; seed++) {
			static struct trial t;

			try(&t, k, seed, args, restarts);
			oks += t.oks;
			fails += t.fails;
			infos += t.infos;
		}
		if (oks < 500 || fails < 5 || infos < 10)
			fail_msg("%s: only %d ok, %d fail, %d info", k->name, oks, fails, infos);
	}
}

static void
is_strict_serializable_under_faults(void **state)
{
	(void)state;
	try_seeds(1, 6, PLAIN, false);
}

static void
is_strict_serializable_with_leases(void **state)
{
	(void)state;
	try_seeds(7, 10, LEASE, false);
}

static void
is_strict_serializable_through_restarts(void **state)
{
	(void)state;
	try_seeds(11, 18, DISK, true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(performs_in_order),
	    cmocka_unit_test(takes_any_json),
	    cmocka_unit_test(refuses_what_is_malformed),
	    cmocka_unit_test(limits_the_length),
	    cmocka_unit_test(reads_are_no_entries),
	    cmocka_unit_test(a_minority_aborts),
	    cmocka_unit_test(restores_snapshots),
	    cmocka_unit_test(shrugs_off_peers_gone_wrong),
	    cmocka_unit_test(drops_snapshots_that_are_none),
	    cmocka_unit_test(is_strict_serializable_under_faults),
	    cmocka_unit_test(is_strict_serializable_with_leases),
	    cmocka_unit_test(is_strict_serializable_through_restarts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
