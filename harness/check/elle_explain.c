/* Why a cycle is one, edge by edge, and which anomaly that makes it (elle.core and elle.txn/cycle-explainer). */
#include <string.h>

#include "elle_internal.h"

/* ---- edges ------------------------------------------------------------------------------------- */

static uint8_t
types_between(const struct elle_graph *graph, uint32_t from, uint32_t to)
{
	for (size_t e = graph->first[from]; e < graph->first[from + 1]; e++)
		if (graph->to[e] == to)
			return graph->types[e];
	return 0;
}

static enum elle_type
explained(const struct elle *elle, uint8_t types)
{
	for (size_t i = 0; i < 3; i++)
		if ((types & elle->workload->priority[i]) != 0)
			return elle->workload->priority[i];
	return (types & ELLE_PROCESS) != 0 ? ELLE_PROCESS : ELLE_REALTIME;
}

void
elle_keep_explained(const struct elle *elle, struct elle_graph *graph)
{
	for (size_t e = 0; e < graph->first[graph->vertices]; e++)
		graph->types[e] = (uint8_t)explained(elle, graph->types[e]);
}

static enum elle_type
type_of_edge(const struct elle *elle, const struct elle_graph *graph, uint32_t from, uint32_t to)
{
	return explained(elle, types_between(graph, from, to));
}

/* ---- classes -------------------------------------------------------------------------------------- */

enum class { CLASS_G0, CLASS_G1C, CLASS_SINGLE, CLASS_NONADJACENT, CLASS_G2 };

static const enum anomaly anomalies[][3] = {
    [CLASS_G0] = {ANOMALY_G0, ANOMALY_G0_PROCESS, ANOMALY_G0_REALTIME},
    [CLASS_G1C] = {ANOMALY_G1C, ANOMALY_G1C_PROCESS, ANOMALY_G1C_REALTIME},
    [CLASS_SINGLE] = {ANOMALY_G_SINGLE_ITEM, ANOMALY_G_SINGLE_ITEM_PROCESS, ANOMALY_G_SINGLE_ITEM_REALTIME},
    [CLASS_NONADJACENT] = {ANOMALY_G_NONADJACENT_ITEM, ANOMALY_G_NONADJACENT_ITEM_PROCESS,
	ANOMALY_G_NONADJACENT_ITEM_REALTIME},
    [CLASS_G2] = {ANOMALY_G2_ITEM, ANOMALY_G2_ITEM_PROCESS, ANOMALY_G2_ITEM_REALTIME},
};

enum anomaly
elle_classify(struct elle *elle, const struct elle_graph *graph, const uint32_t *cycle, uint32_t count)
{
	enum elle_type type, previous = type_of_edge(elle, graph, cycle[count - 1], cycle[0]);
	uint32_t i, rw = 0;
	bool adjacent = false;
	uint8_t all = 0;
	enum class class = CLASS_G0;

	for (i = 0; i < count; i++, previous = type) {
		type = type_of_edge(elle, graph, cycle[i], cycle[(i + 1) % count]);
		all |= (uint8_t)type;
		rw += type == ELLE_RW;
		adjacent |= type == ELLE_RW && previous == ELLE_RW;
	}
	if (rw > 1)
		class = adjacent ? CLASS_G2 : CLASS_NONADJACENT;
	else if (rw == 1)
		class = CLASS_SINGLE;
	else if ((all & ELLE_WR) != 0)
		class = CLASS_G1C;
	return anomalies[class][(all & ELLE_REALTIME) != 0 ? 2 : (all & ELLE_PROCESS) != 0];
}

/* ---- explanations ------------------------------------------------------------------------------------ */

static const struct value *
explain_process(struct elle *elle, uint32_t txn)
{
	struct value *map = value_collection(elle->arena, VALUE_MAP);

	value_put_keyword(elle->arena, map, "type", value_keyword(elle->arena, "process"));
	value_put_int(elle->arena, map, "process", elle->txns[txn].process);
	return map;
}

static const struct value *
explain_realtime(struct elle *elle, uint32_t from, uint32_t to)
{
	struct value *map = value_collection(elle->arena, VALUE_MAP);

	value_put_keyword(elle->arena, map, "type", value_keyword(elle->arena, "realtime"));
	value_put_keyword(elle->arena, map, "a'", elle_txn_value(elle, from));
	value_put_keyword(elle->arena, map, "b", op_value(elle->arena, &elle->history->ops[elle->txns[to].invoke]));
	return map;
}

static const struct value *
explain(struct elle *elle, uint32_t from, uint32_t to, enum elle_type type)
{
	if (type == ELLE_PROCESS)
		return explain_process(elle, from);
	if (type == ELLE_REALTIME)
		return explain_realtime(elle, from, to);
	return elle->workload->explain(elle, from, to, type);
}

const struct value *
elle_explain_cycle(
    struct elle *elle, const struct elle_graph *graph, const uint32_t *members, const uint32_t *cycle, uint32_t count)
{
	struct value *map = value_collection(elle->arena, VALUE_MAP);
	struct value *txns = value_collection(elle->arena, VALUE_VECTOR);
	struct value *steps = value_collection(elle->arena, VALUE_LIST);
	const char *name = anomaly_name(elle_classify(elle, graph, cycle, count));
	uint32_t i, to;

	for (i = 0; i < count; i++) {
		to = cycle[(i + 1) % count];
		value_push(elle->arena, txns, elle_txn_value(elle, members[cycle[i]]));
		value_push(elle->arena, steps,
		    explain(elle, members[cycle[i]], members[to], type_of_edge(elle, graph, cycle[i], to)));
	}
	value_push(elle->arena, txns, txns->items[0]);
	value_put_keyword(elle->arena, map, "cycle", txns);
	value_put_keyword(elle->arena, map, "steps", steps);
	value_put_keyword(elle->arena, map, "type", value_keyword(elle->arena, name));
	return map;
}
