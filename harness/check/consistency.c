/* Elle's lattice as two tables and four closures over them. */
#include "consistency.h"

#include <string.h>

#define M(model)   SET_OF(MODEL_##model)
#define A(anomaly) SET_OF(ANOMALY_##anomaly)

_Static_assert(MODEL_COUNT <= 64 && ANOMALY_COUNT <= 64, "a set is one word");

/* ---- models ------------------------------------------------------------------ */

/* "Serializable" means conflict serializable, and strong serializable is strict serializable. */
const struct model_name model_names[] = {
    {"1SR", MODEL_1SR},
    {"PL-1", MODEL_READ_UNCOMMITTED},
    {"PL-2", MODEL_READ_COMMITTED},
    {"PL-2+", MODEL_CONSISTENT_VIEW},
    {"PL-2.99", MODEL_REPEATABLE_READ},
    {"PL-2L", MODEL_MONOTONIC_VIEW},
    {"PL-3", MODEL_SERIALIZABLE},
    {"PL-3U", MODEL_UPDATE_SERIALIZABLE},
    {"PL-CS", MODEL_CURSOR_STABILITY},
    {"PL-FCV", MODEL_FORWARD_CONSISTENT_VIEW},
    {"PL-MSR", MODEL_MONOTONIC_SNAPSHOT_READ},
    {"PL-SI", MODEL_SNAPSHOT_ISOLATION},
    {"PL-SS", MODEL_STRONG_SERIALIZABLE},
    {"PRAM", MODEL_PRAM},
    {"causal", MODEL_CAUSAL},
    {"causal-cerone", MODEL_CAUSAL_CERONE},
    {"conflict-serializable", MODEL_SERIALIZABLE},
    {"consistent-view", MODEL_CONSISTENT_VIEW},
    {"cursor-stability", MODEL_CURSOR_STABILITY},
    {"forward-consistent-view", MODEL_FORWARD_CONSISTENT_VIEW},
    {"linearizable", MODEL_LINEARIZABLE},
    {"monotonic-atomic-view", MODEL_MONOTONIC_ATOMIC_VIEW},
    {"monotonic-reads", MODEL_MONOTONIC_READS},
    {"monotonic-snapshot-read", MODEL_MONOTONIC_SNAPSHOT_READ},
    {"monotonic-view", MODEL_MONOTONIC_VIEW},
    {"monotonic-writes", MODEL_MONOTONIC_WRITES},
    {"parallel-snapshot-isolation", MODEL_PARALLEL_SNAPSHOT_ISOLATION},
    {"prefix", MODEL_PREFIX},
    {"read-atomic", MODEL_READ_ATOMIC},
    {"read-committed", MODEL_READ_COMMITTED},
    {"read-uncommitted", MODEL_READ_UNCOMMITTED},
    {"read-your-writes", MODEL_READ_YOUR_WRITES},
    {"repeatable-read", MODEL_REPEATABLE_READ},
    {"sequential", MODEL_SEQUENTIAL},
    {"serializable", MODEL_SERIALIZABLE},
    {"session-serializable", MODEL_SESSION_SERIALIZABLE},
    {"snapshot-isolation", MODEL_SNAPSHOT_ISOLATION},
    {"strict-serializable", MODEL_STRONG_SERIALIZABLE},
    {"strong-PL-1", MODEL_STRONG_READ_UNCOMMITTED},
    {"strong-PL-2", MODEL_STRONG_READ_COMMITTED},
    {"strong-read-committed", MODEL_STRONG_READ_COMMITTED},
    {"strong-read-uncommitted", MODEL_STRONG_READ_UNCOMMITTED},
    {"strong-serializable", MODEL_STRONG_SERIALIZABLE},
    {"strong-session-PL-1", MODEL_STRONG_SESSION_READ_UNCOMMITTED},
    {"strong-session-PL-2", MODEL_STRONG_SESSION_READ_COMMITTED},
    {"strong-session-read-committed", MODEL_STRONG_SESSION_READ_COMMITTED},
    {"strong-session-read-uncommitted", MODEL_STRONG_SESSION_READ_UNCOMMITTED},
    {"strong-session-serializable", MODEL_STRONG_SESSION_SERIALIZABLE},
    {"strong-session-snapshot-isolation", MODEL_STRONG_SESSION_SNAPSHOT_ISOLATION},
    {"strong-snapshot-isolation", MODEL_STRONG_SNAPSHOT_ISOLATION},
    {"update-atomic", MODEL_UPDATE_ATOMIC},
    {"update-serializable", MODEL_UPDATE_SERIALIZABLE},
    {"view-serializable", MODEL_VIEW_SERIALIZABLE},
    {"writes-follow-reads", MODEL_WRITES_FOLLOW_READS},
    {NULL, MODEL_COUNT},
};

