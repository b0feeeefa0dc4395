/* What the rooms of CASPaxos share among themselves; programs do not include it. */
#ifndef CASPAXOS_INTERNAL_H
#define CASPAXOS_INTERNAL_H

#include <sys/queue.h>
#include <sys/tree.h>

#include "caspaxos.h"
#include "lives.h"
#include "once.h"
#include "round_trips.h"

/* ---- a register ----------------------------------------------------------- */

/*
 * A state is {"value": any, "changes": [ballot by node]}; no value if there is
 * none yet. States are never changed, only replaced: references will do.
 */
struct acceptor {
	int64_t promised, accepted; /* ballots; 0: none */
	json_t *state;              /* the one accepted; NULL: none */
	int64_t hold_until;         /* until then other proposers are refused */
};

/* A client's request on its way. */
struct operation {
	STAILQ_ENTRY(operation) entry;
	struct caspaxos *paxos;
	struct request *request;
	json_t *key, *command; /* owned */
	bool reads;            /* may be done any number of times */
	bool handed;           /* by a peer: not to be handed on */
	bool uncertain;        /* an accept may have it */
	int home;              /* the node that it was handed to */
};
STAILQ_HEAD(operations, operation);

/* A ballot at which the batch was sent to be accepted. */
struct attempt {
	int64_t ballot;
	json_t *replies; /* owned; by the place in the batch */
};

enum phase { PHASE_IDLE, PHASE_WAITING, PHASE_READING, PHASE_PREPARING, PHASE_ACCEPTING };

/* What an acceptor has said last; of this round if `round` is the register's. */
struct view {
	int64_t round, promised, accepted;
	int asked;       /* times in this round */
	int64_t offered; /* reading: the ballot that was handed to it */
};

struct reg {
	RB_ENTRY(reg) entry;
	struct caspaxos *paxos;
	char *text;  /* of the key, canonical */
	json_t *key; /* owned */
	uint64_t hash;
	struct acceptor acceptor;

	/* What this node works on. */
	struct operations queue, batch;
	size_t queued;
	struct attempt attempts[CASPAXOS_ATTEMPTS_MAX];
	size_t attempt_count;
	json_t *replies; /* if the round succeeds; owned */
	bool no_read;    /* the batch has been found to change something, or reading did not work */
	int refusals;    /* of the batch, in a row */
	int64_t seen;    /* the highest ballot somebody has promised */
	int64_t contended_until;

	/* The round. */
	enum phase phase;
	int64_t round, ballot, next, wait_ms;
	bool repeated;      /* those who were silent were asked again */
	int64_t best;       /* the highest accepted ballot there is ... */
	json_t *best_state; /* ... and its state; owned. What is to be accepted, while accepting */
	int64_t base;       /* what the state to be accepted was made of */
	struct view *views; /* by node */
	uint64_t timer;

	/* A promise of a majority for the next accept (2.2.1), with what had been accepted there. */
	int64_t held, held_base;
	json_t *held_state; /* owned */
};

RB_HEAD(reg_tree, reg);
RB_PROTOTYPE(reg_tree, reg, entry, reg_by_text)

/* What a node knows of another one. */
struct peer_state {
	bool silent;           /* did not answer in time, last time it was asked */
	int64_t waiting_since; /* operations were handed to it and nothing was heard since; -1: no */
	int64_t shunned_until; /* nothing is handed to it before */
	int64_t forwarded;     /* number of the last operation handed to it */
	struct once once;      /* of those it has handed to us */
	int64_t life;          /* its incarnation; 0: not known */
};

struct caspaxos {
	struct node *node;
	caspaxos_apply_fn *apply;
	int self, count, quorum;
	struct reg_tree registers;
	bool claims;    /* invariants are asserted */
	int64_t rounds; /* number of the last */
	struct round_trips trips;
	struct peer_state *peers; /* by node */
	int64_t incarnation;      /* with a disk lives are counted; without, the number of the only one is drawn */
	struct lives lives;
	int64_t contended_until; /* some key is: so may new ones be */
	bool dirty;              /* a record was appended and not synced */
	size_t rewritten;        /* bytes of durable records when they were last all up to date */
};

