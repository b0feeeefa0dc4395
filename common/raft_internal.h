/*
 * What the rooms of Raft share among themselves; programs do not include it.
 * The state is that of Figure 3.1, by the room that changes it.
 */
#ifndef RAFT_INTERNAL_H
#define RAFT_INTERNAL_H

#include <sys/queue.h>

#include "buffer.h"
#include "lives.h"
#include "once.h"
#include "raft.h"
#include "round_trips.h"

/* ---- the log (raft_log.c) ------------------------------------------------- */

struct raft_entry {
	int64_t term;
	json_t *command; /* owned: ticket_command(); NULL: the empty entry that begins a term (6.4, step 1) */
	size_t bytes;    /* about */
};

/* Entries base+1 ... last; what came before is in the state machine only. A ring. */
struct raft_log {
	struct raft_entry *ring;
	size_t first, count, capacity;
	size_t bytes;
	int64_t base, base_term;
	int64_t changed; /* from here on, since raft_storage.c has last set it */
};

int64_t log_last(const struct raft_log *);
/* The term of the entry there, or of the base; -1 if it is not in the log. */
int64_t log_term(const struct raft_log *, int64_t index);
struct raft_entry *log_at(const struct raft_log *, int64_t index); /* must be there */
void log_append(struct raft_log *, int64_t term, json_t *command); /* steals command */
void log_truncate(struct raft_log *, int64_t last);                /* drops what comes after */
void log_compact(struct raft_log *, int64_t base);                 /* drops what comes before, and the base itself */
void log_reset(struct raft_log *, int64_t base, int64_t base_term);
/* The last index up to `index`, which must be in the log, whose term is not above `term`; or base-1. */
int64_t log_term_end(const struct raft_log *, int64_t index, int64_t term);

/* ---- tickets (raft_ticket.c) ------------------------------------------------ */

enum ticket_place { TICKET_WAITING, TICKET_FORWARDED, TICKET_PROPOSED, TICKET_READING, TICKET_PLACES };

/* A request on its way: a client's own, or one that a peer has forwarded. Always in one of the lists. */
struct raft_ticket {
	TAILQ_ENTRY(raft_ticket) entry;
	enum ticket_place place;
	bool is_query;
	json_t *command; /* owned; NULL once proposed */
	struct request *request;
	int peer; /* which has forwarded it, when request is NULL, ... */
	int64_t peer_id;
	int64_t born_ms;
	int64_t id;          /* forwarded: under this id, */
	int leader;          /* to this one */
	int forwards;        /* how often */
	int64_t index, term; /* proposed: as this entry; forwarded: in this term; reading: when that is applied, */
	int64_t round;       /* ... and, at a leader, this round confirmed */
};

TAILQ_HEAD(raft_tickets, raft_ticket);

/* ---- peers ------------------------------------------------------------------ */

/* A follower as its leader sees it, after etcd's tracker. */
enum progress {
	PROGRESS_PROBE,     /* where its log agrees is being found out, one message at a time */
	PROGRESS_REPLICATE, /* entries are sent on without waiting */
	PROGRESS_SNAPSHOT,  /* it lacks what was compacted away */
};

struct raft_peer {
	/* raft_election.c */
	bool granted;            /* it votes for us in this term, for which we stand */
	bool willing;            /* it would vote for us in the next one */
	bool asked;              /* whether to stand, and is answered when our promise ends */
	int64_t last, last_term; /* its log, when it granted */

	/* raft_replication.c */
	enum progress progress;
	int64_t next, match;
	bool paused;        /* PROBE: a message is on its way */
	int64_t sent_ms;    /* the last message of any kind, ... */
	int64_t told_ms;    /* ... and the time-out that it announced */
	bool owed;          /* it waits for what we have for it: not to be put off */
	int64_t moved_ms;   /* the last time that match moved, or that entries were sent while none were on their way */
	int64_t heard_ms;   /* the last answer of this term */
	int64_t round_sent; /* raft_read.c: in a message to it */
	int64_t round_acked; /* ... and in an answer */
	int64_t lease_until; /* it votes for nobody else before that */
	json_t *reads;       /* ids of its queries that it may answer; owned, may be NULL */

	/* raft_thrift.c */
	int64_t asked_upto;    /* the last entry it had been sent when it was asked to answer, ... */
	int64_t asked_ms;      /* ... and since when it is asked for something that it has not acknowledged */
	int64_t unanswered_ms; /* when the first message was sent that it has not answered; INT64_MAX: none */

	/* raft_snapshot.c */
	size_t offset; /* of the chunk on its way */

	/* raft_ticket.c: what it has forwarded to us */
	struct once forwards;
};

/* ---- limits (raft.c) ------------------------------------------------------------ */

/* Those of raft.h; tests make them small. */
struct raft_limits {
	size_t tickets, log_entries, log_bytes, unapplied_bytes, chunk_bytes, batch_entries, stash, stored_bytes;
	bool patient; /* no election but what the test asks for */
};

/* ---- durable state (raft_storage.c) ------------------------------------------ */

