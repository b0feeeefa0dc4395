/* Faults of a scenario: which, when, and whom they hit. */
#include <string.h>

#include "memory.h"
#include "scenario_internal.h"

static int
find_node(const struct test_options *options, const struct value *name)
{
	for (int i = 0; i < options->node_count; i++)
		if (value_is_string(name, options->nodes[i]))
			return i;
	return -1;
}

static bool
is_number_in(const struct value *value, int64_t min, int64_t max)
{
	return value->type == VALUE_INT && value->integer >= min && value->integer <= max;
}

static bool
read_target(struct scenario_reader *r, enum fault_kind kind, const struct value *values, struct fault_target *target)
{
	const struct fault_range *ranges = faults[kind].ranges;
	size_t wanted = 0;

	while (wanted < FAULT_VALUES && faults[kind].values[wanted] != NULL)
		wanted++;
	if (values->type != VALUE_VECTOR || values->count != wanted)
		return line_bad(r, "a node of %s has a vector of %zu numbers", faults[kind].name, wanted);
	for (size_t i = 0; i < wanted; i++) {
		if (!is_number_in(values->items[i], ranges[i].min, ranges[i].max))
			return line_bad(r, "%s: expected an integer from %lld to %lld", faults[kind].values[i],
			    (long long)ranges[i].min, (long long)ranges[i].max);
		target->values[i] = values->items[i]->integer;
	}
	return true;
}

/* A map from nodes to their parameters, made into targets by ascending node. */
static bool
read_targets(struct scenario_reader *r, struct fault_event *event, const struct value *map)
{
	const struct test_options *options = &r->scenario->options;
	struct fault_target *targets = arena_zero(&r->scenario->arena, (size_t)options->node_count * sizeof(*targets));

	for (size_t i = 0; i < map->count; i += 2)
		if (find_node(options, map->items[i]) < 0)
			return line_bad(r, "a fault is for a node that there is not");
	for (int node = 0; node < options->node_count; node++) {
		for (size_t i = 0; i < map->count; i += 2) {
			if (find_node(options, map->items[i]) != node)
				continue;
			targets[event->target_count].node = node;
			if (!read_target(r, event->kind, map->items[i + 1], &targets[event->target_count]))
				return false;
			event->target_count++;
			break;
		}
	}
	event->targets = targets;
	return true;
}

static bool
read_deaf(struct scenario_reader *r, struct grudge *grudge, int dest, const struct value *sources)
{
	if (sources->type != VALUE_SET && sources->type != VALUE_VECTOR)
		return line_bad(r, "a partition is a map from nodes to sets of nodes");
	for (size_t i = 0; i < sources->count; i++) {
		int src = find_node(&r->scenario->options, sources->items[i]);

		if (src < 0)
			return line_bad(r, "a partition is between nodes that there are");
		grudge->drops[dest * grudge->n + src] = true;
	}
	return true;
}

static bool
read_grudge(struct scenario_reader *r, struct fault_event *event, const struct value *map)
{
	struct arena *arena = &r->scenario->arena;
	struct grudge *grudge = arena_zero(arena, sizeof(*grudge));
	int64_t permille = 1000;

	grudge->n = r->scenario->options.node_count;
	grudge->drops = arena_zero(arena, (size_t)grudge->n * (size_t)grudge->n * sizeof(*grudge->drops));
	for (size_t i = 0; i < map->count; i += 2) {
		int dest = find_node(&r->scenario->options, map->items[i]);

		if (dest < 0)
			return line_bad(r, "a partition is between nodes that there are");
		if (!read_deaf(r, grudge, dest, map->items[i + 1]))
			return false;
	}
	line_skip_blanks(r);
	if (r->cursor < r->end && !line_integer(r, "how many in a thousand are lost", 1000, &permille))
		return false;
	grudge->permille = (int)permille;
	event->grudge = grudge;
	return true;
}

static bool
read_fault_kind(struct scenario_reader *r, struct fault_event *event)
{
	const char *what = line_word(r), *name = line_word(r);
	int kind = 0;

	if (what == NULL || name == NULL || (strcmp(what, "start") != 0 && strcmp(what, "stop") != 0))
		return line_bad(r, "expected start or stop, and a fault");
	while (kind < FAULT_KINDS && strcmp(faults[kind].name, name) != 0)
		kind++;
	if (kind == FAULT_KINDS)
		return line_bad(r, "'%s' is no fault", name);
	if ((faults[kind].commands & 1 << COMMAND_SIM) == 0)
		return line_bad(r, "'%s' is no fault of a simulation", name);
	event->start = strcmp(what, "start") == 0;
	event->kind = (enum fault_kind)kind;
	return true;
}

static bool
add_event(struct scenario_reader *r, const struct fault_event *event)
{
	struct fault_script *script = &r->scenario->faults;

	if (script->count == SCENARIO_EVENTS_MAX)
		return line_bad(r, "more than %d faults", SCENARIO_EVENTS_MAX);
	if (script->count == r->event_capacity) {
		r->event_capacity = r->event_capacity > 0 ? 2 * r->event_capacity : 16;
		r->events = memory_resize(r->events, r->event_capacity, sizeof(*r->events));
		script->events = r->events;
	}
	r->events[script->count++] = *event;
	return true;
}

bool
scenario_read_fault(struct scenario_reader *r)
{
	struct fault_event event = {0};
	const struct value *map;
	bool fault;

	if (!line_later_time(r, &r->fault_time, &event.time) || !read_fault_kind(r, &event))
		return false;
	if (!event.start)
		return add_event(r, &event);
	event.spec = line_word(r);
	if (event.spec == NULL || *event.spec == '\0')
		return line_bad(r, "how it was chosen is missing: a word, or -");
	if (strcmp(event.spec, "-") == 0)
		event.spec = NULL;
	map = line_value(r, &fault);
	if (fault)
		return false;
	if (map == NULL || map->type != VALUE_MAP)
		return line_bad(r, "a fault has a map from nodes to what happens to them");
	if (event.kind == FAULT_PARTITION ? !read_grudge(r, &event, map) : !read_targets(r, &event, map))
		return false;
	return add_event(r, &event);
}
