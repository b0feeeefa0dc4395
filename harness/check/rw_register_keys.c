/*
 * Orders of versions from orders of transactions
 * (elle.rw-register/transaction-graph->version-graphs): where a key by itself
 * is sequentially consistent, a process meets its versions in their order; where
 * it is linearizable, whoever comes later in real time does.
 *
 * From each transaction on a key there is a link to the next ones on that key:
 * those that follow it without another one on that key between. (Elle 0.2.2
 * changes sets that it shares while it computes these links, and so sees
 * contradictions at times where there are none; and it throws where several
 * cycles of one key's versions hold nil. Here is what it means to do.)
 */
#include <stdlib.h>

#include "memory.h"
#include "rw_register.h"

/* The last version of the key that a transaction met, and the first. */
static uint32_t
last_version(const struct rw_register *rw, const struct rw_access *access)
{
	if (access->write != ELLE_NONE && !rw_is_initial(rw, access->write))
		return access->write;
	return access->read != ELLE_NONE ? access->read : rw->initial + access->key;
}

static uint32_t
first_version(const struct rw_register *rw, const struct rw_access *access)
{
	if (access->read != ELLE_NONE && !rw_is_initial(rw, access->read))
		return access->read;
	return access->write != ELLE_NONE ? access->write : rw->initial + access->key;
}

static void
link_accesses(
    const struct rw_register *rw, struct rw_links *links, const struct rw_access *a, const struct rw_access *b)
{
	uint32_t from = last_version(rw, a), to = first_version(rw, b);

	if (from != to)
		rw_link(links, from, to);
}

/* ---- sequential keys ------------------------------------------------------------------- */

struct visit {
	int64_t process;
	uint32_t key;
	size_t access; /* accesses are in the order of transactions */
};

static int
compare_visits(const void *a, const void *b)
{
	const struct visit *one = a, *other = b;

	if (one->process != other->process)
		return one->process < other->process ? -1 : 1;
	if (one->key != other->key)
		return one->key < other->key ? -1 : 1;
	return one->access < other->access ? -1 : one->access > other->access;
}

void
rw_link_sequential_keys(const struct rw_register *rw, struct rw_links *links)
{
	const struct elle *elle = rw->elle;
	struct visit *visits = memory_alloc((rw->access_first[elle->txn_count] + 1) * sizeof(*visits));
	size_t count = 0, i;

	for (uint32_t txn = 0; txn < elle->completed; txn++)
		for (i = rw->access_first[txn]; elle->txns[txn].type == OP_OK && i < rw->access_first[txn + 1]; i++)
			visits[count++] = (struct visit){elle->txns[txn].process, rw->accesses[i].key, i};
	qsort(visits, count, sizeof(*visits), compare_visits);
	for (i = 1; i < count; i++)
		if (visits[i - 1].process == visits[i].process && visits[i - 1].key == visits[i].key)
			link_accesses(rw, links, &rw->accesses[visits[i - 1].access], &rw->accesses[visits[i].access]);
	free(visits);
}

/* ---- linearizable keys: sets of transactions ----------------------------------------------- */

/*
 * One sweep over the history. For each key there is, at any time, the set of
 * transactions on it that a transaction invoked now would come next to. It
 * changes only where one is completed:
 *
 * - one on that key takes the place of all that it followed;
 * - one on other keys adds what preceded it when it was invoked, as those may
 *   have been replaced since by one that ran at the same time.
 *
 * What is still needed of the past is in a log of all changes.
 */
struct set {
	size_t first; /* in members */
	uint32_t count;
};

struct change {
	uint32_t key;
	struct set before;
	size_t previous; /* change of this key, + 1; 0: none */
};

struct sweep {
	const struct rw_register *rw;
	struct rw_links *links;
	struct set *sets;    /* by key */
	size_t *last_change; /* by key: + 1; 0: none */
	struct change *log;
	size_t log_count, log_capacity;
	uint32_t *members; /* of all sets; sorted in each */
	size_t member_count, member_capacity;
	size_t *log_at; /* by transaction: how long the log was at its invocation */
	uint32_t *next; /* transactions that something invoked now would come next to, whatever their keys */
	size_t next_count, next_capacity;
};

static void
add_member(struct sweep *sweep, uint32_t txn)
{
	if (sweep->member_count == sweep->member_capacity) {
		sweep->member_capacity *= 2;
		sweep->members = memory_resize(sweep->members, sweep->member_capacity, sizeof(*sweep->members));
	}
	sweep->members[sweep->member_count++] = txn;
}

static void
add_members(struct sweep *sweep, struct set set)
{
	for (uint32_t i = 0; i < set.count; i++)
		add_member(sweep, sweep->members[set.first + i]);
}

static int
compare_txns(const void *a, const void *b)
{
	uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;

	return one < other ? -1 : one > other;
}

/* Makes a set of the members that were added from here on. */
static struct set
close_set(struct sweep *sweep, size_t first)
{
	uint32_t *members = sweep->members + first;
	size_t count = sweep->member_count - first, kept = 0, i;

	if (count > 0)
		qsort(members, count, sizeof(*members), compare_txns);
	for (i = 0; i < count; i++)
		if (kept == 0 || members[kept - 1] != members[i])
			members[kept++] = members[i];
	sweep->member_count = first + kept;
	return (struct set){first, (uint32_t)kept};
}

