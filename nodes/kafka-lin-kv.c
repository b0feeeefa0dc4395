/*
 * Kafka's logs on Maelstrom's lin-kv service.
 *
 * A log is a root and sealed chunks, all values of the service. The root of a
 * key is [start, [entries from offset `start` on]]; when it holds CHUNK
 * entries, they are written to a chunk of their own, under the key and `start`,
 * and the root begins anew behind them. What a chunk holds is settled by then,
 * so it does not matter who writes it, nor how often. Appending is one
 * compare-and-set of the root; the sends of one node to one key that came
 * while another was under way go together.
 *
 * A compare-and-set that was not answered may have happened, and may still
 * happen. It is repeated until there is an answer: a root never holds the same
 * value twice, so it happens once at most. If the answer is that the root is
 * another, either an earlier attempt has done it or somebody else was faster
 * and it never will be: each batch bears a tag that is used once, and what is
 * found at its offset tells.
 *
 * Promises: as the service's, linearizable per key. An acknowledged message
 * keeps its offset for ever; a poll that finds nothing at an offset proves that
 * nothing was acknowledged there before it was asked, and what a poll finds has
 * no gaps. Committed offsets never go back. Definite errors only for what was
 * never tried, and for what cannot have an effect. The price is availability:
 * while the service is silent, polls find what this node knows already, and
 * nothing else is answered.
 *
 * Each node keeps a copy of all of a log that it is asked about. Commits are
 * one number a key, raised by compare-and-set.
 *
 * Source: Maelstrom, doc/services.md, "lin-kv"; the root that names immutable
 * parts is that of Maelstrom's Datomic chapter (doc/05-datomic).
 */
#include <sys/queue.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kv.h"
#include "logs.h"
#include "memory.h"
#include "node.h"
#include "task.h"

#define CHUNK           32   /* entries; of any size that logs.h allows they fit into a line */
#define WAITERS_MAX     4096 /* of one key; more are refused */
#define PATIENCE_MS     1000 /* how long to wait for the service: longer each time, for a later answer is lost */
#define PATIENCE_MAX_MS 16000
#define RETRY_MS        100 /* after an error that says nothing */

/* A client's request about several keys: answered when all are done. */
struct join {
	struct request *request;
	json_t *body; /* owned */
	json_t *(*answer)(struct node *, json_t *body);
	int missing;
};

/* One key's part of a join, or a send. */
struct waiter {
	STAILQ_ENTRY(waiter) entry;
	struct join *join;
	int64_t offset; /* to be committed; -1: none */
	struct request *request;
	json_t *message; /* owned; NULL: not a send */
};
STAILQ_HEAD(waiters, waiter);

/* What this node knows of a key, and who waits for more. */
struct topic {
	STAILQ_ENTRY(topic) entry;
	struct logs_log *log; /* a copy; `committed` is what the service had last */
	json_t *root;         /* owned: what the service had last; null: nothing */
	int waiting;
	struct waiters sends, polls; /* for the log's worker */
	struct waiters commits;      /* for that of the committed offset */
	bool log_busy, commit_busy;  /* there is a worker */
};
STAILQ_HEAD(topics, topic);

struct kafka {
	struct logs logs;
	struct topics topics;
	uint64_t incarnation, tags;
};

/* ---- those who wait ---------------------------------------------------------------- */

static void
join_done(struct node *n, struct join *join, bool answer)
{
	if (--join->missing > 0)
		return;
	if (answer)
		request_reply(join->request, join->answer(n, join->body));
	json_decref(join->body);
	free(join);
}

static struct join *
join_new(struct node *n, const struct message *m, const char *member, json_t *(*answer)(struct node *, json_t *))
{
	struct join *join = memory_alloc(sizeof(*join));

	*join = (struct join){.request = node_defer(n, m), .answer = answer, .missing = 1};
	join->body = json_incref(json_object_get(m->body, member));
	return join;
}

