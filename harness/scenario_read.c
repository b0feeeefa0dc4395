/* Scenarios, read: line by line, and nothing is believed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "scenario_internal.h"
#include "words.h"
#include "workload.h"

/* ---- run --------------------------------------------------------------------------- */

static bool
parse_words(struct scenario_reader *r, int count)
{
	struct scenario *scenario = r->scenario;
	struct buffer text = {0};
	enum parse result = options_parse(&scenario->options, COMMAND_SIM, count, scenario->words, &text);

	if (result == PARSE_HELP)
		line_bad(r, "a scenario is not the place for --help");
	else if (result == PARSE_BAD)
		line_bad(r, "%s", buffer_string(&text));
	buffer_free(&text);
	if (result != PARSE_OK)
		return false;
	if (scenario->options.replay != NULL || scenario->options.seed != scenario->options.last_seed)
		return line_bad(r, "a scenario is one run: neither --seeds nor --replay");
	return true;
}

static bool
read_run(struct scenario_reader *r)
{
	struct scenario *scenario = r->scenario;
	int count = 0, own;

	scenario->words = memory_zero((WORDS_MAX + 1) * sizeof(*scenario->words));
	for (; r->extra != NULL && r->extra[count] != NULL; count++) {
		if (count == WORDS_MAX)
			return line_bad(r, "more than %d words", WORDS_MAX);
		scenario->words[count] = arena_copy(&scenario->arena, r->extra[count], strlen(r->extra[count]));
	}
	own = words_split(
	    &scenario->arena, r->cursor, (size_t)(r->end - r->cursor), scenario->words + count, WORDS_MAX - count);
	if (own < 0)
		return line_bad(r, "a quote that does not end, or more than %d words", WORDS_MAX);
	r->cursor = r->end;
	r->has_run = parse_words(r, count + own);
	return r->has_run;
}

/* ---- operations -------------------------------------------------------------------- */

static bool
check_op(struct scenario_reader *r, const struct script_op *op)
{
	const struct workload *workload = r->scenario->options.workload;
	const struct op_shape *shape = op_shape_find(workload->ops, op->f);

	if (shape == NULL)
		return line_bad(r, "%s has no operation '%s'", workload->name, op->f);
	if (!value_has_shape(op->value, shape->value))
		return line_bad(r, "the operation '%s' of %s has no such value", op->f, workload->name);
	if (op->extra != NULL && op->extra->type != VALUE_MAP)
		return line_bad(r, "what else an operation has is a map");
	return true;
}

static bool
read_op(struct scenario_reader *r, bool concluding)
{
	const struct test_options *options = &r->scenario->options;
	struct script_op op = {.concluding = concluding, .flagged = concluding && options->workload->final.flagged};
	int64_t worker;
	bool fault;

	if (!line_later_time(r, &r->op_time, &op.time) ||
	    !line_integer(r, "a worker", options->concurrency - 1, &worker))
		return false;
	op.worker = (int)worker;
	op.f = line_word(r);
	if (op.f == NULL)
		return line_bad(r, "the operation's name is missing");
	op.value = line_value(r, &fault);
	if (op.value == NULL)
		return fault ? false : line_bad(r, "the operation's value is missing");
	op.extra = line_value(r, &fault);
	if (fault || !check_op(r, &op))
		return false;
	return script_add(&r->scenario->operations, &op) || line_bad(r, "more than %d operations", SCRIPT_OPS_MAX);
}

static bool
read_end(struct scenario_reader *r)
{
	return line_time(r, &r->scenario->operations.end);
}

/* ---- choices ----------------------------------------------------------------------- */

static bool
read_choice(struct scenario_reader *r)
{
	struct scenario *scenario = r->scenario;
	struct choice_list *list = &scenario->choices;
	char *words[CHOICE_WORDS_MAX];
	int count = words_split(&scenario->arena, r->cursor, (size_t)(r->end - r->cursor), words, CHOICE_WORDS_MAX);

	if (count < 0)
		return line_bad(r, "that is no choice");
	r->cursor = r->end;
	if (list->count == SCENARIO_EVENTS_MAX)
		return line_bad(r, "more than %d choices", SCENARIO_EVENTS_MAX);
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
read_line(struct scenario_reader *r)
{
	const char *word;

	line_skip_blanks(r);
	if (r->cursor == r->end || *r->cursor == '#')
		return true;
	word = line_word(r);
	if ((strcmp(word, "run") == 0) == r->has_run)
		return r->has_run ? line_bad(r, "a second run")
				  : line_bad(r, "expected 'run', and the flags of eddy sim");
	if (strcmp(word, "run") == 0)
		return read_run(r);
	if (strcmp(word, "op") == 0 || strcmp(word, "final") == 0)
		return read_op(r, word[0] == 'f') && line_is_at_end(r);
	if (strcmp(word, "end") == 0)
		return read_end(r) && line_is_at_end(r);
	if (strcmp(word, "fault") == 0)
		return scenario_read_fault(r) && line_is_at_end(r);
	if (strcmp(word, "choice") == 0)
		return read_choice(r);
	return line_bad(r, "'%s' is none of run, end, op, final, fault, choice", word);
}

static bool
read_lines(struct scenario_reader *r, const char *text, size_t length)
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
		line_bad(r, "line %d: %s", line, buffer_string(&error));
		buffer_free(&error);
		return false;
	}
	return r->has_run || line_bad(r, "there is no run in it");
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
	struct scenario_reader r = {.scenario = scenario, .error = error, .extra = extra};

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
