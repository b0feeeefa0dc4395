/*
 * What clients and the nemesis did, in Jepsen's terms: a list of operations,
 * each an invocation or a completion. Read from and written to Jepsen's
 * history.edn, one map a line.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "value.h"

enum op_type { OP_INVOKE, OP_OK, OP_FAIL, OP_INFO };

#define PROCESS_NEMESIS (-1)

struct op {
	int64_t index, time; /* its place; nanoseconds since the start */
	enum op_type type;
	int64_t process; /* PROCESS_NEMESIS: the nemesis */
	const char *f;
	const struct value *value;     /* never NULL */
	const struct value *error;     /* NULL: none */
	const struct value *exception; /* a map as (datafy Throwable) gives it; NULL: none */
	bool final;                    /* :final? true */
	const struct value *extra;     /* a map of all other keys; NULL: none */
	int64_t pair;                  /* the position of its completion or invocation; -1: none */
};

/* Zero-initialise before use. Everything in it lives in its arena. */
struct history {
	struct arena arena;
	struct op *ops;
	size_t count, capacity;
};

/* Appends a copy and numbers it; *value etc. must live in the arena. Pairs a completion with its process's open
 * invocation. */
struct op *history_append(struct history *, const struct op *);
void history_free(struct history *);

/*
 * Reads a history (a sequence of maps, or one vector of them). On a fault
 * returns false and leaves one line, with its line number, in `error`.
 */
bool history_read(struct history *, FILE *, struct buffer *error);
void history_write(const struct history *, FILE *);

/* The operation as Jepsen prints it: #jepsen.history.Op{...}. */
const struct value *op_value(struct arena *, const struct op *);
bool op_is_client(const struct op *);

#endif
