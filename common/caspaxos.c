/* The registers of a node, its clients' requests and its peers' messages. */
#include "caspaxos_internal.h"

#include <err.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "canonical.h"
#include "memory.h"

#define FIRST_ROUND ((uint64_t)1 << 48) /* drawn below: a restarted node must not take old answers for new */

/* ---- registers ----------------------------------------------------------------- */

static int
reg_by_text(const struct reg *a, const struct reg *b)
{
	return strcmp(a->text, b->text);
}

RB_GENERATE(reg_tree, reg, entry, reg_by_text)

struct reg *
reg_find(struct caspaxos *paxos, const json_t *key)
{
	struct reg name = {.text = canonical_text(key)}, *reg = RB_FIND(reg_tree, &paxos->registers, &name);

	free(name.text);
	return reg;
}

struct reg *
reg_get(struct caspaxos *paxos, const json_t *key)
{
	struct reg *reg = reg_find(paxos, key);

	if (reg != NULL)
		return reg;
	reg = memory_zero(sizeof(*reg));
	reg->paxos = paxos;
	reg->contended_until = paxos->contended_until;
	reg->text = canonical_text(key);
	reg->key = json_deep_copy(key);
	reg->hash = canonical_hash(key);
	if (reg->key == NULL)
		memory_exhausted();
	STAILQ_INIT(&reg->queue);
	STAILQ_INIT(&reg->batch);
	RB_INSERT(reg_tree, &paxos->registers, reg);
	return reg;
}

static void
operations_free(struct operations *operations)
{
	struct operation *op;

	while ((op = STAILQ_FIRST(operations)) != NULL) {
		STAILQ_REMOVE_HEAD(operations, entry);
		operation_free(op);
	}
}

void
reg_free(struct reg *reg)
{
	RB_REMOVE(reg_tree, &reg->paxos->registers, reg);
	round_end(reg);
	operations_free(&reg->queue);
	operations_free(&reg->batch);
	for (size_t i = 0; i < reg->attempt_count; i++)
		json_decref(reg->attempts[i].replies);
	json_decref(reg->acceptor.state);
	json_decref(reg->best_state);
	json_decref(reg->held_state);
	json_decref(reg->replies);
	json_decref(reg->key);
	free(reg->views);
	free(reg->text);
	free(reg);
}

void
state_set(json_t **place, json_t *state)
{
	json_t *old = *place;

	*place = json_incref(state);
	json_decref(old);
}

void
reg_claim(const struct reg *reg, const char *what, int64_t ballot, uint64_t value)
{
	uint64_t standing = node_claim(reg->paxos->node, what, (int64_t)reg->hash, ballot, value);

	if (standing == value)
		return;
	warnx("%s: invariant broken: %s %" PRId64 " of %s is %" PRIu64 ", and %" PRIu64 " elsewhere",
	    node_id(reg->paxos->node), what, ballot, reg->text, value, standing);
	abort();
}

void
reg_trace(const struct reg *reg, const char *what, int64_t ballot)
{
	node_log(reg->paxos->node, LOG_LEVEL_DEBUG, "caspaxos: %s %s %" PRId64, reg->text, what, ballot);
}

/* ---- peers ------------------------------------------------------------------------- */

/* What this acceptor has, and its state if the other does not know it. */
static void
say_state(struct caspaxos *paxos, const struct message *m, json_t *key, int64_t known)
{
	static const struct acceptor nothing;
	const struct reg *reg = reg_find(paxos, key);
	const struct acceptor *acceptor = reg != NULL ? &reg->acceptor : &nothing;

	node_send(paxos->node, m->src,
	    json_pack("{s:s, s:I, s:O, s:O*, s:O*, s:I, s:I, s:O*}", "type", "caspaxos_state", "life",
		(json_int_t)paxos->incarnation, "key", key, "round", json_object_get(m->body, "round"), "sent",
		json_object_get(m->body, "sent"), "promised", (json_int_t)acceptor->promised, "accepted",
		(json_int_t)acceptor->accepted, "state", acceptor->accepted > known ? acceptor->state : NULL));
}

bool
is_ballot(int64_t ballot)
{
	return ballot >= 0 && ballot < CASPAXOS_BALLOT_MAX;
}

/* A ballot has one state. What is only in a node's own memory does not count yet: it may die of it. */
static void
hear_state(struct reg *reg, int64_t ballot, json_t *state, int64_t next)
{
	if (reg->paxos->claims)
		reg_claim(reg, "caspaxos: state at", ballot, canonical_hash(state));
	acceptor_accept(reg, ballot, state, next);
}

static bool
handle_read(struct caspaxos *paxos, const struct message *m)
{
	json_int_t ballot;
	json_t *key, *state = NULL;

	if (json_unpack(m->body, "{s:o, s:I, s?o}", "key", &key, "ballot", &ballot, "state", &state) == -1 ||
	    !is_ballot(ballot) || (state != NULL && (!json_is_object(state) || ballot == 0)))
		return false;
	if (state != NULL)
		hear_state(reg_get(paxos, key), ballot, state, 0);
	say_state(paxos, m, key, ballot);
	return true;
}

