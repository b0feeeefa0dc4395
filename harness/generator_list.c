/*
 * Operations that are given by list (script.h), or drawn before the first of
 * them is done: each worker has its own then, and the main phase ends when the
 * list says so.
 */
#include <assert.h>

#include "generator_internal.h"

bool
list_is_given(const struct generator *g)
{
	return g->listed.script != NULL;
}

/* Whether the final phase is the list's too. */
bool
list_concludes(const struct generator *g)
{
	return list_is_given(g) && g->listed.script->concludes;
}

/* Which of the free workers has the first operation of the list, or -1. */
int
list_place(struct generator *g, bool concluding)
{
	const struct script_op *first = NULL;
	int place = -1;

	for (int i = 0; i < g->free_count; i++) {
		const struct script_op *op = cursor_peek(&g->listed, g->free[i], concluding);

		if (op == NULL || (first != NULL && first < op))
			continue;
		first = op;
		place = i;
	}
	return place;
}

/* When the next one of the list comes; NEVER: there is none, and none that waits for its worker. */
int64_t
list_due(struct generator *g)
{
	int place = list_place(g, false);

	if (place >= 0)
		return g->progress.started + cursor_peek(&g->listed, g->free[place], false)->time;
	for (int i = 0; i < g->options->concurrency; i++)
		if (cursor_peek(&g->listed, i, false) != NULL)
			return g->cutoff;
	return g->listed.script->end >= 0 ? g->cutoff : NEVER;
}

/* Whether one of the list is due, also in the last moment. */
bool
list_is_due(struct generator *g)
{
	int64_t now = loop_now(g->loop);

	return list_is_given(g) && now <= g->cutoff && list_place(g, false) >= 0 && list_due(g) <= now;
}

bool
list_is_done(struct generator *g)
{
	for (int i = 0; i < g->options->concurrency; i++)
		if (cursor_peek(&g->listed, i, false) != NULL)
			return false;
	return true;
}

void
list_invoke(struct generator *g, struct worker *worker, bool concluding)
{
	const struct script_op *op = cursor_peek(&g->listed, worker->index, concluding);
	const struct op_template next = {.f = op->f, .value = op->value, .extra = op->extra};

	cursor_advance(&g->listed, worker->index);
	generator_invoke(g, worker, &next, op->flagged);
}

/* As many operations as were asked for, drawn before the first is done: each goes to the next worker that may do it. */
static void
draw_script(struct generator *g)
{
	const struct workload *workload = g->options->workload;
	const struct workers workers = {g->options->concurrency, g->is_free, g->processes};

	for (int64_t i = 0; i < g->options->draw_ops; i++) {
		struct op_template next = {.workers = &workers};
		struct script_op op = {0};

		if (!workload->generate(g->state, &g->random, &g->history->arena, g->options, &next))
			break;
		op.worker = g->free[generator_place(g, &next)];
		op.f = next.f;
		op.value = next.value != NULL ? next.value : &value_nil;
		op.extra = next.extra;
		g->turn = (op.worker + 1) % g->options->concurrency;
		script_add(&g->drawn, &op);
	}
	g->drawn.end = -1;
	cursor_init(&g->listed, &g->drawn, g->options->concurrency);
}

void
list_begin(struct generator *g)
{
	const struct script *script = g->options->operations;

	if (g->options->draw_ops > 0)
		draw_script(g);
	else if (script != NULL)
		cursor_init(&g->listed, script, g->options->concurrency);
	if (list_is_given(g) && g->listed.script->end >= 0)
		g->cutoff = g->progress.started + g->listed.script->end;
}

/* ---- by hand ----------------------------------------------------------------------------- */

void
generator_hold(struct generator *g)
{
	g->held = true;
	for (int i = 0; i < g->options->concurrency; i++)
		generator_prepare(g, &g->workers[i]);
}

bool
generator_can(struct generator *g, int worker)
{
	return worker >= 0 && worker < g->options->concurrency && g->is_free[worker] &&
	       cursor_peek(&g->listed, worker, false) != NULL;
}

void
generator_do(struct generator *g, int worker)
{
	int place = 0;

	assert(g->held && generator_can(g, worker));
	while (g->free[place] != worker)
		place++;
	list_invoke(g, generator_take(g, place), false);
}

void
generator_release(struct generator *g)
{
	g->held = false;
	generator_wake_at(g, loop_now(g->loop));
}
