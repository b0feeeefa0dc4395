/*
 * Nodes that were killed and started again without a disk: they have forgotten
 * what they promised, so nothing that they say may count any more. Each life
 * of such a node has a number, which its messages carry. Nodes tell each other
 * theirs as soon as there is anybody, and remember of each peer the first one
 * they have met: whoever comes with another one is not heeded, and is told so.
 * Who is told that takes no part from then on.
 *
 * That is as safe as if the node had stayed dead, provided that all who count
 * something it says have met its first life. Nobody can do better without a
 * disk and yet go on whenever a majority is there: two nodes of three that have
 * met nobody cannot tell whether they are the first. (To come back takes more
 * than that: Michael et al., Recovering Shared Objects Without Stable Storage,
 * DISC 2017.)
 */
#ifndef LIVES_H
#define LIVES_H

#include "node.h"

struct lives {
	struct node *node;
	const char *type; /* of the messages that tell lives */
	int64_t own;      /* 0: this node has a disk, and nothing of this concerns it */
	int64_t *known;   /* by peer: the life of it that was met; 0: none */
	bool *met;        /* by peer: it has met ours */
	bool begun;       /* others were told */
	int64_t wait_ms;  /* until those are told again who have not answered */
	uint64_t timer;
	bool over; /* ours is not the first: we take no part */
	void (*retire)(void *arg);
	void *arg;
};

/* `own` is drawn, > 0, or 0 with a disk. `type` must outlive it. Once ours is over, retire(arg) is called. */
void lives_init(struct lives *, struct node *, const char *type, int64_t own, void (*retire)(void *arg), void *arg);
void lives_free(struct lives *);
/* There is somebody: does something the first time. */
void lives_rouse(struct lives *);
/* Whether a message of that peer counts, and is not about lives itself. Its life is "life" in it; if that does not
 * count, the peer is told. */
bool lives_admits(struct lives *, int peer, const struct message *);

#endif
