/*
 * An append-only log in Maelstrom's lin-kv service, and a copy of it here.
 *
 * A log is a root and sealed chunks, all values of the service. The root of a
 * key is [start, [entries from offset `start` on]]; when it holds
 * KV_LOG_CHUNK entries, they are written to a chunk of their own, under the
 * key and `start`, and the root begins anew behind them. What a chunk holds is
 * settled by then, so it does not matter who writes it, nor how often.
 * Appending is one compare-and-set of the root.
 *
 * A compare-and-set that was not answered may have happened, and may still
 * happen. It is repeated until there is an answer: a root never holds the same
 * value twice, so it happens once at most. If the answer is that the root is
 * another, either an earlier attempt has done it or somebody else was faster
 * and it never will be: each batch bears a tag that is used once, and what is
 * found at its offset tells.
 *
 * All functions that ask the service are for tasks (task.h), one at a time for
 * each log, and return KV_OK or TASK_CANCELLED. The root that names immutable
 * parts is that of Maelstrom's Datomic chapter (doc/05-datomic).
 */
#ifndef KV_LOG_H
#define KV_LOG_H

#include "kv.h"
#include "logs.h"

#define KV_LOG_CHUNK       32   /* entries; of any size that logs.h allows they fit into a line */
#define KV_LOG_PATIENCE_MS 1000 /* how long to wait for the service at first */

struct kv_log {
	struct logs_log *log; /* the copy: from offset 0 on as far as it goes; not owned */
	json_t *root;         /* owned: what the service had last; NULL: nothing, or not asked yet */
};

/* Brings the copy up to what the service has. */
int kv_log_refresh(struct node *, struct kv_log *);

/* How many messages may be appended at once. */
size_t kv_log_room(const struct kv_log *);

/*
 * Tries to append messages, of which the log takes what it keeps. `tag` is any
 * JSON, never used before. `*offset` is that of the first message; -1 if
 * somebody else was faster: then this batch was not appended and never will
 * be. Either way the copy is up to date.
 */
int kv_log_append(struct node *, struct kv_log *, json_t *messages /* an array */, json_t *tag, int64_t *offset);

/* The same service's committed offset of a log: read, or raised to `offset` at least. Both into the copy. */
int kv_log_read_committed(struct node *, struct kv_log *);
int kv_log_commit(struct node *, struct kv_log *, int64_t offset);

#endif