static void
wait_in(struct topic *t, struct waiters *waiters, const struct waiter *template)
{
	struct waiter *w = memory_alloc(sizeof(*w));

	*w = *template;
	if (w->join != NULL)
		w->join->missing++;
	STAILQ_INSERT_TAIL(waiters, w, entry);
	t->waiting++;
}

/* Ends all that wait there; `answer` those that are parts of a join. */
static void
dismiss(struct node *n, struct topic *t, struct waiters *waiters, bool answer)
{
	struct waiter *w;

	while ((w = STAILQ_FIRST(waiters)) != NULL) {
		STAILQ_REMOVE_HEAD(waiters, entry);
		if (w->join != NULL)
			join_done(n, w->join, answer);
		json_decref(w->message);
		free(w);
		t->waiting--;
	}
}

/* ---- the service ------------------------------------------------------------------- */

/* One question; which one, the members that are set say. */
struct question {
	json_t *key;       /* owned by the asker, like all of them */
	json_t *write;     /* to write */
	json_t *from, *to; /* to compare and set; `from` null: the key must not exist */
};

/*
 * Asks until there is an answer that says what happened: KV_OK, one of the two
 * errors of the KV services, or TASK_CANCELLED. `*found` is what a read found,
 * owned by the caller.
 */
static int
ask(struct node *n, const struct question *q, json_t **found)
{
	int64_t patience_ms = PATIENCE_MS;
	int outcome;

	for (;; patience_ms = patience_ms < PATIENCE_MAX_MS ? 2 * patience_ms : patience_ms) {
		*found = NULL;
		if (q->write != NULL)
			outcome = task_kv_write(n, LIN_KV, q->key, q->write, patience_ms);
		else if (q->to != NULL)
			outcome = task_kv_cas(n, LIN_KV, q->key, q->from, q->to, json_is_null(q->from), patience_ms);
		else
			outcome = task_kv_read(n, LIN_KV, q->key, patience_ms, found);
		if (outcome == KV_OK || outcome == TASK_CANCELLED || outcome == ERROR_KEY_DOES_NOT_EXIST ||
		    outcome == ERROR_PRECONDITION_FAILED)
			return outcome;
		if (outcome != KV_TIMEOUT && task_sleep(n, RETRY_MS) == TASK_CANCELLED)
			return TASK_CANCELLED;
	}
}

/* The three kinds of keys in the service. */
static json_t *
root_key(const struct topic *t)
{
	return json_pack("[s, s]", "root", t->log->key);
}

static json_t *
chunk_key(const struct topic *t, int64_t start)
{
	return json_pack("[s, s, I]", "chunk", t->log->key, (json_int_t)start);
}

static json_t *
committed_key(const struct topic *t)
{
	return json_pack("[s, s]", "committed", t->log->key);
}

/* ---- reading a log ------------------------------------------------------------------ */

static int64_t
root_start(const struct topic *t)
{
	return json_integer_value(json_array_get(t->root, 0));
}

/* Borrowed; NULL if there is nothing yet. */
static json_t *
root_entries(const struct topic *t)
{
	return json_array_get(t->root, 1);
}

/* The sealed chunk in which that offset is. It must be there: the root is behind it. */
static int
read_chunk(struct node *n, struct topic *t, int64_t offset, json_t **entries)
{
	struct question read = {.key = chunk_key(t, offset / CHUNK * CHUNK)};
	int outcome;

	for (;;) {
		outcome = ask(n, &read, entries);
		if (outcome == TASK_CANCELLED || json_array_size(*entries) == CHUNK)
			break;
		node_log(n, LOG_LEVEL_ERROR, "a chunk of %s is missing or of no known form", t->log->key);
		json_decref(*entries);
		if ((outcome = task_sleep(n, PATIENCE_MAX_MS)) == TASK_CANCELLED)
			break;
	}
	json_decref(read.key);
	return outcome;
}

/* Appends those entries, of which the first has offset `start`, that our copy lacks: [message] or [message, tag]. */
static void
copy_entries(struct topic *t, int64_t start, json_t *entries)
{
	for (size_t i = (size_t)(t->log->count - start); i < json_array_size(entries); i++)
		logs_append(t->log, json_array_get(json_array_get(entries, i), 0));
}

