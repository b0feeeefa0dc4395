/*
 * What the parts of the kafka checker share. Each part finds some of the
 * anomalies that jepsen.tests.kafka defines; kafka.c puts them together.
 *
 * A key names a log. What is sent to it is a message, which is told by its
 * value; a log has messages at offsets. An index is an offset with the gaps
 * taken out: place 0 is the lowest offset at which anybody saw anything.
 */
#ifndef KAFKA_H
#define KAFKA_H

#include "check.h"
#include "value_table.h"

#define KAFKA_NONE SIZE_MAX
#define NO_OFFSET  INT64_MIN

struct kafka_message {
	const struct value *value;
	size_t writer, reader; /* positions of operations: who sent it last, who read it first; or KAFKA_NONE */
	bool read, read_ok;    /* by anyone; by an operation that succeeded */
	bool sent_ok, sent_fail;
	int64_t offset;      /* where it was seen first, or NO_OFFSET */
	int64_t index;       /* the highest place of the log at which it stands for that place, or -1 */
	int64_t first, last; /* the lowest and highest place at which it was seen, or -1 */
	size_t mark;         /* for the passes' own use; starts as KAFKA_NONE */
};

/* A place in the log, and who was seen there: members[first], ..., in the order of a Clojure set. The first counts. */
struct kafka_place {
	int64_t offset;
	size_t first, count;
};

struct kafka_sighting {
	int64_t offset;
	size_t message;
};

struct kafka_key {
	const struct value *name;
	struct value_table values; /* numbers the messages */
	struct kafka_message *messages;
	size_t capacity;
	struct kafka_sighting *sightings;
	size_t sighting_count, sighting_capacity;
	struct kafka_place *places;
	size_t *members;
	size_t place_count;
	bool read_ok, sent_ok; /* an operation that succeeded named it, with or without messages */
	size_t mark;           /* as above */
};

/* One message of what an operation read or sent. */
struct kafka_pair {
	size_t message;
	int64_t offset; /* or NO_OFFSET */
};

/* All that an operation read, or sent, of one key, in its order: pairs[first], ... */
struct kafka_span {
	size_t key, first, count;
};

/* All that an operation read, or sent: spans[first], ..., in the order of a Clojure map. */
struct kafka_spans {
	size_t first, count;
};

struct kafka {
	struct arena *arena; /* for results */
	struct arena scratch;
	const struct history *history;
	const char *error; /* why Jepsen's would have thrown; NULL: it would not */
	bool all_errors;   /* nothing is left out of the report */
	struct value_table key_names;
	struct kafka_key *keys;
	size_t key_capacity;
	struct kafka_pair *pairs;
	size_t pair_count, pair_capacity;
	struct kafka_span *spans;
	size_t span_count, span_capacity;
	struct kafka_spans *reads, *sends; /* by position in the history */
	const struct value **shown;        /* operations as values, made when they are first asked for */
};

/* Makes room for one more item behind `count`. */
#define KAFKA_GROW(items, count, capacity)                                              \
	do {                                                                            \
		if ((count) == (capacity)) {                                            \
			(capacity) = (capacity) > 0 ? (capacity)*2 : 16;                \
			(items) = memory_resize((items), (capacity), sizeof(*(items))); \
		}                                                                       \
	} while (0)

/* ---- kafka_ops.c: what every operation read and sent ----------------------------------- */

/* False where an operation is not what it should be: `error` is set. */
bool kafka_read_ops(struct kafka *);
void kafka_free(struct kafka *);
bool kafka_fail(struct kafka *, const char *error);
/* Whether a client's send, poll or txn. */
bool kafka_is_txn(const struct op *);
/* That it happened: it succeeded, or it may have and something it sent was read. */
bool kafka_happened(const struct kafka *, size_t op);
/* #jepsen.history.Op{...}; nil for KAFKA_NONE. */
const struct value *kafka_show_op(struct kafka *, size_t op);
const struct kafka_message *kafka_message(const struct kafka *, size_t key, size_t message);
/* Puts keys in the order of a Clojure map that got them in this one. */
void kafka_order_keys(const struct kafka *, size_t *keys, size_t count);

/* ---- kafka_log.c: the logs as everybody saw them ------------------------------------------ */

void kafka_build_logs(struct kafka *);
/* What is at an index: the message that stands for it. */
const struct kafka_message *kafka_at(const struct kafka_key *, int64_t index);
/* These return a list of error maps, or NULL where there are none. */
const struct value *kafka_inconsistent_offsets(struct kafka *, size_t *count);
const struct value *kafka_duplicates(struct kafka *, size_t *count);

/* ---- kafka_messages.c: messages that should have been read, or should not ------------------ */

const struct value *kafka_aborted_reads(struct kafka *, size_t *count);
const struct value *kafka_precommitted_reads(struct kafka *, size_t *count);
const struct value *kafka_lost_writes(struct kafka *, size_t *count);
/* {:time, :unseen, :messages}, or NULL. */
const struct value *kafka_unseen(struct kafka *);

/* ---- kafka_steps.c: going back and leaping in a log -------------------------------------------- */

/* From one message to the next within an operation, or between two of a process. */
struct kafka_step {
	size_t key, ops[2], messages[2];
	int64_t delta, from; /* indices: how far, and from where */
};

enum kafka_step_kind {
	STEP_INT_POLL_SKIP,
	STEP_INT_NONMONOTONIC_POLL,
	STEP_INT_SEND_SKIP,
	STEP_INT_NONMONOTONIC_SEND,
	STEP_POLL_SKIP,
	STEP_NONMONOTONIC_POLL,
	STEP_NONMONOTONIC_SEND,
	STEP_KINDS
};

/* Zero-initialise before use. */
struct kafka_steps {
	struct {
		struct kafka_step *items;
		size_t count, capacity;
	} of[STEP_KINDS];
};

void kafka_find_steps(struct kafka *, struct kafka_steps *);
void kafka_steps_free(struct kafka_steps *);
const char *kafka_step_name(enum kafka_step_kind);
/* Those to be shown, or NULL. */
const struct value *kafka_show_steps(struct kafka *, struct kafka_steps *, enum kafka_step_kind);

/* ---- kafka_cycles.c: reads from the future ------------------------------------------------------- */

struct kafka_cycle_errors {
	const struct value *cycles[2], *exists[2]; /* lists, or NULL: without and with realtime */
	size_t counts[2];
	bool empty; /* there are no dependencies at all */
};

void kafka_find_cycles(struct kafka *, struct kafka_cycle_errors *);

/* ---- kafka_lag.c --------------------------------------------------------------------------------- */

/* {:time, :process, :key, :lag} in seconds. */
const struct value *kafka_worst_lag(struct kafka *);

/* ---- kafka.c -------------------------------------------------------------------------------------- */

/* check_kafka; all_errors is Jepsen's option of that name, except for :unseen. */
const struct value *kafka_check(struct arena *, const struct history *, bool all_errors);

#endif
