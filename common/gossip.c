/* Rounds of a timer that only runs while it is needed, one stubborn RPC a peer, and who is in which life. */
#include "gossip.h"

#include <stdlib.h>

#include "memory.h"

static const struct retry retry = {.initial_ms = GOSSIP_RETRY_MS, .cap_ms = GOSSIP_RETRY_CAP_MS};

struct gossip_peer {
	struct gossip *gossip;
	int index;
	bool busy;    /* a delta is on its way */
	bool told;    /* it knows in which life we are */
	int64_t life; /* it was last heard in this one; 0: not yet */
};

/* ---- lives ----------------------------------------------------------------- */

/* Another life than before: what it acknowledged in that one, and may be on its way still, it does not have. */
static void
heard(struct gossip_peer *peer, struct node *n, const struct message *m)
{
	json_int_t life = json_integer_value(json_object_get(m->body, "life"));

	if (life <= 0 || life == peer->life)
		return;
	if (peer->life != 0) {
		node_log(n, LOG_LEVEL_INFO, "%s has lost its memory", node_peer(n, peer->index));
		peer->gossip->replica->forgot(n, peer->index);
		gossip_wake(peer->gossip, n);
	}
	peer->life = life;
}

static json_t *
with_life(const struct gossip *g, json_t *body)
{
	if (json_object_set_new(body, "life", json_integer(g->life)) == -1)
		memory_exhausted();
	return body;
}

int
gossip_source(struct gossip *g, struct node *n, const struct message *m)
{
	int i = node_find(n, m->src);

	if (i == -1 || i == node_index(n))
		return -1;
	heard(&g->peers[i], n, m);
	return i;
}

void
gossip_acknowledge(struct gossip *g, struct node *n, const struct message *m, const char *type)
{
	node_reply(n, m, with_life(g, json_pack("{s:s}", "type", type)));
}

void
gossip_greeted(struct gossip *g, struct node *n, const struct message *m)
{
	if (gossip_source(g, n, m) != -1)
		gossip_acknowledge(g, n, m, "hello_ok");
}

/* ---- one peer -------------------------------------------------------------- */

/* A peer that refuses a delta counts as behind still, and gets it again in some later round. */
static void
answered(struct node *n, const struct message *reply, void *arg)
{
	struct gossip_peer *peer = arg;

	peer->busy = false;
	if (message_error(reply) == -1) {
		peer->told = true;
		heard(peer, n, reply);
		peer->gossip->replica->acknowledged(n, peer->index);
	}
	gossip_wake(peer->gossip, n);
}

/* Returns whether the peer was behind. */
static bool
update(struct gossip *g, struct node *n, int i)
{
	struct gossip_peer *peer = &g->peers[i];
	json_t *delta = g->replica->delta(n, i);

	if (delta == NULL && g->greets && !peer->told)
		delta = json_pack("{s:s}", "type", "hello");
	if (delta == NULL)
		return false;
	peer->busy = true;
	node_rpc_retry(n, node_peer(n, i), with_life(g, delta), &retry, answered, peer, NULL);
	return true;
}

/* ---- rounds ---------------------------------------------------------------- */

/* Goes through the idle peers in random order until `fanout` of them were behind. */
static void
round_of_gossip(struct node *n, void *arg)
{
	struct gossip *g = arg;
	int count = node_count(n), told = 0;
	int *order = memory_resize(NULL, (size_t)count, sizeof(*order));

	g->waiting = false;
	for (int i = 0; i < count; i++) {
		int j = (int)node_random(n, (uint64_t)i + 1);

		order[i] = order[j];
		order[j] = i;
	}
	for (int i = 0; i < count && told < g->fanout; i++)
		if (order[i] != node_index(n) && !g->peers[order[i]].busy && update(g, n, order[i]))
			told++;
	free(order);
	if (told > 0)
		gossip_wake(g, n);
}

void
gossip_wake(struct gossip *g, struct node *n)
{
	if (g->waiting)
		return;
	g->waiting = true;
	node_after(n, g->period_ms, round_of_gossip, g, NULL);
}

/* Who lives on in its old life has nothing to greet for. */
static void
begin_to_greet(struct node *n, void *arg)
{
	struct gossip *g = arg;

	g->greets = true;
	gossip_wake(g, n);
}

void
gossip_start(struct gossip *g, struct node *n, const struct gossip_replica *replica, const struct durable *durable,
    int64_t period_ms, int fanout)
{
	*g = (struct gossip){.replica = replica, .period_ms = period_ms, .fanout = fanout, .life = durable->life};
	g->peers = memory_zero((size_t)node_count(n) * sizeof(*g->peers));
	for (int i = 0; i < node_count(n); i++)
		g->peers[i] = (struct gossip_peer){.gossip = g, .index = i};
	if (!durable->remembers)
		node_after(n, GOSSIP_HELLO_MS, begin_to_greet, g, NULL);
	else
		gossip_wake(g, n);
}

void
gossip_stop(struct gossip *g)
{
	free(g->peers);
}
