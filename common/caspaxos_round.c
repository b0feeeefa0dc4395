/*
 * One question to a majority. As few peers are asked as can make one; the
 * others when these are silent for longer than a round trip takes, or refuse.
 * Asking twice does no harm: acceptors answer with what they have.
 */
#include "caspaxos_internal.h"
#include "memory.h"

#define WAIT_UNKNOWN_MS 50 /* for an answer, before any round trip was seen */
#define THRIFTY_MS      50 /* as long as they wait so little, no more peers are asked than are needed */
#define WAIT_MIN_MS     4
#define WAIT_MAX_MS     1000

/* ---- time ---------------------------------------------------------------------- */

int64_t
round_trip_ms(const struct caspaxos *paxos)
{
	return paxos->trips.known ? round_trips_bound(&paxos->trips) : WAIT_UNKNOWN_MS;
}

/* Most answers come within this; the few that do not cost messages, not more. */
static int64_t
first_wait_ms(const struct caspaxos *paxos)
{
	int64_t mean = round_trips_mean(&paxos->trips);

	if (!paxos->trips.known)
		return WAIT_UNKNOWN_MS;
	return WAIT_MIN_MS + mean + mean / 4 + round_trips_deviation(&paxos->trips);
}

/* A silent peer costs little time where answers are fast. Where they are slow the first ones count. */
static bool
thrifty(const struct caspaxos *paxos)
{
	return paxos->trips.known && first_wait_ms(paxos) <= THRIFTY_MS;
}

static void
timed_out(struct node *n, void *arg)
{
	struct reg *reg = arg;
	struct caspaxos *paxos = reg->paxos;

	(void)n;
	reg->timer = 0;
	proposer_timeout(reg);
	acceptor_sync(paxos);
}

static void
set_timer(struct reg *reg)
{
	node_cancel(reg->paxos->node, reg->timer);
	reg->timer = node_after(reg->paxos->node, reg->wait_ms, timed_out, reg, NULL);
}

/* ---- questions ------------------------------------------------------------------- */

/* What one phase asks; "round" and "sent" come back with the answer. */
static json_t *
question(struct reg *reg, const struct view *view)
{
	switch (reg->phase) {
	case PHASE_READING:
		return json_pack("{s:s, s:I, s:O*}", "type", "caspaxos_read", "ballot", (json_int_t)reg->best, "state",
		    view->accepted < reg->best ? reg->best_state : NULL);
	case PHASE_PREPARING:
		return json_pack("{s:s, s:I, s:I}", "type", "caspaxos_prepare", "ballot", (json_int_t)reg->ballot,
		    "known", (json_int_t)reg->best);
	default:
		return json_pack("{s:s, s:I, s:I, s:O}", "type", "caspaxos_accept", "ballot", (json_int_t)reg->ballot,
		    "next", (json_int_t)reg->next, "state", reg->best_state);
	}
}

static void
ask(struct reg *reg, int i)
{
	struct node *n = reg->paxos->node;
	struct view *view = &reg->views[i];
	json_t *body = question(reg, view);

	if (body == NULL || json_object_set(body, "key", reg->key) == -1 ||
	    json_object_set_new(body, "round", json_integer(reg->round)) == -1 ||
	    json_object_set_new(body, "sent", json_integer(node_now_ms(n))) == -1 ||
	    json_object_set_new(body, "life", json_integer(reg->paxos->incarnation)) == -1)
		memory_exhausted();
	view->asked++;
	view->offered = reg->phase == PHASE_READING ? reg->best : 0;
	node_send(n, node_peer(n, i), body);
}

void
round_offer(struct reg *reg, int i)
{
	if (reg->views[i].offered < reg->best)
		ask(reg, i);
}

/* ---- who is asked ------------------------------------------------------------------ */

/* The one that answers, that has promised the ballot, that proposed last: this also tells a rival. */
static int
merit(const struct reg *reg, int i)
{
	const struct caspaxos *paxos = reg->paxos;
	int64_t last = reg->acceptor.accepted;

	return (paxos->peers[i].silent ? 0 : 4) + (reg->views[i].promised == reg->ballot ? 2 : 0) +
	       (last != 0 && last % paxos->count == i ? 1 : 0);
}

