/* Strongly connected components by Tarjan's algorithm, and cycles by breadth-first search. */
#include "kafka_graph.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

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

/* Tarjan's algorithm, with a stack of its own in place of the machine's. */
struct tarjan {
	const struct graph *graph;
	struct components *components;
	uint32_t *order, *low; /* order: 0 is not visited */
	uint32_t *path, *stack;
	size_t *next; /* the edge to follow, by vertex */
	size_t path_length, stack_length;
	uint32_t visited;
};

static void
enter(struct tarjan *tarjan, uint32_t vertex)
{
	tarjan->order[vertex] = tarjan->low[vertex] = ++tarjan->visited;
	tarjan->next[vertex] = tarjan->graph->first[vertex];
	tarjan->path[tarjan->path_length++] = vertex;
	tarjan->stack[tarjan->stack_length++] = vertex;
}

static void
leave(struct tarjan *tarjan, uint32_t vertex)
{
	struct components *components = tarjan->components;
	uint32_t parent, member;

	tarjan->path_length--;
	if (tarjan->path_length > 0) {
		parent = tarjan->path[tarjan->path_length - 1];
		if (tarjan->low[vertex] < tarjan->low[parent])
			tarjan->low[parent] = tarjan->low[vertex];
	}
	if (tarjan->low[vertex] != tarjan->order[vertex])
		return;
	components->size[components->count] = 0;
	do {
		member = tarjan->stack[--tarjan->stack_length];
		components->of[member] = (uint32_t)components->count;
		components->size[components->count]++;
	} while (member != vertex);
	components->count++;
}

static void
visit(struct tarjan *tarjan, uint32_t root)
{
	uint32_t vertex, to;

	enter(tarjan, root);
	while (tarjan->path_length > 0) {
		vertex = tarjan->path[tarjan->path_length - 1];
		if (tarjan->next[vertex] == tarjan->graph->first[vertex + 1]) {
			leave(tarjan, vertex);
			continue;
		}
		to = tarjan->graph->to[tarjan->next[vertex]++];
		if (tarjan->order[to] == 0)
			enter(tarjan, to);
		else if (tarjan->components->of[to] == UINT32_MAX && tarjan->order[to] < tarjan->low[vertex])
			tarjan->low[vertex] = tarjan->order[to];
	}
}

void
kafka_find_components(const struct graph *graph, struct components *components)
{
	size_t n = graph->vertices + 1, i;
	struct tarjan tarjan = {
	    .graph = graph,
	    .components = components,
	    .order = memory_zero(n * sizeof(uint32_t)),
	    .low = memory_zero(n * sizeof(uint32_t)),
	    .path = memory_alloc(n * sizeof(uint32_t)),
	    .stack = memory_alloc(n * sizeof(uint32_t)),
	    .next = memory_zero(n * sizeof(size_t)),
	};

	*components = (struct components){
	    .of = memory_alloc(n * sizeof(uint32_t)),
	    .size = memory_alloc(n * sizeof(uint32_t)),
	};
	memset(components->of, 0xff, n * sizeof(uint32_t));
	for (i = 0; i < graph->vertices; i++)
		if (tarjan.order[i] == 0)
			visit(&tarjan, (uint32_t)i);
	free(tarjan.order);
	free(tarjan.low);
	free(tarjan.path);
	free(tarjan.stack);
	free(tarjan.next);
}

void
kafka_free_components(struct components *components)
{
	free(components->of);
	free(components->size);
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
