/* Partitions: who drops messages of whom, as Jepsen draws it, and kinds that Jepsen has not. */
#ifndef GRUDGE_H
#define GRUDGE_H

#include "net.h"
#include "random.h"
#include "value.h"

enum partition_kind {
	PARTITION_ONE,
	PARTITION_MINORITY_THIRD,
	PARTITION_MAJORITY,
	PARTITION_MAJORITIES_RING,
	/* Not Jepsen's. */
	PARTITION_ONE_WAY, /* a split of any size, of which only one side is deaf to the other */
	PARTITION_FLAKY,   /* of each ordered pair of nodes every other one loses some of its messages */
};
#define PARTITION_KINDS  6
#define PARTITION_BIT(k) (1u << (k)) /* in a set of kinds */
/* Those that Maelstrom draws from. */
#define PARTITIONS_USUAL 0xfu

const char *partition_name(enum partition_kind); /* "majorities-ring", as in histories */

/* drops[dest * n + src] */
struct grudge {
	int n;
	bool *drops;
	int permille; /* of the messages on those ways are dropped; 1000: all */
};

/* Chooses a partition of that kind over n nodes (jepsen.nemesis.combined/grudge). */
void grudge_draw(struct grudge *, enum partition_kind, int n, struct random *);
void grudge_apply(const struct grudge *, struct net *, const char *const *nodes);
void grudge_free(struct grudge *);
/* {"n0" #{"n1"}, ...}: as the history has it inside [:isolated ...]. */
const struct value *grudge_value(const struct grudge *, struct arena *, const char *const *nodes);

#endif
