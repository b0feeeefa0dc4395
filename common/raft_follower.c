/*
 * Replication, the follower's side (3.5): what a leader sends is heeded, and
 * its entries are taken where they fit. Messages may overtake each other: those
 * that came too early are kept for a while.
 */
#include <inttypes.h>

#include "memory.h"
#include "raft_internal.h"

/* ---- heeding and answering --------------------------------------------------- */

json_t *
follower_echo(const struct raft *r, const json_t *message, json_t *answer)
{
	static const char *const marks[] = {"at", "round", "promise"};

	if (answer == NULL || json_object_set_new(answer, "term", json_integer(r->term)) == -1)
		memory_exhausted();
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (json_object_set(answer, marks[i], json_object_get(message, marks[i])) == -1)
			memory_exhausted();
	return answer;
}

/*
 * Of another term than its sender's, which may lead in ours by the time that
 * this arrives: so there is no mark on it, nor a time, that could be taken for
 * an answer to what is asked in our term.
 */
static void
deny(struct raft *r, int peer)
{
	raft_send(r, peer,
	    json_pack("{s:s, s:I, s:I, s:I}", "type", "raft_append_ok", "term", (json_int_t)r->term, "at",
		(json_int_t)-1, "round", (json_int_t)0));
}

bool
follower_heed(struct raft *r, int peer, int64_t term, json_t *body)
{
	json_int_t timeout, promise;

	if (json_unpack(body, "{s:I, s:I, s:I, s:I}", "at", &(json_int_t){0}, "round", &(json_int_t){0}, "timeout",
		&timeout, "promise", &promise) == -1)
		return false;
	if (term < r->term || (term == r->term && r->role == ROLE_LEADER)) {
		deny(r, peer);
		return false;
	}
	if (term > r->term || r->leader != peer || r->role != ROLE_FOLLOWER) {
		follower_forget(r);
		raft_follow(r, term, peer);
	}
	election_calm(r);
	r->latency.known = false;
	r->latency.mean16 = r->latency.deviation8 = 0;
	r->announced_ms = timeout > 0 && timeout < RAFT_TIMEOUT_MAX_MS ? timeout : RAFT_TIMEOUT_MAX_MS;
	if (promise > RAFT_TIMEOUT_MAX_MS)
		promise = RAFT_TIMEOUT_MAX_MS;
	if (raft_now(r) + promise > r->promise_until)
		r->promise_until = raft_now(r) + promise;
	election_reset(r);
	return true;
}

void
follower_acknowledge(struct raft *r, int peer, const json_t *message)
{
	raft_send(r, peer,
	    follower_echo(
		r, message, json_pack("{s:s, s:I}", "type", "raft_append_ok", "match", (json_int_t)r->agreed)));
}

static void
refuse(struct raft *r, int peer, const json_t *message, int64_t prev, int64_t prev_term)
{
	int64_t index = prev < log_last(&r->log) ? prev : log_last(&r->log);

	index = log_term_end(&r->log, index, prev_term);
	if (index < r->commit)
		index = r->commit;
	raft_trace(
	    r, "refuses entries after %" PRId64 " of term %" PRId64 ": may fit at %" PRId64, prev, prev_term, index);
	raft_send(r, peer,
	    follower_echo(r, message,
		json_pack("{s:s, s:I, s:[I, I]}", "type", "raft_append_ok", "prev", (json_int_t)prev, "conflict",
		    (json_int_t)index, (json_int_t)log_term(&r->log, index))));
}

/* ---- entries ------------------------------------------------------------------- */

/* Terms never fall along a log. */
static bool
can_be(const struct raft *r, int64_t index, int64_t term, const json_t *command)
{
	return term > 0 && term <= r->term && term >= log_term(&r->log, index - 1) &&
	       (command == NULL || json_is_array(command));
}

/* One entry: nothing if it is there, else it and all that follows it gives way (3.5). */
static bool
take_entry(struct raft *r, int64_t index, json_t *packed)
{
	json_t *command = json_array_get(packed, 1);
	int64_t term = json_integer_value(json_array_get(packed, 0));

	if (!can_be(r, index, term, command) || json_array_size(packed) > 2)
		return false;
	if (index <= r->log.base || log_term(&r->log, index) == term)
		return true;
	if (index <= r->commit)
		return false;
	if (index <= log_last(&r->log)) {
		raft_trace(r, "drops entries %" PRId64 " to %" PRId64, index, log_last(&r->log));
		log_truncate(&r->log, index - 1);
	}
	log_append(&r->log, term, json_incref(command));
	commit_check_entry(r, index);
	return true;
}

