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
#include <stdint.h>
#include <stdio.h>

#include "buffer.h"
#include "loop.h"
#include "random.h"

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
};

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
	uint64_t dropped;                       /* by partitions */
};

struct net *net_new(struct loop *, const struct latency *, uint64_t seed);
void net_free(struct net *);

/* Lines of JSON, one an event, are written there; NULL stops it. Borrowed. */
void net_journal(struct net *, FILE *);
/* Shows sent, or received, messages on stderr (--log-net-send, --log-net-recv). */
void net_log(struct net *, bool send, bool receive);

/* Registers a receiver: from now on messages from and to `id` are legal. The id is copied; it must not exist yet. */
struct endpoint *net_add(struct net *, const char *id, deliver_fn *, void *arg);
/* From now on `id` is unknown; what is in its queue is lost. */
void net_remove(struct net *, struct endpoint *);
bool net_knows(const struct net *, const char *id);
void endpoint_resume(struct endpoint *);
const char *endpoint_id(const struct endpoint *);

enum net_fault { NET_OK, NET_UNKNOWN_SRC, NET_UNKNOWN_DEST };
/* Sends. Anything but NET_OK is what makes a node deaf under Maelstrom, and nothing was sent. */
enum net_fault net_send(struct net *, const char *src, const char *dest, const char *body, size_t length);

/* `dest` drops what comes from `src`, until net_heal(). */
void net_drop(struct net *, const char *src, const char *dest);
void net_heal(struct net *);

const struct net_stats *net_stats(const struct net *);
size_t net_queued_bytes(const struct net *);

#endif
