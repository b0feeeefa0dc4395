/*
 * Clients' requests and their way to the leader (6.2). Each is a ticket in one
 * of four places: waiting for a leader, forwarded to it, proposed as an entry,
 * or a query waiting to be confirmed. A leader performs what a peer forwards at
 * most once, even if it arrives twice; only what a leader has refused without
 * performing it is forwarded again. So the errors are as definite as they can
 * be: nothing that may still be committed gets a definite one. An entry tells
 * whose ticket it is: who has forwarded it answers it when it is applied,
 * whichever leader has got it committed.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "raft_internal.h"

#define TICK_MS 50 /* between two looks at the tickets' ages */

#define RETIRED "this node was started again without its memory"

/* ---- ends ------------------------------------------------------------------------- */

static void
ticket_free(struct raft *r, struct raft_ticket *t)
{
	TAILQ_REMOVE(&r->tickets[t->place], t, entry);
	r->ticket_count--;
	json_decref(t->command);
	free(t);
}

static void
answer_peer(struct raft *r, int peer, int64_t id, json_t *body)
{
	raft_send(r, peer,
	    json_pack("{s:s, s:I, s:I, s:o}", "type", "raft_forward_ok", "id", (json_int_t)id, "term",
		(json_int_t)r->term, "body", body));
}

static void
refuse_peer(struct raft *r, int peer, int64_t id)
{
	raft_send(r, peer,
	    json_pack("{s:s, s:I, s:I}", "type", "raft_forward_ok", "id", (json_int_t)id, "term", (json_int_t)r->term));
}

void
ticket_answer(struct raft *r, struct raft_ticket *t, json_t *body)
{
	if (body == NULL)
		memory_exhausted();
	if (t->request != NULL)
		request_reply(t->request, body);
	else
		answer_peer(r, t->peer, t->peer_id, body);
	ticket_free(r, t);
}

static void
ticket_fail(struct raft *r, struct raft_ticket *t, enum error code, const char *text)
{
	ticket_answer(r, t, raft_error_body(code, text));
}

/* ---- the way to the leader ----------------------------------------------------------- */

/* Proposals are kept in the order of the log. */
void
ticket_move(struct raft *r, struct raft_ticket *t, enum ticket_place place)
{
	struct raft_ticket *before = TAILQ_LAST(&r->tickets[place], raft_tickets);

	TAILQ_REMOVE(&r->tickets[t->place], t, entry);
	t->place = place;
	if (place == TICKET_PROPOSED)
		while (before != NULL && (before == t || before->index > t->index))
			before = TAILQ_PREV(before, raft_tickets, entry);
	else
		before = TAILQ_LAST(&r->tickets[place], raft_tickets);
	if (before != NULL)
		TAILQ_INSERT_AFTER(&r->tickets[place], before, t, entry);
	else
		TAILQ_INSERT_HEAD(&r->tickets[place], t, entry);
}

static void
forward(struct raft *r, struct raft_ticket *t)
{
	t->id = ++r->next_forward;
	t->leader = r->leader;
	t->term = r->term;
	t->forwards++;
	ticket_move(r, t, TICKET_FORWARDED);
	raft_send(r, r->leader,
	    json_pack("{s:s, s:I, s:I, s:b, s:O, s:I, s:I}", "type", "raft_forward", "id", (json_int_t)t->id,
		"incarnation", (json_int_t)r->incarnation, "query", (int)t->is_query, "command", t->command, "term",
		(json_int_t)r->term, "match", (json_int_t)r->agreed));
}

/*
 * What becomes an entry: [command] of the leader's own client, or [command,
 * peer, incarnation, id] of a forwarded one. With that the peer knows its own when it
 * applies it, and can answer without being told.
 */
static json_t *
wrap(struct raft *r, struct raft_ticket *t)
{
	json_t *command = t->command, *wrapped;

	t->command = NULL;
	if (t->peer == -1)
		wrapped = json_pack("[o]", command);
	else
		wrapped = json_pack("[o, i, I, I]", command, t->peer,
		    (json_int_t)r->peers[t->peer].forwards.incarnation, (json_int_t)t->peer_id);
	if (wrapped == NULL)
		memory_exhausted();
	return wrapped;
}

json_t *
ticket_command(const json_t *entry)
{
	return json_array_get(entry, 0);
}

/* A peer that commits by itself only has to be sent the entry. */
static void
propose(struct raft *r, struct raft_ticket *t)
{
	json_t *command = wrap(r, t);

	if (!replication_propose(r, command)) {
		ticket_fail(r, t, ERROR_TEMPORARILY_UNAVAILABLE, "too much is waiting to be committed");
		return;
	}
	t->index = log_last(&r->log);
	t->term = r->term;
	ticket_move(r, t, TICKET_PROPOSED);
	if (t->peer != -1 && thrift_pairs(r))
		r->peers[t->peer].owed = true;
	else
		r->urgent = t->index;
}