struct raft_storage {
	bool durable;
	int64_t life;            /* of this process: the first is 1 */
	int64_t born_term;       /* the term that this life began with */
	int64_t term;            /* as it is stored */
	int vote;                /* the same */
	int64_t promise_ms;      /* no promise not to vote was longer */
	int64_t snapshot_index;  /* of the one that is stored */
	size_t live_bytes;       /* what was stored after the last rewriting */
	int64_t written, synced; /* entries; all that are written are synced once there were more ... */
	uint64_t syncs;          /* ... than so many syncs */
};

/* ---- the whole (raft.c) ------------------------------------------------------- */

enum role { ROLE_FOLLOWER, ROLE_PRE_CANDIDATE, ROLE_CANDIDATE, ROLE_LEADER };

struct raft {
	struct node *node;
	const struct raft_machine *machine;
	struct raft_options options;
	struct raft_limits limits;
	int count, self;
	struct raft_peer *peers; /* by index; this node's own is not used */

	/* raft.c */
	enum role role;
	int64_t term;
	int voted_for, leader; /* -1: nobody */
	uint64_t timer;
	int64_t timer_due;
	bool flushing; /* a flush is set for the end of the turn */
	struct lives lives;

	/* raft_election.c */
	int64_t election_due;  /* not standing before that */
	int64_t asking_due;    /* ... and asking then, again if need be */
	bool gave_way;         /* to somebody who asked, since a leader was heard or the term began */
	bool roused;           /* there was a sign of life */
	int64_t promise_until; /* no vote for anybody else before that */
	int transfer_to;       /* -1: none */
	bool has_transferred;  /* in this term */
	int64_t transfer_end;
	bool transferred; /* this candidacy was asked for by the leader */

	/* raft_latency.c */
	struct round_trips latency;
	int64_t announced_ms; /* the time-out that the leader has told, or 0 */

	struct raft_log log;

	/* raft_commit.c */
	int64_t commit, applied;
	int64_t checked; /* up to here what was committed was held against the other nodes' */

	/* raft_replication.c */
	int64_t urgent; /* clients wait for entries up to here */

	/* raft_follower.c */
	int64_t agreed; /* up to here our log is that of this term's leader; 0: nothing was found to fit yet */
	json_t *stash[RAFT_STASH_MAX]; /* messages that came before what they continue */
	int stashed;
	int64_t gap_since; /* since when something is missing before what came; 0: nothing is */

	/* raft_snapshot.c */
	char *snapshot; /* leader: the text on its way, or NULL */
	size_t snapshot_length;
	int64_t snapshot_index, snapshot_term;
	struct buffer incoming; /* follower: as far as it has come */
	int64_t incoming_index, incoming_term;

	/* raft_read.c */
	int64_t round;   /* of confirmations */
	bool round_open; /* nothing of it was sent yet */

	/* raft_ticket.c */
	struct raft_tickets tickets[TICKET_PLACES];
	size_t ticket_count;
	int64_t incarnation, next_forward;

	struct raft_storage storage;
};

