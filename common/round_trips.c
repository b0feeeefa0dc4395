/* A filter over round trips: mean and mean deviation, in whole numbers. */
#include "round_trips.h"

/* The first sample counts for all that one does not know yet. */
void
round_trips_sample(struct round_trips *trips, int64_t ms)
{
	int64_t error;

	if (ms < 0)
		return;
	if (!trips->known) {
		*trips = (struct round_trips){.mean16 = ms * 16, .deviation8 = ms * 2, .known = true};
		return;
	}
	error = ms - trips->mean16 / 16;
	trips->mean16 += error;
	trips->deviation8 += (error < 0 ? -error : error) - trips->deviation8 / 8;
}

int64_t
round_trips_mean(const struct round_trips *trips)
{
	return trips->mean16 / 16;
}

int64_t
round_trips_deviation(const struct round_trips *trips)
{
	return trips->deviation8 / 8;
}

int64_t
round_trips_bound(const struct round_trips *trips)
{
	return trips->mean16 / 16 + trips->deviation8 / 2;
}
