/*
 * Few messages: whom a leader asks. Entries must get to a quorum, and a round
 * of confirmations be answered by one; all other followers can have them later.
 * So a leader asks as many followers as it needs, and the others only when one
 * of these has not answered in time. The others get what there is with the
 * next heartbeat, or before if it has become much.
 *
 * Two are a quorum in a cluster of two or three nodes (`thrift_pairs()`). There
 * a follower need not be told what is committed: an entry of the present term
 * that the leader has sent and it has stored is on a majority (3.6.2), and if
 * it is there, it is in the log of all later leaders, whether or not the leader
 * knows. So the follower applies it and answers its client, and the leader may
 * hear of that with whatever the follower sends next. The price: a leader must
 * count on all its log being committed already, when it is asked to read.
 *
 * Assumes: what a turn sends leaves after what it has stored is durable, where
 * anything is; at the leader, and at a follower that was not asked to answer.
 */
#include "raft_internal.h"

#define ANSWER_MIN_MS 10 /* a follower is not given up before */

bool
thrift_pairs(const struct raft *r)
{
	return raft_quorum(r) == 2;
}

static int64_t
answer_due(const struct raft *r, const struct raft_peer *p)
{
	int64_t bound = round_trips_bound(&r->latency);

	return p->unanswered_ms == INT64_MAX ? INT64_MAX
					     : p->unanswered_ms + (bound > ANSWER_MIN_MS ? bound : ANSWER_MIN_MS);
}

static bool
is_reliable(const struct raft *r, const struct raft_peer *p)
{
	return p->progress == PROGRESS_REPLICATE && raft_now(r) < answer_due(r, p);
}

/* Whether it is among the first that make a quorum with this node; or whether there are not enough of these. */
static bool
is_chosen(const struct raft *r, int peer)
{
	int wanted = raft_quorum(r) - 1, before = 0, reliable = 0;

	for (int i = 0; i < r->count; i++) {
		if (i == r->self || !is_reliable(r, &r->peers[i]))
			continue;
		reliable++;
		before += i < peer;
	}
	return reliable < wanted || (is_reliable(r, &r->peers[peer]) && before < wanted);
}

bool
thrift_asks(const struct raft *r, int peer)
{
	const struct raft_peer *p = &r->peers[peer];
	bool entries = r->urgent > r->commit && r->urgent > p->asked_upto;

	if (r->transfer_to == peer)
		return p->asked_upto < log_last(&r->log);
	return (entries || r->round > p->round_sent) && is_chosen(r, peer);
}

bool
thrift_is_much(const struct raft *r, const struct raft_peer *p)
{
	return p->next - 1 - p->match < RAFT_WINDOW &&
	       log_last(&r->log) - p->next + 1 >= (int64_t)r->limits.batch_entries;
}

int64_t
thrift_next(const struct raft *r)
{
	int64_t next = INT64_MAX;

	for (int i = 0; i < r->count; i++) {
		int64_t due = i == r->self ? INT64_MAX : answer_due(r, &r->peers[i]);

		if (due > raft_now(r) && due < next)
			next = due;
	}
	return next;
}
