/* The order of a key's appends is that of the longest list that was read of it (elle.list-append/append-index). */
#include <stdlib.h>
#include <string.h>

#include "clojure_order.h"
#include "list_append.h"
#include "memory.h"

static const struct value *
list_value(const struct elle *elle, const struct elle_mop *mop, struct arena *arena)
{
	struct value *list = value_collection(arena, VALUE_VECTOR);

	for (uint32_t i = 0; i < mop->count; i++)
		value_push(arena, list, elle->version_values[elle->elements[mop->first + i]]);
	return list;
}

static bool
same_list(const struct elle *elle, const struct elle_mop *a, const struct elle_mop *b)
{
	return a->count == b->count &&
	       memcmp(&elle->elements[a->first], &elle->elements[b->first], a->count * sizeof(*elle->elements)) == 0;
}

/* Of different lists of one length, which nothing correct returns, the one that Elle's sets have last. */
static bool
comes_later(const struct elle *elle, const struct elle_mop *a, const struct elle_mop *b)
{
	struct arena arena = {0};
	bool later = clojure_rank(list_value(elle, a, &arena)) > clojure_rank(list_value(elle, b, &arena));

	arena_free(&arena);
	return later;
}

/* ---- one pass over all that happened --------------------------------------------------------------- */

static void
note_append(struct list_key *key, uint32_t version)
{
	if (key->appends++ > 0)
		key->appends = 2;
	key->single = version;
}

static void
note_read(const struct elle *elle, struct list_key *key, const struct elle_mop *mop)
{
	const struct elle_mop *longest = key->longest;

	if (mop->count == 0 || (longest != NULL && mop->count < longest->count))
		return;
	if (longest != NULL && mop->count == longest->count &&
	    (same_list(elle, mop, longest) || comes_later(elle, longest, mop)))
		return;
	key->longest = mop;
}

static void
note(struct list_orders *orders, const struct elle *elle, struct elle_mops mops)
{
	const struct elle_mop *mop;

	for (uint32_t m = 0; m < mops.count; m++) {
		mop = elle_mop(elle, mops, m);
		if (mop->write)
			note_append(&orders->keys[mop->key], elle->elements[mop->first]);
		else
			note_read(elle, &orders->keys[mop->key], mop);
	}
}

static void
note_all(struct list_orders *orders, const struct elle *elle, enum list_scope scope)
{
	const struct elle_txn *txn;

	for (uint32_t t = 0; t < elle->txn_count; t++) {
		txn = &elle->txns[t];
		if (scope == LIST_ALL)
			note(orders, elle, txn->asked);
		if (scope == LIST_ALL || txn->type == OP_OK || txn->type == OP_INFO)
			note(orders, elle, txn->done);
	}
}

/* ---- orders --------------------------------------------------------------------------------------------- */

static size_t
place(struct list_orders *orders, struct list_key *key, size_t at, uint32_t version)
{
	if (orders->position[version] != ELLE_NONE)
		return at;
	orders->position[version] = key->count++;
	orders->order[at] = version;
	return at + 1;
}

void
list_orders_find(struct list_orders *orders, const struct elle *elle, enum list_scope scope)
{
	struct list_key *key;
	size_t at = 0;

	orders->keys = memory_zero(((size_t)elle->key_count + 1) * sizeof(*orders->keys));
	orders->order = memory_alloc(((size_t)elle->version_count + 1) * sizeof(*orders->order));
	orders->position = memory_alloc(((size_t)elle->version_count + 1) * sizeof(*orders->position));
	memset(orders->position, 0xff, ((size_t)elle->version_count + 1) * sizeof(*orders->position));
	note_all(orders, elle, scope);
	for (uint32_t k = 0; k < elle->key_count; k++) {
		key = &orders->keys[k];
		key->first = at;
		if (key->longest != NULL)
			for (uint32_t i = 0; i < key->longest->count; i++)
				at = place(orders, key, at, elle->elements[key->longest->first + i]);
		else if (key->appends == 1)
			at = place(orders, key, at, key->single);
	}
}

void
list_orders_free(struct list_orders *orders)
{
	free(orders->keys);
	free(orders->order);
	free(orders->position);
}

uint32_t
list_previous(const struct list_orders *orders, const struct elle *elle, uint32_t version)
{
	const struct list_key *key = &orders->keys[elle->version_keys[version]];
	uint32_t position = orders->position[version];

	/* What nobody ever saw came after all that was seen. */
	if (position == ELLE_NONE)
		position = key->count;
	return position > 0 ? orders->order[key->first + position - 1] : ELLE_NONE;
}

/* ---- different orders ------------------------------------------------------------------------------------ */

static bool
is_prefix(const struct elle *elle, const struct elle_mop *a, const struct elle_mop *b)
{
	return a->count <= b->count &&
	       memcmp(&elle->elements[a->first], &elle->elements[b->first], a->count * sizeof(*elle->elements)) == 0;
}

/* Two reads of a key of which none is the beginning of the other. */
static void
report_orders(struct elle *elle, const struct elle_mop *a, const struct elle_mop *b)
{
	struct value *map = value_collection(elle->arena, VALUE_MAP);
	struct value *values = value_collection(elle->arena, VALUE_VECTOR);

	value_push(elle->arena, values, list_value(elle, a, elle->arena));
	value_push(elle->arena, values, list_value(elle, b, elle->arena));
	value_put_keyword(elle->arena, map, "key", elle->keys[a->key]);
	value_put_keyword(elle->arena, map, "values", values);
	elle_report(elle, ANOMALY_INCOMPATIBLE_ORDER, map);
}

/*
 * All reads of a key agree if each is a beginning of the longest. Where one is
 * not, the longest that is no beginning of it, and it, are reported: one pair
 * a key.
 */
void
list_find_incompatible_orders(struct elle *elle, const struct list_orders *orders)
{
	const struct elle_mop **shortest = memory_zero(((size_t)elle->key_count + 1) * sizeof(*shortest)), *mop;
	const struct elle_txn *txn;
	uint32_t t, m, k;

	for (t = 0; t < elle->completed; t++) {
		txn = &elle->txns[t];
		if (txn->type != OP_OK && txn->type != OP_INFO)
			continue;
		for (m = 0; m < txn->done.count; m++) {
			mop = elle_mop(elle, txn->done, m);
			if (mop->write || mop->count == 0 || is_prefix(elle, mop, orders->keys[mop->key].longest))
				continue;
			if (shortest[mop->key] == NULL || mop->count < shortest[mop->key]->count)
				shortest[mop->key] = mop;
		}
	}
	for (k = 0; k < elle->key_count; k++)
		if (shortest[k] != NULL)
			report_orders(elle, shortest[k], orders->keys[k].longest);
	free(shortest);
}
