/*
 * What a node's author needs: one program is one table of routes over one
 * zeroed state, and everything it may ask of the world is below.
 *
 * A node is a state machine. A message or a due timer goes in; messages and
 * new timers come out. It has no clock, no randomness and no files of its own,
 * so the same object file runs as a process under Maelstrom and, many at a
 * time, inside eddy's simulator. Handlers run one at a time and never block.
 *
 * The protocol is Maelstrom's: JSON lines {"src", "dest", "body"}, where the
 * body has a "type" and, in requests, a "msg_id" that the reply carries as
 * "in_reply_to" (Maelstrom, doc/protocol.md).
 */
#ifndef NODE_H
#define NODE_H

#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct node;    /* one running node; its host owns it */
struct request; /* a request to be answered later */

/* ---- limits ------------------------------------------------------------- */

/* What happens at each is said at the function that meets it. */
#define NODE_LINE_MAX     ((size_t)64 << 20) /* bytes in one line, in or out, without the newline */
#define NODE_DEPTH_MAX    1024  /* objects and arrays within each other in a client's line: deeper ones get error 12 */
#define NODE_RPCS_MAX     65536 /* RPCs waiting for a reply */
#define NODE_TIMERS_MAX   1048576           /* timers set */
#define NODE_REQUESTS_MAX 65536             /* deferred requests */
#define NODE_EARLY_MAX    1024              /* peers' messages kept until init */
#define NODE_HELD_MAX     4096              /* messages held back for peers that may not exist yet */
#define NODE_TASKS_MAX    4096              /* coroutines alive at once */
#define NODE_RECORD_MAX   ((size_t)1 << 30) /* bytes of one record's JSON */

#define NODE_HOLD_MS     2000 /* output to silent peers and services is held at most this long after init */
#define NODE_DEADLINE_MS 4000 /* a client's request unanswered this long after reading it gets error 0 ... */
#define NODE_SILENCE_MS  4500 /* ... and from here on nothing at all */
#define NODE_STALL_MS    500  /* a gap between turns over this means the process stood still */

/* ---- messages ----------------------------------------------------------- */

/* An incoming message. All of it is borrowed for the length of the call. */
struct message {
	const char *src, *dest, *type;
	int64_t msg_id, in_reply_to; /* -1: absent */
	json_t *body;
};

/* Maelstrom's error codes. Definite ones (marked) promise that the operation has not happened and never will. */
enum error {
	ERROR_TIMEOUT = 0,
	ERROR_NODE_NOT_FOUND = 1,           /* definite */
	ERROR_NOT_SUPPORTED = 10,           /* definite */
	ERROR_TEMPORARILY_UNAVAILABLE = 11, /* definite */
	ERROR_MALFORMED_REQUEST = 12,       /* definite */
	ERROR_CRASH = 13,
	ERROR_ABORT = 14,               /* definite */
	ERROR_KEY_DOES_NOT_EXIST = 20,  /* definite */
	ERROR_KEY_ALREADY_EXISTS = 21,  /* definite */
	ERROR_PRECONDITION_FAILED = 22, /* definite */
	ERROR_TXN_CONFLICT = 30,        /* definite */
};

bool error_is_definite(int code);

/* Whether `id` names a client: an id that begins with 'c'. */
bool is_client(const char *id);

/* The code of an error reply, or -1 if `reply` is not of type "error". NULL (a time-out) gives ERROR_TIMEOUT. */
int message_error(const struct message *reply);

/* ---- programs ----------------------------------------------------------- */

typedef void handler_fn(struct node *, const struct message *);
typedef void reply_fn(struct node *, const struct message *reply /* NULL: timed out */, void *arg);
typedef void timer_fn(struct node *, void *arg);
typedef void drop_fn(void *arg);

/* A route of type T sees every message of that type that is not a reply. Ends with {NULL, NULL}. */
struct route {
	const char *type;
	handler_fn *handler;
};

