/*
 * The search for a cycle of one kind: breadth first over paths from a vertex,
 * each with the state of an automaton that says which edges it may still take
 * and which it must (elle.bfs). There are two ways to do it.
 *
 * Elle's is to follow every path, from each vertex in turn, in the order in
 * which its graphs list them. Of how many paths there are it takes no notice;
 * but in small components it finds the very cycle that Elle finds.
 *
 * The other one ends a path where another one has been with the same state, so
 * that the work for a vertex is linear in the edges. What this may miss are
 * cycles that would cross that other path: where that could be, because a path
 * was cut for crossing itself and there is a closed walk of that kind, every
 * path is followed after all.
 */
#include <stdlib.h>
#include <string.h>

#include "champ.h"
#include "elle_internal.h"
#include "elle_state.h"
#include "memory.h"

#define NESTED_MAX 32 /* loops within loops that are searched again */

/* ---- paths ------------------------------------------------------------------------------------ */

struct node {
	uint32_t vertex;
	uint32_t parent; /* ELLE_NONE: the start */
	struct elle_state state;
};

struct search {
	const struct elle_cycle_kind *kind;
	const struct elle_graph *graph; /* edges in the order in which they are followed */
	uint64_t *work;
	struct node *nodes;
	size_t count, capacity;
	uint64_t *seen;  /* of each vertex: states in which a path has been there */
	uint32_t *marks; /* of each vertex; for selecting a part */
	uint32_t *cycle;
	uint32_t length; /* of the cycle that was found; 0: none */
	unsigned nested;
	bool every_path;
	bool loops; /* search the loops that paths run into */
	bool cut;   /* a path was ended because it crossed itself */
};

static bool
spend(struct search *search, uint64_t work)
{
	if (*search->work <= work) {
		*search->work = 0;
		return false;
	}
	*search->work -= work;
	return true;
}

static void
push(struct search *search, uint32_t vertex, uint32_t parent, struct elle_state state)
{
	if (search->count == search->capacity) {
		search->capacity = search->capacity > 0 ? search->capacity * 2 : 64;
		search->nodes = memory_resize(search->nodes, search->capacity, sizeof(*search->nodes));
	}
	search->nodes[search->count++] = (struct node){vertex, parent, state};
	search->seen[vertex] |= elle_state_bit(state);
}

static void
restart(struct search *search, uint32_t start)
{
	for (size_t i = 0; i < search->count; i++)
		search->seen[search->nodes[i].vertex] = 0;
	search->count = 0;
	search->cut = false;
	push(search, start, ELLE_NONE, elle_state_first(search->kind));
}

/* Whether the path to a node leads through a vertex. */
static bool
is_on_path(struct search *search, uint32_t node, uint32_t vertex)
{
	uint32_t steps = 1;

	for (; node != ELLE_NONE && search->nodes[node].vertex != vertex; steps++)
		node = search->nodes[node].parent;
	spend(search, steps);
	return node != ELLE_NONE;
}

/* The path to a node from where it first meets a vertex, in `path`; returns its length. */
static uint32_t
path_from(const struct search *search, uint32_t node, uint32_t vertex, uint32_t *path)
{
	uint32_t length = 1, at, i;

	for (at = node; search->nodes[at].vertex != vertex; at = search->nodes[at].parent)
		length++;
	for (at = node, i = length; i > 0; at = search->nodes[at].parent)
		path[--i] = search->nodes[at].vertex;
	return length;
}

/* ---- from a vertex -------------------------------------------------------------------------------- */

static void search_from(struct search *, uint32_t start);

static int
by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void
search_init(struct search *search, const struct search *parent, const struct elle_graph *graph)
{
	*search = (struct search){.kind = parent->kind, .graph = graph, .work = parent->work};
	search->every_path = search->loops = parent->loops;
	search->nested = parent->nested + 1;
	search->seen = memory_zero((size_t)graph->vertices * sizeof(*search->seen));
	search->marks = memory_alloc((size_t)graph->vertices * sizeof(*search->marks));
	memset(search->marks, 0xff, (size_t)graph->vertices * sizeof(*search->marks));
	search->cycle = memory_alloc((size_t)graph->vertices * sizeof(*search->cycle));
}

static void
search_free(struct search *search)
{
	free(search->nodes);
	free(search->seen);
	free(search->marks);
	free(search->cycle);
}

