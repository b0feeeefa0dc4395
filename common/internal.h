/*
 * What the rooms of the runtime share among themselves; neither nodes nor
 * hosts include it. One node is one `struct node`, and everything in it
 * belongs to the file named in its comment.
 */
#ifndef INTERNAL_H
#define INTERNAL_H

#include <sys/queue.h>
#include <sys/tree.h>

#include "decode.h"
#include "host.h"
#include "memory.h"
#include "node.h"
#include "task.h"

/* ---- alarms (alarm.c): what happens at a time ----------------------------- */

struct alarm;

struct alarm_kind {
	void (*fire)(struct node *, struct alarm *);   /* its time has come; it is no longer set */
	void (*cancel)(struct node *, struct alarm *); /* node_cancel(), or the node ends: unset it, run the drop */
};

/* Part of whatever waits for a time: a timer, an RPC, a request. */
struct alarm {
	const struct alarm_kind *kind;
	int64_t due;
	uint64_t sequence;
	size_t place; /* in the heap, from 1; 0: not set */
};

/* A binary heap on (due, sequence). */
struct alarms {
	struct alarm **heap; /* heap[0] is not used */
	size_t count, capacity;
	uint64_t sequence;
};

/* The time `delay_ms` from now: a negative delay is none, an endless one never comes. */
int64_t alarm_time(const struct node *, int64_t delay_ms);
/* Sets or moves an alarm. */
void alarm_set(struct node *, struct alarm *, int64_t due);
void alarm_unset(struct node *, struct alarm *); /* idempotent */
/* Fires what is due now, but nothing that is set meanwhile. */
void alarms_run(struct node *);
void alarms_cancel_all(struct node *);

/* ---- handles (handle.c): names that outlive what they name ---------------- */

struct handle_slot {
	uint64_t generation;
	struct alarm *alarm; /* NULL: free */
	size_t next;         /* free slot, from 1 */
};

struct handles {
	struct handle_slot *slots;
	size_t count, capacity, free; /* free: from 1 */
};

uint64_t handle_new(struct handles *, struct alarm *);
void handle_end(struct handles *, uint64_t handle);
struct alarm *handle_find(const struct handles *, uint64_t handle); /* NULL if it has ended */

/* ---- limits --------------------------------------------------------------- */

/* Those of node.h; tests make them small before init. */
struct limits {
	size_t line, rpcs, timers, requests, early, held, tasks, record;
};

/* ---- the node (node.c) ---------------------------------------------------- */

enum phase { PHASE_NEW, PHASE_RUNNING, PHASE_ENDING };

struct peer {
	const char *id;
	int index;
};

/* A peer's message from before init. */
struct early {
	STAILQ_ENTRY(early) entry;
	char *src, *dest;
	struct message message; /* of these, and a body that it owns */
};

/* A line held back (hold.c). */
struct held {
	TAILQ_ENTRY(held) entry;
	char *dest;
	size_t length;
	char line[]; /* with its newline */
};

/* The durable state (storage.c). */
struct storage {
	const char *dir;        /* NULL: none. Kept with the options' texts */
	struct buffer loaded;   /* until start() is over */
	size_t at;              /* in it: the next record */
	json_t *record;         /* the last one that was asked for */
	struct storing storing; /* in this turn */
	size_t stored;          /* bytes, as if that were done */
	uint64_t syncs;
};

STAILQ_HEAD(early_list, early);
TAILQ_HEAD(held_list, held);
RB_HEAD(rpc_tree, rpc);
TAILQ_HEAD(request_list, request);
TAILQ_HEAD(task_list, task);

struct node {
	const struct program *program;
	const struct host *host;
	void *host_arg;
	void *state;
	struct limits limits;
	enum phase phase;
	bool started;
	bool failed;
	int64_t now_ms;

	/* init.c */
	char *id, **ids;      /* NULL until init */
	struct peer *by_name; /* sorted */
	int count, index;
	struct early_list early;
	size_t early_count;

	/* node.c */
	struct decoded decoded; /* the line that is handled */
	struct buffer output;
	const struct message *current; /* whose handler runs */
	bool answered;                 /* ... and replied or deferred */

	/* hold.c */
	bool hold_over; /* everybody exists */
	bool *heard;    /* by peer */
	char **others;  /* services and such that were heard of */
	size_t others_count;
	struct held_list held;
	size_t held_count;
	int64_t hold_until;

	/* alarm.c, handle.c, timer.c */
	struct alarms alarms;
	struct handles handles;
	size_t timer_count;

