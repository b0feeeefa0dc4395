/* Process order and realtime order (elle.core/process-graph, elle.core/realtime-graph). */
#include <stdlib.h>
#include <string.h>

#include "elle_internal.h"
#include "memory.h"

/* ---- processes --------------------------------------------------------------------------- */

struct last {
	int64_t process;
	uint32_t txn; /* ELLE_NONE: a free slot */
};

static struct last *
find_last(struct last *slots, size_t count, int64_t process)
{
	size_t mask = count - 1, i = ((uint64_t)process * UINT64_C(0x9e3779b97f4a7c15) >> 32) & mask;

	while (slots[i].txn != ELLE_NONE && slots[i].process != process)
		i = (i + 1) & mask;
	return &slots[i];
}

void
elle_link_processes(struct elle *elle)
{
	size_t count = 16;
	struct last *slots, *last;

	while (count < 2 * (size_t)elle->completed)
		count *= 2;
	slots = memory_alloc(count * sizeof(*slots));
	memset(slots, 0xff, count * sizeof(*slots));
	for (uint32_t txn = 0; txn < elle->completed; txn++) {
		if (elle->txns[txn].type != OP_OK)
			continue;
		last = find_last(slots, count, elle->txns[txn].process);
		if (last->txn != ELLE_NONE)
			elle_link(elle, last->txn, txn, ELLE_PROCESS);
		*last = (struct last){elle->txns[txn].process, txn};
	}
	free(slots);
}

/* ---- realtime ------------------------------------------------------------------------------ */

/*
 * Completed transactions that no other completed one follows: whatever is
 * invoked now follows these, and through them all before. There are never more
 * of them than were open at a time.
 */
struct frontier {
	uint32_t *txns;
	size_t count, capacity;
};

static void
frontier_add(struct frontier *frontier, uint32_t txn)
{
	if (frontier->count == frontier->capacity) {
		frontier->capacity = frontier->capacity > 0 ? frontier->capacity * 2 : 16;
		frontier->txns = memory_resize(frontier->txns, frontier->capacity, sizeof(*frontier->txns));
	}
	frontier->txns[frontier->count++] = txn;
}

/* Drops those that had completed before this one was invoked. */
static void
frontier_advance(struct frontier *frontier, const struct elle *elle, uint32_t txn)
{
	uint32_t invoke = elle->txns[txn].invoke;
	size_t kept = 0, i;

	for (i = 0; i < frontier->count; i++)
		if (elle->txns[frontier->txns[i]].complete > invoke)
			frontier->txns[kept++] = frontier->txns[i];
	frontier->count = kept;
	frontier_add(frontier, txn);
}

void
elle_link_realtime(struct elle *elle)
{
	struct frontier frontier = {0};
	size_t at, i;
	uint32_t txn;

	for (at = 0; at < elle->history->count; at++) {
		txn = elle->txn_at[at];
		if (txn == ELLE_NONE || txn >= elle->completed)
			continue;
		if (at == elle->txns[txn].invoke)
			for (i = 0; i < frontier.count; i++)
				elle_link(elle, frontier.txns[i], txn, ELLE_REALTIME);
		else if (elle->txns[txn].type == OP_OK)
			frontier_advance(&frontier, elle, txn);
	}
	free(frontier.txns);
}
