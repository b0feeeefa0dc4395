/*
 * Decides what happens next, as Jepsen's interpreter would when it asks
 * Maelstrom's generator: (phases (time-limit (nemesis ... (stagger ...)))
 * heal, sleep, final reads). The rules that follow from the composition:
 * - an operation is due when the last one's random gap has passed, and goes to
 *   a free worker, of which they take turns; without one it waits, and the gap
 *   after it counts from when it really went out, so nothing is made up for;
 * - the main phase is over as soon as the next operation, of client or
 *   nemesis, would come after the time limit, even if that is some time off.
 * Operations may also be given by list (script.h): each worker has its own
 * then, and the main phase ends when the list says so.
 */
#include <assert.h>
#include <stdlib.h>

#include "generator.h"
#include "liveness.h"
#include "memory.h"
#include "nemesis.h"
#include "random.h"
#include "scenario.h"

#define NEVER INT64_MAX

/* How often a message budget is looked at while no operation is made. */
#define BUDGET_TICK_NS (10 * MS_NS)

/* The mean time between operations of the phase of liveness, and how many are drawn for one that is wanted. */
#define PROBE_GAP_NS (20 * MS_NS)
#define PROBE_DRAWS  4096

struct worker {
	struct generator *generator;
	int index, node;
	struct client *client;
	bool replace;   /* its client is closed before the next operation */
	bool concluded; /* it has done the one final operation */
};

struct generator {
	struct loop *loop;
	struct net *net;
	const struct test_options *options;
	struct history *history;
	int *next_client;
	loop_fn *done;
	void *arg;

	struct generator_progress progress;
	struct random random;
	void *state; /* the workload's */
	int64_t cutoff, gap_ns, due;
	int64_t final_cutoff;
	bool advancing;       /* in a step */
	bool exhausted, over; /* the workload has no operation left; the main phase is over */
	struct nemesis nemesis;
	struct liveness liveness;
	int probed; /* the worker that the phase of liveness asks next */
	uint64_t timer;

	struct worker *workers;
	int *free, free_count; /* workers without an operation under way */
	bool *is_free;
	int64_t *processes;
	int turn; /* the worker whose turn it is; `concurrency`: the nemesis */
	struct generator_answers *answers;

	struct script drawn;         /* options->draw_ops operations */
	struct script_cursor listed; /* script NULL: operations come from the workload */
	size_t traced;               /* so many of the history were shown */
	bool held;                   /* nothing happens but what generator_do() does */
};

static void advance(void *);

/* ---- operations ------------------------------------------------------------------ */

static int64_t
elapsed(const struct generator *g)
{
	return loop_now(g->loop) - g->progress.started;
}

/* What has come to the history since. */
static void
trace_ops(struct generator *g)
{
	struct buffer text = {0};

	for (; loop_is_traced(g->loop) && g->traced < g->history->count; g->traced++) {
		const struct op *op = &g->history->ops[g->traced];

		text.length = 0;
		edn_write(&text, op->value);
		if (op_is_client(op))
			loop_trace(g->loop, "op      process %lld %s %s %s", (long long)op->process,
			    op_type_name(op->type), op->f, buffer_string(&text));
		else
			loop_trace(g->loop, "fault   %s %s", op->f, buffer_string(&text));
	}
	buffer_free(&text);
}

static void
record(struct generator *g, const struct op *op)
{
	struct op *kept = history_append(g->history, op);

	trace_ops(g);
	loop_mix_number(g->loop, (uint64_t)kept->time);
	loop_mix_number(g->loop, (uint64_t)kept->type << 32 | (uint32_t)kept->process);
}

static void
count_completion(struct generator *g, const struct worker *worker, const struct op *op)
{
	bool unanswered = value_is_keyword(op->error != NULL ? op->error : &value_nil, "net-timeout") ||
			  (op->error != NULL && value_is_string(op->error, "indeterminate: Client read timeout"));

	if (unanswered)
		g->answers[worker->node].unanswered++;
	else
		g->answers[worker->node].answered++;
	if (op->type == OP_OK)
		g->progress.ok++;
	else if (op->type == OP_FAIL)
		g->progress.fail++;
	else
		g->progress.info++;
}

static void
completed(void *arg, const struct op *completion)
{
	struct worker *worker = arg;
	struct generator *g = worker->generator;
	struct op op = *completion;

	op.time = elapsed(g);
	op.index = -1;
	record(g, &op);
	count_completion(g, worker, &op);
	if (g->progress.phase == PHASE_LIVENESS)
		liveness_learn(&g->liveness, &g->history->arena, worker->node, &op);
	if (g->options->workload->update != NULL && g->options->operations == NULL)
		g->options->workload->update(g->state, &g->history->arena, worker->index, &op);
	if (op.type == OP_INFO) {
		g->processes[worker->index] += g->options->concurrency;
		worker->replace = !g->options->workload->reusable;
	}
	g->free[g->free_count++] = worker->index;
	g->is_free[worker->index] = true;
	advance(g);
}

