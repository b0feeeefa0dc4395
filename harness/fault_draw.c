/* Whom a fault hits: sets of nodes as Jepsen draws them, and partitions. */
#include <stdlib.h>
#include <string.h>

#include "fault.h"
#include "memory.h"

/* How a set of nodes is chosen (jepsen.nemesis.combined/node-specs). */
enum spec { SPEC_ANY, SPEC_ONE, SPEC_MINORITY_THIRD, SPEC_MINORITY, SPEC_MAJORITY, SPEC_ALL };
#define SPECS 6

static const char *const spec_names[SPECS] = {
    [SPEC_ANY] = NULL,
    [SPEC_ONE] = "one",
    [SPEC_MINORITY_THIRD] = "minority-third",
    [SPEC_MINORITY] = "minority",
    [SPEC_MAJORITY] = "majority",
    [SPEC_ALL] = "all",
};

/* May be none: the minority of one node, less than a third of three. */
static int
spec_size(enum spec spec, int n, struct random *random)
{
	switch (spec) {
	case SPEC_ANY:
		return 1 + (int)random_below(random, (uint64_t)n);
	case SPEC_ONE:
		return 1;
	case SPEC_MINORITY_THIRD:
		return (n - 1) / 3;
	case SPEC_MINORITY:
		return n / 2;
	case SPEC_MAJORITY:
		return n / 2 + 1;
	case SPEC_ALL:
		break;
	}
	return n;
}

static int
compare_ints(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/* `count` of n nodes, by ascending number. Free it. */
static int *
choose(int n, int count, struct random *random)
{
	int *nodes = memory_alloc((size_t)n * sizeof(*nodes));

	for (int i = 0; i < n; i++)
		nodes[i] = i;
	random_shuffle(random, nodes, (size_t)n);
	qsort(nodes, (size_t)count, sizeof(*nodes), compare_ints);
	return nodes;
}

static void
draw_targets(struct fault_event *event, int n, struct random *random, struct arena *arena)
{
	enum spec spec = (enum spec)random_below(random, SPECS);
	const struct fault *fault = &faults[event->kind];
	struct fault_target *targets;
	int *nodes;

	event->spec = spec_names[spec];
	event->target_count = spec_size(spec, n, random);
	nodes = choose(n, event->target_count, random);
	targets = arena_zero(arena, (size_t)(event->target_count + 1) * sizeof(*targets));
	for (int i = 0; i < event->target_count; i++) {
		targets[i].node = nodes[i];
		if (fault->draw != NULL)
			fault->draw(random, targets[i].values);
	}
	event->targets = targets;
	free(nodes);
}

/* One of a set, each as likely as the others. */
static enum partition_kind
draw_kind(unsigned kinds, struct random *random)
{
	int place = (int)random_below(random, (uint64_t)__builtin_popcount(kinds)), kind = 0;

	for (;; kind++)
		if ((kinds & PARTITION_BIT(kind)) != 0 && place-- == 0)
			return (enum partition_kind)kind;
}

static void
draw_partition(struct fault_event *event, unsigned kinds, int n, struct random *random, struct arena *arena)
{
	enum partition_kind kind = draw_kind(kinds, random);
	struct grudge drawn, *kept = arena_alloc(arena, sizeof(*kept));
	size_t size = (size_t)n * (size_t)n * sizeof(*drawn.drops);

	grudge_draw(&drawn, kind, n, random);
	*kept = drawn;
	kept->drops = arena_alloc(arena, size);
	memcpy(kept->drops, drawn.drops, size);
	grudge_free(&drawn);
	event->grudge = kept;
	event->spec = partition_name(kind);
}

void
fault_draw(struct fault_event *event, enum fault_kind kind, unsigned partitions, int node_count, struct random *random,
    struct arena *arena)
{
	*event = (struct fault_event){.kind = kind, .start = true};
	if (kind == FAULT_PARTITION)
		draw_partition(event, partitions, node_count, random, arena);
	else
		draw_targets(event, node_count, random, arena);
}