/* The message's place is in our log: takes its entries. */
static void
take(struct raft *r, int64_t prev, json_t *entries, int64_t commit)
{
	json_t *packed;
	size_t i;

	json_array_foreach (entries, i, packed) {
		if (!take_entry(r, prev + (int64_t)i + 1, packed)) {
			node_log(r->node, LOG_LEVEL_ERROR, "raft: dropped an entry that cannot be: %" PRId64,
			    prev + (int64_t)i + 1);
			return;
		}
	}
	if (prev + (int64_t)i > r->agreed) {
		r->agreed = prev + (int64_t)i;
		r->gap_since = 0;
	}
	if (thrift_pairs(r) && log_term(&r->log, r->agreed) == r->term)
		commit = r->agreed;
	commit_up_to(r, commit < r->agreed ? commit : r->agreed);
}

static bool
unpack_append(json_t *body, json_int_t *prev, json_int_t *prev_term, json_int_t *commit, json_t **entries)
{
	return json_unpack(body, "{s:I, s:I, s:I, s:o}", "prev", prev, "prev_term", prev_term, "commit", commit,
		   "entries", entries) == 0 &&
	       *prev >= 0 && *prev < RAFT_TERM_MAX && *prev_term >= 0 && json_is_array(*entries);
}

/* ---- what came too early --------------------------------------------------------- */

void
follower_forget(struct raft *r)
{
	while (r->stashed > 0)
		json_decref(r->stash[--r->stashed]);
	r->gap_since = 0;
}

/* What came too early and continues our log now. */
static void
unstash(struct raft *r)
{
	for (int i = 0; i < r->stashed;) {
		json_int_t prev, prev_term, commit;
		json_t *body = r->stash[i], *entries;

		if (!unpack_append(body, &prev, &prev_term, &commit, &entries) || prev > r->agreed) {
			i++;
			continue;
		}
		take(r, prev, entries, commit);
		json_decref(body);
		r->stash[i] = r->stash[--r->stashed];
		i = 0;
	}
}

/*
 * Only what the same leader sends on after a message that did fit can have
 * overtaken anything; and not if its place is in our log all the same (Log
 * Matching): after a restart an old message, come late, may be the first to
 * fit, long before what the leader knows that we have. What is missing for
 * long was lost: the leader, which may not ask us for as long as others answer,
 * is told so by a refusal.
 */
static bool
stash(struct raft *r, json_t *body, int64_t prev, int64_t prev_term)
{
	int probing;

	if (prev <= r->agreed || r->agreed == 0 || log_term(&r->log, prev) == prev_term ||
	    json_unpack(body, "{s:b}", "probe", &probing) == -1 || probing)
		return false;
	if (r->gap_since == 0)
		r->gap_since = raft_now(r);
	if (raft_now(r) - r->gap_since >= raft_timeout_ms(r) / 2) {
		r->gap_since = 0;
		return false;
	}
	if ((size_t)r->stashed < r->limits.stash && json_array_size(json_object_get(body, "entries")) > 0)
		r->stash[r->stashed++] = json_incref(body);
	return true;
}

/* ---- the message ----------------------------------------------------------------- */

void
follower_append(struct raft *r, int peer, json_t *body)
{
	json_int_t term, prev, prev_term, commit;
	json_t *entries;
	int answer;

	if (json_unpack(body, "{s:I, s:b}", "term", &term, "answer", &answer) == -1 ||
	    !unpack_append(body, &prev, &prev_term, &commit, &entries) || !follower_heed(r, peer, term, body))
		return;
	read_take(r, peer, body);
	if (!stash(r, body, prev, prev_term)) {
		if (prev > log_last(&r->log) || (prev >= r->log.base && log_term(&r->log, prev) != prev_term)) {
			refuse(r, peer, body, prev, prev_term);
			return;
		}
		take(r, prev, entries, commit);
		unstash(r);
	}
	read_confirm(r);
	if (answer)
		follower_acknowledge(r, peer, body);
}
