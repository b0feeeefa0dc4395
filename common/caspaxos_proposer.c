/*
 * The proposer of a register (2.2): which questions a batch of operations
 * needs. What seems to change nothing is read first; what changes something is
 * accepted at once where a promise is held, and prepared where it is not.
 */
#include <assert.h>

#include "canonical.h"
#include "caspaxos_internal.h"

#define READS_MAX       3 /* refused in a row; then a batch that only reads is prepared as well */
#define BACKOFF_DOUBLES 4
#define BACKOFF_MIN_MS  2
#define BACKOFF_MAX_MS  400
#define CLOCK_MAX       ((int64_t)1 << 44)

/* ---- ballots ------------------------------------------------------------------ */

/* The lowest ballot of this node above another one. Ballots are (counter, node), in one number. */
static int64_t
ballot_above(const struct caspaxos *paxos, int64_t other)
{
	return (other / paxos->count + 1) * paxos->count + paxos->self;
}

/* Above all that was heard of, and where that is long ago above what was not. */
static int64_t
new_ballot(const struct reg *reg)
{
	const struct caspaxos *paxos = reg->paxos;
	int64_t highest = reg->acceptor.promised > reg->seen ? reg->acceptor.promised : reg->seen;
	int64_t clock = node_wall_ms(paxos->node);

	if (clock > 0 && clock < CLOCK_MAX && clock * paxos->count > highest)
		highest = clock * paxos->count;
	return ballot_above(paxos, highest);
}

/* ---- ends of rounds ------------------------------------------------------------- */

/* A node that holds a register for long makes others wait for less than that. */
static void
back_off(struct reg *reg)
{
	struct node *n = reg->paxos->node;
	int64_t range = BACKOFF_MIN_MS + round_trips_mean(&reg->paxos->trips);
	int doubles = reg->refusals < BACKOFF_DOUBLES ? reg->refusals : BACKOFF_DOUBLES;

	forward_contended(reg);
	if (forward_wanted(reg)) {
		round_end(reg);
		proposer_work(reg);
		return;
	}
	range = range << doubles < BACKOFF_MAX_MS ? range << doubles : BACKOFF_MAX_MS;
	reg->refusals++;
	reg_trace(reg, "refused, highest ballot is", reg->seen);
	round_pause(reg, 1 + (int64_t)node_random(n, (uint64_t)range));
}

static void
succeed(struct reg *reg, json_t *replies)
{
	round_end(reg);
	batch_finish(reg, replies);
	proposer_work(reg);
}

/* ---- accepting (2.2, steps 3 to 5) ------------------------------------------------ */

static void
hold(struct reg *reg, int64_t ballot, int64_t base, json_t *state)
{
	reg->held = ballot;
	reg->held_base = base;
	state_set(&reg->held_state, state);
}

/* Where nothing was ever accepted, that is a state as well, and what is accepted of it. */
static void
accept_state(struct reg *reg, int64_t ballot, int64_t base, json_t *state)
{
	json_t *accepted = state != NULL ? json_incref(state) : batch_nothing(reg);

	reg->ballot = reg->best = ballot;
	reg->next = ballot_above(reg->paxos, ballot);
	reg->base = base;
	state_set(&reg->best_state, accepted);
	json_decref(accepted);
	reg->held = 0;
	round_begin(reg, PHASE_ACCEPTING);
	proposer_step(reg);
}

/* A change that was done by an earlier attempt is not done again: its state is only confirmed. */
static void
propose(struct reg *reg, int64_t ballot, int64_t base, json_t *state, bool settled)
{
	json_t *done = batch_done_in(reg, state), *changed = NULL, *replies;
	bool first = reg->attempt_count == 0;

	replies = done != NULL ? json_incref(done) : batch_apply(reg, state, ballot, &changed);
	json_decref(reg->replies);
	reg->replies = replies;
	if (changed == NULL && settled && (done != NULL || first)) {
		succeed(reg, replies);
		return;
	}
	if (changed != NULL)
		batch_attempt(reg, ballot, json_incref(replies));
	accept_state(reg, ballot, base, changed != NULL ? changed : state);
	json_decref(changed);
}

