/*
 * Decides what happens next, as Jepsen's interpreter would when it asks
 * Maelstrom's generator: (phases (time-limit (nemesis ... (stagger ...)))
 * heal, sleep, final reads). The rules that follow from the composition:
 * - an operation is due when the last one's random gap has passed, and goes to
 *   a free worker, of which they take turns; without one it waits, and the gap
 *   after it counts from when it really went out, so nothing is made up for;
 * - the main phase is over as soon as the next operation, of client or
 *   nemesis, would come after the time limit, even if that is some time off.
 *
 *	generator_op.c		operations: who does the next one, and what comes of it
 *	generator_list.c	operations that are given by list, or drawn beforehand; by hand
 *	generator_probe.c	the phase of liveness
 */
#include <stdlib.h>

#include "generator_internal.h"
#include "memory.h"
#include "scenario.h"

/* How often a message budget is looked at while no operation is made. */
#define BUDGET_TICK_NS (10 * MS_NS)

/* ---- the main phase ----------------------------------------------------------------- */

static void
act(struct generator *g)
{
	const struct workload *workload = g->options->workload;
	const struct workers workers = {g->options->concurrency, g->is_free, g->processes};
	struct op_template next = {.workers = &workers, .now = generator_elapsed(g)};
	int64_t now = loop_now(g->loop);

	if (list_is_given(g)) {
		list_invoke(g, generator_take(g, list_place(g, false)), false);
		return;
	}
	if (!workload->generate(g->state, &g->random, &g->history->arena, g->options, &next)) {
		g->exhausted = true;
		return;
	}
	g->due = now + (g->gap_ns > 0 ? (int64_t)random_below(&g->random, (uint64_t)g->gap_ns) : 0);
	generator_invoke(g,
	    generator_take(g, workload->each_thread ? generator_any_place(g) : generator_place(g, &next)), &next,
	    false);
}

/* When the clients' next operation comes: NEVER if that cannot be told, for want of a worker or of operations. */
static int64_t
client_due(struct generator *g)
{
	if (list_is_given(g))
		return list_due(g);
	if (g->options->rate == 0)
		return g->cutoff; /* one sleep, as long as the time limit */
	if (g->exhausted || g->free_count == 0)
		return NEVER;
	return g->due;
}

static int64_t
fault_due(const struct generator *g)
{
	int64_t due = nemesis_due(&g->nemesis);

	return due < NEVER ? g->progress.started + due : NEVER;
}

static bool
budget_is_used(const struct generator *g)
{
	uint64_t budget = g->options->message_budget;

	return budget > 0 && !list_is_given(g) && net_stats(g->net)->all.received >= budget;
}

bool
generator_wake_at(struct generator *g, int64_t time)
{
	int64_t tick = loop_now(g->loop) + BUDGET_TICK_NS;

	if (g->progress.phase == PHASE_MAIN && g->options->message_budget > 0 && time > tick)
		time = tick;
	loop_cancel(g->loop, g->timer);
	g->timer = time < NEVER ? loop_at(g->loop, time, generator_advance, g) : 0;
	return false;
}

static void
note_fault(struct generator *g)
{
	generator_trace(g);
	if (g->options->recording != NULL)
		scenario_note_fault(
		    g->options->recording, &g->nemesis.done[g->nemesis.done_count - 1], g->options->nodes);
}

/* Does what is due. */
static bool
main_is_over(struct generator *g)
{
	for (;;) {
		int64_t now = loop_now(g->loop), client = client_due(g);
		int64_t fault = fault_due(g);
		int64_t soonest = client < fault ? client : fault;

		if (budget_is_used(g))
			return true;
		if (list_is_due(g) && client <= fault) {
			act(g);
			continue;
		}
		if (soonest < now)
			soonest = now;
		if (soonest == g->cutoff && (g->options->rate == 0 || list_is_given(g)) && now < g->cutoff)
			return generator_wake_at(g, g->cutoff);
		if (soonest >= g->cutoff)
			return g->free_count > 0 || generator_wake_at(g, NEVER);
		if (soonest > now)
			return generator_wake_at(g, soonest);
		if (fault <= now) {
			nemesis_act(&g->nemesis, generator_elapsed(g));
			note_fault(g);
			g->progress.fault = nemesis_active(&g->nemesis);
			generator_next_turn(g);
		} else {
			act(g);
		}
	}
}

