/*
 * Snapshot isolation over registers: many versions of each, kept in the lin-kv
 * service, and timestamps from lin-tso; transactions commit in Percolator's two
 * phases. The nodes never talk to each other.
 *
 * Every key has a row: its versions, each with the timestamp at which it was
 * committed, and perhaps a lock. A row is changed by compare-and-set only. A
 * transaction
 *
 *	1. takes a start timestamp, reads all its rows, and performs itself on
 *	   the versions of that moment (its snapshot);
 *	2. locks the rows that it writes: first one of them, the primary, and
 *	   then the others, with the name of the primary in the lock. If a row
 *	   was changed after its start, the other was faster: it takes its locks
 *	   away and begins anew;
 *	3. takes a commit timestamp, and replaces the primary's lock by a
 *	   version. At that moment it is committed, and the client is told;
 *	4. replaces the other locks by versions.
 *
 * Whoever comes upon another's lock waits a while, and then finishes what the
 * other has left: the primary tells whether it was committed. If the primary
 * is still locked after ROW_LOCK_MS, its lock is taken away, and the other can not
 * commit any more. So a node may die at any point.
 *
 * Promises: strong snapshot isolation. A transaction reads what was committed
 * when it began, and of two that overlap and write the same key only one
 * commits (first committer wins). Two that read what the other writes may both
 * commit (write skew): it is not serializable. Partitions between nodes do not
 * matter; nobody is answered while the services are silent. Error 30: others
 * were faster again and again, nothing has happened and nothing will; 11: the
 * services did not answer before anything could be committed, likewise; 0:
 * nobody knows.
 *
 * A compare-and-set that timed out may take effect at any later time, but only
 * on the row it was meant for: rows count their changes, and so never return to
 * what they were. At worst it leaves a lock, which others take away.
 *
 * A row keeps its last ROW_VERSIONS_MAX versions; before one is dropped, what it
 * was the primary of is finished. A transaction that needs an older one begins
 * anew.
 *
 * txn-list-append-mvcc.c is the same over lists, in which write skew is easier
 * to see.
 *
 * Assumes: timestamps are handed out in real-time order (lin-tso).
 *
 * Sources: Peng and Dabek, Large-scale Incremental Processing Using Distributed
 * Transactions and Notifications (OSDI 2010), section 2.2; Berenson et al., A
 * Critique of ANSI SQL Isolation Levels (SIGMOD 1995), section 4.2.
 */
#include <stdlib.h>
#include <string.h>

#include "kv.h"
#include "memory.h"
#include "node.h"
#include "rows.h"
#include "task.h"
#include "txn.h"

#ifndef TXN_PROGRAM
#define TXN_PROGRAM txn_rw_register_mvcc_program
#define TXN_NAME    "txn-rw-register-mvcc"
#define TXN_WRITES  TXN_WRITE
#define TXN_VALUES  "registers"
#endif

#define ATTEMPTS     8    /* to perform a transaction ... */
#define ATTEMPTS_MS  2500 /* ... the last one begun no later than this, so that the client hears what became of it */
#define SERVICE_MS   1500 /* for the oracle to answer */
#define PAUSE_MS     40   /* the longest pause after the first failure; twice that after the second, ... */
#define PAUSE_MAX_MS 640

/* A key of a transaction. */
struct cell {
	struct row row; /* of txn_key() */
	bool writes;
	int64_t start; /* of the transaction */
	json_t *lock;  /* what we lock it with */
	int64_t commit;
	int outcome; /* of what was done with it last */
};

struct transaction {
	struct request *request;
	json_t *txn;
	json_t *done;       /* as it was performed last, or NULL */
	struct cell *cells; /* by key; those that are written come first, and so the primary */
	size_t count, written;
	int64_t start;
	bool in_doubt; /* it may have been committed */
};

/* ---- the parts of a transaction, each for one cell ------------------------------------------- */

/* 1: the row as it was at the start. */
static void
read_cell(struct node *n, void *arg)
{
	struct cell *cell = arg;

	cell->outcome = row_read(n, &cell->row);
	if (cell->outcome == TASK_OK)
		cell->outcome = row_await(n, &cell->row, cell->start);
}

/* 2 */
static void
lock_cell(struct node *n, void *arg)
{
	struct cell *cell = arg;

	cell->outcome = row_lock(n, &cell->row, cell->start, cell->lock);
}

