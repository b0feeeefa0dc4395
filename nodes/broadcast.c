/*
 * Broadcast with few messages: a star with batches on good days, gossip on bad
 * ones.
 *
 * Every node keeps a log: its values in the order in which it learnt them. The
 * node with the smallest id is the hub. The others bring it what they have,
 * and it brings each of them what it has, in batches; nobody is told what came
 * from it. How far two nodes have got with each other's logs is said by every
 * message that passes between them (delivery.h): the hub's batch is at the same
 * time the acknowledgement of what was brought to it, and an acknowledgement
 * with nothing to travel with waits for long.
 *
 * A link on which nothing is acknowledged in spite of that is silent: it is
 * then only tried at intervals, until its other end is heard of again. While a
 * node finds the hub silent, it asks the other nodes in turn: they tell each
 * other what their logs hold. Who has not heard of the hub yet, or the hub of
 * it, asks as well: that is how a node that has lost its memory gets it back.
 *
 * With --direct a value goes straight from the node that was given it to all
 * others, for the shortest latency. That push is a hint: it can be read at
 * once, and is neither repeated nor acknowledged. The star works as always,
 * only more slowly, and sees to it that nothing is lost. A pushed value that
 * has not come through the star for long (who pushed it is gone, say) enters
 * the log as if a client had brought it. Reads see to what arrived together
 * with them first: values tend to come in swarms.
 *
 * Promises: a broadcast is acknowledged at once, and every acknowledged value
 * that any living node has reaches every node, whatever was lost, repeated or
 * reordered and whoever was started again; once a partition heals that takes
 * about four seconds. During a partition it reaches the nodes that can be
 * reached, over others if need be. Without faults a value is everywhere after
 * two hops, --collect-ms, --batch-ms and at most 50 ms between two messages to
 * the hub; with --direct after one hop. When all is said, nothing is sent.
 * Values are any JSON, and equal values are one.
 *
 * Kills: with --data-dir the log is on disk, value by value, before a client or
 * another node hears of it, and no acknowledged value is lost, though all
 * nodes be killed. How far the others have got is not stored: after a restart
 * logs are told again. Without, a killed node forgets, and gets back what
 * others have within seconds of its return; lost is an acknowledged value that
 * its node had not yet told anybody (it tells the hub after --collect-ms, or
 * after a partition), or of which all are killed who have it.
 *
 * Assumes: all nodes have been told of the same nodes, and given the same
 * options. The topology that the clients propose is not used.
 *
 * Sources: Demers et al., Epidemic Algorithms for Replicated Database
 * Maintenance (PODC 1987), for asking in turn ("anti-entropy", push and pull);
 * Almeida, Shoker and Baquero, Delta State Replicated Data Types (JPDC 2018),
 * algorithm 2, for stretches of a log with acknowledgements of their ends.
 */
#include <stdlib.h>
#include <string.h>

#include "delivery.h"
#include "durable.h"
#include "hints.h"
#include "memory.h"
#include "node.h"
#include "value_log.h"

#define SPACING_MS   50   /* a node that is not the hub tells it something so often at most */
#define ACK_MS       1600 /* an acknowledgement waits at least so long for something to travel with */
#define GAP_MS       600 /* ... and so long if messages are missing, or meant for another life: they may be late only */
#define GRACE_MS     800 /* so much longer may it be under way, or else the link is silent */
#define PROBE_MS     1600 /* a silent link is tried so often */
#define TICK_MS      400  /* how often that is looked at; one node is asked each time */
#define PAUSE_TICKS  8    /* ... or in so many ticks, once all have been asked and nothing is new */
#define RELAY_MS     2000 /* --batch-ms is at least this with --direct: the hub only repairs */
#define PUSHED_TICKS 8    /* what was pushed enters the log after this and up to twice this */
#define VALUES_MAX   8192 /* in one message; the rest follows */

/* What we know of a peer and, between the hub and everybody else, of the link to it. */
struct peer {
	struct delivery delivery;
	bool linked, silent;
	int64_t mark, since; /* our log before `mark` was told at `since`, and is to be acknowledged */
	int64_t ack_due;     /* INT64_MAX: nothing to acknowledge */
};

