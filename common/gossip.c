/* Rounds of a timer that only runs while it is needed, one delta at a time for each peer, and who is in which life. */
#include "gossip.h"

#include <stdlib.h>

#include "memory.h"

#define OFFER_MAX ((uint64_t)1 << 60)

struct gossip_peer {
	struct gossip *gossip;
	int index;
	int64_t life; /* it was last heard in this one; 0: not yet */

	/* What we tell it. */
	json_t *delta;  /* on its way, ours to send again; NULL: nothing is */
	int64_t offer;  /* the number of the last one; the first is drawn, for one life may have several starts */
	uint64_t retry; /* the timer */
	bool told;      /* it knows in which life we are */

	/* What it tells us. */
	int64_t taken; /* the offer that we took last, in that life */
	uint64_t owed; /* the timer of an acknowledgement that travels alone; 0: none is due */
};

/* ---- messages --------------------------------------------------------------- */

/* The part of a message that is ours: "gossip": [life, offer or 0, the receiver's life, its offer that was taken]. */
struct header {
	json_int_t life, offer, to_life, taken;
};

static bool
header_read(const struct message *m, struct header *h)
{
	return json_unpack(m->body, "{s:[I, I, I, I!]}", "gossip", &h->life, &h->offer, &h->to_life, &h->taken) == 0 &&
	       h->life > 0 && h->offer >= 0;
}

/* Borrows the body. */
static void
send_to(struct gossip_peer *peer, struct node *n, json_t *body, int64_t offer)
{
	json_t *copy = json_copy(body), *header = json_pack("[I, I, I, I]", (json_int_t)peer->gossip->life,
					    (json_int_t)offer, (json_int_t)peer->life, (json_int_t)peer->taken);

	if (json_object_set_new(copy, "gossip", header) == -1)
		memory_exhausted();
	node_send(n, node_peer(n, peer->index), copy);
	node_cancel(n, peer->owed);
	peer->owed = 0;
}

static json_t *
hello(void)
{
	return memory_made(json_pack("{s:s}", "type", "hello"));
}

/* ---- what is heard ---------------------------------------------------------- */

/* Nothing is on its way to it any more. */
static void
settle(struct gossip_peer *peer, struct node *n)
{
	node_cancel(n, peer->retry);
	json_decref(peer->delta);
	peer->delta = NULL;
}

/*
 * Another life than before: what it acknowledged in that one, and may be on its way still, it does not have. Or that
 * comes late, of a former one: so it is asked for an answer, in which it says.
 */
static void
heard(struct gossip_peer *peer, struct node *n, int64_t life)
{
	if (life == peer->life)
		return;
	if (peer->life != 0) {
		node_log(n, LOG_LEVEL_INFO, "%s has lost its memory", node_peer(n, peer->index));
		settle(peer, n);
		peer->told = false;
		peer->gossip->greets = true;
		peer->gossip->replica->forgot(n, peer->index);
		gossip_wake(peer->gossip, n);
	}
	peer->life = life;
	peer->taken = 0;
}

/* The delta that is on its way has arrived. */
static void
acknowledged(struct gossip_peer *peer, struct node *n)
{
	settle(peer, n);
	peer->told = true;
	peer->gossip->replica->acknowledged(n, peer->index);
	gossip_wake(peer->gossip, n);
}

int
gossip_source(struct gossip *g, struct node *n, const struct message *m)
{
	int i = node_find(n, m->src);
	struct header h;

	if (i == -1 || i == node_index(n) || !header_read(m, &h))
		return -1;
	heard(&g->peers[i], n, h.life);
	if (g->peers[i].delta != NULL && h.to_life == g->life && h.taken == g->peers[i].offer)
		acknowledged(&g->peers[i], n);
	return i;
}

static void
acknowledge_alone(struct node *n, void *arg)
{
	struct gossip_peer *peer = arg;
	json_t *body = hello();

	peer->owed = 0;
	send_to(peer, n, body, 0);
	json_decref(body);
}

void
gossip_acknowledge(struct gossip *g, struct node *n, const struct message *m)
{
	struct gossip_peer *peer = &g->peers[node_find(n, m->src)];
	struct header h;

	if (!header_read(m, &h) || h.offer == 0)
		return;
	peer->taken = h.offer;
	if (peer->owed == 0)
		peer->owed = node_after(n, GOSSIP_ACK_MS, acknowledge_alone, peer, NULL);
}

void
gossip_greeted(struct gossip *g, struct node *n, const struct message *m)
{
	if (gossip_source(g, n, m) != -1)
		gossip_acknowledge(g, n, m);
}

/* ---- one peer -------------------------------------------------------------- */

static void again(struct node *, void *);

/* The same offer: whichever attempt arrives, it is acknowledged by that. */
static void
offer(struct gossip_peer *peer, struct node *n)
{
	send_to(peer, n, peer->delta, peer->offer);
	peer->retry = node_after(
	    n, GOSSIP_RETRY_MS + (int64_t)node_random(n, GOSSIP_RETRY_CAP_MS - GOSSIP_RETRY_MS + 1), again, peer, NULL);
}

static void
again(struct node *n, void *arg)
{
	offer(arg, n);
}

/* Returns whether the peer was behind. */
static bool
update(struct gossip *g, struct node *n, int i)
{
	struct gossip_peer *peer = &g->peers[i];
	json_t *delta = g->replica->delta(n, i);

	if (delta == NULL && g->greets && !peer->told)
		delta = hello();
	if (delta == NULL)
		return false;
	peer->delta = delta;
	peer->offer++;
	offer(peer, n);
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
		if (order[i] != node_index(n) && g->peers[order[i]].delta == NULL && update(g, n, order[i]))
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
		g->peers[i] =
		    (struct gossip_peer){.gossip = g, .index = i, .offer = (int64_t)node_random(n, OFFER_MAX)};
	if (!durable->remembers)
		node_after(n, GOSSIP_HELLO_MS, begin_to_greet, g, NULL);
	else
		gossip_wake(g, n);
}

void
gossip_stop(struct gossip *g, struct node *n)
{
	for (int i = 0; g->peers != NULL && i < node_count(n); i++)
		json_decref(g->peers[i].delta);
	free(g->peers);
}