enum option_type {
	OPTION_INT,  /* int64_t, within min..max */
	OPTION_FLAG, /* bool; takes no value */
	OPTION_TEXT, /* const char *, lives as long as the node; `text` is the default */
};

/* A command-line option --name, stored at `offset` of the node's state before start(). Ends with a NULL name. */
struct option_spec {
	const char *name, *help;
	enum option_type type;
	size_t offset;
	int64_t initial, min, max; /* OPTION_INT */
	const char *text;          /* OPTION_TEXT */
};

struct program {
	const char *name;
	const char *summary;          /* one line, for --help and lists */
	size_t state_size;            /* zeroed, one per node */
	void (*start)(struct node *); /* once, after init and before any other message; may be NULL */
	void (*stop)(struct node *);  /* frees what the state owns, if start() ran; may be NULL */
	const struct route *routes;
	const struct option_spec *options; /* may be NULL */
};

/* ---- who am I ----------------------------------------------------------- */

void *node_state(struct node *);
const char *node_id(const struct node *);
int node_count(const struct node *); /* of all nodes, this one included */
int node_index(const struct node *); /* this one's place in the list of init */
const char *node_peer(const struct node *, int i);
int node_find(const struct node *, const char *id); /* its place, or -1 */

/* ---- sending ------------------------------------------------------------ */

/* These steal `body`; a NULL body (jansson out of memory) aborts with a message. */

/*
 * Sends a one-way message. To a peer or service that may not exist yet it is
 * held back: until a client's message other than init arrived, or a message
 * from that very id, or NODE_HOLD_MS passed. Of more than NODE_HELD_MAX held
 * messages the newest is dropped and logged: to the sender it looks lost.
 * A message longer than NODE_LINE_MAX is dropped and logged.
 */
void node_send(struct node *, const char *dest, json_t *body);

