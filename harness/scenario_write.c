/* Scenarios, written. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "scenario.h"

static void
put_time(struct buffer *text, int64_t ns)
{
	buffer_printf(text, " %" PRId64 ".%09" PRId64, ns / S_NS, ns % S_NS);
}

static void
put_op(struct buffer *text, const struct script_op *op)
{
	buffer_append_string(text, op->concluding ? "final" : "op");
	put_time(text, op->time);
	buffer_printf(text, " %d %s ", op->worker, op->f);
	edn_write(text, op->value);
	if (op->extra != NULL) {
		buffer_append_char(text, ' ');
		edn_write(text, op->extra);
	}
	buffer_append_char(text, '\n');
}

/* ---- faults ---------------------------------------------------------------------- */

/* The parameters that faults of that kind have, in their order. */
static const struct value *
target_value(struct arena *arena, const struct fault_event *event, const struct fault_target *target)
{
	struct value *values = value_collection(arena, VALUE_VECTOR);

	for (int i = 0; i < FAULT_VALUES && faults[event->kind].values[i] != NULL; i++)
		value_push(arena, values, value_int(arena, target->values[i]));
	return values;
}

static const struct value *
targets_value(struct arena *arena, const struct fault_event *event, const char *const *nodes)
{
	struct value *map;

	if (event->grudge != NULL)
		return grudge_value(event->grudge, arena, nodes);
	map = value_collection(arena, VALUE_MAP);
	for (int i = 0; i < event->target_count; i++)
		value_put_string(
		    arena, map, nodes[event->targets[i].node], target_value(arena, event, &event->targets[i]));
	return map;
}

static void
put_fault(struct buffer *text, const struct fault_event *event, const char *const *nodes)
{
	struct arena arena = {0};

	buffer_append_string(text, "fault");
	put_time(text, event->time);
	buffer_printf(text, " %s %s", event->start ? "start" : "stop", faults[event->kind].name);
	if (event->start) {
		buffer_printf(text, " %s ", event->spec != NULL ? event->spec : "-");
		edn_write(text, targets_value(&arena, event, nodes));
		if (event->grudge != NULL && event->grudge->permille != 1000)
			buffer_printf(text, " %d", event->grudge->permille);
	}
	buffer_append_char(text, '\n');
	arena_free(&arena);
}

static void
put_end(struct buffer *text, int64_t ns)
{
	buffer_append_string(text, "end");
	put_time(text, ns);
	buffer_append_char(text, '\n');
}

/* ---- line by line ---------------------------------------------------------------- */

static void
flush(FILE *file, struct buffer *text)
{
	fwrite(text->bytes, 1, text->length, file);
	fflush(file);
	buffer_free(text);
}

void
scenario_note_op(FILE *file, const struct script_op *op)
{
	struct buffer text = {0};

	put_op(&text, op);
	flush(file, &text);
}

void
scenario_note_fault(FILE *file, const struct fault_event *event, const char *const *nodes)
{
	struct buffer text = {0};

	put_fault(&text, event, nodes);
	flush(file, &text);
}

void
scenario_note_end(FILE *file, int64_t ns)
{
	struct buffer text = {0};

	put_end(&text, ns);
	flush(file, &text);
}

/* ---- the whole ------------------------------------------------------------------- */

static void
put_run(struct buffer *text, const struct test_options *options)
{
	struct buffer command = {0};

	options_replay(options, options->seed, &command);
	buffer_printf(text, "run%s\n", buffer_string(&command) + strlen("sim"));
	buffer_free(&command);
}

struct scenario_parts
scenario_parts(const struct scenario *scenario)
{
	return (struct scenario_parts){
	    .options = &scenario->options,
	    .operations = &scenario->operations,
	    .faults = scenario->faults.events,
	    .fault_count = scenario->faults.count,
	    .choices = scenario->choices.items,
	    .choice_count = scenario->choices.count,
	};
}

void
scenario_write(struct buffer *text, const struct scenario_parts *parts)
{
	if (parts->comment != NULL)
		buffer_printf(text, "# %s\n", parts->comment);
	put_run(text, parts->options);
	if (parts->operations->end >= 0)
		put_end(text, parts->operations->end);
	for (size_t i = 0; i < parts->operations->count; i++)
		put_op(text, &parts->operations->ops[i]);
	for (size_t i = 0; i < parts->fault_count; i++)
		put_fault(text, &parts->faults[i], parts->options->nodes);
	for (size_t i = 0; i < parts->choice_count; i++) {
		buffer_append_string(text, "choice ");
		choice_write(&parts->choices[i], text);
		buffer_append_char(text, '\n');
	}
}

bool
scenario_save(const char *path, const struct scenario_parts *parts, struct buffer *error)
{
	struct buffer text = {0};
	FILE *file = fopen(path, "w");
	bool saved = file != NULL;

	scenario_write(&text, parts);
	if (saved)
		saved = fwrite(text.bytes, 1, text.length, file) == text.length;
	if (file != NULL)
		saved = fclose(file) == 0 && saved;
	if (!saved)
		buffer_printf(error, "%s: %s", path, strerror(errno));
	buffer_free(&text);
	return saved;
}
