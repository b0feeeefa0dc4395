/*
 * Elections (3.4) with PreVote (9.6): a node asks whether it would win before
 * it disturbs anybody with a new term. CheckQuorum (6.2): a leader that has
 * not heard from a majority steps down. Nobody votes against a leader that it
 * has just heard from (4.2.3), except at that leader's own wish (3.10).
 *
 * What makes recovery fast:
 * - Asking begins a quarter of a time-out before the node may stand, so that
 *   the answers are there by then. Who still trusts the leader answers when it
 *   no longer does.
 * - Who asks would vote, too: for a node whose log is as good as its own. That
 *   is a word about the next term, as an answer to PreVote is, and no vote.
 * - Who is asked by somebody that may win lets it stand first.
 * - When two stand in one term, one of them stands again at once, in the next
 *   term, and the other does not.
 */
#include <inttypes.h>

#include "raft_internal.h"

/* ---- time-outs ---------------------------------------------------------------- */

/* Drawn from [1, 5/4) of the time-out (3.4), but not before the last promise ends. */
void
election_reset(struct raft *r)
{
	int64_t base = raft_timeout_ms(r);

	r->election_due = raft_now(r) + base + (int64_t)node_random(r->node, (uint64_t)base / 4);
	if (r->election_due < r->promise_until)
		r->election_due = r->promise_until;
	r->asking_due = r->election_due - base / 4;
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
	r->asking_due = r->election_due;
}

