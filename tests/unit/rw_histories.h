/*
 * For tests of the checker of registers: random histories of a few small
 * transactions, executed by databases of several kinds, from one that is
 * strict serializable by construction to one that answers anything.
 */
#ifndef RW_HISTORIES_H
#define RW_HISTORIES_H

#include <stdbool.h>
#include <string.h>

#include "history.h"
#include "random.h"

#define MADE_TXNS_MAX 64
#define MADE_MOPS_MAX 4
#define MADE_KEYS_MAX 8
#define MADE_PAST_MAX 512

enum made_database {
	MADE_SERIAL,    /* a transaction takes effect at one moment while it is open */
	MADE_PIECEMEAL, /* each micro-operation has a moment of its own */
	MADE_SNAPSHOT,  /* reads as of the beginning, all writes at the end: updates are lost */
	MADE_ISOLATED,  /* snapshot isolation: the first to commit wins, others abort */
	MADE_STALE,     /* reads from some earlier state */
	MADE_REPLICAS,  /* two copies, of which one overwrites the other now and then */
	MADE_CHAOS,     /* reads anything that was written */
	MADE_DATABASES
};

struct made_mop {
	bool write;
	int key, value; /* 0: nil */
};

struct made_txn {
	int process;
	enum op_type type;    /* OP_INVOKE: never completed */
	int invoke, complete; /* moments; no two events share one */
	struct made_mop mops[MADE_MOPS_MAX];
	int count;
	/* While it is open: */
	bool open, executed;
	int done;
	int snapshot[MADE_KEYS_MAX], versions[MADE_KEYS_MAX];
};

struct made {
	struct made_txn txns[MADE_TXNS_MAX];
	int count;
	int moments;
	int first_key, first_process; /* in the history they are numbered from here */
	/* The database, and how to make transactions. */
	struct random random;
	enum made_database database;
	int keys, length, processes, crash_percent, fail_percent;
	int store[2][MADE_KEYS_MAX], versions[MADE_KEYS_MAX]; /* a version counts the writes that were applied */
	int past[MADE_PAST_MAX][MADE_KEYS_MAX], past_count;
	int written[MADE_KEYS_MAX];
};

static inline int
made_below(struct made *made, int bound)
{
	return (int)random_below(&made->random, (uint64_t)bound);
}

/* ---- execution ------------------------------------------------------------------- */

static inline void
made_remember(struct made *made, const int *store)
{
	if (made->past_count < MADE_PAST_MAX)
		memcpy(made->past[made->past_count++], store, sizeof(made->past[0]));
}

static inline void
made_write(struct made *made, int *store, const struct made_mop *mop)
{
	store[mop->key] = mop->value;
	made->versions[mop->key]++;
}

/* Reads from one state, with its own writes, which it applies to another state. */
static inline void
made_run(struct made *made, struct made_txn *txn, const int *seen, int *store)
{
	int view[MADE_KEYS_MAX];

	memcpy(view, seen, sizeof(view));
	for (int i = 0; i < txn->count; i++) {
		if (txn->mops[i].write)
			view[txn->mops[i].key] = txn->mops[i].value;
		else
			txn->mops[i].value = view[txn->mops[i].key];
	}
	for (int i = 0; store != NULL && i < txn->count; i++)
		if (txn->mops[i].write)
			made_write(made, store, &txn->mops[i]);
	if (store != NULL)
		made_remember(made, store);
	txn->executed = true;
}

static inline void
made_step(struct made *made, struct made_txn *txn)
{
	struct made_mop *mop = &txn->mops[txn->done++];

	if (mop->write)
		made_write(made, made->store[0], mop);
	else if (made->database == MADE_CHAOS)
		mop->value = made_below(made, made->written[mop->key] + 1);
	else
		mop->value = made->store[0][mop->key];
	txn->executed = txn->done == txn->count;
}

static inline bool
made_conflicts(const struct made *made, const struct made_txn *txn)
{
	for (int i = 0; i < txn->count; i++)
		if (txn->mops[i].write && made->versions[txn->mops[i].key] != txn->versions[txn->mops[i].key])
			return true;
	return false;
}

/* All of what is left to do, unless it is to have no effect. */
static inline void
made_execute(struct made *made, struct made_txn *txn, bool effective)
{
	int *store = made->store[0];

	switch (made->database) {
	case MADE_PIECEMEAL:
	case MADE_CHAOS:
		while (txn->done < txn->count && effective)
			made_step(made, txn);
		break;
	case MADE_SNAPSHOT:
	case MADE_ISOLATED:
		made_run(made, txn, txn->snapshot, effective ? store : NULL);
		break;
	case MADE_STALE:
		made_run(made, txn, made->past[made->past_count - 1 - made_below(made, made->past_count > 4 ? 4 : 1)],
		    effective ? store : NULL);
		break;
	case MADE_REPLICAS:
		store = made->store[txn->process % 2];
		made_run(made, txn, store, effective ? store : NULL);
		break;
	default:
		made_run(made, txn, store, effective ? store : NULL);
	}
}

/* ---- clients ----------------------------------------------------------------------- */

static inline void
made_invoke(struct made *made, int process)
{
	struct made_txn *txn = &made->txns[made->count++];

	*txn = (struct made_txn){.process = process, .type = OP_INVOKE, .invoke = made->moments++, .open = true};
	txn->count = 1 + made_below(made, made->length);
	for (int i = 0; i < txn->count; i++) {
		txn->mops[i].key = made_below(made, made->keys);
		txn->mops[i].write = made_below(made, 2) == 0;
		if (txn->mops[i].write)
			txn->mops[i].value = ++made->written[txn->mops[i].key];
	}
	memcpy(txn->snapshot, made->store[0], sizeof(txn->snapshot));
	memcpy(txn->versions, made->versions, sizeof(txn->versions));
}

