/*
 * Whether the operations on one register can be put in an order in which each
 * takes effect between its invocation and its completion (Herlihy and Wing
 * 1990). Just-in-time linearization (Wing and Gong 1993; Lowe, "Testing for
 * linearizability", 2017): events are gone through in order with the set of
 * all configurations that are possible so far, and open operations take effect
 * only when one that completes needs it. Three things keep the set small:
 * - operations that leave the state as it is take effect as soon as they can,
 *   for that is never in the way of anything;
 * - crashed operations are told apart only by what they do;
 * - of configurations only those that can do most are kept (configs.h).
 */
#ifndef REGISTER_H
#define REGISTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "check.h"
#include "configs.h"

#define REGISTER_ANY     UINT32_MAX /* a value in `from`: whichever; in `to`: the one it was */
#define REGISTER_INITIAL 0          /* the number of the value in the beginning */
#define REGISTER_NEVER   SIZE_MAX

/* A read is from v to the same, a write from any to v, a compare-and-set from u to v. Values are numbers. */
struct register_op {
	uint32_t from, to;
	size_t invoked, completed; /* positions in the history; NEVER: crashed, it may take effect at any time or not */

	/* Filled in by the search. */
	size_t slot; /* while it is open, of one that completes */
	size_t kind; /* of one that crashed: those of a kind do the same */
	size_t rank; /* among those of its kind */
	bool idle;   /* it is never needed: a crashed one that changes nothing */
};

struct register_search {
	struct register_op *ops; /* by invocation; borrowed */
	size_t count;
	struct configs now, seen, then;
	size_t *crashed; /* operations, by kind and rank */
	size_t *open;    /* operations by slot; NEVER: free */
	size_t slot_count;
	struct register_kind *kinds;
	enum config_kind *kind_list;
	size_t kind_count;
	struct register_event *events;
	size_t event_count;
	uint32_t *scratch; /* a row */
	size_t at;         /* the operation whose completion could not be explained, or was not reached */
	uint64_t work, work_max;
};

/*
 * Valid: `now` has the configurations at the end. Invalid: ops[at] cannot
 * have completed as it did, and `now` has those that were possible right
 * before. Unknown: the same, but the work was used up there.
 */
enum verdict register_search(struct register_search *, struct register_op *, size_t count, uint64_t work_max);
uint64_t register_search_work(const struct register_search *);
void register_search_free(struct register_search *);

/* Whether an operation can be done in a state, and the state after it. */
bool register_op_fits(const struct register_op *, uint32_t state);
uint32_t register_op_apply(const struct register_op *, uint32_t state);

/* Of configuration i of `now`: its state, its last operation (NEVER: none), and whether an operation that has been
 * invoked can still take effect in it. */
uint32_t register_state(const struct register_search *, size_t i);
size_t register_last(const struct register_search *, size_t i);
bool register_is_open(const struct register_search *, size_t i, size_t op);

#endif