static void
change_set(struct sweep *sweep, uint32_t key, struct set set)
{
	if (sweep->log_count == sweep->log_capacity) {
		sweep->log_capacity *= 2;
		sweep->log = memory_resize(sweep->log, sweep->log_capacity, sizeof(*sweep->log));
	}
	sweep->log[sweep->log_count++] = (struct change){key, sweep->sets[key], sweep->last_change[key]};
	sweep->last_change[key] = sweep->log_count;
	sweep->sets[key] = set;
}

/* The set of a key when the log was so long. */
static struct set
set_at(const struct sweep *sweep, uint32_t key, size_t at)
{
	struct set set = sweep->sets[key];
	size_t change = sweep->last_change[key];

	for (; change > at; change = sweep->log[change - 1].previous)
		set = sweep->log[change - 1].before;
	return set;
}

/* ---- linearizable keys: the sweep -------------------------------------------------------- */

static void
invoke(struct sweep *sweep, uint32_t txn)
{
	const struct rw_register *rw = sweep->rw;
	const struct rw_access *access;
	struct set set;

	sweep->log_at[txn] = sweep->log_count;
	for (size_t i = rw->access_first[txn]; i < rw->access_first[txn + 1]; i++) {
		access = &rw->accesses[i];
		if (access->read == ELLE_NONE && access->write == ELLE_NONE)
			continue;
		set = sweep->sets[access->key];
		for (uint32_t j = 0; j < set.count; j++)
			link_accesses(
			    rw, sweep->links, rw_access_of(rw, sweep->members[set.first + j], access->key), access);
	}
}

/* The completed transaction is on this key: it stays with those that it did not follow. */
static void
replace(struct sweep *sweep, uint32_t txn, uint32_t key)
{
	const struct elle_txn *txns = sweep->rw->elle->txns;
	size_t first = sweep->member_count;

	for (size_t i = 0; i < sweep->next_count; i++) {
		uint32_t other = sweep->next[i];

		if (txns[other].complete < txns[txn].invoke)
			continue;
		if (rw_access_of(sweep->rw, other, key) != NULL)
			add_member(sweep, other);
		else
			add_members(sweep, set_at(sweep, key, sweep->log_at[other]));
	}
	add_member(sweep, txn);
	change_set(sweep, key, close_set(sweep, first));
}

/* The completed transaction is not on this key: it brings back what preceded it. */
static void
bring_back(struct sweep *sweep, uint32_t txn, uint32_t key)
{
	size_t first = sweep->member_count;
	struct set set;

	add_members(sweep, sweep->sets[key]);
	add_members(sweep, set_at(sweep, key, sweep->log_at[txn]));
	set = close_set(sweep, first);
	if (set.count > sweep->sets[key].count)
		change_set(sweep, key, set);
	else
		sweep->member_count = first;
}

static void
advance(struct sweep *sweep, uint32_t txn)
{
	const struct elle_txn *txns = sweep->rw->elle->txns;
	size_t kept = 0, i;

	for (i = 0; i < sweep->next_count; i++)
		if (txns[sweep->next[i]].complete > txns[txn].invoke)
			sweep->next[kept++] = sweep->next[i];
	sweep->next_count = kept;
	if (sweep->next_count == sweep->next_capacity) {
		sweep->next_capacity *= 2;
		sweep->next = memory_resize(sweep->next, sweep->next_capacity, sizeof(*sweep->next));
	}
	sweep->next[sweep->next_count++] = txn;
}

static void
complete(struct sweep *sweep, uint32_t txn)
{
	const struct rw_register *rw = sweep->rw;
	size_t end = sweep->log_count, i;

	for (i = sweep->log_at[txn]; i < end; i++)
		if (sweep->log[i].previous <= sweep->log_at[txn] && rw_access_of(rw, txn, sweep->log[i].key) == NULL)
			bring_back(sweep, txn, sweep->log[i].key);
	for (i = rw->access_first[txn]; i < rw->access_first[txn + 1]; i++)
		replace(sweep, txn, rw->accesses[i].key);
	advance(sweep, txn);
}

void
rw_link_linearizable_keys(const struct rw_register *rw, struct rw_links *links)
{
	const struct elle *elle = rw->elle;
	struct sweep sweep = {.rw = rw, .links = links, .log_capacity = 64, .member_capacity = 64, .next_capacity = 16};
	uint32_t txn;

	sweep.log = memory_alloc(sweep.log_capacity * sizeof(*sweep.log));
	sweep.members = memory_alloc(sweep.member_capacity * sizeof(*sweep.members));
	sweep.next = memory_alloc(sweep.next_capacity * sizeof(*sweep.next));
	sweep.sets = memory_zero(((size_t)elle->key_count + 1) * sizeof(*sweep.sets));
	sweep.last_change = memory_zero(((size_t)elle->key_count + 1) * sizeof(*sweep.last_change));
	sweep.log_at = memory_zero(((size_t)elle->txn_count + 1) * sizeof(*sweep.log_at));
	for (size_t at = 0; at < elle->history->count; at++) {
		txn = elle->txn_at[at];
		if (txn == ELLE_NONE || txn >= elle->completed)
			continue;
		if (at == elle->txns[txn].invoke)
			invoke(&sweep, txn);
		else if (elle->txns[txn].type == OP_OK)
			complete(&sweep, txn);
	}
	free(sweep.sets);
	free(sweep.last_change);
	free(sweep.log);
	free(sweep.members);
	free(sweep.log_at);
	free(sweep.next);
}
