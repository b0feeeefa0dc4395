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
	uint32_t since;              /* the first micro-operation behind that read, or the first append */
};

/* Compares the transaction's own appends to a key, from one micro-operation to another, with these elements. */
static bool
ends_with_appends(const struct elle *elle, struct elle_mops mops, uint32_t since, uint32_t until,
    const uint32_t *elements, const struct elle_mop *read)
{
	uint32_t at = 0, m;

	for (m = since; m < until; m++)
		if (elle_mop(elle, mops, m)->write && elle_mop(elle, mops, m)->key == read->key &&
		    elle->elements[elle_mop(elle, mops, m)->first] != elements[at++])
			return false;
	return true;
}

static uint32_t
count_appends(const struct elle *elle, struct elle_mops mops, uint32_t since, uint32_t until, uint32_t key)
{
	uint32_t count = 0, m;

	for (m = since; m < until; m++)
		count += elle_mop(elle, mops, m)->write && elle_mop(elle, mops, m)->key == key;
	return count;
}

/* After a nil that nothing was appended to, Elle expects nothing. */
static bool
is_as_expected(const struct elle *elle, struct elle_mops mops, uint32_t m, const struct expected *expected)
{
	const struct elle_mop *read = elle_mop(elle, mops, m), *base = expected->read;
	uint32_t appends = count_appends(elle, mops, expected->since, m, read->key), before;

	if (base != NULL && appends == 0 && base->nil)
		return true;
	if (read->nil || read->count < appends)
		return false;
	before = read->count - appends;
	if (base != NULL && (base->count != before || memcmp(&elle->elements[base->first], &elle->elements[read->first],
							  before * sizeof(*elle->elements)) != 0))
		return false;
	return ends_with_appends(elle, mops, expected->since, m, &elle->elements[read->first + before], read);
}

static const struct value *
expected_value(struct elle *elle, struct elle_mops mops, uint32_t m, const struct expected *expected)
{
	struct value *list = value_collection(elle->arena, VALUE_VECTOR);
	const struct elle_mop *base = expected->read, *mop;
	uint32_t i;

	if (base == NULL)
		value_push(elle->arena, list, value_symbol(elle->arena, "..."));
	for (i = 0; base != NULL && i < base->count; i++)
		value_push(elle->arena, list, elle->version_values[elle->elements[base->first + i]]);
	for (i = expected->since; i < m; i++) {
		mop = elle_mop(elle, mops, i);
		if (mop->write && mop->key == elle_mop(elle, mops, m)->key)
			value_push(elle->arena, list, elle->version_values[elle->elements[mop->first]]);
	}
	return list;
}

static void
report_internal(struct elle *elle, uint32_t txn, uint32_t m, const struct expected *expected)
{
	struct value *map = value_collection(elle->arena, VALUE_MAP);

	value_put_keyword(elle->arena, map, "op", elle_txn_value(elle, txn));
	value_put_keyword(elle->arena, map, "mop", elle_mop_value(elle, txn, m));
	value_put_keyword(elle->arena, map, "expected", expected_value(elle, elle->txns[txn].done, m, expected));
	elle_report(elle, ANOMALY_INTERNAL, map);
}

/* Only the first contradiction of a transaction. */
static void
check_internal(struct elle *elle, uint32_t txn, struct expected *by_key)
{
	struct elle_mops mops = elle->txns[txn].done;
	const struct elle_mop *mop;
	struct expected *expected;

	for (uint32_t m = 0; m < mops.count; m++) {
		mop = elle_mop(elle, mops, m);
		expected = &by_key[mop->key];
		if (!mop->write && expected->txn == txn && !is_as_expected(elle, mops, m, expected)) {
			report_internal(elle, txn, m, expected);
			return;
		}
		if (!mop->write)
			*expected = (struct expected){txn, mop, m + 1};
		else if (expected->txn != txn)
			*expected = (struct expected){txn, NULL, m};
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
	struct expected *by_key = memory_alloc(((size_t)elle->key_count + 1) * sizeof(*by_key));
	struct seen *seen = memory_alloc(((size_t)elle->version_count + 1) * sizeof(*seen));

	memset(by_key, 0xff, ((size_t)elle->key_count + 1) * sizeof(*by_key));
	memset(seen, 0xff, ((size_t)elle->version_count + 1) * sizeof(*seen));
	for (uint32_t t = 0; t < elle->completed; t++) {
		if (elle->txns[t].type != OP_OK)
			continue;
		check_internal(elle, t, by_key);
		check_future(elle, t, seen);
	}
	free(by_key);
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
