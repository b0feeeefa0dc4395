/*
 * Time-outs that follow the network. "Broadcast time << election time-out"
 * (3.9) cannot be had by a constant where latency may be anything, so the
 * leader measures round trips and tells its followers the time-out that
 * follows; candidates measure those of their votes.
 */
#include "raft_internal.h"

#define HEARTBEATS 3 /* in one election time-out */

/* Jacobson's filter; the first sample counts for all that one does not know yet. */
void
latency_sample(struct raft_latency *latency, int64_t ms)
{
	int64_t error;

	if (ms < 0)
		return;
	if (!latency->known) {
		*latency = (struct raft_latency){.mean16 = ms * 16, .deviation8 = ms * 2, .known = true};
		return;
	}
	error = ms - latency->mean16 / 16;
	latency->mean16 += error;
	latency->deviation8 += (error < 0 ? -error : error) - latency->deviation8 / 8;
}

int64_t
latency_bound(const struct raft_latency *latency)
{
	return latency->mean16 / 16 + latency->deviation8 / 2;
}

void
raft_round_trip(struct raft *r, int64_t sent_ms)
{
	if (sent_ms >= 0 && sent_ms <= raft_now(r))
		latency_sample(&r->latency, raft_now(r) - sent_ms);
}

/* Three times what a round trip takes (an election takes two), or half as long again as one that takes long. */
int64_t
raft_timeout_ms(const struct raft *r)
{
	int64_t ms = latency_bound(&r->latency) * 3 / 2, usual = r->latency.mean16 / 16 * 3;

	if (usual > ms)
		ms = usual;
	if (r->announced_ms > ms)
		ms = r->announced_ms;
	if (ms < RAFT_TIMEOUT_MIN_MS)
		return RAFT_TIMEOUT_MIN_MS;
	return ms < RAFT_TIMEOUT_MAX_MS ? ms : RAFT_TIMEOUT_MAX_MS;
}

int64_t
raft_heartbeat_ms(const struct raft *r)
{
	return raft_timeout_ms(r) / HEARTBEATS;
}
