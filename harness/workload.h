/*
 * A workload: what clients ask of nodes, how an answer becomes the outcome of
 * an operation, and which checker judges the history. One folder each in
 * workloads/; the registry of all is generated.
 */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "check.h"
#include "options.h"
#include "random.h"
#include "shape.h"
#include "value.h"

/* ---- RPCs: closed schemas, as maelstrom.client/defrpc has them ----------- */

enum schema {
	SCHEMA_END,
	SCHEMA_ANY,
	SCHEMA_INT,   /* an integer of any size */
	SCHEMA_ARRAY, /* of anything */
	SCHEMA_INTS,  /* a map of integers */
	SCHEMA_LOGS,  /* a map of arrays of [integer, anything] */
};

struct field {
	const char *name;
	enum schema type;
};

/* Type and fields of a request's reply; msg_id (optional) and in_reply_to are integers in all of them, no other key may
 * be there. */
struct rpc {
	const char *request, *reply;
	const struct field fields[4]; /* of the reply */
};

/* ---- operations ---------------------------------------------------------- */

struct call; /* an operation under way in a client (client.h) */

typedef void call_fn(struct call *, const struct value *reply_body);

/* The operation: f and value. The arena lives as long as the history. */
const struct op *call_op(const struct call *);
struct arena *call_arena(struct call *);
/* What the client remembers from one operation to the next: so many bytes, zeroed in a new client. */
void *call_memory(struct call *, size_t size);
/* The mean latency of messages between servers. */
int64_t call_latency_ms(const struct call *);
/*
 * Sends {"type": rpc->request, "msg_id": ...} plus the string-keyed pairs of
 * `fields` (a map or NULL) to the client's node. A reply that fits the schema
 * goes to `done`; an error, time-out (timeout_ms; 0: Maelstrom's 5 s) or
 * malformed reply ends the call by the workload's rules.
 */
void call_rpc(struct call *, const struct rpc *, const struct value *fields, int64_t timeout_ms, call_fn *done);
/* The end of an operation: exactly once, in invoke() or later. */
void call_ok(struct call *, const struct value *);
/* Nobody knows what came of it. */
void call_info(struct call *);
/* The reply fits its rpc, but not what the workload wants: as any malformed reply. `why` completes "but ...". */
void call_malformed(struct call *, const struct value *reply_body, const char *why);
/* As an exception of that Java class in the client: :info with :exception, "indeterminate: ..."
 * (jepsen.generator.interpreter). */
void call_throw(struct call *, const char *class, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The workers as a generator sees them (jepsen.generator.context), by number. */
struct workers {
	int count;
	const bool *free; /* without an operation under way */
	const int64_t *processes;
};

/* What to do next. value NULL: nil. */
struct op_template {
	const char *f;
	const struct value *value;
	const struct value *extra;     /* a map of what else the operation has; NULL: nothing */
	const struct workers *workers; /* given, and only for the length of the call: who could do it */
	int64_t now;                   /* given: nanoseconds since the start */
	/* Which `count` workers may do it, from number `first` on; one of them must be free. 0: any. */
	int first, count;
};

/* ---- what nodes promise ---------------------------------------------------- */

#define VARIANTS_MAX 6

#define EVERYTHING "partition,kill,pause,loss,duplicate,clock,slow,disk"

/* A node that solves a workload, and what it withstands: of that a swarm (swarm.h) draws. */
struct promise {
	const char *node;   /* as --node has it */
	const char *faults; /* as --nemesis has them, with --data-dir; what eddy does not know is left out */
	const char *flags;  /* what else must be said of a run ("--consistency-models ..."); NULL: nothing */
	/* Arguments of the node to choose from, "" for none; not together with that fault. */
	struct variant {
		const char *args, *unless;
	} variants[VARIANTS_MAX];
};

struct workload {
	const char *name;
	const char *summary; /* one line */

	/* What a generator remembers, zeroed at the start. */
	size_t state_size;
	/* The next operation. Returns false when it has none left. */
	bool (*generate)(
	    void *state, struct random *, struct arena *, const struct test_options *, struct op_template *);
	/* Any free worker gets the next operation (gen/each-thread); otherwise they take turns. */
	bool each_thread;

	/* What a generator learns from: a completion of the worker with that number. May be NULL. */
	void (*update)(void *state, struct arena *, int worker, const struct op *);

	/* What workers do after recovery, each for itself (gen/each-thread in :final-generator). */
	struct {
		const char *f; /* this, once; or NULL */
		bool flagged;  /* :final? true */

		/* Or a sequence: when the worker does its next operation (since the start; at once if that is past;
		 * INT64_MAX: it has done its last), and which. NULL: none. */
		int64_t (*due)(const void *state, int worker);
		void (*generate)(void *state, struct random *, struct arena *, int worker, struct op_template *);
		int limit_s; /* what would come later than this after the first is not done; 0: no limit */
	} final;

	/* Why a test with these options cannot run, though their values are good: it crashes, as in Maelstrom. NULL: it
	 * can. May be NULL. */
	const char *(*refuse)(struct arena *, const struct test_options *);

	/* Body of the set-up client's one request to each node, or NULL (broadcast's topology). */
	const struct value *(*setup)(struct arena *, const struct test_options *, const struct rpc **);

	/* The operations that there are, and what values they take. */
	const struct op_shape *ops;
	/* Runs one of them. */
	void (*invoke)(struct call *);
	/* Whether errors and time-outs become :fail or :info (maelstrom.client/with-errors), or else exceptions. */
	bool catches_errors;
	/* NULL-terminated list of :f that become :fail on any error (with-errors' idempotent set); may be NULL. */
	const char *const *idempotent;
	/* jepsen.client/Reusable: the client survives an :info. */
	bool reusable;

	/* What every node must do in a phase of liveness (liveness.h); lists end with NULL and may be NULL. */
	struct {
		const char *const *kinds;      /* all :f but those that end as :info by design */
		const char *const *answers;    /* definite errors that are as good as :ok: the state demands them */
		const char *const *collisions; /* definite errors that say nothing: another operation was in the way */
	} alive;

	check_fn *check;

	/* What nodes promise here: ends with a NULL node, and may be NULL. */
	const struct promise *promises;
};

/* Generated from workloads/: ends with NULL. */
extern const struct workload *const workloads[];
const struct workload *workload_find(const char *name);
/* Why these options' workload refuses them, in the arena; NULL: it does not. */
const char *workload_refusal(struct arena *, const struct test_options *);

/* ---- swarm.c ---------------------------------------------------------------- */

/* What a node promises in a workload; one that is not in its table is taken to withstand partitions. Never NULL. */
const struct promise *promise_find(const struct workload *, const char *node);
bool promise_includes(const struct promise *, const char *fault);

#endif
