/*
 * What a path must remember on the way to a cycle of some kind: which edges it
 * may still take, and which it must. The automaton of elle.BFSPath.
 */
#ifndef ELLE_STATE_H
#define ELLE_STATE_H

#include "elle_internal.h"

#define ELLE_STATES_MAX 5 /* behind an edge: no more than it has types */

/* There are fewer than 64 that differ. */
struct elle_state {
	uint8_t want;      /* types that must still be taken */
	uint8_t rw_wanted; /* rw edges that must still be taken */
	uint8_t rw;        /* where rw edges are not simply legal: whether one may be taken now */
};

struct elle_state elle_state_first(const struct elle_cycle_kind *);
/* Whether a path that is back at its start may end with it. */
bool elle_state_is_final(struct elle_state);
/* A bit that tells it from all others of its kind. */
uint64_t elle_state_bit(struct elle_state);

/*
 * The states behind an edge with several types: as an rw, as what is wanted, as
 * anything else. A cycle can be told from any of its vertices: one that needs
 * something begins with it, and so does a path, with its `first` edge.
 */
size_t elle_state_step(const struct elle_cycle_kind *, struct elle_state from, uint8_t types, bool first,
    struct elle_state states[ELLE_STATES_MAX]);

#endif
