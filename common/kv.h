/*
 * Clients for Maelstrom's four services: the key-value stores lin-kv
 * (linearizable), seq-kv (sequential) and lww-kv (eventual, last write wins),
 * and the timestamp oracle lin-tso (Maelstrom, doc/services.md).
 */
#ifndef KV_H
#define KV_H

#include "node.h"

#define LIN_KV  "lin-kv"
#define SEQ_KV  "seq-kv"
#define LWW_KV  "lww-kv"
#define LIN_TSO "lin-tso"

#define KV_OK      (-1)
#define KV_TIMEOUT ERROR_TIMEOUT

/*
 * Inside a task (task.h). Keys and values may be of any JSON type and are
 * borrowed. The outcome is KV_OK, TASK_CANCELLED or a code of enum error:
 * ERROR_KEY_DOES_NOT_EXIST and ERROR_PRECONDITION_FAILED mean what they say;
 * KV_TIMEOUT means that the operation may have happened or may still happen.
 */
int task_kv_read(
    struct node *, const char *service, json_t *key, int64_t timeout_ms, json_t **value /* owned; NULL unless KV_OK */);
int task_kv_write(struct node *, const char *service, json_t *key, json_t *value, int64_t timeout_ms);
int task_kv_cas(struct node *, const char *service, json_t *key, json_t *from, json_t *to, bool create_if_not_exists,
    int64_t timeout_ms);
int task_kv_timestamp(struct node *, int64_t timeout_ms, int64_t *timestamp);

/* One question to a service; which one, the members that are set say. Borrowed. */
struct kv_question {
	const char *service;
	json_t *key;
	json_t *write;     /* to write */
	json_t *from, *to; /* to compare and set; `from` NULL: the key must not exist */
};

#define KV_PATIENCE_MAX_MS 32000
#define KV_RETRY_MS        100 /* after an error that says nothing */

/*
 * Asks until there is an answer that says what happened: KV_OK, one of the two
 * errors of the KV services, or TASK_CANCELLED. It is waited for patience_ms,
 * and each time longer, for a later answer is lost; so the question must be
 * one that may be repeated. `*found` is what a read found, owned by the
 * caller; NULL otherwise.
 */
int task_kv_insist(struct node *, const struct kv_question *, int64_t patience_ms, json_t **found);

#endif
