/* The table of faults: what each draws for its targets, how it is done, undone and told of. */
#include "fault.h"

#include "clocks.h"
#include "cluster.h"
#include "flags.h"

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
lose(const struct fault_world *world, const struct fault_target *target)
{
	net_lose(world->net, world->nodes[target->node], (int)target->values[0]);
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
duplicate(const struct fault_world *world, const struct fault_target *target)
{
	net_duplicate(world->net, world->nodes[target->node], (int)target->values[0], target->values[1]);
	return true;
}

static void
draw_slow(struct random *random, int64_t values[FAULT_VALUES])
{
	values[0] = ONE_OF(random, 5, 50, 300, 2000);
}

static bool
slow_down(const struct fault_world *world, const struct fault_target *target)
{
	net_slow(world->net, world->nodes[target->node], target->values[0]);
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
	.start = lose},
    [FAULT_DUPLICATE] = {.name = "duplicate",
	.commands = IN_RUN,
	.start_f = "start-duplicate",
	.stop_f = "stop-duplicate",
	.values = {"permille", "delay-ms"},
	.ranges = {{0, 1000}, {0, FAULT_DELAY_MS_MAX}},
	.draw = draw_duplicate,
	.start = duplicate},
    [FAULT_SLOW] = {.name = "slow",
	.commands = IN_RUN,
	.start_f = "start-slow",
	.stop_f = "stop-slow",
	.values = {"delay-ms"},
	.ranges = {{0, FAULT_DELAY_MS_MAX}},
	.draw = draw_slow,
	.start = slow_down},
    [FAULT_CLOCK] = {.name = "clock",
	.commands = IN_SIM,
	.start_f = "bump-clock",
	.stop_f = "reset-clock",
	.values = {"jump-ms", "drift-ppm"},
	.ranges = {{-FAULT_JUMP_MS_MAX, FAULT_JUMP_MS_MAX}, {-DRIFT_PPM_MAX, DRIFT_PPM_MAX}},
	.draw = draw_clock,
	.start = disturb_clocks},
    [FAULT_DISK] = {.name = "disk",
	.commands = IN_SIM,
	.start_f = "start-disk",
	.stop_f = "stop-disk",
	.values = {"errors-permille", "sync-ms"},
	.ranges = {{0, 1000}, {0, FAULT_DELAY_MS_MAX}},
	.stalls = true,
	.draw = draw_disk,
	.start = disturb_disk},
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

static bool
undo(const struct fault *fault, const struct fault_world *world, int node)
{
	const struct fault_target nothing = {.node = node};

	return fault->stop != NULL ? fault->stop(world, node) : fault->start(world, &nothing);
}

static const struct value *
end(const struct fault_world *world, const struct fault_event *event, struct arena *arena)
{
	const struct fault *fault = &faults[event->kind];
	struct value *map = value_collection(arena, VALUE_MAP);

	for (int i = 0; i < world->node_count; i++) {
		const char *word = undo(fault, world, i) ? fault->undid : fault->was_so;

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
