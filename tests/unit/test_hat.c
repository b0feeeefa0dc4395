/*
 * What txn-rw-register-hat promises and a dependency graph of registers hardly
 * shows: reads are atomic and causal. Who reads a transaction's write has that
 * transaction and all that it had seen before it, and reads nothing that was
 * overwritten there; and a client that stays with its node keeps what it has
 * seen. Under loss, repetition, overtaking and partitions, and with disks
 * through kills.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "registry.h"
#include "world.h"

#define TXNS  600
#define NODES 4
#define KEYS  8
#define OPS   4
#define NONE  (-1)

static char *const memory_args[] = {(char[]){"node"}, (char[]){"--log-level"}, (char[]){"error"}, NULL};
static char *const disk_args[] = {
    (char[]){"node"}, (char[]){"--log-level"}, (char[]){"error"}, (char[]){"--data-dir"}, (char[]){"disk"}, NULL};

/* Of a transaction: which keys it wrote, and which transactions had been seen by whoever sees it. */
struct txn {
	bool writes[KEYS];
	bool past[TXNS]; /* itself included */
};

/* Keys are numbers; what a transaction writes is its own number. */
struct trial {
	struct world world;
	const struct program *program;
	char *const *args;
	struct txn txns[TXNS];
	int count;
	bool seen[NODES][TXNS]; /* by the client of each node */
	int answered, fresh;    /* transactions; reads of what another node wrote */
};

static int
below(struct trial *t, int bound)
{
	return (int)random_below(&t->world.random, (uint64_t)bound);
}

static void
add_all(bool *to, const bool *from)
{
	for (int i = 0; i < TXNS; i++)
		to[i] = to[i] || from[i];
}

/* ---- transactions -------------------------------------------------------------- */

/* Each operation on another key: a read, or a write of the transaction's number. */
static json_t *
make_txn(struct trial *t)
{
	struct txn *txn = &t->txns[t->count];
	json_t *ops = json_array();
	int key = below(t, KEYS);

	memset(txn, 0, sizeof(*txn));
	for (int i = 0; i < OPS; i++) {
		key = (key + 1 + below(t, KEYS / OPS)) % KEYS;
		txn->writes[key] = below(t, 2) == 0;
		json_array_append_new(ops,
		    txn->writes[key] ? json_pack("[s, i, i]", "w", key, t->count) : json_pack("[s, i, n]", "r", key));
	}
	return ops;
}

/* What a read found was overwritten by something that its transaction had seen. */
static bool
is_stale(const struct trial *t, const bool *past, int key, int found)
{
	for (int i = 0; i < t->count; i++)
		if (past[i] && t->txns[i].writes[key] && i != found && (found == NONE || t->txns[i].past[found]))
			return true;
	return false;
}

static int
found_by(json_t *op)
{
	json_t *value = json_array_get(op, 2);

	return json_is_null(value) ? NONE : (int)json_integer_value(value);
}

static bool
is_read(json_t *op)
{
	return strcmp(json_string_value(json_array_get(op, 0)), "r") == 0;
}

static void
judge(struct trial *t, int node, int number, json_t *ops)
{
	struct txn *txn = &t->txns[number];
	json_t *op;
	size_t i;

	json_array_foreach (ops, i, op)
		if (is_read(op) && found_by(op) != NONE) {
			t->fresh += !t->seen[node][found_by(op)];
			add_all(txn->past, t->txns[found_by(op)].past);
		}
	json_array_foreach (ops, i, op) {
		int key = (int)json_integer_value(json_array_get(op, 1));

		if (is_read(op) && is_stale(t, txn->past, key, found_by(op)))
			fail_msg("transaction %d of n%d reads %d under %d, which it must know to be overwritten",
			    number, node, found_by(op), key);
	}
	add_all(t->seen[node], txn->past);
}

/* Performed at once, or, if the node dies of it, perhaps. */
static void
transact(struct trial *t, int node)
{
	json_t *ops = make_txn(t), *reply;
	int number = t->count++;
	int64_t id;

	memcpy(t->txns[number].past, t->seen[node], sizeof(t->seen[node]));
	t->txns[number].past[number] = true;
	id = world_ask(&t->world, node, json_pack("{s:s, s:o}", "type", "txn", "txn", ops));
	reply = world_reply(&t->world, id);
	if (reply == NULL) {
		assert_null(t->world.actors[node].node);
		return;
	}
	t->answered++;
	judge(t, node, number, json_object_get(reply, "txn"));
}

/* ---- trials ---------------------------------------------------------------------- */

static void
begin(struct trial *t, uint64_t seed, char *const args[])
{
	memset(t, 0, sizeof(*t));
	t->program = registry_find("txn-rw-register-hat");
	t->args = args;
	assert_non_null(t->program);
	world_new(&t->world, t->program, NODES, seed, args);
	t->world.latency_max_ms = 300;
	t->world.loss = t->world.duplication = 50;
}

static void
kill_and_restart(struct trial *t)
{
	struct world *w = &t->world;
	int victim = below(t, NODES);

	if (below(t, 30) == 0)
		world_kill(w, victim);
	else if (below(t, 30) == 0)
		w->actors[victim].dies = DEATH_BY_CHANCE;
	for (int i = 0; i < NODES; i++)
		if (w->actors[i].node == NULL && below(t, 10) == 0)
			world_restart(w, t->program, i, t->args);
}

static void
run_trial(struct trial *t, bool kills)
{
	while (t->count < TXNS) {
		int node = below(t, NODES);

		if (below(t, 20) == 0)
			world_partition(&t->world, (uint32_t)below(t, 1 << NODES));
		if (kills)
			kill_and_restart(t);
		if (t->world.actors[node].node != NULL)
			transact(t, node);
		world_run(&t->world, below(t, 100));
	}
	world_free(&t->world);
}

static void
reads_are_atomic_and_causal(void **state)
{
	static struct trial t;

	(void)state;
	for (uint64_t seed = 1; seed <= 10; seed++) {
		begin(&t, seed, memory_args);
		run_trial(&t, false);
		assert_int_equal(t.answered, TXNS);
		assert_true(t.fresh > TXNS / 20);
	}
}

static void
and_so_they_are_through_kills_with_disks(void **state)
{
	static struct trial t;
	int answered = 0;

	(void)state;
	for (uint64_t seed = 11; seed <= 20; seed++) {
		begin(&t, seed, disk_args);
		run_trial(&t, true);
		answered += t.answered;
		assert_true(t.fresh > TXNS / 20);
	}
	assert_in_range(answered, 10 * TXNS * 8 / 10, 10 * TXNS - 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_are_atomic_and_causal),
	    cmocka_unit_test(and_so_they_are_through_kills_with_disks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
