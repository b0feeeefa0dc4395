/* The phase of liveness: operations until every node has proven to be alive, or for so long. */
#include "generator_internal.h"

/* The mean time between operations of the phase of liveness, and how many are drawn for one that is wanted. */
#define PROBE_GAP_NS (20 * MS_NS)
#define PROBE_DRAWS  4096

/*
 * The next operation that is wanted, of a free worker whose node lacks it: the
 * workers are asked in turn, each as if no other were free, and what is not
 * wanted is drawn for nothing. NULL if there is none now.
 */
static struct worker *
draw_probe(struct generator *g, struct op_template *next)
{
	const struct workload *workload = g->options->workload;
	int count = g->options->concurrency;
	bool *only = arena_zero(&g->history->arena, sizeof(*only) * (size_t)count);
	const struct workers workers = {count, only, g->processes};

	for (int tries = 0, idle = 0; tries < PROBE_DRAWS && idle < count;) {
		struct worker *worker = &g->workers[g->probed];
		bool drawn;

		g->probed = (g->probed + 1) % count;
		if (!g->is_free[worker->index] || !liveness_lacks_any(&g->liveness, worker->node)) {
			idle++;
			continue;
		}
		idle = 0;
		tries++;
		*next = (struct op_template){.workers = &workers, .now = generator_elapsed(g)};
		only[worker->index] = true;
		drawn = workload->generate(g->state, &g->random, &g->history->arena, g->options, next);
		only[worker->index] = false;
		if (!drawn)
			return NULL;
		if (generator_may_do(next, worker->index) && liveness_lacks(&g->liveness, worker->node, next->f))
			return worker;
	}
	return NULL;
}

static void
probe(struct generator *g)
{
	struct op_template next;
	struct worker *worker = draw_probe(g, &next);

	g->due = loop_now(g->loop) + (int64_t)random_below(&g->random, 2 * PROBE_GAP_NS);
	if (worker != NULL)
		generator_invoke(g, generator_take(g, generator_place_of(g, worker)), &next, false);
}

/* Whether somebody who is free has something to prove. */
static bool
is_probe_due(const struct generator *g)
{
	for (int i = 0; i < g->free_count; i++)
		if (liveness_lacks_any(&g->liveness, g->workers[g->free[i]].node))
			return true;
	return false;
}

/* When the next operation of the phase comes: its end, if nobody has one now. */
static int64_t
probe_due(struct generator *g)
{
	int64_t due = list_is_given(g) ? list_due(g) : is_probe_due(g) ? g->due : g->cutoff;

	return due < g->cutoff ? due : g->cutoff;
}

/* Does what is due. Operations under way are waited for: they may yet fail. */
bool
probing_is_over(struct generator *g)
{
	for (;;) {
		int64_t now = loop_now(g->loop);

		g->liveness.ended = now;
		if (now >= g->cutoff || (list_is_given(g) ? list_is_done(g) : liveness_is_proven(&g->liveness)))
			return g->free_count == g->options->concurrency || generator_wake_at(g, NEVER);
		if (probe_due(g) > now)
			return generator_wake_at(g, probe_due(g));
		if (list_is_given(g))
			list_invoke(g, generator_take(g, list_place(g, false)), false);
		else
			probe(g);
	}
}

void
probing_begin(struct generator *g)
{
	int64_t now = loop_now(g->loop);

	g->progress.phase = PHASE_LIVENESS;
	g->due = now + 1; /* behind the main phase, for whoever reads the times of a list */
	g->cutoff = now + (int64_t)(g->options->liveness_s * (double)S_NS);
	liveness_begin(&g->liveness, g->options, list_is_given(g), now);
}
