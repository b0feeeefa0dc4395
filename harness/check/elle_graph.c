/* Dependency graphs as arrays, parts of them, and the strongly connected components that matter. */
#include <stdlib.h>

#include "components.h"
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

static bool
has_loop(const struct elle_graph *graph, uint8_t types, uint32_t vertex)
{
	for (size_t e = graph->first[vertex]; e < graph->first[vertex + 1]; e++)
		if (graph->to[e] == vertex && (graph->types[e] & types) != 0)
			return true;
	return false;
}

/* Which components are more than a single vertex, or have a loop that counts. */
static bool *
find_interesting(const struct components *all, const struct elle_graph *graph, uint8_t types, bool loops)
{
	bool *interesting = memory_zero((size_t)all->count + 1);

	for (uint32_t v = 0; v < graph->vertices; v++)
		interesting[all->of[v]] |= all->size[all->of[v]] > 1 || (loops && has_loop(graph, types, v));
	return interesting;
}

/* The members of those, by component. */
static void
gather(struct elle_components *components, const struct components *all, const bool *wanted, uint32_t vertices)
{
	uint32_t *place = memory_alloc(((size_t)all->count + 1) * sizeof(*place)), members = 0;

	components->count = 0;
	for (uint32_t c = 0; c < all->count; c++) {
		if (!wanted[c])
			continue;
		place[c] = members;
		components->first[components->count++] = members;
		members += all->size[c];
	}
	components->first[components->count] = members;
	for (uint32_t v = 0; v < vertices; v++)
		if (wanted[all->of[v]])
			components->members[place[all->of[v]]++] = v;
	free(place);
}

void
elle_components_find(struct elle_components *components, const struct elle_graph *graph, uint8_t types, bool loops)
{
	const struct adjacency adjacency = {graph->vertices, graph->first, graph->to, graph->types};
	size_t room = (size_t)graph->vertices + 1;
	struct components all;
	bool *wanted;

	components_find(&all, &adjacency, types);
	wanted = find_interesting(&all, graph, types, loops);
	components->first = memory_alloc((room + 1) * sizeof(*components->first));
	components->members = memory_alloc(room * sizeof(*components->members));
	gather(components, &all, wanted, graph->vertices);
	free(wanted);
	components_free(&all);
}

void
elle_components_free(struct elle_components *components)
{
	free(components->first);
	free(components->members);
	*components = (struct elle_components){0};
}