static void
unlock_cell(struct node *n, void *arg)
{
	struct cell *cell = arg;

	row_unlock(n, &cell->row, cell->start);
}

/* 4 */
static void
commit_cell(struct node *n, void *arg)
{
	struct cell *cell = arg;

	cell->outcome = row_commit(n, &cell->row, cell->start, cell->commit);
}

/* ---- transactions ------------------------------------------------------------------------------ */

/* What went wrong with any of these cells, or TASK_OK. */
static int
worst(const struct cell *cells, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (cells[i].outcome != TASK_OK)
			return cells[i].outcome;
	return TASK_OK;
}

/* Performs it on its snapshot; `values` gets what it wrote. ERROR_PRECONDITION_FAILED: a version is not there any more.
 */
static int
perform(struct transaction *t, json_t *values)
{
	for (size_t i = 0; i < t->count; i++) {
		const struct row *row = &t->cells[i].row;
		json_t *value = row_value(row, t->start);

		/* None that old is left: the one of that moment, if there was one, was dropped. */
		if (value == NULL && row_floor(row) > 0)
			return ERROR_PRECONDITION_FAILED;
		if (value != NULL && json_object_set(values, row->key, value) == -1)
			memory_exhausted();
	}
	json_decref(t->done);
	t->done = txn_run(values, t->txn);
	return TASK_OK;
}

/* What every row is to be locked with. */
static void
make_locks(struct transaction *t, json_t *values)
{
	json_t *keys = memory_made(json_array()), *none = memory_made(json_array());

	for (size_t i = 1; i < t->written; i++)
		if (json_array_append_new(keys, json_string(t->cells[i].row.key)) == -1)
			memory_exhausted();
	for (size_t i = 0; i < t->written; i++) {
		struct cell *cell = &t->cells[i];

		json_decref(cell->lock);
		cell->lock = memory_made(
		    json_pack("{s:I, s:s, s:O, s:O}", "start", (json_int_t)t->start, "primary", t->cells[0].row.key,
			"value", json_object_get(values, cell->row.key), "keys", i == 0 ? keys : none));
	}
	json_decref(keys);
	json_decref(none);
}

static int
lock_all(struct node *n, struct transaction *t)
{
	int outcome;

	lock_cell(n, &t->cells[0]);
	outcome = t->cells[0].outcome;
	if (outcome != TASK_OK)
		return outcome;
	task_each(n, lock_cell, t->cells + 1, t->written - 1, sizeof(*t->cells));
	return worst(t->cells, t->written);
}

/* The primary decides. */
static int
commit(struct node *n, struct transaction *t)
{
	struct row *primary = &t->cells[0].row;
	int64_t at;
	int outcome = task_kv_timestamp(n, SERVICE_MS, &at);

	if (outcome != TASK_OK)
		return outcome;
	for (size_t i = 0; i < t->written; i++)
		t->cells[i].commit = at;
	t->in_doubt = true;
	outcome = row_commit(n, primary, t->start, at);
	if (outcome != TASK_OK)
		return outcome;
	if (row_committed(primary, t->start) != -1)
		return TASK_OK;
	t->in_doubt = row_floor(primary) > t->start;
	return ERROR_PRECONDITION_FAILED;
}

/* Once from beginning to end. ERROR_PRECONDITION_FAILED: others were faster, and nothing has happened. */
static int
attempt(struct node *n, struct transaction *t)
{
	json_t *values;
	int outcome = task_kv_timestamp(n, SERVICE_MS, &t->start);

	if (outcome != TASK_OK)
		return outcome;
	for (size_t i = 0; i < t->count; i++)
		t->cells[i].start = t->start;
	task_each(n, read_cell, t->cells, t->count, sizeof(*t->cells));
	outcome = worst(t->cells, t->count);
	if (outcome != TASK_OK)
		return outcome;
	values = memory_made(json_object());
	outcome = perform(t, values);
	if (outcome == TASK_OK && t->written > 0) {
		make_locks(t, values);
		outcome = lock_all(n, t);
		if (outcome == TASK_OK)
			outcome = commit(n, t);
		if (outcome != TASK_OK && outcome != TASK_CANCELLED && !t->in_doubt)
			task_each(n, unlock_cell, t->cells, t->written, sizeof(*t->cells));
	}
	json_decref(values);
	return outcome;
}