/* Like Jepsen's worker, it changes its client only when it needs one again. */
static void
prepare_client(struct generator *g, struct worker *worker)
{
	if (worker->replace) {
		client_close(worker->client);
		worker->client = NULL;
		worker->replace = false;
	}
	if (worker->client == NULL)
		worker->client = client_open(g->loop, g->net, g->next_client);
}

static void
keep_op(struct generator *g, const struct worker *worker, const struct op *op)
{
	const struct script_op kept = {
	    .time = op->time,
	    .worker = worker->index,
	    .concluding = g->progress.phase == PHASE_FINAL,
	    .flagged = op->final,
	    .f = op->f,
	    .value = op->value,
	    .extra = op->extra,
	};

	if (g->options->recording != NULL)
		scenario_note_op(g->options->recording, &kept);
}

static void
invoke(struct generator *g, struct worker *worker, const struct op_template *next, bool final)
{
	struct op op = {
	    .index = -1,
	    .time = elapsed(g),
	    .type = OP_INVOKE,
	    .process = g->processes[worker->index],
	    .f = next->f,
	    .value = next->value != NULL ? next->value : &value_nil,
	    .final = final,
	    .extra = next->extra,
	};

	record(g, &op);
	keep_op(g, worker, &op);
	g->progress.invoked++;
	prepare_client(g, worker);
	call_start(worker->client, g->options->workload, g->options->nodes[worker->node], &g->history->arena, &op,
	    completed, worker);
}

/* Every operation moves the turn on by one, whoever does it (jepsen.generator.context/busy-thread). */
static void
next_turn(struct generator *g)
{
	g->turn = (g->turn + 1) % (g->options->concurrency + 1);
}

/* How many turns a worker is away from its own. */
static int
turns_to(const struct generator *g, int worker)
{
	return worker >= g->turn ? worker - g->turn : worker - g->turn + g->options->concurrency + 1;
}

static bool
may_do(const struct op_template *next, int worker)
{
	return next->count == 0 || (worker >= next->first && worker < next->first + next->count);
}

/* Where among the free workers that may do it the one is that comes next. */
static int
place_in_turn(const struct generator *g, const struct op_template *next)
{
	int best = -1;

	for (int i = 0; i < g->free_count; i++)
		if (may_do(next, g->free[i]) && (best < 0 || turns_to(g, g->free[i]) < turns_to(g, g->free[best])))
			best = i;
	assert(best >= 0);
	return best;
}

static int
any_place(struct generator *g)
{
	return (int)random_below(&g->random, (uint64_t)g->free_count);
}

/* The free worker at that place has something to do. */
static struct worker *
take_worker(struct generator *g, int place)
{
	struct worker *worker = &g->workers[g->free[place]];

	g->is_free[worker->index] = false;
	g->free[place] = g->free[--g->free_count];
	next_turn(g);
	return worker;
}

/* ---- by list ------------------------------------------------------------------------ */

static bool
is_listed(const struct generator *g)
{
	return g->listed.script != NULL;
}

/* Whether the final phase is the list's too. */
static bool
is_concluded_by_list(const struct generator *g)
{
	return is_listed(g) && g->listed.script->concludes;
}

/* Which of the free workers has the first operation of the list, or -1. */
static int
listed_place(struct generator *g, bool concluding)
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
static int64_t
listed_due(struct generator *g)
{
	int place = listed_place(g, false);

	if (place >= 0)
		return g->progress.started + cursor_peek(&g->listed, g->free[place], false)->time;
	for (int i = 0; i < g->options->concurrency; i++)
		if (cursor_peek(&g->listed, i, false) != NULL)
			return g->cutoff;
	return g->listed.script->end >= 0 ? g->cutoff : NEVER;
}

/* Whether one of the list is due, also in the last moment. */
static bool
is_listed_now(struct generator *g)
{
	int64_t now = loop_now(g->loop);

	return is_listed(g) && now <= g->cutoff && listed_place(g, false) >= 0 && listed_due(g) <= now;
}

static void
invoke_listed(struct generator *g, struct worker *worker, bool concluding)
{
	const struct script_op *op = cursor_peek(&g->listed, worker->index, concluding);
	const struct op_template next = {.f = op->f, .value = op->value, .extra = op->extra};

	cursor_advance(&g->listed, worker->index);
	invoke(g, worker, &next, op->flagged);
}

/* ---- the main phase ----------------------------------------------------------------- */

