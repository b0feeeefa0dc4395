/*
 * Elections (3.4) with PreVote (9.6): a node asks whether it would win before
 * it disturbs anybody with a new term. CheckQuorum (6.2): a leader that has
 * not heard from a majority steps down. Nobody votes against a leader that it
 * has just heard from (4.2.3), except at that leader's own wish (3.10).
 */
#include <inttypes.h>

#include "raft_internal.h"

/* ---- time-outs ---------------------------------------------------------------- */

/* Drawn from [1, 2) of the time-out (3.4), but not before the last promise ends. */
void
election_reset(struct raft *r)
{
	int64_t base = raft_timeout_ms(r);

	r->election_due = raft_now(r) + base + (int64_t)node_random(r->node, (uint64_t)base);
	if (r->election_due < r->promise_until)
		r->election_due = r->promise_until;
}

/*
 * Before somebody is known to be there, messages are held back (NODE_HOLD_MS),
 * and would come in heaps, too late, and spoil the measure of latency. So the
 * first election waits for the first sign of life: a request, a message.
 */
void
election_begin(struct raft *r)
{
	int64_t step = RAFT_TIMEOUT_MIN_MS / 2;

	r->election_due = raft_now(r);
	if (r->count > 1)
		r->election_due += NODE_HOLD_MS + r->self * step + (int64_t)node_random(r->node, (uint64_t)step);
	if (r->election_due < r->promise_until)
		r->election_due = r->promise_until;
}

/* No leader needs to be missed first: there was none. */
void
election_rouse(struct raft *r, bool by_client)
{
	if (r->roused)
		return;
	r->roused = true;
	if (r->count > 1)
		election_reset(r);
	if (by_client && r->count > 1)
		r->election_due = raft_now(r) + (int64_t)node_random(r->node, RAFT_TIMEOUT_MIN_MS / 2);
	if (r->election_due < r->promise_until)
		r->election_due = r->promise_until;
}

static int64_t
heard_ms(const struct raft_peer *peer)
{
	return peer->heard_ms;
}

/* A leader that a quorum has not answered for so long may have been replaced already. */
static int64_t
quorum_end(const struct raft *r)
{
	return raft_quorum_value(r, raft_now(r), heard_ms) + 2 * raft_timeout_ms(r);
}

int64_t
election_next(const struct raft *r)
{
	if (r->role == ROLE_LEADER)
		return quorum_end(r);
	return r->limits.patient ? INT64_MAX : r->election_due;
}

static void
leader_tick(struct raft *r)
{
	if (r->transfer_to != -1 && raft_now(r) >= r->transfer_end) {
		raft_trace(r, "gives up the transfer to %s", node_peer(r->node, r->transfer_to));
		r->transfer_to = -1;
		tickets_leader(r);
	}
	if (raft_now(r) >= quorum_end(r)) {
		raft_trace(r, "has lost the quorum");
		raft_follow(r, r->term, -1);
	}
}

void
election_tick(struct raft *r)
{
	if (r->role == ROLE_LEADER)
		leader_tick(r);
	else if (raft_now(r) >= r->election_due && !r->limits.patient)
		election_campaign(r, false);
}

/* ---- candidates ----------------------------------------------------------------- */

static void
ask_for_votes(struct raft *r, bool pre)
{
	int64_t last = log_last(&r->log);

	for (int i = 0; i < r->count; i++)
		if (i != r->self)
			raft_send(r, i,
			    json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:b}", "type", "raft_vote", "pre", (int)pre,
				"term", (json_int_t)(pre ? r->term + 1 : r->term), "last", (json_int_t)last,
				"last_term", (json_int_t)log_term(&r->log, last), "at", (json_int_t)raft_now(r),
				"transfer", (int)r->transferred));
}

/* Leader Completeness, for what is known to be committed by earlier terms. */
static void
check_completeness(struct raft *r)
{
	uint64_t term;

	for (int64_t i = r->log.base + 1; (term = raft_claimed(r, "committed first in", i, 0)) != 0; i++)
		if (term < (uint64_t)r->term)
			raft_claim(r, "committed", i, 0, (uint64_t)log_term(&r->log, i));
}

static void
win(struct raft *r)
{
	raft_trace(r, "leads in term %" PRId64, r->term);
	raft_claim(r, "leader of term", r->term, 0, (uint64_t)r->self + 1);
	check_completeness(r);
	r->role = ROLE_LEADER;
	r->leader = r->self;
	replication_begin(r);
	tickets_leader(r);
}

static void
stand(struct raft *r)
{
	r->term++;
	r->voted_for = r->self;
	r->agreed = 0;
	r->role = ROLE_CANDIDATE;
	raft_trace(r, "stands for election in term %" PRId64 "%s", r->term, r->transferred ? ", as asked" : "");
	for (int i = 0; i < r->count; i++)
		r->peers[i].granted = i == r->self;
	if (raft_quorum(r) == 1)
		win(r);
	else
		ask_for_votes(r, false);
}

