/*
 * Anomalies of registers that show without a graph: a read that contradicts
 * its own transaction (internal), reads of what was aborted (G1a) or overwritten
 * by who had written it (G1b), and updates of one version by several (lost-update).
 */
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "rw_register.h"

/* ---- anomalies of a transaction with itself --------------------------------------------------- */

static const struct value *
case_of(const struct rw_register *rw, uint32_t txn, uint32_t mop, const char *key, const struct value *value)
{
	struct arena *arena = rw->elle->arena;
	struct value *found = value_collection(arena, VALUE_MAP);

	value_put_keyword(arena, found, "op", elle_txn_value(rw->elle, txn));
	value_put_keyword(arena, found, "mop", elle_mop_value(rw->elle, txn, mop));
	value_put_keyword(arena, found, key, value);
	return found;
}

/* What a transaction last saw of each key. */
struct view {
	uint32_t *txns; /* by key: the transaction + 1 */
	uint32_t *versions;
};

/* A read that does not see what the transaction itself wrote or read before. */
static void
find_internal_in(const struct rw_register *rw, uint32_t txn, struct view *view)
{
	struct elle_mops done = rw->elle->txns[txn].done;
	const struct elle_mop *mop;
	uint32_t version, expected;

	for (uint32_t i = 0; i < done.count; i++) {
		mop = elle_mop(rw->elle, done, i);
		version = rw_version(rw, mop);
		expected = view->txns[mop->key] == txn + 1 ? view->versions[mop->key] : rw->initial + mop->key;
		if (!mop->write && !rw_is_initial(rw, expected) && version != expected) {
			elle_report(rw->elle, ANOMALY_INTERNAL,
			    case_of(rw, txn, i, "expected", rw_version_value(rw, expected)));
			return;
		}
		view->txns[mop->key] = txn + 1;
		view->versions[mop->key] = version;
	}
}

void
rw_find_internal(const struct rw_register *rw)
{
	struct view view;

	view.txns = memory_zero(((size_t)rw->elle->key_count + 1) * sizeof(*view.txns));
	view.versions = memory_alloc(((size_t)rw->elle->key_count + 1) * sizeof(*view.versions));
	for (uint32_t txn = 0; txn < rw->elle->completed; txn++)
		if (rw->elle->txns[txn].type == OP_OK)
			find_internal_in(rw, txn, &view);
	free(view.txns);
	free(view.versions);
}

/* ---- reads of what should not be seen ----------------------------------------------------------- */

/* The later one of two places in the history, + 1; 0 is none. */
static void
raise_place(uint32_t *place, uint32_t position)
{
	if (*place < position + 1)
		*place = position + 1;
}

static void
note_failed(const struct rw_register *rw, uint32_t *places)
{
	const struct elle *elle = rw->elle;

	for (uint32_t txn = 0; txn < elle->completed; txn++)
		for (uint32_t i = 0; i < elle->txns[txn].done.count && elle->txns[txn].type == OP_FAIL; i++)
			if (elle_mop(elle, elle->txns[txn].done, i)->write)
				raise_place(&places[rw_version(rw, elle_mop(elle, elle->txns[txn].done, i))],
				    elle->txns[txn].complete);
}

/* What one transaction wrote and then overwrote. */
static void
note_overwritten(
    const struct rw_register *rw, struct elle_mops mops, uint32_t position, struct view *view, uint32_t *places)
{
	const struct elle_mop *mop;

	for (uint32_t i = 0; i < mops.count; i++) {
		mop = elle_mop(rw->elle, mops, i);
		if (!mop->write)
			continue;
		if (view->txns[mop->key] == position + 1 && !rw_is_initial(rw, view->versions[mop->key]))
			raise_place(&places[view->versions[mop->key]], position);
		view->txns[mop->key] = position + 1;
		view->versions[mop->key] = rw_version(rw, mop);
	}
}

/* Elle looks at invocations too, and at whatever became of them. */
static void
note_intermediate(const struct rw_register *rw, uint32_t *places)
{
	const struct elle *elle = rw->elle;
	const struct elle_txn *txn;
	struct view view;

	view.txns = memory_zero(((size_t)elle->key_count + 1) * sizeof(*view.txns));
	view.versions = memory_alloc(((size_t)elle->key_count + 1) * sizeof(*view.versions));
	for (uint32_t t = 0; t < elle->txn_count; t++) {
		txn = &elle->txns[t];
		if (txn->invoke != ELLE_NONE)
			note_overwritten(rw, txn->asked, txn->invoke, &view, places);
		if (txn->complete != ELLE_NONE)
			note_overwritten(rw, txn->done, txn->complete, &view, places);
	}
	free(view.txns);
	free(view.versions);
}