static void
act(struct generator *g)
{
	const struct workload *workload = g->options->workload;
	const struct workers workers = {g->options->concurrency, g->is_free, g->processes};
	struct op_template next = {.workers = &workers, .now = elapsed(g)};
	int64_t now = loop_now(g->loop);

	if (is_listed(g)) {
		invoke_listed(g, take_worker(g, listed_place(g, false)), false);
		return;
	}
	if (!workload->generate(g->state, &g->random, &g->history->arena, g->options, &next)) {
		g->exhausted = true;
		return;
	}
	g->due = now + (g->gap_ns > 0 ? (int64_t)random_below(&g->random, (uint64_t)g->gap_ns) : 0);
	invoke(g, take_worker(g, workload->each_thread ? any_place(g) : place_in_turn(g, &next)), &next, false);
}

/* When the clients' next operation comes: NEVER if that cannot be told, for want of a worker or of operations. */
static int64_t
client_due(struct generator *g)
{
	if (is_listed(g))
		return listed_due(g);
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

	return budget > 0 && !is_listed(g) && net_stats(g->net)->all.received >= budget;
}

/* Looks again then, or when the next operation completes. Always false: the phase goes on. */
static bool
wake_at(struct generator *g, int64_t time)
{
	int64_t tick = loop_now(g->loop) + BUDGET_TICK_NS;

	if (g->progress.phase == PHASE_MAIN && g->options->message_budget > 0 && time > tick)
		time = tick;
	loop_cancel(g->loop, g->timer);
	g->timer = time < NEVER ? loop_at(g->loop, time, advance, g) : 0;
	return false;
}

static void
note_fault(struct generator *g)
{
	trace_ops(g);
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
		if (is_listed_now(g) && client <= fault) {
			act(g);
			continue;
		}
		if (soonest < now)
			soonest = now;
		if (soonest == g->cutoff && (g->options->rate == 0 || is_listed(g)) && now < g->cutoff)
			return wake_at(g, g->cutoff);
		if (soonest >= g->cutoff)
			return g->free_count > 0 || wake_at(g, NEVER);
		if (soonest > now)
			return wake_at(g, soonest);
		if (fault <= now) {
			nemesis_act(&g->nemesis, elapsed(g));
			note_fault(g);
			g->progress.fault = nemesis_active(&g->nemesis);
			next_turn(g);
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
	g->final_cutoff = limit_s > 0 ? elapsed(g) + limit_s * S_NS : NEVER;
	advance(g);
}

static void
end_main(struct generator *g)
{
	if (g->options->recording != NULL)
		scenario_note_end(g->options->recording, elapsed(g));
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
	nemesis_heal(&g->nemesis, elapsed(g));
	trace_ops(g);
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

	if (is_concluded_by_list(g)) {
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
	int start = g->free_count > 0 ? any_place(g) : 0, first = 0;
	int64_t now = elapsed(g);

	if (is_concluded_by_list(g) && listed_place(g, true) >= 0)
		start = listed_place(g, true);

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
	struct op_template next = {.f = workload->final.f, .now = elapsed(g)};

	if (is_concluded_by_list(g)) {
		invoke_listed(g, worker, true);
		return;
	}
	if (workload->final.generate != NULL)
		workload->final.generate(g->state, &g->random, &g->history->arena, worker->index, &next);
	worker->concluded = true;
	invoke(g, worker, &next, workload->final.flagged);
}

/* Does what is due. Who is busy may have more to do when that is done. */
static bool
final_is_over(struct generator *g)
{
	for (;;) {
		int64_t when;
		int place = next_final(g, &when);

		if (when >= g->final_cutoff)
			return g->free_count == g->options->concurrency || wake_at(g, NEVER);
		if (when > elapsed(g))
			return wake_at(g, g->progress.started + when);
		conclude(g, take_worker(g, place));
	}
}

/* ---- liveness ------------------------------------------------------------------------- */

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
		*next = (struct op_template){.workers = &workers, .now = elapsed(g)};
		only[worker->index] = true;
		drawn = workload->generate(g->state, &g->random, &g->history->arena, g->options, next);
		only[worker->index] = false;
		if (!drawn)
			return NULL;
		if (may_do(next, worker->index) && liveness_lacks(&g->liveness, worker->node, next->f))
			return worker;
	}
	return NULL;
}

/* Where among the free workers this one is. */
static int
place_of(const struct generator *g, const struct worker *worker)
{
	int place = 0;

	while (g->free[place] != worker->index)
		place++;
	return place;
}

