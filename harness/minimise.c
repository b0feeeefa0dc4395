/* The parts of a scenario, each made as small as can be, round after round. */
#include "minimise.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "ddmin.h"
#include "isolate.h"
#include "memory.h"
#include "wall.h"

/* A scenario as it is changed: its parts are arrays of our own. */
struct parts {
	struct test_options options;
	struct script_op *ops;
	struct fault_event *faults;
	struct choice *choices;
	size_t op_count, fault_count, choice_count;
	int64_t end;
};

/* What an attempt tells, across processes. */
struct attempt {
	const struct test_options *options;
	char finding[FINDING_MAX];
};

struct minimiser {
	struct minimised *minimised;
	struct parts now;
	struct attempt *attempt; /* shared */
	double deadline;
};

/* ---- attempts -------------------------------------------------------------------- */

/* In a process of its own. */
static int
run_attempt(void *arg)
{
	const struct rlimit limit = {MINIMISE_RUN_S, MINIMISE_RUN_S};
	struct attempt *attempt = arg;
	struct run run;

	setrlimit(RLIMIT_CPU, &limit);
	run_test(&run, attempt->options);
	finding_of_run(attempt->finding, &run);
	run_free(&run);
	return 0;
}

static void
do_attempt(struct attempt *attempt, const struct test_options *options)
{
	int status;

	attempt->options = options;
	attempt->finding[0] = '\0';
	status = isolate(run_attempt, attempt, true);
	if (status > 128)
		finding_of_signal(attempt->finding, status - 128);
}

static bool
is_over(const struct minimiser *m)
{
	return m->minimised->runs >= MINIMISE_RUNS_MAX || wall_seconds() >= m->deadline;
}

/* Whether a scenario still has what is wrong. */
static bool
still_fails(struct minimiser *m, const struct parts *parts)
{
	const struct script script = {
	    .ops = parts->ops, .count = parts->op_count, .end = parts->end, .concludes = true};
	const struct fault_script events = {parts->faults, parts->fault_count};
	struct choice_list choices = {.items = parts->choices, .count = parts->choice_count};
	const struct steering steering = {choices_follow, &choices};
	struct test_options options = parts->options;

	if (is_over(m))
		return false;
	options.operations = &script;
	options.script = &events;
	options.steering = choices.count > 0 ? &steering : NULL;
	m->minimised->runs++;
	do_attempt(m->attempt, &options);
	return finding_is_same(m->minimised->finding, m->attempt->finding);
}

/* ---- lists ----------------------------------------------------------------------- */

enum part { PART_OPS, PART_FAULTS, PART_CHOICES };

/* Copies those of `count` things that are kept, into memory of their own. */
static void *
filter(const void *from, size_t size, const bool *keep, size_t count, size_t *kept)
{
	char *to = memory_alloc(size * count + 1);

	*kept = 0;
	for (size_t i = 0; i < count; i++)
		if (keep[i])
			memcpy(to + size * (*kept)++, (const char *)from + size * i, size);
	return to;
}

/* A start and the stop that follows it belong together. Gives each event its number; returns how many there are. */
static size_t
number_faults(const struct parts *parts, size_t *numbers)
{
	size_t count = 0, last[FAULT_KINDS] = {0};
	bool open[FAULT_KINDS] = {false};

	for (size_t i = 0; i < parts->fault_count; i++) {
		enum fault_kind kind = parts->faults[i].kind;

		if (parts->faults[i].start || !open[kind])
			last[kind] = count++;
		open[kind] = parts->faults[i].start;
		numbers[i] = last[kind];
	}
	return count;
}

static struct fault_event *
filter_faults(const struct parts *from, const bool *keep, size_t *kept)
{
	size_t *numbers = memory_alloc(from->fault_count * sizeof(*numbers) + 1);
	bool *events = memory_alloc(from->fault_count + 1);
	struct fault_event *filtered;

	number_faults(from, numbers);
	for (size_t i = 0; i < from->fault_count; i++)
		events[i] = keep[numbers[i]];
	filtered = filter(from->faults, sizeof(*filtered), events, from->fault_count, kept);
	free(numbers);
	free(events);
	return filtered;
}

static size_t
part_count(const struct parts *parts, enum part part)
{
	size_t *numbers, count;

	if (part == PART_OPS)
		return parts->op_count;
	if (part == PART_CHOICES)
		return parts->choice_count;
	numbers = memory_alloc(parts->fault_count * sizeof(*numbers) + 1);
	count = number_faults(parts, numbers);
	free(numbers);
	return count;
}

/* The same scenario, but of one part only what is kept. Returns the array that was made for it. */
static void *
keep_of(struct parts *to, const struct parts *from, enum part part, const bool *keep)
{
	*to = *from;
	switch (part) {
	case PART_OPS:
		return to->ops = filter(from->ops, sizeof(*from->ops), keep, from->op_count, &to->op_count);
	case PART_FAULTS:
		return to->faults = filter_faults(from, keep, &to->fault_count);
	case PART_CHOICES:
		break;
	}
	return to->choices = filter(from->choices, sizeof(*from->choices), keep, from->choice_count, &to->choice_count);
}