/*
 * A model implies weaker ones, and forbids what is given here beside what they
 * forbid. Where a paper's definition cannot be seen in a history's anomalies
 * (Cerone's axioms, for one) the list is not the whole of it. That snapshot
 * isolation forbids every cycle whose anti-dependencies are not adjacent, not
 * G-single alone, is Elle's reading of Cerone and Gotsman ("Analysing Snapshot
 * Isolation", 2016).
 */
static const struct {
	const char *name;
	uint64_t implies;
	uint64_t forbids;
} models[MODEL_COUNT] = {
    [MODEL_1SR] = {"1SR", 0, 0},
    [MODEL_PRAM] = {"PRAM", M(MONOTONIC_READS) | M(MONOTONIC_WRITES) | M(READ_YOUR_WRITES), 0},
    [MODEL_CAUSAL] = {"causal", M(PRAM) | M(WRITES_FOLLOW_READS), 0},
    [MODEL_CAUSAL_CERONE] = {"causal-cerone", M(READ_ATOMIC), A(G1A) | A(INTERNAL)},
    [MODEL_CONSISTENT_VIEW] = {"consistent-view", M(CURSOR_STABILITY) | M(MONOTONIC_VIEW), A(G_SINGLE) | A(G1)},
    [MODEL_CURSOR_STABILITY] = {"cursor-stability", M(READ_COMMITTED), A(G_CURSOR) | A(G1) | A(LOST_UPDATE)},
    [MODEL_FORWARD_CONSISTENT_VIEW] = {"forward-consistent-view", M(CONSISTENT_VIEW), A(G_SIB) | A(G1)},
    [MODEL_LINEARIZABLE] = {"linearizable", M(SEQUENTIAL), 0},
    [MODEL_MONOTONIC_ATOMIC_VIEW] = {"monotonic-atomic-view", M(READ_COMMITTED), 0},
    [MODEL_MONOTONIC_READS] = {"monotonic-reads", 0, 0},
    [MODEL_MONOTONIC_SNAPSHOT_READ] = {"monotonic-snapshot-read", M(READ_COMMITTED), A(G_MSR) | A(G1)},
    [MODEL_MONOTONIC_VIEW] = {"monotonic-view", M(READ_COMMITTED), A(G_MONOTONIC) | A(G1)},
    [MODEL_MONOTONIC_WRITES] = {"monotonic-writes", 0, 0},
    [MODEL_PARALLEL_SNAPSHOT_ISOLATION] = {"parallel-snapshot-isolation", M(CAUSAL_CERONE) | M(UPDATE_ATOMIC),
	A(G1A) | A(INTERNAL)},
    [MODEL_PREFIX] = {"prefix", M(CAUSAL_CERONE), A(G1A) | A(INTERNAL)},
    [MODEL_READ_ATOMIC] = {"read-atomic", M(MONOTONIC_ATOMIC_VIEW), A(G1A) | A(FUTURE_READ) | A(INTERNAL)},
    [MODEL_READ_COMMITTED] = {"read-committed", M(READ_UNCOMMITTED), A(G1) | A(PL_2_CYCLE_EXISTS)},
    [MODEL_READ_UNCOMMITTED] = {"read-uncommitted", 0,
	A(G0) | A(PL_1_CYCLE_EXISTS) | A(CYCLIC_VERSIONS) | A(DUPLICATE_ELEMENTS)},
    [MODEL_READ_YOUR_WRITES] = {"read-your-writes", 0, 0},
    [MODEL_REPEATABLE_READ] = {"repeatable-read", M(CURSOR_STABILITY) | M(MONOTONIC_ATOMIC_VIEW),
	A(G1) | A(G2_ITEM) | A(PL_2_99_CYCLE_EXISTS) | A(LOST_UPDATE)},
    [MODEL_SEQUENTIAL] = {"sequential", M(CAUSAL), 0},
    [MODEL_SERIALIZABLE] = {"serializable",
	M(REPEATABLE_READ) | M(SNAPSHOT_ISOLATION) | M(UPDATE_SERIALIZABLE) | M(VIEW_SERIALIZABLE),
	A(G1) | A(G2) | A(PL_3_CYCLE_EXISTS) | A(INTERNAL) | A(PREDICATE_READ_MISS)},
    [MODEL_SESSION_SERIALIZABLE] = {"session-serializable", M(1SR), 0},
    [MODEL_SNAPSHOT_ISOLATION] = {"snapshot-isolation",
	M(FORWARD_CONSISTENT_VIEW) | M(MONOTONIC_ATOMIC_VIEW) | M(MONOTONIC_SNAPSHOT_READ) |
	    M(PARALLEL_SNAPSHOT_ISOLATION) | M(PREFIX),
	A(G_SI) | A(G_NONADJACENT) | A(G1) | A(PL_SI_CYCLE_EXISTS) | A(INTERNAL)},
    [MODEL_STRONG_READ_COMMITTED] = {"strong-read-committed",
	M(STRONG_READ_UNCOMMITTED) | M(STRONG_SESSION_READ_COMMITTED), A(G1C_REALTIME) | A(STRONG_PL_2_CYCLE_EXISTS)},
    [MODEL_STRONG_READ_UNCOMMITTED] = {"strong-read-uncommitted", M(STRONG_SESSION_READ_UNCOMMITTED),
	A(G0_REALTIME) | A(STRONG_PL_1_CYCLE_EXISTS)},
    [MODEL_STRONG_SERIALIZABLE] = {"strong-serializable",
	M(LINEARIZABLE) | M(SERIALIZABLE) | M(SESSION_SERIALIZABLE) | M(SNAPSHOT_ISOLATION) |
	    M(STRONG_SESSION_SERIALIZABLE) | M(STRONG_SNAPSHOT_ISOLATION),
	A(G1) | A(G1C_REALTIME) | A(G2_REALTIME) | A(PL_SS_CYCLE_EXISTS)},
    [MODEL_STRONG_SESSION_READ_COMMITTED] = {"strong-session-read-committed",
	M(READ_COMMITTED) | M(STRONG_SESSION_READ_UNCOMMITTED), A(G1C_PROCESS) | A(STRONG_SESSION_PL_2_CYCLE_EXISTS)},
    [MODEL_STRONG_SESSION_READ_UNCOMMITTED] = {"strong-session-read-uncommitted", M(READ_UNCOMMITTED),
	A(G0_PROCESS) | A(STRONG_SESSION_PL_1_CYCLE_EXISTS)},
    [MODEL_STRONG_SESSION_SERIALIZABLE] = {"strong-session-serializable",
	M(SERIALIZABLE) | M(STRONG_SESSION_SNAPSHOT_ISOLATION),
	A(G1_PROCESS) | A(G2_PROCESS) | A(STRONG_SESSION_SERIALIZABLE_CYCLE_EXISTS)},
    [MODEL_STRONG_SESSION_SNAPSHOT_ISOLATION] = {"strong-session-snapshot-isolation",
	M(SNAPSHOT_ISOLATION) | M(STRONG_SESSION_READ_COMMITTED),
	A(G_NONADJACENT_PROCESS) | A(G1_PROCESS) | A(INTERNAL) | A(STRONG_SESSION_SNAPSHOT_ISOLATION_CYCLE_EXISTS)},
    [MODEL_STRONG_SNAPSHOT_ISOLATION] = {"strong-snapshot-isolation",
	M(STRONG_READ_COMMITTED) | M(STRONG_SESSION_SNAPSHOT_ISOLATION),
	A(G_NONADJACENT_REALTIME) | A(G1_REALTIME) | A(INTERNAL) | A(STRONG_SNAPSHOT_ISOLATION_CYCLE_EXISTS)},
    [MODEL_UPDATE_ATOMIC] = {"update-atomic", M(READ_ATOMIC), A(LOST_UPDATE)},
    [MODEL_UPDATE_SERIALIZABLE] = {"update-serializable", M(FORWARD_CONSISTENT_VIEW), A(G_UPDATE) | A(G1)},
    [MODEL_VIEW_SERIALIZABLE] = {"view-serializable", 0, 0},
    [MODEL_WRITES_FOLLOW_READS] = {"writes-follow-reads", 0, 0},
};