static bool
handle_prepare(struct caspaxos *paxos, const struct message *m)
{
	json_int_t ballot, known;
	json_t *key;

	if (json_unpack(m->body, "{s:o, s:I, s:I}", "key", &key, "ballot", &ballot, "known", &known) == -1 ||
	    !is_ballot(ballot) || ballot == 0)
		return false;
	acceptor_prepare(reg_get(paxos, key), ballot);
	say_state(paxos, m, key, known);
	return true;
}

static bool
handle_accept(struct caspaxos *paxos, const struct message *m)
{
	json_int_t ballot, next;
	json_t *key, *state;

	if (json_unpack(m->body, "{s:o, s:I, s:I, s:o}", "key", &key, "ballot", &ballot, "next", &next, "state",
		&state) == -1 ||
	    !is_ballot(ballot) || ballot == 0 || !is_ballot(next) || !json_is_object(state))
		return false;
	hear_state(reg_get(paxos, key), ballot, state, next);
	say_state(paxos, m, key, CASPAXOS_BALLOT_MAX);
	return true;
}

static bool
handle_state(struct caspaxos *paxos, const struct message *m)
{
	json_int_t round, sent, promised, accepted, life;
	int from = node_find(paxos->node, m->src);
	json_t *key, *state = NULL;
	struct reg *reg;

	if (json_unpack(m->body, "{s:o, s:I, s:I, s:I, s:I, s:I, s?o}", "key", &key, "life", &life, "round", &round,
		"sent", &sent, "promised", &promised, "accepted", &accepted, "state", &state) == -1 ||
	    !is_ballot(promised) || !is_ballot(accepted))
		return false;
	if (life > paxos->peers[from].life)
		paxos->peers[from].life = life;
	reg = reg_find(paxos, key);
	if (reg == NULL || !round_answer(reg, from, round, promised, accepted, state))
		return true;
	if (sent >= 0 && sent <= node_now_ms(paxos->node))
		round_trips_sample(&paxos->trips, node_now_ms(paxos->node) - sent);
	proposer_step(reg);
	return true;
}

/* What this node has forgotten may have been counted by others: so it must not promise anything anew. */
static void
retire(void *arg)
{
	struct caspaxos *paxos = arg;
	struct reg *reg, *next;

	node_log(paxos->node, LOG_LEVEL_WARN,
	    "caspaxos: this node was started again without what it had promised, and takes no part any more");
	RB_FOREACH_SAFE (reg, reg_tree, &paxos->registers, next) {
		operations_retire(reg);
		reg_free(reg);
	}
}

void
caspaxos_receive(struct caspaxos *paxos, const struct message *m)
{
	static const struct {
		const char *type;
		bool (*handle)(struct caspaxos *, const struct message *);
	} handlers[] = {
	    {"caspaxos_read", handle_read},
	    {"caspaxos_prepare", handle_prepare},
	    {"caspaxos_accept", handle_accept},
	    {"caspaxos_state", handle_state},
	    {"caspaxos_forward", forward_receive},
	};
	int from = node_find(paxos->node, m->src);
	bool understood = false;

	if (from != -1 && from != paxos->self && !lives_admits(&paxos->lives, from, m))
		return;
	if (from != -1 && from != paxos->self) {
		forward_heard(paxos, from);
		for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
			if (strcmp(m->type, handlers[i].type) == 0)
				understood = handlers[i].handle(paxos, m);
	}
	if (!understood)
		node_log(paxos->node, LOG_LEVEL_WARN, "caspaxos: dropped a %s from %s", m->type, m->src);
	acceptor_sync(paxos);
}

/* ---- life ----------------------------------------------------------------------------- */

struct caspaxos *
caspaxos_new(struct node *n, caspaxos_apply_fn *apply)
{
	struct caspaxos *paxos = memory_zero(sizeof(*paxos));

	paxos->node = n;
	paxos->apply = apply;
	paxos->self = node_index(n);
	paxos->count = node_count(n);
	paxos->claims = node_claims(n);
	paxos->quorum = paxos->count / 2 + 1;
	paxos->rounds = (int64_t)node_random(n, FIRST_ROUND);
	paxos->incarnation = (int64_t)node_random(n, FIRST_ROUND) + 1;
	paxos->peers = memory_zero((size_t)paxos->count * sizeof(*paxos->peers));
	for (int i = 0; i < paxos->count; i++)
		paxos->peers[i].waiting_since = -1;
	RB_INIT(&paxos->registers);
	acceptor_begin(paxos);
	lives_init(&paxos->lives, n, "caspaxos_life", node_is_durable(n) ? 0 : paxos->incarnation, retire, paxos);
	return paxos;
}

void
caspaxos_submit(struct caspaxos *paxos, struct request *request, json_t *key, json_t *command, bool reads)
{
	operation_take(paxos, request, key, command, reads, false);
	acceptor_sync(paxos);
}

void
caspaxos_free(struct caspaxos *paxos)
{
	struct reg *reg, *next;

	if (paxos == NULL)
		return;
	RB_FOREACH_SAFE (reg, reg_tree, &paxos->registers, next)
		reg_free(reg);
	lives_free(&paxos->lives);
	free(paxos->peers);
	free(paxos);
}