struct broadcast {
	int64_t batch_ms, collect_ms; /* options */
	bool direct;                  /* option */
	int hub;
	struct durable durable;
	struct value_log log;
	struct hints pushed;              /* values that are not in the log */
	struct peer *peers;               /* by index */
	uint64_t flush_timer, tick_timer; /* 0: not set */
	int64_t flush_due, last_flush;
	int64_t waiting_since; /* the first value that is not told yet; INT64_MAX: none */
	bool urgent;           /* tell now */
	int asked;             /* who was asked last */
	int fruitless;         /* ticks since something was new */
	int ticks;
};

/* ---- the log ------------------------------------------------------------------ */

/* Puts a value from a node at the end of the log; false if it is there already. */
static bool
enter(struct node *n, json_t *value, int source)
{
	struct broadcast *b = node_state(n);

	if (!value_log_add(&b->log, value, source))
		return false;
	hints_remove(&b->pushed, value);
	b->fruitless = 0;
	return true;
}

/* The same, for good. */
static bool
learn(struct node *n, json_t *value, int source)
{
	struct broadcast *b = node_state(n);

	if (!enter(n, value, source))
		return false;
	durable_append(&b->durable, n, json_pack("[O]", value));
	return true;
}

/* Records are the log, in its order. */
static bool
load(struct node *n, json_t *record)
{
	json_t *value;

	return json_unpack(record, "[o!]", &value) == 0 && enter(n, value, node_index(n));
}

/* Whether our log has what was not told to a peer. */
static bool
has_news(struct broadcast *b, int peer)
{
	return value_log_has_news(&b->log, &b->peers[peer].delivery, peer);
}

/* ---- talking ------------------------------------------------------------------ */

/* Tells a peer what of our log was not told yet, and how far we have got with its log. Who is asked answers at once. */
static void
tell(struct node *n, int peer, bool ask)
{
	struct broadcast *b = node_state(n);
	struct peer *p = &b->peers[peer];
	bool settled = delivery_settled(&p->delivery);
	int64_t to;
	json_t *values = value_log_news(&b->log, &p->delivery, peer, VALUES_MAX, &to), *body;

	ask = ask || delivery_gap(&p->delivery) || p->delivery.doubtful;
	body = json_pack("{s:s, s:O, s:b}", "type", "gossip", "values", values, "ask", ask);
	delivery_write(&p->delivery, body, b->durable.life, to, json_array_size(values) > 0);
	json_decref(values);
	node_send(n, node_peer(n, peer), body);
	p->ack_due = INT64_MAX;
	if (settled) {
		p->mark = p->delivery.owed;
		p->since = node_now_ms(n);
	}
}

/* The same when nothing of what was told before counts. */
static void
tell_again(struct node *n, int peer, bool ask)
{
	struct peer *p = &((struct broadcast *)node_state(n))->peers[peer];

	delivery_repeat(&p->delivery);
	tell(n, peer, ask);
	p->mark = p->delivery.owed;
	p->since = node_now_ms(n);
}

/* Once a tick, while the hub is silent: one node after the other. */
static void
ask_next(struct node *n)
{
	struct broadcast *b = node_state(n);

	do
		b->asked = (b->asked + 1) % node_count(n);
	while (b->asked == b->hub);
	if (b->asked != node_index(n))
		tell_again(n, b->asked, true);
}

/* ---- when to talk ------------------------------------------------------------- */

static void flush(struct node *, void *);
static void tick(struct node *, void *);

/* When what is not told yet is to be told. */
static int64_t
news_due(struct node *n)
{
	struct broadcast *b = node_state(n);

	if (b->urgent)
		return node_now_ms(n);
	if (node_index(n) == b->hub)
		return b->last_flush + b->batch_ms;
	if (b->waiting_since + b->collect_ms < b->last_flush + SPACING_MS)
		return b->last_flush + SPACING_MS;
	return b->waiting_since + b->collect_ms;
}

/* Whether something is to be said to a peer, heard from it (in which life it is, say), or acknowledged by it. */
static bool
unsettled(struct broadcast *b, int peer)
{
	struct peer *p = &b->peers[peer];

	return p->linked &&
	       (p->delivery.life == 0 || p->delivery.doubtful || !delivery_settled(&p->delivery) || has_news(b, peer));
}