static bool
leads(const struct raft *r)
{
	return r->role == ROLE_LEADER && r->transfer_to == -1;
}

/* Sends a ticket that nobody has performed on its way, or lets it wait. */
static void
route(struct raft *r, struct raft_ticket *t)
{
	if (leads(r) && t->is_query)
		read_begin(r, t);
	else if (leads(r))
		propose(r, t);
	else if (r->leader == -1 || r->leader == r->self)
		ticket_move(r, t, TICKET_WAITING);
	else if (t->forwards < RAFT_FORWARDS_MAX)
		forward(r, t);
	else
		ticket_fail(r, t, ERROR_TEMPORARILY_UNAVAILABLE, "the leader keeps changing");
}

static struct raft_ticket *
ticket_new(struct raft *r, bool is_query, json_t *command)
{
	struct raft_ticket *t = memory_zero(sizeof(*t));

	t->place = TICKET_WAITING;
	t->is_query = is_query;
	t->command = command;
	t->born_ms = raft_now(r);
	t->peer = -1;
	TAILQ_INSERT_TAIL(&r->tickets[TICKET_WAITING], t, entry);
	r->ticket_count++;
	return t;
}

void
ticket_submit(struct raft *r, bool is_query, struct request *request, json_t *command)
{
	struct raft_ticket *t;

	if (command == NULL)
		memory_exhausted();
	if (r->lives.over) {
		json_decref(command);
		request_error(request, ERROR_TEMPORARILY_UNAVAILABLE, RETIRED);
		return;
	}
	if (r->ticket_count >= r->limits.tickets) {
		json_decref(command);
		request_error(request, ERROR_TEMPORARILY_UNAVAILABLE, "%zu requests are waiting", r->ticket_count);
		return;
	}
	t = ticket_new(r, is_query, command);
	t->request = request;
	election_rouse(r, true);
	route(r, t);
}

/* ---- forwarded by peers ------------------------------------------------------------------ */

/* What was for the leader that this node was in an earlier life may have been performed by it (raft_storage.c). */
void
ticket_forward(struct raft *r, int peer, json_t *body)
{
	json_int_t id, incarnation, term, match;
	struct raft_ticket *t;
	json_t *command;
	int is_query;

	if (json_unpack(body, "{s:I, s:I, s:b, s:o, s:I, s:I}", "id", &id, "incarnation", &incarnation, "query",
		&is_query, "command", &command, "term", &term, "match", &match) == -1 ||
	    id <= 0 || id > INT64_MAX / 2)
		return;
	if (term <= r->storage.born_term) {
		raft_trace(r, "ignores what %s has asked of an earlier life", node_peer(r->node, peer));
		return;
	}
	if (!once_first(&r->peers[peer].forwards, incarnation, id))
		return;
	if (term == r->term)
		replication_overhear(r, peer, match);
	if (!leads(r) || r->ticket_count >= r->limits.tickets) {
		refuse_peer(r, peer, id);
		return;
	}
	if (is_query && thrift_pairs(r)) {
		read_promise(r, peer, id);
		return;
	}
	t = ticket_new(r, is_query, json_incref(command));
	t->peer = peer;
	t->peer_id = id;
	route(r, t);
}

struct raft_ticket *
ticket_find(struct raft *r, int64_t id)
{
	struct raft_ticket *t;

	TAILQ_FOREACH (t, &r->tickets[TICKET_FORWARDED], entry)
		if (t->id == id)
			return t;
	return NULL;
}

/* It has not been performed: whoever else leads may perform it. */
static void
refused(struct raft *r, struct raft_ticket *t, int peer, int64_t term)
{
	if (term > r->term)
		raft_follow(r, term, -1);
	else if (term == r->term && r->leader == peer)
		raft_follow(r, r->term, -1);
	route(r, t);
}

void
ticket_forward_ok(struct raft *r, int peer, json_t *body)
{
	json_int_t id, term;
	json_t *answer = NULL;
	struct raft_ticket *t;

	if (json_unpack(body, "{s:I, s:I, s?o}", "id", &id, "term", &term, "body", &answer) == -1 ||
	    (answer != NULL && !json_is_object(answer)))
		return;
	t = ticket_find(r, id);
	if (t == NULL || t->leader != peer)
		return;
	if (answer != NULL)
		ticket_answer(r, t, json_incref(answer));
	else
		refused(r, t, peer, term);
}

/* ---- changes ------------------------------------------------------------------------------- */

/* Takes back a query that waited for this leader's round. */
static void
take_back(struct raft *r, struct raft_ticket *t)
{
	if (t->request != NULL) {
		route(r, t);
		return;
	}
	refuse_peer(r, t->peer, t->peer_id);
	ticket_free(r, t);
}

/* A query that was for a leader of another term: nobody else has it, and should that one lead again, it has forgotten.
 */
static bool
is_forsaken(const struct raft *r, const struct raft_ticket *t)
{
	return t->place == TICKET_FORWARDED && t->is_query && (t->leader != r->leader || t->term != r->term);
}

