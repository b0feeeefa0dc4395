/*
 * Journals: every node writes one of its own, and brings every other node a
 * copy of it, in order and without gaps, with few messages.
 *
 * Between each two nodes there is a link. A message on it carries what is new
 * in the sender's journal and how much of the receiver's journal the sender
 * has, which acknowledges all that came before; so acknowledgements, and
 * whatever else the user of journals has to say to that node, travel together.
 * Whoever wants something said says how long it may wait for company; then,
 * but not more often than once in batch_ms, a message leaves. What is not
 * acknowledged is sent again, and a node of which nothing is heard meanwhile
 * is silent: it is only tried at intervals, until it is heard of again. When
 * all has arrived, nothing is sent.
 *
 * An entry is safe once its writer has it or, with `majority`, once a majority
 * of the nodes have it. With a data directory all entries, copies included,
 * are durable before anybody is told that they are there.
 *
 * Messages may be lost, repeated and overtake each other. Nodes must not lose
 * their memory, unless they have a data directory.
 *
 * Source: Wuu and Bernstein, Efficient Solutions to the Replicated Log and
 * Dictionary Problems (PODC 1984), with one count a link in place of a matrix.
 */
#ifndef JOURNALS_H
#define JOURNALS_H

#include "node.h"

#define JOURNALS_ENTRIES_MAX 1024              /* in one message ... */
#define JOURNALS_BYTES_MAX   ((size_t)1 << 20) /* ... and about so many bytes of them; the rest follows */
#define JOURNALS_GAP_MAX     65536             /* entries kept beyond a gap: messages overtake each other */
#define JOURNALS_ACK_MS      500               /* an acknowledgement waits so long for company */
#define JOURNALS_RETRY_MS    1500              /* unacknowledged for so long: said again */
#define JOURNALS_PROBE_MS    500               /* a silent node is tried so often */

struct journals_user {
	/* The next entry of a node's journal has arrived here (one's own: is written). Borrowed; of any form. */
	void (*apply)(struct node *, int writer, int64_t position, json_t *entry);
	/* More entries of that node's journal are safe, as far as is known here. */
	void (*safe)(struct node *, int writer);
	/* Adds to a message what else the peer should know: each time all of it, for the last message may be lost. */
	void (*pack)(struct node *, int peer, json_t *body);
	void (*unpack)(struct node *, int peer, json_t *body);
	/* Whether the peer has yet to answer something of that, by an entry in its journal. */
	bool (*waiting)(struct node *, int peer);
	/* The peer is silent: what was not yet said to it may be given up. */
	void (*silent)(struct node *, int peer);
};

/* Part of a node's state. */
struct journals {
	const struct journals_user *user;
	int64_t batch_ms, lag_ms; /* at least so much between two messages on a link; so long may an entry wait */
	bool majority;
	struct journal *journals; /* by index of the writer */
	struct journals_link *links;
	int64_t safe; /* entries of our own journal */
	uint64_t timer;
	int64_t timer_due;
};

/* Set user, batch_ms, lag_ms and majority before. Applies what is in the data directory. */
void journals_start(struct journals *, struct node *);
void journals_stop(struct journals *, struct node *);

/* Appends to our own journal, applies, and returns the entry's position. Steals. */
int64_t journals_append(struct journals *, struct node *, json_t *entry);
/* Whether an entry of that node's journal is known to be safe. */
bool journals_is_safe(const struct journals *, const struct node *, int writer, int64_t position);
/* The peer is to learn without delay that the entry at this position of our journal is safe. */
void journals_owe(struct journals *, struct node *, int peer, int64_t position);
/* There is something to pack for the peer, which may wait so long for company. */
void journals_want(struct journals *, struct node *, int peer, int64_t wait_ms);
bool journals_is_silent(const struct journals *, int peer);
/* Whether nodes that are not silent, this one included, are a majority. */
bool journals_has_majority(const struct journals *, const struct node *);

/* The handler of messages of type "journal" calls this. */
void journals_receive(struct journals *, struct node *, const struct message *);

#endif
