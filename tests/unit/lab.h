/*
 * A cluster of nodes on eddy's own network, with its latencies and its queues,
 * in virtual time; unlike in a run of eddy their state is at hand. For
 * measurements: a client asks whom it wants when it wants.
 */
#ifndef LAB_H
#define LAB_H

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "memory.h"
#include "net.h"

#define LAB_NODES_MAX 16

struct lab;

struct specimen {
	struct lab *lab;
	struct node *node;
	struct random random;
	char id[16];
	uint64_t wake;
	int64_t wake_ms;
	struct buffer line;
};

struct lab {
	struct loop *loop;
	struct net *net;
	int count;
	struct specimen nodes[LAB_NODES_MAX];
	const char *ids[LAB_NODES_MAX];
	struct random random;
	int64_t next_msg_id;
	/* A client's reply: its body, borrowed. May be NULL. */
	void (*replied)(void *arg, int64_t msg_id, const json_t *body);
	void *arg;
};

/* ---- nodes -------------------------------------------------------------------- */

static int64_t
lab_wall_ms(void *arg)
{
	return loop_now(((struct specimen *)arg)->lab->loop) / MS_NS;
}

static uint64_t
lab_random(void *arg)
{
	return random_next(&((struct specimen *)arg)->random);
}

static void
lab_log(void *arg, enum log_level level, const char *line)
{
	struct specimen *s = arg;

	(void)level;
	if (getenv("LAB_LOG") != NULL)
		fprintf(stderr, "%lld %s\n", (long long)(loop_now(s->lab->loop) / MS_NS), line);
}

static uint64_t
lab_claim(void *arg, const char *what, int64_t a, int64_t b, uint64_t value)
{
	return claims_make(net_claims(((struct specimen *)arg)->lab->net), what, a, b, value);
}

static const struct host lab_host = {.wall_ms = lab_wall_ms, .random = lab_random, .log = lab_log, .claim = lab_claim};

static void lab_wake(void *arg);

static void
lab_send(struct specimen *s, const char *line, size_t length)
{
	json_t *message = json_loadb(line, length, JSON_ALLOW_NUL, NULL);
	char *body = json_dumps(json_object_get(message, "body"), JSON_COMPACT);
	enum net_fault fault =
	    net_send(s->lab->net, s->id, json_string_value(json_object_get(message, "dest")), body, strlen(body));

	assert(fault == NET_OK);
	(void)fault;
	free(body);
	json_decref(message);
}

static void
lab_turn(struct specimen *s, const struct buffer *line)
{
	struct buffer *output = node_output(s->node);
	const char *at, *newline;
	int64_t due;

	node_turn(s->node, loop_now(s->lab->loop) / MS_NS);
	if (line != NULL)
		node_receive(s->node, line->bytes, line->length);
	for (at = output->bytes; at < output->bytes + output->length; at = newline + 1) {
		newline = memchr(at, '\n', (size_t)(output->bytes + output->length - at));
		lab_send(s, at, (size_t)(newline - at));
	}
	buffer_consume(output, output->length);
	due = node_due(s->node);
	if (s->wake != 0 && due == s->wake_ms)
		return;
	loop_cancel(s->lab->loop, s->wake);
	s->wake_ms = due;
	s->wake = due < INT64_MAX / MS_NS ? loop_at(s->lab->loop, due * MS_NS, lab_wake, s) : 0;
}

static void
lab_wake(void *arg)
{
	struct specimen *s = arg;

	s->wake = 0;
	lab_turn(s, NULL);
}

static bool
lab_deliver(void *arg, const struct envelope *envelope)
{
	struct specimen *s = arg;

	s->line.length = 0;
	envelope_write(&s->line, envelope);
	lab_turn(s, &s->line);
	return true;
}

/* ---- the client ----------------------------------------------------------------- */

static bool
lab_client(void *arg, const struct envelope *envelope)
{
	struct lab *lab = arg;
	json_t *body = json_loadb(envelope->body, envelope->length, JSON_ALLOW_NUL, NULL);

	if (lab->replied != NULL)
		lab->replied(lab->arg, json_integer_value(json_object_get(body, "in_reply_to")), body);
	json_decref(body);
	return true;
}

/* Returns the request's msg_id. Steals body. */
static int64_t
lab_ask(struct lab *lab, int i, json_t *body)
{
	char *text;

	json_object_set_new(body, "msg_id", json_integer(++lab->next_msg_id));
	text = json_dumps(body, JSON_COMPACT);
	net_send(lab->net, "c1", lab->ids[i], text, strlen(text));
	free(text);
	json_decref(body);
	return lab->next_msg_id;
}

/* ---- time ----------------------------------------------------------------------- */

static void
lab_stop(void *arg)
{
	loop_stop(arg);
}

static int64_t
lab_now_ms(const struct lab *lab)
{
	return loop_now(lab->loop) / MS_NS;
}

static void
lab_run(struct lab *lab, int64_t ms)
{
	loop_after(lab->loop, ms * MS_NS, lab_stop, lab->loop);
	loop_run(lab->loop);
}

/* ---- beginning and end ------------------------------------------------------------ */

static void
lab_configure(struct node *node)
{
	char program[] = "node", level[] = "--log-level", debug[] = "debug", quiet[] = "error";
	char *args[] = {program, level, getenv("LAB_LOG") != NULL ? debug : quiet, NULL};
	struct buffer text = {0};

	if (node_configure(node, 3, args, &text) != CONFIGURE_OK)
		abort();
	buffer_free(&text);
}

static void
lab_open(struct lab *lab, const struct program *program, int count, const struct latency *latency, uint64_t seed)
{
	*lab = (struct lab){.loop = loop_new(CLOCK_VIRTUAL), .count = count};
	lab->net = net_new(lab->loop, latency, seed);
	random_seed(&lab->random, seed, "lab", 0);
	net_add(lab->net, "c1", lab_client, lab);
	for (int i = 0; i < count; i++) {
		struct specimen *s = &lab->nodes[i];

		s->lab = lab;
		snprintf(s->id, sizeof(s->id), "n%d", i);
		lab->ids[i] = s->id;
		random_seed(&s->random, seed, "node", (uint64_t)i);
		s->node = node_new(program, &lab_host, s);
		lab_configure(s->node);
		net_add(lab->net, s->id, lab_deliver, s);
	}
	for (int i = 0; i < count; i++) {
		json_t *ids = json_array();

		for (int k = 0; k < count; k++)
			json_array_append_new(ids, json_string(lab->ids[k]));
		lab_ask(lab, i, json_pack("{s:s, s:s, s:o}", "type", "init", "node_id", lab->ids[i], "node_ids", ids));
	}
}

static void
lab_close(struct lab *lab)
{
	for (int i = 0; i < lab->count; i++) {
		node_free(lab->nodes[i].node);
		buffer_free(&lab->nodes[i].line);
	}
	net_free(lab->net);
	loop_free(lab->loop);
}

#endif
