/*
 * Raft: a log that all nodes of a cluster agree on, and a state machine that
 * every node runs over it (Ongaro, Consensus: Bridging Theory and Practice,
 * 2014; sections are named where they are followed).
 *
 * The program gives a state machine as a table of functions, puts a struct
 * raft into its state, adds RAFT_ROUTES to its routes, and hands its clients'
 * requests to raft_propose() (what changes the state) and raft_query() (what
 * only reads it). Any node takes both: what is for the leader is forwarded.
 *
 *	raft.c              life, time, the step down (3.3)
 *	raft_election.c     election, PreVote, CheckQuorum, transfer (3.4, 9.6, 6.2, 3.10)
 *	raft_replication.c  the leader's side of appending (3.5, 3.6, 10.2)
 *	raft_follower.c     the followers' side
 *	raft_commit.c       committing, applying, and the invariants (3.5, Figure 3.2)
 *	raft_snapshot.c     snapshots to followers that are too far behind (5)
 *	raft_read.c         ReadIndex and leases (6.4)
 *	raft_thrift.c       few messages: whom a leader asks, and what two nodes can do alone
 *	raft_ticket.c       clients' requests and their way to the leader (6.2)
 *	raft_latency.c      what the network's latency is, and the time-outs that follow from it (9.4)
 *	raft_log.c          the log
 *	raft_storage.c      what outlives a process (3.8)
 *
 * Membership is fixed: the nodes of init. With --data-dir terms, votes, the
 * log and snapshots of the machine are durable before anything is promised on
 * them, and a node that was killed may be started again at any time; the
 * machine is restored, and its program has nothing to store itself. Without,
 * all is in memory, and a node that was killed is lost for good: where it is
 * started again all the same, it is not heeded by those who have met it before,
 * and takes no part as soon as one of them has told it so (lives.h): its
 * clients get error 11. So a cluster without disks goes on as long as a
 * majority was never killed, and is safe as long as everybody who counts what
 * a restarted node says has met it before; nodes look for each other when they
 * start, and do not stop until they have met.
 *
 * Time-outs adapt to the latency that the leader observes and tells its
 * followers: there is nothing to set.
 */
#ifndef RAFT_H
#define RAFT_H

#include "node.h"

struct raft;

/* ---- limits ------------------------------------------------------------- */

#define RAFT_TICKETS_MAX   16384             /* clients' requests in flight: more are refused with error 11 */
#define RAFT_BATCH_ENTRIES 256               /* entries in one message ... */
#define RAFT_BATCH_BYTES   ((size_t)1 << 20) /* ... and about so many bytes, though at least one entry */
#define RAFT_WINDOW        4096              /* entries on their way to one follower, or a batch more */
#define RAFT_STASH_MAX     64                /* messages that overtook others, kept by a follower */
#define RAFT_LOG_ENTRIES   2048              /* applied entries kept for followers that lag, up to twice as many; ... */
#define RAFT_LOG_BYTES     ((size_t)8 << 20) /* ... and bytes of them, likewise: the rest is compacted away */
#define RAFT_UNAPPLIED_BYTES \
	((size_t)64 << 20) /* of the leader's log: proposals beyond that are refused with error 11 */
#define RAFT_CHUNK_BYTES    ((size_t)256 << 10) /* of a snapshot in one message */
#define RAFT_SNAPSHOT_BYTES ((size_t)1 << 30)   /* the largest snapshot that is taken in */
#define RAFT_FORWARDS_MAX   8                   /* leaders asked for one request, each having refused it */

#define RAFT_STORED_FACTOR 4 /* what is stored is rewritten when it is so many times what is live, ... */
#define RAFT_STORED_BYTES  ((size_t)1 << 20) /* ... which counts as so many bytes at least */

#define RAFT_TERM_MAX ((int64_t)1 << 60) /* messages of higher terms are not believed, nor indices from there on */

#define RAFT_TIMEOUT_MIN_MS 300  /* the shortest election time-out; each is drawn from [1, 5/4) of it */
#define RAFT_TIMEOUT_MAX_MS 4000 /* the longest that latency makes it */

/* ---- what the program gives --------------------------------------------- */

struct raft_machine {
	/*
	 * Performs a committed command and returns the body of the reply (a new
	 * reference). It must follow from state and command alone: every node
	 * runs it, also those that throw the reply away. Bodies must not be
	 * kept. A body of type "error" may hold a definite code if the state is unchanged;
	 * that is also the answer to a command that no client of this program can have
	 * sent, which a peer gone wrong may forward. The same holds for queries.
	 */
	json_t *(*apply)(struct node *, json_t *command);
	/* Answers a query, as above, but changes nothing. */
	json_t *(*query)(struct node *, json_t *query);
	/* The whole state as JSON (a new reference). */
	json_t *(*snapshot)(struct node *);
	/* Replaces the state. False if that is no snapshot: then the state is as before. */
	bool (*restore)(struct node *, json_t *snapshot);
};

struct raft_options {
	/*
	 * How long a request may wait until its outcome would be of no use, where that may be said with a definite
	 * error: queries, and commands that nobody was asked to perform. At most NODE_DEADLINE_MS; 0: that.
	 */
	int64_t patience_ms;
	/*
	 * Queries are answered on the strength of a lease (6.4.1), without a
	 * round of messages. Assumes that the monotonic clocks of two nodes
	 * differ in rate by less than one part in RAFT_CLOCK_DRIFT; nothing is
	 * assumed when this is off.
	 */
	bool lease;
};

#define RAFT_CLOCK_DRIFT 8

/* ---- the interface ------------------------------------------------------ */

/* To be called in start() and stop(). The machine must outlive the raft. */
struct raft *raft_new(struct node *, const struct raft_machine *, const struct raft_options *);
void raft_free(struct raft *);

/* Takes any message of RAFT_ROUTES. What is malformed is dropped; what is not from a peer gets error 10. */
void raft_receive(struct raft *, const struct message *);

#define RAFT_ROUTES(handler)                                                                                      \
	{"raft_vote", handler}, {"raft_vote_ok", handler}, {"raft_append", handler}, {"raft_append_ok", handler}, \
	    {"raft_snapshot", handler}, {"raft_snapshot_ok", handler}, {"raft_timeout_now", handler},             \
	    {"raft_forward", handler}, {"raft_life", handler},                                                    \
	{                                                                                                         \
		"raft_forward_ok", handler                                                                        \
	}

/*
 * Performs a command, in the one order that all nodes see (steals command),
 * and answers the request with what apply() returned; else with
 *   error 11 if it has not happened and never will: no leader was found, the
 *            leader refused it, a limit was met, or another command was
 *            committed in its place;
 *   error 0  if nobody knows: the leader that had it was lost.
 */
void raft_propose(struct raft *, struct request *, json_t *command);

/*
 * Answers the request with query(): linearizable (6.4), though no entry is
 * written. Steals query. Error 11 where it was not performed.
 */
void raft_query(struct raft *, struct request *, json_t *query);

/* Leader: hands over to that peer when its log is complete (3.10). Given up after an election time-out. */
void raft_transfer(struct raft *, int peer);

#endif
