/*
 * Kafka's logs on Maelstrom's lin-kv service.
 *
 * Each key's log is kept in the service (common/kv_log.h says how), and every
 * node has a copy of what it is asked about. A worker, one a key, brings what
 * clients wait for to the service: all sends that came meanwhile with one
 * compare-and-set, which tells the polls that wait as much as a read would. A
 * poll is answered from the copy where that goes far enough, else after asking
 * the service. Another worker does the same for committed offsets.
 *
 * Promises: as the service's, linearizable per key. An acknowledged message
 * keeps its offset for ever; a poll that finds nothing at an offset proves that
 * nothing was acknowledged there before it was asked, and what a poll finds has
 * no gaps. Committed offsets never go back. Definite errors only for what was
 * never tried, and for what cannot have an effect. The price is availability:
 * while the service is silent, polls find what this node knows already, and
 * nothing else is answered. Nodes may be killed at any moment and come back:
 * their copies are read again, and what a killed one was about to send was
 * either taken by the service or was not, and is not tried again.
 *
 * Assumes the service to be linearizable (Maelstrom, doc/services.md, "lin-kv").
 */
#include <sys/queue.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kv_log.h"
#include "memory.h"
#include "node.h"
#include "task.h"

#define WAITERS_MAX 4096 /* of one key; more are refused */
#define DEADLINE_MS 3000 /* of a client's 5 s, its request may spend a second and more behind late messages */

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
	struct kv_log log;
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

/* ---- appending ---------------------------------------------------------------------- */

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

/* Moves the sends that go next into `batch`: from here on they may be done. Returns their messages. */
static json_t *
choose(struct topic *t, struct waiters *batch)
{
	json_t *messages = json_array();
	struct waiter *w;

	while ((w = STAILQ_FIRST(&t->sends)) != NULL && json_array_size(messages) < kv_log_room(&t->log)) {
		STAILQ_REMOVE_HEAD(&t->sends, entry);
		STAILQ_INSERT_TAIL(batch, w, entry);
		request_deadline(w->request, DEADLINE_MS, ERROR_TIMEOUT);
		json_array_append(messages, w->message);
	}
	return messages;
}

/* The batch is in the log from `offset` on, or (-1) will never be: then it waits in front of the others. */
static void
settle(struct node *n, struct topic *t, struct waiters *batch, int64_t offset)
{
	struct waiter *w;

	STAILQ_FOREACH (w, batch, entry)
		if (offset != -1)
			request_reply(
			    w->request, json_pack("{s:s, s:I}", "type", "send_ok", "offset", (json_int_t)offset++));
		else
			request_deadline(w->request, DEADLINE_MS, ERROR_TEMPORARILY_UNAVAILABLE);
	if (offset == -1) {
		STAILQ_CONCAT(batch, &t->sends);
		STAILQ_CONCAT(&t->sends, batch);
	}
	dismiss(n, t, batch, true);
}

/* Tries once to append what waits. */
static int
append(struct node *n, struct topic *t)
{
	struct kafka *k = node_state(n);
	struct waiters batch = STAILQ_HEAD_INITIALIZER(batch);
	json_t *tag = json_sprintf("%016" PRIx64 "-%" PRIu64, k->incarnation, ++k->tags);
	json_t *messages = choose(t, &batch);
	int64_t offset;
	int outcome = kv_log_append(n, &t->log, messages, tag, &offset);

	json_decref(messages);
	json_decref(tag);
	if (outcome != TASK_CANCELLED)
		settle(n, t, &batch, offset);
	dismiss(n, t, &batch, false);
	return outcome;
}

/* ---- workers ---------------------------------------------------------------------------- */

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
		outcome = STAILQ_EMPTY(&t->sends) ? kv_log_refresh(n, &t->log) : append(n, t);
		dismiss(n, t, &polls, outcome != TASK_CANCELLED);
	}
	t->log_busy = false;
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
			outcome = kv_log_read_committed(n, &t->log);
		if (outcome != TASK_CANCELLED)
			outcome = kv_log_commit(n, &t->log, highest);
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
	t->log.log = log;
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
	request_deadline(send.request, DEADLINE_MS, ERROR_TEMPORARILY_UNAVAILABLE);
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

/* Whether a poll must ask about one of these, and cannot: it must not say that there is nothing. */
static bool
is_crowded(struct node *n, json_t *offsets)
{
	const char *key;
	json_t *offset;

	json_object_foreach (offsets, key, offset) {
		const struct topic *t = topic_of(n, key);

		if (t->log.log->count <= json_integer_value(offset) && t->waiting >= WAITERS_MAX)
			return true;
	}
	return false;
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
	if (is_crowded(n, offsets)) {
		node_error(n, m, ERROR_TEMPORARILY_UNAVAILABLE, "too many are waiting");
		return;
	}
	join = join_new(n, m, "offsets", answer_poll);
	request_deadline(join->request, DEADLINE_MS, ERROR_TEMPORARILY_UNAVAILABLE);
	json_object_foreach (offsets, key, offset) {
		struct topic *t = topic_of(n, key);

		if (t->log.log->count <= json_integer_value(offset))
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
	request_deadline(join->request, DEADLINE_MS, ERROR_TIMEOUT);
	json_object_foreach (offsets, key, offset) {
		struct topic *t = topic_of(n, key);

		if (t->log.log->committed < json_integer_value(offset))
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
	request_deadline(join->request, DEADLINE_MS, ERROR_TEMPORARILY_UNAVAILABLE);
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
		json_decref(t->log.root);
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
