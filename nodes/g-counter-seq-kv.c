/*
 * A grow-only counter on Maelstrom's seq-kv service. Every node keeps the sum
 * of its own adds under a key that nobody else writes, so there is no
 * contention; the value is the sum over all keys.
 *
 * Promises: an add is acknowledged once it is in the service, and survives the
 * node; an add that was not acknowledged may still take effect, unless it got
 * a definite error. A read sees every add that was acknowledged, and every one
 * that another read has seen, before it was asked, on whatever node: more than
 * sequential consistency asks for, and less than linearizability (of two adds
 * under way two reads may see one each). Partitions between nodes do not
 * matter, for nodes never talk to each other. The price is availability: nobody
 * is answered while the service is silent, and a read needs two of its answers,
 * one after the other, within the four seconds that a client waits.
 *
 * seq-kv answers from the past. It keeps the last 32 states and remembers, per
 * node, how far the node has come; what does not change the state is answered
 * from a state chosen at random between there and the newest, while a change
 * happens to the newest state and takes the node there. So
 *
 * - a read first writes something new under a key of this node, and only then
 *   asks for the counts: their states are no older than that write;
 * - the same value written again would change nothing and take us nowhere:
 *   every write carries a tag that is never used again;
 * - the states are kept in a ring, and for a node 32 or more changes behind the
 *   place of an old state holds a newer one: it may see a later state first and
 *   an earlier one afterwards. All of them are still no older than its last
 *   write, and counts only grow: the greatest count seen of a key is the best.
 *
 * A count is stored by compare-and-set from one tagged value to another. An
 * attempt that timed out may happen at any later time, but only while its
 * `from` is there, and that value never returns: so attempts can be repeated,
 * and none takes effect twice or overwrites a later one. If the key holds
 * something else, it is what an attempt of ours left, or an earlier
 * incarnation of this node: we read it and go on from there.
 *
 * Source: Lamport, How to Make a Multiprocessor Computer That Correctly
 * Executes Multiprocess Programs (1979), for what sequential consistency does
 * and does not promise; Maelstrom, src/maelstrom/service.clj, for seq-kv.
 */
#include <sys/queue.h>

#include <inttypes.h>
#include <stdlib.h>

#include "buffer.h"
#include "kv.h"
#include "memory.h"
#include "node.h"
#include "task.h"

#define PATIENCE_MS NODE_DEADLINE_MS /* how long to wait for the service: at first as long as a client does */

/* A client's request that waits for the service. */
struct waiter {
	STAILQ_ENTRY(waiter) entry;
	struct request *request;
};
STAILQ_HEAD(waiters, waiter);

struct counter {
	int64_t *counts; /* by index: the greatest seen of each key */
	uint64_t incarnation, tags;

	json_t *stored;      /* what our key holds as far as we know; NULL: nothing */
	struct waiters adds; /* not yet on their way to the service */
	int64_t waiting_sum; /* ... and what they add */
	int64_t moving_sum;  /* what is on its way */
	bool adding;         /* there is an adder */

	struct waiters reads;     /* not yet served by a refresh */
	struct waiters refreshed; /* served by the one under way */
	bool refreshing;
	int fetching; /* counts that it still waits for */
	bool failed;  /* ... and some of them will not come */
};

/* ---- clients that wait --------------------------------------------------------- */

static void
wait_in(struct waiters *waiters, struct request *request)
{
	struct waiter *w = memory_alloc(sizeof(*w));

	w->request = request;
	STAILQ_INSERT_TAIL(waiters, w, entry);
}

static struct request *
next_request(struct waiters *waiters)
{
	struct waiter *w = STAILQ_FIRST(waiters);
	struct request *request;

	if (w == NULL)
		return NULL;
	request = w->request;
	STAILQ_REMOVE_HEAD(waiters, entry);
	free(w);
	return request;
}

static void
forget(struct waiters *waiters)
{
	while (next_request(waiters) != NULL)
		continue;
}

/* ---- the service --------------------------------------------------------------- */