/* Takes over a root that was found or written, and what is before it. Steals it. */
static int
learn(struct node *n, struct topic *t, json_t *root)
{
	json_t *entries;
	int outcome;

	json_decref(t->root);
	t->root = root;
	while (t->log->count < root_start(t)) {
		int64_t start = t->log->count / CHUNK * CHUNK;

		outcome = read_chunk(n, t, start, &entries);
		if (outcome == TASK_CANCELLED)
			return TASK_CANCELLED;
		copy_entries(t, start, entries);
		json_decref(entries);
	}
	copy_entries(t, root_start(t), root_entries(t));
	return KV_OK;
}

static bool
is_root(const json_t *value)
{
	json_int_t start = json_integer_value(json_array_get(value, 0));
	const json_t *entries = json_array_get(value, 1);

	return json_is_array(entries) && json_array_size(entries) <= CHUNK && start >= 0 && start % CHUNK == 0;
}

/* Returns KV_OK or TASK_CANCELLED. */
static int
refresh(struct node *n, struct topic *t)
{
	struct question read = {.key = root_key(t)};
	json_t *root;
	int outcome = ask(n, &read, &root);

	json_decref(read.key);
	if (outcome == TASK_CANCELLED)
		return TASK_CANCELLED;
	if (outcome == KV_OK && is_root(root))
		return learn(n, t, root);
	if (outcome == KV_OK)
		node_log(n, LOG_LEVEL_ERROR, "the root of %s is of no known form", t->log->key);
	json_decref(root);
	return KV_OK;
}

/* ---- appending ------------------------------------------------------------------------ */

/* Whether the entry at that offset, if there is one, bears the tag. The copy is up to date. */
static int
has_tag(struct node *n, struct topic *t, int64_t offset, const json_t *tag, bool *has)
{
	json_t *entries = json_incref(root_entries(t));
	int outcome = KV_OK;

	if (offset < root_start(t)) {
		json_decref(entries);
		outcome = read_chunk(n, t, offset, &entries);
	}
	*has = json_equal(json_array_get(json_array_get(entries, (size_t)(offset % CHUNK)), 1), tag) == 1;
	json_decref(entries);
	return outcome;
}

/* If the root is full, its entries go to their chunk. */
static int
seal(struct node *n, struct topic *t)
{
	struct question write = {.write = json_incref(root_entries(t))};
	json_t *none;
	int outcome = KV_OK;

	if (json_array_size(write.write) == CHUNK) {
		write.key = chunk_key(t, root_start(t));
		outcome = ask(n, &write, &none);
		json_decref(write.key);
	}
	json_decref(write.write);
	return outcome;
}

/* Moves the sends that go next into `batch`: from here on they may be done. */
static void
choose(struct topic *t, struct waiters *batch)
{
	size_t room = CHUNK - json_array_size(root_entries(t)) % CHUNK;
	struct waiter *w;

	for (; room > 0 && (w = STAILQ_FIRST(&t->sends)) != NULL; room--) {
		STAILQ_REMOVE_HEAD(&t->sends, entry);
		STAILQ_INSERT_TAIL(batch, w, entry);
		request_deadline(w->request, NODE_DEADLINE_MS, ERROR_TIMEOUT);
	}
}

/* The root after the batch, of which the first entry bears the tag. */
static json_t *
next_root(const struct topic *t, const struct waiters *batch, json_t *tag)
{
	bool full = json_array_size(root_entries(t)) == CHUNK;
	json_t *entries = full || root_entries(t) == NULL ? json_array() : json_copy(root_entries(t));
	struct waiter *w;

	STAILQ_FOREACH (w, batch, entry)
		json_array_append_new(entries,
		    w == STAILQ_FIRST(batch) ? json_pack("[O, O]", w->message, tag) : json_pack("[O]", w->message));
	return json_pack("[I, o]", (json_int_t)(root_start(t) + (full ? CHUNK : 0)), entries);
}

