/*
 * Reads without a log entry (6.4). A query that reaches the leader is answered
 * from its state once a majority has confirmed, after the query came, that
 * this is still the leader; and once the leader has committed an entry of its
 * own term, for before that it may not know all that is committed. Queries
 * that come together share a round of confirmations, which travels with
 * whatever is sent anyway.
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
	struct raft_ticket *ticket, *next;
	bool lease;
	int64_t round;

	if (r->role != ROLE_LEADER || log_term(&r->log, r->commit) != r->term)
		return;
	lease = read_has_lease(r);
	round = raft_quorum_value(r, r->round, round_of);
	TAILQ_FOREACH_SAFE (ticket, &r->tickets[TICKET_READING], entry, next) {
		if (!lease && ticket->round > round)
			break;
		ticket_answer(r, ticket, r->machine->query(r->node, ticket->command));
	}
}

void
read_begin(struct raft *r, struct raft_ticket *ticket)
{
	ticket->round = r->round_open ? r->round : r->round + 1;
	ticket_move(r, ticket, TICKET_READING);
	if (read_has_lease(r))
		read_confirm(r);
	if (TAILQ_LAST(&r->tickets[TICKET_READING], raft_tickets) != ticket)
		return;
	r->round = ticket->round;
	r->round_open = true;
	raft_wake(r);
}
