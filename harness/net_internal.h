/*
 * What the parts of the network share: net.c for messages from one to another, net_endpoint.c for who is there,
 * net_fault.c for what befalls messages on their way, net_hold.c for those that wait to be chosen.
 */
#ifndef NET_INTERNAL_H
#define NET_INTERNAL_H

#include <sys/tree.h>

#include "journal.h"
#include "net.h"
#include "packet.h"

/* What faults draw of messages: each from a stream of its own. */
enum chance { CHANCE_FLAKY, CHANCE_LOSS, CHANCE_DUPLICATE, CHANCE_SLOW };
#define CHANCES 4

/* Endpoints by a hash of their id: only to find them sooner, nothing is ordered by it. */
#define CACHE_SIZE 512

/* An id that is or was registered, or that a partition names. They stay until the network goes. */
struct endpoint {
	/* First what sending and delivering look at: with many nodes it is in no cache by then. */
	struct net *net;
	deliver_fn *deliver; /* NULL: not registered */
	void *arg;
	struct packet *taken; /* waits for its deadline, or for endpoint_resume() */
	struct packet_queue queue;
	size_t bytes;            /* of the queue and what was taken */
	uint64_t event;          /* the delivery of `taken`; 0: none */
	uint64_t registered;     /* how often */
	size_t drop_words;       /* of `drops` */
	bool delivering;         /* deliver() is being called */
	bool blocked;            /* deliver() has refused `taken` */
	bool paused;             /* deliver() is not to be called */
	bool is_client, is_node; /* neither: a service */
	struct beginning src, dest;

	RB_ENTRY(endpoint) entry;
	uint64_t hash;   /* of the id */
	unsigned number; /* in order of making */

	uint64_t digest; /* of what came while messages are held */

	struct packet_queue late; /* that faults hold back: not in the queue yet */
	uint64_t late_event;      /* when the first of them is due; 0: none */
	int loss, duplication;    /* permille, of messages from and to it */
	int64_t duplicate_ms, slow_ms;

	uint64_t *drops;   /* bits: numbers of the endpoints whose messages it drops */
	int drop_permille; /* so many of their messages */

	char id[]; /* behind it `src` and `dest` */
};

RB_HEAD(endpoint_tree, endpoint);

/* A message that waits to be chosen. */
struct held {
	struct endpoint *dest;
	struct packet *packet;
	bool delayed;
};

struct net {
	struct loop *loop;
	struct latency latency;
	struct random random, chances[CHANCES];
	bool shaped; /* messages are, or were, lost, doubled or held back */
	struct endpoint_tree endpoints;
	struct endpoint *cache[CACHE_SIZE];
	unsigned endpoint_count;
	int64_t next_id;
	struct net_stats stats;
	size_t bytes, endpoint_bytes_max, bytes_max;
	struct packet_pool pool;
	struct journal journal;
	struct claims claims;

	bool holds;
	struct held *held; /* in the order of sending, but for those that were delayed */
	size_t held_count, held_capacity;
};

/* ---- net_endpoint.c -------------------------------------------------------- */

/* The endpoint of that id; NULL if it was never heard of. */
struct endpoint *net_lookup(struct net *, const char *id);
/* The same, made if need be. */
struct endpoint *net_endpoint(struct net *, const char *id);

/* ---- net.c --------------------------------------------------------------- */

/* On its way to the receiver, which takes it or has it in its queue. */
void packet_post(struct endpoint *dest, struct packet *);
/* Told of as dropped, and freed. */
void packet_lose(struct endpoint *dest, struct packet *);
void packet_forget(struct endpoint *dest, struct packet *); /* freed */
/* A message of this moment with an id and a deadline; the receiver's bytes are counted. */
struct packet *packet_make(
    struct net *, int64_t now, struct endpoint *src, struct endpoint *dest, const char *body, size_t length);
struct envelope packet_envelope(const struct packet *, const struct endpoint *dest);
uint64_t packet_digest(uint64_t digest, const struct packet *);

/* ---- net_fault.c ----------------------------------------------------------- */

/* Whether a partition is in the way of this message: asked once. */
bool net_drops(struct endpoint *dest, const struct endpoint *src);
/* What faults make of a message on its way: it is posted, now or later, once or twice, or lost. */
void packet_shape(struct endpoint *dest, struct packet *);

/* ---- net_hold.c ------------------------------------------------------------ */

/* It waits to be chosen. */
void packet_hold(struct endpoint *dest, struct packet *);

#endif
