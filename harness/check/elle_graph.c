/* Dependency graphs as arrays, parts of them, and Tarjan's strongly connected components without recursion. */
#include <stdlib.h>
#include <string.h>

#include "elle_internal.h"
#include "memory.h"

/* ---- building -------------------------------------------------------------------------- */

/* One pass of a radix sort, by the end or the origin of edges: stable. */
static void
sort_by(const struct elle_edge *edges, size_t count, uint32_t vertices, bool by_end, struct elle_edge *sorted)
{
	size_t *place = memory_zero(((size_t)vertices + 1) * sizeof(*place)), i;

	for (i = 0; i < count; i++)
		place[(by_end ? edges[i].to : edges[i].from) + 1]++;
	for (i = 1; i <= vertices; i++)
		place[i] += place[i - 1];
	for (i = 0; i < count; i++)
		sorted[place[by_end ? edges[i].to : edges[i].from]++] = edges[i];
	free(place);
}

static size_t
unite_equals(struct elle_edge *edges, size_t count)
{
	size_t kept = 0, i;

	for (i = 0; i < count; i++)
		if (kept > 0 && edges[kept - 1].from == edges[i].from && edges[kept - 1].to == edges[i].to)
			edges[kept - 1].types |= edges[i].types;
		else
			edges[kept++] = edges[i];
	return kept;
}

static void
graph_alloc(struct elle_graph *graph, uint32_t vertices, size_t edges)
{
	graph->vertices = vertices;
	graph->first = memory_zero(((size_t)vertices + 1) * sizeof(*graph->first));
	graph->to = memory_alloc(edges * sizeof(*graph->to));
	graph->types = memory_alloc(edges * sizeof(*graph->types));
}

void
elle_graph_build(struct elle_graph *graph, struct elle_edge *edges, size_t count, uint32_t vertices)
{
	struct elle_edge *spare = memory_alloc(count * sizeof(*spare));
	size_t i;

	sort_by(edges, count, vertices, true, spare);
	sort_by(spare, count, vertices, false, edges);
	free(spare);
	count = unite_equals(edges, count);
	graph_alloc(graph, vertices, count);
	for (i = 0; i < count; i++) {
		graph->first[edges[i].from + 1]++;
		graph->to[i] = edges[i].to;
		graph->types[i] = (uint8_t)edges[i].types;
	}
	for (i = 1; i <= vertices; i++)
		graph->first[i] += graph->first[i - 1];
}

void
elle_graph_free(struct elle_graph *graph)
{
	free(graph->first);
	free(graph->to);
	free(graph->types);
	*graph = (struct elle_graph){0};
}

void
elle_graph_select(
    struct elle_graph *part, const struct elle_graph *graph, const uint32_t *members, uint32_t count, uint32_t *local)
{
	size_t edges = 0, e;
	uint32_t i;

	for (i = 0; i < count; i++) {
		local[members[i]] = i;
		edges += graph->first[members[i] + 1] - graph->first[members[i]];
	}
	graph_alloc(part, count, edges);
	for (edges = 0, i = 0; i < count; i++) {
		for (e = graph->first[members[i]]; e < graph->first[members[i] + 1]; e++) {
			if (local[graph->to[e]] == ELLE_NONE)
				continue;
			part->to[edges] = local[graph->to[e]];
			part->types[edges++] = graph->types[e];
		}
		part->first[i + 1] = edges;
	}
	for (i = 0; i < count; i++)
		local[members[i]] = ELLE_NONE;
}

/* ---- components -------------------------------------------------------------------------- */

/*
 * Tarjan, "Depth-first search and linear graph algorithms" (1972). The call
 * stack is `path`, where each vertex remembers the edge that is next.
 */
struct tarjan {
	const struct elle_graph *graph;
	uint8_t types;
	bool loops;
	uint32_t *number; /* in the order in which they are reached, from 1; 0: not yet */
	uint32_t *low;    /* the lowest number that is known to be reached from here */
	uint32_t *of;     /* component, or ELLE_NONE while it is on the stack or not reached */
	uint32_t *stack, *path;
	size_t *edge; /* the next one to look at, of a vertex on the path */
	uint32_t reached, stacked, depth, components;
};

