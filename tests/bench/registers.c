/*
 * registers COUNT...: how long the check of linearizability takes for so many
 * operations. They are reads, writes and compare-and-sets of 10 processes on 5
 * keys, each retired after 500 operations; each takes effect somewhere between
 * its ends, so that they are linearizable, and one in 1000 crashes.
 */
#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "random.h"

#define KEYS      5
#define KEY_OPS   500
#define PROCESSES 10
#define VALUES    5
#define CRASHES   1000 /* one in so many */
#define NOT_YET   (-1)

struct key {
	int64_t name, left;
	int value; /* NOT_YET: nil */
};

struct process {
	bool busy, done, worked; /* has taken effect, and so */
	int64_t id;
	int64_t name; /* of the key that it found in its place */
	struct key *key;
	const char *f;
	int from, to; /* a read: from is what it saw */
};

struct bench {
	struct history history;
	struct random random;
	struct key keys[KEYS];
	struct process processes[PROCESSES];
	int64_t names, ids, time;
	size_t invoked, count;
};

static int
below(struct bench *bench, int bound)
{
	return (int)random_below(&bench->random, (uint64_t)bound);
}

static const struct value *
pair(struct arena *arena, const struct value *a, const struct value *b)
{
	struct value *pair = value_collection(arena, VALUE_VECTOR);

	value_push(arena, pair, a);
	value_push(arena, pair, b);
	return pair;
}

static void
record(struct bench *bench, const struct process *p, enum op_type type)
{
	struct arena *arena = &bench->history.arena;
	const struct value *value = &value_nil;
	struct op op = {.time = bench->time, .type = type, .process = p->id, .f = p->f, .pair = -1};

	if (strcmp(p->f, "write") == 0)
		value = value_int(arena, p->to);
	else if (strcmp(p->f, "cas") == 0)
		value = pair(arena, value_int(arena, p->from), value_int(arena, p->to));
	else if (type == OP_OK && p->from != NOT_YET)
		value = value_int(arena, p->from);
	op.value = pair(arena, value_int(arena, p->name), value);
	history_append(&bench->history, &op);
}

/* A key that was used often enough makes place for a new one; who is busy with it ends first. */
static struct key *
pick_key(struct bench *bench)
{
	struct key *key = &bench->keys[below(bench, KEYS)];
	bool idle = true;

	for (int i = 0; i < PROCESSES; i++)
		idle = idle && (!bench->processes[i].busy || bench->processes[i].key != key);
	if (key->left <= 0 && idle)
		*key = (struct key){.name = bench->names++, .left = KEY_OPS, .value = NOT_YET};
	key->left--;
	return key;
}

static void
invoke(struct bench *bench, struct process *p)
{
	static const char *const fs[] = {"read", "write", "cas"};
	struct key *key = pick_key(bench);

	*p = (struct process){.busy = true,
	    .id = p->id,
	    .name = key->name,
	    .key = key,
	    .f = fs[below(bench, 3)],
	    .from = below(bench, VALUES),
	    .to = below(bench, VALUES)};
	record(bench, p, OP_INVOKE);
	bench->invoked++;
}

static void
take_effect(struct process *p)
{
	p->done = p->worked = true;
	if (strcmp(p->f, "read") == 0)
		p->from = p->key->value;
	else if (strcmp(p->f, "write") == 0 || p->key->value == p->from)
		p->key->value = p->to;
	else
		p->worked = false;
}

/* Who crashed is never heard of again: another process takes its place. */
static void
complete(struct bench *bench, struct process *p)
{
	bool crashed = below(bench, CRASHES) == 0;

	record(bench, p, crashed ? OP_INFO : p->worked ? OP_OK : OP_FAIL);
	if (crashed)
		p->id = bench->ids++;
	p->busy = false;
}

static void
generate(struct bench *bench, size_t count)
{
	bench->count = count;
	random_seed(&bench->random, 1, "bench", count);
	for (int i = 0; i < PROCESSES; i++)
		bench->processes[i].id = bench->ids++;
	while (bench->invoked < count) {
		struct process *p = &bench->processes[below(bench, PROCESSES)];

		bench->time += 1000000;
		if (!p->busy)
			invoke(bench, p);
		else if (!p->done)
			take_effect(p);
		else
			complete(bench, p);
	}
}

int
main(int argc, char **argv)
{
	if (argc < 2)
		errx(2, "usage: registers COUNT...");
	for (int i = 1; i < argc; i++) {
		struct bench bench = {0};

		generate(&bench, strtoull(argv[i], NULL, 10));
		measure_check(check_linearizable, &bench.history, bench.count, "operations");
		history_free(&bench.history);
	}
	return 0;
}