/*
 * A path has come back to a vertex that is not its start, with all that a cycle
 * needs, some of it maybe on the way to there. Searches the loop alone.
 */
static void
search_loop(struct search *search, uint32_t node, uint32_t vertex)
{
	uint32_t *loop = memory_alloc((size_t)search->graph->vertices * sizeof(*loop)), length, i;
	uint32_t *members = memory_alloc((size_t)search->graph->vertices * sizeof(*members));
	struct elle_graph part;
	struct search inner;

	length = path_from(search, node, vertex, loop);
	memcpy(members, loop, length * sizeof(*members));
	qsort(members, length, sizeof(*members), by_number);
	elle_graph_select(&part, search->graph, members, length, search->marks);
	search_init(&inner, search, &part);
	spend(search, 4 * (uint64_t)length + part.first[length]);
	for (i = 0; i < length && inner.length == 0 && *search->work > 0; i++) {
		uint32_t *found = bsearch(&loop[i], members, length, sizeof(*members), by_number);

		search_from(&inner, (uint32_t)(found - members));
	}
	for (i = 0; i < inner.length; i++)
		search->cycle[i] = members[inner.cycle[i]];
	search->length = inner.length;
	search_free(&inner);
	elle_graph_free(&part);
	free(loop);
	free(members);
}

/* One step from a node. */
static void
reach(struct search *search, uint32_t node, uint32_t vertex, struct elle_state state)
{
	uint32_t start = search->nodes[0].vertex;

	if (vertex == start && elle_state_is_final(state)) {
		search->length = path_from(search, node, start, search->cycle);
	} else if (vertex == start) {
		search->cut = true;
	} else if (search->seen[vertex] != 0 && is_on_path(search, node, vertex)) {
		search->cut = true;
		if (search->loops && elle_state_is_final(state) && search->nested < NESTED_MAX)
			search_loop(search, node, vertex);
	} else if (search->every_path || (search->seen[vertex] & elle_state_bit(state)) == 0) {
		push(search, vertex, node, state);
	}
}

static void
expand(struct search *search, uint32_t node)
{
	const struct elle_graph *graph = search->graph;
	uint32_t vertex = search->nodes[node].vertex;
	struct elle_state states[ELLE_STATES_MAX];
	size_t e, s, count;

	for (e = graph->first[vertex]; e < graph->first[vertex + 1] && spend(search, 1); e++) {
		count = elle_state_step(search->kind, search->nodes[node].state, graph->types[e], node == 0, states);
		for (s = 0; s < count && search->length == 0; s++)
			reach(search, node, graph->to[e], states[s]);
		if (search->length > 0)
			return;
	}
}

static void
follow(struct search *search, uint32_t start)
{
	restart(search, start);
	for (uint32_t node = 0; node < search->count && search->length == 0 && *search->work > 0; node++)
		expand(search, node);
}

/* Whether a walk that may cross itself comes back to its start with all that a cycle needs. */
static bool
walk_returns(struct search *search, uint32_t start)
{
	const struct elle_graph *graph = search->graph;
	struct elle_state states[ELLE_STATES_MAX];
	size_t e, s, count;
	uint32_t vertex;

	restart(search, start);
	for (uint32_t node = 0; node < search->count; node++) {
		vertex = search->nodes[node].vertex;
		for (e = graph->first[vertex]; e < graph->first[vertex + 1] && spend(search, 1); e++) {
			count = elle_state_step(
			    search->kind, search->nodes[node].state, graph->types[e], node == 0, states);
			for (s = 0; s < count; s++) {
				if (graph->to[e] == start && elle_state_is_final(states[s]))
					return true;
				if ((search->seen[graph->to[e]] & elle_state_bit(states[s])) == 0)
					push(search, graph->to[e], node, states[s]);
			}
		}
	}
	return false;
}

static void
search_from(struct search *search, uint32_t start)
{
	if (search->graph->first[start] == search->graph->first[start + 1])
		return;
	follow(search, start);
	if (search->every_path || search->length > 0 || !search->cut || *search->work == 0 ||
	    !walk_returns(search, start))
		return;
	search->every_path = true;
	follow(search, start);
	search->every_path = false;
}

/* ---- a whole graph ----------------------------------------------------------------------------------- */

static uint8_t
types_of(const struct elle_cycle_kind *kind)
{
	return kind->legal | kind->required | (kind->rw != ELLE_RW_LEGAL ? ELLE_RW : 0);
}

