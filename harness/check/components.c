/* Tarjan's algorithm with a call stack of its own: `path`, where each vertex remembers the edge that is next. */
#include "components.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

#define NONE UINT32_MAX /* the component of who is on the stack or was not reached */

struct tarjan {
	const struct adjacency *graph;
	uint8_t types;
	struct components *components;
	uint32_t *number; /* in the order in which they are reached, from 1; 0: not yet */
	uint32_t *low;    /* the lowest number that is known to be reached from here */
	uint32_t *stack, *path;
	size_t *edge; /* the next one to look at, of a vertex on the path */
	uint32_t reached, stacked, depth;
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
	struct components *components = t->components;
	uint32_t parent, member;

	t->depth--;
	if (t->low[vertex] == t->number[vertex]) {
		do {
			member = t->stack[--t->stacked];
			components->of[member] = components->count;
			components->size[components->count]++;
		} while (member != vertex);
		components->count++;
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
	if (t->graph->types != NULL && (t->graph->types[e] & t->types) == 0)
		return;
	to = t->graph->to[e];
	if (t->number[to] == 0)
		enter(t, to);
	else if (t->components->of[to] == NONE && t->number[to] < t->low[vertex])
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

void
components_find(struct components *components, const struct adjacency *graph, uint8_t types)
{
	size_t room = (size_t)graph->vertices + 1;
	struct tarjan t = {.graph = graph, .types = types, .components = components};

	t.number = memory_zero(room * sizeof(*t.number));
	t.low = memory_alloc(room * sizeof(*t.low));
	t.stack = memory_alloc(room * sizeof(*t.stack));
	t.path = memory_alloc(room * sizeof(*t.path));
	t.edge = memory_alloc(room * sizeof(*t.edge));
	components->count = 0;
	components->size = memory_zero(room * sizeof(*components->size));
	components->of = memory_alloc(room * sizeof(*components->of));
	memset(components->of, 0xff, room * sizeof(*components->of));
	find(&t);
	free(t.number);
	free(t.low);
	free(t.stack);
	free(t.path);
	free(t.edge);
}

void
components_free(struct components *components)
{
	free(components->of);
	free(components->size);
}
