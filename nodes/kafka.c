/*
 * Kafka's logs without a service: every key has one owner, who orders it.
 *
 * The owner of a key is the node with the highest hash of its id and the key,
 * so that all nodes agree without asking. It gives each message the next
 * offset, and writes it into its journal; the journals reach all nodes, in
 * order and without gaps (common/journals.h), and every node rebuilds the logs
 * from them (common/logs.h). So any node can answer a poll, with what it has.
 *
 * A send that reaches another node is numbered there and travels to the owner
 * with the next message on the link, and with every further one until the
 * owner's journal shows it: the entry carries sender and number, so it is
 * replica and reply in one. The owner takes the numbers of a sender in order,
 * each once. A link speaks at most once in --batch-ms, and what no client waits
 * for (replicas, acknowledgements, commits) waits for company.
 *
 * Promises: an acknowledged message keeps its offset for ever and is read by
 * every poll that comes far enough, on every node: at the owner at once, at the
 * others within --lag-ms and a hop, or after the partition. Offsets have no
 * gaps, and no node ever skips one or shows two messages under it. A client
 * finds what it sent in its next poll of the same node. A send is refused
 * (error 11, never done) when the owner is known to be cut off; one that was
 * on its way when that happened gets error 0, and may be done once, later.
 * Committed offsets never go back at a node; the others hear of a commit as of
 * a message, and until then may answer with an older one, which makes readers
 * repeat, not lose, messages. Polls and commits are always available.
 *
 * With --acks majority a send is acknowledged once a majority of the nodes has
 * it, and refused while none is in sight (a poll may show it before). No other
 * node takes over the keys of one that is gone: until it is back they are read
 * only.
 *
 * Assumes: nodes do not lose their memory, or have a data directory; all were
 * told of the same nodes.
 *
 * Sources: Thaler and Ravishankar, Using Name-Based Mappings to Increase Hit
 * Rates (IEEE/ACM ToN 6(1), 1998), for the owner; Kreps, Narkhede and Rao,
 * Kafka: a Distributed Messaging System for Log Processing (NetDB 2011).
 */
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "journals.h"
#include "logs.h"
#include "memory.h"
#include "node.h"

#define SENDS_MAX       4096              /* that wait for one owner; more are refused */
#define WINDOW_MAX      1024              /* of them in one message ... */
#define WINDOW_BYTES    ((size_t)1 << 20) /* ... and about so many bytes; the rest waits for these */
#define SESSIONS_MAX    8                 /* of one node that are remembered: so often it may restart within seconds */
#define SESSION_NUMBERS ((uint64_t)1 << 62)

/* A client's send, until it is acknowledged. */
struct send {
	STAILQ_ENTRY(send) entry;
	struct request *request;
	json_t *message;  /* owned: [key, message] */
	int64_t number;   /* in our session; -1: the owner was not told yet */
	int64_t position; /* in the owner's journal; -1: not known to be there */
	int64_t offset;
};
STAILQ_HEAD(sends, send);

/* What a node wants appended comes in sessions, one each time it starts, and is numbered from 0 in each. */
struct session {
	int64_t id, next;
};

struct peer {
	struct sends sends; /* to keys that it owns, oldest first; at our own place: to ours */
	int count;
	int64_t next_number;
	struct session sessions[SESSIONS_MAX]; /* of its sends to us, latest first */
};

struct kafka {
	int64_t batch_ms, lag_ms; /* options */
	const char *acks;
	struct logs logs;
	struct journals journals;
	struct peer *peers; /* by index */
	int64_t session;
};

/* ---- who owns a key ----------------------------------------------------------------- */

/* FNV-1a, and the finalizer of MurmurHash3, for all bits to depend on all bytes. */
static uint64_t
hash(const char *id, const char *key)
{
	uint64_t h = 0xcbf29ce484222325;

	for (const char *c = id; *c != '\0'; c++)
		h = (h ^ (unsigned char)*c) * 0x100000001b3;
	h *= 0x100000001b3;
	for (const char *c = key; *c != '\0'; c++)
		h = (h ^ (unsigned char)*c) * 0x100000001b3;
	h = (h ^ h >> 33) * 0xff51afd7ed558ccd;
	h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53;
	return h ^ h >> 33;
}

static int
owner_of(struct node *n, const char *key)
{
	int owner = 0;

	for (int i = 1; i < node_count(n); i++) {
		uint64_t best = hash(node_peer(n, owner), key), h = hash(node_peer(n, i), key);

		if (h > best || (h == best && strcmp(node_peer(n, i), node_peer(n, owner)) > 0))
			owner = i;
	}
	return owner;
}

