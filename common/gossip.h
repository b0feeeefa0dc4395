/*
 * When to tell whom: the schedule of anti-entropy for replicas that bring each
 * other up to date by deltas. The replica knows what each peer lacks; gossip
 * decides when it is sent, and repeats it until the peer has acknowledged it.
 *
 * Every period a few peers that are behind, chosen at random, get their delta
 * (Demers et al., Epidemic Algorithms for Replicated Database Maintenance,
 * PODC 1987, "rumor mongering"); changes between two rounds travel together.
 * A peer has one delta on its way at a time, sent again until it is
 * acknowledged. That waits for something to travel with, for GOSSIP_ACK_MS at
 * most: between peers that both have news an exchange costs one message each
 * way, and none more. When no peer is behind, nothing is sent at all.
 *
 * Every message says in which life (durable.h) its sender is. A peer in a life
 * that is new to us has lost its memory: it is brought up to date from nothing,
 * and an acknowledgement from its former life does not count. So that it need
 * not wait for somebody to have news, a node in a new life greets all those
 * that did not hear of it otherwise within GOSSIP_HELLO_MS.
 *
 * Deltas must be idempotent and may arrive late, twice and in any order.
 */
#ifndef GOSSIP_H
#define GOSSIP_H

#include "durable.h"
#include "node.h"

#define GOSSIP_HELLO_MS     1000
#define GOSSIP_ACK_MS       1000 /* an acknowledgement waits so long for a delta to travel with */
#define GOSSIP_RETRY_MS     1500 /* a delta is sent again after this, and up to ... */
#define GOSSIP_RETRY_CAP_MS 2000 /* ... this: what a healed partition may cost */

struct gossip_replica {
	/* What `peer` lacks, as the body of a message that a handler of the peer takes; NULL if nothing. */
	json_t *(*delta)(struct node *, int peer);
	/* The last delta() for `peer` has arrived. */
	void (*acknowledged)(struct node *, int peer);
	/* The peer has lost its memory: it has nothing, and acknowledged() is not to count what was on its way. */
	void (*forgot)(struct node *, int peer);
};

/* Part of a node's state. */
struct gossip {
	const struct gossip_replica *replica;
	struct gossip_peer *peers; /* by index; this node's own is not used */
	int64_t period_ms;
	int fanout;   /* peers a round */
	bool waiting; /* for the next round */
	bool greets;  /* those that have not heard of this life */
	int64_t life;
};

/* After durable_start(). */
void gossip_start(struct gossip *, struct node *, const struct gossip_replica *, const struct durable *,
    int64_t period_ms, int fanout);
void gossip_stop(struct gossip *, struct node *);

/* The replica may have something that a peer lacks: there will be a round within a period. */
void gossip_wake(struct gossip *, struct node *);

/*
 * A handler of deltas begins with the first, which returns the sender's index,
 * or -1 if it is no peer, and ends with the second if it took the delta: one
 * that is refused counts as lost. The handler of messages of type "hello",
 * which have nothing in them, is the third.
 */
int gossip_source(struct gossip *, struct node *, const struct message *);
void gossip_acknowledge(struct gossip *, struct node *, const struct message *);
void gossip_greeted(struct gossip *, struct node *, const struct message *);

#endif
