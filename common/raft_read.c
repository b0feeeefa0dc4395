/*
 * Reads without a log entry (6.4). A query that reaches the leader is answered
 * from its state once a majority has confirmed, after the query came, that
 * this is still the leader; and once the leader has committed an entry of its
 * own term, for before that it may not know all that is committed. Queries
 * that come together share a round of confirmations, which travels with
 * whatever is sent anyway.
 *
 * Where two nodes are a quorum (raft_thrift.c), a follower that heeds what its
 * leader sent after the query came has confirmed it thereby. So it is told only
 * how long the leader's log was, and answers from its own state when that has
 * come so far.
 */
#include "memory.h"
#include "raft_internal.h"

static int64_t
round_of(const struct raft_peer *peer)
{
	return peer->round_acked;
}

static int64_t
lease_of(const struct raft_peer *peer)
{
	return peer->lease_until;
}

/* The promises that a lease is made of do not hold against whom a leader has asked to stand (6.4.1). */
bool
read_has_lease(const struct raft *r)
{
	return r->options.lease && !r->has_transferred && raft_quorum_value(r, INT64_MAX, lease_of) > raft_now(r);
}

void
read_confirm(struct raft *r)
{
	bool leads = r->role == ROLE_LEADER, lease = leads && read_has_lease(r);
	struct raft_ticket *ticket, *next;
	int64_t round;

	if (leads && log_term(&r->log, r->commit) != r->term)
		return;
	round = raft_quorum_value(r, r->round, round_of);
	TAILQ_FOREACH_SAFE (ticket, &r->tickets[TICKET_READING], entry, next) {
		if (leads && !lease && ticket->round > round)
			break;
		if (ticket->index <= r->applied)
			ticket_answer(r, ticket, r->machine->query(r->node, ticket->command));
	}
}

/* ---- leader -------------------------------------------------------------------- */

/* Followers may have committed what the leader does not know to be. */
static int64_t
read_index(const struct raft *r)
{
	return thrift_pairs(r) ? log_last(&r->log) : r->commit;
}

void
read_begin(struct raft *r, struct raft_ticket *ticket)
{
	ticket->round = r->round_open ? r->round : r->round + 1;
	ticket->index = read_index(r);
	ticket_move(r, ticket, TICKET_READING);
	if (read_has_lease(r))
		read_confirm(r);
	if (TAILQ_LAST(&r->tickets[TICKET_READING], raft_tickets) != ticket)
		return;
	r->urgent = ticket->index > r->urgent ? ticket->index : r->urgent;
	r->round = ticket->round;
	r->round_open = true;
	raft_wake(r);
}

/* The next message to that follower tells it that it may answer this query. */
void
read_promise(struct raft *r, int peer, int64_t id)
{
	struct raft_peer *p = &r->peers[peer];

	if (p->reads == NULL)
		p->reads = json_array();
	if (p->reads == NULL || json_array_append_new(p->reads, json_integer(id)) == -1)
		memory_exhausted();
	p->owed = true;
	raft_wake(r);
}

void
read_forget(struct raft *r)
{
	for (int i = 0; i < r->count; i++) {
		json_decref(r->peers[i].reads);
		r->peers[i].reads = NULL;
		r->peers[i].owed = false;
	}
}

/* ---- follower -------------------------------------------------------------------- */

void
read_take(struct raft *r, int peer, json_t *body)
{
	json_int_t index;
	json_t *ids, *id;
	size_t i;

	if (json_unpack(body, "{s:o, s:I}", "reads", &ids, "last", &index) == -1)
		return;
	json_array_foreach (ids, i, id) {
		struct raft_ticket *ticket = ticket_find(r, json_integer_value(id));

		if (ticket == NULL || ticket->leader != peer || !ticket->is_query)
			continue;
		ticket->index = index;
		ticket_move(r, ticket, TICKET_READING);
	}
}