/* A key's value is [count, tag]. Anything else that is there counts nothing. */
static int64_t
count_of(json_t *value)
{
	json_int_t count;
	const char *tag;

	if (value == NULL || json_unpack(value, "[I, s]", &count, &tag) == -1 || count < 0)
		return 0;
	return count;
}

/* Text that was never used before. */
static json_t *
new_tag(struct counter *c)
{
	return json_sprintf("%016" PRIx64 "-%" PRIu64, c->incarnation, ++c->tags);
}

static int
ask(struct node *n, const char *key, json_t *write, json_t *from, json_t *to, json_t **found)
{
	json_t *name = json_sprintf("g-counter/%s", key);
	struct kv_question question = {.service = SEQ_KV, .key = name, .write = write, .from = from, .to = to};
	int outcome = task_kv_insist(n, &question, PATIENCE_MS, found);

	json_decref(name);
	return outcome;
}

/* ---- adding ---------------------------------------------------------------------- */

/* Takes over what our key was found to hold (NULL: nothing). */
static void
adopt(struct node *n, json_t *value)
{
	struct counter *c = node_state(n);
	int64_t *count = &c->counts[node_index(n)];

	json_decref(c->stored);
	c->stored = value;
	if (count_of(value) > *count)
		*count = count_of(value);
}

/* Returns KV_OK once the sum is in our key, TASK_CANCELLED, or ERROR_PRECONDITION_FAILED if it will never be. */
static int
store(struct node *n, int64_t sum)
{
	struct counter *c = node_state(n);
	int outcome;
	bool landed;

	do {
		json_t *found, *to;
		json_int_t count;

		if (__builtin_add_overflow(count_of(c->stored), sum, &count))
			return ERROR_PRECONDITION_FAILED;
		to = json_pack("[I, o]", count, new_tag(c));
		outcome = ask(n, node_id(n), NULL, c->stored, to, &found);
		if (outcome == KV_OK)
			found = json_incref(to);
		else if (outcome != TASK_CANCELLED)
			outcome = ask(n, node_id(n), NULL, NULL, NULL, &found);
		landed = json_equal(found, to);
		json_decref(to);
		if (outcome != TASK_CANCELLED)
			adopt(n, found);
	} while (!landed && outcome != TASK_CANCELLED);
	return outcome == TASK_CANCELLED ? TASK_CANCELLED : KV_OK;
}

/* A task: brings adds to the service until there are none left; all that came meanwhile go together. */
static void
adder(struct node *n, void *arg)
{
	struct counter *c = arg;
	struct waiters moving = STAILQ_HEAD_INITIALIZER(moving);
	int outcome = KV_OK;

	while (outcome != TASK_CANCELLED && !STAILQ_EMPTY(&c->adds)) {
		struct request *request;

		STAILQ_CONCAT(&moving, &c->adds);
		c->moving_sum = c->waiting_sum;
		c->waiting_sum = 0;
		outcome = store(n, c->moving_sum);
		c->moving_sum = 0;
		while (outcome != TASK_CANCELLED && (request = next_request(&moving)) != NULL) {
			if (outcome == KV_OK)
				request_reply_type(request, "add_ok");
			else
				request_error(request, outcome, "the counter would overflow");
		}
	}
	forget(&moving);
	c->adding = false;
}

/* ---- reading --------------------------------------------------------------------- */

/* Of what is in the service, as far as this node has seen. */
static __int128
total(struct node *n)
{
	struct counter *c = node_state(n);
	__int128 sum = 0;

	for (int i = 0; i < node_count(n); i++)
		sum += c->counts[i];
	return sum;
}

static void
answer_read(struct request *request, __int128 sum)
{
	if (sum <= INT64_MAX)
		request_reply(request, json_pack("{s:s, s:I}", "type", "read_ok", "value", (json_int_t)sum));
	else
		request_error(request, ERROR_PRECONDITION_FAILED, "the counter has overflowed");
}

static void refresher(struct node *, void *);

