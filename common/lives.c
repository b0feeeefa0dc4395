/*
 * A message tells {"life": of who sends it, "known": of whom it is sent to, 0
 * if none, "met": whether the sender knows that its own is known}. It is
 * answered in kind unless it is.
 */
#include "lives.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

#define AGAIN_MIN_MS NODE_HOLD_MS /* who has not answered is told again; each time after twice as long */
#define AGAIN_MAX_MS 8000

void
lives_init(struct lives *lives, struct node *node, const char *type, int64_t own, void (*retire)(void *arg), void *arg)
{
	*lives = (struct lives){
	    .node = node, .type = type, .own = own, .wait_ms = AGAIN_MIN_MS, .retire = retire, .arg = arg};
	lives->known = memory_zero((size_t)node_count(node) * sizeof(*lives->known));
	lives->met = memory_zero((size_t)node_count(node) * sizeof(*lives->met));
}

void
lives_free(struct lives *lives)
{
	node_cancel(lives->node, lives->timer);
	free(lives->known);
	free(lives->met);
}

static void
tell(struct lives *lives, int peer)
{
	node_send(lives->node, node_peer(lives->node, peer),
	    json_pack("{s:s, s:I, s:I, s:b}", "type", lives->type, "life", (json_int_t)lives->own, "known",
		(json_int_t)lives->known[peer], "met", (int)lives->met[peer]));
}

static void
tell_all(struct node *node, void *arg)
{
	struct lives *lives = arg;
	bool more = false;

	lives->timer = 0;
	for (int i = 0; i < node_count(node); i++) {
		if (i == node_index(node) || lives->met[i])
			continue;
		tell(lives, i);
		more = true;
	}
	if (!more || lives->over)
		return;
	lives->timer = node_after(node, lives->wait_ms, tell_all, lives, NULL);
	lives->wait_ms = lives->wait_ms < AGAIN_MAX_MS / 2 ? 2 * lives->wait_ms : AGAIN_MAX_MS;
}

void
lives_rouse(struct lives *lives)
{
	if (lives->begun || lives->own == 0)
		return;
	lives->begun = true;
	tell_all(lives->node, lives);
}

/* Whether that life counts (0: it does not say). If not, the peer is told. */
static bool
heed(struct lives *lives, int peer, int64_t life)
{
	if (lives->own == 0 || life <= 0)
		return true;
	if (lives->known[peer] == 0)
		lives->known[peer] = life;
	if (lives->known[peer] == life)
		return true;
	tell(lives, peer);
	return false;
}

/* A message about lives. */
static void
receive(struct lives *lives, int peer, json_t *body)
{
	json_int_t life, known;
	int met;

	if (lives->own == 0 ||
	    json_unpack(body, "{s:I, s:I, s:b}", "life", &life, "known", &known, "met", &met) == -1 || life <= 0)
		return;
	if (known != 0 && known != lives->own) {
		bool first = !lives->over;

		lives->over = true;
		if (first)
			lives->retire(lives->arg);
		return;
	}
	if (known == lives->own)
		lives->met[peer] = true;
	if (heed(lives, peer, life) && !met)
		tell(lives, peer);
}

bool
lives_admits(struct lives *lives, int peer, const struct message *m)
{
	lives_rouse(lives);
	if (strcmp(m->type, lives->type) == 0) {
		receive(lives, peer, m->body);
		return false;
	}
	return !lives->over && heed(lives, peer, json_integer_value(json_object_get(m->body, "life")));
}