static inline enum op_type
made_outcome(struct made *made, const struct made_txn *txn)
{
	int percent = made_below(made, 100);

	if (percent < made->crash_percent)
		return OP_INFO;
	if (percent < made->crash_percent + made->fail_percent && (!txn->executed || made->database != MADE_SERIAL))
		return OP_FAIL;
	return made->database == MADE_ISOLATED && made_conflicts(made, txn) ? OP_FAIL : OP_OK;
}

/* A crashed one may take effect or not; sometimes nobody hears of it again. */
static inline void
made_complete(struct made *made, struct made_txn *txn)
{
	txn->type = made_outcome(made, txn);
	if (!txn->executed && txn->type != OP_FAIL)
		made_execute(made, txn, txn->type == OP_OK || made_below(made, 2) == 0);
	txn->open = false;
	txn->complete = made->moments++;
	if (txn->type == OP_INFO && made_below(made, 4) == 0)
		txn->type = OP_INVOKE;
}

static inline struct made_txn *
made_open(struct made *made, int process)
{
	for (int i = made->count - 1; i >= 0; i--)
		if (made->txns[i].open && made->txns[i].process == process)
			return &made->txns[i];
	return NULL;
}

static inline bool
made_turn(struct made *made, int *processes, int count)
{
	int i = made_below(made, made->processes);
	struct made_txn *txn = made_open(made, processes[i]);

	if (txn == NULL) {
		if (made->count == count)
			return false;
		made_invoke(made, processes[i]);
		return true;
	}
	if (!txn->executed && made_below(made, 2) == 0) {
		if (made->database == MADE_SERIAL)
			made_execute(made, txn, true);
		else if (made->database == MADE_PIECEMEAL || made->database == MADE_CHAOS)
			made_step(made, txn);
		return true;
	}
	made_complete(made, txn);
	if (txn->type == OP_INFO || txn->type == OP_INVOKE)
		processes[i] += made->processes;
	if (made->database == MADE_REPLICAS && made_below(made, 3) == 0)
		memcpy(made->store[i % 2], made->store[1 - i % 2], sizeof(made->store[0]));
	return true;
}

/* So many transactions; keys, lengths and so on are drawn. */
static inline void
made_generate(struct made *made, uint64_t seed, enum made_database database, int count)
{
	int processes[8], idle = 0;

	memset(made, 0, sizeof(*made));
	random_seed(&made->random, seed, "registers", (uint64_t)database);
	made->database = database;
	made->keys = 1 + made_below(made, 4);
	made->length = 1 + made_below(made, MADE_MOPS_MAX);
	made->processes = 1 + made_below(made, 5);
	made->crash_percent = made_below(made, 3) * 5;
	made->fail_percent = made_below(made, 3) * 5;
	made_remember(made, made->store[0]);
	for (int i = 0; i < made->processes; i++)
		processes[i] = i;
	while (idle < 64) /* by then all have completed, or as good as crashed */
		idle = made_turn(made, processes, count) ? 0 : idle + 1;
	for (int i = 0; i < made->count; i++)
		made->txns[i].open = false;
}

/* Some read returns something else. False: there is none that was completed. */
static inline bool
made_spoil(struct made *made)
{
	for (int tries = 0; tries < 64; tries++) {
		struct made_txn *txn = &made->txns[made_below(made, made->count)];
		struct made_mop *mop = &txn->mops[made_below(made, txn->count)];
		int value;

		if (txn->type != OP_OK || mop->write)
			continue;
		value = made_below(made, made->written[mop->key] + 1);
		if (value == mop->value)
			continue;
		mop->value = value;
		return true;
	}
	return false;
}

/* ---- as a history ----------------------------------------------------------------------- */

static inline const struct value *
made_value(struct arena *arena, const struct made_txn *txn, int first_key, bool with_reads)
{
	struct value *value = value_collection(arena, VALUE_VECTOR), *mop;

	for (int i = 0; i < txn->count; i++) {
		const struct made_mop *m = &txn->mops[i];

		mop = value_collection(arena, VALUE_VECTOR);
		value_push(arena, mop, value_keyword(arena, m->write ? "w" : "r"));
		value_push(arena, mop, value_int(arena, first_key + m->key));
		if (m->value != 0 && (m->write || with_reads))
			value_push(arena, mop, value_int(arena, m->value));
		else
			value_push(arena, mop, &value_nil);
		value_push(arena, value, mop);
	}
	return value;
}

/* Appends its operations to an empty history. */
static inline void
made_history(const struct made *made, struct history *history)
{
	for (int moment = 0; moment < made->moments; moment++)
		for (int i = 0; i < made->count; i++) {
			const struct made_txn *txn = &made->txns[i];
			struct op op = {.time = moment,
			    .process = made->first_process + txn->process,
			    .f = "txn",
			    .type = OP_INVOKE,
			    .pair = -1};

			if (txn->invoke == moment)
				op.value = made_value(&history->arena, txn, made->first_key, false);
			else if (txn->complete == moment && txn->type != OP_INVOKE)
				op.value = made_value(&history->arena, txn, made->first_key, txn->type == OP_OK);
			else
				continue;
			if (txn->invoke != moment)
				op.type = txn->type;
			history_append(history, &op);
		}
}

#endif
