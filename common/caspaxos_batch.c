/*
 * The operations of one node on one register, done together: one after the
 * other on the state that was found, and answered when it is known what has
 * become of them.
 */
#include <stdlib.h>

#include "caspaxos_internal.h"
#include "memory.h"

#define PATIENCE_MS    900 /* clients wait a second at least, */
#define PATIENCE_TRIPS 4   /* and where answers are slow for longer */
#define PATIENCE_MAX   3500

#define RETIRED "this node was started again without its memory"

/* ---- operations ----------------------------------------------------------------- */

/* What was handed over is given up in time for another node to try. */
static int64_t
patience_ms(const struct operation *op)
{
	int64_t ms = PATIENCE_TRIPS * round_trips_mean(&op->paxos->trips);

	if (ms < PATIENCE_MS)
		ms = PATIENCE_MS;
	if (ms > PATIENCE_MAX)
		ms = PATIENCE_MAX;
	return op->handed ? 2 * ms / 3 : ms;
}

void
operation_queue(struct operation *op)
{
	struct reg *reg;

	if (op->paxos->lives.over) {
		request_error(op->request, ERROR_TEMPORARILY_UNAVAILABLE, RETIRED);
		operation_free(op);
		return;
	}
	reg = reg_get(op->paxos, op->key);
	if (reg->queued == CASPAXOS_QUEUE_MAX) {
		request_error(
		    op->request, ERROR_TEMPORARILY_UNAVAILABLE, "%zu operations wait for this key", reg->queued);
		operation_free(op);
		return;
	}
	request_deadline(op->request, patience_ms(op), ERROR_TEMPORARILY_UNAVAILABLE);
	STAILQ_INSERT_TAIL(&reg->queue, op, entry);
	reg->queued++;
	proposer_work(reg);
}

void
operation_take(struct caspaxos *paxos, struct request *request, json_t *key, json_t *command, bool reads, bool handed)
{
	struct operation *op = memory_zero(sizeof(*op));

	lives_rouse(&paxos->lives);
	op->paxos = paxos;
	op->request = request;
	op->key = json_incref(key);
	op->command = command;
	op->reads = reads;
	op->handed = handed;
	operation_queue(op);
}

void
operation_free(struct operation *op)
{
	json_decref(op->key);
	json_decref(op->command);
	free(op);
}

static void
retire(struct operations *operations)
{
	struct operation *op;

	while ((op = STAILQ_FIRST(operations)) != NULL) {
		STAILQ_REMOVE_HEAD(operations, entry);
		request_error(op->request, op->uncertain ? ERROR_TIMEOUT : ERROR_TEMPORARILY_UNAVAILABLE, RETIRED);
		operation_free(op);
	}
}

void
operations_retire(struct reg *reg)
{
	retire(&reg->batch);
	retire(&reg->queue);
}

/* ---- what is in a batch ------------------------------------------------------------ */