/* ---- the phases ----------------------------------------------------------------------- */

static void
begin_final(void *arg)
{
	struct generator *g = arg;
	int limit_s = g->options->workload->final.limit_s;

	g->progress.phase = PHASE_FINAL;
	g->final_cutoff = limit_s > 0 ? generator_elapsed(g) + limit_s * S_NS : NEVER;
	generator_advance(g);
}

static void
end_main(struct generator *g)
{
	if (g->options->recording != NULL)
		scenario_note_end(g->options->recording, generator_elapsed(g));
}

static bool
has_final(const struct generator *g)
{
	return g->options->workload->final.f != NULL || g->options->workload->final.due != NULL;
}

static void
end(struct generator *g)
{
	g->progress.phase = PHASE_DONE;
	loop_cancel(g->loop, g->timer);
	g->timer = 0;
	g->done(g->arg);
}

static void
heal(struct generator *g)
{
	nemesis_heal(&g->nemesis, generator_elapsed(g));
	generator_trace(g);
	g->progress.fault = NULL;
}

static void
begin_recovery(struct generator *g)
{
	g->progress.phase = PHASE_RECOVERY;
	loop_cancel(g->loop, g->timer);
	g->timer = loop_after(g->loop, (int64_t)(g->options->recovery_s * (double)S_NS), begin_final, g);
}

static int64_t
final_due(struct generator *g, const struct worker *worker)
{
	const struct workload *workload = g->options->workload;
	const struct script_op *op;

	if (list_concludes(g)) {
		op = cursor_peek(&g->listed, worker->index, true);
		return op != NULL ? op->time : NEVER;
	}

	if (workload->final.due != NULL)
		return workload->final.due(g->state, worker->index);
	return worker->concluded ? NEVER : 0;
}

/* Where the free worker is that comes first, or one of those that could come now; and when. */
static int
next_final(struct generator *g, int64_t *when)
{
	int start = g->free_count > 0 ? generator_any_place(g) : 0, first = 0;
	int64_t now = generator_elapsed(g);

	if (list_concludes(g) && list_place(g, true) >= 0)
		start = list_place(g, true);

	*when = NEVER;
	for (int i = 0; i<g->free_count && * when> now; i++) {
		int place = (start + i) % g->free_count;
		int64_t due = final_due(g, &g->workers[g->free[place]]);

		if (due >= *when)
			continue;
		first = place;
		*when = due > now ? due : now;
	}
	return first;
}

static void
conclude(struct generator *g, struct worker *worker)
{
	const struct workload *workload = g->options->workload;
	struct op_template next = {.f = workload->final.f, .now = generator_elapsed(g)};

	if (list_concludes(g)) {
		list_invoke(g, worker, true);
		return;
	}
	if (workload->final.generate != NULL)
		workload->final.generate(g->state, &g->random, &g->history->arena, worker->index, &next);
	worker->concluded = true;
	generator_invoke(g, worker, &next, workload->final.flagged);
}

/* Does what is due. Who is busy may have more to do when that is done. */
static bool
final_is_over(struct generator *g)
{
	for (;;) {
		int64_t when;
		int place = next_final(g, &when);

		if (when >= g->final_cutoff)
			return g->free_count == g->options->concurrency || generator_wake_at(g, NEVER);
		if (when > generator_elapsed(g))
			return generator_wake_at(g, g->progress.started + when);
		conclude(g, generator_take(g, place));
	}
}

/* ---- one after the other ----------------------------------------------------------------- */

static void
conclude_liveness(struct generator *g)
{
	if (has_final(g))
		begin_recovery(g);
	else
		end(g);
}

static void
conclude_main(struct generator *g)
{
	end_main(g);
	if (g->options->liveness_s > 0) {
		heal(g);
		probing_begin(g);
	} else if (has_final(g)) {
		heal(g);
		begin_recovery(g);
	} else {
		end(g);
	}
}

