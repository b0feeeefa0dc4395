/*
 * Append-only logs by key, as Kafka's partitions are: each message has the
 * next offset, from 0 on, and each key has a committed offset, which only
 * grows. Kept in memory, and replies to polls made from them (Kreps, Narkhede
 * and Rao, Kafka: a Distributed Messaging System for Log Processing, NetDB
 * 2011; Maelstrom, doc/workloads.md, "Kafka").
 */
#ifndef LOGS_H
#define LOGS_H

#include <sys/tree.h>

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOGS_MESSAGE_BYTES_MAX ((size_t)1 << 20) /* of one message's JSON text: what a node should accept */
#define LOGS_POLL_MAX          8192              /* messages in one reply; the rest is for the next poll ... */
#define LOGS_POLL_BYTES_MAX    ((size_t)1 << 20) /* ... and so is what is beyond these */

struct logs_message {
	json_t *pair; /* owned: [offset, message], as in a reply */
	size_t bytes; /* its text */
};

struct logs_log {
	RB_ENTRY(logs_log) entry;
	const char *key;
	struct logs_message *messages;
	int64_t count, capacity;
	int64_t committed; /* -1: never */
	void *data;        /* the user's, who frees it */
	char text[];       /* of the key */
};

RB_HEAD(logs_tree, logs_log);
struct logs {
	struct logs_tree tree;
};

void logs_init(struct logs *);
void logs_free(struct logs *);

/* The log of a key, which is there from then on. */
struct logs_log *logs_get(struct logs *, const char *key);

/* Returns the message's offset. Borrows it, and keeps a reference. */
int64_t logs_append(struct logs_log *, json_t *message);
/* How much of the limits of one line or reply a message takes. */
size_t logs_bytes(const json_t *message);

/*
 * The three requests. Each returns NULL if the argument is not of its form:
 * {key: offset, ...} with offsets from 0 on, or [key, ...].
 */

bool logs_are_offsets(json_t *offsets);
bool logs_are_keys(const json_t *keys);
/* A new object {key: [[offset, message], ...], ...}: without gaps from each offset on; keys with nothing are left out.
 */
json_t *logs_poll(struct logs *, json_t *offsets);
/* Commits, and returns a new object of the offsets that have grown by it. */
json_t *logs_commit(struct logs *, json_t *offsets);
/* A new object {key: offset, ...}: keys that nobody committed are left out. */
json_t *logs_committed(struct logs *, json_t *keys);

#endif
