/* Reads and updates of what should not have been there, and updates that were lost (elle.list-append, elle.txn). */
#include <stdlib.h>
#include <string.h>

#include "list_append.h"
#include "memory.h"

static uint32_t *
per_version(const struct elle *elle)
{
	uint32_t *array = memory_alloc(((size_t)elle->version_count + 1) * sizeof(*array));

	memset(array, 0xff, ((size_t)elle->version_count + 1) * sizeof(*array));
	return array;
}

static void
report_read(struct elle *elle, enum anomaly anomaly, uint32_t txn, uint32_t m, uint32_t writer, uint32_t version)
{
	struct value *map = value_collection(elle->arena, VALUE_MAP);

	value_put_keyword(elle->arena, map, "op", elle_txn_value(elle, txn));
	value_put_keyword(elle->arena, map, "mop", elle_mop_value(elle, txn, m));
	value_put_keyword(elle->arena, map, "writer", op_value(elle->arena, &elle->history->ops[writer]));
	value_put_keyword(elle->arena, map, "element", elle->version_values[version]);
	elle_report(elle, anomaly, map);
}

/* ---- :G1a: reads of what an aborted transaction appended ------------------------------------------- */

/* For each version the position of the failed operation that appended it. Returns whether there is any. */
static bool
find_failed(const struct elle *elle, uint32_t *failed)
{
	const struct elle_mop *mop;
	bool any = false;
	uint32_t t, m;

	for (t = 0; t < elle->completed; t++) {
		for (m = 0; elle->txns[t].type == OP_FAIL && m < elle->txns[t].done.count; m++) {
			mop = elle_mop(elle, elle->txns[t].done, m);
			if (mop->write)
				failed[elle->elements[mop->first]] = elle->txns[t].complete;
			any |= mop->write;
		}
	}
	return any;
}

static void
check_aborted(struct elle *elle, uint32_t txn, const uint32_t *failed)
{
	const struct elle_mop *mop;
	uint32_t m, i, version;

	for (m = 0; m < elle->txns[txn].done.count; m++) {
		mop = elle_mop(elle, elle->txns[txn].done, m);
		for (i = 0; !mop->write && i < mop->count; i++) {
			version = elle->elements[mop->first + i];
			if (failed[version] != ELLE_NONE)
				report_read(elle, ANOMALY_G1A, txn, m, failed[version], version);
		}
	}
}

void
list_find_aborted(struct elle *elle)
{
	uint32_t *failed = per_version(elle), t;

	if (find_failed(elle, failed))
		for (t = 0; t < elle->completed; t++)
			if (elle->txns[t].type == OP_OK)
				check_aborted(elle, t, failed);
	free(failed);
}

/* ---- :G1b: reads of what was not the last append of its transaction -------------------------------- */

struct last {
	uint32_t position; /* of the operation that appended to this key last; ELLE_NONE: none so far */
	uint32_t version;
};

/* For each version the position of the last operation that appended something after it. */
static void
find_intermediate(const struct elle *elle, uint32_t *intermediate)
{
	struct last *last = memory_alloc(((size_t)elle->key_count + 1) * sizeof(*last));
	const struct elle_txn *txn;
	const struct elle_mop *mop;
	struct elle_mops mops;
	uint32_t at, m;

	memset(last, 0xff, ((size_t)elle->key_count + 1) * sizeof(*last));
	for (at = 0; at < elle->history->count; at++) {
		if (elle->txn_at[at] == ELLE_NONE)
			continue;
		txn = &elle->txns[elle->txn_at[at]];
		mops = at == txn->invoke ? txn->asked : txn->done;
		for (m = 0; m < mops.count; m++) {
			mop = elle_mop(elle, mops, m);
			if (!mop->write)
				continue;
			if (last[mop->key].position == at)
				intermediate[last[mop->key].version] = at;
			last[mop->key] = (struct last){at, elle->elements[mop->first]};
		}
	}
	free(last);
}

