/*
 * Which consistency models a history's anomalies rule out, and which anomalies
 * a model forbids: the lattice of elle.consistency-model, with Elle's names and
 * choices. The definitions are Adya's ("Weak Consistency", 1999), extended from
 * Bailis et al. ("Highly Available Transactions", 2013), Cerone et al. ("A
 * Framework for Transactional Consistency Models with Atomic Visibility", 2015)
 * and Daudjee and Salem ("Lazy Database Replication with Snapshot Isolation",
 * 2006); how models imply one another is mapped at jepsen.io/consistency.
 *
 * Sets are bits of a uint64_t, one for each enumerator.
 */
#ifndef CONSISTENCY_H
#define CONSISTENCY_H

#include <stdbool.h>
#include <stdint.h>

#include "value.h"

#define SET_OF(member) (UINT64_C(1) << (member))

/* ---- models ------------------------------------------------------------------ */

/* One enumerator for all names of a model. In the order of their friendly names. */
enum model {
	MODEL_1SR,
	MODEL_PRAM,
	MODEL_CAUSAL,
	MODEL_CAUSAL_CERONE,
	MODEL_CONSISTENT_VIEW,
	MODEL_CURSOR_STABILITY,
	MODEL_FORWARD_CONSISTENT_VIEW,
	MODEL_LINEARIZABLE,
	MODEL_MONOTONIC_ATOMIC_VIEW,
	MODEL_MONOTONIC_READS,
	MODEL_MONOTONIC_SNAPSHOT_READ,
	MODEL_MONOTONIC_VIEW,
	MODEL_MONOTONIC_WRITES,
	MODEL_PARALLEL_SNAPSHOT_ISOLATION,
	MODEL_PREFIX,
	MODEL_READ_ATOMIC,
	MODEL_READ_COMMITTED,
	MODEL_READ_UNCOMMITTED,
	MODEL_READ_YOUR_WRITES,
	MODEL_REPEATABLE_READ,
	MODEL_SEQUENTIAL,
	MODEL_SERIALIZABLE,
	MODEL_SESSION_SERIALIZABLE,
	MODEL_SNAPSHOT_ISOLATION,
	MODEL_STRONG_READ_COMMITTED,
	MODEL_STRONG_READ_UNCOMMITTED,
	MODEL_STRONG_SERIALIZABLE, /* and strict */
	MODEL_STRONG_SESSION_READ_COMMITTED,
	MODEL_STRONG_SESSION_READ_UNCOMMITTED,
	MODEL_STRONG_SESSION_SERIALIZABLE,
	MODEL_STRONG_SESSION_SNAPSHOT_ISOLATION,
	MODEL_STRONG_SNAPSHOT_ISOLATION,
	MODEL_UPDATE_ATOMIC,
	MODEL_UPDATE_SERIALIZABLE,
	MODEL_VIEW_SERIALIZABLE,
	MODEL_WRITES_FOLLOW_READS,
	MODEL_COUNT
};

/* All names that --consistency-models takes, friendly ones and Adya's, sorted; ends with a NULL name. */
extern const struct model_name {
	const char *name;
	enum model model;
} model_names[];

/* Adds the model of that name to a set. False: there is none. */
bool model_find(const char *name, uint64_t *models);
/* Its friendly name. */
const char *model_name(enum model);

/* ---- anomalies --------------------------------------------------------------- */