/* The best peer that was not asked yet, or -1; of equal ones the next in a ring. */
static int
choose(const struct reg *reg)
{
	const struct caspaxos *paxos = reg->paxos;
	int best = -1;

	for (int k = 1; k < paxos->count; k++) {
		int i = (paxos->self + k) % paxos->count;

		if (reg->views[i].asked == 0 && (best == -1 || merit(reg, i) > merit(reg, best)))
			best = i;
	}
	return best;
}

static int
asked(const struct reg *reg)
{
	int count = 0;

	for (int i = 0; i < reg->paxos->count; i++)
		count += reg->views[i].asked > 0;
	return count;
}

bool
round_ask_more(struct reg *reg, int refused)
{
	while (asked(reg) - refused < reg->paxos->quorum) {
		int i = choose(reg);

		if (i == -1)
			return false;
		ask(reg, i);
	}
	return true;
}

/* Its own acceptor is asked without a message. */
static void
ask_own(struct reg *reg)
{
	if (reg->phase == PHASE_PREPARING)
		acceptor_prepare(reg, reg->ballot);
	else if (reg->phase == PHASE_ACCEPTING)
		acceptor_accept(reg, reg->ballot, reg->best_state, reg->next);
	reg->views[reg->paxos->self].asked = 1;
}

void
round_begin(struct reg *reg, enum phase phase)
{
	struct caspaxos *paxos = reg->paxos;

	reg->phase = phase;
	reg->round = ++paxos->rounds;
	if (reg->views == NULL)
		reg->views = memory_zero((size_t)paxos->count * sizeof(*reg->views));
	for (int i = 0; i < paxos->count; i++) {
		reg->views[i].asked = 0;
		reg->views[i].offered = 0;
	}
	ask_own(reg);
	round_ask_more(reg, thrifty(paxos) ? 0 : paxos->count);
	reg->repeated = false;
	reg->wait_ms = first_wait_ms(paxos);
	set_timer(reg);
}

void
round_end(struct reg *reg)
{
	node_cancel(reg->paxos->node, reg->timer);
	reg->timer = 0;
	reg->phase = PHASE_IDLE;
}

/* ---- answers --------------------------------------------------------------------------- */

bool
round_has(const struct reg *reg, int i)
{
	return i == reg->paxos->self || reg->views[i].round == reg->round;
}

static bool
learn(struct reg *reg, int64_t accepted, json_t *state)
{
	if (reg->phase == PHASE_ACCEPTING || accepted <= reg->best)
		return true;
	if (!json_is_object(state))
		return false;
	reg->best = accepted;
	state_set(&reg->best_state, state);
	return true;
}

bool
round_answer(struct reg *reg, int i, int64_t round, int64_t promised, int64_t accepted, json_t *state)
{
	struct view *view;

	if (reg->phase <= PHASE_WAITING || round != reg->round || !learn(reg, accepted, state))
		return false;
	view = &reg->views[i];
	view->round = round;
	view->promised = promised;
	view->accepted = accepted;
	if (promised > reg->seen)
		reg->seen = promised;
	return true;
}

/* ---- silence ------------------------------------------------------------------------------ */

/* Asks everybody who has not answered; the next time is later. */
void
round_again(struct reg *reg)
{
	struct caspaxos *paxos = reg->paxos;

	for (int i = 0; i < paxos->count; i++) {
		if (round_has(reg, i))
			continue;
		if (reg->views[i].asked > 0)
			paxos->peers[i].silent = true;
		ask(reg, i);
	}
	reg->repeated = true;
	reg->wait_ms = reg->wait_ms < WAIT_MAX_MS / 2 ? 2 * reg->wait_ms : WAIT_MAX_MS;
	set_timer(reg);
}

void
round_pause(struct reg *reg, int64_t ms)
{
	round_end(reg);
	reg->phase = PHASE_WAITING;
	reg->wait_ms = ms;
	set_timer(reg);
}
