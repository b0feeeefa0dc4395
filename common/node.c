/* The core: birth, turns and death, and which handler a message goes to. */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* While clients wait, turns come at least this often, so that a longer gap means a process that stood still. */
#define TICK_MS (NODE_STALL_MS / 2)

/* ---- birth ----------------------------------------------------------------- */

struct node *
node_new(const struct program *program, const struct host *host, void *arg)
{
	struct node *node = memory_zero(sizeof(*node));

	node->program = program;
	node->host = host;
	node->host_arg = arg;
	node->state = memory_zero(program->state_size);
	node->limits = (struct limits){.line = NODE_LINE_MAX,
	    .rpcs = NODE_RPCS_MAX,
	    .timers = NODE_TIMERS_MAX,
	    .requests = NODE_REQUESTS_MAX,
	    .early = NODE_EARLY_MAX,
	    .held = NODE_HELD_MAX,
	    .tasks = NODE_TASKS_MAX,
	    .record = NODE_RECORD_MAX};
	node->log_level = LOG_LEVEL_INFO;
	RB_INIT(&node->rpcs);
	STAILQ_INIT(&node->early);
	TAILQ_INIT(&node->held);
	TAILQ_INIT(&node->requests);
	TAILQ_INIT(&node->tasks);
	configure_defaults(node);
	return node;
}

/* ---- what it has, time and chance ------------------------------------------ */

void *
node_state(struct node *node)
{
	return node->state;
}

int64_t
node_now_ms(const struct node *node)
{
	return node->now_ms;
}

int64_t
node_wall_ms(const struct node *node)
{
	return node->host->wall_ms(node->host_arg);
}

bool
node_claims(const struct node *node)
{
	return node->host->claim != NULL;
}

uint64_t
node_claim(struct node *node, const char *what, int64_t a, int64_t b, uint64_t value)
{
	return node_claims(node) ? node->host->claim(node->host_arg, what, a, b, value) : value;
}

/* The lowest 2^64 mod bound draws are drawn anew: with them the small values would come more often. */
uint64_t
node_random(struct node *node, uint64_t bound)
{
	uint64_t excess, draw;

	if (bound == 0)
		return node->host->random(node->host_arg);
	excess = -bound % bound;
	do
		draw = node->host->random(node->host_arg);
	while (draw < excess);
	return draw % bound;
}

/* ---- messages -------------------------------------------------------------- */

static const struct route *
find_route(const struct node *node, const char *type)
{
	const struct route *route = node->program->routes;

	while (route != NULL && route->type != NULL && strcmp(route->type, type) != 0)
		route++;
	return route != NULL && route->type != NULL ? route : NULL;
}

static void
handle_unknown(struct node *node, const struct message *message)
{
	if (message->msg_id == -1)
		node_log(node, LOG_LEVEL_WARN, "dropped %s from %s: unknown type", message->type, message->src);
	else
		node_error(node, message, ERROR_NOT_SUPPORTED, "unknown type: %s", message->type);
}

static void
handle_request(struct node *node, const struct message *message)
{
	const struct route *route = find_route(node, message->type);

	node->current = message;
	node->answered = false;
	if (route != NULL)
		route->handler(node, message);
	else
		handle_unknown(node, message);
	node->current = NULL;
	if (!node->answered && message->msg_id != -1 && is_client(message->src))
		request_forgotten(node, message);
}

void
node_dispatch(struct node *node, const struct message *message)
{
	if (strcmp(message->type, "init") == 0 && message->in_reply_to == -1) {
		init_again(node, message);
		return;
	}
	hold_heard(node, message->src);
	if (message->in_reply_to != -1)
		rpc_answered(node, message);
	else
		handle_request(node, message);
}

void
node_receive(struct node *node, const char *line, size_t length)
{
	struct message message;

	if (node->failed)
		return;
	if (node->log_level >= LOG_LEVEL_TRACE)
		node_log(node, LOG_LEVEL_TRACE, "receive %.*s", length < 2000 ? (int)length : 2000, line);
	if (!message_parse(node, line, length, &message))
		return;
	if (node->phase == PHASE_NEW)
		init_receive(node, &message);
	else
		node_dispatch(node, &message);
	decoded_clear(&node->decoded);
}

void
node_receive_oversized(struct node *node, size_t length)
{
	node_log(node, LOG_LEVEL_WARN, "skipped a line of %zu bytes: longer than %zu", length, node->limits.line);
}

/* ---- turns ----------------------------------------------------------------- */

void
node_turn(struct node *node, int64_t now_ms)
{
	int64_t gap = now_ms - node->now_ms;

	if (node->failed)
		return;
	if (gap > 0)
		node->now_ms = now_ms;
	if (gap > NODE_STALL_MS)
		requests_stalled(node, gap);
	hold_turn(node);
	alarms_run(node);
}

int64_t
node_due(const struct node *node)
{
	int64_t due = node->alarms.count > 0 ? node->alarms.heap[1]->due : INT64_MAX;

	if (node->open_count > 0 && due > node->now_ms + TICK_MS)
		due = node->now_ms + TICK_MS;
	return due < hold_due(node) ? due : hold_due(node);
}

struct buffer *
node_output(struct node *node)
{
	return &node->output;
}

/* ---- failure --------------------------------------------------------------- */

void
node_fail(struct node *node, const char *fmt, ...)
{
	struct buffer text = {0};
	va_list ap;

	va_start(ap, fmt);
	buffer_vprintf(&text, fmt, ap);
	va_end(ap);
	node_log(node, LOG_LEVEL_ERROR, "cannot go on: %s", buffer_string(&text));
	buffer_free(&text);
	node->failed = true;
}

bool
node_has_failed(const struct node *node)
{
	return node->failed;
}

/* ---- death ----------------------------------------------------------------- */

/* Tasks go first: they may hold requests and timers. What stop() sets goes last. */
static void
end(struct node *node)
{
	node->phase = PHASE_ENDING;
	tasks_cancel(node);
	alarms_cancel_all(node);
	if (node->started && node->program->stop != NULL)
		node->program->stop(node);
	alarms_cancel_all(node);
}

void
node_free(struct node *node)
{
	if (node == NULL)
		return;
	end(node);
	requests_free(node);
	tasks_free(node);
	hold_free(node);
	storage_free(node);
	configure_free(node);
	init_free(node);
	decoded_free(&node->decoded);
	free(node->alarms.heap);
	free(node->handles.slots);
	buffer_free(&node->output);
	free(node->state);
	free(node);
}