void
election_campaign(struct raft *r, bool transferred)
{
	r->transferred = transferred;
	r->leader = -1;
	tickets_leader(r);
	if (transferred || raft_quorum(r) == 1) {
		stand(r);
	} else {
		r->role = ROLE_PRE_CANDIDATE;
		raft_trace(r, "asks whether to stand in term %" PRId64, r->term + 1);
		for (int i = 0; i < r->count; i++)
			r->peers[i].granted = i == r->self;
		ask_for_votes(r, true);
	}
	election_reset(r);
}

static int
votes(const struct raft *r)
{
	int n = 0;

	for (int i = 0; i < r->count; i++)
		n += r->peers[i].granted;
	return n;
}

void
election_vote_ok(struct raft *r, int peer, json_t *body)
{
	int pre, granted;
	json_int_t term, at;

	if (json_unpack(body, "{s:b, s:b, s:I, s:I}", "pre", &pre, "granted", &granted, "term", &term, "at", &at) == -1)
		return;
	raft_round_trip(r, at);
	if (term > r->term && !(pre && granted)) {
		raft_follow(r, term, -1);
		return;
	}
	if (!granted || r->role != (pre ? ROLE_PRE_CANDIDATE : ROLE_CANDIDATE) || term != r->term + (pre ? 1 : 0))
		return;
	r->peers[peer].granted = true;
	if (votes(r) < raft_quorum(r))
		return;
	if (pre) {
		stand(r);
		election_reset(r);
	} else {
		win(r);
	}
}

/* ---- voters ------------------------------------------------------------------------ */

/* 3.6.1 */
static bool
up_to_date(const struct raft *r, int64_t last, int64_t last_term)
{
	int64_t own_term = log_term(&r->log, log_last(&r->log));

	return last_term > own_term || (last_term == own_term && last >= log_last(&r->log));
}

/* A leader keeps the promise as long as it may think that it has a quorum; a follower as it was asked. */
static bool
has_promised(const struct raft *r)
{
	int64_t now = raft_now(r);

	if (r->role == ROLE_LEADER)
		return now < raft_quorum_value(r, now, heard_ms) + raft_timeout_ms(r) || read_has_lease(r);
	return now < r->promise_until;
}

static void
answer_vote(struct raft *r, int peer, bool pre, int64_t term, bool granted, int64_t at)
{
	raft_send(r, peer,
	    json_pack("{s:s, s:b, s:b, s:I, s:I}", "type", "raft_vote_ok", "pre", (int)pre, "granted", (int)granted,
		"term", (json_int_t)term, "at", (json_int_t)at));
}

static bool
grant(struct raft *r, int peer, bool pre, int64_t term, bool fits)
{
	if (pre)
		return fits && term > r->term;
	if (term > r->term)
		raft_follow(r, term, -1);
	if (term < r->term || !fits || (r->voted_for != -1 && r->voted_for != peer))
		return false;
	r->voted_for = peer;
	election_reset(r);
	return true;
}

void
election_vote(struct raft *r, int peer, json_t *body)
{
	int pre, transfer;
	json_int_t term, last, last_term, at;
	bool granted = false, fits;

	if (json_unpack(body, "{s:b, s:b, s:I, s:I, s:I, s:I}", "pre", &pre, "transfer", &transfer, "term", &term,
		"last", &last, "last_term", &last_term, "at", &at) == -1 ||
	    term < 0)
		return;
	fits = up_to_date(r, last, last_term);
	if (transfer || !has_promised(r))
		granted = grant(r, peer, pre, term, fits);
	raft_trace(r, "%s %s %svote in term %" PRId64 "%s", granted ? "gives" : "denies", node_peer(r->node, peer),
	    pre ? "a pre" : "a ", (int64_t)term, granted || fits ? "" : ": its log is behind");
	answer_vote(r, peer, pre, granted ? term : r->term, granted, at);
}

/* ---- transfer (3.10) ------------------------------------------------------------------ */

void
raft_transfer(struct raft *r, int peer)
{
	if (r->role != ROLE_LEADER || peer == r->self || peer < 0 || peer >= r->count)
		return;
	raft_trace(r, "hands over to %s", node_peer(r->node, peer));
	r->transfer_to = peer;
	r->has_transferred = true;
	r->transfer_end = raft_now(r) + raft_timeout_ms(r);
	raft_arm(r, r->transfer_end);
	election_transfer_tick(r, peer);
}

/* Told as often as it answers: should the message be lost, the next heartbeat's answer repeats it. */
void
election_transfer_tick(struct raft *r, int peer)
{
	if (r->transfer_to == peer && r->peers[peer].match == log_last(&r->log))
		raft_send(r, peer, json_pack("{s:s, s:I}", "type", "raft_timeout_now", "term", (json_int_t)r->term));
}

void
election_timeout_now(struct raft *r, int peer, json_t *body)
{
	json_int_t term;

	if (json_unpack(body, "{s:I}", "term", &term) == -1)
		return;
	if (term == r->term && r->role == ROLE_FOLLOWER && r->leader == peer)
		election_campaign(r, true);
}
