/*
 * Whether there is any cycle that rules out a model, without finding it: a
 * strongly connected component of the right edges is enough. That is cheap, it
 * keeps the search from looking for what cannot be there, and it stands where
 * the search gave up (elle.txn/cycle-exists-cases).
 *
 * Snapshot isolation is ruled out by a cycle in which no two anti-dependencies
 * follow on each other: a cycle of ww, wr, and such an edge with an rw behind
 * it. Here the vertices are doubled for that: an edge leads from a vertex to the
 * next, and also to its double, from which only an rw leads on.
 */
#include <stdlib.h>
#include <string.h>

#include "elle_internal.h"
#include "memory.h"

#define DATA_WITHOUT_RW (ELLE_WW | ELLE_WR)

static const struct spec {
	enum anomaly anomaly;
	enum model model;
	uint8_t types;
	bool extended; /* by an rw behind an edge */
	const char *subgraph;
} specs[] = {
    {ANOMALY_PL_1_CYCLE_EXISTS, MODEL_READ_UNCOMMITTED, ELLE_WW, false, "[:union :ww :wwp]"},
    {ANOMALY_PL_2_CYCLE_EXISTS, MODEL_READ_COMMITTED, DATA_WITHOUT_RW, false, "[:union :ww :wwp :wr :wrp]"},
    {ANOMALY_PL_SI_CYCLE_EXISTS, MODEL_SNAPSHOT_ISOLATION, DATA_WITHOUT_RW, true,
	"[:extension [:union :ww :wwp :wr :wrp] [:union :rw :rwp]]"},
    {ANOMALY_PL_2_99_CYCLE_EXISTS, MODEL_REPEATABLE_READ, ELLE_DATA, false, "[:union :ww :wwp :wr :wrp :rw]"},
    {ANOMALY_PL_3_CYCLE_EXISTS, MODEL_SERIALIZABLE, ELLE_DATA, false, "[:union :ww :wwp :wr :wrp :rw :rwp]"},
    {ANOMALY_STRONG_SESSION_PL_1_CYCLE_EXISTS, MODEL_STRONG_SESSION_READ_UNCOMMITTED, ELLE_WW | ELLE_PROCESS, false,
	"[:union :ww :wwp :process]"},
    {ANOMALY_STRONG_SESSION_PL_2_CYCLE_EXISTS, MODEL_STRONG_SESSION_READ_COMMITTED, DATA_WITHOUT_RW | ELLE_PROCESS,
	false, "[:union :ww :wwp :wr :wrp :process]"},
    {ANOMALY_STRONG_SESSION_SNAPSHOT_ISOLATION_CYCLE_EXISTS, MODEL_STRONG_SESSION_SNAPSHOT_ISOLATION,
	DATA_WITHOUT_RW | ELLE_PROCESS, true, "[:extension [:union :ww :wwp :wr :wrp :process] [:union :rw :rwp]]"},
    {ANOMALY_STRONG_SESSION_SERIALIZABLE_CYCLE_EXISTS, MODEL_STRONG_SESSION_SERIALIZABLE, ELLE_DATA | ELLE_PROCESS,
	false, "[:union :ww :wwp :wr :wrp :rw :rwp :process]"},
    {ANOMALY_STRONG_PL_1_CYCLE_EXISTS, MODEL_STRONG_READ_UNCOMMITTED, ELLE_WW | ELLE_REALTIME, false,
	"[:union :ww :wwp :realtime]"},
    {ANOMALY_STRONG_PL_2_CYCLE_EXISTS, MODEL_STRONG_READ_COMMITTED, DATA_WITHOUT_RW | ELLE_REALTIME, false,
	"[:union :ww :wwp :wr :wrp :realtime]"},
    {ANOMALY_STRONG_SNAPSHOT_ISOLATION_CYCLE_EXISTS, MODEL_STRONG_SNAPSHOT_ISOLATION, DATA_WITHOUT_RW | ELLE_REALTIME,
	true, "[:extension [:union :ww :wwp :wr :wrp :realtime] [:union :rw :rwp]]"},
    {ANOMALY_PL_SS_CYCLE_EXISTS, MODEL_STRONG_SERIALIZABLE, ELLE_DATA | ELLE_REALTIME, false,
	"[:union :ww :wwp :wr :wrp :rw :rwp :realtime]"},
};
#define SPECS (sizeof(specs) / sizeof(specs[0]))

uint64_t
elle_existing_anomalies(void)
{
	return elle_existing_anomalies_of(~UINT64_C(0));
}

