/*
 * transactions rw-register|list-append COUNT...: how long a checker takes for
 * so many transactions. They are of 1 to 4 micro-operations on 10 keys, each
 * retired after 16 writes, from 10 processes, and strict serializable.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "random.h"

#define KEYS      10
#define WRITES    16
#define PROCESSES 10

static const struct workload {
	const char *name, *write;
	bool lists;
	check_fn *check;
} workloads[] = {
    {"list-append", "append", true, check_list_append},
    {"rw-register", "w", false, check_rw_register},
};

struct key {
	int64_t name, writes;
};

struct bench {
	const struct workload *workload;
	struct history history;
	struct random random;
	struct key keys[KEYS];
	int64_t names;
};

/* The last value written, or all of them. */
static const struct value *
state(struct bench *bench, const struct key *key)
{
	struct arena *arena = &bench->history.arena;
	struct value *list;

	if (key->writes == 0)
		return &value_nil;
	if (!bench->workload->lists)
		return value_int(arena, key->writes);
	list = value_collection(arena, VALUE_VECTOR);
	for (int64_t i = 1; i <= key->writes; i++)
		value_push(arena, list, value_int(arena, i));
	return list;
}

static const struct value *
execute_mop(struct bench *bench)
{
	struct key *key = &bench->keys[random_below(&bench->random, KEYS)];
	struct arena *arena = &bench->history.arena;
	struct value *mop = value_collection(arena, VALUE_VECTOR);
	bool write = random_below(&bench->random, 2) == 0;

	/* A key that was written often enough makes place for a new one. */
	if (write && key->writes++ == WRITES)
		*key = (struct key){bench->names++, 1};
	value_push(arena, mop, value_keyword(arena, write ? bench->workload->write : "r"));
	value_push(arena, mop, value_int(arena, key->name));
	value_push(arena, mop, write ? value_int(arena, key->writes) : state(bench, key));
	return mop;
}

static const struct value *
execute(struct bench *bench)
{
	struct value *txn = value_collection(&bench->history.arena, VALUE_VECTOR);
	uint64_t length = 1 + random_below(&bench->random, 4);

	for (uint64_t i = 0; i < length; i++)
		value_push(&bench->history.arena, txn, execute_mop(bench));
	return txn;
}

/* What was asked, given what was done: reads without their values. */
static const struct value *
request(struct arena *arena, const struct value *txn)
{
	struct value *asked = value_collection(arena, VALUE_VECTOR), *mop;

	for (size_t i = 0; i < txn->count; i++) {
		mop = value_collection(arena, VALUE_VECTOR);
		value_push(arena, mop, txn->items[i]->items[0]);
		value_push(arena, mop, txn->items[i]->items[1]);
		value_push(arena, mop, value_is_keyword(mop->items[0], "r") ? &value_nil : txn->items[i]->items[2]);
		value_push(arena, asked, mop);
	}
	return asked;
}

/* A process at a time completes, having taken effect just then, and invokes again. */
static void
generate(struct bench *bench, uint64_t count)
{
	struct history *history = &bench->history;
	struct op op = {.f = "txn", .pair = -1};

	random_seed(&bench->random, 1, "bench", count);
	for (bench->names = 0; bench->names < KEYS; bench->names++)
		bench->keys[bench->names] = (struct key){bench->names, 0};
	for (uint64_t i = 0; i < count + PROCESSES; i++) { /* the last ones stay open */
		op.process = i < PROCESSES ? (int64_t)i : (int64_t)random_below(&bench->random, PROCESSES);
		op.time = (int64_t)i * 1000000;
		if (i >= PROCESSES) {
			op.type = OP_OK;
			op.value = execute(bench);
			history->ops[history_append(history, &op)->pair].value = request(&history->arena, op.value);
		}
		op.type = OP_INVOKE;
		op.value = value_collection(&history->arena, VALUE_VECTOR);
		history_append(history, &op);
	}
}

static void
measure(const struct workload *workload, uint64_t count)
{
	struct bench bench = {.workload = workload};

	generate(&bench, count);
	measure_check(workload->check, &bench.history, count, "transactions");
	history_free(&bench.history);
}

int
main(int argc, char **argv)
{
	for (size_t w = 0; w < sizeof(workloads) / sizeof(workloads[0]); w++) {
		if (argc < 2 || strcmp(argv[1], workloads[w].name) != 0)
			continue;
		for (int i = 2; i < argc; i++)
			measure(&workloads[w], strtoull(argv[i], NULL, 10));
		return 0;
	}
	errx(2, "usage: transactions rw-register|list-append COUNT...");
}
