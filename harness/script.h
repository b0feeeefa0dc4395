/*
 * Operations by list instead of by the workload's generator: recorded from a
 * run, drawn before one, or read from a scenario. Each belongs to a worker,
 * which does its own in order, each at its time or as soon as the one before
 * is done.
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include "value.h"

#define SCRIPT_OPS_MAX 1000000 /* operations in a list */

struct script_op {
	int64_t time; /* nanoseconds since the generator's start */
	int worker;
	bool concluding; /* of the final phase */
	bool flagged;    /* :final? true */
	const char *f;   /* without the colon */
	const struct value *value;
	const struct value *extra; /* NULL: none */
};

/* Zero-initialise before use. What the operations point to is somebody else's. */
struct script {
	struct script_op *ops; /* in order of their times */
	size_t count, capacity;
	/* When the main phase ends, at the earliest; -1: with its last operation. */
	int64_t end;
	bool concludes; /* the final phase is listed too, and not the workload's own */
};

/* False, and nothing was added, if it is full. */
bool script_add(struct script *, const struct script_op *);
void script_free(struct script *);

/* Each worker's place in a list. */
struct script_cursor {
	const struct script *script;
	size_t *places; /* by worker */
	int workers;
};

void cursor_init(struct script_cursor *, const struct script *, int workers);
void cursor_free(struct script_cursor *);
/* The worker's next operation in that phase, or NULL. */
const struct script_op *cursor_peek(struct script_cursor *, int worker, bool concluding);
/* It was done. */
void cursor_advance(struct script_cursor *, int worker);

#endif