static void
enter(struct tarjan *t, uint32_t vertex)
{
	t->number[vertex] = t->low[vertex] = ++t->reached;
	t->edge[vertex] = t->graph->first[vertex];
	t->stack[t->stacked++] = vertex;
	t->path[t->depth++] = vertex;
}

static void
leave(struct tarjan *t, uint32_t vertex)
{
	uint32_t parent, member;

	t->depth--;
	if (t->low[vertex] == t->number[vertex]) {
		do {
			member = t->stack[--t->stacked];
			t->of[member] = t->components;
		} while (member != vertex);
		t->components++;
	}
	if (t->depth > 0) {
		parent = t->path[t->depth - 1];
		if (t->low[vertex] < t->low[parent])
			t->low[parent] = t->low[vertex];
	}
}

/* Goes one edge further from the end of the path. */
static void
advance(struct tarjan *t)
{
	uint32_t vertex = t->path[t->depth - 1], to;
	size_t e;

	if (t->edge[vertex] == t->graph->first[vertex + 1]) {
		leave(t, vertex);
		return;
	}
	e = t->edge[vertex]++;
	if ((t->graph->types[e] & t->types) == 0)
		return;
	to = t->graph->to[e];
	if (t->number[to] == 0)
		enter(t, to);
	else if (t->of[to] == ELLE_NONE && t->number[to] < t->low[vertex])
		t->low[vertex] = t->number[to];
}

static void
find(struct tarjan *t)
{
	uint32_t vertex;

	for (vertex = 0; vertex < t->graph->vertices; vertex++) {
		if (t->number[vertex] != 0)
			continue;
		enter(t, vertex);
		while (t->depth > 0)
			advance(t);
	}
}

static bool
has_loop(const struct tarjan *t, uint32_t vertex)
{
	for (size_t e = t->graph->first[vertex]; e < t->graph->first[vertex + 1]; e++)
		if (t->graph->to[e] == vertex && (t->graph->types[e] & t->types) != 0)
			return true;
	return false;
}

/* Members by component, those of single vertices left out, unless they have a loop that counts. */
static void
gather(struct elle_components *components, const struct tarjan *t)
{
	uint32_t *size = memory_zero(((size_t)t->components + 1) * sizeof(*size)), vertices = t->graph->vertices;
	uint32_t *place = memory_alloc(((size_t)t->components + 1) * sizeof(*place)), members = 0, c, v;
	bool *looped = memory_zero(((size_t)t->components + 1) * sizeof(*looped));

	for (v = 0; v < vertices; v++)
		size[t->of[v]]++;
	for (v = 0; t->loops && v < vertices; v++)
		looped[t->of[v]] |= size[t->of[v]] == 1 && has_loop(t, v);
	components->count = 0;
	for (c = 0; c < t->components; c++) {
		place[c] = ELLE_NONE;
		if (size[c] < 2 && !looped[c])
			continue;
		place[c] = members;
		components->first[components->count++] = members;
		members += size[c];
	}
	components->first[components->count] = members;
	for (v = 0; v < vertices; v++)
		if (place[t->of[v]] != ELLE_NONE)
			components->members[place[t->of[v]]++] = v;
	free(size);
	free(place);
	free(looped);
}

void
elle_components_find(struct elle_components *components, const struct elle_graph *graph, uint8_t types, bool loops)
{
	size_t room = (size_t)graph->vertices + 1;
	struct tarjan t = {.graph = graph, .types = types, .loops = loops};

	t.number = memory_zero(room * sizeof(*t.number));
	t.low = memory_alloc(room * sizeof(*t.low));
	t.of = memory_alloc(room * sizeof(*t.of));
	memset(t.of, 0xff, room * sizeof(*t.of));
	t.stack = memory_alloc(room * sizeof(*t.stack));
	t.path = memory_alloc(room * sizeof(*t.path));
	t.edge = memory_alloc(room * sizeof(*t.edge));
	find(&t);
	components->first = memory_alloc((room + 1) * sizeof(*components->first));
	components->members = memory_alloc(room * sizeof(*components->members));
	gather(components, &t);
	free(t.number);
	free(t.low);
	free(t.of);
	free(t.stack);
	free(t.path);
	free(t.edge);
}

void
elle_components_free(struct elle_components *components)
{
	free(components->first);
	free(components->members);
	*components = (struct elle_components){0};
}
