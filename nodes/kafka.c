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
 * Kills: with --data-dir journals, copies included, are on disk before anybody
 * hears of them, and the promises hold through kills of any nodes; sends on
 * their way get error 0 at the latest, and are done once or never. Without, a
 * node that was killed must not come back: it would give offsets anew that the
 * others have seen under messages that it forgot.
 *
 * Assumes: all were told of the same nodes.
 *
 * Sources: Thaler and Ravishankar, Using Name-Based Mappings to Increase Hit
 * Rates (IEEE/ACM ToN 6(1), 1998), for the owner; Kreps, Narkhede and Rao,
 * Kafka: a Distributed Messaging System for Log Processing (NetDB 2011).
 */
#include <stdlib.h>
#include <string.h>

#include "journals.h"
#include "logs.h"
#include "memory.h"
#include "node.h"
#include "outbox.h"
#include "rendezvous.h"

#define SESSIONS ((uint64_t)1 << 62) /* to choose from at random */

struct peer {
	struct outbox sends; /* to keys that it owns; at our own place: to ours */
	struct inbox inbox;  /* its sends to keys of ours */
};

struct kafka {
	int64_t batch_ms, lag_ms; /* options */
	const char *acks;
	struct logs logs;
	struct journals journals;
	struct peer *peers; /* by index */
	int64_t session;
};

static struct peer *
peer_at(struct node *n, int i)
{
	return &((struct kafka *)node_state(n))->peers[i];
}

/* ---- journals: what arrives ---------------------------------------------------- */

/* An entry is [key, message, [sender, session, number]] or what was committed: {key: offset, ...}. */
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
	if (json_unpack(entry, "[s, o, [s, I, I]]", &key, &message, &sender, &session, &number) == -1 ||
	    rendezvous(n, key) != writer)
		return;
	offset = logs_append(logs_get(&k->logs, key), message);
	if (writer == node_index(n) && node_find(n, sender) != -1)
		inbox_taken(&peer_at(n, node_find(n, sender))->inbox, session, number);
	if (session == k->session && node_find(n, sender) == node_index(n))
		outbox_confirm(&k->peers[writer].sends, number, position, offset);
}

/* Answers what is safe in a node's journal. */
static void
answer_safe(struct node *n, int owner)
{
	struct kafka *k = node_state(n);
	struct outbox *sends = &k->peers[owner].sends;
	struct outbox_item *send;

	while ((send = outbox_confirmed(sends)) != NULL && journals_is_safe(&k->journals, n, owner, send->position)) {
		request_reply(
		    send->request, json_pack("{s:s, s:I}", "type", "send_ok", "offset", (json_int_t)send->result));
		outbox_remove(sends);
	}
}

static void
take_send(struct node *n, int peer, int64_t session, int64_t number, json_t *send)
{
	struct kafka *k = node_state(n);
	json_t *message;
	const char *key;

	if (json_unpack(send, "[s, o]", &key, &message) == -1 || rendezvous(n, key) != node_index(n))
		node_log(n, LOG_LEVEL_ERROR, "%s sends us what is not ours to take", node_peer(n, peer));
	else
		journals_owe(&k->journals, n, peer,
		    journals_append(&k->journals, n,
			json_pack("[s, O, [s, I, I]]", key, message, node_peer(n, peer), (json_int_t)session,
			    (json_int_t)number)));
}

/* Sends to keys of ours: of those that we have taken before, nothing more is done. */
static void
take_sends(struct node *n, int peer, json_t *packed)
{
	json_int_t session, first;
	json_t *sends, *send;
	size_t i;

	if (json_unpack(packed, "[I, I, o]", &session, &first, &sends) == -1 || first < 0 || first > INT64_MAX / 2)
		return;
	json_array_foreach (sends, i, send)
		if (inbox_is_next(&peer_at(n, peer)->inbox, session, first + (json_int_t)i))
			take_send(n, peer, session, first + (json_int_t)i, send);
}

static void
unpack(struct node *n, int peer, json_t *body)
{
	take_sends(n, peer, json_object_get(body, "sends"));
}

/* ---- journals: what is told ------------------------------------------------------- */

static void
pack(struct node *n, int peer, json_t *body)
{
	struct kafka *k = node_state(n);
	json_t *sends = outbox_pack(&k->peers[peer].sends, k->session);

	if (sends != NULL && json_object_set_new(body, "sends", sends) == -1)
		memory_exhausted();
}

static bool
waiting(struct node *n, int peer)
{
	return outbox_is_waiting(&peer_at(n, peer)->sends);
}

static void
give_up(struct node *n, int peer)
{
	outbox_give_up(&peer_at(n, peer)->sends, "the owner is cut off");
}

static const struct journals_user user = {apply, answer_safe, pack, unpack, waiting, give_up};

/* ---- clients -------------------------------------------------------------------------------- */

/* Why a send cannot be taken now; NULL if it can. */
static const char *
why_not(struct node *n, int owner)
{
	struct kafka *k = node_state(n);

	if (outbox_is_full(&k->peers[owner].sends))
		return "too many sends are waiting";
	if (journals_is_silent(&k->journals, owner))
		return "the owner is cut off";
	if (owner == node_index(n) && k->journals.majority && !journals_has_majority(&k->journals, n))
		return "no majority is in sight";
	return NULL;
}

/* Brings a send to the owner, who may be we ourselves. */
static void
pass_on(struct node *n, const struct message *m, int owner, json_t *send)
{
	struct kafka *k = node_state(n);
	struct outbox *sends = &k->peers[owner].sends;
	json_t *packed;

	outbox_add(sends, node_defer(n, m), send);
	if (owner != node_index(n)) {
		journals_want(&k->journals, n, owner, 0);
		return;
	}
	packed = outbox_pack(sends, k->session);
	take_sends(n, owner, packed);
	json_decref(packed);
}

static void
handle_send(struct node *n, const struct message *m)
{
	json_t *message, *send;
	const char *key, *why;
	size_t length;
	int owner;

	if (!node_unpack(n, m, "{s:s%, s:o}", "key", &key, &length, "msg", &message))
		return;
	if (strlen(key) != length || length + logs_bytes(message) > LOGS_MESSAGE_BYTES_MAX) {
		node_error(n, m, ERROR_MALFORMED_REQUEST, "the key has a NUL character, or the message is too long");
		return;
	}
	owner = rendezvous(n, key);
	if ((why = why_not(n, owner)) != NULL) {
		node_error(n, m, ERROR_TEMPORARILY_UNAVAILABLE, "%s: %s", node_peer(n, owner), why);
		return;
	}
	send = json_pack("[s, O]", key, message);
	pass_on(n, m, owner, send);
	json_decref(send);
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
start(struct node *n)
{
	struct kafka *k = node_state(n);

	if (strcmp(k->acks, "owner") != 0 && strcmp(k->acks, "majority") != 0)
		node_fail(n, "--acks is owner or majority, not %s", k->acks);
	k->session = (int64_t)node_random(n, SESSIONS);
	logs_init(&k->logs);
	k->peers = memory_zero((size_t)node_count(n) * sizeof(*k->peers));
	for (int i = 0; i < node_count(n); i++)
		outbox_init(&k->peers[i].sends);
	k->journals.user = &user;
	k->journals.batch_ms = k->batch_ms;
	k->journals.lag_ms = k->lag_ms;
	k->journals.majority = strcmp(k->acks, "owner") != 0;
	journals_start(&k->journals, n);
}

static void
stop(struct node *n)
{
	struct kafka *k = node_state(n);

	for (int i = 0; i < node_count(n); i++)
		outbox_free(&k->peers[i].sends);
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
	.initial = 2,
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
