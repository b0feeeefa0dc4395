/*
 * Jepsen's partition nemesis (jepsen.nemesis.combined/partition-package): start
 * and stop in turn, each after a random gap whose mean is --nemesis-interval,
 * the first at once; four kinds of partition, chosen at random.
 */
#ifndef NEMESIS_H
#define NEMESIS_H

#include "history.h"
#include "net.h"
#include "random.h"
#include "value.h"

enum partition_kind { PARTITION_ONE, PARTITION_MINORITY_THIRD, PARTITION_MAJORITY, PARTITION_MAJORITIES_RING };
#define PARTITION_KINDS 4

const char *partition_name(enum partition_kind); /* "majorities-ring", as in histories */

/* ---- grudge.c: who drops messages of whom --------------------------------- */

/* drops[dest * n + src] */
struct grudge {
	int n;
	bool *drops;
};

/* Chooses a partition of that kind over n nodes (jepsen.nemesis.combined/grudge). */
void grudge_draw(struct grudge *, enum partition_kind, int n, struct random *);
void grudge_apply(const struct grudge *, struct net *, const char *const *nodes);
void grudge_free(struct grudge *);
/* {"n0" #{"n1"}, ...}: as the history has it inside [:isolated ...]. */
const struct value *grudge_value(const struct grudge *, struct arena *, const char *const *nodes);

/* ---- nemesis.c: when, and what the history says of it ------------------------ */

struct nemesis {
	struct random random;
	struct net *net;
	const char *const *nodes;
	int node_count;
	int64_t gap_ns;    /* gaps are uniform in [0, gap_ns) */
	int64_t due;       /* of the next operation */
	const char *fault; /* the partition in force, or NULL */
};

void nemesis_init(
    struct nemesis *, struct net *, const char *const *nodes, int node_count, double interval_s, uint64_t seed);
/* The next operation, start or stop in turn: done at `now`, written to the history, and the one after it is set. */
void nemesis_act(struct nemesis *, struct history *, int64_t now);
/* Ends what is in force, for good; also if nothing is. */
void nemesis_heal(struct nemesis *, struct history *, int64_t now);

#endif