/* The batch is in the log from `offset` on, or will never be: then it is tried again. */
static void
settle(struct node *n, struct topic *t, struct waiters *batch, bool landed, int64_t offset)
{
	struct waiter *w;

	STAILQ_FOREACH (w, batch, entry)
		if (landed)
			request_reply(
			    w->request, json_pack("{s:s, s:I}", "type", "send_ok", "offset", (json_int_t)offset++));
		else
			request_deadline(w->request, NODE_DEADLINE_MS, ERROR_TEMPORARILY_UNAVAILABLE);
	if (landed) {
		dismiss(n, t, batch, true);
	} else {
		STAILQ_CONCAT(batch, &t->sends);
		STAILQ_CONCAT(&t->sends, batch);
	}
}

/* Tries once to append what waits. Returns KV_OK, whether it did it or not, or TASK_CANCELLED. */
static int
append(struct node *n, struct topic *t)
{
	struct kafka *k = node_state(n);
	struct waiters batch = STAILQ_HEAD_INITIALIZER(batch);
	struct question cas = {.key = root_key(t), .from = json_incref(t->root)};
	json_t *tag = json_sprintf("%016" PRIx64 "-%" PRIu64, k->incarnation, ++k->tags), *none;
	int64_t offset = t->log->count;
	bool landed = true;
	int outcome = seal(n, t);

	if (outcome != TASK_CANCELLED) {
		choose(t, &batch);
		cas.to = next_root(t, &batch, tag);
		outcome = ask(n, &cas, &none);
	}
	if (outcome == KV_OK) {
		outcome = learn(n, t, json_incref(cas.to));
	} else if (outcome != TASK_CANCELLED && (outcome = refresh(n, t)) != TASK_CANCELLED) {
		outcome = has_tag(n, t, offset, tag, &landed);
	}
	if (outcome != TASK_CANCELLED)
		settle(n, t, &batch, landed, offset);
	dismiss(n, t, &batch, false);
	json_decref(cas.key);
	json_decref(cas.from);
	json_decref(cas.to);
	json_decref(tag);
	return outcome;
}

/* ---- workers ---------------------------------------------------------------------------- */

/* Of a send that nobody waits for any more nothing was tried, or nothing done. */
static void
drop_closed(struct node *n, struct topic *t)
{
	struct waiters closed = STAILQ_HEAD_INITIALIZER(closed);
	struct waiter *w, *next;

	STAILQ_FOREACH_SAFE (w, &t->sends, entry, next)
		if (request_closed(w->request)) {
			STAILQ_REMOVE(&t->sends, w, waiter, entry);
			STAILQ_INSERT_TAIL(&closed, w, entry);
			request_error(w->request, ERROR_TEMPORARILY_UNAVAILABLE, "too late");
		}
	dismiss(n, t, &closed, false);
}

/* A task: appends and reads until nobody waits. What it asks after a poll came shows all that was before the poll. */
static void
work_on_log(struct node *n, void *arg)
{
	struct topic *t = arg;
	int outcome = KV_OK;

	while (outcome != TASK_CANCELLED && (!STAILQ_EMPTY(&t->sends) || !STAILQ_EMPTY(&t->polls))) {
		struct waiters polls = STAILQ_HEAD_INITIALIZER(polls);

		STAILQ_CONCAT(&polls, &t->polls);
		drop_closed(n, t);
		outcome = STAILQ_EMPTY(&t->sends) ? refresh(n, t) : append(n, t);
		dismiss(n, t, &polls, outcome != TASK_CANCELLED);
	}
	t->log_busy = false;
}

static int
read_committed(struct node *n, struct topic *t)
{
	struct question read = {.key = committed_key(t)};
	json_t *found;
	int outcome = ask(n, &read, &found);

	if (json_is_integer(found) && json_integer_value(found) > t->log->committed)
		t->log->committed = json_integer_value(found);
	json_decref(found);
	json_decref(read.key);
	return outcome;
}

