/*
 * Maelstrom's synchronous client (maelstrom.client): one request at a time,
 * message ids from 1, a queue of its own, replies to anything but the current
 * request thrown away; and what an answer means for an operation.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include "arena.h"
#include "loop.h"
#include "net.h"
#include "options.h"
#include "value.h"
#include "workload.h"

#define CLIENT_TIMEOUT_MS 5000
#define INIT_TIMEOUT_MS   10000

struct client;

/* All clients of a run share one counter for their names: c0, c1, ... */
struct client *client_open(struct loop *, struct net *, int *next_client);
/* Its id is unknown from now on; a request under way is forgotten. */
void client_close(struct client *);
const char *client_id(const struct client *);
/* What is kept with it: so many bytes of the arena, zeroed at the first call. */
void *client_memory(struct client *, struct arena *, size_t);
/* The mean latency of the network it is in, which some workloads make their time-outs of. */
int64_t client_latency_ms(const struct client *);

/* How a request ended. */
enum answer { ANSWER_REPLY, ANSWER_ERROR, ANSWER_TIMEOUT };

/*
 * `body` is the reply's (REPLY, ERROR), with keywords for its keys as
 * Maelstrom has it, and lives in the arena given to client_request(); or NULL.
 */
typedef void answer_fn(void *arg, enum answer, const struct value *body);

/*
 * Sends a request body (a map with string keys; msg_id is added) and calls
 * back once. `answer` is ANSWER_ERROR for type "error". To a destination that
 * the network does not know nothing is sent, and the request times out.
 */
void client_request(struct client *, const char *dest, struct arena *, const struct value *body, int64_t timeout_ms,
    answer_fn *, void *arg);

/* ---- rpc.c ----------------------------------------------------------------- */

/* {"type": rpc->request} and the pairs of `fields` (a map or NULL). */
const struct value *rpc_body(struct arena *, const struct rpc *, const struct value *fields);

/* Whether a body fits an RPC's reply schema; if not, why, in one line. */
bool rpc_fits(const struct rpc *, const struct value *body, struct buffer *why);

/* Maelstrom's name of an error code ("abort"; "unknown" if it has none) and whether it is definite. */
const char *error_name(int64_t code, bool *definite);
/* The same of an error's body, whose code may be anything. */
const char *error_body_name(const struct value *body, bool *definite);

/* ---- call.c ---------------------------------------------------------------- */

/* Runs an operation of `workload` on `client` against node `dest`; `done` gets the completed op (type, value, error,
 * exception set). */
typedef void call_done_fn(void *arg, const struct op *completed);
void call_start(struct client *, const struct workload *, const char *dest, struct arena *, const struct op *invocation,
    call_done_fn *, void *arg);

#endif
