/* Scenarios, read: line by line, and nothing is believed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decimal.h"
#include "memory.h"
#include "scenario.h"
#include "words.h"
#include "workload.h"

struct reader {
	struct scenario *scenario;
	struct buffer *error;
	char *const *extra;
	bool has_run;
	int64_t op_time, fault_time; /* of the last ones */
	struct fault_event *events;
	size_t event_capacity, choice_capacity;
	/* The line at hand. */
	const char *cursor, *end;
};

static bool bad(struct reader *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static bool
bad(struct reader *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buffer_vprintf(r->error, fmt, ap);
	va_end(ap);
	return false;
}

/* ---- words and values -------------------------------------------------------------- */

static void
skip_blanks(struct reader *r)
{
	while (r->cursor < r->end && (*r->cursor == ' ' || *r->cursor == '\t' || *r->cursor == '\r'))
		r->cursor++;
}

/* The next plain word; NULL at the end of the line. */
static const char *
next_word(struct reader *r)
{
	const char *start;

	skip_blanks(r);
	start = r->cursor;
	while (r->cursor < r->end && *r->cursor != ' ' && *r->cursor != '\t' && *r->cursor != '\r')
		r->cursor++;
	if (r->cursor == start)
		return NULL;
	return arena_copy(&r->scenario->arena, start, (size_t)(r->cursor - start));
}

/* The next EDN value; NULL with *fault false at the end of the line. */
static const struct value *
next_value(struct reader *r, bool *fault)
{
	const char *complaint = NULL;
	const struct value *value;

	skip_blanks(r);
	value = edn_read(&r->scenario->arena, &r->cursor, r->end, &complaint);
	*fault = value == NULL && complaint != NULL;
	if (*fault)
		bad(r, "%s", complaint);
	return value;
}

static bool
is_at_end(struct reader *r)
{
	skip_blanks(r);
	return r->cursor == r->end || bad(r, "'%.*s' is too much", (int)(r->end - r->cursor), r->cursor);
}

static bool
read_integer(struct reader *r, const char *what, int64_t max, int64_t *number)
{
	const char *word = next_word(r);

	if (word == NULL)
		return bad(r, "%s is missing", what);
	return decimal_integer(word, 0, max, number) ||
	       bad(r, "expected %s from 0 to %lld, not '%s'", what, (long long)max, word);
}

/* Seconds with at most nine digits behind the point. */
static bool
read_time(struct reader *r, int64_t *ns)
{
	const char *word = next_word(r), *point;
	int64_t seconds, part = 0;
	char whole[24], digits[10] = "000000000";
	size_t length;

	if (word == NULL)
		return bad(r, "a time is missing");
	point = strchrnul(word, '.');
	length = *point == '.' ? strlen(point + 1) : 0;
	if ((size_t)(point - word) >= sizeof(whole) || length > 9 || (*point == '.' && length == 0))
		return bad(r, "'%s' is no time in seconds", word);
	memcpy(whole, word, (size_t)(point - word));
	whole[point - word] = '\0';
	memcpy(digits, length > 0 ? point + 1 : "", length);
	if (!decimal_integer(whole, 0, SECONDS_MAX, &seconds) || strspn(digits, "0123456789") != 9)
		return bad(r, "'%s' is no time in seconds", word);
	for (int i = 0; i < 9; i++)
		part = 10 * part + (digits[i] - '0');
	*ns = seconds * S_NS + part;
	return true;
}

static bool
read_later_time(struct reader *r, int64_t *last, int64_t *ns)
{
	if (!read_time(r, ns))
		return false;
	if (*ns < *last)
		return bad(r, "its time is before that of the one before it");
	*last = *ns;
	return true;
}

/* ---- run --------------------------------------------------------------------------- */

static bool
parse_words(struct reader *r, int count)
{
	struct scenario *scenario = r->scenario;
	struct buffer text = {0};
	enum parse result = options_parse(&scenario->options, COMMAND_SIM, count, scenario->words, &text);

	if (result == PARSE_HELP)
		bad(r, "a scenario is not the place for --help");
	else if (result == PARSE_BAD)
		bad(r, "%s", buffer_string(&text));
	buffer_free(&text);
	if (result != PARSE_OK)
		return false;
	if (scenario->options.replay != NULL || scenario->options.seed != scenario->options.last_seed)
		return bad(r, "a scenario is one run: neither --seeds nor --replay");
	return true;
}

static bool
read_run(struct reader *r)
{
	struct scenario *scenario = r->scenario;
	int count = 0, own;

	scenario->words = memory_zero((WORDS_MAX + 1) * sizeof(*scenario->words));
	for (; r->extra != NULL && r->extra[count] != NULL; count++) {
		if (count == WORDS_MAX)
			return bad(r, "more than %d words", WORDS_MAX);
		scenario->words[count] = arena_copy(&scenario->arena, r->extra[count], strlen(r->extra[count]));
	}
	own = words_split(
	    &scenario->arena, r->cursor, (size_t)(r->end - r->cursor), scenario->words + count, WORDS_MAX - count);
	if (own < 0)
		return bad(r, "a quote that does not end, or more than %d words", WORDS_MAX);
	r->cursor = r->end;
	r->has_run = parse_words(r, count + own);
	return r->has_run;
}

/* ---- operations -------------------------------------------------------------------- */

static bool
check_op(struct reader *r, const struct script_op *op)
{
	const struct workload *workload = r->scenario->options.workload;
	const struct op_shape *shape = op_shape_find(workload->ops, op->f);

	if (shape == NULL)
		return bad(r, "%s has no operation '%s'", workload->name, op->f);
	if (!value_has_shape(op->value, shape->value))
		return bad(r, "the operation '%s' of %s has no such value", op->f, workload->name);
	if (op->extra != NULL && op->extra->type != VALUE_MAP)
		return bad(r, "what else an operation has is a map");
	return true;
}

static bool
read_op(struct reader *r, bool concluding)
{
	const struct test_options *options = &r->scenario->options;
	struct script_op op = {.concluding = concluding, .flagged = concluding && options->workload->final.flagged};
	int64_t worker;
	bool fault;

	if (!read_later_time(r, &r->op_time, &op.time) ||
	    !read_integer(r, "a worker", options->concurrency - 1, &worker))
		return false;
	op.worker = (int)worker;
	op.f = next_word(r);
	if (op.f == NULL)
		return bad(r, "the operation's name is missing");
	op.value = next_value(r, &fault);
	if (op.value == NULL)
		return fault ? false : bad(r, "the operation's value is missing");
	op.extra = next_value(r, &fault);
	if (fault || !check_op(r, &op))
		return false;
	return script_add(&r->scenario->operations, &op) || bad(r, "more than %d operations", SCRIPT_OPS_MAX);
}

static bool
read_end(struct reader *r)
{
	return read_time(r, &r->scenario->operations.end);
}

/* ---- faults ------------------------------------------------------------------------ */

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
read_target(struct reader *r, enum fault_kind kind, const struct value *values, struct fault_target *target)
{
	const struct fault_range *ranges = faults[kind].ranges;
	size_t wanted = 0;

	while (wanted < FAULT_VALUES && faults[kind].values[wanted] != NULL)
		wanted++;
	if (values->type != VALUE_VECTOR || values->count != wanted)
		return bad(r, "a node of %s has a vector of %zu numbers", faults[kind].name, wanted);
	for (size_t i = 0; i < wanted; i++) {
		if (!is_number_in(values->items[i], ranges[i].min, ranges[i].max))
			return bad(r, "%s: expected an integer from %lld to %lld", faults[kind].values[i],
			    (long long)ranges[i].min, (long long)ranges[i].max);
		target->values[i] = values->items[i]->integer;
	}
	return true;
}

/* A map from nodes to their parameters, made into targets by ascending node. */
static bool
read_targets(struct reader *r, struct fault_event *event, const struct value *map)
{
	const struct test_options *options = &r->scenario->options;
	struct fault_target *targets = arena_zero(&r->scenario->arena, (size_t)options->node_count * sizeof(*targets));

	for (size_t i = 0; i < map->count; i += 2)
		if (find_node(options, map->items[i]) < 0)
			return bad(r, "a fault is for a node that there is not");
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
read_deaf(struct reader *r, struct grudge *grudge, int dest, const struct value *sources)
{
	if (sources->type != VALUE_SET && sources->type != VALUE_VECTOR)
		return bad(r, "a partition is a map from nodes to sets of nodes");
	for (size_t i = 0; i < sources->count; i++) {
		int src = find_node(&r->scenario->options, sources->items[i]);

		if (src < 0)
			return bad(r, "a partition is between nodes that there are");
		grudge->drops[dest * grudge->n + src] = true;
	}
	return true;
}

static bool
read_grudge(struct reader *r, struct fault_event *event, const struct value *map)
{
	struct arena *arena = &r->scenario->arena;
	struct grudge *grudge = arena_zero(arena, sizeof(*grudge));
	int64_t permille = 1000;

	grudge->n = r->scenario->options.node_count;
	grudge->drops = arena_zero(arena, (size_t)grudge->n * (size_t)grudge->n * sizeof(*grudge->drops));
	for (size_t i = 0; i < map->count; i += 2) {
		int dest = find_node(&r->scenario->options, map->items[i]);

		if (dest < 0)
			return bad(r, "a partition is between nodes that there are");
		if (!read_deaf(r, grudge, dest, map->items[i + 1]))
			return false;
	}
	skip_blanks(r);
	if (r->cursor < r->end && !read_integer(r, "how many in a thousand are lost", 1000, &permille))
		return false;
	grudge->permille = (int)permille;
	event->grudge = grudge;
	return true;
}

static bool
read_fault_kind(struct reader *r, struct fault_event *event)
{
	const char *what = next_word(r), *name = next_word(r);
	int kind = 0;

	if (what == NULL || name == NULL || (strcmp(what, "start") != 0 && strcmp(what, "stop") != 0))
		return bad(r, "expected start or stop, and a fault");
	while (kind < FAULT_KINDS && strcmp(faults[kind].name, name) != 0)
		kind++;
	if (kind == FAULT_KINDS)
		return bad(r, "'%s' is no fault", name);
	if ((faults[kind].commands & 1 << COMMAND_SIM) == 0)
		return bad(r, "'%s' is no fault of a simulation", name);
	event->start = strcmp(what, "start") == 0;
	event->kind = (enum fault_kind)kind;
	return true;
}

static bool
add_event(struct reader *r, const struct fault_event *event)
{
	struct fault_script *script = &r->scenario->faults;

	if (script->count == SCENARIO_EVENTS_MAX)
		return bad(r, "more than %d faults", SCENARIO_EVENTS_MAX);
	if (script->count == r->event_capacity) {
		r->event_capacity = r->event_capacity > 0 ? 2 * r->event_capacity : 16;
		r->events = memory_resize(r->events, r->event_capacity, sizeof(*r->events));
		script->events = r->events;
	}
	r->events[script->count++] = *event;
	return true;
}

static bool
read_fault(struct reader *r)
{
	struct fault_event event = {0};
	const struct value *map;
	bool fault;

	if (!read_later_time(r, &r->fault_time, &event.time) || !read_fault_kind(r, &event))
		return false;
	if (!event.start)
		return add_event(r, &event);
	event.spec = next_word(r);
	if (event.spec == NULL || *event.spec == '\0')
		return bad(r, "how it was chosen is missing: a word, or -");
	if (strcmp(event.spec, "-") == 0)
		event.spec = NULL;
	map = next_value(r, &fault);
	if (fault)
		return false;
	if (map == NULL || map->type != VALUE_MAP)
		return bad(r, "a fault has a map from nodes to what happens to them");
	if (event.kind == FAULT_PARTITION ? !read_grudge(r, &event, map) : !read_targets(r, &event, map))
		return false;
	return add_event(r, &event);
}

/* ---- choices ----------------------------------------------------------------------- */

static bool
read_choice(struct reader *r)
{
	struct scenario *scenario = r->scenario;
	struct choice_list *list = &scenario->choices;
	char *words[CHOICE_WORDS_MAX];
	int count = words_split(&scenario->arena, r->cursor, (size_t)(r->end - r->cursor), words, CHOICE_WORDS_MAX);

	if (count < 0)
		return bad(r, "that is no choice");
	r->cursor = r->end;
	if (list->count == SCENARIO_EVENTS_MAX)
		return bad(r, "more than %d choices", SCENARIO_EVENTS_MAX);
	if (list->count == r->choice_capacity) {
		r->choice_capacity = r->choice_capacity > 0 ? 2 * r->choice_capacity : 64;
		list->items = memory_resize(list->items, r->choice_capacity, sizeof(*list->items));
	}
	if (!choice_read(&list->items[list->count], &scenario->arena, words, count, r->error))
		return false;
	list->count++;
	return true;
}

/* ---- lines ------------------------------------------------------------------------- */

static bool
read_line(struct reader *r)
{
	const char *word;

	skip_blanks(r);
	if (r->cursor == r->end || *r->cursor == '#')
		return true;
	word = next_word(r);
	if ((strcmp(word, "run") == 0) == r->has_run)
		return r->has_run ? bad(r, "a second run") : bad(r, "expected 'run', and the flags of eddy sim");
	if (strcmp(word, "run") == 0)
		return read_run(r);
	if (strcmp(word, "op") == 0 || strcmp(word, "final") == 0)
		return read_op(r, word[0] == 'f') && is_at_end(r);
	if (strcmp(word, "end") == 0)
		return read_end(r) && is_at_end(r);
	if (strcmp(word, "fault") == 0)
		return read_fault(r) && is_at_end(r);
	if (strcmp(word, "choice") == 0)
		return read_choice(r);
	return bad(r, "'%s' is none of run, end, op, final, fault, choice", word);
}

static bool
read_lines(struct reader *r, const char *text, size_t length)
{
	const char *end = text + length;
	struct buffer error = {0};

	for (int line = 1; text < end; line++) {
		r->cursor = text;
		r->end = memchr(text, '\n', (size_t)(end - text));
		if (r->end == NULL)
			r->end = end;
		text = r->end + (r->end < end);
		if (read_line(r))
			continue;
		buffer_append(&error, r->error->bytes, r->error->length);
		r->error->length = 0;
		bad(r, "line %d: %s", line, buffer_string(&error));
		buffer_free(&error);
		return false;
	}
	return r->has_run || bad(r, "there is no run in it");
}

/* ---- the whole --------------------------------------------------------------------- */

static bool
has_final(const struct scenario *scenario)
{
	for (size_t i = 0; i < scenario->operations.count; i++)
		if (scenario->operations.ops[i].concluding)
			return true;
	return false;
}

/* The options get what was read. In a scenario, as in a sweep, :stats does not decide. */
static void
settle(struct scenario *scenario)
{
	struct test_options *options = &scenario->options;

	/* A search has the final phase that the workload makes, unless another is given, or is made of what was done.
	 */
	scenario->operations.concludes =
	    !options->explore.wanted || options->workload->final.due != NULL || has_final(scenario);
	options->operations = &scenario->operations;
	options->script = &scenario->faults;
	options->sweep = true;
	if (scenario->choices.count == 0)
		return;
	scenario->steering = (struct steering){choices_follow, &scenario->choices};
	options->steering = &scenario->steering;
}

bool
scenario_parse(struct scenario *scenario, const char *text, size_t length, char *const *extra, struct buffer *error)
{
	struct reader r = {.scenario = scenario, .error = error, .extra = extra};

	scenario->operations.end = -1;
	if (!read_lines(&r, text, length))
		return false;
	settle(scenario);
	return true;
}

bool
scenario_read(struct scenario *scenario, const char *path, char *const *extra, struct buffer *error)
{
	struct buffer text = {0}, why = {0};
	FILE *file = fopen(path, "r");
	bool read = false;
	size_t got;

	if (file == NULL) {
		buffer_printf(error, "%s: %s", path, strerror(errno));
		return false;
	}
	while (text.length <= SCENARIO_SIZE_MAX && (got = fread(buffer_reserve(&text, 65536), 1, 65536, file)) > 0)
		text.length += got;
	if (ferror(file))
		buffer_printf(&why, "%s", strerror(errno));
	else if (text.length > SCENARIO_SIZE_MAX)
		buffer_printf(&why, "longer than %zu bytes", SCENARIO_SIZE_MAX);
	else
		read = scenario_parse(scenario, text.bytes, text.length, extra, &why);
	fclose(file);
	if (!read)
		buffer_printf(error, "%s: %s", path, buffer_string(&why));
	buffer_free(&text);
	buffer_free(&why);
	return read;
}

void
scenario_free(struct scenario *scenario)
{
	options_free(&scenario->options);
	script_free(&scenario->operations);
	free((void *)(uintptr_t)scenario->faults.events);
	free(scenario->choices.items);
	free(scenario->words);
	arena_free(&scenario->arena);
	*scenario = (struct scenario){0};
}