static int
raise_committed(struct node *n, struct topic *t, int64_t offset)
{
	int64_t before = t->log->committed;
	struct question cas = {.key = committed_key(t), .to = json_integer(offset)};
	json_t *none;
	int outcome;

	cas.from = before >= 0 ? json_integer(before) : json_null();
	outcome = ask(n, &cas, &none);
	if (outcome == KV_OK)
		t->log->committed = offset;
	else if (outcome != TASK_CANCELLED)
		outcome = read_committed(n, t);
	json_decref(cas.key);
	json_decref(cas.from);
	json_decref(cas.to);
	return outcome;
}

/* A task: raises the committed offset to the highest that is asked for, or reads it where somebody asks for that. */
static void
work_on_commits(struct node *n, void *arg)
{
	struct topic *t = arg;
	int outcome = KV_OK;

	while (outcome != TASK_CANCELLED && !STAILQ_EMPTY(&t->commits)) {
		struct waiters served = STAILQ_HEAD_INITIALIZER(served);
		int64_t highest = -1;
		bool asked = false;
		struct waiter *w;

		STAILQ_CONCAT(&served, &t->commits);
		STAILQ_FOREACH (w, &served, entry) {
			highest = w->offset > highest ? w->offset : highest;
			asked = asked || w->offset == -1;
		}
		if (asked)
			outcome = read_committed(n, t);
		while (outcome != TASK_CANCELLED && t->log->committed < highest)
			outcome = raise_committed(n, t, highest);
		dismiss(n, t, &served, outcome != TASK_CANCELLED);
	}
	t->commit_busy = false;
}

static void
wake(struct node *n, struct topic *t)
{
	if (!t->log_busy && (!STAILQ_EMPTY(&t->sends) || !STAILQ_EMPTY(&t->polls))) {
		t->log_busy = true;
		t->log_busy = node_task(n, work_on_log, t) && t->log_busy;
	}
	if (!t->commit_busy && !STAILQ_EMPTY(&t->commits)) {
		t->commit_busy = true;
		t->commit_busy = node_task(n, work_on_commits, t) && t->commit_busy;
	}
}

/* ---- clients ------------------------------------------------------------------------------ */

static struct topic *
topic_of(struct node *n, const char *key)
{
	struct kafka *k = node_state(n);
	struct logs_log *log = logs_get(&k->logs, key);
	struct topic *t = log->data;

	if (t != NULL)
		return t;
	t = memory_zero(sizeof(*t));
	t->log = log;
	t->root = json_null();
	STAILQ_INIT(&t->sends);
	STAILQ_INIT(&t->polls);
	STAILQ_INIT(&t->commits);
	STAILQ_INSERT_TAIL(&k->topics, t, entry);
	log->data = t;
	return t;
}

static void
handle_send(struct node *n, const struct message *m)
{
	struct waiter send = {.offset = -1};
	struct topic *t;
	const char *key;
	json_t *message;
	size_t length;

	if (!node_unpack(n, m, "{s:s%, s:o}", "key", &key, &length, "msg", &message))
		return;
	if (strlen(key) != length || length + logs_bytes(message) > LOGS_MESSAGE_BYTES_MAX) {
		node_error(n, m, ERROR_MALFORMED_REQUEST, "the key has a NUL character, or the message is too long");
		return;
	}
	t = topic_of(n, key);
	if (t->waiting >= WAITERS_MAX) {
		node_error(n, m, ERROR_TEMPORARILY_UNAVAILABLE, "too many are waiting");
		return;
	}
	send.request = node_defer(n, m);
	send.message = json_incref(message);
	request_deadline(send.request, NODE_DEADLINE_MS, ERROR_TEMPORARILY_UNAVAILABLE);
	wait_in(t, &t->sends, &send);
	wake(n, t);
}

static json_t *
answer_poll(struct node *n, json_t *offsets)
{
	struct kafka *k = node_state(n);

	return json_pack("{s:s, s:o}", "type", "poll_ok", "msgs", logs_poll(&k->logs, offsets));
}

