/*
 * When faults begin and end, as Jepsen has it (jepsen.nemesis.combined): start
 * and stop in turn, each after a random gap whose mean is --nemesis-interval,
 * the first at once. Every kind of fault has its own stream of randomness, so
 * that one more kind does not change what the others do. (Jepsen lets kill and
 * pause share one stream of gaps; here each has its own.) Or else a script
 * says what is done when, and nothing is drawn.
 */
#ifndef NEMESIS_H
#define NEMESIS_H

#include "fault.h"
#include "history.h"

/* Events to be done, by ascending time. */
struct fault_script {
	const struct fault_event *events;
	size_t count;
};

/* What is wanted of it. */
struct nemesis_plan {
	unsigned faults;     /* a set of kinds (FAULT_BIT) */
	unsigned partitions; /* a set of kinds (PARTITION_BIT) */
	double interval_s;
	const struct fault_script *script; /* NULL: events are drawn. Borrowed */
};

struct nemesis {
	struct fault_world world;
	unsigned faults, partitions;
	int64_t gap_ns; /* gaps are uniform in [0, gap_ns) */
	struct {
		struct random random;
		int64_t due;                     /* of the next event of this kind */
		const struct fault_event *event; /* in force, or NULL */
	} streams[FAULT_KINDS];
	const struct fault_script *script;
	size_t next; /* in the script */
	struct history *history;
	struct buffer active; /* what is in force, for people */
	/* Every event that was done, but for the last heal: a script that does it all again. */
	struct fault_event *done;
	size_t done_count, done_capacity;
};

/* What it does is written to the history, and lives in its arena. */
void nemesis_init(
    struct nemesis *, const struct fault_world *, const struct nemesis_plan *, struct history *, uint64_t seed);
void nemesis_free(struct nemesis *);

/* When the next event is, in nanoseconds since the start; INT64_MAX: never. */
int64_t nemesis_due(const struct nemesis *);
/* Does it at `now`, and sets when the one after it is. */
void nemesis_act(struct nemesis *, int64_t now);
/* Ends what is in force, for good; of every kind that is wanted, also if nothing is. */
void nemesis_heal(struct nemesis *, int64_t now);

/* What is in force: "partition majority, kill one"; NULL: nothing. Valid until the next event. */
const char *nemesis_active(const struct nemesis *);

#endif