static void
probe(struct generator *g)
{
	struct op_template next;
	struct worker *worker = draw_probe(g, &next);

	g->due = loop_now(g->loop) + (int64_t)random_below(&g->random, 2 * PROBE_GAP_NS);
	if (worker != NULL)
		invoke(g, take_worker(g, place_of(g, worker)), &next, false);
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

static bool
is_list_done(struct generator *g)
{
	for (int i = 0; i < g->options->concurrency; i++)
		if (cursor_peek(&g->listed, i, false) != NULL)
			return false;
	return true;
}

/* When the next operation of the phase comes: its end, if nobody has one now. */
static int64_t
probe_due(struct generator *g)
{
	int64_t due = is_listed(g) ? listed_due(g) : is_probe_due(g) ? g->due : g->cutoff;

	return due < g->cutoff ? due : g->cutoff;
}

/* Does what is due. Operations under way are waited for: they may yet fail. */
static bool
liveness_is_over(struct generator *g)
{
	for (;;) {
		int64_t now = loop_now(g->loop);

		g->liveness.ended = now;
		if (now >= g->cutoff || (is_listed(g) ? is_list_done(g) : liveness_is_proven(&g->liveness)))
			return g->free_count == g->options->concurrency || wake_at(g, NEVER);
		if (probe_due(g) > now)
			return wake_at(g, probe_due(g));
		if (is_listed(g))
			invoke_listed(g, take_worker(g, listed_place(g, false)), false);
		else
			probe(g);
	}
}

static void
begin_liveness(struct generator *g)
{
	int64_t now = loop_now(g->loop);

	g->progress.phase = PHASE_LIVENESS;
	g->due = now + 1; /* behind the main phase, for whoever reads the times of a list */
	g->cutoff = now + (int64_t)(g->options->liveness_s * (double)S_NS);
	liveness_begin(&g->liveness, g->options, is_listed(g), now);
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
		begin_liveness(g);
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
	if (g->progress.phase == PHASE_LIVENESS && liveness_is_over(g))
		conclude_liveness(g);
	else if (g->progress.phase == PHASE_FINAL && final_is_over(g))
		end(g);
}

/* Whatever happened, a timer or a completion: does what follows from it. An operation may complete as soon as it is
 * invoked: the step that invoked it looks again before it ends. */
static void
advance(void *arg)
{
	struct generator *g = arg;

	if (g->advancing || g->held)
		return;
	g->advancing = true;
	step(g);
	g->advancing = false;
}

/* ---- life -------------------------------------------------------------------------------- */

static void *
memory_array(size_t count, size_t size)
{
	return memory_zero(count * size);
}

static void
make_workers(struct generator *g)
{
	int count = g->options->concurrency;

	g->workers = memory_array((size_t)count, sizeof(*g->workers));
	g->free = memory_array((size_t)count, sizeof(*g->free));
	g->is_free = memory_array((size_t)count, sizeof(*g->is_free));
	g->processes = memory_array((size_t)count, sizeof(*g->processes));
	g->answers = memory_array((size_t)g->options->node_count, sizeof(*g->answers));
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
		op.worker = g->free[place_in_turn(g, &next)];
		op.f = next.f;
		op.value = next.value != NULL ? next.value : &value_nil;
		op.extra = next.extra;
		g->turn = (op.worker + 1) % g->options->concurrency;
		script_add(&g->drawn, &op);
	}
	g->drawn.end = -1;
	cursor_init(&g->listed, &g->drawn, g->options->concurrency);
}

static void
begin_list(struct generator *g)
{
	const struct script *script = g->options->operations;

	if (g->options->draw_ops > 0)
		draw_script(g);
	else if (script != NULL)
		cursor_init(&g->listed, script, g->options->concurrency);
	if (is_listed(g) && g->listed.script->end >= 0)
		g->cutoff = g->progress.started + g->listed.script->end;
}

struct generator *
generator_start(struct loop *loop, struct net *net, struct cluster *cluster, const struct test_options *options,
    uint64_t seed, int *next_client, struct history *history, loop_fn *done, void *arg)
{
	struct generator *g = memory_array(1, sizeof(*g));

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
	g->state = memory_array(1, options->workload->state_size);
	random_seed(&g->random, seed, "workload", 0);
	make_nemesis(g, cluster, seed);
	make_workers(g);
	begin_list(g);
	g->timer = loop_at(loop, g->progress.started, advance, g);
	return g;
}

/* ---- by hand ----------------------------------------------------------------------------- */

void
generator_hold(struct generator *g)
{
	g->held = true;
	for (int i = 0; i < g->options->concurrency; i++)
		prepare_client(g, &g->workers[i]);
}

bool
generator_can(struct generator *g, int worker)
{
	return worker >= 0 && worker < g->options->concurrency && g->is_free[worker] &&
	       cursor_peek(&g->listed, worker, false) != NULL;
}

const struct script_op *
generator_next(struct generator *g, int worker)
{
	return cursor_peek(&g->listed, worker, false);
}

void
generator_do(struct generator *g, int worker)
{
	int place = 0;

	assert(g->held && generator_can(g, worker));
	while (g->free[place] != worker)
		place++;
	invoke_listed(g, take_worker(g, place), false);
}

void
generator_release(struct generator *g)
{
	g->held = false;
	wake_at(g, loop_now(g->loop));
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
