/*
 * When to tell whom: the schedule of anti-entropy for replicas that bring each
 * other up to date by deltas. The replica knows what each peer lacks; gossip
 * decides when it is sent, and repeats it until the peer has acknowledged it.
 *
 * Every period a few peers that are behind, chosen at random, get their delta
 * (Demers et al., Epidemic Algorithms for Replicated Database Maintenance,
 * PODC 1987, "rumor mongering"); changes between two rounds travel together.
 * A peer has one delta on its way at a time, sent again with backoff until it
 * is acknowledged. When no peer is behind, nothing is sent at all.
 *
 * Deltas must be idempotent and may arrive late, twice and in any order.
 */
#ifndef GOSSIP_H
#define GOSSIP_H

#include "node.h"

#define GOSSIP_RETRY_MS     1000 /* the first wait for an acknowledgement */
#define GOSSIP_RETRY_CAP_MS 2000 /* the longest: what a healed partition may cost */

struct gossip_replica {
	/* What `peer` lacks, as the body of a request that a handler of the peer answers; NULL if nothing. */
	json_t *(*delta)(struct node *, int peer);
	/* The last delta() for `peer` has arrived. */
	void (*acknowledged)(struct node *, int peer);
};

/* Part of a node's state. */
struct gossip {
	const struct gossip_replica *replica;
	struct gossip_peer *peers; /* by index; this node's own is not used */
	int64_t period_ms;
	int fanout;   /* peers a round */
	bool waiting; /* for the next round */
};

void gossip_start(struct gossip *, struct node *, const struct gossip_replica *, int64_t period_ms, int fanout);
void gossip_stop(struct gossip *);

/* The replica may have something that a peer lacks: there will be a round within a period. */
void gossip_wake(struct gossip *, struct node *);

#endif
