/*
 * Log compaction (5). The state machine itself stands for the compacted part
 * of the log: a snapshot of it is made when a follower needs one, and sent in
 * chunks, each acknowledged (5.2; Figure 5.3).
 */
#include <inttypes.h>
#include <stdlib.h>

#include "memory.h"
#include "raft_internal.h"

/* ---- compaction ----------------------------------------------------------------- */

/* Twice what is kept, so that it is not done for each entry. */
void
snapshot_compact(struct raft *r)
{
	struct raft_log *log = &r->log;
	int64_t base = log->base;
	size_t bytes = log->bytes;

	if (r->applied - base <= 2 * (int64_t)r->limits.log_entries && bytes <= 2 * r->limits.log_bytes)
		return;
	while (base < r->applied && (r->applied - base > (int64_t)r->limits.log_entries || bytes > r->limits.log_bytes))
		bytes -= log_at(log, ++base)->bytes;
	raft_trace(r, "forgets entries up to %" PRId64, base);
	log_compact(log, base);
}

/* ---- leader ------------------------------------------------------------------------ */

static void
make(struct raft *r)
{
	json_t *state = r->machine->snapshot(r->node);

	free(r->snapshot);
	r->snapshot = state != NULL ? json_dumps(state, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY) : NULL;
	json_decref(state);
	if (r->snapshot == NULL)
		memory_exhausted();
	for (r->snapshot_length = 0; r->snapshot[r->snapshot_length] != '\0';)
		r->snapshot_length++;
	r->snapshot_index = r->applied;
	r->snapshot_term = log_term(&r->log, r->applied);
	for (int i = 0; i < r->count; i++)
		r->peers[i].offset = 0;
}

void
snapshot_send(struct raft *r, int peer)
{
	struct raft_peer *p = &r->peers[peer];
	size_t length;
	json_t *body;

	if (r->snapshot == NULL || r->snapshot_index < r->log.base)
		make(r);
	length = r->snapshot_length - p->offset;
	if (length > r->limits.chunk_bytes)
		length = r->limits.chunk_bytes;
	body = json_pack("{s:s, s:I, s:I, s:I, s:b, s:s%}", "type", "raft_snapshot", "index",
	    (json_int_t)r->snapshot_index, "index_term", (json_int_t)r->snapshot_term, "offset", (json_int_t)p->offset,
	    "done", (int)(p->offset + length == r->snapshot_length), "data", r->snapshot + p->offset, length);
	if (body == NULL)
		memory_exhausted();
	replication_stamp(r, peer, body);
	raft_send(r, peer, body);
}

/* Freed when nobody is waiting for it. */
void
snapshot_drop(struct raft *r)
{
	for (int i = 0; i < r->count; i++)
		if (i != r->self && r->peers[i].progress == PROGRESS_SNAPSHOT)
			return;
	free(r->snapshot);
	r->snapshot = NULL;
}

void
snapshot_ok(struct raft *r, int peer, json_t *body)
{
	struct raft_peer *p = &r->peers[peer];
	json_int_t index, offset;

	if (!replication_hear(r, peer, body))
		return;
	if (json_unpack(body, "{s:I, s:I}", "index", &index, "offset", &offset) == -1)
		return;
	if (p->progress == PROGRESS_SNAPSHOT && r->snapshot != NULL && index == r->snapshot_index && offset >= 0 &&
	    (size_t)offset <= r->snapshot_length && (size_t)offset != p->offset) {
		p->offset = (size_t)offset;
		snapshot_send(r, peer);
	}
	read_confirm(r);
}

/* ---- follower ------------------------------------------------------------------------ */

/* What follows the snapshot in our log stays if it is of the same history (Figure 5.3, 6). */
static void
install(struct raft *r, int64_t index, int64_t term)
{
	raft_trace(r, "installs a snapshot up to %" PRId64, index);
	if (log_term(&r->log, index) == term)
		log_compact(&r->log, index);
	else
		log_reset(&r->log, index, term);
	raft_claim(r, "committed", index, 0, (uint64_t)term);
	r->commit = r->applied = index;
	if (index > r->agreed)
		r->agreed = index;
	tickets_covered(r, index);
}

static void
complete(struct raft *r)
{
	json_t *state = json_loadb(r->incoming.bytes, r->incoming.length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

	if (state != NULL && r->machine->restore(r->node, state))
		install(r, r->incoming_index, r->incoming_term);
	else
		node_log(r->node, LOG_LEVEL_ERROR, "raft: dropped a snapshot that is none");
	json_decref(state);
	buffer_free(&r->incoming);
	r->incoming_index = 0;
}

/* Returns whether it continues what has come so far. */
static bool
take_chunk(struct raft *r, json_t *body, int64_t index, int64_t term)
{
	const char *data;
	size_t length;
	json_int_t offset;

	if (json_unpack(body, "{s:I, s:s%}", "offset", &offset, "data", &data, &length) == -1)
		return false;
	if (offset == 0) {
		buffer_free(&r->incoming);
		r->incoming_index = index;
		r->incoming_term = term;
	}
	if (index != r->incoming_index || term != r->incoming_term || offset < 0 ||
	    (size_t)offset != r->incoming.length || length > RAFT_SNAPSHOT_BYTES - r->incoming.length)
		return false;
	buffer_append(&r->incoming, data, length);
	return true;
}

static void
acknowledge_chunk(struct raft *r, int peer, json_t *body, int64_t index)
{
	size_t offset = index == r->incoming_index ? r->incoming.length : 0;

	raft_send(r, peer,
	    follower_echo(r, body,
		json_pack("{s:s, s:I, s:I}", "type", "raft_snapshot_ok", "index", (json_int_t)index, "offset",
		    (json_int_t)offset)));
}

/* All that is committed here is in the log of the leader (Leader Completeness). */
void
snapshot_receive(struct raft *r, int peer, json_t *body)
{
	json_int_t term, index, index_term;
	int done;

	if (json_unpack(body, "{s:I, s:I, s:I, s:b}", "term", &term, "index", &index, "index_term", &index_term, "done",
		&done) == -1 ||
	    index < 0 || index >= RAFT_TERM_MAX || index_term < 0 || index_term > term ||
	    !follower_heed(r, peer, term, body))
		return;
	if (index > r->commit && take_chunk(r, body, index, index_term) && done)
		complete(r);
	if (index <= r->commit) {
		if (index > r->agreed)
			r->agreed = index;
		follower_acknowledge(r, peer, body);
	} else {
		acknowledge_chunk(r, peer, body, index);
	}
}
