/*
 * Cycles in a dependency graph, of every kind of which a model might forbid
 * one: in each strongly connected component the worst kinds first, and not
 * those that follow from one that was found (elle.txn/cycle-cases-in-scc).
 */
#include <stdlib.h>
#include <string.h>

#include "champ.h"
#include "elle_internal.h"
#include "memory.h"

/* Steps of the search as Elle does it in one component, of a thorough one for one kind, and of all together: seconds.
 */
#define ELLE_WORK_MAX  UINT64_C(4000000)
#define KIND_WORK_MAX  UINT64_C(10000000)
#define TOTAL_WORK_MAX UINT64_C(400000000)

#define W_R (ELLE_WW | ELLE_WR)

/* In the order of elle.consistency-model/anomaly-depths. */
static const struct elle_cycle_kind kinds[] = {
    {ANOMALY_G_SINGLE_ITEM, W_R, 0, 1, ELLE_RW_SINGLE, true},
    {ANOMALY_G0, ELLE_WW, 0, 0, ELLE_RW_LEGAL, false},
    {ANOMALY_G_NONADJACENT_ITEM, W_R, 0, 2, ELLE_RW_NONADJACENT, true},
    {ANOMALY_G_SINGLE_ITEM_PROCESS, W_R | ELLE_PROCESS, ELLE_PROCESS, 1, ELLE_RW_SINGLE, true},
    {ANOMALY_G1C, W_R, ELLE_WR, 0, ELLE_RW_LEGAL, false},
    {ANOMALY_G_NONADJACENT_ITEM_PROCESS, W_R | ELLE_PROCESS, ELLE_PROCESS, 2, ELLE_RW_NONADJACENT, true},
    {ANOMALY_G_SINGLE_ITEM_REALTIME, W_R | ELLE_REALTIME, ELLE_REALTIME, 1, ELLE_RW_SINGLE, true},
    {ANOMALY_G2_ITEM, ELLE_DATA, 0, 2, ELLE_RW_LEGAL, true},
    {ANOMALY_G_NONADJACENT_ITEM_REALTIME, W_R | ELLE_REALTIME, ELLE_REALTIME, 2, ELLE_RW_NONADJACENT, true},
    {ANOMALY_G0_PROCESS, ELLE_WW | ELLE_PROCESS, ELLE_PROCESS, 0, ELLE_RW_LEGAL, false},
    {ANOMALY_G1C_PROCESS, W_R | ELLE_PROCESS, ELLE_WR | ELLE_PROCESS, 0, ELLE_RW_LEGAL, false},
    {ANOMALY_G2_ITEM_PROCESS, ELLE_DATA | ELLE_PROCESS, ELLE_PROCESS, 2, ELLE_RW_LEGAL, true},
    {ANOMALY_G0_REALTIME, ELLE_WW | ELLE_REALTIME, ELLE_REALTIME, 0, ELLE_RW_LEGAL, false},
    {ANOMALY_G1C_REALTIME, W_R | ELLE_REALTIME, ELLE_WR | ELLE_REALTIME, 0, ELLE_RW_LEGAL, false},
    {ANOMALY_G2_ITEM_REALTIME, ELLE_DATA | ELLE_REALTIME, ELLE_REALTIME, 2, ELLE_RW_LEGAL, true},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* A strongly connected component of the whole graph. */
struct part {
	struct elle *elle;
	struct elle_graph graph;
	const uint32_t *members; /* transactions, by vertex */
	uint64_t *ranks;
	uint32_t *cycle;
	uint64_t *total_work;
	uint64_t impossible; /* anomalies that cannot be in it */
	uint64_t shown;      /* anomalies that were reported */
	uint64_t unfinished; /* anomalies that may be in it: the search was given up */
};

/* ---- cycles -------------------------------------------------------------------------------- */

static void
report_cycle(struct part *part, enum anomaly anomaly, uint32_t length)
{
	struct elle *elle = part->elle;

	part->shown |= SET_OF(anomaly);
	elle_report(elle, anomaly, elle_explain_cycle(elle, &part->graph, part->members, part->cycle, length));
}

/* Takes from a budget what the total has left. */
static uint32_t
find_cycle(struct part *part, const struct elle_graph *graph, const struct elle_cycle_kind *kind, bool as_elle,
    uint64_t *budget)
{
	uint64_t before = *part->total_work < *budget ? *part->total_work : *budget, after = before;
	uint32_t length = elle_find_cycle(graph, part->ranks, kind, as_elle, &after, part->cycle);

	*part->total_work -= before - after;
	*budget = after;
	return length;
}

/*
 * Of the types of an edge one is taken on the way, and the first one explains
 * it; so what was found may be another anomaly. Where a kind insists on its
 * own, Elle leaves it at that. False: out of work.
 */
static bool
search_as_elle(struct part *part)
{
	uint64_t redundant = part->impossible, budget = ELLE_WORK_MAX;
	enum anomaly anomaly;
	uint32_t length;

	for (size_t k = 0; k < KINDS; k++) {
		if ((redundant & SET_OF(kinds[k].anomaly)) != 0)
			continue;
		length = find_cycle(part, &part->graph, &kinds[k], true, &budget);
		if (length == 0 && budget == 0)
			return false;
		if (length == 0)
			continue;
		anomaly = elle_classify(part->elle, &part->graph, part->cycle, length);
		if (kinds[k].exact && anomaly != kinds[k].anomaly)
			continue;
		report_cycle(part, anomaly, length);
		redundant |= anomalies_implied_by(SET_OF(kinds[k].anomaly));
	}
	return true;
}

/* ---- when that takes too long ------------------------------------------------------------------ */

static void
search_kind(struct part *part, const struct elle_graph *explained, const struct elle_cycle_kind *elle_kind)
{
	struct elle_cycle_kind kind = *elle_kind;
	uint64_t budget = KIND_WORK_MAX;
	uint32_t length;

	if (kind.rw_wanted > 1 && kind.rw == ELLE_RW_LEGAL)
		kind.rw = ELLE_RW_ADJACENT;
	if (!elle_cycle_is_possible(explained, &kind))
		return;
	length = find_cycle(part, explained, &kind, false, &budget);
	if (length > 0)
		report_cycle(part, kind.anomaly, length);
	else if (budget == 0)
		part->unfinished |= SET_OF(kind.anomaly);
}

/* Every kind on its own, whether or not it follows from another: by the edges as they are explained. */
static void
search_thoroughly(struct part *part)
{
	struct elle_graph explained = part->graph;
	size_t edges = part->graph.first[part->graph.vertices];

	explained.types = memory_alloc(edges);
	memcpy(explained.types, part->graph.types, edges);
	elle_keep_explained(part->elle, &explained);
	for (size_t k = 0; k < KINDS; k++)
		if (((part->impossible | part->shown) & SET_OF(kinds[k].anomaly)) == 0)
			search_kind(part, &explained, &kinds[k]);
	free(explained.types);
}

static void
report_timeout(struct part *part)
{
	struct elle *elle = part->elle;
	struct value *map = value_collection(elle->arena, VALUE_MAP);
	uint64_t absent = 0;
	enum anomaly first = 0;
	size_t k;

	for (k = 0; k < KINDS; k++)
		absent |= SET_OF(kinds[k].anomaly);
	for (k = KINDS; k-- > 0;)
		if ((part->unfinished & SET_OF(kinds[k].anomaly)) != 0)
			first = kinds[k].anomaly;
	absent &= ~(part->unfinished | part->shown);
	value_put_keyword(
	    elle->arena, map, "type", value_keyword(elle->arena, anomaly_name(ANOMALY_CYCLE_SEARCH_TIMEOUT)));
	value_put_keyword(elle->arena, map, "anomaly-spec-type", value_keyword(elle->arena, anomaly_name(first)));
	value_put_keyword(elle->arena, map, "does-not-contain", anomalies_value(elle->arena, absent));
	value_put_int(elle->arena, map, "scc-size", part->graph.vertices);
	elle_report(elle, ANOMALY_CYCLE_SEARCH_TIMEOUT, map);
}

/* Some cycle, with edges that are as bad as can be: so that there is something to look at. */
static void
report_any_cycle(struct part *part)
{
	static const uint8_t legal[] = {ELLE_WW, ELLE_WW | ELLE_PROCESS | ELLE_REALTIME, W_R,
	    W_R | ELLE_PROCESS | ELLE_REALTIME, ELLE_DATA, ELLE_DATA | ELLE_PROCESS | ELLE_REALTIME};
	struct elle_cycle_kind kind = {.rw = ELLE_RW_LEGAL};
	uint32_t length = 0;
	uint64_t work;

	for (size_t i = 0; i < sizeof(legal) && length == 0; i++) {
		kind.legal = legal[i];
		work = KIND_WORK_MAX;
		if (elle_cycle_is_possible(&part->graph, &kind))
			length = elle_find_cycle(&part->graph, part->ranks, &kind, false, &work, part->cycle);
	}
	if (length > 0)
		report_cycle(part, elle_classify(part->elle, &part->graph, part->cycle, length), length);
}

/* ---- components -------------------------------------------------------------------------------- */

static void
rank(struct part *part)
{
	const struct elle *elle = part->elle;
	uint32_t v, position;

	for (v = 0; v < part->graph.vertices; v++) {
		position = elle->txns[part->members[v]].complete;
		part->ranks[v] = champ_rank(elle->history->ops[position].index);
	}
}

static void
search_part(struct part *part)
{
	part->impossible = elle_find_existing(part->elle, &part->graph, part->members);
	rank(part);
	if (search_as_elle(part))
		return;
	search_thoroughly(part);
	if (part->unfinished == 0)
		return;
	report_timeout(part);
	if (part->shown == 0)
		report_any_cycle(part);
}

static void
search_component(struct elle *elle, const uint32_t *members, uint32_t count, uint32_t *local, uint64_t *total_work)
{
	struct part part = {.elle = elle, .members = members};

	part.total_work = total_work;
	elle_graph_select(&part.graph, &elle->graph, members, count, local);
	part.ranks = memory_alloc(count * sizeof(*part.ranks));
	part.cycle = memory_alloc(count * sizeof(*part.cycle));
	search_part(&part);
	elle_graph_free(&part.graph);
	free(part.ranks);
	free(part.cycle);
}

static void
search_components(struct elle *elle)
{
	uint32_t *local = memory_alloc(((size_t)elle->txn_count + 1) * sizeof(*local)), c;
	struct elle_components components;
	uint64_t work = TOTAL_WORK_MAX;

	memset(local, 0xff, ((size_t)elle->txn_count + 1) * sizeof(*local));
	elle_components_find(&components, &elle->graph, UINT8_MAX, false);
	for (c = 0; c < components.count; c++)
		search_component(elle, components.members + components.first[c],
		    components.first[c + 1] - components.first[c], local, &work);
	elle_components_free(&components);
	free(local);
}

/* ---- the graph ------------------------------------------------------------------------------------ */

static uint64_t
kinds_with(uint8_t type)
{
	uint64_t anomalies = 0;

	for (size_t k = 0; k < KINDS; k++)
		if ((kinds[k].required & type) != 0)
			anomalies |= SET_OF(kinds[k].anomaly);
	return anomalies;
}

static void
add_edge(struct elle *elle, uint32_t from, uint32_t to, enum elle_type type)
{
	if (elle->edge_count == ELLE_EDGES_MAX) {
		elle_fail(elle, "more than %zu dependencies", ELLE_EDGES_MAX);
		return;
	}
	if (elle->edge_count == elle->edge_capacity) {
		elle->edge_capacity = elle->edge_capacity > 0 ? elle->edge_capacity * 2 : 1024;
		elle->edges = memory_resize(elle->edges, elle->edge_capacity, sizeof(*elle->edges));
	}
	elle->edges[elle->edge_count++] = (struct elle_edge){from, to, type};
}

void
elle_link(struct elle *elle, uint32_t from, uint32_t to, enum elle_type type)
{
	if (from != to)
		add_edge(elle, from, to, type);
}

void
elle_link_loop(struct elle *elle, uint32_t txn, enum elle_type type)
{
	add_edge(elle, txn, txn, type);
}

void
elle_search(struct elle *elle)
{
	if ((elle->reportable & kinds_with(ELLE_REALTIME)) != 0)
		elle_link_realtime(elle);
	else if ((elle->reportable & kinds_with(ELLE_PROCESS)) != 0)
		elle_link_processes(elle);
	if (elle->edge_count == 0 && !elle->met)
		elle_report(elle, ANOMALY_EMPTY_TRANSACTION_GRAPH, &value_true);
	if (elle->error != NULL)
		return;
	elle_graph_build(&elle->graph, elle->edges, elle->edge_count, elle->txn_count);
	free(elle->edges);
	elle->edges = NULL;
	search_components(elle);
	if (elle->directory != NULL)
		elle_write_files(elle);
}