/* ---- registers (caspaxos.c) ------------------------------------------------- */

struct reg *reg_find(struct caspaxos *, const json_t *key); /* NULL if there is none */
struct reg *reg_get(struct caspaxos *, const json_t *key);
void reg_free(struct reg *);
bool is_ballot(int64_t ballot); /* one that is believed, or 0 */
/* Asserts in simulation that all nodes say the same of (what, register, ballot). */
void reg_claim(const struct reg *, const char *what, int64_t ballot, uint64_t value);
void reg_trace(const struct reg *, const char *what, int64_t ballot);
/* Puts a new reference to `state` in the place of what was there. */
void state_set(json_t **place, json_t *state);

/* ---- acceptor (caspaxos_acceptor.c) ----------------------------------------- */

/* Promises the ballot if it may. */
void acceptor_prepare(struct reg *, int64_t ballot);
/* Accepts a state if it may, and then promises `next`, 0 for none. */
void acceptor_accept(struct reg *, int64_t ballot, json_t *state, int64_t next);
/* Whether another proposer's ballot is being waited for. */
bool acceptor_holds(const struct reg *, int64_t ballot);
/* Takes up what an earlier life has left, and begins the next one. */
void acceptor_begin(struct caspaxos *);
/* Makes what was promised in this turn durable. */
void acceptor_sync(struct caspaxos *);

/* ---- rounds (caspaxos_round.c) ----------------------------------------------- */

/* Begins a phase and asks as many peers as are needed. */
void round_begin(struct reg *, enum phase);
/* Asks further ones in the place of those that refused, if there are any. False if there are not. */
bool round_ask_more(struct reg *, int refused);
void round_offer(struct reg *, int i); /* reading: hands the best state to an acceptor */
bool round_has(const struct reg *, int i);
/* Looks at an answer. False if it is not of this round, or makes no sense. */
bool round_answer(struct reg *, int i, int64_t round, int64_t promised, int64_t accepted, json_t *state);
void round_again(struct reg *); /* asks everybody who has not answered */
void round_end(struct reg *);
void round_pause(struct reg *, int64_t ms);     /* ends it, and proposer_timeout() comes after so long */
int64_t round_trip_ms(const struct caspaxos *); /* what a round trip rarely exceeds */

/* ---- proposer (caspaxos_proposer.c) ------------------------------------------ */

void proposer_work(struct reg *);    /* begins if there is something to do; may free the register */
void proposer_step(struct reg *);    /* an answer has come; may free the register */
void proposer_timeout(struct reg *); /* may free the register */

/* ---- contended keys (caspaxos_forward.c) -------------------------------------- */

void forward_contended(struct reg *);    /* somebody else proposes as well */
bool forward_wanted(const struct reg *); /* whether another node should do the batch */
void forward_batch(struct reg *);        /* hands over what may be handed over */
void forward_heard(struct caspaxos *, int i);
bool forward_receive(struct caspaxos *, const struct message *);

/* ---- batches (caspaxos_batch.c) ----------------------------------------------- */

/* Queues a request, or refuses it. Borrows key, steals command. */
void operation_take(struct caspaxos *, struct request *, json_t *key, json_t *command, bool reads, bool handed);
void operation_queue(struct operation *); /* again, since it was not done */
void operation_free(struct operation *);
void operations_retire(struct reg *); /* this node takes no part any more */

void batch_fill(struct reg *);
/* Drops the operations that nobody waits for any more, if that is still possible. False if none is left. */
bool batch_prune(struct reg *);
/* Applies the batch. *state becomes the new state (a new reference) or NULL if it is the same. Returns the replies. */
json_t *batch_apply(struct reg *, json_t *state, int64_t ballot, json_t **changed);
bool batch_changes(struct reg *, json_t *state);
json_t *batch_nothing(const struct reg *); /* a state without a value (a new reference) */
/* The replies of the attempt that the state contains, or NULL. Borrowed. */
json_t *batch_done_in(const struct reg *, const json_t *state);
void batch_attempt(struct reg *, int64_t ballot, json_t *replies); /* an accept is going to have it; steals */
void batch_finish(struct reg *, json_t *replies);                  /* answers; NULL: with nothing definite */

#endif
