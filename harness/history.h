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
/* Any other process that is not a number gets a number below this; its name stays in `extra` under :process. */
#define PROCESS_OTHER (-1)

struct op {
	int64_t index, time; /* its place; nanoseconds since the start, -1 if not told */
	enum op_type type;
	int64_t process;               /* PROCESS_NEMESIS: the nemesis */
	const char *f;                 /* without the colon */
	const struct value *value;     /* never NULL */
	const struct value *error;     /* NULL: none */
	const struct value *exception; /* a map as (datafy Throwable) gives it; NULL: none */
	bool final;                    /* :final? true */
	const struct value *extra;     /* a map of all other keys, with keywords or whatever they are; NULL: none */
	int64_t pair;                  /* the position of its completion or invocation; -1: none */
};

/* Zero-initialise before use. Everything in it lives in its arena. */
struct history {
	struct arena arena;
	struct op *ops;
	size_t count, capacity;
	/*
	 * Why jepsen.history could not pair the operations (a process invokes
	 * twice, or completes what it has not invoked); NULL: it could. What has
	 * no partner is unpaired, and of two open invocations the later counts.
	 */
	const char *fault;
	struct value *others; /* names of processes below PROCESS_OTHER; NULL: none */
	struct history_open *open;
	size_t open_count, open_capacity;
};

/* Appends a copy and numbers it; *value etc. must live in the arena. Pairs a completion with its process's open
 * invocation. The pointer is valid until the next call. */
struct op *history_append(struct history *, const struct op *);
/* The same, but it keeps its own index. */
struct op *history_append_indexed(struct history *, const struct op *);
void history_free(struct history *);

/*
 * Reads a history (a sequence of maps, or one vector or list of them; maps may
 * be tagged #jepsen.history.Op). On a fault returns false and leaves one line,
 * with its line number, in `error`. :type and a keyword :f must be there,
 * :process, :time and :index must fit; an operation without :index gets its
 * place, one without :time -1. Whatever else is in it is kept, so that writing
 * it gives an equal history.
 */
#define HISTORY_SIZE_MAX ((size_t)1 << 30) /* bytes */
bool history_read(struct history *, FILE *, struct buffer *error);
bool history_parse(struct history *, const char *text, size_t length, struct buffer *error);
/* Whether it was written is for ferror() and fclose() to say. */
void history_write(const struct history *, FILE *);

/* The operation as Jepsen prints it: #jepsen.history.Op{...}. */
const struct value *op_value(struct arena *, const struct op *);
/* The name of an operation's type, without the colon. */
const char *op_type_name(enum op_type);
bool op_is_client(const struct op *);

#endif
