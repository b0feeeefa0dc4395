/* When partitions begin and end, and what the history says of it (jepsen.nemesis/partitioner). */
#include "nemesis.h"
#include "loop.h"

static void
note(struct history *history, int64_t now, const char *f, const struct value *value)
{
	struct op op = {.time = now, .type = OP_INFO, .process = PROCESS_NEMESIS, .f = f, .value = value};

	history_append(history, &op);
}

static void
start(struct nemesis *nemesis, struct history *history, int64_t now)
{
	struct arena *arena = &history->arena;
	enum partition_kind kind = (enum partition_kind)random_below(&nemesis->random, PARTITION_KINDS);
	struct value *isolated = value_collection(arena, VALUE_VECTOR);
	struct grudge grudge;

	note(history, now, "start-partition", value_keyword(arena, partition_name(kind)));
	grudge_draw(&grudge, kind, nemesis->node_count, &nemesis->random);
	grudge_apply(&grudge, nemesis->net, nemesis->nodes);
	value_push(arena, isolated, value_keyword(arena, "isolated"));
	value_push(arena, isolated, grudge_value(&grudge, arena, nemesis->nodes));
	note(history, now, "start-partition", isolated);
	grudge_free(&grudge);
	nemesis->fault = partition_name(kind);
}

void
nemesis_heal(struct nemesis *nemesis, struct history *history, int64_t now)
{
	note(history, now, "stop-partition", &value_nil);
	net_heal(nemesis->net);
	note(history, now, "stop-partition", value_keyword(&history->arena, "network-healed"));
	nemesis->fault = NULL;
}

void
nemesis_act(struct nemesis *nemesis, struct history *history, int64_t now)
{
	if (nemesis->fault == NULL)
		start(nemesis, history, now);
	else
		nemesis_heal(nemesis, history, now);
	nemesis->due =
	    now + (nemesis->gap_ns > 0 ? (int64_t)random_below(&nemesis->random, (uint64_t)nemesis->gap_ns) : 0);
}

void
nemesis_init(struct nemesis *nemesis, struct net *net, const char *const *nodes, int node_count, double interval_s,
    uint64_t seed)
{
	*nemesis = (struct nemesis){.net = net, .nodes = nodes, .node_count = node_count};
	random_seed(&nemesis->random, seed, "nemesis", 0);
	nemesis->gap_ns = (int64_t)(2 * interval_s * (double)S_NS);
}
