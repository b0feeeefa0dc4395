/*
 * A log of JSON values, each once, in the order in which a node learnt them,
 * and from whom: for replicas of a set that tell each other stretches of it
 * (delivery.h). What came from a peer is not told to it again: of the ways in
 * which deltas may be made smaller this is BP of Enes, Almeida, Baquero and
 * Leitao, Efficient Synchronization of State-based CRDTs (ICDE 2019).
 */
#ifndef VALUE_LOG_H
#define VALUE_LOG_H

#include "delivery.h"
#include "json_set.h"

struct value_log {
	struct json_set values; /* in order; for reading */
	int *sources;           /* of each value: an index of a node */
	size_t capacity;        /* of sources */
};

void value_log_init(struct value_log *);
void value_log_free(struct value_log *);
int64_t value_log_end(const struct value_log *);

/* Borrows the value. Returns whether it is new. */
bool value_log_add(struct value_log *, json_t *value, int source);

/* Whether there is anything that was not told to a peer. */
bool value_log_has_news(const struct value_log *, struct delivery *, int peer);

/* That, as a new array of at most `max` values; `to` is where the log ends, or what does not fit begins. */
json_t *value_log_news(const struct value_log *, const struct delivery *, int peer, size_t max, int64_t *to);

#endif
