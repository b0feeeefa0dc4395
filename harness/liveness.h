/*
 * Whether a cluster comes back to life once nothing goes wrong any more: each
 * node must do each kind of operation, and whatever fails at a node in between
 * makes what it has done before count for nothing.
 */
#ifndef LIVENESS_H
#define LIVENESS_H

#include "history.h"
#include "options.h"

/* What is known of one kind of operation at one node. */
struct liveness_cell {
	bool proven;          /* it has succeeded since the node's last failure */
	uint64_t tries;       /* that have ended */
	const char *answered; /* how the last of them ended; NULL: none has */
};

/* Zero-initialised: there was no such phase. */
struct liveness {
	const struct test_options *options;
	struct liveness_cell *cells; /* by node, then by the workload's kind */
	int kinds;
	int lacking;     /* cells that are not proven */
	bool asked_only; /* what was never asked need not be proven */
	uint64_t probes, failures;
	int64_t began, ended; /* nanoseconds on the run's clock */
};

/* Where operations are given by list it may be that not everything is asked: asked_only. */
void liveness_begin(struct liveness *, const struct test_options *, bool asked_only, int64_t now);
void liveness_free(struct liveness *);

/* Whether it is not yet proven that this node does :f. False for an :f that the workload does not name. */
bool liveness_lacks(const struct liveness *, int node, const char *f);
/* The same of any :f. */
bool liveness_lacks_any(const struct liveness *, int node);
bool liveness_is_proven(const struct liveness *);

/* Learns from a completion at a node. What it keeps lives in the arena. */
void liveness_learn(struct liveness *, struct arena *, int node, const struct op *);

/*
 * {:valid? :seconds :probes :failures :unproven [{:node :f :tries :answered}]};
 * NULL if there was no such phase.
 */
const struct value *liveness_result(const struct liveness *, struct arena *);

#endif
