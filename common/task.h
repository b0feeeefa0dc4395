/*
 * Straight-line code for conversations: a task is a coroutine in which a call
 * waits for its reply while the node goes on with other messages.
 *
 * Across every wait the node's state may have changed: whatever was read from
 * it before must be read again. When the node ends while a task waits, the
 * wait returns TASK_CANCELLED; the task must then release what it holds and
 * return (sending is a no-op by then).
 */
#ifndef TASK_H
#define TASK_H

#include "node.h"

#define TASK_CANCELLED (-2) /* the node is ending: clean up and return */
#define TASK_OK        (-1)

/* For values nested as deeply as jansson parses them, which it frees and compares by recursion. Pages come as used. */
#define TASK_STACK_BYTES ((size_t)512 << 10)

typedef void task_fn(struct node *, void *arg);

/*
 * Starts fn(node, arg) as a task: it runs up to its first wait before this
 * returns. Returns false, without running it, beyond NODE_TASKS_MAX.
 */
bool node_task(struct node *, task_fn *, void *arg);

/* ---- only inside a task ------------------------------------------------- */

/*
 * An RPC. Returns TASK_OK with the reply's body in *reply (owned by the
 * caller), the code of an error reply, ERROR_TIMEOUT after timeout_ms, or
 * TASK_CANCELLED. Steals body. *reply is NULL unless TASK_OK.
 */
int task_call(struct node *, const char *dest, json_t *body, int64_t timeout_ms, json_t **reply);

/* Waits. Returns TASK_OK or TASK_CANCELLED. */
int task_sleep(struct node *, int64_t delay_ms);

/*
 * Does fn(node, item) for each of `count` items of `size` bytes, all at the
 * same time, each in a task of its own; returns when all of them have. Beyond
 * NODE_TASKS_MAX they come one after the other.
 */
void task_each(struct node *, task_fn *, void *items, size_t count, size_t size);

#endif