/*
 * A state has one child at most that is chosen: whoever chose another one has
 * overlooked it. A node that is alone may still die before it has stored its own.
 */
static void
chosen(struct reg *reg)
{
	reg_trace(reg, "chosen at", reg->ballot);
	if (reg->paxos->claims && reg->paxos->quorum > 1)
		reg_claim(reg, "caspaxos: chosen after", reg->base, (uint64_t)reg->ballot);
}

static void
step_accept(struct reg *reg)
{
	const struct caspaxos *paxos = reg->paxos;
	int accepted = 0, promised = 0;

	for (int i = 0; i < paxos->count; i++) {
		bool own = i == paxos->self;

		if (!round_has(reg, i))
			continue;
		if ((own ? reg->acceptor.accepted : reg->views[i].accepted) != reg->ballot) {
			back_off(reg);
			return;
		}
		accepted++;
		promised += (own ? reg->acceptor.promised : reg->views[i].promised) == reg->next;
	}
	if (accepted < paxos->quorum)
		return;
	chosen(reg);
	if (promised >= paxos->quorum)
		hold(reg, reg->next, reg->ballot, reg->best_state);
	succeed(reg, reg->replies);
}

/* ---- preparing (2.2, steps 1 and 2) -------------------------------------------------- */

/*
 * What has come meanwhile is done as well, where something is to be accepted.
 * Operations that only see what acceptors have said must have been there
 * before it was said.
 */
static void
prepared(struct reg *reg, bool settled)
{
	json_t *state = json_incref(reg->best_state);

	hold(reg, reg->ballot, reg->best, state);
	round_end(reg);
	if (!settled || batch_changes(reg, state)) {
		batch_fill(reg);
		settled = settled && reg->attempt_count > 0;
	}
	if (batch_prune(reg))
		propose(reg, reg->ballot, reg->held_base, state, settled);
	else
		proposer_work(reg);
	json_decref(state);
}

static void
step_prepare(struct reg *reg)
{
	const struct caspaxos *paxos = reg->paxos;
	int promised = 0, refused = 0;
	bool settled = true;

	if (reg->acceptor.promised != reg->ballot) {
		back_off(reg);
		return;
	}
	for (int i = 0; i < paxos->count; i++) {
		bool own = i == paxos->self;

		if (!round_has(reg, i))
			continue;
		if (!own && reg->views[i].promised != reg->ballot) {
			refused++;
			continue;
		}
		promised++;
		settled &= (own ? reg->acceptor.accepted : reg->views[i].accepted) == reg->best;
	}
	if (promised >= paxos->quorum)
		prepared(reg, settled);
	else if (!round_ask_more(reg, refused))
		back_off(reg);
}

/* ---- reading ---------------------------------------------------------------------------- */

static void
read_done(struct reg *reg)
{
	json_t *state = json_incref(reg->best_state), *changed;

	round_end(reg);
	batch_prune(reg);
	json_decref(reg->replies);
	reg->replies = batch_apply(reg, state, 0, &changed);
	reg->no_read = changed != NULL;
	if (changed == NULL)
		succeed(reg, reg->replies);
	else
		proposer_work(reg);
	json_decref(changed);
	json_decref(state);
}

/* An acceptor that is behind takes the highest state, unless it has promised more. */
static void
step_read(struct reg *reg)
{
	const struct caspaxos *paxos = reg->paxos;
	int agreed, blocked = 0;

	if (reg->best > 0)
		acceptor_accept(reg, reg->best, reg->best_state, 0);
	agreed = reg->acceptor.accepted == reg->best;
	blocked = !agreed;
	reg->no_read |= blocked != 0; /* a promise of its own stands in the way, and will the next time */
	for (int i = 0; i < paxos->count; i++) {
		if (i == paxos->self || !round_has(reg, i))
			continue;
		if (reg->views[i].accepted == reg->best)
			agreed++;
		else if (reg->views[i].promised > reg->best)
			blocked++;
		else
			round_offer(reg, i);
	}
	if (agreed >= paxos->quorum)
		read_done(reg);
	else if (!round_ask_more(reg, blocked))
		back_off(reg);
}

