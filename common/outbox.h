/*
 * Clients' requests that another node is to do, once at most, whatever becomes
 * of messages.
 *
 * The sender has an outbox for each receiver. It numbers what it tells, and
 * tells all that is not confirmed with every message, so that a message that
 * comes late, twice or never does no harm. The receiver's inbox takes the
 * numbers in order, each once. Numbers begin anew when a node starts, in
 * another session.
 *
 * What was never told can be given up with a definite error; what was told
 * may be done at any later time.
 */
#ifndef OUTBOX_H
#define OUTBOX_H

#include <sys/queue.h>

#include "node.h"

#define OUTBOX_MAX        4096 /* requests in an outbox */
#define OUTBOX_WINDOW_MAX 1024 /* of them in one message ... */
#define OUTBOX_WINDOW_BYTES \
	((size_t)1 << 20) /* ... and about so many bytes; the rest waits until these are confirmed */
/* A client waits 5 s for the answer, of which its request may spend a second and more behind late messages. */
#define OUTBOX_DEADLINE_MS 3000
#define INBOX_SESSIONS_MAX 8 /* remembered: a node may start so often while a message is under way */

struct outbox_item {
	STAILQ_ENTRY(outbox_item) entry;
	struct request *request;
	json_t *message;  /* owned */
	int64_t number;   /* -1: not told yet */
	int64_t position; /* where the receiver wrote it; -1: not confirmed */
	int64_t result;
};

struct outbox {
	STAILQ_HEAD(, outbox_item)
	items; /* oldest first */
	int count;
	int64_t next_number;
};

void outbox_init(struct outbox *);
void outbox_free(struct outbox *);
bool outbox_is_full(const struct outbox *);

/* Takes the request over; the error at its deadline is definite until it is told. Keeps a reference to the message. */
void outbox_add(struct outbox *, struct request *, json_t *message);

/* What is to be told: a new object [session, number of the first, [messages]], or NULL if there is nothing. */
json_t *outbox_pack(struct outbox *, int64_t session);
/* Whether something that was told is not confirmed. */
bool outbox_is_waiting(const struct outbox *);
/* Error 11 for all that was not told. */
void outbox_give_up(struct outbox *, const char *why);

/* The receiver has written that number at this position. Numbers must be confirmed in order; others are ignored. */
void outbox_confirm(struct outbox *, int64_t number, int64_t position, int64_t result);
/* The oldest item, if it is confirmed; NULL otherwise. */
struct outbox_item *outbox_confirmed(const struct outbox *);
/* Forgets the oldest item, whose request was answered. */
void outbox_remove(struct outbox *);

/* What a receiver knows of one sender. Zeroed: nothing. */
struct inbox {
	struct {
		int64_t session, next;
	} sessions[INBOX_SESSIONS_MAX]; /* latest first */
};

/* Whether this number is the one that is next in a session of the sender. */
bool inbox_is_next(struct inbox *, int64_t session, int64_t number);
/* It was taken: the one behind it is next. */
void inbox_taken(struct inbox *, int64_t session, int64_t number);

#endif
