/* What contradicts itself within one transaction or one read (elle.list-append/internal-cases, duplicates). */
#include <stdlib.h>
#include <string.h>

#include "list_append.h"
#include "memory.h"

/* ---- :internal --------------------------------------------------------------------------------- */

/* What a transaction must read of a key: what it read last, and behind it what it has appended since. */
struct expected {
	uint32_t txn;                /* that this is about; ELLE_NONE: none */
	const struct elle_mop *read; /* NULL: it read nothing so far, and has only appended */
	uint32_t first, last;        /* appends since then: numbers of micro-operations; ELLE_NONE: none */
	uint32_t appends;
};

struct internal {
	struct elle *elle;
	struct expected *by_key;
	uint32_t *next; /* of each append: the same transaction's next one to that key */
};

/* Whether elements are those that were appended. */
static bool
are_appends(const struct internal *internal, const struct expected *expected, const uint32_t *elements)
{
	const struct elle *elle = internal->elle;

	for (uint32_t m = expected->first; m != ELLE_NONE; m = internal->next[m])
		if (elle->elements[elle->mops[m].first] != *elements++)
			return false;
	return true;
}

/* After a nil that nothing was appended to, Elle expects nothing. */
static bool
is_as_expected(const struct internal *internal, const struct expected *expected, const struct elle_mop *read)
{
	const struct elle_mop *base = expected->read;
	const uint32_t *elements = internal->elle->elements;
	uint32_t before;

	if (base != NULL && base->nil && expected->appends == 0)
		return true;
	if (read->nil || read->count < expected->appends)
		return false;
	before = read->count - expected->appends;
	if (base != NULL && (base->count != before || memcmp(&elements[base->first], &elements[read->first],
							  before * sizeof(*elements)) != 0))
		return false;
	return are_appends(internal, expected, &elements[read->first + before]);
}

static const struct value *
expected_value(const struct internal *internal, const struct expected *expected)
{
	struct elle *elle = internal->elle;
	struct value *list = value_collection(elle->arena, VALUE_VECTOR);
	const struct elle_mop *base = expected->read;
	uint32_t i, m;

	if (base == NULL)
		value_push(elle->arena, list, value_symbol(elle->arena, "..."));
	for (i = 0; base != NULL && i < base->count; i++)
		value_push(elle->arena, list, elle->version_values[elle->elements[base->first + i]]);
	for (m = expected->first; m != ELLE_NONE; m = internal->next[m])
		value_push(elle->arena, list, elle->version_values[elle->elements[elle->mops[m].first]]);
	return list;
}

static void
report_internal(const struct internal *internal, uint32_t txn, uint32_t m, const struct expected *expected)
{
	struct elle *elle = internal->elle;
	struct value *map = value_collection(elle->arena, VALUE_MAP);

	value_put_keyword(elle->arena, map, "op", elle_txn_value(elle, txn));
	value_put_keyword(elle->arena, map, "mop", elle_mop_value(elle, txn, m));
	value_put_keyword(elle->arena, map, "expected", expected_value(internal, expected));
	elle_report(elle, ANOMALY_INTERNAL, map);
}

static void
expect_append(struct internal *internal, struct expected *expected, uint32_t m)
{
	internal->next[m] = ELLE_NONE;
	if (expected->first == ELLE_NONE)
		expected->first = m;
	else
		internal->next[expected->last] = m;
	expected->last = m;
	expected->appends++;
}

/* Only the first contradiction of a transaction. */
static void
check_internal(struct internal *internal, uint32_t txn)
{
	struct elle_mops mops = internal->elle->txns[txn].done;
	const struct elle_mop *mop;
	struct expected *expected;

	for (uint32_t m = 0; m < mops.count; m++) {
		mop = elle_mop(internal->elle, mops, m);
		expected = &internal->by_key[mop->key];
		if (!mop->write && expected->txn == txn && !is_as_expected(internal, expected, mop)) {
			report_internal(internal, txn, m, expected);
			return;
		}
		if (!mop->write || expected->txn != txn)
			*expected = (struct expected){txn, mop->write ? NULL : mop, ELLE_NONE, ELLE_NONE, 0};
		if (mop->write)
			expect_append(internal, expected, mops.first + m);
	}
}

/* ---- :future-read --------------------------------------------------------------------------------- */

/* Who read an element last, and where first in that transaction. */
struct seen {
	uint32_t txn, mop;
};

