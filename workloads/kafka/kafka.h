/* What the generator of kafka's operations and its client share. */
#ifndef WORKLOADS_KAFKA_H
#define WORKLOADS_KAFKA_H

#include "key_pool.h"
#include "workload.h"

/* What is known of a key from completed operations. */
struct kafka_tracked {
	int64_t key;
	int64_t highest; /* offset that was sent or polled; -1: only polled, and nothing was there */
	/* Highest offsets since the two were last level; -1: none. A message is unseen while `polled` is behind. */
	int64_t sent, polled;
};

/* What a worker does in the end: it crashes, starts from the beginning, and polls until it has caught up. */
struct kafka_final {
	enum { FINAL_CRASH, FINAL_ASSIGN, FINAL_POLL } next;
	int64_t due;    /* since the start */
	bool *reached;  /* by place in `tracked`; NULL: it has not begun */
	size_t missing; /* those that are not */
};

struct kafka_state {
	struct key_pool keys;
	struct key_draw next; /* the send or poll that comes next */
	bool drawn;
	int64_t crash_due;              /* since the start */
	struct kafka_tracked *tracked;  /* in the order of keys */
	size_t tracked_count, capacity; /* of it */
	struct kafka_final *finals;     /* by worker */
};

/* ---- generate.c --------------------------------------------------------------- */

bool kafka_generate(void *state, struct random *, struct arena *, const struct test_options *, struct op_template *);

/* ---- final.c ------------------------------------------------------------------- */

int64_t kafka_final_due(const void *state, int worker);
void kafka_final_generate(void *state, struct random *, struct arena *, int worker, struct op_template *);
/* An operation of the final phase succeeded. */
void kafka_final_update(struct kafka_state *, int worker, const struct op *);

/* ---- offsets.c: the offsets in completed operations ------------------------------ */

/* Those that sends or polls have to do with, one at a time. A key that is no number of ours is left out. */
typedef void kafka_offset_fn(void *arg, int64_t key, int64_t offset);
void kafka_sent_offsets(const struct op *, kafka_offset_fn *, void *arg);
void kafka_polled_offsets(const struct op *, kafka_offset_fn *, void *arg); /* -1: the key, but no messages */
/* Learns from a success of the main phase. */
void kafka_track(struct kafka_state *, struct arena *, const struct op *);
/* Where a key is in `tracked`, or would be. */
size_t kafka_tracked_place(const struct kafka_state *, int64_t key);
bool kafka_is_unseen(const struct kafka_tracked *);

#endif