static void
step(struct generator *g)
{
	if (g->progress.phase == PHASE_MAIN && !g->over)
		g->over = main_is_over(g);
	if (g->progress.phase == PHASE_MAIN && g->over && g->free_count == g->options->concurrency)
		conclude_main(g);
	if (g->progress.phase == PHASE_LIVENESS && probing_is_over(g))
		conclude_liveness(g);
	else if (g->progress.phase == PHASE_FINAL && final_is_over(g))
		end(g);
}

/* An operation may complete as soon as it is invoked: the step that invoked it looks again before it ends. */
void
generator_advance(void *arg)
{
	struct generator *g = arg;

	if (g->advancing || g->held)
		return;
	g->advancing = true;
	step(g);
	g->advancing = false;
}

/* ---- life -------------------------------------------------------------------------------- */

static void
make_workers(struct generator *g)
{
	int count = g->options->concurrency;

	g->workers = memory_zero((size_t)count * sizeof(*g->workers));
	g->free = memory_zero((size_t)count * sizeof(*g->free));
	g->is_free = memory_zero((size_t)count * sizeof(*g->is_free));
	g->processes = memory_zero((size_t)count * sizeof(*g->processes));
	g->answers = memory_zero((size_t)g->options->node_count * sizeof(*g->answers));
	for (int i = 0; i < count; i++) {
		g->workers[i] = (struct worker){.generator = g, .index = i, .node = i % g->options->node_count};
		g->processes[i] = i;
		g->free[g->free_count++] = i;
		g->is_free[i] = true;
	}
}

/* The mean time between operations is half of the widest gap. */
static int64_t
widest_gap(double rate)
{
	double gap = 2 / rate * (double)S_NS;

	return rate > 0 && gap < (double)SECONDS_MAX * (double)S_NS ? (int64_t)gap : SECONDS_MAX * S_NS;
}

static void
make_nemesis(struct generator *g, struct cluster *cluster, uint64_t seed)
{
	const struct test_options *o = g->options;
	const struct fault_world world = {g->net, cluster, o->nodes, o->node_count};
	const struct nemesis_plan plan = {o->faults, o->partitions, o->nemesis_interval_s, o->script};

	nemesis_init(&g->nemesis, &world, &plan, g->history, seed);
}

struct generator *
generator_start(struct loop *loop, struct net *net, struct cluster *cluster, const struct test_options *options,
    uint64_t seed, int *next_client, struct history *history, loop_fn *done, void *arg)
{
	struct generator *g = memory_zero(sizeof(*g));

	g->loop = loop;
	g->net = net;
	g->options = options;
	g->history = history;
	g->next_client = next_client;
	g->done = done;
	g->arg = arg;
	g->progress.started = loop_now(loop);
	g->due = g->progress.started;
	g->cutoff = g->progress.started + options->time_limit_s * S_NS;
	g->gap_ns = widest_gap(options->rate);
	g->state = memory_zero(options->workload->state_size);
	random_seed(&g->random, seed, "workload", 0);
	make_nemesis(g, cluster, seed);
	make_workers(g);
	list_begin(g);
	g->timer = loop_at(loop, g->progress.started, generator_advance, g);
	return g;
}

const struct generator_progress *
generator_progress(const struct generator *g)
{
	return &g->progress;
}

const struct nemesis *
generator_nemesis(const struct generator *g)
{
	return &g->nemesis;
}

const struct value *
generator_liveness(const struct generator *g, struct arena *arena)
{
	return liveness_result(&g->liveness, arena);
}

struct generator_answers
generator_answers(const struct generator *g, int node)
{
	return g->answers[node];
}

void
generator_free(struct generator *g)
{
	if (g == NULL)
		return;
	loop_cancel(g->loop, g->timer);
	for (int i = 0; i < g->options->concurrency; i++)
		client_close(g->workers[i].client);
	nemesis_free(&g->nemesis);
	liveness_free(&g->liveness);
	free(g->workers);
	free(g->free);
	free(g->is_free);
	free(g->processes);
	free(g->answers);
	free(g->state);
	script_free(&g->drawn);
	cursor_free(&g->listed);
	free(g);
}