static void
report_future(struct elle *elle, uint32_t txn, uint32_t read, uint32_t version)
{
	struct value *map = value_collection(elle->arena, VALUE_MAP);

	value_put_keyword(elle->arena, map, "op", elle_txn_value(elle, txn));
	value_put_keyword(elle->arena, map, "mop", elle_mop_value(elle, txn, read));
	value_put_keyword(elle->arena, map, "element", elle->version_values[version]);
	elle_report(elle, ANOMALY_FUTURE_READ, map);
}

static void
check_future(struct elle *elle, uint32_t txn, struct seen *seen)
{
	struct elle_mops mops = elle->txns[txn].done;
	const struct elle_mop *mop;
	uint32_t m, i, version;

	for (m = 0; m < mops.count; m++) {
		mop = elle_mop(elle, mops, m);
		for (i = 0; i < mop->count; i++) {
			version = elle->elements[mop->first + i];
			if (mop->write && seen[version].txn == txn) {
				report_future(elle, txn, seen[version].mop, version);
				return;
			}
			if (!mop->write && seen[version].txn != txn)
				seen[version] = (struct seen){txn, m};
		}
	}
}

void
list_find_internal(struct elle *elle)
{
	struct internal internal = {.elle = elle};
	struct seen *seen = memory_alloc(((size_t)elle->version_count + 1) * sizeof(*seen));

	internal.by_key = memory_alloc(((size_t)elle->key_count + 1) * sizeof(*internal.by_key));
	internal.next = memory_alloc(((size_t)elle->mop_count + 1) * sizeof(*internal.next));
	memset(internal.by_key, 0xff, ((size_t)elle->key_count + 1) * sizeof(*internal.by_key));
	memset(seen, 0xff, ((size_t)elle->version_count + 1) * sizeof(*seen));
	for (uint32_t t = 0; t < elle->completed; t++) {
		if (elle->txns[t].type != OP_OK)
			continue;
		check_internal(&internal, t);
		check_future(elle, t, seen);
	}
	free(internal.by_key);
	free(internal.next);
	free(seen);
}

/* ---- :duplicate-elements ------------------------------------------------------------------------------ */

struct count {
	uint32_t read; /* the micro-operation's number, + 1 */
	uint32_t times;
};

static bool
has_duplicates(const struct elle *elle, const struct elle_mop *mop, struct count *counts)
{
	uint32_t read = (uint32_t)(mop - elle->mops) + 1, i, version;
	bool any = false;

	for (i = 0; i < mop->count; i++) {
		version = elle->elements[mop->first + i];
		if (counts[version].read != read)
			counts[version] = (struct count){read, 0};
		any |= ++counts[version].times == 2;
	}
	return any;
}

static int
by_element(const void *a, const void *b)
{
	const struct value *const *x = a, *const *y = b;
	bool comparable;

	return value_compare(x[0], y[0], &comparable);
}

static const struct value *
duplicates_value(struct elle *elle, const struct elle_mop *mop, struct count *counts)
{
	struct value *map = value_collection(elle->arena, VALUE_MAP);
	uint32_t version;

	for (uint32_t i = 0; i < mop->count; i++) {
		version = elle->elements[mop->first + i];
		if (counts[version].times > 1)
			value_put(elle->arena, map, elle->version_values[version],
			    value_int(elle->arena, counts[version].times));
		counts[version].times = 0;
	}
	qsort(map->items, map->count / 2, 2 * sizeof(*map->items), by_element);
	return map;
}

static void
report_duplicates(struct elle *elle, uint32_t txn, uint32_t m, struct count *counts)
{
	struct value *map = value_collection(elle->arena, VALUE_MAP);

	value_put_keyword(elle->arena, map, "op", elle_txn_value(elle, txn));
	value_put_keyword(elle->arena, map, "mop", elle_mop_value(elle, txn, m));
	value_put_keyword(
	    elle->arena, map, "duplicates", duplicates_value(elle, elle_mop(elle, elle->txns[txn].done, m), counts));
	elle_report(elle, ANOMALY_DUPLICATE_ELEMENTS, map);
}

void
list_find_duplicates(struct elle *elle)
{
	struct count *counts = memory_zero(((size_t)elle->version_count + 1) * sizeof(*counts));
	const struct elle_mop *mop;
	uint32_t t, m;

	for (t = 0; t < elle->completed; t++) {
		if (elle->txns[t].type != OP_OK && elle->txns[t].type != OP_INFO)
			continue;
		for (m = 0; m < elle->txns[t].done.count; m++) {
			mop = elle_mop(elle, elle->txns[t].done, m);
			if (!mop->write && has_duplicates(elle, mop, counts))
				report_duplicates(elle, t, m, counts);
		}
	}
	free(counts);
}