/* ---- anomalies --------------------------------------------------------------- */

/*
 * An anomaly implies weaker ones: those it is a case of. Every cycle is a
 * cycle still if edges of processes are allowed, and as a process does one
 * thing at a time, every such cycle also is one in real time.
 */
static const struct {
	const char *name;
	uint64_t implies;
} anomalies[ANOMALY_COUNT] = {
    [ANOMALY_G_MSR] = {"G-MSR", 0},
    [ANOMALY_G_SI] = {"G-SI", 0},
    [ANOMALY_G_SIB] = {"G-SIb", 0},
    [ANOMALY_G_CURSOR] = {"G-cursor", 0},
    [ANOMALY_G_MONOTONIC] = {"G-monotonic", 0},
    [ANOMALY_G_NONADJACENT] = {"G-nonadjacent", A(G_NONADJACENT_PROCESS) | A(G2)},
    [ANOMALY_G_NONADJACENT_ITEM] = {"G-nonadjacent-item",
	A(G_NONADJACENT) | A(G_NONADJACENT_ITEM_PROCESS) | A(G2_ITEM)},
    [ANOMALY_G_NONADJACENT_ITEM_PROCESS] = {"G-nonadjacent-item-process",
	A(G_NONADJACENT_ITEM_REALTIME) | A(G_NONADJACENT_PROCESS) | A(G2_ITEM_PROCESS)},
    [ANOMALY_G_NONADJACENT_ITEM_REALTIME] = {"G-nonadjacent-item-realtime",
	A(G_NONADJACENT_REALTIME) | A(G2_ITEM_REALTIME)},
    [ANOMALY_G_NONADJACENT_PROCESS] = {"G-nonadjacent-process", A(G_NONADJACENT_REALTIME) | A(G2_PROCESS)},
    [ANOMALY_G_NONADJACENT_REALTIME] = {"G-nonadjacent-realtime", A(G2_REALTIME)},
    [ANOMALY_G_SINGLE] = {"G-single", A(G_NONADJACENT) | A(G_SINGLE_PROCESS) | A(GSIB)},
    [ANOMALY_G_SINGLE_ITEM] = {"G-single-item", A(G_NONADJACENT_ITEM) | A(G_SINGLE) | A(G_SINGLE_ITEM_PROCESS)},
    [ANOMALY_G_SINGLE_ITEM_PROCESS] = {"G-single-item-process",
	A(G_NONADJACENT_ITEM_PROCESS) | A(G_SINGLE_ITEM_REALTIME) | A(G_SINGLE_PROCESS)},
    [ANOMALY_G_SINGLE_ITEM_REALTIME] = {"G-single-item-realtime",
	A(G_NONADJACENT_ITEM_REALTIME) | A(G_SINGLE_REALTIME)},
    [ANOMALY_G_SINGLE_PROCESS] = {"G-single-process", A(G_NONADJACENT_PROCESS) | A(G_SINGLE_REALTIME)},
    [ANOMALY_G_SINGLE_REALTIME] = {"G-single-realtime", A(G_NONADJACENT_REALTIME)},
    [ANOMALY_G_UPDATE] = {"G-update", 0},
    [ANOMALY_G0] = {"G0", A(G0_PROCESS) | A(G1C)},
    [ANOMALY_G0_PROCESS] = {"G0-process", A(G0_REALTIME) | A(G1C_PROCESS)},
    [ANOMALY_G0_REALTIME] = {"G0-realtime", A(G1C_REALTIME)},
    [ANOMALY_G1] = {"G1", A(G1_PROCESS)},
    [ANOMALY_G1_PROCESS] = {"G1-process", A(G1_REALTIME)},
    [ANOMALY_G1_REALTIME] = {"G1-realtime", 0},
    [ANOMALY_G1A] = {"G1a", A(G1)},
    [ANOMALY_G1B] = {"G1b", A(G1)},
    [ANOMALY_G1C] = {"G1c", A(G1) | A(G1C_PROCESS)},
    [ANOMALY_G1C_PROCESS] = {"G1c-process", A(G1_PROCESS) | A(G1C_REALTIME)},
    [ANOMALY_G1C_REALTIME] = {"G1c-realtime", A(G1_REALTIME)},
    [ANOMALY_G2] = {"G2", A(G2_PROCESS)},
    [ANOMALY_G2_ITEM] = {"G2-item", A(G2) | A(G2_ITEM_PROCESS)},
    [ANOMALY_G2_ITEM_PROCESS] = {"G2-item-process", A(G2_ITEM_REALTIME) | A(G2_PROCESS)},
    [ANOMALY_G2_ITEM_REALTIME] = {"G2-item-realtime", A(G2_REALTIME)},
    [ANOMALY_G2_PROCESS] = {"G2-process", A(G2_REALTIME)},
    [ANOMALY_G2_REALTIME] = {"G2-realtime", 0},
    [ANOMALY_GSI] = {"GSI", 0},
    [ANOMALY_GSIA] = {"GSIa", A(GSI)},
    [ANOMALY_GSIB] = {"GSIb", A(GSI)},
    [ANOMALY_PL_1_CYCLE_EXISTS] = {"PL-1-cycle-exists", 0},
    [ANOMALY_PL_2_CYCLE_EXISTS] = {"PL-2-cycle-exists", 0},
    [ANOMALY_PL_2_99_CYCLE_EXISTS] = {"PL-2.99-cycle-exists", 0},
    [ANOMALY_PL_3_CYCLE_EXISTS] = {"PL-3-cycle-exists", 0},
    [ANOMALY_PL_SI_CYCLE_EXISTS] = {"PL-SI-cycle-exists", 0},
    [ANOMALY_PL_SS_CYCLE_EXISTS] = {"PL-SS-cycle-exists", 0},
    [ANOMALY_CYCLE_SEARCH_TIMEOUT] = {"cycle-search-timeout", 0},
    [ANOMALY_CYCLIC_VERSIONS] = {"cyclic-versions", 0},
    [ANOMALY_DIRTY_UPDATE] = {"dirty-update", A(G1A)},
    [ANOMALY_DUPLICATE_ELEMENTS] = {"duplicate-elements", 0},
    [ANOMALY_EMPTY_TRANSACTION_GRAPH] = {"empty-transaction-graph", 0},
    [ANOMALY_FUTURE_READ] = {"future-read", A(G1C)},
    [ANOMALY_INCOMPATIBLE_ORDER] = {"incompatible-order", A(G1A)},
    [ANOMALY_INTERNAL] = {"internal", 0},
    [ANOMALY_LOST_UPDATE] = {"lost-update", A(G2_ITEM) | A(WRITE_SKEW)},
    [ANOMALY_PREDICATE_READ_MISS] = {"predicate-read-miss", 0},
    [ANOMALY_STRONG_PL_1_CYCLE_EXISTS] = {"strong-PL-1-cycle-exists", 0},
    [ANOMALY_STRONG_PL_2_CYCLE_EXISTS] = {"strong-PL-2-cycle-exists", 0},
    [ANOMALY_STRONG_SESSION_PL_1_CYCLE_EXISTS] = {"strong-session-PL-1-cycle-exists", 0},
    [ANOMALY_STRONG_SESSION_PL_2_CYCLE_EXISTS] = {"strong-session-PL-2-cycle-exists", 0},
    [ANOMALY_STRONG_SESSION_SERIALIZABLE_CYCLE_EXISTS] = {"strong-session-serializable-cycle-exists", 0},
    [ANOMALY_STRONG_SESSION_SNAPSHOT_ISOLATION_CYCLE_EXISTS] = {"strong-session-snapshot-isolation-cycle-exists", 0},
    [ANOMALY_STRONG_SNAPSHOT_ISOLATION_CYCLE_EXISTS] = {"strong-snapshot-isolation-cycle-exists", 0},
    [ANOMALY_WRITE_SKEW] = {"write-skew", A(G2)},
};