	/* rpc.c */
	struct rpc_tree rpcs;
	size_t rpc_count;
	int64_t next_msg_id;

	/* request.c */
	struct request_list requests;
	size_t request_count;
	size_t open_count; /* clients' requests that may still be answered */

	/* task.c */
	struct task_list tasks;
	struct task *task; /* the one that runs */
	size_t task_count;
	struct task_stack *stacks; /* for the next task */
	size_t stack_count;

	/* storage.c */
	struct storage storage;

	/* options.c, log.c */
	enum log_level log_level;
	char **texts; /* values of text options */
	size_t text_count;
};

/* Hands a message of a node that had its init to whom it concerns. */
void node_dispatch(struct node *, const struct message *);

/* ---- init (init.c) -------------------------------------------------------- */

/* What comes before init, and init itself. */
void init_receive(struct node *, const struct message *);
void init_again(struct node *, const struct message *);
void init_free(struct node *);

/* ---- sending (post.c) ------------------------------------------------------ */

/*
 * Sends a line with the id under `key` ("msg_id", "in_reply_to", or NULL for
 * none) from `src`, or from this node if that is NULL. Borrows body.
 */
void post_message(struct node *, const char *src, const char *dest, const json_t *body, const char *key, int64_t id);
/* Appends that line, with its newline, to a buffer. */
void post_write(
    struct node *, struct buffer *, const char *src, const char *dest, const json_t *body, const char *key, int64_t id);
/* Sends the line that stands at `start` of the output: or holds it back, or drops it when it is too long. */
void post_line(struct node *, const char *dest, size_t start);

/* Answers a message that came before this node had a name, from the address it was sent to. */
void reply_unnamed(struct node *, const struct message *, enum error, const char *text);
/* Marks the message whose handler runs as answered or deferred. False, logged, if it was already. */
bool post_claim(struct node *, const struct message *);

/* {"type": "error", ...}; the text may come out as any bytes. */
json_t *error_body(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
json_t *error_body_v(int code, const char *fmt, va_list) __attribute__((format(printf, 2, 0)));
json_t *type_body(const char *type);

/* ---- messages (message.c, recover.c) -------------------------------------- */

/*
 * Parses a line; the message borrows from node->decoded. False, logged and
 * possibly answered, if it is no message; then nothing is held.
 */
bool message_parse(struct node *, const char *line, size_t length, struct message *);

/* What could be saved of a line that jansson cannot hold. */
struct recovered {
	json_t *src, *dest, *type; /* owned, NULL if not there; strings */
	int64_t msg_id;            /* -1: absent */
	bool is_reply;
};

/* False if the line is not JSON after all. */
bool line_recover(struct recovered *, const char *line, size_t length);
void recovered_free(struct recovered *);

/* ---- holding back (hold.c) ------------------------------------------------ */

void hold_begin(struct node *);                  /* at init */
void hold_heard(struct node *, const char *src); /* a message other than init has come from there */
int64_t hold_due(const struct node *);           /* when hold_turn() must be called */
void hold_turn(struct node *);                   /* a turn begins: lets go when the time is over */
bool hold_wanted(const struct node *, const char *dest);
void hold_take(struct node *, const char *dest, size_t start); /* moves the line at `start` of the output */
bool hold_has(const struct node *, const char *dest);          /* whether a line for dest waits */
void hold_free(struct node *);

/* ---- requests (request.c) ------------------------------------------------- */

/* After a handler that neither answered nor deferred: sees to the error at the deadline. */
void request_forgotten(struct node *, const struct message *);
void requests_stalled(struct node *, int64_t gap_ms);
void requests_free(struct node *);

/* ---- timers (timer.c) ------------------------------------------------------ */

/* Counts one more timer, of whatever kind; ends the process beyond NODE_TIMERS_MAX. */
void timer_count_one(struct node *);

/* ---- RPCs (rpc.c) --------------------------------------------------------- */

void rpc_begin(struct node *);
void rpc_answered(struct node *, const struct message *);

/* ---- durable state (storage.c) --------------------------------------------- */

/* At init, before start(): false if this node cannot begin. */
bool storage_load(struct node *);
/* After start(): what was loaded is forgotten. */
void storage_loaded(struct node *);
void storage_free(struct node *);

/* ---- options (options.c) --------------------------------------------------- */

void configure_defaults(struct node *);
void configure_free(struct node *);

/* ---- tasks (task.c) ------------------------------------------------------- */

void tasks_cancel(struct node *);
void tasks_free(struct node *);

#endif
