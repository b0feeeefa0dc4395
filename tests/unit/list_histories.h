/*
 * For tests of the checker of lists: transactions that processes invoke and
 * complete in some order, executed against lists in memory, either one at a
 * time, which is strict serializable by construction, or in ways that are not.
 */
#ifndef LIST_HISTORIES_H
#define LIST_HISTORIES_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "history.h"
#include "random.h"
#include "value_help.h"

#define LIST_TXNS_MAX   512
#define LIST_MOPS_MAX   4
#define LIST_KEYS_MAX   8
#define LIST_LENGTH_MAX 1024
#define LIST_PAST_MAX   4

struct list {
	int count, items[LIST_LENGTH_MAX];
};

struct list_mop {
	bool write;
	int key, element; /* of an append */
	struct list read;
};

struct list_txn {
	int process;
	enum op_type type;
	int invoke, complete; /* moments: no two events share one */
	int count, done;
	struct list_mop mops[LIST_MOPS_MAX];
};

enum list_database {
	LIST_SERIAL,    /* a transaction takes effect at one moment while it is open */
	LIST_PIECEMEAL, /* each micro-operation has a moment of its own */
	LIST_STALE,     /* reads are sometimes of an earlier state */
	LIST_DATABASES
};

struct list_maker {
	struct random random;
	enum list_database database;
	int txns, keys, processes, length; /* how many; of a transaction at most */
	int crash_percent, fail_percent;
	struct list_txn *made;
	int count, moments;
	struct list store[LIST_KEYS_MAX], past[LIST_PAST_MAX][LIST_KEYS_MAX];
	int appended[LIST_KEYS_MAX];
};

static inline int
list_below(struct list_maker *maker, int bound)
{
	return (int)random_below(&maker->random, (uint64_t)bound);
}

/* ---- execution --------------------------------------------------------------------- */

static inline void
list_step(struct list_maker *maker, struct list_txn *txn)
{
	struct list_mop *mop = &txn->mops[txn->done++];
	struct list *list = &maker->store[mop->key];

	assert_true(list->count < LIST_LENGTH_MAX);
	if (mop->write)
		list->items[list->count++] = mop->element;
	else if (maker->database == LIST_STALE && list_below(maker, 3) == 0)
		mop->read = maker->past[list_below(maker, LIST_PAST_MAX)][mop->key];
	else
		mop->read = *list;
}

static inline void
list_execute(struct list_maker *maker, struct list_txn *txn)
{
	if (txn->done == 0 && maker->database == LIST_STALE)
		memcpy(maker->past[list_below(maker, LIST_PAST_MAX)], maker->store, sizeof(maker->store));
	while (txn->done < txn->count)
		list_step(maker, txn);
}

static inline void
list_invoke(struct list_maker *maker, int process)
{
	struct list_txn *txn = &maker->made[maker->count++];

	*txn = (struct list_txn){.process = process, .type = OP_INVOKE, .invoke = maker->moments++};
	txn->count = 1 + list_below(maker, maker->length);
	for (int i = 0; i < txn->count; i++) {
		txn->mops[i].key = list_below(maker, maker->keys);
		txn->mops[i].write = list_below(maker, 2) == 0;
		if (txn->mops[i].write)
			txn->mops[i].element = ++maker->appended[txn->mops[i].key];
	}
}

/* What crashed may have taken effect or not; what has, cannot fail. */
static inline void
list_complete(struct list_maker *maker, struct list_txn *txn)
{
	int percent = list_below(maker, 100);

	txn->type = OP_OK;
	if (percent < maker->crash_percent)
		txn->type = OP_INFO;
	else if (percent < maker->crash_percent + maker->fail_percent &&
		 (txn->done == 0 || maker->database != LIST_SERIAL))
		txn->type = OP_FAIL;
	if (txn->type == OP_OK || (txn->type == OP_INFO && list_below(maker, 2) == 0))
		list_execute(maker, txn);
	txn->complete = maker->moments++;
}

/* Something happens in a process. */
static inline void
list_act(struct list_maker *maker, int process, struct list_txn **open)
{
	struct list_txn *txn = *open;

	if (txn == NULL) {
		if (maker->count < maker->txns) {
			*open = &maker->made[maker->count];
			list_invoke(maker, process);
		}
	} else if (txn->done < txn->count && list_below(maker, 2) == 0) {
		if (maker->database == LIST_PIECEMEAL)
			list_step(maker, txn);
		else
			list_execute(maker, txn);
	} else if (txn->done == 0 || txn->done == txn->count || maker->database != LIST_SERIAL) {
		list_complete(maker, txn);
		*open = NULL;
	}
}

/* Everything else is zero or set before. list_free() frees it. */
static inline void
list_make(struct list_maker *maker)
{
	struct list_txn *open[16] = {0};
	int busy, i;

	maker->made = calloc((size_t)maker->txns + 1, sizeof(*maker->made));
	do {
		i = list_below(maker, maker->processes);
		list_act(maker, i, &open[i]);
		for (busy = i = 0; i < maker->processes; i++)
			busy += open[i] != NULL;
	} while (busy > 0 || maker->count < maker->txns);
}

/* A last transaction, after all others, that reads all keys: then every append that took effect was observed. */
static inline void
list_read_all(struct list_maker *maker)
{
	struct list_txn *txn = &maker->made[maker->count++];

	*txn = (struct list_txn){.process = 0, .type = OP_OK, .invoke = maker->moments++};
	for (txn->count = 0; txn->count < maker->keys && txn->count < LIST_MOPS_MAX; txn->count++) {
		txn->mops[txn->count].key = txn->count;
		txn->mops[txn->count].read = maker->store[txn->count];
	}
	txn->complete = maker->moments++;
}

static inline void
list_free(struct list_maker *maker)
{
	free(maker->made);
}

/* ---- as a history ------------------------------------------------------------------------ */

static inline const struct value *
list_value_of(struct arena *arena, const struct list_txn *txn, bool completed)
{
	struct value *value = value_collection(arena, VALUE_VECTOR), *item, *list;

	for (int m = 0; m < txn->count; m++) {
		const struct list_mop *mop = &txn->mops[m];

		item = value_collection(arena, VALUE_VECTOR);
		value_push(arena, item, value_keyword(arena, mop->write ? "append" : "r"));
		value_push(arena, item, value_int(arena, mop->key));
		list = value_collection(arena, VALUE_VECTOR);
		for (int i = 0; !mop->write && i < mop->read.count; i++)
			value_push(arena, list, value_int(arena, mop->read.items[i]));
		value_push(arena, item, mop->write ? value_int(arena, mop->element) : completed ? list : &value_nil);
		value_push(arena, value, item);
	}
	return value;
}

/* A process that crashed is another one from then on. */
static inline void
list_history(const struct list_maker *maker, struct history *history)
{
	int64_t process[16];
	struct op op = {.f = "txn", .pair = -1};

	for (int i = 0; i < 16; i++)
		process[i] = i;
	for (int moment = 0; moment < maker->moments; moment++) {
		for (int t = 0; t < maker->count; t++) {
			const struct list_txn *txn = &maker->made[t];

			if (txn->invoke != moment && txn->complete != moment)
				continue;
			op.time = moment * 1000000;
			op.process = process[txn->process];
			op.type = txn->invoke == moment ? OP_INVOKE : txn->type;
			op.value = list_value_of(&history->arena, txn, op.type == OP_OK);
			history_append(history, &op);
			if (op.type == OP_INFO)
				process[txn->process] += 16;
		}
	}
}

#endif