/* ---- sends that wait ----------------------------------------------------------------- */

static struct send *
enqueue(struct peer *owner, struct request *request, json_t *message)
{
	struct send *s = memory_alloc(sizeof(*s));

	*s = (struct send){.request = request, .message = json_incref(message), .number = -1, .position = -1};
	STAILQ_INSERT_TAIL(&owner->sends, s, entry);
	owner->count++;
	return s;
}

static void
dequeue(struct peer *owner, struct send *s)
{
	STAILQ_REMOVE(&owner->sends, s, send, entry);
	owner->count--;
	json_decref(s->message);
	free(s);
}

/* The owner does not know of these, and never will. */
static void
give_up(struct node *n, int owner)
{
	struct peer *p = &((struct kafka *)node_state(n))->peers[owner];
	struct send *s, *next;

	STAILQ_FOREACH_SAFE (s, &p->sends, entry, next)
		if (s->number == -1) {
			request_error(s->request, ERROR_TEMPORARILY_UNAVAILABLE, "%s, the owner, is cut off",
			    node_peer(n, owner));
			dequeue(p, s);
		}
}

/* Answers what is safe in the owner's journal. */
static void
answer_safe(struct node *n, int owner)
{
	struct kafka *k = node_state(n);
	struct peer *p = &k->peers[owner];
	struct send *s;

	while ((s = STAILQ_FIRST(&p->sends)) != NULL && s->position != -1 &&
	       journals_is_safe(&k->journals, n, owner, s->position)) {
		request_reply(s->request, json_pack("{s:s, s:I}", "type", "send_ok", "offset", (json_int_t)s->offset));
		dequeue(p, s);
	}
}

/* ---- journals: what arrives ------------------------------------------------------------ */

/* A session of that node; unless it is known, it takes the place of the one that was heard of first. */
static struct session *
session_of(struct node *n, int peer, int64_t id)
{
	struct session *sessions = ((struct kafka *)node_state(n))->peers[peer].sessions;

	for (int i = 0; i < SESSIONS_MAX; i++)
		if (sessions[i].id == id)
			return &sessions[i];
	memmove(&sessions[1], &sessions[0], (SESSIONS_MAX - 1) * sizeof(*sessions));
	sessions[0] = (struct session){.id = id};
	return &sessions[0];
}

/* A send of ours has come back in the owner's journal. */
static void
confirm(struct node *n, int owner, int64_t number, int64_t position, int64_t offset)
{
	struct peer *p = &((struct kafka *)node_state(n))->peers[owner];
	struct send *s;

	STAILQ_FOREACH (s, &p->sends, entry)
		if (s->position == -1) {
			if (s->number == number) {
				s->position = position;
				s->offset = offset;
			}
			return;
		}
}

/*
 * An entry is [key, message], or with [sender, session, number] behind it if
 * another node sent it, or what was committed: {key: offset, ...}.
 */
static void
apply(struct node *n, int writer, int64_t position, json_t *entry)
{
	struct kafka *k = node_state(n);
	json_int_t session, number;
	const char *key, *sender;
	json_t *message;
	int64_t offset;

	if (json_is_object(entry))
		json_decref(logs_commit(&k->logs, entry));
	if (json_unpack(entry, "[s, o]", &key, &message) == -1)
		return;
	offset = logs_append(logs_get(&k->logs, key), message);
	if (json_unpack(json_array_get(entry, 2), "[s, I, I]", &sender, &session, &number) == -1)
		return;
	if (writer == node_index(n) && node_find(n, sender) != -1)
		session_of(n, node_find(n, sender), session)->next = number + 1;
	if (session == k->session && node_find(n, sender) == node_index(n))
		confirm(n, writer, number, position, offset);
}

/* A send of another node to a key of ours. */
static void
take_send(struct node *n, int peer, int64_t session, int64_t number, json_t *send)
{
	struct kafka *k = node_state(n);
	json_t *message;
	const char *key;

	if (json_unpack(send, "[s, o]", &key, &message) == -1 || owner_of(n, key) != node_index(n))
		node_log(n, LOG_LEVEL_ERROR, "%s sends us what is not ours to take", node_peer(n, peer));
	else
		journals_owe(&k->journals, n, peer,
		    journals_append(&k->journals, n,
			json_pack("[s, O, [s, I, I]]", key, message, node_peer(n, peer), (json_int_t)session,
			    (json_int_t)number)));
}