/* Sees to it that there is a flush as soon as one is due, and a tick while anything is unsettled. */
static void
schedule(struct node *n)
{
	struct broadcast *b = node_state(n);
	int64_t due = INT64_MAX, now = node_now_ms(n);
	bool wanted = !hints_are_empty(&b->pushed);

	for (int i = 0; i < node_count(n); i++) {
		struct peer *p = &b->peers[i];

		if (p->linked && !p->silent && has_news(b, i)) {
			if (b->waiting_since > now)
				b->waiting_since = now;
			if (news_due(n) < due)
				due = news_due(n);
		}
		if (p->linked && p->ack_due < due)
			due = p->ack_due;
		wanted = wanted || unsettled(b, i);
	}
	if (wanted && b->tick_timer == 0)
		b->tick_timer = node_after(n, TICK_MS, tick, NULL, NULL);
	if (due == INT64_MAX || (b->flush_timer != 0 && b->flush_due <= due))
		return;
	node_cancel(n, b->flush_timer);
	b->flush_due = due;
	b->flush_timer = node_after(n, due > now ? due - now : 0, flush, NULL, NULL);
}

/* Tells all what they lack, if it is time for that, and acknowledges what must be. */
static void
flush(struct node *n, void *arg)
{
	struct broadcast *b = node_state(n);
	int64_t now = node_now_ms(n);
	bool news = b->urgent || (b->waiting_since <= now && news_due(n) <= now);

	(void)arg;
	b->flush_timer = 0;
	for (int i = 0; i < node_count(n); i++) {
		struct peer *p = &b->peers[i];

		if (p->linked && ((news && !p->silent && has_news(b, i)) || p->ack_due <= now))
			tell(n, i, false);
	}
	if (news) {
		b->last_flush = now;
		b->waiting_since = INT64_MAX;
		b->urgent = false;
	}
	schedule(n);
}

/* If what was told at `since` is not acknowledged in time, all that is not counts as lost, and is told again. */
static void
check_link(struct node *n, int peer)
{
	struct broadcast *b = node_state(n);
	struct peer *p = &b->peers[peer];
	int64_t patience = (b->batch_ms > ACK_MS ? b->batch_ms : ACK_MS) + GRACE_MS;

	if (p->delivery.life != 0 && !p->delivery.doubtful && p->delivery.acked >= p->mark)
		return;
	if (node_now_ms(n) - p->since < (p->silent ? PROBE_MS : patience))
		return;
	if (!p->silent)
		node_log(n, LOG_LEVEL_TRACE, "%s is silent", node_peer(n, peer));
	p->silent = true;
	tell_again(n, peer, true);
}

/* What was pushed long ago and has not come through the star becomes our business. */
static void
adopt_pushed(struct node *n)
{
	struct broadcast *b = node_state(n);
	json_t *late = hints_age(&b->pushed), *value;
	const char *key;

	json_object_foreach (late, key, value)
		learn(n, value, node_index(n));
	json_decref(late);
}

static void
tick(struct node *n, void *arg)
{
	struct broadcast *b = node_state(n);

	(void)arg;
	b->tick_timer = 0;
	if (++b->ticks % PUSHED_TICKS == 0)
		adopt_pushed(n);
	for (int i = 0; i < node_count(n); i++)
		if (unsettled(b, i))
			check_link(n, i);
	if (b->peers[b->hub].silent && (b->fruitless++ < node_count(n) || b->fruitless % PAUSE_TICKS == 0))
		ask_next(n);
	schedule(n);
}

/* ---- messages ----------------------------------------------------------------- */

static void
heard(struct node *n, struct peer *p)
{
	if (p->silent) {
		node_log(n, LOG_LEVEL_TRACE, "%s is heard again",
		    node_peer(n, (int)(p - ((struct broadcast *)node_state(n))->peers)));
		delivery_repeat(&p->delivery);
	}
	p->silent = false;
	if (p->delivery.acked >= p->mark) {
		p->mark = p->delivery.owed;
		p->since = node_now_ms(n);
	}
}

/* An acknowledgement is due in so long, if not earlier. */
static void
acknowledge(struct node *n, struct peer *p, int64_t ms)
{
	if (p->ack_due > node_now_ms(n) + ms)
		p->ack_due = node_now_ms(n) + ms;
}

static void
handle_gossip(struct node *n, const struct message *m)
{
	struct broadcast *b = node_state(n);
	int source = node_find(n, m->src), ask;
	json_t *values, *value, *log, *ack;
	struct peer *p;
	size_t i;

	if (source == -1 || source == node_index(n) ||
	    !node_unpack(n, m, "{s:o, s:o, s:o, s:b}", "log", &log, "ack", &ack, "values", &values, "ask", &ask))
		return;
	p = &b->peers[source];
	if (!json_is_array(values) ||
	    !delivery_read(&p->delivery, log, ack, b->durable.life, value_log_end(&b->log), ask))
		return;
	json_array_foreach (values, i, value)
		learn(n, value, source);
	heard(n, p);
	if (ask)
		tell_again(n, source, false);
	else if (json_array_size(values) > 0)
		acknowledge(n, p, b->batch_ms > ACK_MS ? b->batch_ms : ACK_MS);
	if (delivery_gap(&p->delivery) || p->delivery.mistaken || p->delivery.doubtful)
		acknowledge(n, p, GAP_MS);
	schedule(n);
}

