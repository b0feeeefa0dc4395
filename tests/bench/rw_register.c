/*
 * rw_register COUNT...: how long the checker of registers takes for so many
 * transactions. They are of 1 to 4 micro-operations on 10 keys, each retired
 * after 16 writes, from 10 processes, and strict serializable.
 */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "check.h"
#include "random.h"

#define KEYS      10
#define WRITES    16
#define PROCESSES 10

struct key {
	int64_t name, value; /* 0: nil, and how often it was written */
};

/* Fills in what it reads, and applies it. A key that was written often enough makes place for a new one. */
static const struct value *
execute(struct arena *arena, struct random *random, struct key *keys, int64_t *names)
{
	struct value *txn = value_collection(arena, VALUE_VECTOR), *mop;
	uint64_t length = 1 + random_below(random, 4);

	for (uint64_t i = 0; i < length; i++) {
		struct key *key = &keys[random_below(random, KEYS)];
		bool write = random_below(random, 2) == 0;

		if (write && key->value++ == WRITES)
			*key = (struct key){(*names)++, 1};
		mop = value_collection(arena, VALUE_VECTOR);
		value_push(arena, mop, value_keyword(arena, write ? "w" : "r"));
		value_push(arena, mop, value_int(arena, key->name));
		value_push(arena, mop, key->value > 0 ? value_int(arena, key->value) : &value_nil);
		value_push(arena, txn, mop);
	}
	return txn;
}

/* A process at a time completes, having taken effect just then, and invokes again. */
static void
generate(struct history *history, uint64_t count)
{
	struct op op = {.f = "txn", .pair = -1};
	struct random random;
	struct key keys[KEYS];
	int64_t names = KEYS;

	random_seed(&random, 1, "bench", count);
	for (int i = 0; i < KEYS; i++)
		keys[i] = (struct key){i, 0};
	for (uint64_t i = 0; i < count + PROCESSES; i++) { /* the last ones stay open */
		op.process = i < PROCESSES ? (int64_t)i : (int64_t)random_below(&random, PROCESSES);
		op.time = (int64_t)i * 1000000;
		if (i >= PROCESSES) {
			op.type = OP_OK;
			op.value = execute(&history->arena, &random, keys, &names);
			history->ops[history_append(history, &op)->pair].value = op.value;
		}
		op.type = OP_INVOKE;
		op.value = value_collection(&history->arena, VALUE_VECTOR);
		history_append(history, &op);
	}
}

static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
measure(uint64_t count)
{
	const struct check_options options = {0};
	struct history history = {0};
	struct rusage usage;
	double start;

	generate(&history, count);
	start = seconds();
	if (verdict_of(check_rw_register(&history.arena, &history, &options)) != VERDICT_VALID)
		errx(1, "%" PRIu64 " transactions are not valid", count);
	printf("%8" PRIu64 " transactions in %5.2f s", count, seconds() - start);
	getrusage(RUSAGE_SELF, &usage);
	printf(", at most %ld MiB with the history\n", usage.ru_maxrss / 1024);
	history_free(&history);
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		measure(strtoull(argv[i], NULL, 10));
	return 0;
}