/* The outcome of an operation with attempts is still open, so what they have stays as it is. */
void
batch_fill(struct reg *reg)
{
	struct operation *op;
	size_t count = 0;

	if (reg->attempt_count > 0)
		return;
	STAILQ_FOREACH (op, &reg->batch, entry)
		count++;
	while (count++ < CASPAXOS_BATCH_MAX && (op = STAILQ_FIRST(&reg->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&reg->queue, entry);
		STAILQ_INSERT_TAIL(&reg->batch, op, entry);
		reg->queued--;
	}
}

static bool
all_closed(const struct reg *reg)
{
	const struct operation *op;

	STAILQ_FOREACH (op, &reg->batch, entry)
		if (!request_closed(op->request))
			return false;
	return true;
}

/* Its answer has been given: this only gives the handle back. */
static void
drop_closed(struct reg *reg)
{
	struct operations left = STAILQ_HEAD_INITIALIZER(left);
	struct operation *op;

	while ((op = STAILQ_FIRST(&reg->batch)) != NULL) {
		STAILQ_REMOVE_HEAD(&reg->batch, entry);
		if (!request_closed(op->request)) {
			STAILQ_INSERT_TAIL(&left, op, entry);
			continue;
		}
		request_error(op->request, ERROR_TIMEOUT, "too late");
		operation_free(op);
	}
	STAILQ_CONCAT(&reg->batch, &left);
}

/* What is being accepted has its answers by now, by the place in the batch, also where it changes nothing. */
bool
batch_prune(struct reg *reg)
{
	if (reg->attempt_count == 0 && reg->phase != PHASE_ACCEPTING)
		drop_closed(reg);
	else if (all_closed(reg))
		batch_finish(reg, NULL);
	return !STAILQ_EMPTY(&reg->batch);
}

/* ---- applying ------------------------------------------------------------------ */

/* Replaces *value if the command does, and says so. */
static bool
apply_one(struct reg *reg, const struct operation *op, json_t **value, json_t *replies)
{
	json_t *change = NULL, *reply = reg->paxos->apply(op->command, *value, &change);
	bool changed = change != NULL && (*value == NULL || !json_equal(change, *value));

	if (json_array_append_new(replies, reply) == -1)
		memory_exhausted();
	if (changed)
		state_set(value, change);
	json_decref(change);
	return changed;
}

static json_t *
new_state(const struct reg *reg, const json_t *state, json_t *value, int64_t ballot)
{
	const json_t *old = json_object_get(state, "changes");
	json_t *changes = json_array();

	for (int i = 0; i < reg->paxos->count; i++) {
		json_int_t last =
		    i == reg->paxos->self ? (json_int_t)ballot : json_integer_value(json_array_get(old, (size_t)i));

		if (json_array_append_new(changes, json_integer(last)) == -1)
			memory_exhausted();
	}
	return memory_made(json_pack("{s:O, s:o}", "value", value, "changes", changes));
}

json_t *
batch_apply(struct reg *reg, json_t *state, int64_t ballot, json_t **changed)
{
	json_t *value = json_incref(json_object_get(state, "value")), *replies = json_array();
	const struct operation *op;
	bool any = false;

	STAILQ_FOREACH (op, &reg->batch, entry)
		any |= apply_one(reg, op, &value, replies);
	*changed = any ? new_state(reg, state, value, ballot) : NULL;
	json_decref(value);
	return replies;
}

bool
batch_changes(struct reg *reg, json_t *state)
{
	json_t *changed, *replies = batch_apply(reg, state, 0, &changed);
	bool changes = changed != NULL;

	json_decref(changed);
	json_decref(replies);
	return changes;
}

json_t *
batch_nothing(const struct reg *reg)
{
	json_t *changes = json_array();

	for (int i = 0; i < reg->paxos->count; i++)
		if (json_array_append_new(changes, json_integer(0)) == -1)
			memory_exhausted();
	return memory_made(json_pack("{s:o}", "changes", changes));
}

/* ---- attempts ------------------------------------------------------------------- */

json_t *
batch_done_in(const struct reg *reg, const json_t *state)
{
	const json_t *changes = json_object_get(state, "changes");
	json_int_t last = json_integer_value(json_array_get(changes, (size_t)reg->paxos->self));

	for (size_t i = 0; i < reg->attempt_count; i++)
		if (reg->attempts[i].ballot == last)
			return reg->attempts[i].replies;
	return NULL;
}

void
batch_attempt(struct reg *reg, int64_t ballot, json_t *replies)
{
	struct operation *op;

	reg->attempts[reg->attempt_count++] = (struct attempt){ballot, replies};
	STAILQ_FOREACH (op, &reg->batch, entry)
		if (!op->uncertain) {
			op->uncertain = true;
			request_deadline(op->request, NODE_DEADLINE_MS, ERROR_TIMEOUT);
		}
}

/* ---- the end ---------------------------------------------------------------------- */

static void
answer(struct operation *op, json_t *reply)
{
	if (reply != NULL)
		request_reply(op->request, json_incref(reply));
	else
		request_error(op->request, ERROR_TIMEOUT, "nobody knows whether it has happened");
}

void
batch_finish(struct reg *reg, json_t *replies)
{
	struct operation *op;
	size_t place = 0;

	while ((op = STAILQ_FIRST(&reg->batch)) != NULL) {
		STAILQ_REMOVE_HEAD(&reg->batch, entry);
		answer(op, json_array_get(replies, place++));
		operation_free(op);
	}
	for (size_t i = 0; i < reg->attempt_count; i++)
		json_decref(reg->attempts[i].replies);
	reg->attempt_count = 0;
	reg->no_read = false;
	reg->refusals = 0;
}
