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
 * is still locked after LOCK_MS, its lock is taken away, and the other can not
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
 * A row keeps its last VERSIONS_MAX versions; before one is dropped, what it
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
#define REPEATS      3    /* of a question that nobody answered */
#define CHANGES      8    /* tried of a row, each time in vain */
#define SERVICE_MS   1500 /* for a service to answer */
#define LOCK_MS      2000 /* a lock that has been seen for so long was left behind */
#define POLL_MS      20   /* a locked row is looked at again after so long; then after twice that, ... */
#define POLL_MAX_MS  320  /* ... but at least so often */
#define PAUSE_MS     40   /* the longest pause after the first failure; twice that after the second, ... */
#define PAUSE_MAX_MS 640
#define VERSIONS_MAX 32 /* of a row */

/* A row in the service. */
#define ROW_FORMAT "{s:I, s:o, s:I, s:o!}"

struct row {
	json_int_t changes; /* so far */
	json_t
	    *versions; /* [[commit, start, value, [keys]], ...], the newest first; the keys: what it was primary of */
	json_int_t floor; /* when the newest of the dropped versions was committed */
	json_t *lock;     /* {"start", "primary", "value", "keys"}, or null */
};

/* A key of a transaction. */
struct cell {
	char *key; /* txn_key() */
	bool writes;
	int64_t start; /* of the transaction */
	json_t *row;   /* as we know it */
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

/* ---- rows --------------------------------------------------------------------------- */

static json_t *
empty_row(void)
{
	return memory_made(json_pack("{s:i, s:[], s:i, s:n}", "changes", 0, "versions", "floor", 0, "lock"));
}

static bool
row_unpack(json_t *json, struct row *row)
{
	return json_unpack(json, ROW_FORMAT, "changes", &row->changes, "versions", &row->versions, "floor", &row->floor,
		   "lock", &row->lock) == 0 &&
	       json_is_array(row->versions) && (json_is_object(row->lock) || json_is_null(row->lock));
}

/* The parts of a row that row_unpack() takes. */
static struct row
row_of(json_t *json)
{
	struct row row;

	if (!row_unpack(json, &row))
		abort();
	return row;
}

/* The row with other versions and lock (stolen). */
static json_t *
row_next(const struct row *row, json_t *versions, json_int_t floor, json_t *lock)
{
	return memory_made(json_pack(
	    "{s:I, s:o, s:I, s:o}", "changes", row->changes + 1, "versions", versions, "floor", floor, "lock", lock));
}

static int64_t
integer(const json_t *array, size_t i)
{
	return json_integer_value(json_array_get(array, i));
}

static int64_t
lock_start(const struct row *row)
{
	return json_is_null(row->lock) ? -1 : json_integer_value(json_object_get(row->lock, "start"));
}

/* When a transaction's version was committed, or -1: there is none. */
static int64_t
commit_of(const struct row *row, int64_t start)
{
	json_t *version;
	size_t i;

	json_array_foreach (row->versions, i, version)
		if (integer(version, 1) == start)
			return integer(version, 0);
	return -1;
}

/* The value at a time (borrowed); NULL: none yet. */
static json_t *
value_at(const struct row *row, int64_t time)
{
	json_t *version;
	size_t i;

	json_array_foreach (row->versions, i, version)
		if (integer(version, 0) <= time)
			return json_array_get(version, 2);
	return NULL;
}

/* Reads a cell's row from the service. */
static int
read_row(struct node *n, struct cell *cell)
{
	json_t *key = memory_made(json_string(cell->key)), *row = NULL;
	struct row parts;
	int outcome = ERROR_TIMEOUT;

	for (int i = 0; i < REPEATS && outcome == ERROR_TIMEOUT; i++)
		outcome = task_kv_read(n, LIN_KV, key, SERVICE_MS, &row);
	json_decref(key);
	if (outcome == ERROR_KEY_DOES_NOT_EXIST) {
		row = empty_row();
		outcome = TASK_OK;
	} else if (outcome == TASK_OK && !row_unpack(row, &parts)) {
		json_decref(row);
		outcome = ERROR_CRASH;
	}
	if (outcome == TASK_OK) {
		json_decref(cell->row);
		cell->row = row;
	}
	return outcome;
}

/*
 * Replaces a cell's row as we know it (steals `to`). ERROR_PRECONDITION_FAILED: it has become another one, which we
 * know now; whether that was our doing must be seen from it.
 */
static int
change_row(struct node *n, struct cell *cell, json_t *to)
{
	json_t *key = memory_made(json_string(cell->key));
	int outcome = task_kv_cas(n, LIN_KV, key, cell->row, to, true, SERVICE_MS);

	json_decref(key);
	if (outcome == TASK_OK) {
		json_decref(cell->row);
		cell->row = to;
		return TASK_OK;
	}
	json_decref(to);
	if (outcome != TASK_CANCELLED)
		outcome = read_row(n, cell);
	return outcome == TASK_OK ? ERROR_PRECONDITION_FAILED : outcome;
}

/* ---- locks ----------------------------------------------------------------------------- */

/* Replaces the lock of the transaction that began at `start` by a version; done if there is no such lock. */
static int
commit_lock(struct node *n, struct cell *cell, int64_t start, int64_t commit)
{
	int outcome = ERROR_PRECONDITION_FAILED;

	for (int i = 0; i < CHANGES && outcome == ERROR_PRECONDITION_FAILED; i++) {
		struct row row = row_of(cell->row);
		json_t *versions;

		if (lock_start(&row) != start)
			return TASK_OK;
		versions = memory_made(json_copy(row.versions));
		if (json_array_insert_new(versions, 0,
			json_pack("[I, I, O, O]", (json_int_t)commit, (json_int_t)start,
			    json_object_get(row.lock, "value"), json_object_get(row.lock, "keys"))) == -1)
			memory_exhausted();
		outcome = change_row(n, cell, row_next(&row, versions, row.floor, json_null()));
	}
	return outcome == ERROR_PRECONDITION_FAILED ? ERROR_TIMEOUT : outcome;
}

/* Takes the lock of that transaction away; done if there is no such lock. */
static int
remove_lock(struct node *n, struct cell *cell, int64_t start)
{
	int outcome = ERROR_PRECONDITION_FAILED;

	for (int i = 0; i < CHANGES && outcome == ERROR_PRECONDITION_FAILED; i++) {
		struct row row = row_of(cell->row);

		if (lock_start(&row) != start)
			return TASK_OK;
		outcome = change_row(n, cell, row_next(&row, json_incref(row.versions), row.floor, json_null()));
	}
	return outcome == ERROR_PRECONDITION_FAILED ? ERROR_TIMEOUT : outcome;
}

/* A lock is in our way: finishes what its owner has decided, or, `by_force`, decides that it is not committed. */
static int
finish_lock(struct node *n, struct cell *cell, bool by_force)
{
	struct row row = row_of(cell->row), primary_row;
	const char *key = json_string_value(json_object_get(row.lock, "primary"));
	int64_t start = lock_start(&row), commit;
	struct cell primary = {.key = memory_copy(key != NULL ? key : "", key != NULL ? strlen(key) : 0)};
	int outcome = key != NULL ? read_row(n, &primary) : ERROR_CRASH;

	if (outcome == TASK_OK && by_force)
		outcome = remove_lock(n, &primary, start);
	if (outcome == TASK_OK) {
		primary_row = row_of(primary.row);
		commit = commit_of(&primary_row, start);
		if (commit != -1)
			outcome = commit_lock(n, cell, start, commit);
		else if (lock_start(&primary_row) != start)
			outcome = remove_lock(n, cell, start);
	}
	json_decref(primary.row);
	free(primary.key);
	return outcome;
}

/* Waits until no lock is in the way of who wants to know the version at the cell's start. */
static int
await_unlocked(struct node *n, struct cell *cell)
{
	int64_t began = node_now_ms(n), pause = POLL_MS, owner = -1;
	int outcome = TASK_OK;

	for (;;) {
		struct row row = row_of(cell->row);
		int64_t start = lock_start(&row);

		if (start == -1 || start > cell->start)
			return TASK_OK;
		if (start != owner)
			began = node_now_ms(n);
		owner = start;
		outcome = finish_lock(n, cell, node_now_ms(n) - began >= LOCK_MS);
		if (outcome != TASK_OK)
			return outcome;
		row = row_of(cell->row);
		if (lock_start(&row) != owner)
			continue;
		outcome = task_sleep(n, pause);
		if (outcome == TASK_OK)
			outcome = read_row(n, cell);
		if (outcome != TASK_OK)
			return outcome;
		if (pause < POLL_MAX_MS)
			pause *= 2;
	}
}

/* ---- versions that are too many ------------------------------------------------------------ */

/* What the version was the primary of is finished: nobody will ask for it any more. */
static int
finish_version(struct node *n, json_t *version)
{
	json_t *keys = json_array_get(version, 3), *key;
	int outcome = TASK_OK;
	size_t i;

	json_array_foreach (keys, i, key) {
		struct cell cell = {.key = memory_copy(json_string_value(key), json_string_length(key))};

		if (outcome == TASK_OK)
			outcome = read_row(n, &cell);
		if (outcome == TASK_OK)
			outcome = commit_lock(n, &cell, integer(version, 1), integer(version, 0));
		json_decref(cell.row);
		free(cell.key);
	}
	return outcome;
}

/* Drops versions from the end of a copy of a row's, so that there is room for one more. */
static int
trim(struct node *n, json_t *versions, json_int_t *floor)
{
	int outcome = TASK_OK;

	while (outcome == TASK_OK && json_array_size(versions) >= VERSIONS_MAX) {
		size_t last = json_array_size(versions) - 1;
		json_t *version = json_array_get(versions, last);

		outcome = finish_version(n, version);
		*floor = integer(version, 0);
		if (outcome == TASK_OK)
			json_array_remove(versions, last);
	}
	return outcome;
}

/* ---- the parts of a transaction, each for one cell ------------------------------------------- */

/* 1: the row as it was at the start. */
static void
read_cell(struct node *n, void *arg)
{
	struct cell *cell = arg;

	cell->outcome = read_row(n, cell);
	if (cell->outcome == TASK_OK)
		cell->outcome = await_unlocked(n, cell);
}

/* 2: ERROR_PRECONDITION_FAILED: others were faster. */
static void
lock_cell(struct node *n, void *arg)
{
	struct cell *cell = arg;
	struct row row = row_of(cell->row);
	json_t *versions = memory_made(json_copy(row.versions));
	json_int_t floor = row.floor;

	cell->outcome = ERROR_PRECONDITION_FAILED;
	if (json_is_null(row.lock) && integer(json_array_get(versions, 0), 0) <= cell->start)
		cell->outcome = trim(n, versions, &floor);
	if (cell->outcome == TASK_OK)
		cell->outcome =
		    change_row(n, cell, row_next(&row, json_incref(versions), floor, json_incref(cell->lock)));
	json_decref(versions);
	row = row_of(cell->row);
	if (cell->outcome == ERROR_PRECONDITION_FAILED && lock_start(&row) == cell->start)
		cell->outcome = TASK_OK;
}

static void
unlock_cell(struct node *n, void *arg)
{
	struct cell *cell = arg;

	remove_lock(n, cell, cell->start);
}

/* 4 */
static void
commit_cell(struct node *n, void *arg)
{
	struct cell *cell = arg;

	cell->outcome = commit_lock(n, cell, cell->start, cell->commit);
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
		struct row row = row_of(t->cells[i].row);
		json_t *value = value_at(&row, t->start);

		/* None that old is left: the one of that moment, if there was one, was dropped. */
		if (value == NULL && row.floor > 0)
			return ERROR_PRECONDITION_FAILED;
		if (value != NULL && json_object_set(values, t->cells[i].key, value) == -1)
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
		if (json_array_append_new(keys, json_string(t->cells[i].key)) == -1)
			memory_exhausted();
	for (size_t i = 0; i < t->written; i++) {
		struct cell *cell = &t->cells[i];

		json_decref(cell->lock);
		cell->lock = memory_made(json_pack("{s:I, s:s, s:O, s:O}", "start", (json_int_t)t->start, "primary",
		    t->cells[0].key, "value", json_object_get(values, cell->key), "keys", i == 0 ? keys : none));
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
	struct cell *primary = &t->cells[0];
	int64_t at;
	int outcome = task_kv_timestamp(n, SERVICE_MS, &at);
	struct row row;

	if (outcome != TASK_OK)
		return outcome;
	for (size_t i = 0; i < t->written; i++)
		t->cells[i].commit = at;
	t->in_doubt = true;
	outcome = commit_lock(n, primary, t->start, at);
	if (outcome != TASK_OK)
		return outcome;
	row = row_of(primary->row);
	if (commit_of(&row, t->start) != -1)
		return TASK_OK;
	t->in_doubt = row.floor > t->start;
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
		free(t->cells[i].key);
		json_decref(t->cells[i].row);
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

	return strcmp(a->key, b->key);
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

		t->cells[i] = (struct cell){.key = txn_key(op.key), .writes = op.f != TXN_READ};
	}
	qsort(t->cells, ops, sizeof(*t->cells), cell_order);
	for (size_t i = 0; i < ops; i++) {
		struct cell *last = t->count > 0 ? &t->cells[t->count - 1] : NULL;

		if (last != NULL && cell_order(last, &t->cells[i]) == 0) {
			last->writes |= t->cells[i].writes;
			free(t->cells[i].key);
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