static json_t *
answer_commit(struct node *n, json_t *offsets)
{
	(void)n;
	(void)offsets;
	return json_pack("{s:s}", "type", "commit_offsets_ok");
}

static json_t *
answer_committed(struct node *n, json_t *keys)
{
	struct kafka *k = node_state(n);

	return json_pack("{s:s, s:o}", "type", "list_committed_offsets_ok", "offsets", logs_committed(&k->logs, keys));
}

/* Where our copy of a log does not go so far, the service is asked. */
static void
handle_poll(struct node *n, const struct message *m)
{
	json_t *offsets = json_object_get(m->body, "offsets"), *offset;
	struct join *join;
	const char *key;

	if (!logs_are_offsets(offsets)) {
		node_error(n, m, ERROR_MALFORMED_REQUEST, "offsets must be numbers from 0 on, by key");
		return;
	}
	join = join_new(n, m, "offsets", answer_poll);
	request_deadline(join->request, NODE_DEADLINE_MS, ERROR_TEMPORARILY_UNAVAILABLE);
	json_object_foreach (offsets, key, offset) {
		struct topic *t = topic_of(n, key);

		if (t->log->count <= json_integer_value(offset) && t->waiting < WAITERS_MAX)
			wait_in(t, &t->polls, &(struct waiter){.join = join});
		wake(n, t);
	}
	join_done(n, join, true);
}

static void
handle_commit(struct node *n, const struct message *m)
{
	json_t *offsets = json_object_get(m->body, "offsets"), *offset;
	struct join *join;
	const char *key;

	if (!logs_are_offsets(offsets)) {
		node_error(n, m, ERROR_MALFORMED_REQUEST, "offsets must be numbers from 0 on, by key");
		return;
	}
	join = join_new(n, m, "offsets", answer_commit);
	json_object_foreach (offsets, key, offset) {
		struct topic *t = topic_of(n, key);

		if (t->log->committed < json_integer_value(offset))
			wait_in(t, &t->commits, &(struct waiter){.join = join, .offset = json_integer_value(offset)});
		wake(n, t);
	}
	join_done(n, join, true);
}

static void
handle_committed(struct node *n, const struct message *m)
{
	json_t *keys = json_object_get(m->body, "keys"), *key;
	struct join *join;
	size_t i;

	if (!logs_are_keys(keys)) {
		node_error(n, m, ERROR_MALFORMED_REQUEST, "keys must be a list of strings");
		return;
	}
	join = join_new(n, m, "keys", answer_committed);
	request_deadline(join->request, NODE_DEADLINE_MS, ERROR_TEMPORARILY_UNAVAILABLE);
	json_array_foreach (keys, i, key) {
		struct topic *t = topic_of(n, json_string_value(key));

		wait_in(t, &t->commits, &(struct waiter){.join = join, .offset = -1});
		wake(n, t);
	}
	join_done(n, join, true);
}

/* ---- the program ---------------------------------------------------------------------------- */

static void
start(struct node *n)
{
	struct kafka *k = node_state(n);

	logs_init(&k->logs);
	STAILQ_INIT(&k->topics);
	k->incarnation = node_random(n, 0);
}

static void
stop(struct node *n)
{
	struct kafka *k = node_state(n);
	struct topic *t;

	while ((t = STAILQ_FIRST(&k->topics)) != NULL) {
		STAILQ_REMOVE_HEAD(&k->topics, entry);
		dismiss(n, t, &t->sends, false);
		dismiss(n, t, &t->polls, false);
		dismiss(n, t, &t->commits, false);
		json_decref(t->root);
		free(t);
	}
	logs_free(&k->logs);
}

static const struct route routes[] = {
    {"send", handle_send},
    {"poll", handle_poll},
    {"commit_offsets", handle_commit},
    {"list_committed_offsets", handle_committed},
    {NULL, NULL},
};

const struct program kafka_lin_kv_program = {
    .name = "kafka-lin-kv",
    .summary = "logs by key on the lin-kv service",
    .state_size = sizeof(struct kafka),
    .start = start,
    .stop = stop,
    .routes = routes,
};
