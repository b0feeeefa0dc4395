/*
 * Broadcast with few messages: a star with batches on good days, gossip on bad
 * ones.
 *
 * Every node keeps a log for each node: the values that clients gave it, in
 * order. What a node has is a vector of counts, one a log, and every message
 * carries that vector: it acknowledges all that came before. The node with the
 * smallest id is the hub. The others bring it what it lacks; the hub brings
 * each of them what it lacks. A node speaks on such a link at once if it has
 * been quiet, but not more often than once in --batch-ms (the hub) or half of
 * that (the others); acknowledgements wait for something to travel with. A
 * link that acknowledges nothing for a while is silent: it is then only tried
 * at intervals, until its other end is heard of again. And while a node finds
 * the hub silent, it asks the other nodes in turn: tells them what the hub is
 * not known to have and how far its own logs go, and they tell it what it
 * lacks.
 *
 * Promises: a broadcast is acknowledged at once, and every acknowledged value
 * reaches every node, whatever was lost, repeated or reordered; once a
 * partition heals that takes about three seconds. During a partition it reaches
 * the nodes that can be reached, over others if need be. Without faults a value
 * is everywhere after two hops and at most one and a half --batch-ms. When all
 * is said, nothing is sent. Values are any JSON, and equal values are one.
 *
 * Why nothing is lost: whoever learns what the hub lacks tells the hub until
 * it acknowledges, and the hub tells everybody until all acknowledge. Gossip
 * is only there to be faster than the partition is long.
 *
 * Assumes: nodes do not lose their memory, and all have been told of the same
 * nodes. The topology that the clients propose is not used.
 *
 * Sources: Wuu and Bernstein, Efficient Solutions to the Replicated Log and
 * Dictionary Problems (PODC 1984), for logs and vectors; Demers et al.,
 * Epidemic Algorithms for Replicated Database Maintenance (PODC 1987), for
 * asking in turn ("anti-entropy", push and pull).
 */
#include <stdlib.h>
#include <string.h>

#include "json_set.h"
#include "memory.h"
#include "node.h"

#define ACK_MS      800   /* an acknowledgement waits so long for something to travel with */
#define RETRY_MS    1600  /* no acknowledgement for so long: the link is silent, and is tried again */
#define TICK_MS     400   /* how often that is looked at; one node is asked each time */
#define PAUSE_TICKS 8     /* ... or in so many ticks, once all have been asked and nothing is new */
#define VALUES_MAX  8192  /* in one message; the rest follows */
#define GAP_MAX     65536 /* a log may have holes (messages overtake each other), but not beyond that */

/* The values that clients gave one node. */
struct log {
	json_t **values; /* owned; NULL: a hole */
	int64_t have;    /* values before the first hole */
	int64_t end, capacity;
};

/* What we know of a peer and, between the hub and everybody else, of the link to it. */
struct peer {
	int64_t *known; /* how far its logs go at least */
	bool linked;
	int64_t *sent; /* how far they go if all we said arrives */
	int64_t *mark; /* what must be acknowledged RETRY_MS after `since` */
	int64_t since;
	int64_t ack_due; /* INT64_MAX: nothing to acknowledge */
	bool silent;
};

struct broadcast {
	int64_t batch_ms; /* option */
	int hub;
	struct json_set values;
	struct log *logs;                 /* by index, like all vectors */
	struct peer *peers;               /* by index */
	uint64_t flush_timer, tick_timer; /* 0: not set */
	int64_t flush_due, last_flush;
	int asked;     /* who was asked last */
	int fruitless; /* ticks since something was new */
};

/* ---- vectors ---------------------------------------------------------------- */

static int64_t *
vector_new(struct node *n)
{
	return memory_zero((size_t)node_count(n) * sizeof(int64_t));
}

static void
vector_copy(struct node *n, int64_t *to, const int64_t *from)
{
	memcpy(to, from, (size_t)node_count(n) * sizeof(*to));
}

/* Raises each count of `a` to that of `b`. */
static void
vector_merge(struct node *n, int64_t *a, const int64_t *b)
{
	for (int i = 0; i < node_count(n); i++)
		if (b[i] > a[i])
			a[i] = b[i];
}