/* ---- beginnings ----------------------------------------------------------------------------- */

static void
start_read(struct reg *reg)
{
	reg->best = reg->acceptor.accepted;
	state_set(&reg->best_state, reg->acceptor.state);
	round_begin(reg, PHASE_READING);
	proposer_step(reg);
}

static void
start_prepare(struct reg *reg)
{
	int64_t ballot = new_ballot(reg);

	if (acceptor_holds(reg, ballot)) {
		back_off(reg);
		return;
	}
	reg->ballot = ballot;
	reg->held = 0;
	reg->best = reg->acceptor.accepted;
	state_set(&reg->best_state, reg->acceptor.state);
	round_begin(reg, PHASE_PREPARING);
	proposer_step(reg);
}

/* Where another state is held than accepted, reading would meet this node's own promise. */
static bool
worth_reading(struct reg *reg, bool holds)
{
	if (reg->attempt_count > 0 || reg->no_read || reg->refusals >= READS_MAX)
		return false;
	if (holds && reg->held_base != reg->acceptor.accepted)
		return false;
	return !batch_changes(reg, reg->acceptor.state);
}

static void
begin(struct reg *reg)
{
	bool holds = reg->held != 0 && reg->acceptor.promised == reg->held;
	json_t *state;

	if (reg->attempt_count == CASPAXOS_ATTEMPTS_MAX) {
		batch_finish(reg, NULL);
		proposer_work(reg);
	} else if (worth_reading(reg, holds)) {
		start_read(reg);
	} else if (holds) {
		state = json_incref(reg->held_state);
		propose(reg, reg->held, reg->held_base, state, false);
		json_decref(state);
	} else {
		start_prepare(reg);
	}
}

/* Nobody waits any more for what the round is about. */
static bool
is_idle(const struct reg *reg)
{
	const struct operation *oldest = STAILQ_FIRST(&reg->batch);

	return oldest == NULL || request_closed(oldest->request);
}

void
proposer_work(struct reg *reg)
{
	if (reg->phase > PHASE_WAITING && is_idle(reg) && !batch_prune(reg))
		round_end(reg);
	if (reg->phase != PHASE_IDLE)
		return;
	batch_fill(reg);
	while (!batch_prune(reg) && !STAILQ_EMPTY(&reg->queue))
		batch_fill(reg);
	if (forward_wanted(reg))
		forward_batch(reg);
	if (!STAILQ_EMPTY(&reg->batch))
		begin(reg);
	else if (reg->acceptor.promised == 0)
		reg_free(reg);
}

void
proposer_step(struct reg *reg)
{
	if (reg->phase == PHASE_READING)
		step_read(reg);
	else if (reg->phase == PHASE_PREPARING)
		step_prepare(reg);
	else if (reg->phase == PHASE_ACCEPTING)
		step_accept(reg);
}

/* Somebody who has answered will not agree in this round. */
static bool
is_refused(const struct reg *reg)
{
	for (int i = 0; i < reg->paxos->count; i++) {
		const struct view *view = &reg->views[i];

		if (i == reg->paxos->self && reg->phase == PHASE_READING && reg->acceptor.accepted != reg->best)
			return true;
		if (i == reg->paxos->self || !round_has(reg, i))
			continue;
		if (reg->phase == PHASE_PREPARING && view->promised != reg->ballot)
			return true;
		if (reg->phase == PHASE_READING && view->accepted != reg->best && view->promised > reg->best)
			return true;
	}
	return false;
}

/* Those who are silent are asked once more. Where they stay silent, who has refused is needed, and asked anew. */
void
proposer_timeout(struct reg *reg)
{
	bool waits = reg->phase == PHASE_WAITING;

	if (!batch_prune(reg) || waits) {
		round_end(reg);
		proposer_work(reg);
	} else if (reg->repeated && is_refused(reg)) {
		back_off(reg);
	} else {
		round_again(reg);
	}
}
