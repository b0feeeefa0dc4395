/* Requests of this node's own: who waits for which msg_id, until when, and when to ask again. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/*
 * The first msg_id is drawn below this, so that a restarted node does not take
 * an answer to an earlier incarnation for its own. It leaves room to count in
 * what a peer that keeps numbers as doubles can hold.
 */
#define FIRST_MSG_ID ((uint64_t)1 << 48)

struct rpc {
	struct alarm alarm;
	RB_ENTRY(rpc) entry; /* while `sent` */
	uint64_t handle;
	int64_t msg_id;
	bool sent; /* false: beyond the limit, nothing but a timer */
	reply_fn *reply;
	void *arg;
	drop_fn *drop;
	int64_t give_up; /* when; INT64_MAX: never */
	char *dest;

	/* To be sent again: */
	char *line;
	int64_t wait_ms, cap_ms; /* the next wait, before the draw, and the longest */
	size_t length;
};

static int
by_msg_id(struct rpc *a, struct rpc *b)
{
	return a->msg_id < b->msg_id ? -1 : a->msg_id > b->msg_id;
}

RB_GENERATE_INTERNAL(rpc_tree, rpc, entry, by_msg_id, __attribute__((unused)) static)

void
rpc_begin(struct node *node)
{
	node->next_msg_id = (int64_t)node_random(node, FIRST_MSG_ID) + 1;
}

/* ---- ends ------------------------------------------------------------------ */

static void
rpc_free(struct node *node, struct rpc *rpc)
{
	alarm_unset(node, &rpc->alarm);
	handle_end(&node->handles, rpc->handle);
	if (rpc->sent) {
		RB_REMOVE(rpc_tree, &node->rpcs, rpc);
		node->rpc_count--;
	} else {
		node->timer_count--;
	}
	free(rpc->dest);
	free(rpc->line);
	free(rpc);
}

static void
rpc_end(struct node *node, struct rpc *rpc, const struct message *message)
{
	reply_fn *reply = rpc->reply;
	void *arg = rpc->arg;

	rpc_free(node, rpc);
	reply(node, message, arg);
}

static void
rpc_cancel(struct node *node, struct alarm *alarm)
{
	struct rpc *rpc = (struct rpc *)alarm;
	drop_fn *drop = rpc->drop;
	void *arg = rpc->arg;

	rpc_free(node, rpc);
	if (drop != NULL)
		drop(arg);
}

void
rpc_answered(struct node *node, const struct message *message)
{
	struct rpc key = {.msg_id = message->in_reply_to};
	struct rpc *rpc = RB_FIND(rpc_tree, &node->rpcs, &key);

	if (rpc != NULL && strcmp(rpc->dest, message->src) == 0)
		rpc_end(node, rpc, message);
	else
		node_log(node, LOG_LEVEL_DEBUG, "dropped a reply nobody waits for: %s from %s to %lld", message->type,
		    message->src, (long long)message->in_reply_to);
}

/* ---- attempts -------------------------------------------------------------- */

/* The next wait is drawn from [1/2, 1) of wait_ms, at least 1 ms. */
static int64_t
draw_wait(struct node *node, int64_t wait_ms)
{
	int64_t least = wait_ms - wait_ms / 2;

	return least < wait_ms ? least + (int64_t)node_random(node, (uint64_t)(wait_ms - least)) : least;
}

static void
set_next_attempt(struct node *node, struct rpc *rpc)
{
	int64_t next = node->now_ms + draw_wait(node, rpc->wait_ms);

	rpc->wait_ms = rpc->wait_ms > rpc->cap_ms / 2 ? rpc->cap_ms : rpc->wait_ms * 2;
	alarm_set(node, &rpc->alarm, next < rpc->give_up ? next : rpc->give_up);
}

/* Takes its place among the RPCs that wait for a reply, if there is one. */
static void
take_place(struct node *node, struct rpc *rpc)
{
	if (rpc->sent || node->rpc_count >= node->limits.rpcs)
		return;
	rpc->sent = true;
	RB_INSERT(rpc_tree, &node->rpcs, rpc);
	node->rpc_count++;
}

/* An earlier attempt that is still held back will do. */
static void
attempt(struct node *node, struct rpc *rpc)
{
	size_t start = node->output.length;

	if (!rpc->sent) {
		take_place(node, rpc);
		if (rpc->sent)
			node->timer_count--;
	}
	if (rpc->sent && !hold_has(node, rpc->dest)) {
		buffer_append(&node->output, rpc->line, rpc->length);
		post_line(node, rpc->dest, start);
	}
	set_next_attempt(node, rpc);
}

static void
rpc_fire(struct node *node, struct alarm *alarm)
{
	struct rpc *rpc = (struct rpc *)alarm;

	if (node->now_ms >= rpc->give_up)
		rpc_end(node, rpc, NULL);
	else
		attempt(node, rpc);
}

static const struct alarm_kind rpc_kind = {rpc_fire, rpc_cancel};

/* ---- beginnings ------------------------------------------------------------ */

static struct rpc *
rpc_new(struct node *node, const char *dest, reply_fn *reply, void *arg, drop_fn *drop)
{
	struct rpc *rpc = memory_zero(sizeof(*rpc));

	*rpc = (struct rpc){
	    .alarm.kind = &rpc_kind, .msg_id = node->next_msg_id++, .reply = reply, .arg = arg, .drop = drop};
	rpc->handle = handle_new(&node->handles, &rpc->alarm);
	rpc->dest = memory_copy(dest, strlen(dest));
	take_place(node, rpc);
	if (!rpc->sent) {
		timer_count_one(node);
		node_log(node, LOG_LEVEL_WARN, "%zu RPCs wait for a reply: not sent to %s", node->rpc_count, dest);
	}
	return rpc;
}

uint64_t
node_rpc(
    struct node *node, const char *dest, json_t *body, int64_t timeout_ms, reply_fn *reply, void *arg, drop_fn *drop)
{
	struct rpc *rpc = rpc_new(node, dest, reply, arg, drop);

	rpc->give_up = alarm_time(node, timeout_ms);
	alarm_set(node, &rpc->alarm, rpc->give_up);
	if (rpc->sent)
		post_message(node, NULL, dest, body, "msg_id", rpc->msg_id);
	json_decref(body);
	return rpc->handle;
}

uint64_t
node_rpc_retry(struct node *node, const char *dest, json_t *body, const struct retry *retry, reply_fn *reply, void *arg,
    drop_fn *drop)
{
	struct rpc *rpc = rpc_new(node, dest, reply, arg, drop);
	struct buffer line = {0};

	assert(retry->initial_ms > 0 && retry->cap_ms >= retry->initial_ms);
	post_write(node, &line, NULL, dest, body, "msg_id", rpc->msg_id);
	json_decref(body);
	rpc->line = line.bytes;
	rpc->length = line.length;
	rpc->wait_ms = retry->initial_ms;
	rpc->cap_ms = retry->cap_ms;
	rpc->give_up = retry->give_up_ms > 0 ? alarm_time(node, retry->give_up_ms) : INT64_MAX;
	attempt(node, rpc);
	return rpc->handle;
}
