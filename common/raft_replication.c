/*
 * Replication, the leader's side (3.5, 3.6): entries go out in batches, and to
 * followers that keep up without waiting for answers (10.2.1). What is lost is
 * sent again when nothing has moved for longer than a round trip takes.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "memory.h"
#include "raft_internal.h"

/* ---- committing ------------------------------------------------------------------------ */

static int64_t
match_of(const struct raft_peer *peer)
{
	return peer->match;
}

/* Only entries of the leader's own term are committed by counting (3.6.2). */
static void
advance(struct raft *r)
{
	int64_t index = raft_quorum_value(r, storage_synced(r), match_of);

	if (index > r->commit && log_term(&r->log, index) == r->term) {
		raft_trace(r, "commits up to %" PRId64, index);
		commit_up_to(r, index);
	}
	read_confirm(r);
}

/* ---- sending ------------------------------------------------------------------------------  */

static bool
is_due(const struct raft *r, const struct raft_peer *p)
{
	return raft_now(r) >= raft_heartbeat_due(p);
}

void
replication_stamp(struct raft *r, int peer, json_t *body)
{
	struct raft_peer *p = &r->peers[peer];
	int64_t now = raft_now(r), timeout = raft_timeout_ms(r), promise = timeout - timeout / 4;
	json_t *marks = json_pack("{s:I, s:I, s:I, s:I, s:I}", "term", (json_int_t)r->term, "at", (json_int_t)now,
	    "round", (json_int_t)r->round, "timeout", (json_int_t)timeout, "promise", (json_int_t)promise);

	if (marks == NULL || json_object_update(body, marks) == -1)
		memory_exhausted();
	json_decref(marks);
	p->sent_ms = now;
	p->told_ms = timeout;
	r->round_open = false;
}

/* What asks for nothing puts off the heartbeat that would: so it is asked in passing what it has of what it was sent.
 */
static bool
is_unsure(const struct raft *r, const struct raft_peer *p)
{
	return p->match < p->next - 1 && p->match >= p->asked_upto && raft_now(r) >= p->moved_ms + raft_heartbeat_ms(r);
}

/* Whether somebody waits for the answer to this message, with entries up to `last`, or the time for it has come. */
static bool
wants_answer(struct raft *r, int peer, int64_t last)
{
	struct raft_peer *p = &r->peers[peer];

	if (p->progress == PROGRESS_REPLICATE && !is_due(r, p) && !thrift_asks(r, peer) && !is_unsure(r, p))
		return false;
	p->round_sent = r->round;
	if (p->match >= p->asked_upto)
		p->asked_ms = raft_now(r);
	p->asked_upto = last > p->next - 1 ? last : p->next - 1;
	if (p->unanswered_ms == INT64_MAX)
		p->unanswered_ms = raft_now(r);
	return true;
}

/* What a follower may answer itself goes with the next message to it. */
static void
add_reads(struct raft *r, struct raft_peer *p, json_t *body)
{
	if (p->reads != NULL && (json_object_set_new(body, "reads", p->reads) == -1 ||
				    json_object_set_new(body, "last", json_integer(log_last(&r->log))) == -1))
		memory_exhausted();
	p->reads = NULL;
}

/* As many as fit into one message. */
static json_t *
batch(struct raft *r, int64_t first, int64_t *after)
{
	json_t *entries = json_array();
	size_t bytes = 0;
	int64_t index;

	for (index = first; index <= log_last(&r->log) && index - first < (int64_t)r->limits.batch_entries; index++) {
		const struct raft_entry *entry = log_at(&r->log, index);
		json_t *packed = json_pack("[I]", (json_int_t)entry->term);

		if (index > first && bytes + entry->bytes > RAFT_BATCH_BYTES) {
			json_decref(packed);
			break;
		}
		bytes += entry->bytes;
		if ((entry->command != NULL && json_array_append(packed, entry->command) == -1) ||
		    json_array_append_new(entries, packed) == -1)
			memory_exhausted();
	}
	*after = index;
	return entries;
}

/* Entries from `first` on, or none. Returns the index behind them. */
static int64_t
send_append(struct raft *r, int peer, int64_t first, bool with_entries)
{
	struct raft_peer *p = &r->peers[peer];
	int64_t after = first;
	json_t *entries = with_entries ? batch(r, first, &after) : json_array();
	json_t *body = memory_made(json_pack("{s:s, s:I, s:I, s:I, s:b, s:b, s:o}", "type", "raft_append", "prev",
	    (json_int_t)(first - 1), "prev_term", (json_int_t)log_term(&r->log, first - 1), "commit",
	    (json_int_t)r->commit, "probe", (int)(p->progress == PROGRESS_PROBE), "answer",
	    (int)wants_answer(r, peer, after - 1), "entries", entries));

	add_reads(r, p, body);
	replication_stamp(r, peer, body);
	raft_send(r, peer, body);
	return after;
}

