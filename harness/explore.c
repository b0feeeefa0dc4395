/* Depth first, path by path: each is a run from the start that follows the choices so far and then makes new ones. */
#include "explore.h"

#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "generator.h"
#include "isolate.h"
#include "memory.h"
#include "run.h"
#include "visited.h"
#include "wall.h"

#define ENABLED_MAX 512 /* choices in one state; what is beyond is left out, and the search is not complete */

/* What may be chosen in a state. */
struct option {
	struct choice choice;
	int cost;
	uint64_t held; /* of a message: its place when the state was reached */
};

/* A state on the path under way. */
struct frame {
	struct option *options;
	size_t count, next; /* next: the one that is being tried */
	int delays_left;    /* before it is */
};

struct explorer {
	const struct test_options *options;
	struct explored *explored; /* shared with the process that waits for the search */
	struct visited visited;
	struct frame frames[EXPLORE_DEPTH_MAX];
	int depth;  /* frames in use */
	int replay; /* of which the first so many are followed */
	int delays; /* of this round */
	int used[CHOICE_KINDS];
	bool cut; /* something was left out for want of delays, or of room */
	double started;
};

/* An id that outlives the run; NULL for one that is no server's. */
static const char *
lasting_id(const struct test_options *options, const char *id)
{
	for (int i = 0; i < options->node_count; i++)
		if (strcmp(options->nodes[i], id) == 0)
			return options->nodes[i];
	return net_service(id);
}

/* ---- states ---------------------------------------------------------------- */

static uint64_t
op_digest(uint64_t digest, const struct op *op)
{
	digest = digest_number(digest, (uint64_t)op->process << 2 | op->type);
	digest = digest_bytes(digest, op->f, strlen(op->f));
	return digest_number(digest, value_hash(op->value));
}

/*
 * What a checker can tell of a history: of each operation what came of it, and
 * which ones were done before it began. In which order operations began or
 * ended that overlap is no part of it. When one that is open began is, since
 * its client waits only so long.
 */
static uint64_t
history_digest(const struct history *history)
{
	uint64_t done = 0, sum = 0;

	for (size_t i = 0; i < history->count; i++) {
		const struct op *op = &history->ops[i];
		uint64_t digest = op_digest(0, op);

		if (op->type != OP_INVOKE)
			done += digest;
		else
			digest = digest_number(digest_number(digest, done), op->pair < 0 ? (uint64_t)op->time : 0);
		sum += digest;
	}
	return sum;
}

static uint64_t
state_digest(const struct explorer *x, const struct world *world)
{
	uint64_t digest = digest_number(net_digest(world->net), (uint64_t)loop_now(world->loop));

	digest = digest_number(digest, (uint64_t)x->used[CHOICE_TIME] + (uint64_t)x->used[CHOICE_WAIT]);
	digest = digest_number(digest, (uint64_t)x->used[CHOICE_DROP] << 32 | (uint32_t)x->used[CHOICE_DUPLICATE]);
	digest = digest_number(digest, (uint64_t)x->used[CHOICE_CRASH]);
	return digest_number(digest, history_digest(world->history));
}

/* ---- choices --------------------------------------------------------------- */

static bool
may(const struct explorer *x, enum choice_kind kind)
{
	const struct explore_limits *limits = &x->options->explore;
	const int64_t most[CHOICE_KINDS] = {
	    [CHOICE_DELIVER] = INT64_MAX,
	    [CHOICE_OP] = INT64_MAX,
	    [CHOICE_TIME] = limits->timers - x->used[CHOICE_WAIT],
	    [CHOICE_WAIT] = limits->timers - x->used[CHOICE_TIME],
	    [CHOICE_DROP] = limits->drops,
	    [CHOICE_DUPLICATE] = limits->duplicates,
	    [CHOICE_CRASH] = limits->crashes,
	};

	return x->used[kind] < most[kind];
}

static void
add(struct explorer *x, struct frame *frame, struct choice choice, int cost, size_t place)
{
	if (!may(x, choice.kind))
		return;
	if (cost > frame->delays_left || frame->count == ENABLED_MAX) {
		x->cut = true;
		return;
	}
	frame->options[frame->count++] = (struct option){choice, cost, place};
}

