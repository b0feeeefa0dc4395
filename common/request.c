/*
 * Requests that are answered later, or too late. Clients give up after 5 s and
 * may be gone for good by then, and a reply to a client that is gone deafens
 * the node: hence the deadline, and silence behind it.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* At most a stall lies between the deadline and the turn that meets it: so no error is ever sent in the silence. */
_Static_assert(NODE_DEADLINE_MS + NODE_STALL_MS <= NODE_SILENCE_MS, "a late turn would break the silence");

struct request {
	struct alarm alarm; /* its deadline, if it has one */
	TAILQ_ENTRY(request) entry;
	struct node *node;
	int64_t msg_id, read_ms;
	enum error code; /* at the deadline */
	bool open;       /* may be answered */
	bool timed;      /* a client waits for the answer */
	bool forgotten;  /* by its handler: ends by itself */
	bool counted;    /* false: beyond the limit */
	char src[];
};

/* ---- ends ------------------------------------------------------------------ */

static void
request_close(struct request *request)
{
	if (request->open && request->timed)
		request->node->open_count--;
	request->open = false;
	alarm_unset(request->node, &request->alarm);
}

static void
request_free(struct request *request)
{
	struct node *node = request->node;

	request_close(request);
	if (request->counted)
		node->request_count--;
	TAILQ_REMOVE(&node->requests, request, entry);
	free(request);
}

static void
answer(struct request *request, const json_t *body)
{
	struct node *node = request->node;

	if (!request->open)
		node_log(node, LOG_LEVEL_DEBUG, "dropped a late reply to %s's %lld", request->src,
		    (long long)request->msg_id);
	else if (request->msg_id != -1)
		post_message(node, NULL, request->src, body, "in_reply_to", request->msg_id);
}

static void
request_fire(struct node *node, struct alarm *alarm)
{
	struct request *request = (struct request *)alarm;
	json_t *body =
	    error_body(request->code, "no answer within %lld ms", (long long)(alarm->due - request->read_ms));

	node_log(node, LOG_LEVEL_DEBUG, "%s's %lld met its deadline", request->src, (long long)request->msg_id);
	answer(request, body);
	json_decref(body);
	request_close(request);
	if (request->forgotten)
		request_free(request);
}

static void
request_cancel(struct node *node, struct alarm *alarm)
{
	alarm_unset(node, alarm);
}

static const struct alarm_kind request_kind = {request_fire, request_cancel};

/* ---- beginnings ------------------------------------------------------------ */

static struct request *
request_new(struct node *node, const struct message *message)
{
	size_t length = strlen(message->src);
	struct request *request = memory_zero(sizeof(*request) + length + 1);

	request->alarm.kind = &request_kind;
	request->node = node;
	request->msg_id = message->msg_id;
	request->read_ms = node->now_ms;
	request->code = ERROR_TIMEOUT;
	request->timed = is_client(message->src) && message->msg_id != -1;
	memcpy(request->src, message->src, length);
	TAILQ_INSERT_TAIL(&node->requests, request, entry);
	return request;
}

static void
request_open(struct request *request)
{
	struct node *node = request->node;

	request->open = request->counted = true;
	node->request_count++;
	if (!request->timed)
		return;
	node->open_count++;
	alarm_set(node, &request->alarm, request->read_ms + NODE_DEADLINE_MS);
}

/* Whether it will be done nobody knows: no definite error. */
static void
refuse(struct request *request)
{
	json_t *body = error_body(ERROR_TIMEOUT, "%zu requests are waiting", request->node->request_count);

	request->open = true;
	answer(request, body);
	request->open = false;
	json_decref(body);
}

static struct request *
defer(struct node *node, const struct message *message)
{
	struct request *request = request_new(node, message);

	if (node->request_count < node->limits.requests)
		request_open(request);
	else
		refuse(request);
	return request;
}

struct request *
node_defer(struct node *node, const struct message *message)
{
	return post_claim(node, message) ? defer(node, message) : request_new(node, message);
}

void
request_forgotten(struct node *node, const struct message *message)
{
	struct request *request = defer(node, message);

	request->forgotten = true;
	if (!request->open)
		request_free(request);
}

/* ---- answers --------------------------------------------------------------- */

void
request_reply(struct request *request, json_t *body)
{
	if (body == NULL)
		memory_exhausted();
	answer(request, body);
	json_decref(body);
	request_free(request);
}

void
request_reply_type(struct request *request, const char *type)
{
	request_reply(request, type_body(type));
}

void
request_error(struct request *request, enum error code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	request_reply(request, error_body_v(code, fmt, ap));
	va_end(ap);
}

/* ---- deadlines ------------------------------------------------------------- */

void
request_deadline(struct request *request, int64_t ms, enum error code)
{
	if (!request->open || request->msg_id == -1)
		return;
	if (ms < 0)
		ms = 0;
	if (request->timed && ms > NODE_DEADLINE_MS)
		ms = NODE_DEADLINE_MS;
	request->code = code;
	alarm_set(
	    request->node, &request->alarm, ms < INT64_MAX - request->read_ms ? request->read_ms + ms : INT64_MAX);
}

bool
request_closed(const struct request *request)
{
	return !request->open;
}

void
requests_stalled(struct node *node, int64_t gap_ms)
{
	struct request *request, *next;

	if (node->open_count == 0)
		return;
	node_log(node, LOG_LEVEL_WARN, "stood still for %lld ms: dropped %zu clients' requests", (long long)gap_ms,
	    node->open_count);
	TAILQ_FOREACH_SAFE (request, &node->requests, entry, next) {
		if (!request->open || !request->timed)
			continue;
		request_close(request);
		if (request->forgotten)
			request_free(request);
	}
}

void
requests_free(struct node *node)
{
	struct request *request, *next;

	TAILQ_FOREACH_SAFE (request, &node->requests, entry, next)
		request_free(request);
}
