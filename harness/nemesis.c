/* When faults begin and end, and what the history says of it. */
#include "nemesis.h"

#include <stdio.h>
#include <stdlib.h>

#include "loop.h"
#include "memory.h"

#define NEVER INT64_MAX

/* ---- what is told -------------------------------------------------------- */

static void
note(struct history *history, int64_t now, const char *f, const struct value *value)
{
	struct op op = {.time = now, .type = OP_INFO, .process = PROCESS_NEMESIS, .f = f, .value = value};

	history_append(history, &op);
}

static void
describe(struct nemesis *nemesis)
{
	nemesis->active.length = 0;
	for (int kind = 0; kind < FAULT_KINDS; kind++) {
		const struct fault_event *event = nemesis->streams[kind].event;

		if (event != NULL)
			buffer_printf(&nemesis->active, "%s%s %s", nemesis->active.length > 0 ? ", " : "",
			    faults[kind].name, event->spec != NULL ? event->spec : "any");
	}
}

const char *
nemesis_active(const struct nemesis *nemesis)
{
	return nemesis->active.length > 0 ? nemesis->active.bytes : NULL;
}

/* ---- events -------------------------------------------------------------- */

/* It happens: the world is changed, the history says so. */
static void
perform(struct nemesis *nemesis, const struct fault_event *event, int64_t now)
{
	const struct fault *fault = &faults[event->kind];
	const char *f = event->start ? fault->start_f : fault->stop_f;
	struct arena *arena = &nemesis->history->arena;

	note(nemesis->history, now, f, fault_intent(event, arena));
	note(nemesis->history, now, f, fault_apply(&nemesis->world, event, arena));
	nemesis->streams[event->kind].event = event->start ? event : NULL;
	describe(nemesis);
}

static void
keep(struct nemesis *nemesis, const struct fault_event *event)
{
	if (nemesis->done_count == nemesis->done_capacity) {
		nemesis->done_capacity = nemesis->done_capacity > 0 ? 2 * nemesis->done_capacity : 16;
		nemesis->done = memory_resize(nemesis->done, nemesis->done_capacity, sizeof(*nemesis->done));
	}
	nemesis->done[nemesis->done_count++] = *event;
}

/* The next start or stop of a kind, drawn. */
static const struct fault_event *
next_event(struct nemesis *nemesis, enum fault_kind kind, int64_t now)
{
	struct arena *arena = &nemesis->history->arena;
	struct fault_event *event = arena_zero(arena, sizeof(*event));

	if (nemesis->streams[kind].event != NULL)
		event->kind = kind;
	else
		fault_draw(
		    event, kind, nemesis->partitions, nemesis->world.node_count, &nemesis->streams[kind].random, arena);
	event->time = now;
	return event;
}

/* The kind whose turn is next, among equals the first; -1: none. */
static int
next_kind(const struct nemesis *nemesis)
{
	int next = -1;

	for (int kind = 0; kind < FAULT_KINDS; kind++)
		if ((nemesis->faults & FAULT_BIT(kind)) != 0 &&
		    (next < 0 || nemesis->streams[kind].due < nemesis->streams[next].due))
			next = kind;
	return next;
}

int64_t
nemesis_due(const struct nemesis *nemesis)
{
	const struct fault_script *script = nemesis->script;
	int kind;

	if (script != NULL)
		return nemesis->next < script->count ? script->events[nemesis->next].time : NEVER;
	kind = next_kind(nemesis);
	return kind >= 0 ? nemesis->streams[kind].due : NEVER;
}

void
nemesis_act(struct nemesis *nemesis, int64_t now)
{
	const struct fault_event *event;
	int kind = next_kind(nemesis);
	uint64_t gap = (uint64_t)nemesis->gap_ns;

	if (nemesis->script != NULL)
		event = &nemesis->script->events[nemesis->next++];
	else
		event = next_event(nemesis, (enum fault_kind)kind, now);
	perform(nemesis, event, now);
	keep(nemesis, event);
	if (nemesis->script == NULL)
		nemesis->streams[kind].due =
		    now + (gap > 0 ? (int64_t)random_below(&nemesis->streams[kind].random, gap) : 0);
}

void
nemesis_heal(struct nemesis *nemesis, int64_t now)
{
	for (int kind = 0; kind < FAULT_KINDS; kind++) {
		const struct fault_event stop = {.time = now, .kind = (enum fault_kind)kind};

		if ((nemesis->faults & FAULT_BIT(kind)) != 0)
			perform(nemesis, &stop, now);
	}
}

/* ---- beginning and end --------------------------------------------------- */

static void
seed_stream(struct nemesis *nemesis, enum fault_kind kind, uint64_t seed)
{
	char name[32];

	snprintf(name, sizeof(name), kind == FAULT_PARTITION ? "nemesis" : "nemesis %s", faults[kind].name);
	random_seed(&nemesis->streams[kind].random, seed, name, 0);
}

void
nemesis_init(struct nemesis *nemesis, const struct fault_world *world, const struct nemesis_plan *plan,
    struct history *history, uint64_t seed)
{
	const struct fault_script *script = plan->script;

	*nemesis = (struct nemesis){
	    .world = *world,
	    .faults = plan->faults,
	    .partitions = plan->partitions,
	    .gap_ns = (int64_t)(2 * plan->interval_s * (double)S_NS),
	    .script = script,
	    .history = history,
	};
	for (int kind = 0; kind < FAULT_KINDS; kind++)
		seed_stream(nemesis, (enum fault_kind)kind, seed);
	for (size_t i = 0; script != NULL && i < script->count; i++)
		nemesis->faults |= FAULT_BIT(script->events[i].kind);
}

void
nemesis_free(struct nemesis *nemesis)
{
	buffer_free(&nemesis->active);
	free(nemesis->done);
}