static void
reroute(struct raft *r, enum ticket_place place)
{
	struct raft_ticket *t, *next, *last = TAILQ_LAST(&r->tickets[place], raft_tickets);
	bool more = last != NULL;

	for (t = TAILQ_FIRST(&r->tickets[place]); more; t = next) {
		next = TAILQ_NEXT(t, entry);
		more = t != last;
		if (place == TICKET_WAITING || is_forsaken(r, t))
			route(r, t);
		else if (place == TICKET_READING)
			take_back(r, t);
	}
}

/* Queries may be asked again; commands that were forwarded or proposed may not. */
void
tickets_leader(struct raft *r)
{
	if (r->role != ROLE_LEADER)
		reroute(r, TICKET_READING);
	if (r->leader == -1)
		return;
	reroute(r, TICKET_WAITING);
	reroute(r, TICKET_FORWARDED);
}

/* One that we have forwarded, whoever has proposed it. */
static void
applied_forwarded(struct raft *r, const json_t *entry, json_t *body)
{
	struct raft_ticket *t;

	if (body == NULL || json_array_size(entry) != 4 || json_integer_value(json_array_get(entry, 1)) != r->self ||
	    json_integer_value(json_array_get(entry, 2)) != r->incarnation)
		return;
	t = ticket_find(r, json_integer_value(json_array_get(entry, 3)));
	if (t != NULL && !t->is_query)
		ticket_answer(r, t, json_incref(body));
}

/* Whether the peer answers its client itself: it has been sent the entry, and commits what it is sent. */
static bool
knows(const struct raft *r, const struct raft_ticket *t)
{
	const struct raft_peer *p = t->peer != -1 ? &r->peers[t->peer] : NULL;

	return p != NULL && thrift_pairs(r) && r->role == ROLE_LEADER && p->progress == PROGRESS_REPLICATE &&
	       p->next > t->index;
}

/* What was proposed at that place in another term has lost it for good. */
void
tickets_applied(struct raft *r, int64_t index, const struct raft_entry *entry, json_t *body)
{
	struct raft_ticket *t, *next;

	TAILQ_FOREACH_SAFE (t, &r->tickets[TICKET_PROPOSED], entry, next) {
		if (t->index > index)
			break;
		if (t->index != index || t->term != entry->term || body == NULL)
			ticket_fail(r, t, ERROR_TEMPORARILY_UNAVAILABLE, "another command was committed instead");
		else if (knows(r, t))
			ticket_free(r, t);
		else
			ticket_answer(r, t, json_incref(body));
	}
	applied_forwarded(r, entry->command, body);
	json_decref(body);
}

void
tickets_covered(struct raft *r, int64_t index)
{
	struct raft_ticket *t, *next;

	TAILQ_FOREACH_SAFE (t, &r->tickets[TICKET_PROPOSED], entry, next) {
		if (t->index > index)
			break;
		ticket_fail(r, t, ERROR_TIMEOUT, "no longer the leader: it may have been committed");
	}
}

/* What was forwarded may have been performed, unless it was a query; what was proposed is no longer ours. */
void
tickets_retire(struct raft *r)
{
	for (int place = 0; place < TICKET_PLACES; place++) {
		struct raft_ticket *t, *next;

		TAILQ_FOREACH_SAFE (t, &r->tickets[place], entry, next)
			ticket_fail(r, t,
			    t->is_query || place == TICKET_WAITING ? ERROR_TEMPORARILY_UNAVAILABLE : ERROR_TIMEOUT,
			    RETIRED);
	}
}

/* ---- time ------------------------------------------------------------------------------------- */

int64_t
tickets_next(const struct raft *r)
{
	return r->ticket_count > 0 ? raft_now(r) + TICK_MS : INT64_MAX;
}

static void
expire(struct raft *r, enum ticket_place place)
{
	struct raft_ticket *t, *next;

	TAILQ_FOREACH_SAFE (t, &r->tickets[place], entry, next) {
		bool undone = t->is_query || place == TICKET_WAITING;
		int64_t age = raft_now(r) - t->born_ms;

		if (undone && age >= r->options.patience_ms)
			ticket_fail(r, t, ERROR_TEMPORARILY_UNAVAILABLE, "no leader was found in time");
		else if (age >= NODE_DEADLINE_MS || (t->request != NULL && request_closed(t->request)))
			ticket_fail(r, t, ERROR_TIMEOUT, "no majority was found in time");
	}
}

void
tickets_tick(struct raft *r)
{
	for (int i = 0; i < TICKET_PLACES; i++)
		expire(r, (enum ticket_place)i);
}

void
tickets_free(struct raft *r)
{
	struct raft_ticket *t, *next;

	for (int i = 0; i < TICKET_PLACES; i++)
		TAILQ_FOREACH_SAFE (t, &r->tickets[i], entry, next)
			ticket_free(r, t);
}