void
list_find_intermediate(struct elle *elle)
{
	uint32_t *intermediate = per_version(elle), t, m, version;
	const struct elle_mop *mop;

	find_intermediate(elle, intermediate);
	for (t = 0; t < elle->completed; t++) {
		for (m = 0; elle->txns[t].type == OP_OK && m < elle->txns[t].done.count; m++) {
			mop = elle_mop(elle, elle->txns[t].done, m);
			if (mop->write || mop->count == 0)
				continue;
			version = elle->elements[mop->first + mop->count - 1];
			if (intermediate[version] != ELLE_NONE && intermediate[version] != elle->txns[t].complete)
				report_read(elle, ANOMALY_G1B, t, m, intermediate[version], version);
		}
	}
	free(intermediate);
}

/* ---- :dirty-update: what was appended to what an aborted transaction had left ------------------------- */

struct walk {
	uint32_t txn;   /* whose append the walk is at; ELLE_NONE: the empty list */
	uint32_t first; /* place in the order from where on elements are shown */
};

static enum op_type
outcome(const struct elle *elle, uint32_t txn)
{
	return txn != ELLE_NONE ? elle->txns[txn].type : OP_OK;
}

static void
report_dirty(struct elle *elle, const struct list_orders *orders, uint32_t key, const struct walk *walk, uint32_t until,
    uint32_t txn)
{
	struct value *map = value_collection(elle->arena, VALUE_MAP);
	struct value *values = value_collection(elle->arena, VALUE_VECTOR);
	struct value *txns = value_collection(elle->arena, VALUE_VECTOR);

	for (uint32_t i = walk->first; i <= until; i++)
		value_push(elle->arena, values, elle->version_values[orders->order[orders->keys[key].first + i]]);
	value_push(elle->arena, txns, elle_txn_value(elle, walk->txn));
	value_push(elle->arena, txns, value_symbol(elle->arena, "..."));
	value_push(elle->arena, txns, elle_txn_value(elle, txn));
	value_put_keyword(elle->arena, map, "key", elle->keys[key]);
	value_put_keyword(elle->arena, map, "values", values);
	value_put_keyword(elle->arena, map, "txns", txns);
	elle_report(elle, ANOMALY_DIRTY_UPDATE, map);
}

/* What is indefinite is passed over; of several aborted ones in a row the first counts. */
static bool
walk_key(struct elle *elle, const struct list_orders *orders, const uint32_t *writer, uint32_t k)
{
	const struct list_key *key = &orders->keys[k];
	struct walk walk = {ELLE_NONE, 0};
	uint32_t i, txn;

	for (i = 0; i < key->count; i++) {
		txn = writer[orders->order[key->first + i]];
		if (txn == ELLE_NONE)
			return elle_fail(elle, "appended by no completed transaction: %s",
			    list_describe(elle, orders->order[key->first + i]));
		if (elle->txns[txn].type == OP_INFO ||
		    (elle->txns[txn].type == OP_FAIL && outcome(elle, walk.txn) == OP_FAIL))
			continue;
		if (elle->txns[txn].type == OP_OK && outcome(elle, walk.txn) == OP_FAIL)
			report_dirty(elle, orders, k, &walk, i, txn);
		walk = (struct walk){txn, i};
	}
	return true;
}

static void
find_writers(const struct elle *elle, uint32_t *writer)
{
	const struct elle_mop *mop;
	uint32_t t, m;

	for (t = 0; t < elle->completed; t++) {
		for (m = 0; m < elle->txns[t].done.count; m++) {
			mop = elle_mop(elle, elle->txns[t].done, m);
			if (mop->write)
				writer[elle->elements[mop->first]] = t;
		}
	}
}

bool
list_find_dirty_updates(struct elle *elle)
{
	uint32_t *writer = per_version(elle), k;
	struct list_orders orders;
	bool good = true;

	find_writers(elle, writer);
	list_orders_find(&orders, elle, LIST_ALL);
	for (k = 0; k < elle->key_count && good; k++)
		good = walk_key(elle, &orders, writer, k);
	list_orders_free(&orders);
	free(writer);
	return good;
}

/* ---- :lost-update: two transactions that read the same and both appended to it --------------------------- */

