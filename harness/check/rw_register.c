/*
 * Transactions on registers, each write of another value
 * (elle.rw-register/check, as maelstrom.workload.txn-rw-register uses it).
 *
 * Some anomalies are seen in single transactions or pairs of them
 * (rw_register_reads.c). The rest are cycles of dependencies. Who read a
 * version depends on who wrote it (wr). Where it is known that one version of a
 * key comes after another (rw_register_versions.c), who wrote the later one
 * depends on who wrote (ww) or read (rw) the earlier one. As that is known only
 * of few versions - by default of those that one transaction read and wrote,
 * and of the initial one - many an anomaly goes unseen, but none is imagined.
 *
 * As in Elle, of what crashed transactions wrote only the place in the order of
 * versions counts: they are no part of cycles by their writes.
 */
#include "rw_register.h"

#include <stdlib.h>

#include "memory.h"

#define LINKS_MAX ((size_t)1 << 25) /* between transactions */

/* ---- versions and accesses ---------------------------------------------------------------- */

uint32_t
rw_version(const struct rw_register *rw, const struct elle_mop *mop)
{
	uint32_t version;

	if (mop->count == 0)
		return rw->initial + mop->key;
	version = rw->elle->elements[mop->first];
	return rw->elle->version_values[version]->type == VALUE_NIL ? rw->initial + mop->key : version;
}

const struct value *
rw_version_value(const struct rw_register *rw, uint32_t version)
{
	return rw_is_initial(rw, version) ? &value_nil : rw->elle->version_values[version];
}

static int
compare_accesses(const void *a, const void *b)
{
	uint32_t key = ((const struct rw_access *)a)->key, other = ((const struct rw_access *)b)->key;

	return (key > other) - (key < other);
}

const struct rw_access *
rw_access_of(const struct rw_register *rw, uint32_t txn, uint32_t key)
{
	const struct rw_access wanted = {.key = key};
	size_t first = rw->access_first[txn];

	return bsearch(
	    &wanted, rw->accesses + first, rw->access_first[txn + 1] - first, sizeof(wanted), compare_accesses);
}

static void
note_access(struct rw_register *rw, size_t first, size_t *last, size_t *seen, const struct elle_mop *mop, bool known)
{
	struct rw_access *access;
	bool is_first = seen[mop->key] <= first;

	if (is_first) {
		rw->accesses[*last] = (struct rw_access){mop->key, ELLE_NONE, ELLE_NONE};
		seen[mop->key] = ++*last;
	}
	access = &rw->accesses[seen[mop->key] - 1];
	if (mop->write)
		access->write = rw_version(rw, mop);
	else if (is_first && known)
		access->read = rw_version(rw, mop);
}

/* A crashed transaction may have written; what it read is not known. */
static void
note_accesses(struct rw_register *rw)
{
	const struct elle *elle = rw->elle;
	size_t *seen = memory_zero(((size_t)elle->key_count + 1) * sizeof(*seen)); /* by key: an access + 1 */
	const struct elle_txn *txn;
	size_t last = 0;
	uint32_t t, i;

	rw->initial = elle->version_count;
	rw->versions = elle->version_count + elle->key_count;
	rw->accesses = memory_alloc(((size_t)elle->mop_count + 1) * sizeof(*rw->accesses));
	rw->access_first = memory_alloc(((size_t)elle->txn_count + 1) * sizeof(*rw->access_first));
	for (t = 0; t < elle->txn_count; t++) {
		txn = &elle->txns[t];
		rw->access_first[t] = last;
		for (i = 0; i < txn->done.count && (txn->type == OP_OK || txn->type == OP_INFO); i++)
			note_access(
			    rw, rw->access_first[t], &last, seen, elle_mop(elle, txn->done, i), txn->type == OP_OK);
	}
	rw->access_first[t] = last;
	for (t = 0; t < elle->txn_count; t++)
		qsort(rw->accesses + rw->access_first[t], rw->access_first[t + 1] - rw->access_first[t],
		    sizeof(*rw->accesses), compare_accesses);
	free(seen);
}

/* What a transaction wrote or read of a key, if that is known to have taken effect. */
static uint32_t
known_version(const struct rw_register *rw, uint32_t txn, size_t access, bool written)
{
	if (rw->elle->txns[txn].type != OP_OK)
		return ELLE_NONE;
	return written ? rw->accesses[access].write : rw->accesses[access].read;
}

static void
index_txns(struct rw_index *index, const struct rw_register *rw, bool written)
{
	size_t *first = memory_zero(((size_t)rw->versions + 2) * sizeof(*first)), i;
	uint32_t t, version;

	*index =
	    (struct rw_index){first, memory_alloc((rw->access_first[rw->elle->txn_count] + 1) * sizeof(*index->txns))};
	for (t = 0; t < rw->elle->txn_count; t++)
		for (i = rw->access_first[t]; i < rw->access_first[t + 1]; i++)
			if ((version = known_version(rw, t, i, written)) != ELLE_NONE)
				first[version + 2]++;
	for (i = 2; i < (size_t)rw->versions + 2; i++)
		first[i] += first[i - 1];
	for (t = 0; t < rw->elle->txn_count; t++)
		for (i = rw->access_first[t]; i < rw->access_first[t + 1]; i++)
			if ((version = known_version(rw, t, i, written)) != ELLE_NONE)
				index->txns[first[version + 1]++] = t;
}

static size_t
index_count(const struct rw_index *index, uint32_t version)
{
	return index->first[version + 1] - index->first[version];
}

/* ---- what Elle refuses ------------------------------------------------------------------------ */

