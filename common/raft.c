/* Life of a Raft node: what comes in goes to its room, and time to all of them. */
#include "raft.h"

#include <assert.h>
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "raft_internal.h"

/* ---- what the rooms share ------------------------------------------------- */

int64_t
raft_now(const struct raft *r)
{
	return node_now_ms(r->node);
}

int
raft_quorum(const struct raft *r)
{
	return r->count / 2 + 1;
}

int64_t
raft_quorum_value(const struct raft *r, int64_t own, int64_t (*of)(const struct raft_peer *))
{
	int64_t best = INT64_MIN;

	for (int i = 0; i < r->count; i++) {
		int64_t value = i == r->self ? own : of(&r->peers[i]);
		int reached = 0;

		for (int k = 0; k < r->count; k++)
			reached += (k == r->self ? own : of(&r->peers[k])) >= value;
		if (reached >= raft_quorum(r) && value > best)
			best = value;
	}
	return best;
}

void
raft_send(struct raft *r, int peer, json_t *body)
{
	assert(peer != r->self);
	if (r->lives.own != 0 && json_object_set_new(body, "life", json_integer(r->lives.own)) == -1)
		memory_exhausted();
	node_send(r->node, node_peer(r->node, peer), body);
}

void
raft_trace(struct raft *r, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	if (!node_logs(r->node, LOG_LEVEL_DEBUG))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	node_log(r->node, LOG_LEVEL_DEBUG, "raft: %s", text);
}

json_t *
raft_error_body(enum error code, const char *text)
{
	return json_pack("{s:s, s:i, s:s}", "type", "error", "code", (int)code, "text", text);
}

void
raft_claim(struct raft *r, const char *what, int64_t a, int64_t b, uint64_t value)
{
	uint64_t standing = node_claim(r->node, what, a, b, value);

	if (standing == value)
		return;
	warnx("raft: invariant broken: %s (%" PRId64 ", %" PRId64 ") is %" PRIu64 " at %s and %" PRIu64 " elsewhere",
	    what, a, b, value, node_id(r->node), standing);
	abort();
}

uint64_t
raft_claimed(struct raft *r, const char *what, int64_t a, int64_t b)
{
	return node_claims(r->node) ? node_claim(r->node, what, a, b, 0) : 0;
}

/* ---- roles ---------------------------------------------------------------- */

static void
set_term(struct raft *r, int64_t term)
{
	if (term <= r->term)
		return;
	r->term = term;
	r->voted_for = -1;
	r->agreed = 0;
	election_calm(r);
}

void
raft_follow(struct raft *r, int64_t term, int leader)
{
	bool led = r->role == ROLE_LEADER;

	assert(term >= r->term && leader != r->self);
	if (leader != -1 && (leader != r->leader || term != r->term))
		raft_trace(r, "follows %s in term %" PRId64, node_peer(r->node, leader), term);
	else if (r->role != ROLE_FOLLOWER)
		raft_trace(r, "steps down in term %" PRId64, term);
	set_term(r, term);
	r->role = ROLE_FOLLOWER;
	r->leader = leader;
	if (led) {
		replication_end(r);
		election_reset(r);
	}
	tickets_leader(r);
}

/* ---- time ----------------------------------------------------------------- */

static void tick(struct node *, void *arg);

void
raft_arm(struct raft *r, int64_t due)
{
	if (due >= r->timer_due || due == INT64_MAX)
		return;
	node_cancel(r->node, r->timer);
	r->timer = node_after(r->node, due - raft_now(r), tick, r, NULL);
	r->timer_due = due;
}

/* A timer that comes too early does no harm, and saves setting it anew with each message. */
void
raft_settle(struct raft *r)
{
	commit_check(r);
	storage_settle(r);
	raft_arm(r, election_next(r));
	raft_arm(r, replication_next(r));
	raft_arm(r, tickets_next(r));
}

static void
tick(struct node *node, void *arg)
{
	struct raft *r = arg;

	(void)node;
	r->timer_due = INT64_MAX;
	election_tick(r);
	tickets_tick(r);
	if (r->role == ROLE_LEADER)
		replication_flush(r);
	raft_settle(r);
}

static void
flush(struct node *node, void *arg)
{
	struct raft *r = arg;

	(void)node;
	r->flushing = false;
	if (r->role == ROLE_LEADER)
		replication_flush(r);
	raft_settle(r);
}

