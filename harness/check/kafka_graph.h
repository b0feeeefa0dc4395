/* Directed graphs, and a short cycle in a component (components.h) of one. */
#ifndef KAFKA_GRAPH_H
#define KAFKA_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "components.h"

struct edge {
	uint32_t from, to;
	bool read; /* or else realtime */
};

struct edges {
	struct edge *items;
	size_t count, capacity;
};

/* Edges by their origin. */
struct graph {
	size_t vertices;
	size_t *first; /* and one more */
	uint32_t *to;
};

/* What a search needs; `parent` and `queue` have room for every vertex, and so has `depth`, which is zero. */
struct search {
	const struct graph *graph;
	const struct components *components;
	uint32_t *parent, *queue, *depth; /* depth: 0 is not reached */
	size_t reached;
};

/* Of all edges, or of the reads alone. */
void kafka_build_graph(struct graph *, const struct edges *, size_t vertices, bool reads_only);
void kafka_free_graph(struct graph *);
struct adjacency kafka_adjacency(const struct graph *);
/* The shortest cycle through one of the first members of a component: fills `cycle` with its vertices in order and
 * returns how many. */
size_t kafka_shortest_cycle(struct search *, const uint32_t *members, size_t count, uint32_t *cycle);

#endif