int raft_quorum(const struct raft *);
/* The largest value that a quorum has reached, with `own` for this node. */
int64_t raft_quorum_value(const struct raft *, int64_t own, int64_t (*of)(const struct raft_peer *));
/* Becomes a follower of that term; of nobody (-1) or of a leader. */
void raft_follow(struct raft *, int64_t term, int leader);
/* Called when a room is done with whatever came: stores what must be, and sees to the next time. */
void raft_settle(struct raft *);
/* Something is to be done at that time at the latest. */
void raft_arm(struct raft *, int64_t due);
/* Whatever is to be sent is sent at the end of this turn, together. */
void raft_wake(struct raft *);
/* Sends a message; steals body. */
void raft_send(struct raft *, int peer, json_t *body);
/* One line for each decision of the protocol. */
void raft_trace(struct raft *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/*
 * Figure 3.2, over all nodes where they are simulated together: aborts if another value stands under that name.
 * raft_claimed() is the value that stands, or 0.
 */
void raft_claim(struct raft *, const char *what, int64_t a, int64_t b, uint64_t value);
uint64_t raft_claimed(struct raft *, const char *what, int64_t a, int64_t b);
json_t *raft_error_body(enum error, const char *text);
int64_t raft_now(const struct raft *);

/* The base of election time-outs, and the time between heartbeats. */
int64_t raft_timeout_ms(const struct raft *);
int64_t raft_heartbeat_ms(const struct raft *);
/* Leader: a follower counts by the time-out that it was told, so the next heartbeat is due by that and not by ours. */
int64_t raft_heartbeat_due(const struct raft_peer *);
/* An answer to what was sent at `sent_ms` has come. */
void raft_round_trip(struct raft *, int64_t sent_ms);

/* ---- elections (raft_election.c) ------------------------------------------------ */

void election_begin(struct raft *);
void election_rouse(struct raft *, bool by_client); /* there is somebody */
void election_reset(struct raft *);                 /* draws the next time-out */
void election_tick(struct raft *);
void election_calm(struct raft *);          /* the leader was heard */
int64_t election_next(const struct raft *); /* when the tick has something to do */
/* Stands for election: with PreVote, or at once when the leader has asked for it. */
void election_campaign(struct raft *, bool transferred);
void election_vote(struct raft *, int peer, json_t *body);
void election_vote_ok(struct raft *, int peer, json_t *body);
void election_timeout_now(struct raft *, int peer, json_t *body);
/* A follower has everything: if it is to lead, tell it. */
void election_transfer_tick(struct raft *, int peer);

/* ---- replication, the leader's side (raft_replication.c) --------------------------- */

void replication_begin(struct raft *); /* as leader of a new term */
void replication_end(struct raft *);
void replication_flush(struct raft *); /* sends what there is to send */
int64_t replication_next(const struct raft *);
bool replication_propose(struct raft *, json_t *command); /* steals */
/* Marks a message. */
void replication_stamp(struct raft *, int peer, json_t *body);
/* Takes an answer's marks; false if it is not for this term. */
bool replication_hear(struct raft *, int peer, json_t *body);
void replication_append_ok(struct raft *, int peer, json_t *body);
void replication_overhear(struct raft *, int peer, int64_t match);

/* ---- the follower's side (raft_follower.c) ------------------------------------------ */

void follower_forget(struct raft *); /* the messages that came too early */
/* A message of a leader of that term has come. False: it has none to be heeded, and was answered with our term. */
bool follower_heed(struct raft *, int peer, int64_t term, json_t *body);
/* Copies a message's marks to the answer. */
json_t *follower_echo(const struct raft *, const json_t *message, json_t *answer);
/* Answers with how far our log agrees. */
void follower_acknowledge(struct raft *, int peer, const json_t *message);
void follower_append(struct raft *, int peer, json_t *body);

/* ---- committing (raft_commit.c) ------------------------------------------------------ */

void commit_up_to(struct raft *, int64_t index); /* and applies */
/* The invariants: of an entry that has come into the log; of what is committed and durable. */
void commit_check_entry(struct raft *, int64_t index);
void commit_check(struct raft *);

/* ---- snapshots (raft_snapshot.c) ---------------------------------------------------- */

void snapshot_send(struct raft *, int peer); /* the next chunk */
void snapshot_drop(struct raft *);
void snapshot_receive(struct raft *, int peer, json_t *body);
void snapshot_ok(struct raft *, int peer, json_t *body);
void snapshot_compact(struct raft *); /* forgets what is applied and too much */

/* ---- durable state (raft_storage.c) ---------------------------------------------------- */

void storage_begin(struct raft *); /* takes up what an earlier life has left */
/* Stores what has changed, to be synced before this turn's messages leave. */
void storage_settle(struct raft *);
/* The last of our entries that may be counted: all up to there are durable. Without a disk, the last one. */
int64_t storage_synced(const struct raft *);

/* ---- reads (raft_read.c) --------------------------------------------------------------- */

void read_begin(struct raft *, struct raft_ticket *);
void read_confirm(struct raft *); /* answers what is confirmed */
bool read_has_lease(const struct raft *);
void read_promise(struct raft *, int peer, int64_t id); /* leader: of two that are a quorum */
void read_forget(struct raft *);
void read_take(struct raft *, int peer, json_t *body); /* follower: the promises in a message that was heeded */

/* ---- few messages (raft_thrift.c) -------------------------------------------------------- */

/* Two nodes are a quorum: what a follower takes from its leader is committed. */
bool thrift_pairs(const struct raft *);
/* Whether an answer is wanted from this follower, now: of entries, or of the round. */
bool thrift_asks(const struct raft *, int peer);
/* It lacks so much that it should not wait for the next heartbeat; nor is as much on its way already as may be. */
bool thrift_is_much(const struct raft *, const struct raft_peer *);
/* When somebody is to be asked in place of one that has not answered. */
int64_t thrift_next(const struct raft *);

/* ---- tickets (raft_ticket.c) ------------------------------------------------------------- */

void ticket_submit(struct raft *, bool is_query, struct request *, json_t *command);
void ticket_answer(struct raft *, struct raft_ticket *, json_t *body); /* steals body; frees the ticket */
void ticket_move(struct raft *, struct raft_ticket *, enum ticket_place);
/* The leader has changed, or has become known, or is lost. */
void tickets_leader(struct raft *);
/* The machine's command in an entry's; NULL if there is none. Borrowed. */
json_t *ticket_command(const json_t *entry);
/* The entry at `index` was applied; body is its reply (stolen). */
void tickets_applied(struct raft *, int64_t index, const struct raft_entry *, json_t *body);
/* The ticket forwarded under that id, or NULL. */
struct raft_ticket *ticket_find(struct raft *, int64_t id);
/* A snapshot covers these: what became of proposals up to there cannot be told. */
void tickets_covered(struct raft *, int64_t index);
void tickets_tick(struct raft *);
int64_t tickets_next(const struct raft *);
void tickets_free(struct raft *);
void tickets_retire(struct raft *); /* this node takes no part any more */
void ticket_forward(struct raft *, int peer, json_t *body);
void ticket_forward_ok(struct raft *, int peer, json_t *body);

#endif
