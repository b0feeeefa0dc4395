/*
 * Rows of versions in Maelstrom's lin-kv service, as Percolator has them in
 * Bigtable: what a key's values were, each with the timestamp at which it was
 * committed, and perhaps a lock. A row is changed by compare-and-set only, and
 * counts its changes, so that it never returns to what it was:
 *
 *	{"changes": so far,
 *	 "versions": [[commit, start, value, [keys]], ...], the newest first,
 *	 "floor": when the newest of the dropped versions was committed,
 *	 "lock": {"start", "primary", "value", "keys"}, or null}
 *
 * Transactions are known by their start. "primary" is the key whose row decides
 * whether a lock's transaction is committed, and "keys", in the primary's row
 * alone, are the others that it has locked.
 *
 * Everything is called within a task (task.h), and returns TASK_OK,
 * TASK_CANCELLED, or a code of enum error.
 *
 * Source: Peng and Dabek, Large-scale Incremental Processing Using Distributed
 * Transactions and Notifications (OSDI 2010), section 2.2.
 */
#ifndef ROWS_H
#define ROWS_H

#include "node.h"

#define ROW_VERSIONS_MAX 32   /* before one is dropped, what it was the primary of is finished */
#define ROW_LOCK_MS      2000 /* a lock that has been seen for so long was left behind */

/* Zero but for the key before it is read. */
struct row {
	char *key;    /* owned */
	json_t *json; /* as we know it; owned */
};

int row_read(struct node *, struct row *);
void row_free(struct row *);

/* When a transaction's version was committed, or -1: there is none. */
int64_t row_committed(const struct row *, int64_t start);
/* The value at a time (borrowed); NULL: there was none yet, or its version was dropped. */
json_t *row_value(const struct row *, int64_t time);
/* No version from before is left; 0: none was dropped. */
int64_t row_floor(const struct row *);

/*
 * Waits until no lock is in the way of who wants to know the version at
 * `start`. Finishes what the lock's owner has decided; after ROW_LOCK_MS decides
 * that it is not committed.
 */
int row_await(struct node *, struct row *, int64_t start);

/* Locks it. ERROR_PRECONDITION_FAILED: others were faster: it is locked, or was changed since `start`. Borrows. */
int row_lock(struct node *, struct row *, int64_t start, json_t *lock);
/* Takes the lock of that transaction away; done if there is no such lock. */
int row_unlock(struct node *, struct row *, int64_t start);
/* Replaces the lock of that transaction by a version; done if there is no such lock. */
int row_commit(struct node *, struct row *, int64_t start, int64_t commit);

#endif
