/*
 * Committing and applying (3.5), and what must hold of it: the invariants of
 * Figure 3.2, over all nodes where they are simulated together.
 */
#include "canonical.h"
#include "memory.h"
#include "raft_internal.h"

/* ---- the invariants of Figure 3.2 -------------------------------------------------- */

/* Log Matching: entries of the same index and term are the same, and so are those before them. */
void
commit_check_entry(struct raft *r, int64_t index)
{
	const struct raft_entry *entry;

	if (!node_claims(r->node))
		return;
	entry = log_at(&r->log, index);
	raft_claim(r, "entry", index, entry->term, canonical_hash(entry->command));
	raft_claim(r, "term before entry", index, entry->term, (uint64_t)log_term(&r->log, index - 1) + 1);
}

/* State Machine Safety. When it was committed first is for Leader Completeness. */
static void
check_commit(struct raft *r, int64_t index)
{
	raft_claim(r, "committed", index, 0, (uint64_t)log_term(&r->log, index));
	if (raft_claimed(r, "committed first in", index, 0) == 0)
		raft_claim(r, "committed first in", index, 0, (uint64_t)r->term);
}

/* Of two nodes that are a quorum, a follower commits what it takes; but that is lost where it dies in the same turn. */
void
commit_check(struct raft *r)
{
	int64_t last = storage_synced(r) < r->applied ? storage_synced(r) : r->applied;

	if (r->checked < r->log.base)
		r->checked = r->log.base;
	while (r->checked < last)
		check_commit(r, ++r->checked);
}

/* ---- committing ------------------------------------------------------------------------ */

static void
apply(struct raft *r, int64_t index)
{
	const struct raft_entry *entry = log_at(&r->log, index);
	json_t *command = ticket_command(entry->command), *body = NULL;

	r->applied = index;
	commit_check(r);
	if (command != NULL && (body = r->machine->apply(r->node, command)) == NULL)
		memory_exhausted();
	tickets_applied(r, index, entry, body);
}

void
commit_up_to(struct raft *r, int64_t commit)
{
	if (commit <= r->commit)
		return;
	r->commit = commit;
	while (r->applied < r->commit)
		apply(r, r->applied + 1);
	snapshot_compact(r);
}