struct trial_of {
	struct minimiser *m;
	enum part part;
};

static bool
try_part(void *arg, const bool *keep, size_t count)
{
	const struct trial_of *trial = arg;
	struct parts parts;
	void *made = keep_of(&parts, &trial->m->now, trial->part, keep);
	bool fails = still_fails(trial->m, &parts);

	(void)count;
	free(made);
	return fails;
}

static void *
part_of(const struct parts *parts, enum part part)
{
	switch (part) {
	case PART_OPS:
		return parts->ops;
	case PART_FAULTS:
		return parts->faults;
	case PART_CHOICES:
		break;
	}
	return parts->choices;
}

/* True if something was left out. */
static bool
shrink(struct minimiser *m, enum part part)
{
	size_t count = part_count(&m->now, part);
	bool *keep = memory_alloc(count + 1);
	struct trial_of trial = {m, part};
	bool shrunk;
	void *old = part_of(&m->now, part);

	memset(keep, true, count);
	shrunk = ddmin(keep, count, try_part, &trial) < count;
	if (shrunk) {
		struct parts before = m->now;

		keep_of(&m->now, &before, part, keep);
		free(old);
	}
	free(keep);
	return shrunk;
}

/* ---- nodes ----------------------------------------------------------------------- */

static const char *const *
names_without(struct arena *arena, const struct test_options *options, int node)
{
	const char **names = arena_zero(arena, (size_t)options->node_count * sizeof(*names));

	for (int i = 0, count = 0; i < options->node_count; i++)
		if (i != node)
			names[count++] = options->nodes[i];
	return names;
}

/* Operations of the workers that the other nodes have: every node has the same number. */
static void
remove_ops(struct parts *parts, int node, int before)
{
	size_t kept = 0;

	for (size_t i = 0; i < parts->op_count; i++) {
		struct script_op op = parts->ops[i];
		int round = op.worker / before, place = op.worker % before;

		if (place == node)
			continue;
		op.worker = round * (before - 1) + place - (place > node);
		parts->ops[kept++] = op;
	}
	parts->op_count = kept;
}

static const struct grudge *
shrink_grudge(struct arena *arena, const struct grudge *old, int node)
{
	struct grudge *grudge = arena_zero(arena, sizeof(*grudge));

	grudge->n = old->n - 1;
	grudge->permille = old->permille;
	grudge->drops = arena_zero(arena, (size_t)(grudge->n * grudge->n) * sizeof(*grudge->drops) + 1);
	for (int dest = 0; dest < grudge->n; dest++)
		for (int src = 0; src < grudge->n; src++)
			grudge->drops[dest * grudge->n + src] =
			    old->drops[(dest + (dest >= node)) * old->n + src + (src >= node)];
	return grudge;
}

static void
remove_target(struct arena *arena, struct fault_event *event, int node)
{
	struct fault_target *targets = arena_zero(arena, ((size_t)event->target_count + 1) * sizeof(*targets));
	int kept = 0;

	for (int i = 0; i < event->target_count; i++) {
		if (event->targets[i].node == node)
			continue;
		targets[kept] = event->targets[i];
		targets[kept++].node -= event->targets[i].node > node;
	}
	event->targets = targets;
	event->target_count = kept;
	if (event->grudge != NULL)
		event->grudge = shrink_grudge(arena, event->grudge, node);
}

/* A scenario of choices stays with its nodes: the choices name them. */
static bool
remove_node(struct minimiser *m, int node)
{
	struct arena *arena = &m->minimised->scenario.arena;
	struct parts parts = m->now;
	int before = parts.options.node_count;
	bool fails;

	if (before < 2 || parts.options.concurrency % before != 0 || parts.choice_count > 0)
		return false;
	parts.options.nodes = names_without(arena, &parts.options, node);
	parts.options.node_count--;
	parts.options.check.node_count--;
	parts.options.concurrency = parts.options.concurrency / before * (before - 1);
	parts.ops = memory_alloc(m->now.op_count * sizeof(*parts.ops) + 1);
	memcpy(parts.ops, m->now.ops, m->now.op_count * sizeof(*parts.ops));
	remove_ops(&parts, node, before);
	parts.faults = memory_alloc(m->now.fault_count * sizeof(*parts.faults) + 1);
	memcpy(parts.faults, m->now.faults, m->now.fault_count * sizeof(*parts.faults));
	for (size_t i = 0; i < parts.fault_count; i++)
		remove_target(arena, &parts.faults[i], node);
	fails = still_fails(m, &parts);
	free(fails ? m->now.ops : parts.ops);
	free(fails ? m->now.faults : parts.faults);
	if (fails)
		m->now = parts;
	return fails;
}

static bool
shrink_nodes(struct minimiser *m)
{
	bool any = false;

	for (int node = m->now.options.node_count - 1; node >= 0; node--)
		any |= remove_node(m, node);
	return any;
}

/* ---- all of it ------------------------------------------------------------------- */