static bool
vector_covers(struct node *n, const int64_t *a, const int64_t *b)
{
	for (int i = 0; i < node_count(n); i++)
		if (a[i] < b[i])
			return false;
	return true;
}

/* Whether our logs go further than that. */
static bool
have_more(struct node *n, const int64_t *than)
{
	struct broadcast *b = node_state(n);

	for (int i = 0; i < node_count(n); i++)
		if (b->logs[i].have > than[i])
			return true;
	return false;
}

/* ---- logs ------------------------------------------------------------------- */

/* Takes the value at `place` of a log, unless it is there. */
static void
learn(struct node *n, int origin, int64_t place, json_t *value)
{
	struct broadcast *b = node_state(n);
	struct log *log = &b->logs[origin];

	if (place > log->have + GAP_MAX)
		return;
	if (place >= log->capacity) {
		int64_t old = log->capacity;

		log->capacity = 2 * place + 16;
		log->values = memory_resize(log->values, (size_t)log->capacity, sizeof(*log->values));
		memset(&log->values[old], 0, (size_t)(log->capacity - old) * sizeof(*log->values));
	}
	if (log->values[place] != NULL)
		return;
	b->fruitless = 0;
	log->values[place] = json_incref(value);
	if (place >= log->end)
		log->end = place + 1;
	while (log->have < log->end && log->values[log->have] != NULL)
		log->have++;
	json_set_add(&b->values, value);
}

static void
put(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) == -1)
		memory_exhausted();
}

/* The counts of our logs, as JSON. */
static json_t *
pack_have(struct node *n)
{
	struct broadcast *b = node_state(n);
	json_t *have = json_object();

	for (int i = 0; i < node_count(n); i++)
		if (b->logs[i].have > 0)
			put(have, node_peer(n, i), json_integer(b->logs[i].have));
	return have;
}

/* Our values beyond `from`, which is moved behind what fits in: {"n1": [3, [values 3, 4, ... of n1]], ...}. */
static json_t *
pack_news(struct node *n, int64_t *from)
{
	struct broadcast *b = node_state(n);
	json_t *news = json_object();
	int room = VALUES_MAX;

	for (int i = 0; i < node_count(n); i++) {
		int64_t start = from[i];
		json_t *values;

		if (b->logs[i].have <= start || room == 0)
			continue;
		values = json_array();
		for (; from[i] < b->logs[i].have && room > 0; from[i]++, room--)
			if (json_array_append(values, b->logs[i].values[from[i]]) == -1)
				memory_exhausted();
		put(news, node_peer(n, i), json_pack("[I, o]", (json_int_t)start, values));
	}
	return news;
}

static void
unpack_news(struct node *n, json_t *news)
{
	json_t *entry, *values, *value;
	const char *id;
	size_t i;

	json_object_foreach (news, id, entry) {
		int origin = node_find(n, id);
		json_int_t start;

		if (origin == -1 || origin == node_index(n) || json_unpack(entry, "[I, o]", &start, &values) == -1)
			continue;
		if (start < 0 || start > INT64_MAX / 2)
			continue;
		json_array_foreach (values, i, value)
			learn(n, origin, start + (json_int_t)i, value);
	}
}

/* Of a peer's logs only what we have as well is of interest; call it after unpack_news(). */
static void
unpack_have(struct node *n, json_t *have, int64_t *known)
{
	struct broadcast *b = node_state(n);
	const char *id;
	json_t *json;

	json_object_foreach (have, id, json) {
		int i = node_find(n, id);
		int64_t count = json_integer_value(json);

		if (i == -1)
			continue;
		if (count > b->logs[i].have)
			count = b->logs[i].have;
		if (count > known[i])
			known[i] = count;
	}
}

/* ---- talking ---------------------------------------------------------------- */

/* Tells a peer how far our logs go and what of them was not yet said. Who is asked answers at once. */
static void
tell(struct node *n, int peer, bool ask)
{
	struct broadcast *b = node_state(n);
	struct peer *p = &b->peers[peer];
	bool settled = vector_covers(n, p->known, p->sent);
	json_t *news = pack_news(n, p->sent);

	node_send(n, node_peer(n, peer),
	    json_pack("{s:s, s:o, s:o, s:b}", "type", "gossip", "have", pack_have(n), "news", news, "ask", ask));
	p->ack_due = INT64_MAX;
	if (settled) {
		vector_copy(n, p->mark, p->sent);
		p->since = node_now_ms(n);
	}
}