/* Another count has come, or will not: the last one ends the refresh. */
static void
fetched(struct node *n, bool ok)
{
	struct counter *c = node_state(n);
	struct request *request;

	c->failed = c->failed || !ok;
	if (--c->fetching > 0)
		return;
	while ((request = next_request(&c->refreshed)) != NULL) {
		if (c->failed)
			request_error(request, ERROR_TEMPORARILY_UNAVAILABLE, "too much is going on");
		else
			answer_read(request, total(n));
	}
	c->refreshing = !STAILQ_EMPTY(&c->reads) && node_task(n, refresher, c);
}

/* A task: gets the count of the node whose index is the argument. */
static void
fetcher(struct node *n, void *arg)
{
	struct counter *c = node_state(n);
	int i = (int)(intptr_t)arg;
	json_t *found;

	if (ask(n, node_peer(n, i), NULL, NULL, NULL, &found) == TASK_CANCELLED)
		return;
	if (count_of(found) > c->counts[i])
		c->counts[i] = count_of(found);
	json_decref(found);
	fetched(n, true);
}

/* A task: takes us to the newest state, then gets all counts at once. Serves the reads that wait when it starts. */
static void
refresher(struct node *n, void *arg)
{
	struct counter *c = arg;
	struct buffer key = {0};
	json_t *tag = new_tag(c), *found;
	int outcome;

	STAILQ_CONCAT(&c->refreshed, &c->reads);
	buffer_printf(&key, "%s/read", node_id(n));
	outcome = ask(n, buffer_string(&key), tag, NULL, NULL, &found);
	json_decref(tag);
	buffer_free(&key);
	if (outcome == TASK_CANCELLED)
		return;
	c->failed = false;
	c->fetching = node_count(n);
	for (intptr_t i = 0; i < node_count(n); i++)
		if (!node_task(n, fetcher, (void *)i))
			fetched(n, false);
}

/* ---- messages -------------------------------------------------------------------- */

static void
handle_add(struct node *n, const struct message *m)
{
	struct counter *c = node_state(n);
	json_int_t delta;

	if (!node_unpack(n, m, "{s:I}", "delta", &delta))
		return;
	if (delta < 0) {
		node_error(n, m, ERROR_MALFORMED_REQUEST, "this counter only grows: delta is negative");
		return;
	}
	if (total(n) + c->moving_sum + c->waiting_sum + delta > INT64_MAX) {
		node_error(n, m, ERROR_PRECONDITION_FAILED, "the counter would overflow");
		return;
	}
	c->waiting_sum += delta;
	wait_in(&c->adds, node_defer(n, m));
	if (!c->adding) {
		c->adding = true;
		if (!node_task(n, adder, c))
			c->adding = false;
	}
}

static void
handle_read(struct node *n, const struct message *m)
{
	struct counter *c = node_state(n);
	struct request *request = node_defer(n, m);

	request_deadline(request, NODE_DEADLINE_MS, ERROR_TEMPORARILY_UNAVAILABLE);
	wait_in(&c->reads, request);
	if (!c->refreshing)
		c->refreshing = node_task(n, refresher, c);
}

/* ---- the program ------------------------------------------------------------------ */

static void
start(struct node *n)
{
	struct counter *c = node_state(n);

	c->counts = memory_zero((size_t)node_count(n) * sizeof(*c->counts));
	c->incarnation = node_random(n, 0);
	STAILQ_INIT(&c->adds);
	STAILQ_INIT(&c->reads);
	STAILQ_INIT(&c->refreshed);
}

static void
stop(struct node *n)
{
	struct counter *c = node_state(n);

	forget(&c->adds);
	forget(&c->reads);
	forget(&c->refreshed);
	json_decref(c->stored);
	free(c->counts);
}

static const struct route routes[] = {
    {"add", handle_add},
    {"read", handle_read},
    {NULL, NULL},
};

const struct program g_counter_seq_kv_program = {
    .name = "g-counter-seq-kv",
    .summary = "grow-only counter on the seq-kv service",
    .state_size = sizeof(struct counter),
    .start = start,
    .stop = stop,
    .routes = routes,
};