static bool
is_equal(const struct envelope *a, const struct envelope *b)
{
	return a->length == b->length && strcmp(a->src, b->src) == 0 && strcmp(a->dest, b->dest) == 0 &&
	       memcmp(a->body, b->body, a->length) == 0;
}

/* Whether an equal message comes before it in the usual order: then it is the same choice. */
static bool
is_again(const struct world *world, size_t place)
{
	struct envelope envelope = net_held_at(world->net, place);
	bool delayed = net_held_is_delayed(world->net, place);

	for (size_t i = 0; i < net_held(world->net); i++) {
		struct envelope other = net_held_at(world->net, i);
		bool before = net_held_is_delayed(world->net, i) == delayed ? i < place : delayed;

		if (before && is_equal(&other, &envelope))
			return true;
	}
	return false;
}

static struct choice
message_choice(const struct explorer *x, const struct world *world, enum choice_kind kind, size_t place)
{
	struct envelope envelope = net_held_at(world->net, place);

	return (struct choice){kind, choice_number(world, place), lasting_id(x->options, envelope.src),
	    lasting_id(x->options, envelope.dest)};
}

/* Messages that were, or were not, passed over. The cost: those before it that would be. Returns how many there are. */
static int
add_messages(struct explorer *x, struct frame *frame, const struct world *world, bool delayed, bool others)
{
	int fresh = 0;

	for (size_t i = 0; i < net_held(world->net); i++) {
		if (net_held_is_delayed(world->net, i) != delayed)
			continue;
		if (!is_again(world, i))
			add(x, frame, message_choice(x, world, CHOICE_DELIVER, i),
			    delayed ? others || fresh > 0 : fresh, i);
		fresh++;
	}
	return fresh;
}

/* Of the operations that workers could begin the first costs nothing when no message is on its way. */
static bool
add_ops(struct explorer *x, struct frame *frame, const struct world *world, bool others)
{
	bool any = false;

	for (int i = 0; i < x->options->concurrency; i++) {
		if (!generator_can(world->generator, i))
			continue;
		add(x, frame, (struct choice){.kind = CHOICE_OP, .number = i}, others || any, 0);
		any = true;
	}
	return any;
}

static void
add_faults(struct explorer *x, struct frame *frame, const struct world *world)
{
	for (size_t i = 0; i < net_held(world->net); i++) {
		if (is_again(world, i))
			continue;
		add(x, frame, message_choice(x, world, CHOICE_DROP, i), 1, i);
		add(x, frame, message_choice(x, world, CHOICE_DUPLICATE, i), 1, i);
	}
	for (int i = 0; i < x->options->node_count; i++)
		add(x, frame, (struct choice){.kind = CHOICE_CRASH, .src = x->options->nodes[i]}, 1, 0);
}

/* All that may be next, the usual first. */
static void
enumerate(struct explorer *x, struct frame *frame, const struct world *world)
{
	int fresh = add_messages(x, frame, world, false, false);
	bool ops = add_ops(x, frame, world, fresh > 0), time = may(x, CHOICE_WAIT);
	int cost = fresh > 0 ? fresh : ops;

	if (loop_due(world->loop) < INT64_MAX) {
		add(x, frame, (struct choice){.kind = CHOICE_WAIT}, cost, 0);
		add(x, frame, (struct choice){.kind = CHOICE_TIME}, cost + 1, 0);
	}
	add_messages(x, frame, world, true, fresh > 0 || ops || time);
	add_faults(x, frame, world);
}

/* Puts what a choice passes over behind everything else. */
static void
delay_others(const struct option *option, const struct world *world)
{
	size_t before = 0, place = 0;

	if (option->choice.kind == CHOICE_TIME || option->choice.kind == CHOICE_WAIT)
		before = net_held(world->net);
	else if (option->choice.kind == CHOICE_DELIVER && !net_held_is_delayed(world->net, option->held))
		before = option->held;
	while (before-- > 0) {
		if (net_held_is_delayed(world->net, place))
			place++;
		else
			net_held_delay(world->net, place);
	}
}

static void
choose(struct explorer *x, const struct world *world, const struct frame *frame)
{
	const struct option *option = &frame->options[frame->next];

	x->explored->path[x->explored->depth++] = option->choice;
	x->used[option->choice.kind]++;
	delay_others(option, world);
	choice_do(world, &option->choice);
}

/* ---- a path ---------------------------------------------------------------- */