/* elle.txn/assert-type-sanity */
static bool
keys_are_alike(const struct rw_register *rw)
{
	const struct elle *elle = rw->elle;

	for (uint32_t key = 1; key < elle->key_count; key++)
		if (elle->keys[key]->type != elle->keys[0]->type)
			return elle_fail(rw->elle, "keys are of different types");
	return true;
}

/* Where one is read, it must be clear who wrote it. */
static bool
writes_are_unique(const struct rw_register *rw)
{
	struct buffer text = {0};

	for (uint32_t version = 0; version < rw->versions; version++) {
		if (index_count(&rw->readers, version) == 0 || index_count(&rw->writers, version) < 2)
			continue;
		edn_write(&text, rw_version_value(rw, version));
		elle_fail(rw->elle, "a key had value %s written by more than one operation", buffer_string(&text));
		buffer_free(&text);
		return false;
	}
	return true;
}

/* ---- dependencies ----------------------------------------------------------------------------------- */

static void
link_all(const struct rw_register *rw, const struct rw_index *from, uint32_t version, const struct rw_index *to,
    uint32_t other, enum elle_type type)
{
	size_t i, j;

	rw->elle->met |= index_count(from, version) > 0 && index_count(to, other) > 0;
	for (i = from->first[version]; i < from->first[version + 1]; i++)
		for (j = to->first[other]; j < to->first[other + 1]; j++)
			if (from->txns[i] == to->txns[j] && type == ELLE_WR)
				elle_link_loop(rw->elle, from->txns[i], type);
			else
				elle_link(rw->elle, from->txns[i], to->txns[j], type);
}

/* How many links the order of versions makes. */
static size_t
count_links(const struct rw_register *rw)
{
	size_t count = 0, others, e;

	for (uint32_t version = 0; version < rw->versions; version++) {
		others = index_count(&rw->writers, version) + index_count(&rw->readers, version);
		for (e = rw->order.first[version]; e < rw->order.first[version + 1] && count <= LINKS_MAX; e++)
			count += others * index_count(&rw->writers, rw->order.to[e]);
	}
	return count;
}

static bool
link_txns(const struct rw_register *rw)
{
	uint32_t version;
	size_t e;

	if (count_links(rw) > LINKS_MAX)
		return elle_fail(rw->elle, "more than %zu dependencies between transactions", LINKS_MAX);
	for (version = 0; version < rw->versions; version++) {
		link_all(rw, &rw->writers, version, &rw->readers, version, ELLE_WR);
		for (e = rw->order.first[version]; e < rw->order.first[version + 1]; e++) {
			link_all(rw, &rw->writers, version, &rw->writers, rw->order.to[e], ELLE_WW);
			link_all(rw, &rw->readers, version, &rw->writers, rw->order.to[e], ELLE_RW);
		}
	}
	return true;
}

/* ---- the check ------------------------------------------------------------------------------------------ */

bool
rw_read(struct rw_register *rw)
{
	if (!elle_read(rw->elle))
		return false;
	if ((size_t)rw->elle->version_count + rw->elle->key_count >= ELLE_NONE)
		return elle_fail(rw->elle, "too many versions");
	note_accesses(rw);
	index_txns(&rw->readers, rw, false);
	index_txns(&rw->writers, rw, true);
	return keys_are_alike(rw) && writes_are_unique(rw);
}

static bool
find_anomalies(struct rw_register *rw)
{
	if (!rw_read(rw))
		return false;
	rw_find_internal(rw);
	rw_find_dirty_reads(rw);
	rw_find_lost_updates(rw);
	rw_order_versions(rw);
	if (!link_txns(rw))
		return false;
	elle_search(rw->elle);
	return true;
}

void
rw_free(struct rw_register *rw)
{
	free(rw->accesses);
	free(rw->access_first);
	free(rw->readers.first);
	free(rw->readers.txns);
	free(rw->writers.first);
	free(rw->writers.txns);
	elle_graph_free(&rw->order);
}

/*
 * Maelstrom counts on searches that are given up, as most components are
 * irrelevant here: it forgets them, and takes for invalid whatever else there
 * is to report - an empty graph, too.
 */
static const struct value *
without_timeouts(struct arena *arena, const struct value *elles)
{
	struct value *result = value_collection(arena, VALUE_MAP), *types = value_collection(arena, VALUE_LIST);
	struct value *anomalies = value_collection(arena, VALUE_MAP);
	const struct value *all = value_get(elles, "anomalies");
	size_t i;

	for (i = 0; all != NULL && i < all->count; i += 2)
		if (!value_is_keyword(all->items[i], "cycle-search-timeout")) {
			value_push(arena, types, all->items[i]);
			value_put(arena, anomalies, all->items[i], all->items[i + 1]);
		}
	value_put_keyword(arena, result, "valid?", value_bool(types->count == 0));
	value_put_keyword(arena, result, "anomaly-types", types);
	value_put_keyword(arena, result, "anomalies", all != NULL ? anomalies : &value_nil);
	for (i = 0; i < elles->count; i += 2)
		if (value_is_keyword(elles->items[i], "not") || value_is_keyword(elles->items[i], "also-not"))
			value_put(arena, result, elles->items[i], elles->items[i + 1]);
	return result;
}

const struct value *
check_rw_register(struct arena *arena, const struct history *history, const struct check_options *options)
{
	struct elle elle;
	struct rw_register rw = {
	    .elle = &elle,
	    .sequential_keys = options->sequential_keys,
	    .linearizable_keys = options->linearizable_keys,
	};
	const struct value *result;

	elle_init(&elle, arena, history, options, &rw_register_workload, &rw);
	if (find_anomalies(&rw))
		result = without_timeouts(arena, elle_result(&elle));
	else
		result = elle_failed(&elle);
	rw_free(&rw);
	elle_free(&elle);
	return result;
}
