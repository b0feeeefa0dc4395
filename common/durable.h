/*
 * What a replica remembers, on disk: for state that only grows, and of which
 * no part that was told or acknowledged may be lost.
 *
 * Each change is a record of its own; what a turn sends leaves once they are
 * synced, so neither a client nor a peer hears of anything that a kill could
 * undo. Once what is out of date takes several times as much as the rest, the
 * records are made anew.
 *
 * A memory has a name, a random number: its life. It lasts as long as the
 * memory does, and is its first record. Without a data directory a node that
 * is killed comes back in another life: it forgets, and others can tell so,
 * and that what it says in one life is not to be taken for what it said in
 * another.
 *
 * Source: Almeida, Shoker and Baquero, Delta State Replicated Data Types (JPDC
 * 2018), section 7, for what of a replica must be durable: the state, but not
 * what it knows of the others. Numbering lives is as old as viewstamps:
 * a replica that lost its memory must not speak for the one that it was.
 */
#ifndef DURABLE_H
#define DURABLE_H

#include "node.h"

#define DURABLE_LIFE_MAX     ((uint64_t)1 << 62)
#define DURABLE_GARBAGE      4                  /* times as much as is live may be garbage ... */
#define DURABLE_GARBAGE_FREE ((size_t)64 << 10) /* ... where so many live bytes are taken to be there in any case */

/* Part of a node's state. */
struct durable {
	int64_t life;   /* above 0; for reading */
	bool remembers; /* records were found: this is not the first start of this life; for reading */
	json_t *(*records)(struct node *);
	size_t live; /* bytes, when last known; 0: not yet */
};

/*
 * In start(): draws a life, or takes up the one that is stored; then calls
 * `record` (NULL: none are expected) with each record, oldest first, borrowed,
 * which returns false if it is of no known form: then the node fails.
 * `records` returns an array of what makes up the whole state now; NULL if no
 * record is ever out of date.
 */
void durable_start(
    struct durable *, struct node *, bool (*record)(struct node *, json_t *record), json_t *(*records)(struct node *));

/* Something changed, and the state has it already. Steals the record. Without a data directory nothing happens. */
void durable_append(struct durable *, struct node *, json_t *record);

#endif
