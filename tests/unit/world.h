/*
 * A small world for nodes, beside eddy's: virtual time, a network that also
 * loses, repeats and overtakes (Maelstrom's does not), clients, a seq-kv that
 * answers from the past, and disks for nodes that are killed and started
 * again. Everything follows from the seed.
 */
#ifndef WORLD_H
#define WORLD_H

#include <sys/queue.h>

#include <assert.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disk.h"
#include "host.h"
#include "random.h"

#define WORLD_NODES_MAX 32
#define WORLD_STATES    32 /* that seq-kv remembers */

struct letter {
	TAILQ_ENTRY(letter) entry;
	int64_t due;
	char *src, *dest, *line;
};
TAILQ_HEAD(letters, letter);

struct world;

/* How a node dies in the next turn that stores something: before the sync is done, and so before anything is sent. */
enum death {
	DEATH_NONE,
	DEATH_NOTHING_STORED,
	DEATH_ALL_STORED,
	DEATH_BY_CHANCE, /* the disk draws what is left */
};

struct actor {
	struct world *world;
	struct node *node; /* NULL: killed */
	struct disk *disk;
	enum death dies;
	bool fails;               /* the test wants to see it fail by itself */
	int64_t stopped_until_ms; /* as a process that got SIGSTOP: it neither hears nor does anything before */
	struct random random;
	char id[16];
	uint64_t seen; /* seq-kv: index of the state that it last saw */
};

struct world {
	int64_t now_ms, wall_ms; /* the wall clock is the test's to set */
	int count;
	struct actor actors[WORLD_NODES_MAX];
	struct random random;
	struct letters letters; /* in order of delivery */

	/* The network's faults. */
	int64_t latency_min_ms, latency_max_ms;
	uint64_t loss, duplication;                     /* in a thousand; between nodes and of what concerns services */
	bool blocked[WORLD_NODES_MAX][WORLD_NODES_MAX]; /* [src][dest] */

	uint64_t server_messages;
	json_t *claims;       /* node_claim(): what a b -> value */
	struct buffer *trace; /* takes the nodes' log lines, without their time; may be NULL */
	int64_t next_msg_id;
	json_t *replies; /* to clients: body by msg_id */

	/* seq-kv */
	json_t *states[WORLD_STATES]; /* by index modulo WORLD_STATES */
	uint64_t last_state;
	uint64_t kv_requests;

	json_t *lin_kv;     /* value by the key's text */
	int64_t timestamps; /* that lin-tso has given */
};

/* ---- the host's side ---------------------------------------------------------- */

static int64_t
world_wall_ms(void *arg)
{
	return ((struct actor *)arg)->world->wall_ms;
}

static uint64_t
world_random(void *arg)
{
	return random_next(&((struct actor *)arg)->random);
}

static void
world_log(void *arg, enum log_level level, const char *line)
{
	struct world *w = ((struct actor *)arg)->world;

	if (w->trace != NULL)
		buffer_printf(w->trace, "%lld%s\n", (long long)w->now_ms, strchr(line, ' '));
	if (getenv("WORLD_LOG") != NULL)
		fprintf(stderr, "%lld %d %s\n", (long long)w->now_ms, (int)level, line);
}

static uint64_t
world_claim(void *arg, const char *what, int64_t a, int64_t b, uint64_t value)
{
	json_t *claims = ((struct actor *)arg)->world->claims, *standing;
	char key[128];

	snprintf(key, sizeof(key), "%s %lld %lld", what, (long long)a, (long long)b);
	standing = json_object_get(claims, key);
	if (standing != NULL)
		return (uint64_t)json_integer_value(standing);
	if (value != 0)
		json_object_set_new(claims, key, json_integer((json_int_t)value));
	return value;
}

static bool
world_load(void *arg, const char *dir, const char *id, struct buffer *bytes)
{
	(void)dir;
	(void)id;
	disk_load(((struct actor *)arg)->disk, bytes);
	return true;
}

static const struct host world_host = {world_wall_ms, world_random, world_log, world_claim, world_load};

/* ---- the network -------------------------------------------------------------- */

static int
world_find(const struct world *w, const char *id)
{
	for (int i = 0; i < w->count; i++)
		if (strcmp(w->actors[i].id, id) == 0)
			return i;
	return -1;
}

static void
world_post(struct world *w, const char *src, const char *dest, const char *line, int64_t due)
{
	struct letter *letter = malloc(sizeof(*letter)), *before;

	*letter = (struct letter){.due = due, .src = strdup(src), .dest = strdup(dest), .line = strdup(line)};
	before = TAILQ_LAST(&w->letters, letters);
	while (before != NULL && before->due > due)
		before = TAILQ_PREV(before, letters, entry);
	if (before != NULL)
		TAILQ_INSERT_AFTER(&w->letters, before, letter, entry);
	else
		TAILQ_INSERT_HEAD(&w->letters, letter, entry);
}

