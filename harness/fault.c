/* The table of faults: how each is drawn, done, undone and told of. */
#include "fault.h"

#include <stdlib.h>
#include <string.h>

#include "clocks.h"
#include "cluster.h"
#include "flags.h"
#include "memory.h"

/* ---- what is done to a node's messages ----------------------------------- */

static int64_t
one_of(struct random *random, const int64_t *values, size_t count)
{
	return values[random_below(random, count)];
}
#define ONE_OF(random, ...) \
	one_of(random, (const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

static void
draw_loss(struct random *random, int64_t values[FAULT_VALUES])
{
	values[0] = ONE_OF(random, 20, 100, 300, 700);
}

static bool
begin_loss(const struct fault_world *world, const struct fault_target *target)
{
	net_lose(world->net, world->nodes[target->node], (int)target->values[0]);
	return true;
}

static bool
end_loss(const struct fault_world *world, int node)
{
	net_lose(world->net, world->nodes[node], 0);
	return true;
}

/* Up to copies that come when everybody has forgotten what it was about. */
static void
draw_duplicate(struct random *random, int64_t values[FAULT_VALUES])
{
	values[0] = ONE_OF(random, 50, 200, 500, 1000);
	values[1] = ONE_OF(random, 0, 10, 200, 3000);
}

static bool
begin_duplicate(const struct fault_world *world, const struct fault_target *target)
{
	net_duplicate(world->net, world->nodes[target->node], (int)target->values[0], target->values[1]);
	return true;
}

static bool
end_duplicate(const struct fault_world *world, int node)
{
	net_duplicate(world->net, world->nodes[node], 0, 0);
	return true;
}

static void
draw_slow(struct random *random, int64_t values[FAULT_VALUES])
{
	values[0] = ONE_OF(random, 5, 50, 300, 2000);
}

static bool
begin_slow(const struct fault_world *world, const struct fault_target *target)
{
	net_slow(world->net, world->nodes[target->node], target->values[0]);
	return true;
}

static bool
end_slow(const struct fault_world *world, int node)
{
	net_slow(world->net, world->nodes[node], 0);
	return true;
}

/* ---- what is done to a node ---------------------------------------------- */

static bool
kill_node(const struct fault_world *world, const struct fault_target *target)
{
	return cluster_kill(world->cluster, target->node);
}

static bool
start_node(const struct fault_world *world, int node)
{
	return cluster_revive(world->cluster, node, NULL, NULL);
}

static bool
pause_node(const struct fault_world *world, const struct fault_target *target)
{
	return cluster_pause(world->cluster, target->node);
}

static bool
resume_node(const struct fault_world *world, int node)
{
	return cluster_resume(world->cluster, node);
}

/* ---- what is done to its clocks and its disk ----------------------------- */

static int64_t
either_way(struct random *random, int64_t value)
{
	return random_below(random, 2) == 0 ? value : -value;
}

static void
draw_clock(struct random *random, int64_t values[FAULT_VALUES])
{
	values[0] = either_way(random, ONE_OF(random, 0, 200, 5000, 60000, 100000000));
	values[1] = either_way(random, ONE_OF(random, 0, 100, 5000, DRIFT_PPM_MAX));
}

static bool
disturb_clocks(const struct fault_world *world, const struct fault_target *target)
{
	cluster_disturb_clocks(world->cluster, target->node, target->values[0], target->values[1]);
	return true;
}

static bool
mend_clocks(const struct fault_world *world, int node)
{
	cluster_disturb_clocks(world->cluster, node, 0, 0);
	return true;
}

static void
draw_disk(struct random *random, int64_t values[FAULT_VALUES])
{
	values[0] = ONE_OF(random, 0, 2, 20, 200);
	values[1] = ONE_OF(random, 0, 1, 20, 300);
}

static bool
disturb_disk(const struct fault_world *world, const struct fault_target *target)
{
	cluster_disturb_disk(world->cluster, target->node, (int)target->values[0], target->values[1]);
	return true;
}

static bool
mend_disk(const struct fault_world *world, int node)
{
	cluster_disturb_disk(world->cluster, node, 0, 0);
	return true;
}

/* ---- the table ----------------------------------------------------------- */

const struct fault faults[FAULT_KINDS] = {
    [FAULT_PARTITION] = {.name = "partition",
	.commands = IN_RUN,
	.start_f = "start-partition",
	.stop_f = "stop-partition"},
    [FAULT_LOSS] = {.name = "loss",
	.commands = IN_RUN,
	.start_f = "start-loss",
	.stop_f = "stop-loss",
	.values = {"permille"},
	.ranges = {{0, 1000}},
	.draw = draw_loss,
	.start = begin_loss,
	.stop = end_loss},
    [FAULT_DUPLICATE] = {.name = "duplicate",
	.commands = IN_RUN,
	.start_f = "start-duplicate",
	.stop_f = "stop-duplicate",
	.values = {"permille", "delay-ms"},
	.ranges = {{0, 1000}, {0, FAULT_DELAY_MS_MAX}},
	.draw = draw_duplicate,
	.start = begin_duplicate,
	.stop = end_duplicate},
    [FAULT_SLOW] = {.name = "slow",
	.commands = IN_RUN,
	.start_f = "start-slow",
	.stop_f = "stop-slow",
	.values = {"delay-ms"},
	.ranges = {{0, FAULT_DELAY_MS_MAX}},
	.draw = draw_slow,
	.start = begin_slow,
	.stop = end_slow},
    [FAULT_CLOCK] = {.name = "clock",
	.commands = IN_SIM,
	.start_f = "bump-clock",
	.stop_f = "reset-clock",
	.values = {"jump-ms", "drift-ppm"},
	.ranges = {{-FAULT_JUMP_MS_MAX, FAULT_JUMP_MS_MAX}, {-DRIFT_PPM_MAX, DRIFT_PPM_MAX}},
	.draw = draw_clock,
	.start = disturb_clocks,
	.stop = mend_clocks},
    [FAULT_DISK] = {.name = "disk",
	.commands = IN_SIM,
	.start_f = "start-disk",
	.stop_f = "stop-disk",
	.values = {"errors-permille", "sync-ms"},
	.ranges = {{0, 1000}, {0, FAULT_DELAY_MS_MAX}},
	.stalls = true,
	.draw = draw_disk,
	.start = disturb_disk,
	.stop = mend_disk},
    [FAULT_PAUSE] = {.name = "pause",
	.commands = IN_RUN,
	.start_f = "pause",
	.stop_f = "resume",
	.stop_spec = "all",
	.did = "paused",
	.undid = "resumed",
	.was_so = "already-running",
	.stalls = true,
	.start = pause_node,
	.stop = resume_node},
    [FAULT_KILL] = {.name = "kill",
	.commands = IN_RUN,
	.start_f = "kill",
	.stop_f = "start",
	.stop_spec = "all",
	.did = "killed",
	.undid = "started",
	.was_so = "already-running",
	.stalls = true,
	.start = kill_node,
	.stop = start_node},
};

bool
faults_stall(unsigned kinds)
{
	for (int kind = 0; kind < FAULT_KINDS; kind++)
		if ((kinds & FAULT_BIT(kind)) != 0 && faults[kind].stalls)
			return true;
	return false;
}

/* ---- drawing ------------------------------------------------------------- */

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

/* ---- doing, and telling -------------------------------------------------- */

const struct value *
fault_intent(const struct fault_event *event, struct arena *arena)
{
	const char *spec = event->start ? event->spec : faults[event->kind].stop_spec;

	return spec != NULL ? value_keyword(arena, spec) : &value_nil;
}

static const struct value *
apply_partition(const struct fault_world *world, const struct fault_event *event, struct arena *arena)
{
	struct value *isolated;

	if (!event->start) {
		net_heal(world->net);
		return value_keyword(arena, "network-healed");
	}
	grudge_apply(event->grudge, world->net, world->nodes);
	isolated = value_collection(arena, VALUE_VECTOR);
	value_push(arena, isolated, value_keyword(arena, "isolated"));
	value_push(arena, isolated, grudge_value(event->grudge, arena, world->nodes));
	return isolated;
}

/* What became of a target: a word, or its parameters. */
static const struct value *
outcome(const struct fault *fault, const struct fault_target *target, struct arena *arena)
{
	struct value *map;

	if (fault->values[0] == NULL)
		return value_keyword(arena, fault->did);
	map = value_collection(arena, VALUE_MAP);
	for (int i = 0; i < FAULT_VALUES && fault->values[i] != NULL; i++)
		value_put_int(arena, map, fault->values[i], target->values[i]);
	return map;
}

static const struct value *
begin(const struct fault_world *world, const struct fault_event *event, struct arena *arena)
{
	const struct fault *fault = &faults[event->kind];
	struct value *map = value_collection(arena, VALUE_MAP);

	for (int i = 0; i < event->target_count; i++) {
		const struct fault_target *target = &event->targets[i];

		fault->start(world, target);
		value_put_string(arena, map, world->nodes[target->node], outcome(fault, target, arena));
	}
	return map;
}

static const struct value *
end(const struct fault_world *world, const struct fault_event *event, struct arena *arena)
{
	const struct fault *fault = &faults[event->kind];
	struct value *map = value_collection(arena, VALUE_MAP);

	for (int i = 0; i < world->node_count; i++) {
		const char *word = fault->stop(world, i) ? fault->undid : fault->was_so;

		if (word != NULL)
			value_put_string(arena, map, world->nodes[i], value_keyword(arena, word));
	}
	return fault->undid != NULL ? map : value_keyword(arena, "healed");
}

const struct value *
fault_apply(const struct fault_world *world, const struct fault_event *event, struct arena *arena)
{
	if (event->kind == FAULT_PARTITION)
		return apply_partition(world, event, arena);
	return event->start ? begin(world, event, arena) : end(world, event, arena);
}
