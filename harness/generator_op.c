/* Operations: which worker does the next one, its client, what the history has of it, and what comes of it. */
#include <assert.h>

#include "generator_internal.h"
#include "scenario.h"

/* ---- one operation ------------------------------------------------------------------ */

int64_t
generator_elapsed(const struct generator *g)
{
	return loop_now(g->loop) - g->progress.started;
}

/* What has come to the history since. */
void
generator_trace(struct generator *g)
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

	generator_trace(g);
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

	op.time = generator_elapsed(g);
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
	generator_advance(g);
}

/* Like Jepsen's worker, it changes its client only when it needs one again. */
void
generator_prepare(struct generator *g, struct worker *worker)
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

void
generator_invoke(struct generator *g, struct worker *worker, const struct op_template *next, bool final)
{
	struct op op = {
	    .index = -1,
	    .time = generator_elapsed(g),
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
	generator_prepare(g, worker);
	call_start(worker->client, g->options->workload, g->options->nodes[worker->node], &g->history->arena, &op,
	    completed, worker);
}

/* ---- turns ---------------------------------------------------------------------------- */

/* Every operation moves the turn on by one, whoever does it (jepsen.generator.context/busy-thread). */
void
generator_next_turn(struct generator *g)
{
	g->turn = (g->turn + 1) % (g->options->concurrency + 1);
}

/* How many turns a worker is away from its own. */
static int
turns_to(const struct generator *g, int worker)
{
	return worker >= g->turn ? worker - g->turn : worker - g->turn + g->options->concurrency + 1;
}

bool
generator_may_do(const struct op_template *next, int worker)
{
	return next->count == 0 || (worker >= next->first && worker < next->first + next->count);
}

/* Where among the free workers that may do it the one is that comes next. */
int
generator_place(const struct generator *g, const struct op_template *next)
{
	int best = -1;

	for (int i = 0; i < g->free_count; i++)
		if (generator_may_do(next, g->free[i]) &&
		    (best < 0 || turns_to(g, g->free[i]) < turns_to(g, g->free[best])))
			best = i;
	assert(best >= 0);
	return best;
}

int
generator_any_place(struct generator *g)
{
	return (int)random_below(&g->random, (uint64_t)g->free_count);
}

/* Where among the free workers this one is. */
int
generator_place_of(const struct generator *g, const struct worker *worker)
{
	int place = 0;

	while (g->free[place] != worker->index)
		place++;
	return place;
}

/* The free worker at that place has something to do. */
struct worker *
generator_take(struct generator *g, int place)
{
	struct worker *worker = &g->workers[g->free[place]];

	g->is_free[worker->index] = false;
	g->free[place] = g->free[--g->free_count];
	generator_next_turn(g);
	return worker;
}