/* The same when nothing of what was said before counts. */
static void
tell_again(struct node *n, int peer, bool ask)
{
	struct peer *p = &((struct broadcast *)node_state(n))->peers[peer];

	vector_copy(n, p->sent, p->known);
	tell(n, peer, ask);
}

/* Once a tick, while the hub is silent: one node after the other. What the hub has is the hub's business. */
static void
ask_next(struct node *n)
{
	struct broadcast *b = node_state(n);

	do
		b->asked = (b->asked + 1) % node_count(n);
	while (b->asked == b->hub);
	if (b->asked == node_index(n))
		return;
	vector_copy(n, b->peers[b->asked].sent, b->peers[b->asked].known);
	vector_merge(n, b->peers[b->asked].sent, b->peers[b->hub].known);
	tell(n, b->asked, true);
}

/* ---- when to talk ------------------------------------------------------------- */

static void flush(struct node *, void *);
static void tick(struct node *, void *);

/* Sees to it that there is a flush as soon as one is due, and a tick while anything is unacknowledged. */
static void
schedule(struct node *n)
{
	struct broadcast *b = node_state(n);
	int64_t interval = node_index(n) == b->hub ? b->batch_ms : b->batch_ms / 2;
	int64_t due = INT64_MAX;

	for (int i = 0; i < node_count(n); i++) {
		struct peer *p = &b->peers[i];

		if (!p->linked)
			continue;
		if (!p->silent && have_more(n, p->sent) && b->last_flush + interval < due)
			due = b->last_flush + interval;
		if (p->ack_due < due)
			due = p->ack_due;
		if (b->tick_timer == 0 && have_more(n, p->known))
			b->tick_timer = node_every(n, TICK_MS, tick, NULL, NULL);
	}
	if (due == INT64_MAX || (b->flush_timer != 0 && b->flush_due <= due))
		return;
	node_cancel(n, b->flush_timer);
	b->flush_due = due;
	b->flush_timer = node_after(n, due > node_now_ms(n) ? due - node_now_ms(n) : 0, flush, NULL, NULL);
}

static void
flush(struct node *n, void *arg)
{
	struct broadcast *b = node_state(n);

	(void)arg;
	b->flush_timer = 0;
	for (int i = 0; i < node_count(n); i++) {
		struct peer *p = &b->peers[i];
		bool more = p->linked && !p->silent && have_more(n, p->sent);

		if (more)
			b->last_flush = node_now_ms(n);
		if (more || p->ack_due <= node_now_ms(n))
			tell(n, i, false);
	}
	schedule(n);
}

/* If what was said at `since` is not acknowledged in time, all that is not counts as lost, and is said again. */
static void
check_link(struct node *n, int peer)
{
	struct peer *p = &((struct broadcast *)node_state(n))->peers[peer];

	if (node_now_ms(n) - p->since < RETRY_MS || vector_covers(n, p->known, p->mark))
		return;
	if (!p->silent)
		node_log(n, LOG_LEVEL_TRACE, "%s is silent", node_peer(n, peer));
	p->silent = true;
	tell_again(n, peer, true);
}

static void
tick(struct node *n, void *arg)
{
	struct broadcast *b = node_state(n);
	bool settled = true;

	(void)arg;
	for (int i = 0; i < node_count(n); i++) {
		if (!b->peers[i].linked || !have_more(n, b->peers[i].known))
			continue;
		settled = false;
		check_link(n, i);
	}
	if (b->peers[b->hub].silent && (b->fruitless++ < node_count(n) || b->fruitless % PAUSE_TICKS == 0))
		ask_next(n);
	if (settled) {
		node_cancel(n, b->tick_timer);
		b->tick_timer = 0;
	}
}

/* ---- messages ----------------------------------------------------------------- */

