/* The books of the liveness phase; the generator asks them what to ask next. */
#include "liveness.h"

#include <stdlib.h>
#include <string.h>

#include "loop.h"
#include "memory.h"
#include "workload.h"

static int
count_words(const char *const *words)
{
	int count = 0;

	while (words != NULL && words[count] != NULL)
		count++;
	return count;
}

void
liveness_begin(struct liveness *l, const struct test_options *options, bool asked_only, int64_t now)
{
	*l = (struct liveness){.options = options, .asked_only = asked_only, .began = now, .ended = now};
	l->kinds = count_words(options->workload->alive.kinds);
	l->lacking = options->node_count * l->kinds;
	l->cells = memory_zero(sizeof(*l->cells) * (size_t)(l->lacking > 0 ? l->lacking : 1));
}

void
liveness_free(struct liveness *l)
{
	free(l->cells);
	*l = (struct liveness){0};
}

/* ---- who lacks what ------------------------------------------------------------- */

static struct liveness_cell *
find(const struct liveness *l, int node, const char *f)
{
	for (int kind = 0; kind < l->kinds; kind++)
		if (strcmp(l->options->workload->alive.kinds[kind], f) == 0)
			return &l->cells[node * l->kinds + kind];
	return NULL;
}

bool
liveness_lacks(const struct liveness *l, int node, const char *f)
{
	const struct liveness_cell *cell = find(l, node, f);

	return cell != NULL && !cell->proven;
}

bool
liveness_lacks_any(const struct liveness *l, int node)
{
	for (int kind = 0; kind < l->kinds; kind++)
		if (!l->cells[node * l->kinds + kind].proven)
			return true;
	return false;
}

static bool
is_proven(const struct liveness *l, const struct liveness_cell *cell)
{
	return cell->proven || (l->asked_only && cell->tries == 0);
}

bool
liveness_is_proven(const struct liveness *l)
{
	bool proven = true;

	for (int i = 0; l->lacking > 0 && i < l->options->node_count * l->kinds; i++)
		proven &= is_proven(l, &l->cells[i]);
	return proven;
}

/* ---- what an answer is worth ------------------------------------------------------ */

/* An error is a keyword, or a vector that begins with one (maelstrom.client/with-errors). */
static bool
is_named(const struct value *error, const char *const *names)
{
	if (error != NULL && error->type == VALUE_VECTOR && error->count > 0)
		error = error->items[0];
	for (int i = 0; error != NULL && names != NULL && names[i] != NULL; i++)
		if (value_is_keyword(error, names[i]))
			return true;
	return false;
}

static const char *
in_words(struct arena *arena, const struct op *op)
{
	struct buffer text = {0};
	const char *words;

	buffer_printf(&text, ":%s", op_type_name(op->type));
	if (op->error != NULL) {
		buffer_append_char(&text, ' ');
		edn_write(&text, op->error);
	}
	words = arena_copy(arena, buffer_string(&text), text.length);
	buffer_free(&text);
	return words;
}

static void
prove(struct liveness *l, struct liveness_cell *cell)
{
	l->lacking -= !cell->proven;
	cell->proven = true;
}

static void
begin_again(struct liveness *l, int node)
{
	l->failures++;
	for (int kind = 0; kind < l->kinds; kind++) {
		struct liveness_cell *cell = &l->cells[node * l->kinds + kind];

		l->lacking += cell->proven;
		cell->proven = false;
	}
}

void
liveness_learn(struct liveness *l, struct arena *arena, int node, const struct op *op)
{
	const struct workload *workload = l->options->workload;
	struct liveness_cell *cell = find(l, node, op->f);

	if (cell == NULL)
		return;
	l->probes++;
	cell->tries++;
	cell->answered = in_words(arena, op);
	if (op->type == OP_OK || (op->type == OP_FAIL && is_named(op->error, workload->alive.answers)))
		prove(l, cell);
	else if (op->type != OP_FAIL || !is_named(op->error, workload->alive.collisions))
		begin_again(l, node);
}

/* ---- the result ----------------------------------------------------------------------- */

static const struct value *
unproven(const struct liveness *l, struct arena *arena)
{
	struct value *all = value_collection(arena, VALUE_VECTOR);

	for (int i = 0; i < l->options->node_count * l->kinds; i++) {
		const struct liveness_cell *cell = &l->cells[i];
		struct value *map;

		if (is_proven(l, cell))
			continue;
		map = value_collection(arena, VALUE_MAP);
		value_put_keyword(arena, map, "node", value_string(arena, l->options->nodes[i / l->kinds]));
		value_put_keyword(
		    arena, map, "f", value_keyword(arena, l->options->workload->alive.kinds[i % l->kinds]));
		value_put_int(arena, map, "tries", (int64_t)cell->tries);
		if (cell->answered != NULL)
			value_put_keyword(arena, map, "answered", value_string(arena, cell->answered));
		value_push(arena, all, map);
	}
	return all;
}

const struct value *
liveness_result(const struct liveness *l, struct arena *arena)
{
	struct value *map;

	if (l->options == NULL)
		return NULL;
	map = value_collection(arena, VALUE_MAP);
	value_put_keyword(arena, map, "valid?", value_bool(liveness_is_proven(l)));
	value_put_int(arena, map, "milliseconds", (l->ended - l->began) / MS_NS);
	value_put_int(arena, map, "probes", (int64_t)l->probes);
	value_put_int(arena, map, "failures", (int64_t)l->failures);
	value_put_keyword(arena, map, "unproven", unproven(l, arena));
	return map;
}