static void
world_letter_free(struct letter *letter)
{
	free(letter->src);
	free(letter->dest);
	free(letter->line);
	free(letter);
}

/* Between servers: late, lost, twice. */
static void
world_send(struct world *w, const char *src, const char *dest, const char *line)
{
	int copies = random_below(&w->random, 1000) < w->duplication ? 2 : 1;

	w->server_messages++;
	while (copies-- > 0) {
		uint64_t range = (uint64_t)(w->latency_max_ms - w->latency_min_ms) + 1;
		int64_t latency = w->latency_min_ms + (int64_t)random_below(&w->random, range);

		if (random_below(&w->random, 1000) >= w->loss)
			world_post(w, src, dest, line, w->now_ms + latency);
	}
}

/* What a node printed. */
static void
world_print(struct world *w, const char *line, size_t length)
{
	json_t *message = json_loadb(line, length, JSON_ALLOW_NUL, NULL), *body = json_object_get(message, "body");
	const char *src = json_string_value(json_object_get(message, "src"));
	const char *dest = json_string_value(json_object_get(message, "dest"));
	char *text, key[32];

	assert(src != NULL && dest != NULL && json_is_object(body));
	if (is_client(dest)) {
		snprintf(key, sizeof(key), "%lld", (long long)json_integer_value(json_object_get(body, "in_reply_to")));
		assert(json_object_get(w->replies, key) == NULL); /* nobody answers twice */
		json_object_set(w->replies, key, body);
	} else {
		text = strndup(line, length);
		world_send(w, src, dest, text);
		free(text);
	}
	json_decref(message);
}

/* Kills a node, where it is: of what it has not synced anything may be left. */
static void
world_kill(struct world *w, int i)
{
	struct actor *a = &w->actors[i];

	if (a->node == NULL)
		return;
	disk_crash(a->disk);
	node_free(a->node);
	a->node = NULL;
	a->dies = DEATH_NONE;
}

/* In the midst of a turn. A replacement is there, or it is not. */
static void
world_die(struct world *w, struct actor *a, const struct storing *storing)
{
	struct storing last = *storing;

	last.sync = a->dies == DEATH_ALL_STORED || storing->replace;
	if (a->dies == DEATH_BY_CHANCE && storing->replace && random_below(&w->random, 2) == 0)
		a->dies = DEATH_NOTHING_STORED;
	if (a->dies != DEATH_NOTHING_STORED)
		disk_store(a->disk, &last);
	world_kill(w, (int)(a - w->actors));
}

/* Of what is on a disk only the first so many bytes are left. Returns how many there were. */
static __attribute__((unused)) size_t
world_tear(struct world *w, int i, size_t left)
{
	struct storing storing = {.replace = true, .sync = true};
	size_t length;

	disk_load(w->actors[i].disk, &storing.bytes);
	length = storing.bytes.length;
	if (left < length)
		storing.bytes.length = left;
	disk_store(w->actors[i].disk, &storing);
	buffer_free(&storing.bytes);
	return length;
}

static void
world_drain(struct world *w, struct actor *a)
{
	struct buffer *output = node_output(a->node);
	const struct storing *storing = node_storing(a->node);
	size_t start = 0;

	assert(a->fails || !node_has_failed(a->node));
	if (node_has_failed(a->node))
		return;
	if (a->dies != DEATH_NONE && storing != NULL && storing->bytes.length > 0) {
		world_die(w, a, storing);
		return;
	}
	if (storing != NULL) {
		disk_store(a->disk, storing);
		node_has_stored(a->node);
	}
	for (size_t i = 0; i < output->length; i++)
		if (output->bytes[i] == '\n') {
			world_print(w, output->bytes + start, i - start);
			start = i + 1;
		}
	assert(start == output->length);
	buffer_consume(output, start);
}

static void
world_feed(struct world *w, int i, const char *line)
{
	if (w->actors[i].node == NULL)
		return;
	node_turn(w->actors[i].node, w->now_ms);
	node_receive(w->actors[i].node, line, strlen(line));
	world_drain(w, &w->actors[i]);
}

/* ---- seq-kv ------------------------------------------------------------------- */

