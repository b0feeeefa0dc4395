/*
 * What of Raft outlives a process (Figure 3.1's persistent state, 3.8; 5.1.3),
 * as records:
 *
 *	{"life": N}				this node was started for the Nth time
 *	{"term": T, "vote": ID, "promise": MS}	null: no vote yet
 *	{"snapshot": I, "term": T, "state": S}	the machine after entry I, and all before it
 *	{"append": I, "term": T, "command": C}	entry I; what was there, or behind it, is gone
 *
 * Whatever changes the state, its difference from what is stored is found when
 * the room that changed it is done, and stored and synced in the same turn: so
 * no vote, acknowledgement or entry leaves before it is durable.
 *
 * Memory that is not stored, and why that is enough:
 *
 * - Promises not to vote (4.2.3; leases, 6.4.1): no promise was longer than
 *   the one stored, so a node that starts again keeps that from its start on.
 * - Which forwarded commands this node has performed as leader: it leads only
 *   in terms after its start, and ignores what was forwarded to it in an
 *   earlier one. Ignores, not refuses: a command that is refused is forwarded
 *   again, and this one may have been performed.
 * - Which commands it has forwarded itself: the numbers of another life are
 *   higher, so nobody takes a late copy of an old command for a new one, or an
 *   answer to an old one for an answer to a new one.
 * - What it knew to be committed: it learns that anew (3.8).
 */
#include <inttypes.h>
#include <stdlib.h>

#include "memory.h"
#include "raft_internal.h"

#define LIVES_MAX   ((int64_t)1 << 30)
#define LIFE_SHIFT  32 /* so many commands are forwarded in one life */
#define PROMISE_MIN 256

/* ---- records ------------------------------------------------------------------ */

static json_t *
life_record(const struct raft *r)
{
	return json_pack("{s:I}", "life", (json_int_t)r->storage.life);
}

static json_t *
vote_record(const struct raft *r)
{
	const char *vote = r->voted_for != -1 ? node_peer(r->node, r->voted_for) : NULL;

	return json_pack("{s:I, s:s?, s:I}", "term", (json_int_t)r->term, "vote", vote, "promise",
	    (json_int_t)r->storage.promise_ms);
}

static json_t *
snapshot_record(struct raft *r)
{
	return json_pack("{s:I, s:I, s:o}", "snapshot", (json_int_t)r->applied, "term",
	    (json_int_t)log_term(&r->log, r->applied), "state", r->machine->snapshot(r->node));
}

static json_t *
entry_record(const struct raft *r, int64_t index)
{
	const struct raft_entry *entry = log_at(&r->log, index);

	return json_pack("{s:I, s:I, s:O*}", "append", (json_int_t)index, "term", (json_int_t)entry->term, "command",
	    entry->command);
}

/* ---- loading -------------------------------------------------------------------- */

static bool
take_life(struct raft *r, json_t *record)
{
	json_int_t life;

	if (json_unpack(record, "{s:I}", "life", &life) == -1 || life <= r->storage.life || life >= LIVES_MAX)
		return false;
	r->storage.life = life;
	return true;
}

static bool
take_vote(struct raft *r, json_t *record)
{
	const char *vote = json_string_value(json_object_get(record, "vote"));
	json_int_t term, promise;

	if (json_unpack(record, "{s:I, s:I}", "term", &term, "promise", &promise) == -1 || term < r->term ||
	    promise < r->storage.promise_ms || promise > 2 * RAFT_TIMEOUT_MAX_MS)
		return false;
	r->term = term;
	r->voted_for = vote != NULL ? node_find(r->node, vote) : -1;
	r->storage.promise_ms = promise;
	return vote == NULL || r->voted_for != -1;
}

static bool
take_snapshot(struct raft *r, json_t *record)
{
	json_int_t index, term;
	json_t *state;

	if (json_unpack(record, "{s:I, s:I, s:o}", "snapshot", &index, "term", &term, "state", &state) == -1 ||
	    index <= 0 || index >= INT64_MAX / 2 || term <= 0 || term > r->term || log_last(&r->log) > 0 ||
	    !r->machine->restore(r->node, state))
		return false;
	log_reset(&r->log, index, term);
	r->commit = r->applied = r->storage.snapshot_index = index;
	raft_claim(r, "committed", index, 0, (uint64_t)term);
	return true;
}

static bool
take_entry(struct raft *r, json_t *record)
{
	json_int_t index, term;

	if (json_unpack(record, "{s:I, s:I}", "append", &index, "term", &term) == -1 || index <= r->log.base ||
	    index > log_last(&r->log) + 1 || term > r->term || term < log_term(&r->log, index - 1))
		return false;
	log_truncate(&r->log, index - 1);
	log_append(&r->log, term, json_incref(json_object_get(record, "command")));
	return true;
}

