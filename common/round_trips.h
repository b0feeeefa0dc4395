/*
 * How long round trips take, learned from those there were: time-outs that
 * follow the network need no option.
 */
#ifndef ROUND_TRIPS_H
#define ROUND_TRIPS_H

#include <stdbool.h>
#include <stdint.h>

/* Jacobson's estimator (Congestion Avoidance and Control, 1988). Zero-initialise before use. */
struct round_trips {
	int64_t mean16, deviation8; /* times 16 and 8 */
	bool known;
};

void round_trips_sample(struct round_trips *, int64_t ms); /* negative ones are not counted */
int64_t round_trips_bound(const struct round_trips *);     /* what a round trip rarely exceeds, in ms */
int64_t round_trips_mean(const struct round_trips *);      /* in ms */
int64_t round_trips_deviation(const struct round_trips *); /* the mean one, in ms */

#endif