static void
flush_snapshot(struct raft *r, int peer)
{
	if (is_due(r, &r->peers[peer]))
		snapshot_send(r, peer);
}

/* A heartbeat is the question asked again: that also repairs what was lost. */
static void
flush_probe(struct raft *r, int peer)
{
	struct raft_peer *p = &r->peers[peer];

	if (p->paused && !is_due(r, p) && !thrift_asks(r, peer))
		return;
	if (p->next - 1 < r->log.base) {
		raft_trace(r, "sends a snapshot to %s", node_peer(r->node, peer));
		p->progress = PROGRESS_SNAPSHOT;
		p->offset = 0;
		snapshot_send(r, peer);
		return;
	}
	send_append(r, peer, p->next, true);
	p->paused = true;
}

/* It was asked for long enough, and still lacks what it has been sent. */
static bool
seems_lost(const struct raft *r, const struct raft_peer *p)
{
	int64_t wait = round_trips_bound(&r->latency), least = raft_heartbeat_ms(r);

	if (wait < least)
		wait = least;
	return p->match < p->next - 1 && p->match < p->asked_upto && raft_now(r) >= p->moved_ms + wait &&
	       raft_now(r) >= p->asked_ms + wait;
}

static void
send_again(struct raft *r, int peer)
{
	struct raft_peer *p = &r->peers[peer];

	raft_trace(r, "sends to %s again from %" PRId64, node_peer(r->node, peer), p->match + 1);
	p->progress = PROGRESS_PROBE;
	p->next = p->match + 1;
	p->paused = false;
	flush_probe(r, peer);
}

/* All that it has not been sent yet; or nothing but the marks. */
static void
flush_replicate(struct raft *r, int peer)
{
	struct raft_peer *p = &r->peers[peer];
	int64_t agreed = p->match > r->log.base ? p->match : r->log.base;

	if (seems_lost(r, p) || p->next - 1 < r->log.base) {
		send_again(r, peer);
		return;
	}
	if (!is_due(r, p) && !p->owed && !thrift_asks(r, peer) && !thrift_is_much(r, p))
		return;
	p->owed = false;
	if (p->next > log_last(&r->log) || p->next - 1 - p->match >= RAFT_WINDOW)
		send_append(r, peer, agreed + 1, false);
	while (p->next <= log_last(&r->log) && p->next - 1 - p->match < RAFT_WINDOW) {
		if (p->match == p->next - 1)
			p->moved_ms = raft_now(r);
		p->next = send_append(r, peer, p->next, true);
	}
}

void
replication_flush(struct raft *r)
{
	static void (*const flush[])(struct raft *, int) = {
	    [PROGRESS_PROBE] = flush_probe,
	    [PROGRESS_REPLICATE] = flush_replicate,
	    [PROGRESS_SNAPSHOT] = flush_snapshot,
	};

	advance(r);
	for (int i = 0; i < r->count; i++)
		if (i != r->self)
			flush[r->peers[i].progress](r, i);
}

int64_t
replication_next(const struct raft *r)
{
	int64_t next = INT64_MAX;

	if (r->role != ROLE_LEADER)
		return next;
	for (int i = 0; i < r->count; i++)
		if (i != r->self && raft_heartbeat_due(&r->peers[i]) < next)
			next = raft_heartbeat_due(&r->peers[i]);
	return thrift_next(r) < next ? thrift_next(r) : next;
}

/* ---- answers ------------------------------------------------------------------------------  */

static void
probe(struct raft *r, int peer, int64_t next)
{
	struct raft_peer *p = &r->peers[peer];

	p->progress = PROGRESS_PROBE;
	p->next = next > p->match ? next : p->match + 1;
	p->paused = false;
	raft_wake(r);
}

static void
acked(struct raft *r, int peer, int64_t match)
{
	struct raft_peer *p = &r->peers[peer];

	if (match > p->match) {
		p->match = match;
		p->moved_ms = raft_now(r);
	}
	if (p->next <= p->match)
		p->next = p->match + 1;
	if (p->progress != PROGRESS_REPLICATE && p->match >= r->log.base) {
		raft_trace(r, "replicates to %s from %" PRId64, node_peer(r->node, peer), p->next);
		p->progress = PROGRESS_REPLICATE;
		p->next = p->match + 1;
		p->moved_ms = raft_now(r);
		snapshot_drop(r);
	} else if (p->progress == PROGRESS_SNAPSHOT && p->match >= r->snapshot_index) {
		probe(r, peer, p->match + 1);
	}
	election_transfer_tick(r, peer);
	advance(r);
	if (p->next <= log_last(&r->log) && (p->progress != PROGRESS_REPLICATE || thrift_asks(r, peer)))
		raft_wake(r);
}

