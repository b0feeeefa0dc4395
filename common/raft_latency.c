/*
 * Time-outs that follow the network. "Broadcast time << election time-out"
 * (3.9) cannot be had by a constant where latency may be anything, so the
 * leader measures round trips and tells its followers the time-out that
 * follows; candidates measure those of their votes.
 */
#include "raft_internal.h"

#define HEARTBEATS 3 /* in one election time-out */

void
raft_round_trip(struct raft *r, int64_t sent_ms)
{
	if (sent_ms >= 0 && sent_ms <= raft_now(r))
		round_trips_sample(&r->latency, raft_now(r) - sent_ms);
}

/* Three times what a round trip takes (an election takes two), or half as long again as one that takes long. */
int64_t
raft_timeout_ms(const struct raft *r)
{
	int64_t ms = round_trips_bound(&r->latency) * 3 / 2, usual = r->latency.mean16 / 16 * 3;

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

int64_t
raft_heartbeat_due(const struct raft_peer *p)
{
	return p->sent_ms + p->told_ms / HEARTBEATS;
}
