/* Clocks that drift: integers only, so that they are the same on every machine. */
#include "clocks.h"

#include <assert.h>

#include "loop.h"

#define MILLION 1000000

static int64_t
drifted(const struct clocks *clocks, int64_t now)
{
	if (clocks->drift_ppm == 0) /* most of the time; the division costs */
		return 0;
	return (int64_t)((__int128)(now - clocks->since) * clocks->drift_ppm / MILLION);
}

int64_t
clocks_monotonic(const struct clocks *clocks, int64_t now)
{
	return now + clocks->ahead + drifted(clocks, now);
}

int64_t
clocks_when(const struct clocks *clocks, int64_t monotonic)
{
	int64_t shown = monotonic - clocks->ahead - clocks->since, when;

	if (shown <= 0 || clocks->drift_ppm == 0)
		return monotonic - clocks->ahead;
	when = clocks->since + (int64_t)((__int128)shown * MILLION / (MILLION + clocks->drift_ppm));
	while (clocks_monotonic(clocks, when) < monotonic) /* at most once, either way: what was rounded off */
		when++;
	while (when > clocks->since && clocks_monotonic(clocks, when - 1) >= monotonic)
		when--;
	return when;
}

int64_t
clocks_wall_offset(const struct clocks *clocks, int64_t now)
{
	return clocks->jump_ms * MS_NS + drifted(clocks, now);
}

void
clocks_disturb(struct clocks *clocks, int64_t now, int64_t jump_ms, int64_t drift_ppm)
{
	assert(drift_ppm >= -DRIFT_PPM_MAX && drift_ppm <= DRIFT_PPM_MAX);
	clocks->ahead = clocks_monotonic(clocks, now) - now;
	clocks->since = now;
	clocks->drift_ppm = drift_ppm;
	clocks->jump_ms = jump_ms;
}