/* Types of all edges between members of a component. */
static uint8_t
types_within(const struct elle_graph *graph, const uint32_t *component_of, uint32_t component, uint32_t vertex)
{
	uint8_t types = 0;

	for (size_t e = graph->first[vertex]; e < graph->first[vertex + 1]; e++)
		if (component_of[graph->to[e]] == component)
			types |= graph->types[e];
	return types;
}

bool
elle_cycle_is_possible(const struct elle_graph *graph, const struct elle_cycle_kind *kind)
{
	uint8_t needed = kind->required | (kind->rw_wanted > 0 ? ELLE_RW : 0), types;
	uint32_t *component_of = memory_zero((size_t)graph->vertices * sizeof(*component_of)), c, i;
	struct elle_components components;
	bool possible = false;

	elle_components_find(&components, graph, types_of(kind), true);
	for (c = 0; c < components.count; c++)
		for (i = components.first[c]; i < components.first[c + 1]; i++)
			component_of[components.members[i]] = c + 1;
	for (c = 0; c < components.count && !possible; c++) {
		for (types = 0, i = components.first[c]; i < components.first[c + 1]; i++)
			types |= types_within(graph, component_of, c + 1, components.members[i]);
		possible = (types & needed) == needed;
	}
	elle_components_free(&components);
	free(component_of);
	return possible;
}

/* The part of a graph that a kind is about, its edges in Elle's order. */
static void
project(struct elle_graph *part, const struct elle_graph *graph, const uint64_t *ranks, uint8_t types)
{
	struct clojure_ranked *ends = memory_alloc((graph->first[graph->vertices] + 1) * sizeof(*ends));
	size_t edges = graph->first[graph->vertices], kept = 0, count, e;

	part->vertices = graph->vertices;
	part->first = memory_zero(((size_t)graph->vertices + 1) * sizeof(*part->first));
	part->to = memory_alloc(edges * sizeof(*part->to));
	part->types = memory_alloc(edges * sizeof(*part->types));
	for (uint32_t v = 0; v < graph->vertices; v++) {
		for (count = 0, e = graph->first[v]; e < graph->first[v + 1]; e++)
			if ((graph->types[e] & types) != 0)
				ends[count++] = (struct clojure_ranked){ranks[graph->to[e]], e};
		champ_sort(ends, count);
		for (e = 0; e < count; e++, kept++) {
			part->to[kept] = graph->to[ends[e].item];
			part->types[kept] = graph->types[ends[e].item] & types;
		}
		part->first[v + 1] = kept;
	}
	free(ends);
}

/* Vertices with any edge, in Elle's order; returns how many. */
static uint32_t
starts_of(const struct elle_graph *graph, const uint64_t *ranks, struct clojure_ranked *starts)
{
	bool *used = memory_zero((size_t)graph->vertices * sizeof(*used));
	uint32_t count = 0, v;

	for (v = 0; v < graph->vertices; v++) {
		if (graph->first[v] < graph->first[v + 1])
			used[v] = true;
		for (size_t e = graph->first[v]; e < graph->first[v + 1]; e++)
			used[graph->to[e]] = true;
	}
	for (v = 0; v < graph->vertices; v++)
		if (used[v])
			starts[count++] = (struct clojure_ranked){ranks[v], v};
	champ_sort(starts, count);
	free(used);
	return count;
}

uint32_t
elle_find_cycle(const struct elle_graph *graph, const uint64_t *ranks, const struct elle_cycle_kind *kind, bool as_elle,
    uint64_t *work, uint32_t *cycle)
{
	struct clojure_ranked *starts = memory_alloc(((size_t)graph->vertices + 1) * sizeof(*starts));
	struct search none = {.kind = kind, .loops = as_elle};
	struct elle_graph part;
	struct search search;
	uint32_t count, i;

	none.work = work;
	project(&part, graph, ranks, types_of(kind));
	search_init(&search, &none, &part);
	count = starts_of(&part, ranks, starts);
	for (i = 0; i < count && search.length == 0 && *work > 0; i++)
		search_from(&search, (uint32_t)starts[i].item);
	memcpy(cycle, search.cycle, search.length * sizeof(*cycle));
	count = search.length;
	search_free(&search);
	elle_graph_free(&part);
	free(starts);
	return count;
}
