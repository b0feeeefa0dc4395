/*
 * Strongly connected components of a directed graph: Tarjan, "Depth-first
 * search and linear graph algorithms" (1972), without recursion. Vertices are
 * numbers below a bound.
 */
#ifndef COMPONENTS_H
#define COMPONENTS_H

#include <stddef.h>
#include <stdint.h>

/* Edges by their origin: those of vertex v go to to[first[v]] ... to[first[v + 1] - 1]. Borrowed. */
struct adjacency {
	uint32_t vertices;
	const size_t *first;
	const uint32_t *to;
	const uint8_t *types; /* of each edge; NULL: they have none */
};

/* Which component each vertex is in, and how many are in each; numbered in the order in which they are left. */
struct components {
	uint32_t *of;   /* by vertex */
	uint32_t *size; /* by component */
	uint32_t count;
};

/* Of the edges with any of these types, or of all if they have none. */
void components_find(struct components *, const struct adjacency *, uint8_t types);
void components_free(struct components *);

#endif
