/*
 * Transactional anomalies by way of dependency graphs, as Elle finds them
 * (Kingsbury and Alvaro, "Elle: Inferring Isolation Anomalies from Experimental
 * Observations", VLDB 2020). What is common to its workloads is here: reading
 * transactions, the graph, realtime and process order, the search for cycles,
 * and the result. A workload (list_append.c, rw_register.c) infers from what
 * its transactions wrote and read which of them depend on which.
 *
 * A checker goes through these steps:
 *
 *	elle_init()	the models that were asked for
 *	elle_read()	transactions, from the history; false: elle_failed()
 *	elle_report()	anomalies that need no graph, as often as there are any
 *	elle_link()	dependencies between transactions
 *	elle_search()	adds realtime or process order where a model needs it,
 *			and reports cycles
 *	elle_result()	the result, in Elle's shape
 *	elle_free()
 *
 * The only anomalies searched for are those that a history of items can show:
 * no predicates.
 */
#ifndef ELLE_H
#define ELLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "check.h"
#include "consistency.h"

#define ELLE_NONE      UINT32_MAX
#define ELLE_EDGES_MAX ((size_t)1 << 26)

/* ---- transactions -------------------------------------------------------------- */

/*
 * A micro-operation. What it wrote or read are versions, numbered from 0: a
 * version is a key with a value. A write has one; a read of a list has one for
 * each element, a read of a register one, or none where it returned nil.
 */
struct elle_mop {
	uint32_t key;   /* numbered from 0 */
	uint32_t first; /* its versions are elle->elements[first], ... */
	uint32_t count;
	bool write;
	bool nil; /* a read without a value: of a list too, where it is not [] */
};

/* Micro-operations of one operation of the history: elle->mops[first], ... */
struct elle_mops {
	uint32_t first, count;
};

/*
 * A transaction: a client's operation, and a vertex of the graph. In the order
 * of their completions; those that were never completed come last, in the order
 * of their invocations.
 */
struct elle_txn {
	enum op_type type; /* of the completion; OP_INVOKE: there is none */
	int64_t process;
	uint32_t invoke, complete; /* positions in history->ops, or ELLE_NONE */
	struct elle_mops asked;    /* as invoked */
	struct elle_mops done;     /* as completed; none if it was not */
};

/* ---- dependencies ---------------------------------------------------------------- */

/* Types of edges; an edge has a set of them. */
enum elle_type {
	ELLE_WW = 1 << 0, /* installed the next version of what the other had installed */
	ELLE_WR = 1 << 1, /* read what the other wrote */
	ELLE_RW = 1 << 2, /* installed the next version of what the other had read */
	ELLE_PROCESS = 1 << 3,
	ELLE_REALTIME = 1 << 4,
};
#define ELLE_DATA (ELLE_WW | ELLE_WR | ELLE_RW)

struct elle_edge {
	uint32_t from, to;
	uint32_t types;
};

/* Edges by their origin, and then by their end: no two alike. */
struct elle_graph {
	uint32_t vertices;
	size_t *first; /* of each vertex, and one more */
	uint32_t *to;
	uint8_t *types;
};

/* What a workload knows about its edges. */
struct elle;
struct elle_workload {
	const char *write; /* the name of a write: "append" or "w"; a read is "r" */
	bool lists;        /* reads return lists of what was written */
	/* Of the types of an edge, the first one of these explains it; then come process and realtime. */
	enum elle_type priority[3];
	/*
	 * Why `to` comes after `from`, which an edge of this type says: a map with :type and what Elle has beside it
	 * (:key, :value, :value', :a-mop-index, :b-mop-index).
	 */
	const struct value *(*explain)(struct elle *, uint32_t from, uint32_t to, enum elle_type);
	/* The same in words, "T2 appended 4 after T1 appended 3 to 5", given names of both. */
	void (*render)(struct buffer *, const struct value *step, const char *from, const char *to);
};

/* ---- an analysis ------------------------------------------------------------------- */

struct elle {
	struct arena *arena; /* of the result */
	const struct history *history;
	const struct elle_workload *workload;
	void *state; /* the workload's own */
	const char *directory;
	uint64_t prohibited, reportable; /* anomalies, given the models that were asked for */

	struct elle_txn *txns;
	uint32_t *txn_at; /* by position in history->ops; ELLE_NONE: not a client's */
	uint32_t txn_count;
	uint32_t completed; /* the first ones are those with a completion */
	struct elle_mop *mops;
	uint32_t mop_count;
	uint32_t *elements; /* versions */
	uint32_t element_count;

	const struct value *const *keys;
	uint32_t key_count;
	uint32_t *version_keys;
	const struct value **version_values;
	uint32_t version_count;

	struct elle_edge *edges; /* as they are linked, until elle_search() */
	size_t edge_count, edge_capacity;
	bool met; /* a workload has found transactions that might depend on one another: the graph is not empty */
	struct elle_graph graph; /* from elle_search() on */

	struct value *anomalies[ANOMALY_COUNT]; /* lists of maps; NULL: none. Or true, where Elle has that */
	const char *error;                      /* NULL: none so far. In the arena */
	struct elle_reader *reader;
};

/* Options may name models; without any it is strict-serializable. An unknown name is an error, which elle_read() tells.
 */
void elle_init(struct elle *, struct arena *, const struct history *, const struct check_options *,
    const struct elle_workload *, void *state);
void elle_free(struct elle *);

/*
 * Reads all of the clients' operations. False, with elle->error set, where
 * Elle would throw: operations that do not pair, values that are no
 * transactions (a sequence of [f k v], and of lists nothing but vectors and nil
 * as what was read), micro-operations of another name, and too large numbers of
 * anything.
 */
bool elle_read(struct elle *);
/* Sets elle->error, unless there is one. Returns false. */
bool elle_fail(struct elle *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The result of a check that went wrong: :valid? is :unknown. */
const struct value *elle_failed(struct elle *);

static inline const struct elle_mop *
elle_mop(const struct elle *elle, struct elle_mops mops, uint32_t i)
{
	return &elle->mops[mops.first + i];
}
/* The completion as Jepsen prints it, and a micro-operation of it as it is in the history. */
const struct value *elle_txn_value(const struct elle *, uint32_t txn);
const struct value *elle_mop_value(const struct elle *, uint32_t txn, uint32_t mop);

/* Reports an occurrence, which lives in the arena. */
void elle_report(struct elle *, enum anomaly, const struct value *);
/* Whether anyone would see it: others need not be looked for, except for what they rule out. */
bool elle_is_reportable(const struct elle *, enum anomaly);

/* Transaction `to` depends on `from`. Too many of these are an error, of which elle_result() tells. Linking one to
 * itself does nothing. */
void elle_link(struct elle *, uint32_t from, uint32_t to, enum elle_type);
/* It depends on itself. By Elle's rules that counts only where it also is in a cycle with others. */
void elle_link_loop(struct elle *, uint32_t txn, enum elle_type);

/* Searches the graph that was linked. Bounded work: what was not finished is reported as cycle-search-timeout. */
void elle_search(struct elle *);

/* {:valid? true}, or after an error elle_failed(), or with :anomaly-types, :anomalies, :not and :also-not. */
const struct value *elle_result(struct elle *);

#endif