/* ---- names ------------------------------------------------------------------- */

bool
model_find(const char *name, uint64_t *set)
{
	for (const struct model_name *m = model_names; m->name != NULL; m++)
		if (strcmp(m->name, name) == 0) {
			*set |= SET_OF(m->model);
			return true;
		}
	return false;
}

const char *
model_name(enum model model)
{
	return models[model].name;
}

const char *
anomaly_name(enum anomaly anomaly)
{
	return anomalies[anomaly].name;
}

/* ---- closures ---------------------------------------------------------------- */

static uint64_t
implied_models(unsigned member)
{
	return models[member].implies;
}

static uint64_t
implied_anomalies(unsigned member)
{
	return anomalies[member].implies;
}

/* What can be reached from a set along the implications, or against them; with the set itself. */
static uint64_t
reachable(uint64_t set, unsigned count, uint64_t (*implied)(unsigned), bool backwards)
{
	uint64_t before;

	do {
		before = set;
		for (unsigned i = 0; i < count; i++) {
			if (backwards && (implied(i) & set) != 0)
				set |= SET_OF(i);
			if (!backwards && (set & SET_OF(i)) != 0)
				set |= implied(i);
		}
	} while (set != before);
	return set;
}

uint64_t
anomalies_implied_by(uint64_t set)
{
	return reachable(set, ANOMALY_COUNT, implied_anomalies, false);
}

