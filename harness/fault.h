/*
 * The faults that a run can have: one row of a table a kind, with its name on
 * the command line, what the history calls it, where it can be had, and how it
 * begins and ends.
 *
 * What is done is plain data, a fault_event: it can be drawn, kept, written
 * down, read again, left out or done once more, and doing it draws nothing but
 * what the fault itself needs while it is in force (which messages are lost).
 * When events come is the nemesis' business (nemesis.h).
 */
#ifndef FAULT_H
#define FAULT_H

#include "grudge.h"
#include "value.h"

struct cluster;

/* In the order in which they end before the final reads: Jepsen's, which resumes and then starts. */
enum fault_kind {
	FAULT_PARTITION, /* nodes hear nothing of each other (grudge.h) */
	FAULT_LOSS,      /* messages of the targets with other nodes are lost, now and then */
	FAULT_DUPLICATE, /* or come twice, the second time later */
	FAULT_SLOW,      /* or come later, in another order; those with services too */
	FAULT_CLOCK,     /* the targets' wall clocks jump, their monotonic ones drift */
	FAULT_DISK,      /* the targets' disks fail now and then, which ends them, and sync slowly */
	FAULT_PAUSE,     /* the targets stand still (SIGSTOP) until SIGCONT */
	FAULT_KILL,      /* the targets lose their memory (SIGKILL), and are started anew */
};
#define FAULT_KINDS 8

#define FAULT_BIT(kind) (1u << (kind)) /* in a set of kinds */
#define FAULT_VALUES    2              /* parameters of one target, at most */

/* Of parameters. */
#define FAULT_DELAY_MS_MAX 1000000
#define FAULT_JUMP_MS_MAX  INT64_C(1000000000)

/* One node that a fault is for; what the values mean, the kind's row says. */
struct fault_target {
	int node; /* its index */
	int64_t values[FAULT_VALUES];
};

/*
 * One action of the nemesis. Everything that it points to lives in the arena
 * that it was drawn in, or read into, and is never changed.
 */
struct fault_event {
	int64_t time; /* nanoseconds since the beginning of the main phase */
	enum fault_kind kind;
	bool start;                         /* or else stop: for all nodes, whatever was in force of this kind */
	const char *spec;                   /* of a start: how it was chosen ("majority"); NULL: any subset */
	const struct fault_target *targets; /* of a start, by ascending node; a partition has none */
	int target_count;
	const struct grudge *grudge; /* of the start of a partition; else NULL */
};

/* What faults are done to. `cluster` may be NULL where only faults of the network are used. */
struct fault_world {
	struct net *net;
	struct cluster *cluster;
	const char *const *nodes;
	int node_count;
};

/* What a parameter may be, in a scenario that somebody wrote. */
struct fault_range {
	int64_t min, max;
};

struct fault {
	const char *name; /* "kill" */
	int commands;     /* where it can be had: IN_TEST, IN_SIM (flags.h) */
	const char *start_f, *stop_f;
	const char *stop_spec;                   /* of a stop's invocation in the history: "all"; NULL: nil */
	const char *values[FAULT_VALUES];        /* names of a target's parameters; NULL: there is none */
	struct fault_range ranges[FAULT_VALUES]; /* of those */
	/* Of a node in the history: "killed", "started", "already-running". NULL: its parameters, and "healed". */
	const char *did, *undid, *was_so;
	bool stalls;                                                 /* what a node says late is not its own fault */
	void (*draw)(struct random *, int64_t values[FAULT_VALUES]); /* parameters of one target; NULL: none */
	/* To one target. True if that changed anything. NULL: a partition, which is none of a node. */
	bool (*start)(const struct fault_world *, const struct fault_target *);
	bool (*stop)(const struct fault_world *, int node); /* NULL: it is over where all parameters are 0 */
};

extern const struct fault faults[FAULT_KINDS];

/* Draws a start: the targets as jepsen.nemesis.combined/db-nodes does, or one of a set of kinds of partition. */
void fault_draw(
    struct fault_event *, enum fault_kind, unsigned partitions, int node_count, struct random *, struct arena *);
/*
 * Does it. Returns what the history is to have as its outcome: a map from each
 * node it was done to, or what a partition looks like.
 */
const struct value *fault_apply(const struct fault_world *, const struct fault_event *, struct arena *);
/* Whether one of a set of kinds stalls nodes. */
bool faults_stall(unsigned kinds);
/* What the history has as its invocation. */
const struct value *fault_intent(const struct fault_event *, struct arena *);

#endif