/* A transaction's first read of a key that it appends to later. */
struct update {
	const struct elle_mop *read;
	uint32_t txn;
};

struct updates {
	const struct elle *elle;
	struct update *items;
	size_t count, capacity;
};

static void
add_update(struct updates *updates, const struct elle_mop *read, uint32_t txn)
{
	if (updates->count == updates->capacity) {
		updates->capacity = updates->capacity > 0 ? updates->capacity * 2 : 256;
		updates->items = memory_resize(updates->items, updates->capacity, sizeof(*updates->items));
	}
	updates->items[updates->count++] = (struct update){read, txn};
}

struct first_read {
	uint32_t txn; /* that read this key */
	uint32_t mop; /* ELLE_NONE: and has appended to it since */
};

static void
gather_updates(struct updates *updates, uint32_t txn, struct first_read *reads)
{
	const struct elle *elle = updates->elle;
	struct elle_mops mops = elle->txns[txn].done;
	const struct elle_mop *mop;

	for (uint32_t m = 0; m < mops.count; m++) {
		mop = elle_mop(elle, mops, m);
		if (!mop->write && reads[mop->key].txn != txn) {
			reads[mop->key] = (struct first_read){txn, m};
		} else if (mop->write && reads[mop->key].txn == txn && reads[mop->key].mop != ELLE_NONE) {
			add_update(updates, elle_mop(elle, mops, reads[mop->key].mop), txn);
			reads[mop->key].mop = ELLE_NONE;
		}
	}
}

static int
compare_reads(const struct elle *elle, const struct elle_mop *a, const struct elle_mop *b)
{
	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	if (a->nil != b->nil)
		return a->nil ? -1 : 1;
	if (a->count != b->count)
		return a->count < b->count ? -1 : 1;
	return a->count == 0
		   ? 0
		   : memcmp(&elle->elements[a->first], &elle->elements[b->first], a->count * sizeof(*elle->elements));
}

static int
by_read(const void *a, const void *b, void *elle)
{
	const struct update *x = a, *y = b;
	int order = compare_reads(elle, x->read, y->read);

	return order != 0 ? order : (x->txn > y->txn) - (x->txn < y->txn);
}

static void
report_lost(struct elle *elle, const struct update *updates, size_t count)
{
	struct value *map = value_collection(elle->arena, VALUE_MAP);
	struct value *txns = value_collection(elle->arena, VALUE_VECTOR);
	const struct elle_mop *read = updates[0].read;
	uint32_t m = (uint32_t)(read - elle->mops) - elle->txns[updates[0].txn].done.first;
	const struct value *mop = elle_mop_value(elle, updates[0].txn, m);

	for (size_t i = 0; i < count; i++)
		value_push(elle->arena, txns, elle_txn_value(elle, updates[i].txn));
	value_put_keyword(elle->arena, map, "key", elle->keys[read->key]);
	value_put_keyword(elle->arena, map, "value", mop->count > 2 ? mop->items[2] : &value_nil);
	value_put_keyword(elle->arena, map, "txns", txns);
	elle_report(elle, ANOMALY_LOST_UPDATE, map);
}

void
list_find_lost_updates(struct elle *elle)
{
	struct first_read *reads = memory_alloc(((size_t)elle->key_count + 1) * sizeof(*reads));
	struct updates updates = {.elle = elle};
	size_t at, end;

	memset(reads, 0xff, ((size_t)elle->key_count + 1) * sizeof(*reads));
	for (uint32_t t = 0; t < elle->completed; t++)
		if (elle->txns[t].type == OP_OK)
			gather_updates(&updates, t, reads);
	if (updates.count > 0)
		qsort_r(updates.items, updates.count, sizeof(*updates.items), by_read, elle);
	for (at = 0; at < updates.count; at = end) {
		for (end = at + 1; end < updates.count; end++)
			if (compare_reads(elle, updates.items[at].read, updates.items[end].read) != 0)
				break;
		if (end - at > 1)
			report_lost(elle, &updates.items[at], end - at);
	}
	free(updates.items);
	free(reads);
}