void
raft_wake(struct raft *r)
{
	if (r->flushing)
		return;
	r->flushing = true;
	node_after(r->node, 0, flush, r, NULL);
}

/* ---- messages --------------------------------------------------------------- */

static const struct {
	const char *type;
	void (*receive)(struct raft *, int peer, json_t *body);
} rooms[] = {
    {"raft_append", follower_append},
    {"raft_append_ok", replication_append_ok},
    {"raft_forward", ticket_forward},
    {"raft_forward_ok", ticket_forward_ok},
    {"raft_snapshot", snapshot_receive},
    {"raft_snapshot_ok", snapshot_ok},
    {"raft_timeout_now", election_timeout_now},
    {"raft_vote", election_vote},
    {"raft_vote_ok", election_vote_ok},
};

/* What this node has forgotten may have been counted by others: so it must not promise anything anew. */
static void
retire(void *arg)
{
	struct raft *r = arg;

	node_log(r->node, LOG_LEVEL_WARN,
	    "raft: this node was started again without what it had promised, and takes no part any more");
	raft_follow(r, r->term, -1);
	tickets_retire(r);
}

/* Each of them has one. */
static bool
has_term(const struct message *m)
{
	json_int_t term;

	return json_unpack(m->body, "{s:I}", "term", &term) == 0 && term >= 0 && term <= RAFT_TERM_MAX;
}

void
raft_receive(struct raft *r, const struct message *m)
{
	int peer = node_find(r->node, m->src);

	if (peer == -1 || peer == r->self) {
		node_error(r->node, m, ERROR_NOT_SUPPORTED, "%s is for the cluster's nodes", m->type);
		return;
	}
	if (!lives_admits(&r->lives, peer, m) || !has_term(m))
		return;
	election_rouse(r, false);
	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++)
		if (strcmp(rooms[i].type, m->type) == 0)
			rooms[i].receive(r, peer, m->body);
	raft_settle(r);
}

/* ---- requests --------------------------------------------------------------- */

void
raft_propose(struct raft *r, struct request *request, json_t *command)
{
	ticket_submit(r, false, request, command);
	raft_settle(r);
}

void
raft_query(struct raft *r, struct request *request, json_t *query)
{
	ticket_submit(r, true, request, query);
	raft_settle(r);
}

/* ---- beginning and end -------------------------------------------------------- */

static const struct raft_limits limits = {
    .tickets = RAFT_TICKETS_MAX,
    .log_entries = RAFT_LOG_ENTRIES,
    .log_bytes = RAFT_LOG_BYTES,
    .unapplied_bytes = RAFT_UNAPPLIED_BYTES,
    .chunk_bytes = RAFT_CHUNK_BYTES,
    .batch_entries = RAFT_BATCH_ENTRIES,
    .stash = RAFT_STASH_MAX,
    .stored_bytes = RAFT_STORED_BYTES,
};

struct raft *
raft_new(struct node *node, const struct raft_machine *machine, const struct raft_options *options)
{
	struct raft *r = memory_zero(sizeof(*r));

	*r = (struct raft){.node = node, .machine = machine, .options = *options};
	r->limits = limits;
	r->count = node_count(node);
	r->self = node_index(node);
	r->peers = memory_zero((size_t)r->count * sizeof(*r->peers));
	r->voted_for = r->leader = r->transfer_to = -1;
	r->timer_due = INT64_MAX;
	r->incarnation = (int64_t)node_random(node, (uint64_t)1 << 48) + 1;
	for (int i = 0; i < TICKET_PLACES; i++)
		TAILQ_INIT(&r->tickets[i]);
	if (r->options.patience_ms <= 0 || r->options.patience_ms > NODE_DEADLINE_MS)
		r->options.patience_ms = NODE_DEADLINE_MS;
	storage_begin(r);
	lives_init(&r->lives, node, "raft_life", r->storage.durable ? 0 : r->incarnation, retire, r);
	election_begin(r);
	raft_settle(r);
	return r;
}

void
raft_free(struct raft *r)
{
	if (r == NULL)
		return;
	node_cancel(r->node, r->timer);
	lives_free(&r->lives);
	replication_end(r);
	tickets_free(r);
	follower_forget(r);
	log_reset(&r->log, 0, 0);
	buffer_free(&r->incoming);
	free(r->peers);
	free(r);
}