/* What is left for departures in the state behind the path so far. */
static int
delays_left(const struct explorer *x)
{
	const struct frame *last = x->depth > 0 ? &x->frames[x->depth - 1] : NULL;

	return last != NULL ? last->delays_left - last->options[last->next].cost : x->delays;
}

/* Comes to a new state. False if the path ends here. */
static bool
expand(struct explorer *x, const struct world *world)
{
	struct frame *frame = &x->frames[x->depth];

	frame->delays_left = delays_left(x);
	frame->count = frame->next = 0;
	if (frame->options == NULL)
		frame->options = memory_alloc(ENABLED_MAX * sizeof(*frame->options));
	enumerate(x, frame, world);
	if (frame->count == 0)
		return false;
	x->depth++;
	return true;
}

/* What struct steering wants. */
static bool
steer(void *arg, const struct world *world)
{
	struct explorer *x = arg;
	int limit = (int)x->options->explore.depth;

	x->explored->depth = 0;
	memset(x->used, 0, sizeof(x->used));
	for (int i = 0; !*world->crashed; i++) {
		if (i >= x->replay) {
			if (!visited_add(&x->visited, state_digest(x, world), limit - i, delays_left(x)))
				return false;
			if (i == limit || !expand(x, world))
				return true;
			x->explored->steps++;
		}
		choose(x, world, &x->frames[i]);
	}
	return true;
}

/* The next path, as far as it is known. False: there is none. */
static bool
backtrack(struct explorer *x)
{
	while (x->depth > 0) {
		if (++x->frames[x->depth - 1].next < x->frames[x->depth - 1].count) {
			x->replay = x->depth;
			return true;
		}
		x->depth--;
	}
	return false;
}

/* True if it is to be told of. */
static bool
run_path(struct explorer *x)
{
	const struct steering steering = {steer, x};
	struct test_options one = *x->options;
	struct run run;
	int status;

	one.steering = &steering;
	run_test(&run, &one);
	status = run_exit_status(&run);
	run_free(&run);
	x->explored->runs++;
	x->explored->states = x->visited.count;
	x->explored->status = status;
	x->explored->unknown += status == verdict_exit_status(VERDICT_UNKNOWN);
	return status == verdict_exit_status(VERDICT_INVALID) || status == EXIT_CRASH;
}

static bool
is_at_limit(const struct explorer *x)
{
	double budget = x->options->time_budget_s;

	return x->visited.count >= (uint64_t)x->options->explore.states ||
	       (budget > 0 && wall_seconds() - x->started >= budget);
}

/* ---- rounds ---------------------------------------------------------------- */

/* All paths with so many departures from the usual order. */
static enum explore_end
run_round(struct explorer *x)
{
	x->depth = x->replay = 0;
	x->cut = false;
	x->explored->delays = x->delays;
	do {
		if (run_path(x))
			return EXPLORE_FOUND;
		if (is_at_limit(x))
			return EXPLORE_LIMIT;
	} while (backtrack(x));
	return EXPLORE_ALL;
}

static int
search(void *arg)
{
	struct explorer *x = arg;

	for (x->delays = 0;; x->delays += 1 + x->delays / 4) {
		x->explored->end = run_round(x);
		if (x->explored->end != EXPLORE_ALL || !x->cut)
			break;
	}
	for (int i = 0; i < EXPLORE_DEPTH_MAX; i++)
		free(x->frames[i].options);
	visited_free(&x->visited);
	return 0;
}

/* A broken invariant ends the process that searches: the path that it was on tells which. */
void
explore(struct explored *explored, const struct test_options *options)
{
	struct test_options one = *options;
	struct explorer *x = memory_zero(sizeof(*x));
	struct explored *shared = isolate_memory(sizeof(*shared));
	int status;

	one.sweep = one.quiet = true;
	one.store = NULL;
	one.draw_ops = options->operations == NULL ? options->explore.ops : 0;
	one.script = NULL;
	x->options = &one;
	x->explored = shared;
	x->started = wall_seconds();
	shared->end = EXPLORE_LIMIT;
	status = isolate(search, x, false);
	*explored = *shared;
	explored->seconds = wall_seconds() - x->started;
	if (status != 0) {
		explored->end = EXPLORE_FOUND;
		explored->status = status;
	}
	isolate_free(shared, sizeof(*shared));
	free(x);
}