/* Replies: fills in in_reply_to. Nothing is sent if the message had no msg_id. */
void node_reply(struct node *, const struct message *, json_t *body);
/* The same with a body of nothing but a type. */
void node_reply_type(struct node *, const struct message *, const char *type);
void node_error(struct node *, const struct message *, enum error, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/*
 * json_unpack(3) on the body. If it does not fit, the sender gets error 12 and
 * false is returned. Objects unpacked with "o" are borrowed.
 */
bool node_unpack(struct node *, const struct message *, const char *fmt, ...);

/* ---- answering later ---------------------------------------------------- */

/*
 * A request kept beyond its handler; consumed by exactly one reply or error.
 * Never NULL. A client's request has a deadline, counted from reading it:
 * unanswered after NODE_DEADLINE_MS it gets error 0, and whatever comes later
 * is dropped and logged; the handle stays valid until consumed all the same.
 * After a stall (NODE_STALL_MS between two turns) all open client requests are
 * dropped silently. Requests of peers have no deadline. Beyond
 * NODE_REQUESTS_MAX the request is answered with error 0 at once (the node may
 * act on it all the same, so nothing definite is said), and the handle takes
 * one reply, which goes nowhere.
 *
 * A client's request that a handler neither answers nor defers gets its error
 * at the deadline as well.
 */
struct request *node_defer(struct node *, const struct message *);
void request_reply(struct request *, json_t *body); /* steals body */
void request_reply_type(struct request *, const char *type);
void request_error(struct request *, enum error, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Answers `code` after `ms` from reading instead; for a client's request at most NODE_DEADLINE_MS. */
void request_deadline(struct request *, int64_t ms, enum error code);
/* True once the deadline or a stall closed it: work on its behalf may be skipped. */
bool request_closed(const struct request *);

/* ---- RPC and timers ----------------------------------------------------- */

/*
 * Of a callback and its drop(arg) exactly one runs, also on cancel, stop and
 * kill; of one that is repeated drop(arg) does in the end. drop may be NULL. No callback runs before the function that
 * set it up has returned to the loop. A handle is never 0 and never reused.
 */

/* How an RPC is sent again: the k-th wait is initial * 2^k up to cap, each drawn from [1/2, 1) of it (full
 * milliseconds). */
struct retry {
	int64_t initial_ms, cap_ms;
	int64_t give_up_ms; /* from the first attempt; 0: never */
};

/*
 * Sends a request, held back as node_send() does, and calls `reply` with the
 * answer (of whatever type, errors included) or, after timeout_ms, with NULL.
 * Later replies are dropped and logged. Beyond NODE_RPCS_MAX nothing is sent
 * and the call times out at its time.
 */
uint64_t node_rpc(struct node *, const char *dest, json_t *body, int64_t timeout_ms, reply_fn *, void *arg, drop_fn *);
/* The same, sent again under the same msg_id until any attempt is answered: for idempotent requests only. */
uint64_t node_rpc_retry(
    struct node *, const char *dest, json_t *body, const struct retry *, reply_fn *, void *arg, drop_fn *);

/* Timers run in (due, sequence) order. Beyond NODE_TIMERS_MAX the node aborts with a message. */
uint64_t node_after(struct node *, int64_t delay_ms, timer_fn *, void *arg, drop_fn *);
uint64_t node_every(struct node *, int64_t period_ms, timer_fn *, void *arg, drop_fn *); /* first after one period */
/* Idempotent; runs drop(arg) if the timer or RPC was pending. A repeating timer may cancel itself. */
void node_cancel(struct node *, uint64_t handle);

/* ---- durable state ------------------------------------------------------- */

/*
 * With --data-dir a node has a file of records, JSON values of the program's
 * own kind, that outlives it: a node that is killed and started again finds
 * there what it had made durable. Without, these do nothing and find nothing.
 * What a turn sends leaves after that turn's records were synced, if
 * node_sync() was called in it: to make a promise, append it, sync, and reply,
 * in any order within the turn. A disk that fails ends the process, and so
 * does a record longer than NODE_RECORD_MAX.
 */
bool node_is_durable(const struct node *);
/*
 * In start(): the next record, oldest first, borrowed until the next call, or
 * NULL. What was not synced before a kill may be there, in part, from the
 * oldest on; what is found is durable before anything that start() sends leaves.
 */
json_t *node_next_record(struct node *);
void node_append(struct node *, json_t *record); /* steals */
void node_sync(struct node *);
/* Puts these records in the place of all earlier ones, at once or, after a kill, not at all. Steals; syncs. */
void node_rewrite(struct node *, json_t *records /* an array */);
/* What the records take, in bytes: to tell when it is time to rewrite them. */
size_t node_stored(const struct node *);
/* How many syncs are done, each at the end of its turn: once it has grown, what was appended before is durable. */
uint64_t node_syncs(const struct node *);
/*
 * This node cannot go on, for instance with the records that it finds: says
 * why, and ends the process with status 1. Nothing of the turn is sent or kept.
 */
void node_fail(struct node *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- time, chance, logs ------------------------------------------------- */

int64_t node_now_ms(const struct node *);            /* monotonic; latched for the turn; may drift, never jumps */
int64_t node_wall_ms(const struct node *);           /* since 1970; may jump, either way */
uint64_t node_random(struct node *, uint64_t bound); /* uniform in [0, bound); bound 0: all 64 bits */

/*
 * For invariants over all nodes of a cluster, where these are simulated
 * together: the value that the first node to claim it gave to (what, a, b).
 * 0 only asks, and is the answer if nobody did. Elsewhere the answer is `value`.
 */
uint64_t node_claim(struct node *, const char *what, int64_t a, int64_t b, uint64_t value);
bool node_claims(const struct node *); /* whether anybody listens */

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG, LOG_LEVEL_TRACE };

/* One line on stderr with time, node id and level. Shown up to --log-level (default info). */
void node_log(struct node *, enum log_level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
bool node_logs(const struct node *, enum log_level); /* whether it is shown: to save the work of making up the line */

#endif