static void
answer(struct transaction *t, int outcome)
{
	if (outcome == TASK_OK)
		request_reply(t->request, txn_ok(json_incref(t->done)));
	else if (t->in_doubt)
		request_error(t->request, ERROR_TIMEOUT, "the service does not say whether it was committed");
	else if (outcome == ERROR_PRECONDITION_FAILED)
		request_error(t->request, ERROR_TXN_CONFLICT, "other transactions were faster, again and again");
	else
		request_error(t->request, ERROR_TEMPORARILY_UNAVAILABLE, "the services do not answer");
}

static void
transaction_free(struct transaction *t)
{
	for (size_t i = 0; i < t->count; i++) {
		row_free(&t->cells[i].row);
		json_decref(t->cells[i].lock);
	}
	free(t->cells);
	json_decref(t->txn);
	json_decref(t->done);
	free(t);
}

/* From the first attempt to the last lock. A client that has its answer by then has given up. */
static void
transact(struct node *n, void *arg)
{
	struct transaction *t = arg;
	int64_t pause = PAUSE_MS, end = node_now_ms(n) + ATTEMPTS_MS;
	int outcome = ERROR_PRECONDITION_FAILED;

	for (int i = 0; i < ATTEMPTS && node_now_ms(n) <= end && outcome == ERROR_PRECONDITION_FAILED && !t->in_doubt;
	     i++) {
		outcome = i > 0 ? task_sleep(n, (int64_t)node_random(n, (uint64_t)pause)) : TASK_OK;
		if (i > 0 && pause < PAUSE_MAX_MS)
			pause *= 2;
		if (outcome == TASK_OK)
			outcome = attempt(n, t);
	}
	if (outcome != TASK_CANCELLED)
		answer(t, outcome);
	if (outcome == TASK_OK && t->written > 1)
		task_each(n, commit_cell, t->cells + 1, t->written - 1, sizeof(*t->cells));
	transaction_free(t);
}

/* ---- its keys ------------------------------------------------------------------------------------ */

static int
cell_order(const void *x, const void *y)
{
	const struct cell *a = x, *b = y;

	return strcmp(a->row.key, b->row.key);
}

static int
written_first(const void *x, const void *y)
{
	const struct cell *a = x, *b = y;

	return a->writes != b->writes ? (a->writes ? -1 : 1) : cell_order(a, b);
}

/* One cell for each key: all operations, by key, and then all of one key together. */
static void
make_cells(struct transaction *t)
{
	size_t ops = json_array_size(t->txn);

	t->cells = memory_zero((ops + 1) * sizeof(*t->cells));
	for (size_t i = 0; i < ops; i++) {
		struct txn_op op = txn_op(t->txn, i);

		t->cells[i] = (struct cell){.row.key = txn_key(op.key), .writes = op.f != TXN_READ};
	}
	qsort(t->cells, ops, sizeof(*t->cells), cell_order);
	for (size_t i = 0; i < ops; i++) {
		struct cell *last = t->count > 0 ? &t->cells[t->count - 1] : NULL;

		if (last != NULL && cell_order(last, &t->cells[i]) == 0) {
			last->writes |= t->cells[i].writes;
			row_free(&t->cells[i].row);
		} else {
			t->cells[t->count++] = t->cells[i];
		}
	}
	qsort(t->cells, t->count, sizeof(*t->cells), written_first);
	while (t->written < t->count && t->cells[t->written].writes)
		t->written++;
}

static void
handle_txn(struct node *n, const struct message *m)
{
	json_t *txn = txn_unpack(n, m, TXN_WRITES);
	struct transaction *t;

	if (txn == NULL)
		return;
	t = memory_zero(sizeof(*t));
	t->txn = json_incref(txn);
	t->request = node_defer(n, m);
	make_cells(t);
	if (node_task(n, transact, t))
		return;
	request_error(t->request, ERROR_TEMPORARILY_UNAVAILABLE, "too many transactions");
	transaction_free(t);
}

static const struct route routes[] = {
    {"txn", handle_txn},
    {NULL, NULL},
};

const struct program TXN_PROGRAM = {
    .name = TXN_NAME,
    .summary = "snapshot isolation over " TXN_VALUES ": Percolator on lin-kv and lin-tso",
    .routes = routes,
};
