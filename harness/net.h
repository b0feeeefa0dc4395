/*
 * Maelstrom's network (maelstrom.net): a queue a receiver, latency between
 * servers, partitions between nodes. The reader of a queue takes the message
 * with the earliest deadline, then tests the partition, then waits for the
 * deadline, and delivers even if a partition began meanwhile; nothing
 * overtakes a message once taken. Latency applies where neither end is a
 * client (an id that begins with 'c'). Message bodies are bytes and stay so.
 */
#ifndef NET_H
#define NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "buffer.h"
#include "claims.h"
#include "loop.h"
#include "random.h"

/*
 * Memory that messages may take while they wait, their book-keeping included:
 * for one receiver, and in all. A message beyond is refused as NET_FLOODED.
 */
#define NET_ENDPOINT_BYTES_MAX ((size_t)512 << 20)
#define NET_BYTES_MAX          ((size_t)1 << 30)

/*
 * Constant: the mean. Uniform: integers from 0 up to but not including twice the mean, as incanter draws them.
 * Exponential: cut to whole milliseconds.
 */
enum latency_dist { LATENCY_CONSTANT, LATENCY_UNIFORM, LATENCY_EXPONENTIAL };

struct latency {
	int64_t mean_ms;
	enum latency_dist dist;
};

struct net;
struct endpoint; /* a receiver that exists: node, service or client */

/* A message on the way; borrowed for the length of a call. body is JSON text without a newline. */
struct envelope {
	int64_t id;
	const char *src, *dest;
	const char *body;
	size_t length;
	const char *text; /* all of the message as JSON, but for its id and what is in front of it */
	size_t text_length;
};

/* The message as Maelstrom writes it to a node's stdin, without the newline. */
void envelope_write(struct buffer *, const struct envelope *);

/*
 * Gets each message when it is due. Returns false if it can take no more for
 * now: the message stays first in line until endpoint_resume().
 */
typedef bool deliver_fn(void *arg, const struct envelope *);

/* Counts as Maelstrom's net checker does: a message is counted when sent, and again when its receiver takes it. */
struct net_count {
	uint64_t sent, received;
};

struct net_stats {
	struct net_count all, clients, servers; /* clients: those that involve a client */
	uint64_t dropped;                       /* by partitions and other faults */
	uint64_t duplicated;                    /* by faults; received, but not sent */
};

struct net *net_new(struct loop *, const struct latency *, uint64_t seed);
void net_free(struct net *);
int64_t net_latency_mean_ms(const struct net *);

/* Lines of JSON, one an event, are written there, and its ferror(3) is the caller's to ask; NULL stops it. Borrowed. */
void net_journal(struct net *, FILE *);
/* Shows sent, or received, messages on stderr (--log-net-send, --log-net-recv). */
void net_log(struct net *, bool send, bool receive);

/* Registers a receiver: from now on messages from and to `id` are legal. The id is copied; it must not exist yet. */
struct endpoint *net_add(struct net *, const char *id, deliver_fn *, void *arg);
/* From now on `id` is unknown; what is in its queue is lost. */
void net_remove(struct net *, struct endpoint *);
bool net_knows(const struct net *, const char *id);
void endpoint_resume(struct endpoint *);
/* It takes nothing more until endpoint_resume(): what comes waits, and is not received yet. */
void endpoint_pause(struct endpoint *);
/* What waits for it though it was due is lost. */
void endpoint_lose(struct endpoint *);
const char *endpoint_id(const struct endpoint *);
/* How often this id was registered before: 0 for the first time. */
uint64_t endpoint_incarnation(const struct endpoint *);

/* Unknown addresses (a client that was there and is no more is one of its own) are what makes a node deaf under
 * Maelstrom; a flood would end it for want of memory. */
enum net_fault { NET_OK, NET_UNKNOWN_SRC, NET_UNKNOWN_DEST, NET_CLOSED_CLIENT, NET_FLOODED };
/* Sends. On anything but NET_OK nothing was sent. Delivery is up to the loop: never from within. */
enum net_fault net_send(struct net *, const char *src, const char *dest, const char *body, size_t length);

/*
 * `dest` drops so many in a thousand of the messages that come from `src`, until net_heal(). Neither need exist yet.
 * One receiver has one such rate, the last given.
 */
void net_drop(struct net *, const char *src, const char *dest, int permille);
void net_heal(struct net *);

/*
 * What befalls messages from and to a node, until it is set to 0 again. Of the two ends' rates the higher counts.
 * - So many in a thousand of those between nodes are lost as soon as they are sent.
 * - So many in a thousand of those between nodes come twice, the second time later by a random time of that mean.
 * - Those between nodes, and between it and services, come later by a random time of that mean (exponential, and
 *   no more than four times as much). What is late waits
 *   outside of the receiver's queue, and stops nothing that is not.
 */
void net_lose(struct net *, const char *node, int permille);
void net_duplicate(struct net *, const char *node, int permille, int64_t delay_ms);
void net_slow(struct net *, const char *node, int64_t delay_ms);

/* The name, which lasts, of one of Maelstrom's services; NULL: it is none. */
const char *net_service(const char *id);

/* ---- by hand -------------------------------------------------------------- */

/*
 * From now on messages between servers wait, in the order of sending, until
 * they are chosen: latency does not matter, and any of them may be next.
 * Whatever a client sends or gets is delivered at once. What a server takes in
 * from now on is part of its digest.
 */
void net_hold(struct net *);
/* All that waits is on its way, and so is what is sent from now on. */
void net_release(struct net *);
size_t net_held(const struct net *);
/* The message in that place. */
struct envelope net_held_at(const struct net *, size_t place);
/* It comes behind all others; whether that was done to it. */
void net_held_delay(struct net *, size_t place);
bool net_held_is_delayed(const struct net *, size_t place);
/* It is on its way, and due now; a copy of it is, and it waits on; it is lost. */
void net_held_deliver(struct net *, size_t place);
void net_held_duplicate(struct net *, size_t place);
void net_held_drop(struct net *, size_t place);

/* Something other than a message has come to a server: its digest notes it. */
void endpoint_note(struct endpoint *, uint64_t);
/*
 * Of what is held, in whatever order, and of all that each server has taken in
 * since net_hold(): where this is equal so are the servers, since they are
 * deterministic. Ids of messages, which nobody reads, are no part of it.
 */
uint64_t net_digest(struct net *);

struct claims *net_claims(struct net *); /* of the nodes of this network */
const struct net_stats *net_stats(const struct net *);
size_t net_queued_bytes(const struct net *); /* as the limits count them */
/* Other limits than those above: tests make them small. */
void net_limit(struct net *, size_t endpoint_bytes, size_t bytes);

#endif
