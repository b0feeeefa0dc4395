/*
 * Jepsen's partition nemesis (jepsen.nemesis.combined/partition-package): start
 * and stop in turn, each after a random gap whose mean is --nemesis-interval,
 * the first at once; four kinds of partition, chosen at random.
 */
#ifndef NEMESIS_H
#define NEMESIS_H

#include "net.h"
#include "random.h"
#include "value.h"

enum partition_kind { PARTITION_ONE, PARTITION_MINORITY_THIRD, PARTITION_MAJORITY, PARTITION_MAJORITIES_RING };
#define PARTITION_KINDS 4

const char *partition_name(enum partition_kind); /* "majorities-ring", as in histories */

/* Who drops messages of whom: drops[dest * n + src]. */
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

#endif
