/*
 * How far two nodes have got with each other's logs. Either has a log (of
 * values, of changes) that only grows, and tells the other stretches of it, and
 * how far it has got with the other's. That acknowledgement is cumulative, "all
 * before this place", and so it can travel with anything, late, twice or not at
 * all: TCP's way (RFC 9293, 3.4). Stretches may be lost, repeated, and overtake
 * each other. What it takes is a few numbers a peer, however long the logs are.
 *
 * A node that was started again may have lost its memory, and begun another life
 * (durable.h). Places in the log of one life mean nothing in another: whoever
 * hears of a new one starts from 0, in both directions. A stretch leaves out
 * what came from the receiver: so who is told one that was meant for a former
 * life of it does not have it, and must say in which it is.
 * And who hears of another life than before must ask: it may be a former one,
 * whose message has come late.
 *
 * A message says it as two members of its body:
 *
 *	"log": [life, from, to]	a stretch of the sender's log; what it holds is up to the node
 *	"ack": [life, place]		of the receiver's log the sender has all before that place
 */
#ifndef DELIVERY_H
#define DELIVERY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* What a node knows of itself and one peer; zeroed before the first message. Places are counted from 0. */
struct delivery {
	/* Our log, at the peer. */
	int64_t acked; /* it has all before */
	int64_t sent;  /* ... and all before this, if what is on its way arrives */
	int64_t next;  /* at least `sent`: the owner moves it past what the peer has anyway */
	int64_t owed;  /* all before must be acknowledged: the end of the last stretch with anything in it */
	int64_t base;  /* what came from the peer and stands before this place, it may have forgotten */

	/* The peer's log, here. */
	int64_t life;                 /* 0: never heard of */
	int64_t received;             /* we have all before */
	int64_t ahead_from, ahead_to; /* ... and this stretch, which overtook others; empty: none did */
	bool mistaken;                /* what it said last was said to a former life of ours; for reading */
	bool doubtful;                /* ... was said in another life than before, be it a former one's, come late */
};

/*
 * Takes what a message says of both logs; ours has this life, which is not 0,
 * and ends at `end`. Of an acknowledgement the farthest counts, as they may
 * arrive in any order; but who asks to be told again (`ask`) is believed to
 * have no more than it says. False, and nothing is changed, if it makes no sense.
 */
bool delivery_read(struct delivery *, json_t *log, json_t *ack, int64_t life, int64_t end, bool ask);

/* Adds both members to a body that tells the peer our log up to `to`; `owed`: there is something in it. */
void delivery_write(struct delivery *, json_t *body, int64_t life, int64_t to, bool owed);

/* All that is not acknowledged counts as lost. */
void delivery_repeat(struct delivery *);

/* Whether all that must be acknowledged is. */
bool delivery_settled(const struct delivery *);
/* Whether something is missing in the peer's log that it has told. */
bool delivery_gap(const struct delivery *);

#endif
