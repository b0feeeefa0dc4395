/* What the rooms of the generator share among themselves. */
#ifndef GENERATOR_INTERNAL_H
#define GENERATOR_INTERNAL_H

#include "generator.h"
#include "liveness.h"
#include "nemesis.h"
#include "random.h"

#define NEVER INT64_MAX

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

/* ---- generator.c ------------------------------------------------------------------- */

/* Whatever happened, a timer or a completion: does what follows from it. */
void generator_advance(void *);
/* Looks again then, or when the next operation completes. Always false: the phase goes on. */
bool generator_wake_at(struct generator *, int64_t time);

/* ---- generator_op.c ------------------------------------------------------------------ */

int64_t generator_elapsed(const struct generator *); /* since the start */
/* Shows what has come to the history since, where that is wanted. */
void generator_trace(struct generator *);
void generator_prepare(struct generator *, struct worker *); /* opens its client */
void generator_invoke(struct generator *, struct worker *, const struct op_template *, bool final);

/* Every operation moves the turn on by one, whoever does it. */
void generator_next_turn(struct generator *);
bool generator_may_do(const struct op_template *, int worker);
/* Places among the free workers: the next in turn of those that may do it, any, that of a worker. */
int generator_place(const struct generator *, const struct op_template *);
int generator_any_place(struct generator *);
int generator_place_of(const struct generator *, const struct worker *);
/* The free worker at that place has something to do. */
struct worker *generator_take(struct generator *, int place);

/* ---- generator_list.c ---------------------------------------------------------------- */

void list_begin(struct generator *);
bool list_is_given(const struct generator *);
bool list_concludes(const struct generator *);       /* the final phase is the list's too */
int list_place(struct generator *, bool concluding); /* of the free worker that has its first operation; -1: none has */
int64_t list_due(struct generator *);                /* NEVER: there is none, and none that waits for its worker */
bool list_is_due(struct generator *);
bool list_is_done(struct generator *);
void list_invoke(struct generator *, struct worker *, bool concluding);

/* ---- generator_probe.c ---------------------------------------------------------------- */

void probing_begin(struct generator *);
bool probing_is_over(struct generator *); /* does what is due */

#endif
