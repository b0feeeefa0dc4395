/*
 * The clocks of a simulated node. Both follow the loop's until a fault disturbs
 * them: then the monotonic one drifts, at a bounded rate, and never jumps; the
 * wall clock drifts with it and has jumped, either way. When that is over the
 * wall clock is right again, and the monotonic one goes right from where it is.
 */
#ifndef CLOCKS_H
#define CLOCKS_H

#include <stdint.h>

#define DRIFT_PPM_MAX 50000 /* parts in a million, either way */

/* Times are nanoseconds. Zero-initialise before use. */
struct clocks {
	int64_t since;     /* on the loop's clock: from then on it drifts so */
	int64_t ahead;     /* the monotonic one was, then, of the loop's */
	int64_t drift_ppm; /* it gains so much */
	int64_t jump_ms;   /* of the wall clock */
};

/* `now` is the loop's. It may have been disturbed before: what it was then is over. 0 and 0: nothing disturbs it. */
void clocks_disturb(struct clocks *, int64_t now, int64_t jump_ms, int64_t drift_ppm);

/* What the monotonic clock shows at `now`, which is not before the last disturbance. */
int64_t clocks_monotonic(const struct clocks *, int64_t now);
/* When it will show at least that: a time of the loop's clock. */
int64_t clocks_when(const struct clocks *, int64_t monotonic);
/* How far the wall clock is off the loop's, at `now`. */
int64_t clocks_wall_offset(const struct clocks *, int64_t now);

#endif