static void
unpack(struct node *n, int peer, json_t *body)
{
	json_t *sends, *send;
	json_int_t session, first;
	size_t i;

	if (json_unpack(body, "{s:[I, I, o]}", "sends", &session, &first, &sends) == -1)
		return;
	json_array_foreach (sends, i, send)
		if (first + (json_int_t)i == session_of(n, peer, session)->next)
			take_send(n, peer, session, first + (json_int_t)i, send);
}

/* ---- journals: what is told --------------------------------------------------------------- */

/* The first send of which the owner's journal does not show anything. */
static struct send *
first_waiting(struct peer *owner)
{
	struct send *s = STAILQ_FIRST(&owner->sends);

	while (s != NULL && s->position != -1)
		s = STAILQ_NEXT(s, entry);
	return s;
}

static bool
waiting(struct node *n, int peer)
{
	struct send *s = first_waiting(&((struct kafka *)node_state(n))->peers[peer]);

	return s != NULL && s->number != -1;
}

/* A send is told for the first time: from here on it may be done. Returns false if its client is gone already. */
static bool
number(struct peer *owner, struct send *s)
{
	if (s->number != -1)
		return true;
	if (request_closed(s->request)) {
		request_error(s->request, ERROR_TEMPORARILY_UNAVAILABLE, "too late");
		dequeue(owner, s);
		return false;
	}
	s->number = owner->next_number++;
	request_deadline(s->request, NODE_DEADLINE_MS, ERROR_TIMEOUT);
	return true;
}

/* The owner gets all our sends that it has not written: [session, number of the first, [[key, message], ...]]. */
static void
pack(struct node *n, int peer, json_t *body)
{
	struct kafka *k = node_state(n);
	struct peer *p = &k->peers[peer];
	json_t *sends = json_array();
	size_t bytes = 0;
	int64_t first = -1;
	struct send *s, *next;

	for (s = first_waiting(p); s != NULL && json_array_size(sends) < WINDOW_MAX && bytes < WINDOW_BYTES; s = next) {
		next = STAILQ_NEXT(s, entry);
		if (!number(p, s))
			continue;
		if (first == -1)
			first = s->number;
		bytes += logs_bytes(s->message);
		json_array_append(sends, s->message);
	}
	if (first != -1)
		json_object_set_new(
		    body, "sends", json_pack("[I, I, O]", (json_int_t)k->session, (json_int_t)first, sends));
	json_decref(sends);
}

static const struct journals_user user = {apply, answer_safe, pack, unpack, waiting, give_up};

/* ---- clients -------------------------------------------------------------------------------- */

/* To a key of ours. */
static void
append(struct node *n, const struct message *m, json_t *message)
{
	struct kafka *k = node_state(n);
	int self = node_index(n);
	struct send *s;

	if (k->journals.majority && !journals_has_majority(&k->journals, n)) {
		node_error(n, m, ERROR_TEMPORARILY_UNAVAILABLE, "no majority is in sight");
		return;
	}
	s = enqueue(&k->peers[self], node_defer(n, m), message);
	s->offset = logs_get(&k->logs, json_string_value(json_array_get(message, 0)))->count;
	s->position = journals_append(&k->journals, n, json_incref(message));
	answer_safe(n, self);
}

static void
forward(struct node *n, const struct message *m, int owner, json_t *message)
{
	struct kafka *k = node_state(n);
	struct request *request;

	if (journals_is_silent(&k->journals, owner) || k->peers[owner].count >= SENDS_MAX) {
		node_error(n, m, ERROR_TEMPORARILY_UNAVAILABLE, "%s, the owner, is %s", node_peer(n, owner),
		    k->peers[owner].count >= SENDS_MAX ? "overloaded" : "cut off");
		return;
	}
	request = node_defer(n, m);
	request_deadline(request, NODE_DEADLINE_MS, ERROR_TEMPORARILY_UNAVAILABLE);
	enqueue(&k->peers[owner], request, message);
	journals_want(&k->journals, n, owner, 0);
}

static void
handle_send(struct node *n, const struct message *m)
{
	const char *key;
	size_t length;
	json_t *value, *message;
	int owner;

	if (!node_unpack(n, m, "{s:s%, s:o}", "key", &key, &length, "msg", &value))
		return;
	if (strlen(key) != length || length + logs_bytes(value) > LOGS_MESSAGE_BYTES_MAX) {
		node_error(n, m, ERROR_MALFORMED_REQUEST, "the key has a NUL character, or the message is too long");
		return;
	}
	message = json_pack("[s, O]", key, value);
	owner = owner_of(n, key);
	if (owner == node_index(n))
		append(n, m, message);
	else
		forward(n, m, owner, message);
	json_decref(message);
}