/* What a peer has is what it is known to have and what it just said: no need to tell it that. */
static void
heard(struct node *n, int peer, json_t *have)
{
	struct peer *p = &((struct broadcast *)node_state(n))->peers[peer];

	unpack_have(n, have, p->known);
	if (!p->linked)
		return;
	if (p->silent) {
		node_log(n, LOG_LEVEL_TRACE, "%s is heard again", node_peer(n, peer));
		vector_copy(n, p->sent, p->known);
	}
	p->silent = false;
	vector_merge(n, p->sent, p->known);
	if (vector_covers(n, p->known, p->mark)) {
		vector_copy(n, p->mark, p->sent);
		p->since = node_now_ms(n);
	}
}

static void
handle_gossip(struct node *n, const struct message *m)
{
	struct broadcast *b = node_state(n);
	int source = node_find(n, m->src), ask;
	json_t *have, *news;
	struct peer *p;

	if (source == -1 || source == node_index(n) ||
	    !node_unpack(n, m, "{s:o, s:o, s:b}", "have", &have, "news", &news, "ask", &ask))
		return;
	p = &b->peers[source];
	unpack_news(n, news);
	heard(n, source, have);
	if (ask)
		tell_again(n, source, false);
	else if (p->linked && json_object_size(news) > 0 && p->ack_due == INT64_MAX)
		p->ack_due = node_now_ms(n) + ACK_MS;
	schedule(n);
}

static void
handle_broadcast(struct node *n, const struct message *m)
{
	struct broadcast *b = node_state(n);
	json_t *value;

	if (!node_unpack(n, m, "{s:o}", "message", &value))
		return;
	if (!json_set_has(&b->values, value))
		learn(n, node_index(n), b->logs[node_index(n)].end, value);
	schedule(n);
	node_reply_type(n, m, "broadcast_ok");
}

static void
handle_read(struct node *n, const struct message *m)
{
	struct broadcast *b = node_state(n);

	node_reply(n, m, json_pack("{s:s, s:O}", "type", "read_ok", "messages", b->values.items));
}

static void
handle_topology(struct node *n, const struct message *m)
{
	node_reply_type(n, m, "topology_ok");
}

/* ---- the program --------------------------------------------------------------- */

static void
start(struct node *n)
{
	struct broadcast *b = node_state(n);
	size_t count = (size_t)node_count(n);

	json_set_init(&b->values);
	b->logs = memory_zero(count * sizeof(*b->logs));
	b->peers = memory_zero(count * sizeof(*b->peers));
	for (int i = 0; i < node_count(n); i++)
		if (strcmp(node_peer(n, i), node_peer(n, b->hub)) < 0)
			b->hub = i;
	for (int i = 0; i < node_count(n); i++)
		b->peers[i] = (struct peer){.known = vector_new(n),
		    .sent = vector_new(n),
		    .mark = vector_new(n),
		    .ack_due = INT64_MAX,
		    .linked = i != node_index(n) && (i == b->hub || node_index(n) == b->hub)};
	b->last_flush = node_now_ms(n) - b->batch_ms;
	b->asked = node_index(n);
}

static void
stop(struct node *n)
{
	struct broadcast *b = node_state(n);

	for (int i = 0; i < node_count(n); i++) {
		for (int64_t k = 0; k < b->logs[i].end; k++)
			json_decref(b->logs[i].values[k]);
		free(b->logs[i].values);
		free(b->peers[i].known);
		free(b->peers[i].sent);
		free(b->peers[i].mark);
	}
	free(b->logs);
	free(b->peers);
	json_set_free(&b->values);
}

static const struct route routes[] = {
    {"broadcast", handle_broadcast},
    {"read", handle_read},
    {"topology", handle_topology},
    {"gossip", handle_gossip},
    {NULL, NULL},
};

static const struct option_spec options[] = {
    {.name = "batch-ms",
	.help = "how long values wait at the hub for company; half as long elsewhere",
	.type = OPTION_INT,
	.offset = offsetof(struct broadcast, batch_ms),
	.initial = 220,
	.min = 0,
	.max = 5000},
    {.name = NULL},
};

const struct program broadcast_program = {
    .name = "broadcast",
    .summary = "broadcast with few messages: a star with batches, gossip while the hub is silent",
    .state_size = sizeof(struct broadcast),
    .start = start,
    .stop = stop,
    .routes = routes,
    .options = options,
};