static void
load(struct raft *r)
{
	static const struct {
		const char *key;
		bool (*take)(struct raft *, json_t *record);
	} kinds[] = {{"append", take_entry}, {"snapshot", take_snapshot}, {"life", take_life}, {"term", take_vote}};
	json_t *record;

	while ((record = node_next_record(r->node)) != NULL) {
		size_t kind = 0;

		while (kind < 3 && json_object_get(record, kinds[kind].key) == NULL)
			kind++;
		if (!kinds[kind].take(r, record)) {
			char *text = json_dumps(record, JSON_COMPACT | JSON_ENCODE_ANY);

			node_fail(r->node, "this record is not one that Raft has written for this cluster: %.200s",
			    text != NULL ? text : "");
			free(text);
			return;
		}
	}
}

/*
 * A node that is a cluster of its own wins an election in the turn in which it
 * begins. Where that turn was lost with the process, its term is passed over.
 */
static void
begin_again(struct raft *r)
{
	r->promise_until = raft_now(r) + r->storage.promise_ms;
	if (r->count == 1) {
		r->term++;
		r->voted_for = -1;
	}
	raft_trace(r, "is back in term %" PRId64 ", with entries %" PRId64 " to %" PRId64, r->term, r->log.base + 1,
	    log_last(&r->log));
}

void
storage_begin(struct raft *r)
{
	struct raft_storage *s = &r->storage;

	s->durable = node_is_durable(r->node);
	if (!s->durable)
		return;
	load(r);
	s->born_term = s->term = r->term;
	s->vote = r->voted_for;
	if (s->life > 0)
		begin_again(r);
	s->life++;
	r->incarnation = 0;
	r->next_forward = s->life << LIFE_SHIFT;
	s->written = log_last(&r->log);
	r->log.changed = s->written + 1;
	s->syncs = node_syncs(r->node);
	node_append(r->node, life_record(r));
	node_sync(r->node);
}

/* ---- storing ---------------------------------------------------------------------- */

int64_t
storage_synced(const struct raft *r)
{
	const struct raft_storage *s = &r->storage;

	if (!s->durable)
		return log_last(&r->log);
	return node_syncs(r->node) > s->syncs ? s->written : s->synced;
}

/* Rounded up, so that it is stored a few times only. */
static bool
has_promised_more(struct raft *r)
{
	int64_t promise = r->promise_until - raft_now(r);

	if (promise <= r->storage.promise_ms)
		return false;
	for (r->storage.promise_ms = PROMISE_MIN; r->storage.promise_ms < promise;)
		r->storage.promise_ms *= 2;
	return true;
}

static void
store_vote(struct raft *r)
{
	struct raft_storage *s = &r->storage;
	bool more = has_promised_more(r);

	if (!more && s->term == r->term && s->vote == r->voted_for)
		return;
	node_append(r->node, vote_record(r));
	node_sync(r->node);
	s->term = r->term;
	s->vote = r->voted_for;
}

/* From here on all up to the log's last entry is synced when this turn is over. */
static void
store_until_last(struct raft *r)
{
	struct raft_storage *s = &r->storage;

	s->synced = storage_synced(r);
	if (s->synced >= r->log.changed)
		s->synced = r->log.changed - 1;
	s->written = log_last(&r->log);
	s->syncs = node_syncs(r->node);
	r->log.changed = s->written + 1;
}

static void
store_entries(struct raft *r)
{
	if (r->log.changed > log_last(&r->log))
		return;
	for (int64_t index = r->log.changed; index <= log_last(&r->log); index++)
		node_append(r->node, entry_record(r, index));
	node_sync(r->node);
	store_until_last(r);
}

/* ---- rewriting ---------------------------------------------------------------------- */

static void
put(json_t *records, json_t *record)
{
	if (json_array_append_new(records, record) == -1)
		memory_exhausted();
}

static void
rewrite(struct raft *r)
{
	struct raft_storage *s = &r->storage;
	json_t *records = json_array();

	raft_trace(r, "stores a snapshot up to %" PRId64, r->applied);
	has_promised_more(r);
	put(records, life_record(r));
	put(records, vote_record(r));
	if (r->applied > 0)
		put(records, snapshot_record(r));
	for (int64_t index = r->applied + 1; index <= log_last(&r->log); index++)
		put(records, entry_record(r, index));
	node_rewrite(r->node, records);
	s->term = r->term;
	s->vote = r->voted_for;
	s->snapshot_index = r->applied;
	s->live_bytes = node_stored(r->node);
	store_until_last(r);
}

static bool
is_large(const struct raft *r)
{
	size_t live = r->storage.live_bytes;

	if (live < r->limits.stored_bytes)
		live = r->limits.stored_bytes;
	return node_stored(r->node) > RAFT_STORED_FACTOR * live && r->applied > r->storage.snapshot_index;
}

/* Also where the log does not continue what is stored: a snapshot came, or entries were compacted at once. */
void
storage_settle(struct raft *r)
{
	if (!r->storage.durable)
		return;
	if (r->log.changed <= r->log.base || is_large(r)) {
		rewrite(r);
		return;
	}
	store_vote(r);
	store_entries(r);
}
