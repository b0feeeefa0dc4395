/* What the parts of Elle's core (elle.h) share with each other alone. */
#ifndef ELLE_INTERNAL_H
#define ELLE_INTERNAL_H

#include "elle.h"

void elle_read_free(struct elle *);

/* ---- elle_graph.c: graphs --------------------------------------------------------------- */

/* A graph of these edges, which are sorted on the way; of equal ones the types are united. */
void elle_graph_build(struct elle_graph *, struct elle_edge *, size_t count, uint32_t vertices);
void elle_graph_free(struct elle_graph *);
/* The part of it between these vertices, which are numbered anew in their order. `local` has ELLE_NONE for every vertex
 * and is so again afterwards. */
void elle_graph_select(
    struct elle_graph *, const struct elle_graph *, const uint32_t *members, uint32_t count, uint32_t *local);

/* Strongly connected components; their members in rising order, one component after the other. */
struct elle_components {
	uint32_t count;
	uint32_t *first; /* of each component, and one more */
	uint32_t *members;
};

/* Of the edges with any of these types. Single vertices are left out, unless an edge from one to itself is to count. */
void elle_components_find(struct elle_components *, const struct elle_graph *, uint8_t types, bool loops);
void elle_components_free(struct elle_components *);

/* ---- elle_order.c: what happened after what ------------------------------------------------ */

/* Links each transaction to the next one of its process that is known to have taken effect. */
void elle_link_processes(struct elle *);
/* Links transactions of which one had completed before the other was invoked, save what follows from other links. */
void elle_link_realtime(struct elle *);

/* ---- elle_exists.c: whether there are cycles ------------------------------------------------- */

/*
 * Reports, for a strongly connected part of the graph, which models its cycles
 * rule out, by whatever cycle (:PL-2-cycle-exists and the like). Returns the
 * anomalies that it cannot contain.
 */
uint64_t elle_find_existing(struct elle *, const struct elle_graph *, const uint32_t *members);
/* All of these anomalies, and those that say that one of these models is ruled out. */
uint64_t elle_existing_anomalies(void);
uint64_t elle_existing_anomalies_of(uint64_t models);

/* ---- elle_cycle.c: searching for one ----------------------------------------------------------- */

/* What a cycle of some anomaly is made of. */
struct elle_cycle_kind {
	enum anomaly anomaly;
	uint8_t legal;     /* edges that may be taken any time */
	uint8_t required;  /* one of each of these must be taken */
	uint8_t rw_wanted; /* how many rw edges at least: the first edge is one, if any */
	enum {
		ELLE_RW_LEGAL,       /* as `legal` says */
		ELLE_RW_SINGLE,      /* exactly one */
		ELLE_RW_NONADJACENT, /* no two in a row */
		ELLE_RW_ADJACENT,    /* two in a row, and then as `legal` says */
	} rw;
	bool exact; /* what explains the cycle's edges must make it this anomaly */
};

/* Whether there can be one: a strongly connected component with the edges that it needs. */
bool elle_cycle_is_possible(const struct elle_graph *, const struct elle_cycle_kind *);
/*
 * Fills `cycle`, which has room for all vertices, with one in order; returns
 * how many, or 0. Follows every path `as_elle` does, or else ends those that
 * lead nowhere. Takes steps from *work, and gives up when it has none left.
 */
uint32_t elle_find_cycle(const struct elle_graph *, const uint64_t *ranks, const struct elle_cycle_kind *, bool as_elle,
    uint64_t *work, uint32_t *cycle);

/* ---- elle_explain.c: in words and pictures -------------------------------------------------------- */

/* Leaves of the types of each edge the one by which it is explained. */
void elle_keep_explained(const struct elle *, struct elle_graph *);

/* The type of anomaly that the cycle's explanation shows, and the explanation. */
enum anomaly elle_classify(struct elle *, const struct elle_graph *, const uint32_t *cycle, uint32_t count);
const struct value *elle_explain_cycle(
    struct elle *, const struct elle_graph *, const uint32_t *members, const uint32_t *cycle, uint32_t count);
/* Writes what was reported of cycles, below elle->directory. */
void elle_write_files(const struct elle *);

#endif