/* Reports each read of a version that an operation at such a place wrote, other than the reader. */
static void
find_reads(const struct rw_register *rw, enum anomaly anomaly, const uint32_t *places)
{
	const struct elle *elle = rw->elle;
	const struct elle_mop *mop;
	const struct op *writer;
	uint32_t place;

	for (uint32_t txn = 0; txn < elle->completed; txn++)
		for (uint32_t i = 0; i < elle->txns[txn].done.count && elle->txns[txn].type == OP_OK; i++) {
			mop = elle_mop(elle, elle->txns[txn].done, i);
			place = places[rw_version(rw, mop)];
			if (mop->write || place == 0 || place == elle->txns[txn].complete + 1)
				continue;
			writer = &elle->history->ops[place - 1];
			elle_report(
			    rw->elle, anomaly, case_of(rw, txn, i, "writer", op_value(rw->elle->arena, writer)));
		}
}

/* Aborted reads, and intermediate ones. */
void
rw_find_dirty_reads(const struct rw_register *rw)
{
	uint32_t *places = memory_zero(((size_t)rw->versions + 1) * sizeof(*places));

	note_failed(rw, places);
	find_reads(rw, ANOMALY_G1A, places);
	memset(places, 0, ((size_t)rw->versions + 1) * sizeof(*places));
	note_intermediate(rw, places);
	find_reads(rw, ANOMALY_G1B, places);
	free(places);
}

/* ---- lost updates --------------------------------------------------------------------------------- */

struct updates {
	uint32_t *versions, *txns; /* who read this version and wrote the key after it */
	size_t count;
};

static void
find_updates_in(const struct rw_register *rw, uint32_t txn, struct view *read, uint32_t *written, struct updates *found)
{
	struct elle_mops done = rw->elle->txns[txn].done;
	const struct elle_mop *mop;

	for (uint32_t i = 0; i < done.count; i++) {
		mop = elle_mop(rw->elle, done, i);
		if (!mop->write && read->txns[mop->key] != txn + 1) {
			read->txns[mop->key] = txn + 1;
			read->versions[mop->key] = rw_version(rw, mop);
		} else if (mop->write && read->txns[mop->key] == txn + 1 && written[mop->key] != txn + 1) {
			written[mop->key] = txn + 1;
			found->versions[found->count] = read->versions[mop->key];
			found->txns[found->count++] = txn;
		}
	}
}

static void
report_lost_update(const struct rw_register *rw, uint32_t version, const uint32_t *txns, size_t count)
{
	struct arena *arena = rw->elle->arena;
	struct value *found = value_collection(arena, VALUE_MAP), *ops = value_collection(arena, VALUE_VECTOR);
	uint32_t key = rw_is_initial(rw, version) ? version - rw->initial : rw->elle->version_keys[version];

	for (size_t i = 0; i < count; i++)
		value_push(arena, ops, elle_txn_value(rw->elle, txns[i]));
	value_put_keyword(arena, found, "key", rw->elle->keys[key]);
	value_put_keyword(arena, found, "value", rw_version_value(rw, version));
	value_put_keyword(arena, found, "txns", ops);
	elle_report(rw->elle, ANOMALY_LOST_UPDATE, found);
}

/* More than one transaction with the same version: all but one of them overwrote what they had not seen. */
static void
report_lost_updates(const struct rw_register *rw, const struct updates *updates)
{
	size_t *first = memory_zero(((size_t)rw->versions + 2) * sizeof(*first)), i;
	uint32_t *txns = memory_alloc((updates->count + 1) * sizeof(*txns));

	for (i = 0; i < updates->count; i++)
		first[updates->versions[i] + 2]++;
	for (i = 2; i < (size_t)rw->versions + 2; i++)
		first[i] += first[i - 1];
	for (i = 0; i < updates->count; i++)
		txns[first[updates->versions[i] + 1]++] = updates->txns[i];
	for (i = 0; i < rw->versions; i++)
		if (first[i + 1] - first[i] > 1)
			report_lost_update(rw, (uint32_t)i, &txns[first[i]], first[i + 1] - first[i]);
	free(first);
	free(txns);
}

void
rw_find_lost_updates(const struct rw_register *rw)
{
	size_t keys = (size_t)rw->elle->key_count + 1, mops = (size_t)rw->elle->mop_count + 1;
	struct updates updates = {memory_alloc(mops * sizeof(uint32_t)), memory_alloc(mops * sizeof(uint32_t)), 0};
	struct view read = {memory_zero(keys * sizeof(uint32_t)), memory_alloc(keys * sizeof(uint32_t))};
	uint32_t *written = memory_zero(keys * sizeof(*written));

	for (uint32_t txn = 0; txn < rw->elle->completed; txn++)
		if (rw->elle->txns[txn].type == OP_OK)
			find_updates_in(rw, txn, &read, written, &updates);
	report_lost_updates(rw, &updates);
	free(updates.versions);
	free(updates.txns);
	free(read.txns);
	free(read.versions);
	free(written);
}
