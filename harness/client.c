/*
 * One client: a receiver in the network that waits for one reply at a time.
 * Like Maelstrom's it takes messages from its queue only while it waits, so
 * what comes between two requests is looked at, and thrown away, in the next.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "encode.h"
#include "memory.h"

struct client {
	struct loop *loop;
	struct net *net;
	struct endpoint *endpoint;
	int64_t next_msg_id;

	/* The request under way. */
	bool waiting;
	int64_t msg_id;
	uint64_t timeout;
	struct arena *arena;
	answer_fn *answer;
	void *arg;

	void *memory; /* of the workload */
	struct buffer line;
};

static bool receive(void *, const struct envelope *);

struct client *
client_open(struct loop *loop, struct net *net, int *next_client)
{
	struct client *client = memory_zero(sizeof(*client));
	char id[16];

	snprintf(id, sizeof(id), "c%d", (*next_client)++);
	client->loop = loop;
	client->net = net;
	client->endpoint = net_add(net, id, receive, client);
	endpoint_pause(client->endpoint);
	return client;
}

void
client_close(struct client *client)
{
	if (client == NULL)
		return;
	loop_cancel(client->loop, client->timeout);
	net_remove(client->net, client->endpoint);
	buffer_free(&client->line);
	free(client);
}

const char *
client_id(const struct client *client)
{
	return endpoint_id(client->endpoint);
}

void *
client_memory(struct client *client, struct arena *arena, size_t size)
{
	if (client->memory == NULL)
		client->memory = arena_zero(arena, size);
	return client->memory;
}

int64_t
client_latency_ms(const struct client *client)
{
	return net_latency_mean_ms(client->net);
}

/* ---- answers ----------------------------------------------------------------- */

/* Ends the wait first: the callback may send the next request, or close the client. */
static void
finish(struct client *client, enum answer answer, const struct value *body)
{
	client->waiting = false;
	endpoint_pause(client->endpoint);
	loop_cancel(client->loop, client->timeout);
	client->timeout = 0;
	client->answer(client->arg, answer, body);
}

static void
timed_out(void *arg)
{
	finish(arg, ANSWER_TIMEOUT, NULL);
}

/* The keyword of a string, which shares its text. */
static const struct value *
keyword_of(struct arena *arena, const struct value *string)
{
	struct value *keyword = arena_alloc(arena, sizeof(*keyword));

	*keyword = *string;
	keyword->type = VALUE_KEYWORD;
	keyword->length = strlen(string->text);
	return keyword;
}

/* The keys of a body become keywords, at this one level. */
static const struct value *
keywordize(struct arena *arena, const struct value *body)
{
	struct value *map = value_collection(arena, VALUE_MAP);

	for (size_t i = 0; i + 1 < body->count; i += 2) {
		const struct value *key = body->items[i];

		if (key->type == VALUE_STRING)
			key = keyword_of(arena, key);
		value_put(arena, map, key, body->items[i + 1]);
	}
	return map;
}

static bool
receive(void *arg, const struct envelope *envelope)
{
	struct client *client = arg;
	const char *cursor = envelope->body, *error = NULL;
	const struct value *body, *in_reply_to;

	assert(client->waiting);
	body = json_read(client->arena, &cursor, envelope->body + envelope->length, &error);
	if (body == NULL || body->type != VALUE_MAP)
		return true;
	in_reply_to = value_get(body, "in_reply_to");
	if (in_reply_to == NULL || in_reply_to->type != VALUE_INT || in_reply_to->integer != client->msg_id)
		return true;
	body = keywordize(client->arena, body);
	finish(client, value_is_string(value_get(body, "type"), "error") ? ANSWER_ERROR : ANSWER_REPLY, body);
	return true;
}

/* ---- requests ------------------------------------------------------------------ */

void
client_request(struct client *client, const char *dest, struct arena *arena, const struct value *body,
    int64_t timeout_ms, answer_fn *answer, void *arg)
{
	assert(!client->waiting && body->type == VALUE_MAP);
	client->waiting = true;
	client->msg_id = ++client->next_msg_id;
	client->arena = arena;
	client->answer = answer;
	client->arg = arg;
	client->timeout = loop_after(client->loop, timeout_ms * MS_NS, timed_out, client);

	client->line.length = 0;
	json_write(&client->line, body);
	client->line.length--; /* the closing brace */
	buffer_append_string(&client->line, body->count > 0 ? ",\"msg_id\":" : "\"msg_id\":");
	encode_integer(&client->line, client->msg_id);
	buffer_append_char(&client->line, '}');
	net_send(client->net, client_id(client), dest, client->line.bytes, client->line.length);
	endpoint_resume(client->endpoint);
}