/* No leader needs to be missed first: there was none. */
void
election_rouse(struct raft *r, bool by_client)
{
	lives_rouse(&r->lives);
	if (r->roused)
		return;
	r->roused = true;
	if (r->count > 1)
		election_reset(r);
	if (by_client && r->count > 1)
		r->election_due = raft_now(r) + (int64_t)node_random(r->node, RAFT_TIMEOUT_MIN_MS / 2);
	if (r->election_due < r->promise_until)
		r->election_due = r->promise_until;
	if (by_client || r->election_due == r->promise_until)
		r->asking_due = r->election_due;
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

/* A follower that hears from its leader forgets who asked it, and who would have voted for it; so do new terms. */
void
election_calm(struct raft *r)
{
	r->gave_way = false;
	for (int i = 0; i < r->count; i++)
		r->peers[i].granted = r->peers[i].willing = r->peers[i].asked = false;
}

static bool
has_votes(const struct raft *r)
{
	int n = 1;

	for (int i = 0; i < r->count; i++)
		n += i != r->self && r->peers[i].granted;
	return n >= raft_quorum(r);
}

/* Whether it would win the next term's election. */
static bool
would_win(const struct raft *r)
{
	int n = 1;

	for (int i = 0; i < r->count; i++)
		n += i != r->self && r->peers[i].willing;
	return n >= raft_quorum(r);
}

static bool
is_asked(const struct raft *r)
{
	for (int i = 0; i < r->count; i++)
		if (r->peers[i].asked)
			return true;
	return false;
}

int64_t
election_next(const struct raft *r)
{
	int64_t next = r->asking_due;

	if (r->lives.over)
		return INT64_MAX;
	if (r->role == ROLE_LEADER)
		return quorum_end(r);
	if (r->role == ROLE_PRE_CANDIDATE && would_win(r))
		next = r->election_due;
	if (r->limits.patient)
		next = INT64_MAX;
	return is_asked(r) && r->promise_until < next ? r->promise_until : next;
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
	election_calm(r); /* votes of this term say nothing of the next */
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
	election_calm(r);
	election_reset(r);
	r->asking_due = r->election_due; /* all the time is for the votes */
	if (raft_quorum(r) == 1)
		win(r);
	else
		ask_for_votes(r, false);
}

/* Who would win stands as soon as its time-out has passed. */
static void
stand_if_due(struct raft *r)
{
	if (r->role == ROLE_PRE_CANDIDATE && would_win(r) && (raft_now(r) >= r->election_due || r->limits.patient))
		stand(r);
}

/* What others have said since the leader fell silent still holds. */
void
election_campaign(struct raft *r, bool transferred)
{
	int64_t base = raft_timeout_ms(r);

	r->transferred = transferred;
	r->leader = -1;
	tickets_leader(r);
	if (transferred || raft_quorum(r) == 1) {
		stand(r);
		return;
	}
	if (r->role == ROLE_CANDIDATE)
		election_reset(r);
	r->asking_due = raft_now(r) + base / 2 + (int64_t)node_random(r->node, (uint64_t)base / 4);
	r->role = ROLE_PRE_CANDIDATE;
	raft_trace(r, "asks whether to stand in term %" PRId64, r->term + 1);
	ask_for_votes(r, true);
}

void
election_vote_ok(struct raft *r, int peer, json_t *body)
{
	int pre, granted;
	json_int_t term, at, last, last_term;

	if (json_unpack(body, "{s:b, s:b, s:I, s:I, s:I, s:I}", "pre", &pre, "granted", &granted, "term", &term, "at",
		&at, "last", &last, "last_term", &last_term) == -1)
		return;
	if (last < 0 || last_term < 0)
		return;
	raft_round_trip(r, at);
	if (term > r->term && !(pre && granted)) {
		raft_follow(r, term, -1);
		return;
	}
	if (!granted || r->role != (pre ? ROLE_PRE_CANDIDATE : ROLE_CANDIDATE) || term != r->term + (pre ? 1 : 0))
		return;
	*(pre ? &r->peers[peer].willing : &r->peers[peer].granted) = true;
	r->peers[peer].last = last;
	r->peers[peer].last_term = last_term;
	if (pre)
		stand_if_due(r);
	else if (has_votes(r))
		win(r);
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

/* The voter's log goes with it: the winner knows where to begin. */
static void
answer_vote(struct raft *r, int peer, bool pre, int64_t term, bool granted, int64_t at)
{
	int64_t last = log_last(&r->log);

	raft_send(r, peer,
	    json_pack("{s:s, s:b, s:b, s:I, s:I, s:I, s:I}", "type", "raft_vote_ok", "pre", (int)pre, "granted",
		(int)granted, "term", (json_int_t)term, "at", (json_int_t)at, "last", (json_int_t)last, "last_term",
		(json_int_t)log_term(&r->log, last)));
}

static bool
grant(struct raft *r, int peer, int64_t term, bool fits)
{
	if (term > r->term)
		raft_follow(r, term, -1);
	if (term < r->term || !fits || (r->voted_for != -1 && r->voted_for != peer))
		return false;
	r->voted_for = peer;
	election_reset(r);
	return true;
}

/*
 * Two stand in the same term, and each has its own vote. The one whose log is
 * better, or else the one that comes first, need not wait to try again.
 */
static bool
stands_again(const struct raft *r, int peer, int64_t term, bool fits, int64_t last, int64_t last_term)
{
	bool equal = last == log_last(&r->log) && last_term == log_term(&r->log, last);

	return r->role == ROLE_CANDIDATE && term == r->term && (!fits || (equal && r->self < peer)) &&
	       !r->limits.patient;
}

/* Of two that ask, one goes first: whose log is better, or else whose number is lower. */
static bool
gives_way(const struct raft *r, int peer, bool fits, int64_t last, int64_t last_term)
{
	bool equal = last == log_last(&r->log) && last_term == log_term(&r->log, last);

	if (r->gave_way || !fits || r->limits.patient)
		return false;
	return r->role == ROLE_FOLLOWER || (r->role == ROLE_PRE_CANDIDATE && (!equal || peer < r->self));
}

/* Somebody is about to stand: it gets the time that this takes. Once, for it may be that it cannot win. */
static void
give_way(struct raft *r, int peer)
{
	int64_t until = raft_now(r) + raft_timeout_ms(r) / 2;

	raft_trace(r, "gives way to %s", node_peer(r->node, peer));
	r->gave_way = true;
	if (r->election_due < until)
		r->election_due = until;
	if (r->role == ROLE_FOLLOWER && r->asking_due < until)
		r->asking_due = until;
}

/*
 * What somebody who asks tells of itself: it misses the leader, and would vote
 * for a log as good as its own. It may have found the leader again since. So
 * that counts only if it comes while we ask, too; who had asked before answers us.
 */
static void
note_asker(struct raft *r, int peer, int64_t last, int64_t last_term)
{
	int64_t own = log_last(&r->log), own_term = log_term(&r->log, own);

	if (own_term < last_term || (own_term == last_term && own < last))
		return;
	if (!has_promised(r) && r->role == ROLE_FOLLOWER && !up_to_date(r, last, last_term) && !r->limits.patient) {
		election_campaign(r, false);
		r->election_due = raft_now(r);
	}
	r->peers[peer].willing |= r->role == ROLE_PRE_CANDIDATE;
	stand_if_due(r);
}

static void
answer_asker(struct raft *r, int peer, int64_t term, bool fits, int64_t last, int64_t last_term, int64_t at)
{
	bool fit = fits && term > r->term;

	r->peers[peer].asked = fit && r->role != ROLE_LEADER && has_promised(r);
	if (!r->peers[peer].asked) {
		bool granted = fit && !has_promised(r);

		raft_trace(r, "%s %s a prevote in term %" PRId64 "%s", granted ? "gives" : "denies",
		    node_peer(r->node, peer), term, fits ? "" : ": its log is behind");
		answer_vote(r, peer, true, granted ? term : r->term, granted, at);
	}
	if (r->role == ROLE_LEADER || term != r->term + 1)
		return;
	if (gives_way(r, peer, fits, last, last_term))
		give_way(r, peer);
	note_asker(r, peer, last, last_term);
}

void
election_vote(struct raft *r, int peer, json_t *body)
{
	int pre, transfer;
	json_int_t term, last, last_term, at;
	bool granted = false, fits;

	if (json_unpack(body, "{s:b, s:b, s:I, s:I, s:I, s:I}", "pre", &pre, "transfer", &transfer, "term", &term,
		"last", &last, "last_term", &last_term, "at", &at) == -1 ||
	    term == 0 || last < 0 || last_term < 0)
		return;
	fits = up_to_date(r, last, last_term);
	if (pre) {
		answer_asker(r, peer, term, fits, last, last_term, at);
		return;
	}
	if (transfer || !has_promised(r))
		granted = grant(r, peer, term, fits);
	raft_trace(r, "%s %s a vote in term %" PRId64 "%s", granted ? "gives" : "denies", node_peer(r->node, peer),
	    (int64_t)term, granted || fits ? "" : ": its log is behind");
	answer_vote(r, peer, false, granted ? term : r->term, granted, at);
	if (stands_again(r, peer, term, fits, last, last_term)) {
		r->transferred = false; /* that was a wish for the other term */
		stand(r);
	}
}

/* The promise has ended, and nothing was heard: who has asked meanwhile gets its answer. */
static void
answer_late(struct raft *r)
{
	for (int i = 0; i < r->count; i++) {
		if (!r->peers[i].asked)
			continue;
		r->peers[i].asked = false;
		raft_trace(r, "gives %s a prevote in term %" PRId64, node_peer(r->node, i), r->term + 1);
		answer_vote(r, i, true, r->term + 1, true, -1);
	}
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

/* ---- time ---------------------------------------------------------------------------------- */

void
election_tick(struct raft *r)
{
	if (r->role == ROLE_LEADER) {
		leader_tick(r);
		return;
	}
	if (r->lives.over)
		return;
	if (raft_now(r) >= r->promise_until)
		answer_late(r);
	if (r->limits.patient)
		return;
	stand_if_due(r);
	if (r->role != ROLE_LEADER && raft_now(r) >= r->asking_due)
		election_campaign(r, false);
}