uint64_t
anomalies_implying(uint64_t set)
{
	return reachable(set, ANOMALY_COUNT, implied_anomalies, true);
}

uint64_t
models_implied_by(uint64_t set)
{
	return reachable(set, MODEL_COUNT, implied_models, false);
}

uint64_t
models_implying(uint64_t set)
{
	return reachable(set, MODEL_COUNT, implied_models, true);
}

/* ---- between models and anomalies --------------------------------------------- */

uint64_t
anomalies_prohibited_by(uint64_t set)
{
	uint64_t forbidden = 0;

	set = models_implied_by(set);
	for (unsigned i = 0; i < MODEL_COUNT; i++)
		if ((set & SET_OF(i)) != 0)
			forbidden |= models[i].forbids;
	return anomalies_implying(forbidden);
}

uint64_t
models_ruled_out_by(uint64_t set)
{
	uint64_t out = 0;

	set = anomalies_implied_by(set);
	for (unsigned i = 0; i < MODEL_COUNT; i++)
		if ((models[i].forbids & set) != 0)
			out |= SET_OF(i);
	return models_implying(out);
}

uint64_t
models_weakest(uint64_t set)
{
	uint64_t weakest = 0;

	for (unsigned i = 0; i < MODEL_COUNT; i++)
		if ((set & SET_OF(i)) != 0 && (models_implied_by(SET_OF(i)) & set) == SET_OF(i))
			weakest |= SET_OF(i);
	return weakest;
}

/* ---- as values ------------------------------------------------------------------ */

const struct value *
models_value(struct arena *arena, uint64_t set)
{
	struct value *names = value_collection(arena, VALUE_SET);

	for (unsigned i = 0; i < MODEL_COUNT; i++)
		if ((set & SET_OF(i)) != 0)
			value_push(arena, names, value_keyword(arena, models[i].name));
	return names;
}

const struct value *
anomalies_value(struct arena *arena, uint64_t set)
{
	struct value *names = value_collection(arena, VALUE_LIST);

	for (unsigned i = 0; i < ANOMALY_COUNT; i++)
		if ((set & SET_OF(i)) != 0)
			value_push(arena, names, value_keyword(arena, anomalies[i].name));
	return names;
}

void
put_boundary(struct arena *arena, struct value *result, uint64_t set)
{
	uint64_t out = models_ruled_out_by(set), weakest = models_weakest(out);

	value_put_keyword(arena, result, "not", models_value(arena, weakest));
	value_put_keyword(arena, result, "also-not", models_value(arena, out & ~weakest));
}