/* Performs a request on a state, which is changed if the request changes it. Returns the reply's body. */
static json_t *
world_kv_apply(json_t *state, json_t *body)
{
	const char *type = json_string_value(json_object_get(body, "type"));
	const char *key = json_string_value(json_object_get(body, "key"));
	json_t *found = json_object_get(state, key);

	if (strcmp(type, "read") == 0)
		return found != NULL ? json_pack("{s:s, s:O}", "type", "read_ok", "value", found)
				     : json_pack("{s:s, s:i, s:s}", "type", "error", "code", 20, "text", "no such key");
	if (strcmp(type, "write") == 0) {
		json_object_set(state, key, json_object_get(body, "value"));
		return json_pack("{s:s}", "type", "write_ok");
	}
	assert(strcmp(type, "cas") == 0);
	if (found == NULL && !json_is_true(json_object_get(body, "create_if_not_exists")))
		return json_pack("{s:s, s:i, s:s}", "type", "error", "code", 20, "text", "no such key");
	if (found != NULL && !json_equal(found, json_object_get(body, "from")))
		return json_pack("{s:s, s:i, s:s}", "type", "error", "code", 22, "text", "not the value");
	json_object_set(state, key, json_object_get(body, "to"));
	return json_pack("{s:s}", "type", "cas_ok");
}

/* Sequential consistency as Maelstrom has it (maelstrom.service): from the past unless it changes something. */
static json_t *
world_kv(struct world *w, struct actor *a, json_t *body)
{
	uint64_t index = a->seen + random_below(&w->random, w->last_state - a->seen + 1);
	json_t *old = w->states[index % WORLD_STATES], *state = json_copy(old);
	json_t *reply = world_kv_apply(state, body);

	w->kv_requests++;
	if (json_equal(state, old)) {
		json_decref(state);
		a->seen = index;
		return reply;
	}
	json_decref(state);
	json_decref(reply);
	state = json_copy(w->states[w->last_state % WORLD_STATES]);
	reply = world_kv_apply(state, body);
	a->seen = ++w->last_state;
	json_decref(w->states[w->last_state % WORLD_STATES]);
	w->states[w->last_state % WORLD_STATES] = state;
	return reply;
}

/* Keys may be any JSON here. */
static json_t *
world_lin_kv(struct world *w, json_t *body)
{
	char *key = json_dumps(json_object_get(body, "key"), JSON_ENCODE_ANY);
	json_t *request = json_copy(body), *reply;

	w->kv_requests++;
	json_object_set_new(request, "key", json_string(key));
	reply = world_kv_apply(w->lin_kv, request);
	json_decref(request);
	free(key);
	return reply;
}

static json_t *
world_lin_tso(struct world *w)
{
	w->kv_requests++;
	return json_pack("{s:s, s:I}", "type", "ts_ok", "ts", (json_int_t)w->timestamps++);
}

static bool
world_is_service(const char *id)
{
	return strcmp(id, "seq-kv") == 0 || strcmp(id, "lin-kv") == 0 || strcmp(id, "lin-tso") == 0;
}

static json_t *
world_served(struct world *w, const char *service, const char *src, json_t *body)
{
	if (strcmp(service, "lin-kv") == 0)
		return world_lin_kv(w, body);
	if (strcmp(service, "lin-tso") == 0)
		return world_lin_tso(w);
	return world_kv(w, &w->actors[world_find(w, src)], body);
}

static void
world_serve(struct world *w, const char *service, const char *src, const char *line)
{
	json_t *message = json_loads(line, JSON_ALLOW_NUL, NULL), *body = json_object_get(message, "body");
	json_t *reply = world_served(w, service, src, body);
	char *text;

	json_object_set(reply, "in_reply_to", json_object_get(body, "msg_id"));
	reply = json_pack("{s:s, s:s, s:o}", "src", service, "dest", src, "body", reply);
	text = json_dumps(reply, 0);
	world_send(w, service, src, text);
	free(text);
	json_decref(reply);
	json_decref(message);
}

/* ---- time --------------------------------------------------------------------- */

static void
world_deliver(struct world *w, struct letter *letter)
{
	int src = world_find(w, letter->src), dest = world_find(w, letter->dest);

	if (dest != -1 && w->actors[dest].stopped_until_ms > w->now_ms)
		world_post(w, letter->src, letter->dest, letter->line, w->actors[dest].stopped_until_ms);
	else if (dest == -1 && world_is_service(letter->dest))
		world_serve(w, letter->dest, letter->src, letter->line);
	else if (dest != -1 && (src == -1 || !w->blocked[src][dest]))
		world_feed(w, dest, letter->line);
}

/* When a node wants a turn. */
static int64_t
world_actor_due(const struct actor *a)
{
	int64_t due = a->node != NULL ? node_due(a->node) : INT64_MAX;

	return due > a->stopped_until_ms ? due : a->stopped_until_ms;
}

static int64_t
world_due(const struct world *w)
{
	int64_t due = TAILQ_EMPTY(&w->letters) ? INT64_MAX : TAILQ_FIRST(&w->letters)->due;

	for (int i = 0; i < w->count; i++)
		if (world_actor_due(&w->actors[i]) < due)
			due = world_actor_due(&w->actors[i]);
	return due;
}

