/*
 * Contended keys. Proposers that are refused do not duel: for a while they
 * hand their operations on that key to one node, which does those that have
 * come together with one ballot. It is the first of the key's ring of nodes
 * that answers. Nobody must agree on who that is: any node may propose, and
 * two that do are only slower.
 */
#include <stdlib.h>

#include "caspaxos_internal.h"

#define CONTENDED_MS 10000 /* how long operations are handed over after a refusal */
#define SHUNNED_MS   2000  /* how long a node that did not do what it was handed is not asked again */
#define ANSWER_MS    50    /* within this and ANSWER_TRIPS something is heard of a node that is there */
#define ANSWER_TRIPS 4

void
forward_contended(struct reg *reg)
{
	reg->contended_until = reg->paxos->contended_until = node_now_ms(reg->paxos->node) + CONTENDED_MS;
}

void
forward_heard(struct caspaxos *paxos, int i)
{
	paxos->peers[i].silent = false;
	paxos->peers[i].waiting_since = -1;
}

/* ---- to whom -------------------------------------------------------------------- */

static int64_t
answer_ms(const struct caspaxos *paxos)
{
	int64_t ms = ANSWER_MS + ANSWER_TRIPS * round_trip_ms(paxos);

	return ms < NODE_DEADLINE_MS ? ms : NODE_DEADLINE_MS;
}

static bool
answers(const struct caspaxos *paxos, int i)
{
	const struct peer_state *peer = &paxos->peers[i];
	int64_t now = node_now_ms(paxos->node);

	return peer->life != 0 && !peer->silent && now >= peer->shunned_until &&
	       (peer->waiting_since == -1 || now - peer->waiting_since <= answer_ms(paxos));
}

static int
home_of(const struct reg *reg)
{
	const struct caspaxos *paxos = reg->paxos;
	int home = (int)(reg->hash % (uint64_t)paxos->count);

	while (home != paxos->self && !answers(paxos, home))
		home = (home + 1) % paxos->count;
	return home;
}

/* What a node was handed it does itself. */
static bool
has_own(const struct reg *reg)
{
	const struct operation *op;

	STAILQ_FOREACH (op, &reg->batch, entry)
		if (!op->handed)
			return true;
	return false;
}

bool
forward_wanted(const struct reg *reg)
{
	return reg->attempt_count == 0 && has_own(reg) && node_now_ms(reg->paxos->node) < reg->contended_until &&
	       home_of(reg) != reg->paxos->self;
}

/* ---- the way there and back -------------------------------------------------------- */

static void
shun(struct caspaxos *paxos, int i)
{
	paxos->peers[i].shunned_until = node_now_ms(paxos->node) + SHUNNED_MS;
}

static void
dropped(void *arg)
{
	operation_free(arg);
}

static void
answered(struct node *n, const struct message *reply, void *arg)
{
	struct operation *op = arg;
	struct caspaxos *paxos = op->paxos;
	int code = message_error(reply);

	(void)n;
	if (reply == NULL)
		shun(paxos, op->home);
	else
		forward_heard(paxos, op->home);
	if (code == ERROR_TIMEOUT)
		paxos->peers[op->home].life = 0;
	if (code == ERROR_TEMPORARILY_UNAVAILABLE || (code == ERROR_TIMEOUT && op->reads)) {
		shun(paxos, op->home);
		operation_queue(op);
		return;
	}
	if (reply != NULL)
		request_reply(op->request, json_incref(reply->body));
	else
		request_error(op->request, ERROR_TIMEOUT, "nobody knows whether it has happened");
	operation_free(op);
}

static void
forward(struct caspaxos *paxos, struct operation *op, int home)
{
	struct peer_state *peer = &paxos->peers[home];

	if (peer->waiting_since == -1)
		peer->waiting_since = node_now_ms(paxos->node);
	op->home = home;
	request_deadline(op->request, NODE_DEADLINE_MS, ERROR_TIMEOUT);
	node_rpc(paxos->node, node_peer(paxos->node, home),
	    json_pack("{s:s, s:I, s:O, s:O, s:I, s:I}", "type", "caspaxos_forward", "to", (json_int_t)peer->life, "key",
		op->key, "command", op->command, "id", (json_int_t)++peer->forwarded, "life",
		(json_int_t)paxos->incarnation),
	    op->reads ? answer_ms(paxos) : NODE_DEADLINE_MS, answered, op, dropped);
}

void
forward_batch(struct reg *reg)
{
	struct operations left = STAILQ_HEAD_INITIALIZER(left);
	int home = home_of(reg);
	struct operation *op;

	while ((op = STAILQ_FIRST(&reg->batch)) != NULL) {
		STAILQ_REMOVE_HEAD(&reg->batch, entry);
		if (op->handed)
			STAILQ_INSERT_TAIL(&left, op, entry);
		else
			forward(reg->paxos, op, home);
	}
	STAILQ_CONCAT(&reg->batch, &left);
}

/* What was handed to this node in an earlier life may have been done by it: nothing can be said. */
bool
forward_receive(struct caspaxos *paxos, const struct message *m)
{
	json_int_t id, life, to;
	json_t *key, *command;
	int from = node_find(paxos->node, m->src);

	if (json_unpack(m->body, "{s:o, s:o, s:I, s:I, s:I}", "key", &key, "command", &command, "id", &id, "life",
		&life, "to", &to) == -1 ||
	    id <= 0 || id > INT64_MAX / 2)
		return false;
	if (to != paxos->incarnation)
		node_error(paxos->node, m, ERROR_TIMEOUT, "that was for an earlier life");
	else if (once_first(&paxos->peers[from].once, life, id))
		operation_take(paxos, node_defer(paxos->node, m), key, json_incref(command), false, true);
	return true;
}