uint64_t
elle_existing_anomalies_of(uint64_t models)
{
	uint64_t anomalies = 0;

	for (size_t i = 0; i < SPECS; i++)
		if ((models & SET_OF(specs[i].model)) != 0)
			anomalies |= SET_OF(specs[i].anomaly);
	return anomalies;
}

/* ---- graphs with doubled vertices ----------------------------------------------------------------- */

/* Vertex v is 2v, its double 2v + 1. */
static void
build_extended(struct elle_graph *extended, const struct elle_graph *graph, uint8_t types)
{
	struct elle_edge *edges = memory_alloc((graph->first[graph->vertices] + 1) * 3 * sizeof(*edges));
	size_t count = 0, e;

	for (uint32_t from = 0; from < graph->vertices; from++) {
		for (e = graph->first[from]; e < graph->first[from + 1]; e++) {
			if ((graph->types[e] & types) != 0) {
				edges[count++] = (struct elle_edge){2 * from, 2 * graph->to[e], 1};
				edges[count++] = (struct elle_edge){2 * from, 2 * graph->to[e] + 1, 1};
			}
			if ((graph->types[e] & ELLE_RW) != 0)
				edges[count++] = (struct elle_edge){2 * from + 1, 2 * graph->to[e], 1};
		}
	}
	elle_graph_build(extended, edges, count, 2 * graph->vertices);
	free(edges);
}

/* Leaves doubles out of components, and tells vertices as they were. */
static void
undouble(struct elle_components *components)
{
	uint32_t kept = 0, c, i = 0;

	for (c = 0; c < components->count; c++) {
		components->first[c] = kept;
		for (; i < components->first[c + 1]; i++)
			if (components->members[i] % 2 == 0)
				components->members[kept++] = components->members[i] / 2;
	}
	components->first[c] = kept;
}

/* ---- reports ------------------------------------------------------------------------------------------ */

static void
find_components(struct elle_components *components, const struct elle_graph *graph, const struct spec *spec)
{
	struct elle_graph extended;

	if (!spec->extended) {
		elle_components_find(components, graph, spec->types, true);
		return;
	}
	build_extended(&extended, graph, spec->types);
	elle_components_find(components, &extended, 1, true);
	elle_graph_free(&extended);
	undouble(components);
}

static const struct value *
parse(struct arena *arena, const char *text)
{
	const char *error;

	return edn_read(arena, &text, text + strlen(text), &error);
}

static int
by_integer(const void *a, const void *b)
{
	const struct value *const *x = a, *const *y = b;

	return ((*x)->integer > (*y)->integer) - ((*x)->integer < (*y)->integer);
}

static const struct value *
indices(struct elle *elle, const uint32_t *members, const uint32_t *which, uint32_t count)
{
	struct value *set = value_collection(elle->arena, VALUE_SET);
	uint32_t position;

	for (uint32_t i = 0; i < count; i++) {
		position = elle->txns[members[which[i]]].complete;
		value_push(elle->arena, set, value_int(elle->arena, elle->history->ops[position].index));
	}
	qsort(set->items, set->count, sizeof(*set->items), by_integer);
	return set;
}

/* The smallest of the components. */
static void
report(struct elle *elle, const struct spec *spec, const uint32_t *members, const struct elle_components *components)
{
	struct value *map = value_collection(elle->arena, VALUE_MAP);
	const uint32_t *first = components->first;
	uint32_t least = 0, c, size;

	for (c = 1; c < components->count; c++)
		if (first[c + 1] - first[c] < first[least + 1] - first[least])
			least = c;
	size = first[least + 1] - first[least];
	value_put_keyword(elle->arena, map, "type", value_keyword(elle->arena, anomaly_name(spec->anomaly)));
	value_put_keyword(elle->arena, map, "not", value_keyword(elle->arena, model_name(spec->model)));
	value_put_keyword(elle->arena, map, "subgraph", parse(elle->arena, spec->subgraph));
	value_put_int(elle->arena, map, "scc-size", size);
	value_put_keyword(elle->arena, map, "scc", indices(elle, members, components->members + first[least], size));
	elle_report(elle, spec->anomaly, map);
}

uint64_t
elle_find_existing(struct elle *elle, const struct elle_graph *graph, const uint32_t *members)
{
	struct elle_components components;
	uint64_t impossible = 0, all = 0;

	for (size_t i = 0; i < SPECS; i++) {
		all |= SET_OF(specs[i].model);
		if ((impossible & SET_OF(specs[i].model)) != 0)
			continue;
		find_components(&components, graph, &specs[i]);
		if (components.count > 0) {
			report(elle, &specs[i], members, &components);
			impossible |= models_implying(SET_OF(specs[i].model));
		}
		elle_components_free(&components);
	}
	return anomalies_prohibited_by(all & ~impossible);
}
