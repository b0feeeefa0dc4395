/*
 * The interpreter of Maelstrom's generator (maelstrom.core, jepsen.generator):
 * operations of the workload staggered over all workers, the nemesis beside
 * them, a time limit; then the nemesis heals, recovery, final reads. It keeps
 * the history. A message budget, once used up, ends the main phase early.
 *
 * With --liveness there is a phase of our own before the recovery: the nemesis
 * heals, and the workload's operations go on until every node has proven to be
 * alive (liveness.h), or for so long. They are part of the history as others.
 */
#ifndef GENERATOR_H
#define GENERATOR_H

#include "client.h"
#include "history.h"
#include "loop.h"
#include "net.h"
#include "options.h"
#include "script.h"

struct generator;
struct cluster;
struct nemesis;

/* Progress, for whoever shows it. */
struct generator_progress {
	enum { PHASE_MAIN, PHASE_LIVENESS, PHASE_RECOVERY, PHASE_FINAL, PHASE_DONE } phase;
	int64_t started; /* on the loop's clock */
	uint64_t invoked, ok, fail, info;
	const char *fault; /* those in force, or NULL */
};

/* Requests of one node's workers that ended without an answer, and with one. */
struct generator_answers {
	uint64_t answered, unanswered;
};

/*
 * Starts at once; done(arg) is called when the last operation has completed. The history is the caller's. The cluster
 * is what faults of nodes are done to: NULL where there are none.
 */
struct generator *generator_start(struct loop *, struct net *, struct cluster *, const struct test_options *,
    uint64_t seed, int *next_client, struct history *, loop_fn *done, void *arg);
const struct generator_progress *generator_progress(const struct generator *);
struct generator_answers generator_answers(const struct generator *, int node);
const struct nemesis *generator_nemesis(const struct generator *);

/*
 * By hand, where operations are listed and the generator has just started:
 * from generator_hold() on, which opens the workers' clients, the only thing
 * that happens is generator_do(), a free worker's next operation. After
 * generator_release() the rest follows by itself.
 */
void generator_hold(struct generator *);
bool generator_can(struct generator *, int worker);
void generator_do(struct generator *, int worker);
void generator_release(struct generator *);

/* What came of the phase of liveness: {:valid? ...}, in the arena; NULL if there was none. */
const struct value *generator_liveness(const struct generator *, struct arena *);
/* Closes the workers' clients; operations under way are forgotten. */
void generator_free(struct generator *);

#endif