/* The main phase need not be longer than its operations and faults. */
static bool
shrink_end(struct minimiser *m)
{
	struct parts parts = m->now;

	parts.end = -1;
	if (m->now.end < 0 || parts.fault_count > 0 || !still_fails(m, &parts))
		return false;
	m->now = parts;
	return true;
}

static void
shrink_all(struct minimiser *m)
{
	bool any;

	do {
		any = shrink_nodes(m);
		any |= shrink(m, PART_FAULTS);
		any |= shrink(m, PART_CHOICES);
		any |= shrink(m, PART_OPS);
		any |= shrink_end(m);
	} while (any && !is_over(m));
	m->minimised->ended = is_over(m);
}

/* ---- recording ------------------------------------------------------------------- */

/* The lines that a run writes as it goes, behind those that say which run it is, and before the choices made in it. */
static void
write_recording(struct buffer *text, const struct test_options *options, const struct choice_list *choices, FILE *lines)
{
	const struct script none = {.end = -1};
	const struct scenario_parts parts = {.options = options, .operations = &none};
	struct buffer word = {0};
	size_t got;

	scenario_write(text, &parts);
	rewind(lines);
	while ((got = fread(buffer_reserve(text, 65536), 1, 65536, lines)) > 0)
		text->length += got;
	for (size_t i = 0; choices != NULL && i < choices->count; i++) {
		word.length = 0;
		choice_write(&choices->items[i], &word);
		buffer_printf(text, "choice %s\n", buffer_string(&word));
	}
	buffer_free(&word);
}

static bool
record(struct minimiser *m, const struct test_options *options, const struct choice_list *choices, struct buffer *error)
{
	struct choice_list list = choices != NULL ? *choices : (struct choice_list){0};
	const struct steering steering = {choices_follow, &list};
	struct test_options one = *options;
	struct buffer text = {0};
	FILE *lines = tmpfile();
	bool parsed;

	if (lines == NULL) {
		buffer_printf(error, "tmpfile: %s", strerror(errno));
		return false;
	}
	one.sweep = one.quiet = true;
	one.store = NULL;
	one.recording = lines;
	if (choices != NULL)
		one.steering = &steering;
	do_attempt(m->attempt, &one);
	strlcpy(m->minimised->finding, m->attempt->finding, sizeof(m->minimised->finding));
	write_recording(&text, options, choices, lines);
	fclose(lines);
	parsed = scenario_parse(&m->minimised->scenario, text.bytes, text.length, NULL, error);
	buffer_free(&text);
	return parsed;
}

static void *
copy(const void *from, size_t size)
{
	return size > 0 ? memory_copy(from, size) : memory_alloc(1);
}

static void
begin_parts(struct parts *parts, const struct scenario *scenario)
{
	*parts = (struct parts){
	    .options = scenario->options,
	    .op_count = scenario->operations.count,
	    .fault_count = scenario->faults.count,
	    .choice_count = scenario->choices.count,
	    .end = scenario->operations.end,
	};
	parts->ops = copy(scenario->operations.ops, parts->op_count * sizeof(*parts->ops));
	parts->faults = copy(scenario->faults.events, parts->fault_count * sizeof(*parts->faults));
	parts->choices = copy(scenario->choices.items, parts->choice_count * sizeof(*parts->choices));
}

/* Gives the scenario what is left: its arrays have room for it. */
static void
settle(struct scenario *scenario, const struct parts *parts)
{
	const struct arena arena = scenario->options.arena;

	free(scenario->operations.ops);
	free((void *)(uintptr_t)scenario->faults.events);
	free(scenario->choices.items);
	scenario->operations.ops = parts->ops;
	scenario->operations.count = scenario->operations.capacity = parts->op_count;
	scenario->operations.end = parts->end;
	scenario->faults = (struct fault_script){parts->faults, parts->fault_count};
	scenario->choices = (struct choice_list){.items = parts->choices, .count = parts->choice_count};
	scenario->options = parts->options;
	scenario->options.arena = arena;
	if (parts->choice_count == 0)
		scenario->options.steering = NULL;
}

#define SIZES(parts)                                                                                            \
	{                                                                                                       \
		(size_t)(parts).options.node_count, (parts).op_count, (parts).fault_count, (parts).choice_count \
	}

bool
minimise(struct minimised *minimised, const struct test_options *options, const struct choice_list *choices,
    double budget_s, struct buffer *error)
{
	struct minimiser m = {.minimised = minimised, .deadline = wall_seconds() + budget_s};
	bool recorded;

	*minimised = (struct minimised){0};
	m.attempt = isolate_memory(sizeof(*m.attempt));
	recorded = record(&m, options, choices, error);
	if (recorded && minimised->finding[0] != '\0') {
		begin_parts(&m.now, &minimised->scenario);
		minimised->before = (struct minimised_size)SIZES(m.now);
		shrink_all(&m);
		minimised->after = (struct minimised_size)SIZES(m.now);
		settle(&minimised->scenario, &m.now);
	}
	isolate_free(m.attempt, sizeof(*m.attempt));
	return recorded;
}

void
minimised_free(struct minimised *minimised)
{
	scenario_free(&minimised->scenario);
}