/* In the order of their names. */
enum anomaly {
	ANOMALY_G_MSR,
	ANOMALY_G_SI,
	ANOMALY_G_SIB,
	ANOMALY_G_CURSOR,
	ANOMALY_G_MONOTONIC,
	ANOMALY_G_NONADJACENT,
	ANOMALY_G_NONADJACENT_ITEM,
	ANOMALY_G_NONADJACENT_ITEM_PROCESS,
	ANOMALY_G_NONADJACENT_ITEM_REALTIME,
	ANOMALY_G_NONADJACENT_PROCESS,
	ANOMALY_G_NONADJACENT_REALTIME,
	ANOMALY_G_SINGLE,
	ANOMALY_G_SINGLE_ITEM,
	ANOMALY_G_SINGLE_ITEM_PROCESS,
	ANOMALY_G_SINGLE_ITEM_REALTIME,
	ANOMALY_G_SINGLE_PROCESS,
	ANOMALY_G_SINGLE_REALTIME,
	ANOMALY_G_UPDATE,
	ANOMALY_G0,
	ANOMALY_G0_PROCESS,
	ANOMALY_G0_REALTIME,
	ANOMALY_G1,
	ANOMALY_G1_PROCESS,
	ANOMALY_G1_REALTIME,
	ANOMALY_G1A,
	ANOMALY_G1B,
	ANOMALY_G1C,
	ANOMALY_G1C_PROCESS,
	ANOMALY_G1C_REALTIME,
	ANOMALY_G2,
	ANOMALY_G2_ITEM,
	ANOMALY_G2_ITEM_PROCESS,
	ANOMALY_G2_ITEM_REALTIME,
	ANOMALY_G2_PROCESS,
	ANOMALY_G2_REALTIME,
	ANOMALY_GSI,
	ANOMALY_GSIA,
	ANOMALY_GSIB,
	ANOMALY_PL_1_CYCLE_EXISTS,
	ANOMALY_PL_2_CYCLE_EXISTS,
	ANOMALY_PL_2_99_CYCLE_EXISTS,
	ANOMALY_PL_3_CYCLE_EXISTS,
	ANOMALY_PL_SI_CYCLE_EXISTS,
	ANOMALY_PL_SS_CYCLE_EXISTS,
	ANOMALY_CYCLE_SEARCH_TIMEOUT,
	ANOMALY_CYCLIC_VERSIONS,
	ANOMALY_DIRTY_UPDATE,
	ANOMALY_DUPLICATE_ELEMENTS,
	ANOMALY_EMPTY_TRANSACTION_GRAPH,
	ANOMALY_FUTURE_READ,
	ANOMALY_INCOMPATIBLE_ORDER,
	ANOMALY_INTERNAL,
	ANOMALY_LOST_UPDATE,
	ANOMALY_PREDICATE_READ_MISS,
	ANOMALY_STRONG_PL_1_CYCLE_EXISTS,
	ANOMALY_STRONG_PL_2_CYCLE_EXISTS,
	ANOMALY_STRONG_SESSION_PL_1_CYCLE_EXISTS,
	ANOMALY_STRONG_SESSION_PL_2_CYCLE_EXISTS,
	ANOMALY_STRONG_SESSION_SERIALIZABLE_CYCLE_EXISTS,
	ANOMALY_STRONG_SESSION_SNAPSHOT_ISOLATION_CYCLE_EXISTS,
	ANOMALY_STRONG_SNAPSHOT_ISOLATION_CYCLE_EXISTS,
	ANOMALY_WRITE_SKEW,
	ANOMALY_COUNT
};

/* What Elle could not do: they make a result :unknown, not false, and rule nothing out. */
#define ANOMALIES_UNKNOWN (SET_OF(ANOMALY_CYCLE_SEARCH_TIMEOUT) | SET_OF(ANOMALY_EMPTY_TRANSACTION_GRAPH))

/* Without the colon. */
const char *anomaly_name(enum anomaly);

/* ---- how they are related ------------------------------------------------------ */

/* Each with those it started from. */
uint64_t anomalies_implied_by(uint64_t anomalies);
uint64_t anomalies_implying(uint64_t anomalies);
uint64_t models_implied_by(uint64_t models);
uint64_t models_implying(uint64_t models);

/* The anomalies that must not occur if all these models hold: those they forbid and those that imply them. */
uint64_t anomalies_prohibited_by(uint64_t models);
/* The models that cannot hold where these anomalies occur. */
uint64_t models_ruled_out_by(uint64_t anomalies);
/* Those that imply no other in the set. */
uint64_t models_weakest(uint64_t models);

/* Sets of keywords in the order of their names (of models the friendly ones). */
const struct value *models_value(struct arena *, uint64_t models);
/* A list. */
const struct value *anomalies_value(struct arena *, uint64_t anomalies);
/* Puts :not (the weakest models that are ruled out) and :also-not (all stronger ones) into a result. */
void put_boundary(struct arena *, struct value *result, uint64_t anomalies);

#endif
