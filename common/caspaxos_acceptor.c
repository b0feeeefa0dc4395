/*
 * The acceptor of a register (2.2): it never promises or accepts less than it
 * has promised. What it says is durable before it is said: the records are
 *
 *	{"life": N}					this node was started for the Nth time
 *	{"key", "promised", "accepted", "state"}	of which the last one of a key counts
 */
#include <stdlib.h>

#include "caspaxos_internal.h"
#include "memory.h"

#define LIVES_MAX   ((int64_t)1 << 30)
#define HOLD_MIN_MS 3
#define HOLD_MAX_MS 1000

/* ---- durable state ----------------------------------------------------------- */

static json_t *
record_of(const struct reg *reg)
{
	return json_pack("{s:O, s:I, s:I, s:O*}", "key", reg->key, "promised", (json_int_t)reg->acceptor.promised,
	    "accepted", (json_int_t)reg->acceptor.accepted, "state", reg->acceptor.state);
}

static void
save(struct reg *reg)
{
	if (!node_is_durable(reg->paxos->node))
		return;
	reg->paxos->dirty = true;
	node_append(reg->paxos->node, memory_made(record_of(reg)));
}

static json_t *
life_record(const struct caspaxos *paxos)
{
	return json_pack("{s:I}", "life", (json_int_t)paxos->incarnation);
}

static bool
take_life(struct caspaxos *paxos, json_t *record)
{
	json_int_t life;

	if (json_unpack(record, "{s:I}", "life", &life) == -1 || life <= paxos->incarnation || life >= LIVES_MAX)
		return false;
	paxos->incarnation = life;
	return true;
}

static bool
take_register(struct caspaxos *paxos, json_t *record)
{
	json_int_t promised, accepted;
	json_t *key, *state = NULL;
	struct reg *reg;

	if (json_unpack(record, "{s:o, s:I, s:I, s?o}", "key", &key, "promised", &promised, "accepted", &accepted,
		"state", &state) == -1 ||
	    !is_ballot(promised) || promised == 0 || accepted < 0 || accepted > promised ||
	    json_is_object(state) != (accepted > 0))
		return false;
	reg = reg_get(paxos, key);
	reg->acceptor.promised = promised;
	reg->acceptor.accepted = accepted;
	state_set(&reg->acceptor.state, state);
	return true;
}

static void
load(struct caspaxos *paxos)
{
	json_t *record;

	while ((record = node_next_record(paxos->node)) != NULL) {
		char *text;

		if (json_object_get(record, "life") != NULL ? take_life(paxos, record) : take_register(paxos, record))
			continue;
		text = json_dumps(record, JSON_COMPACT | JSON_ENCODE_ANY);
		node_fail(
		    paxos->node, "this record is not one that CASPaxos has written: %.200s", text != NULL ? text : "");
		free(text);
		return;
	}
}

void
acceptor_begin(struct caspaxos *paxos)
{
	if (!node_is_durable(paxos->node))
		return;
	paxos->incarnation = 0;
	load(paxos);
	paxos->incarnation++;
	node_append(paxos->node, life_record(paxos));
	node_sync(paxos->node);
}

/* Records that are out of date are got rid of when they are more than those that are not. */
static void
rewrite(struct caspaxos *paxos)
{
	json_t *records = json_array();
	struct reg *reg;

	if (json_array_append_new(records, life_record(paxos)) == -1)
		memory_exhausted();
	RB_FOREACH (reg, reg_tree, &paxos->registers)
		if (reg->acceptor.promised != 0 && json_array_append_new(records, record_of(reg)) == -1)
			memory_exhausted();
	node_rewrite(paxos->node, records);
	paxos->rewritten = node_stored(paxos->node);
}

void
acceptor_sync(struct caspaxos *paxos)
{
	if (!paxos->dirty)
		return;
	paxos->dirty = false;
	if (node_stored(paxos->node) > 2 * paxos->rewritten + CASPAXOS_GARBAGE)
		rewrite(paxos);
	else
		node_sync(paxos->node);
}

/* ---- promises ------------------------------------------------------------------- */

static int
proposer_of(const struct reg *reg, int64_t ballot)
{
	return (int)(ballot % reg->paxos->count);
}

bool
acceptor_holds(const struct reg *reg, int64_t ballot)
{
	const struct acceptor *acceptor = &reg->acceptor;

	return node_now_ms(reg->paxos->node) < acceptor->hold_until &&
	       proposer_of(reg, ballot) != proposer_of(reg, acceptor->promised);
}

static int64_t
hold_ms(const struct caspaxos *paxos)
{
	int64_t ms = HOLD_MIN_MS + round_trip_ms(paxos);

	return ms < HOLD_MAX_MS ? ms : HOLD_MAX_MS;
}

void
acceptor_prepare(struct reg *reg, int64_t ballot)
{
	struct acceptor *acceptor = &reg->acceptor;

	if (ballot <= acceptor->promised || acceptor_holds(reg, ballot))
		return;
	acceptor->promised = ballot;
	acceptor->hold_until = node_now_ms(reg->paxos->node) + hold_ms(reg->paxos);
	save(reg);
}

void
acceptor_accept(struct reg *reg, int64_t ballot, json_t *state, int64_t next)
{
	struct acceptor *acceptor = &reg->acceptor;

	if (ballot < acceptor->promised || ballot <= acceptor->accepted)
		return;
	acceptor->accepted = ballot;
	acceptor->promised = next > ballot ? next : ballot;
	acceptor->hold_until = 0;
	state_set(&acceptor->state, state);
	save(reg);
}