static void
handle_poll(struct node *n, const struct message *m)
{
	struct kafka *k = node_state(n);
	json_t *found = logs_poll(&k->logs, json_object_get(m->body, "offsets"));

	if (found == NULL)
		node_error(n, m, ERROR_MALFORMED_REQUEST, "offsets must be numbers from 0 on, by key");
	else
		node_reply(n, m, json_pack("{s:s, s:o}", "type", "poll_ok", "msgs", found));
}

/* Others hear of what has grown; the reply waits for nobody. */
static void
handle_commit(struct node *n, const struct message *m)
{
	struct kafka *k = node_state(n);
	json_t *grown = logs_commit(&k->logs, json_object_get(m->body, "offsets"));

	if (grown == NULL) {
		node_error(n, m, ERROR_MALFORMED_REQUEST, "offsets must be numbers from 0 on, by key");
		return;
	}
	if (json_object_size(grown) > 0)
		journals_append(&k->journals, n, grown);
	else
		json_decref(grown);
	node_reply_type(n, m, "commit_offsets_ok");
}

static void
handle_committed(struct node *n, const struct message *m)
{
	struct kafka *k = node_state(n);
	json_t *found = logs_committed(&k->logs, json_object_get(m->body, "keys"));

	if (found == NULL)
		node_error(n, m, ERROR_MALFORMED_REQUEST, "keys must be a list of strings");
	else
		node_reply(n, m, json_pack("{s:s, s:o}", "type", "list_committed_offsets_ok", "offsets", found));
}

static void
handle_journal(struct node *n, const struct message *m)
{
	journals_receive(&((struct kafka *)node_state(n))->journals, n, m);
}

/* ---- the program ------------------------------------------------------------------------------ */

static void
load(struct node *n, json_t *record)
{
	journals_load(&((struct kafka *)node_state(n))->journals, n, record);
}

static void
start(struct node *n)
{
	struct kafka *k = node_state(n);

	if (strcmp(k->acks, "owner") != 0 && strcmp(k->acks, "majority") != 0)
		node_log(n, LOG_LEVEL_ERROR, "--acks %s is taken for majority", k->acks);
	k->session = (int64_t)node_random(n, SESSION_NUMBERS);
	logs_init(&k->logs);
	k->peers = memory_zero((size_t)node_count(n) * sizeof(*k->peers));
	for (int i = 0; i < node_count(n); i++)
		STAILQ_INIT(&k->peers[i].sends);
	k->journals.user = &user;
	k->journals.batch_ms = k->batch_ms;
	k->journals.lag_ms = k->lag_ms;
	k->journals.majority = strcmp(k->acks, "owner") != 0;
	journals_start(&k->journals, n);
	node_load(n, load);
}

static void
stop(struct node *n)
{
	struct kafka *k = node_state(n);

	for (int i = 0; i < node_count(n); i++)
		while (!STAILQ_EMPTY(&k->peers[i].sends))
			dequeue(&k->peers[i], STAILQ_FIRST(&k->peers[i].sends));
	free(k->peers);
	journals_stop(&k->journals, n);
	logs_free(&k->logs);
}

static const struct route routes[] = {
    {"send", handle_send},
    {"poll", handle_poll},
    {"commit_offsets", handle_commit},
    {"list_committed_offsets", handle_committed},
    {"journal", handle_journal},
    {NULL, NULL},
};

static const struct option_spec options[] = {
    {.name = "batch-ms",
	.help = "how long a node stays quiet after a message to another one: forwarded sends wait about so long",
	.type = OPTION_INT,
	.offset = offsetof(struct kafka, batch_ms),
	.initial = 5,
	.min = 0,
	.max = 1000},
    {.name = "lag-ms",
	.help = "how long what no client waits for (replicas, commits) waits for a message to travel with",
	.type = OPTION_INT,
	.offset = offsetof(struct kafka, lag_ms),
	.initial = 100,
	.min = 0,
	.max = 1000},
    {.name = "acks",
	.help = "who has a message when it is acknowledged: its owner, or a majority",
	.type = OPTION_TEXT,
	.offset = offsetof(struct kafka, acks),
	.text = "owner"},
    {.name = NULL},
};

const struct program kafka_program = {
    .name = "kafka",
    .summary = "logs by key: an owner for each key, replicated journals, few messages",
    .state_size = sizeof(struct kafka),
    .start = start,
    .stop = stop,
    .routes = routes,
    .options = options,
};
