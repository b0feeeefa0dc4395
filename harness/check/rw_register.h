/*
 * What the checker of registers (rw_register.c) shares with its parts: who read
 * and wrote which version, and which versions of a key are known to follow one
 * another.
 *
 * A version of a key is a value that was written to it or read from it, or the
 * initial state nil. Each write is taken to be of another value, so that a read
 * tells who wrote what it saw. What it does not tell, as a list would, is which
 * of two versions came first: that is inferred, and never completely.
 */
#ifndef RW_REGISTER_H
#define RW_REGISTER_H

#include "elle_internal.h"

/* What other transactions can see of what a transaction did to a key; ELLE_NONE: nothing of the kind. */
struct rw_access {
	uint32_t key;
	uint32_t read;  /* the version that it read before it wrote any; not known of what crashed */
	uint32_t write; /* the last version that it wrote */
};

/* Transactions by version, those of version v at txns[first[v]], ... */
struct rw_index {
	size_t *first; /* and one more */
	uint32_t *txns;
};

struct rw_register {
	struct elle *elle;
	bool sequential_keys, linearizable_keys;
	uint32_t initial;  /* key k begins in version initial + k; the others are numbered as elle's versions */
	uint32_t versions; /* how many there are, with the initial ones */

	struct rw_access *accesses;       /* those of transaction t, which is :ok or :info, from access_first[t] on */
	size_t *access_first;             /* and one more; sorted by key */
	struct rw_index readers, writers; /* :ok ones */

	struct elle_graph order; /* of versions: an edge leads to a later one */
};

/* Reads the history: all but `order`. False, with an error in `elle`: it is none of registers. */
bool rw_read(struct rw_register *);
void rw_free(struct rw_register *);

/* The version that a micro-operation wrote or read. */
uint32_t rw_version(const struct rw_register *, const struct elle_mop *);
static inline bool
rw_is_initial(const struct rw_register *rw, uint32_t version)
{
	return version >= rw->initial && version != ELLE_NONE;
}
const struct value *rw_version_value(const struct rw_register *, uint32_t version);
/* What a transaction did to a key, or NULL. */
const struct rw_access *rw_access_of(const struct rw_register *, uint32_t txn, uint32_t key);

/* ---- rw_register_reads.c: anomalies that need no graph ------------------------------------------ */

void rw_find_internal(const struct rw_register *);     /* (elle.rw-register/internal-cases) */
void rw_find_dirty_reads(const struct rw_register *);  /* G1a and G1b (g1a-cases, g1b-cases) */
void rw_find_lost_updates(const struct rw_register *); /* (elle.txn/lost-update-cases) */

/* ---- rw_register_versions.c: the order of versions ------------------------------------------- */

struct rw_links {
	struct elle_edge *items;
	size_t count, capacity;
};
void rw_link(struct rw_links *, uint32_t from, uint32_t to);

/* Infers rw->order. An inference that contradicts others is not used, but reported as cyclic-versions. */
void rw_order_versions(struct rw_register *);
bool rw_is_before(const struct rw_register *, uint32_t version, uint32_t other);

/* ---- rw_register_keys.c: orders of a key's versions from the order of transactions ------------- */

/* If every key by itself is sequentially consistent, and if it is linearizable. */
void rw_link_sequential_keys(const struct rw_register *, struct rw_links *);
void rw_link_linearizable_keys(const struct rw_register *, struct rw_links *);

/* ---- rw_register_explain.c: why a transaction depends on another -------------------------------- */

extern const struct elle_workload rw_register_workload;

#endif
