/* Graphs of what kafka's operations follow from, and their cycles by breadth-first search. */
#include "kafka_graph.h"

#include <assert.h>
#include <stdlib.h>

#include "memory.h"

#define STARTS_MAX 32 /* members of a component that a cycle is sought through */

/* ---- graphs -------------------------------------------------------------------------------- */

void
kafka_build_graph(struct graph *graph, const struct edges *edges, size_t vertices, bool reads_only)
{
	size_t i;

	graph->vertices = vertices;
	graph->first = memory_zero((vertices + 2) * sizeof(*graph->first));
	graph->to = memory_alloc((edges->count + 1) * sizeof(*graph->to));
	for (i = 0; i < edges->count; i++)
		if (edges->items[i].read || !reads_only)
			graph->first[edges->items[i].from + 2]++;
	for (i = 2; i < vertices + 2; i++)
		graph->first[i] += graph->first[i - 1];
	for (i = 0; i < edges->count; i++)
		if (edges->items[i].read || !reads_only)
			graph->to[graph->first[edges->items[i].from + 1]++] = edges->items[i].to;
}

void
kafka_free_graph(struct graph *graph)
{
	free(graph->first);
	free(graph->to);
}

struct adjacency
kafka_adjacency(const struct graph *graph)
{
	return (struct adjacency){(uint32_t)graph->vertices, graph->first, graph->to, NULL};
}

/* ---- a short cycle in a component -------------------------------------------------------------- */

/* Breadth first from a vertex until an edge leads back. Returns the length of the cycle, or 0. */
static size_t
search_from(struct search *search, uint32_t start, uint32_t *last)
{
	const struct graph *graph = search->graph;
	uint32_t vertex, to;
	size_t head, i;

	assert(graph->first != NULL && start < graph->vertices);
	search->queue[0] = start;
	search->reached = 1;
	search->depth[start] = 1;
	for (head = 0; head < search->reached; head++) {
		vertex = search->queue[head];
		for (i = graph->first[vertex]; i < graph->first[vertex + 1]; i++) {
			to = graph->to[i];
			if (to == start) {
				*last = vertex;
				return search->depth[vertex];
			}
			if (search->depth[to] != 0 || search->components->of[to] != search->components->of[start])
				continue;
			search->depth[to] = search->depth[vertex] + 1;
			search->parent[to] = vertex;
			search->queue[search->reached++] = to;
		}
	}
	return 0;
}

static void
clear_search(struct search *search)
{
	size_t i;

	for (i = 0; i < search->reached; i++)
		search->depth[search->queue[i]] = 0;
	search->reached = 0;
}

size_t
kafka_shortest_cycle(struct search *search, const uint32_t *members, size_t count, uint32_t *cycle)
{
	size_t best = 0, length, i, at;
	uint32_t last;

	for (i = 0; i < count && i < STARTS_MAX && best != 2; i++) {
		length = search_from(search, members[i], &last);
		if (length > 0 && (best == 0 || length < best)) {
			best = length;
			for (at = length; at > 0; at--) {
				cycle[at - 1] = last;
				last = search->parent[last];
			}
		}
		clear_search(search);
	}
	return best;
}
