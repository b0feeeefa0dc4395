/* Rounds of a timer that only runs while it is needed, and one stubborn RPC a peer. */
#include "gossip.h"

#include <stdlib.h>

#include "memory.h"

static const struct retry retry = {.initial_ms = GOSSIP_RETRY_MS, .cap_ms = GOSSIP_RETRY_CAP_MS};

struct gossip_peer {
	struct gossip *gossip;
	int index;
	bool busy; /* a delta is on its way */
};

/* ---- one peer -------------------------------------------------------------- */

/* A peer that refuses a delta counts as behind still, and gets it again in some later round. */
static void
answered(struct node *n, const struct message *reply, void *arg)
{
	struct gossip_peer *peer = arg;

	peer->busy = false;
	if (message_error(reply) == -1)
		peer->gossip->replica->acknowledged(n, peer->index);
	gossip_wake(peer->gossip, n);
}

/* Returns whether the peer was behind. */
static bool
update(struct gossip *g, struct node *n, int i)
{
	struct gossip_peer *peer = &g->peers[i];
	json_t *delta = g->replica->delta(n, i);

	if (delta == NULL)
		return false;
	peer->busy = true;
	node_rpc_retry(n, node_peer(n, i), delta, &retry, answered, peer, NULL);
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

void
gossip_start(struct gossip *g, struct node *n, const struct gossip_replica *replica, int64_t period_ms, int fanout)
{
	*g = (struct gossip){.replica = replica, .period_ms = period_ms, .fanout = fanout};
	g->peers = memory_zero((size_t)node_count(n) * sizeof(*g->peers));
	for (int i = 0; i < node_count(n); i++)
		g->peers[i] = (struct gossip_peer){.gossip = g, .index = i};
}

void
gossip_stop(struct gossip *g)
{
	free(g->peers);
}