/* The log differs at `index` from the follower's, whose last term up to there is not above `term`: where may it fit? */
static void
refused(struct raft *r, int peer, int64_t prev, int64_t index, int64_t term)
{
	struct raft_peer *p = &r->peers[peer];

	if (p->progress == PROGRESS_SNAPSHOT || prev <= p->match || prev >= p->next || index < 0 || index > prev)
		return;
	if (index >= r->log.base)
		index = log_term_end(&r->log, index, term);
	if (index >= prev)
		index = prev - 1;
	raft_trace(r, "goes back to %" PRId64 " for %s", index > p->match ? index : p->match, node_peer(r->node, peer));
	probe(r, peer, index + 1);
}

bool
replication_hear(struct raft *r, int peer, json_t *body)
{
	struct raft_peer *p = &r->peers[peer];
	json_int_t term, at, round, lease = -1;

	if (json_unpack(body, "{s:I, s:I, s:I, s?I}", "term", &term, "at", &at, "round", &round, "promise", &lease) ==
	    -1)
		return false;
	if (term > r->term)
		raft_follow(r, term, -1);
	if (term != r->term || r->role != ROLE_LEADER)
		return false;
	if (at < 0 || at > raft_now(r) || lease > RAFT_TIMEOUT_MAX_MS)
		return false;
	raft_round_trip(r, at);
	p->heard_ms = raft_now(r);
	if (at >= p->unanswered_ms)
		p->unanswered_ms = INT64_MAX;
	if (round > p->round_acked && round <= r->round)
		p->round_acked = round;
	if (lease > 0 && at + lease - lease / RAFT_CLOCK_DRIFT > p->lease_until)
		p->lease_until = at + lease - lease / RAFT_CLOCK_DRIFT;
	return true;
}

/* It has told in passing how far its log agrees. */
void
replication_overhear(struct raft *r, int peer, int64_t match)
{
	if (r->role != ROLE_LEADER)
		return;
	r->peers[peer].heard_ms = raft_now(r);
	if (r->peers[peer].progress == PROGRESS_REPLICATE && match > 0 && match <= log_last(&r->log))
		acked(r, peer, match);
}

void
replication_append_ok(struct raft *r, int peer, json_t *body)
{
	json_int_t match, prev, index, term;

	if (!replication_hear(r, peer, body))
		return;
	if (json_unpack(body, "{s:I}", "match", &match) == 0) {
		if (match >= 0 && match <= log_last(&r->log))
			acked(r, peer, match);
	} else if (json_unpack(body, "{s:I, s:[I, I]}", "prev", &prev, "conflict", &index, &term) == 0) {
		refused(r, peer, prev, index, term);
	}
	read_confirm(r);
}

/* ---- beginning and end --------------------------------------------------------------------  */

/* Where its log may agree with ours: who has voted has told. */
static int64_t
first_guess(const struct raft *r, const struct raft_peer *p)
{
	if (p->granted && p->last < log_last(&r->log) && log_term(&r->log, p->last) == p->last_term)
		return p->last + 1;
	return log_last(&r->log) + 1;
}

void
replication_begin(struct raft *r)
{
	int64_t now = raft_now(r);

	for (int i = 0; i < r->count; i++) {
		struct raft_peer *p = &r->peers[i];

		p->progress = PROGRESS_PROBE;
		p->next = first_guess(r, p);
		p->match = p->round_sent = p->round_acked = 0;
		p->lease_until = INT64_MIN;
		p->paused = false;
		p->asked_upto = p->asked_ms = 0;
		p->unanswered_ms = INT64_MAX;
		p->sent_ms = p->moved_ms = p->heard_ms = now;
		p->told_ms = raft_timeout_ms(r);
	}
	if (r->latency.known)
		r->announced_ms = 0;
	r->round = 0;
	r->round_open = r->has_transferred = false;
	follower_forget(r);
	(void)replication_propose(r, NULL);
	r->urgent = log_last(&r->log);
}

void
replication_end(struct raft *r)
{
	r->transfer_to = -1;
	read_forget(r);
	free(r->snapshot);
	r->snapshot = NULL;
}

bool
replication_propose(struct raft *r, json_t *command)
{
	if (command != NULL && r->log.bytes > r->limits.unapplied_bytes) {
		json_decref(command);
		return false;
	}
	log_append(&r->log, r->term, command);
	commit_check_entry(r, log_last(&r->log));
	raft_wake(r);
	return true;
}
