/*
 * What the nodes of one simulated cluster have claimed of it (node_claim()):
 * the first to name a thing gives it its value, and the others must agree.
 * So invariants over all nodes are asserted while they run.
 */
#ifndef CLAIMS_H
#define CLAIMS_H

#include <sys/tree.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

#define CLAIMS_MAX 262144 /* beyond that all are forgotten, and it begins anew: less is checked, nothing wrongly */

RB_HEAD(claim_tree, claim);

/* Zero-initialise before use. */
struct claims {
	struct claim_tree tree;
	size_t count;
	bool off; /* a node was started again without its memory: it may say anything */
};

/* The standing value; 0 only asks, and is the answer if there is none. `what` must outlive the claims. */
uint64_t claims_make(struct claims *, const char *what, int64_t a, int64_t b, uint64_t value);
/*
 * The same for one whose word counts only later, when what it has to store is stored: until then it stands in a set of
 * its own, where nobody else sees it. claims_settle() makes them all, and returns false if one is contradicted by what
 * others have claimed meanwhile, and says so in one line; claims_free() takes them back. Who has asked before it
 * claimed only wants to be the first: that is never contradicted.
 */
uint64_t claims_propose(struct claims *, struct claims *own, const char *what, int64_t a, int64_t b, uint64_t value);
bool claims_settle(struct claims *, struct claims *own, struct buffer *contradiction);
void claims_off(struct claims *);
void claims_free(struct claims *);

#endif
