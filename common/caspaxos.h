/*
 * CASPaxos: replicated registers without a log and without a leader (Rystsov,
 * CASPaxos: Replicated State Machines without logs, 2018; sections are named
 * where they are followed). Each key is a register of its own; every node is a
 * proposer and an acceptor of each. A change is a function of the register's
 * state: a proposer prepares a ballot at a majority, applies the function to
 * the state of the highest ballot accepted there, and has the result accepted
 * by a majority (2.2). Any two majorities meet, so every state that was chosen
 * is an ancestor of all that are chosen at higher ballots.
 *
 *	caspaxos.c           life, registers, clients' requests, peers' messages
 *	caspaxos_acceptor.c  promises and accepted states, kept over restarts
 *	caspaxos_round.c     one question to a majority: who is asked, and when again
 *	caspaxos_proposer.c  which questions a batch of operations needs
 *	caspaxos_batch.c     operations applied to a state, attempts, answers
 *	caspaxos_forward.c   contended keys: operations handed to one node
 *
 * One round trip (2.2.1). An accept carries the proposer's next ballot, which
 * an acceptor promises when it accepts. A proposer whose own acceptor still
 * has that promise goes straight to the next accept.
 *
 * Operations that change nothing (reads, a cas that fails) are elided. They
 * may be answered from a state that a majority has accepted at one ballot b,
 * where each of them said so after the operation began. That is linearizable:
 * (1) b is chosen, since a majority has accepted it. (2) What was completed
 * before was chosen at a ballot of at most b: its majority meets this one in an
 * acceptor that had accepted it by then, and what an acceptor has accepted only
 * rises. (3) What begins later asks a majority that meets this one, and finds b
 * or higher. So operations in the order of (ballot, changes first) keep the
 * order of time. Nothing need be known of promises. Where the acceptors of the
 * majority differ, the highest state is handed to the others, as the accept of
 * its proposer come late; they take it unless they have promised more.
 *
 * A change that is tried again must not be done twice. When an accept was sent
 * and not accepted by a majority, nobody knows whether another proposer will
 * find it. So the state carries, for every node, the ballot of the last change
 * of that node it contains. A proposer works on one batch a key at a time and
 * remembers the answers of each attempt by its ballot: if the state it finds
 * has one of these, the batch was done, and that attempt's answers are right.
 * If not, all earlier attempts end with the choice of the new ballot: they were
 * accepted below it and not by a majority, so no later proposer finds them.
 *
 * An operation that is in no accept yet can still be refused for good (error
 * 11). One that is gets an answer when a ballot is chosen, or error 0.
 *
 * Duels: an acceptor that has promised a ballot refuses other proposers for
 * about a round trip, so that the first can finish. A node that is refused
 * hands its clients' operations on that key, for some seconds, to one node,
 * which does all that have come with one ballot (caspaxos_forward.c); what it
 * has already sent to be accepted it tries again itself, after a time drawn at
 * random. What is handed over is numbered, and done once however often the
 * network repeats it; a node that was started again ignores what is older. None
 * of this can make an acceptor grant anything, so safety does not depend on
 * clocks or on who that one node is; while no majority sees it, others propose.
 * Ballots begin with the wall clock so that a proposer that knows nothing is
 * seldom behind; nothing depends on that either.
 *
 * Promises and accepted states are durable where the node is (node.h). Where
 * it is not, a node that was killed is lost for good: where it is started again
 * all the same, it is not heeded by those who have met it before, and takes no
 * part as soon as one of them has told it so (lives.h): its clients get error
 * 11. So nodes without disks go on as long as a majority was never killed, and
 * are safe as long as everybody who counts what a restarted node says has met
 * it before; nodes look for each other when they start, and do not stop until
 * they have met. A proposer keeps nothing else: its ballots are
 * above what its own acceptor has promised, and that promise comes first.
 *
 * Membership is fixed: the nodes of init. A key costs memory for good once it
 * was proposed; the state of a register is one value and a number for each node.
 */
#ifndef CASPAXOS_H
#define CASPAXOS_H

#include "node.h"

struct caspaxos;

/* ---- limits ------------------------------------------------------------- */

#define CASPAXOS_QUEUE_MAX    4096               /* operations that wait for one key: more are refused with error 11 */
#define CASPAXOS_BATCH_MAX    256                /* operations done with one ballot */
#define CASPAXOS_ATTEMPTS_MAX 32                 /* ballots tried for one batch; then its outcome stays unknown */
#define CASPAXOS_BALLOT_MAX   ((int64_t)1 << 60) /* higher ones are not believed */
#define CASPAXOS_GARBAGE      ((size_t)4 << 20)  /* bytes out of date in records, beside as many as are not */

/* ---- what the program gives --------------------------------------------- */

/*
 * Performs a command on a register's value, NULL if it has none, and returns
 * the body of the reply (a new reference). It must follow from value and
 * command alone: it may be run several times for one request. A new value is
 * put into *change (a new reference); *change is NULL otherwise. A body of type
 * "error" may hold a definite code if there is none.
 */
typedef json_t *caspaxos_apply_fn(const json_t *command, json_t *value, json_t **change);

/* ---- the interface ------------------------------------------------------ */

/* To be called in start() and stop(). With --data-dir it takes up what an earlier life has left. */
struct caspaxos *caspaxos_new(struct node *, caspaxos_apply_fn *);
void caspaxos_free(struct caspaxos *);

/*
 * Performs a command on the register of a key and answers the request with
 * what apply() returned; else with error 11 if it has not happened and never
 * will, or error 0 if nobody knows. `reads`: it never changes anything. Borrows
 * key, steals command.
 */
void caspaxos_submit(struct caspaxos *, struct request *, json_t *key, json_t *command, bool reads);

/* Takes any message of CASPAXOS_ROUTES. What is malformed, or not from a peer, is logged and dropped. */
void caspaxos_receive(struct caspaxos *, const struct message *);

#define CASPAXOS_ROUTES(handler)                                                                 \
	{"caspaxos_read", handler}, {"caspaxos_prepare", handler}, {"caspaxos_accept", handler}, \
	    {"caspaxos_state", handler}, {"caspaxos_life", handler},                             \
	{                                                                                        \
		"caspaxos_forward", handler                                                      \
	}

#endif