/* Lets `ms` go by. */
static void
world_run(struct world *w, int64_t ms)
{
	int64_t end = w->now_ms + ms;

	while (world_due(w) <= end) {
		struct letter *letter;

		if (world_due(w) > w->now_ms)
			w->now_ms = world_due(w);
		for (int i = 0; i < w->count; i++)
			if (world_actor_due(&w->actors[i]) <= w->now_ms) {
				node_turn(w->actors[i].node, w->now_ms);
				world_drain(w, &w->actors[i]);
			}
		while ((letter = TAILQ_FIRST(&w->letters)) != NULL && letter->due <= w->now_ms) {
			TAILQ_REMOVE(&w->letters, letter, entry);
			world_deliver(w, letter);
			world_letter_free(letter);
		}
	}
	w->now_ms = end;
}

/* ---- clients ------------------------------------------------------------------ */

/* Sends a request to a node; returns its msg_id. Steals body. */
static int64_t
world_ask_from(struct world *w, const char *client, int i, json_t *body)
{
	int64_t msg_id = ++w->next_msg_id;
	json_t *message;
	char *text;

	assert(body != NULL);
	json_object_set_new(body, "msg_id", json_integer(msg_id));
	message = json_pack("{s:s, s:s, s:o}", "src", client, "dest", w->actors[i].id, "body", body);
	text = json_dumps(message, 0);
	world_feed(w, i, text);
	free(text);
	json_decref(message);
	return msg_id;
}

static int64_t
world_ask(struct world *w, int i, json_t *body)
{
	return world_ask_from(w, "c1", i, body);
}

/* The body of the reply, borrowed; NULL if there is none yet. */
static json_t *
world_reply(const struct world *w, int64_t msg_id)
{
	char key[32];

	snprintf(key, sizeof(key), "%lld", (long long)msg_id);
	return json_object_get(w->replies, key);
}

/* ---- beginning and end ---------------------------------------------------------- */

/* Makes a node and sends it init. */
static void
world_start(struct world *w, const struct program *program, int i, char *const args[])
{
	struct buffer text = {0};
	struct actor *a = &w->actors[i];
	json_t *ids = json_array();
	int argc = 0;

	a->node = node_new(program, &world_host, a);
	while (args != NULL && args[argc] != NULL)
		argc++;
	if (args != NULL && node_configure(a->node, argc, args, &text) != CONFIGURE_OK)
		abort();
	buffer_free(&text);
	for (int k = 0; k < w->count; k++)
		json_array_append_new(ids, json_string(w->actors[k].id));
	world_ask_from(w, "c0", i, json_pack("{s:s, s:s, s:o}", "type", "init", "node_id", a->id, "node_ids", ids));
}

/* `args` is a command line with the program's name in front, or NULL. */
static void
world_new(struct world *w, const struct program *program, int count, uint64_t seed, char *const args[])
{
	*w = (struct world){.count = count,
	    .wall_ms = 1700000000000,
	    .replies = json_object(),
	    .claims = json_object(),
	    .lin_kv = json_object()};
	TAILQ_INIT(&w->letters);
	random_seed(&w->random, seed, "world", 0);
	w->states[0] = json_object();
	for (int i = 0; i < count; i++) {
		w->actors[i].world = w;
		snprintf(w->actors[i].id, sizeof(w->actors[i].id), "n%d", i);
		random_seed(&w->actors[i].random, seed, "node", (uint64_t)i);
		w->actors[i].disk = disk_new(seed, i);
	}
	for (int i = 0; i < count; i++)
		world_start(w, program, i, args);
}

/* Starts a node again, and kills it before if it lives: it loses its memory, and draws other random numbers. */
static __attribute__((unused)) void
world_restart(struct world *w, const struct program *program, int i, char *const args[])
{
	world_kill(w, i);
	random_seed(&w->actors[i].random, random_next(&w->random), "node", (uint64_t)i);
	world_start(w, program, i, args);
}

static void
world_free(struct world *w)
{
	struct letter *letter;

	for (int i = 0; i < w->count; i++) {
		node_free(w->actors[i].node);
		disk_free(w->actors[i].disk);
	}
	while ((letter = TAILQ_FIRST(&w->letters)) != NULL) {
		TAILQ_REMOVE(&w->letters, letter, entry);
		world_letter_free(letter);
	}
	for (int i = 0; i < WORLD_STATES; i++)
		json_decref(w->states[i]);
	json_decref(w->replies);
	json_decref(w->claims);
	json_decref(w->lin_kv);
}

/* Cuts the nodes whose bits differ in `side` off from each other; 0 heals. */
static __attribute__((unused)) void
world_partition(struct world *w, uint32_t side)
{
	for (int i = 0; i < w->count; i++)
		for (int k = 0; k < w->count; k++)
			w->blocked[i][k] = (side >> i & 1) != (side >> k & 1);
}

#endif