/* Tells everybody at once: over links by a flush. */
static void
push(struct node *n, json_t *value)
{
	struct broadcast *b = node_state(n);

	b->urgent = true;
	for (int i = 0; i < node_count(n); i++)
		if (i != node_index(n) && !b->peers[i].linked)
			node_send(n, node_peer(n, i), json_pack("{s:s, s:O}", "type", "push", "value", value));
}

static void
handle_push(struct node *n, const struct message *m)
{
	struct broadcast *b = node_state(n);
	json_t *value;

	if (!node_unpack(n, m, "{s:o}", "value", &value) || json_set_has(&b->log.values, value))
		return;
	hints_add(&b->pushed, value);
	schedule(n);
}

static void
handle_broadcast(struct node *n, const struct message *m)
{
	struct broadcast *b = node_state(n);
	json_t *value;

	if (!node_unpack(n, m, "{s:o}", "message", &value))
		return;
	if (learn(n, value, node_index(n)) && b->direct)
		push(n, value);
	schedule(n);
	node_reply_type(n, m, "broadcast_ok");
}

static json_t *
read_ok(struct broadcast *b)
{
	json_t *all = b->log.values.items;

	if (hints_are_empty(&b->pushed))
		json_incref(all);
	else {
		all = json_copy(all);
		hints_list(&b->pushed, all);
	}
	return json_pack("{s:s, s:o}", "type", "read_ok", "messages", all);
}

/* All that had arrived when the read did has been handled by now. */
static void
answer_read(struct node *n, void *arg)
{
	request_reply(arg, read_ok(node_state(n)));
}

static void
handle_read(struct node *n, const struct message *m)
{
	struct broadcast *b = node_state(n);

	if (b->direct)
		node_after(n, 0, answer_read, node_defer(n, m), NULL);
	else
		node_reply(n, m, read_ok(b));
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

	value_log_init(&b->log);
	hints_init(&b->pushed);
	b->peers = memory_zero((size_t)node_count(n) * sizeof(*b->peers));
	for (int i = 0; i < node_count(n); i++)
		if (strcmp(node_peer(n, i), node_peer(n, b->hub)) < 0)
			b->hub = i;
	for (int i = 0; i < node_count(n); i++)
		b->peers[i] = (struct peer){.since = node_now_ms(n),
		    .ack_due = INT64_MAX,
		    .linked = i != node_index(n) && (i == b->hub || node_index(n) == b->hub)};
	durable_start(&b->durable, n, load, NULL);
	if (b->direct && b->batch_ms < RELAY_MS)
		b->batch_ms = RELAY_MS;
	b->last_flush = node_now_ms(n) - b->batch_ms;
	b->waiting_since = INT64_MAX;
	b->asked = node_index(n);
	schedule(n);
}

static void
stop(struct node *n)
{
	struct broadcast *b = node_state(n);

	value_log_free(&b->log);
	hints_free(&b->pushed);
	free(b->peers);
}

static const struct route routes[] = {
    {"broadcast", handle_broadcast},
    {"read", handle_read},
    {"topology", handle_topology},
    {"gossip", handle_gossip},
    {"push", handle_push},
    {NULL, NULL},
};

static const struct option_spec options[] = {
    {.name = "batch-ms",
	.help = "how long values wait at the hub for company: the longer, the fewer messages",
	.type = OPTION_INT,
	.offset = offsetof(struct broadcast, batch_ms),
	.initial = 400,
	.min = 0,
	.max = 2000},
    {.name = "collect-ms",
	.help = "how long values wait for company elsewhere, before they are brought to the hub",
	.type = OPTION_INT,
	.offset = offsetof(struct broadcast, collect_ms),
	.initial = 0,
	.min = 0,
	.max = 2000},
    {.name = "direct",
	.help = "tell every value at once to everybody: the shortest latency, for many messages",
	.type = OPTION_FLAG,
	.offset = offsetof(struct broadcast, direct)},
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
