/*
 * Anything at all on a node's stdin: the runtime must neither crash nor leak,
 * nor print a line that is no message. An input is what stdin would hold,
 * except that a line "@N" lets N ms pass as a right host would, "!N" lets them
 * pass in one stroke as a stopped process sees it, and "#" makes every limit
 * small. The node does something with every part of the runtime.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "framing.h"
#include "host.h"
#include "internal.h"
#include "kv.h"
#include "task.h"

#define LINE_MAX_BYTES ((size_t)8 << 10)
#define KEPT_MAX       8
#define TURNS_MAX      100 /* a line: time is cheap, but not free */

/* Ends the fuzzer's run, in any build. */
#define check(truth) ((truth) ? (void)0 : abort())

/* ---- a node that does everything ---------------------------------------------- */

/* Outside the node, to be counted when it has gone. */
struct tally {
	int set, called, dropped, tasks;
	uint64_t draws;
};

struct state {
	struct tally *tally;
	struct request *kept[KEPT_MAX];
	int count;
	uint64_t handle;
	int64_t option;
};

static void
dropped(void *arg)
{
	((struct tally *)arg)->dropped++;
}

static void
replied(struct node *node, const struct message *reply, void *arg)
{
	check(message_error(reply) >= -1);
	((struct tally *)arg)->called++;
	node_log(node, LOG_LEVEL_INFO, "%s", reply != NULL ? reply->type : "time-out");
}

static void
rang(struct node *node, void *arg)
{
	((struct tally *)arg)->called++;
	node_send(node, "lin-kv", json_pack("{s:s}", "type", "rang"));
}

/* Not counted as called: it ends by its drop, whatever happens. */
static void
rang_again(struct node *node, void *arg)
{
	struct state *state = node_state(node);

	(void)arg;
	if (node_random(node, 3) == 0)
		node_cancel(node, state->handle);
}

static struct tally *
one_more(struct node *node)
{
	struct state *state = node_state(node);

	state->tally->set++;
	return state->tally;
}

static const char *
dest_of(const struct message *message)
{
	const char *dest = json_string_value(json_object_get(message->body, "dest"));

	return dest != NULL ? dest : message->src;
}

static void
echo(struct node *node, const struct message *message)
{
	json_t *value;

	if (node_unpack(node, message, "{s:o}", "echo", &value))
		node_reply(node, message, json_pack("{s:s, s:O}", "type", "echo_ok", "echo", value));
}

static void
defer(struct node *node, const struct message *message)
{
	struct state *state = node_state(node);
	const json_t *ms = json_object_get(message->body, "ms");

	if (state->count == KEPT_MAX)
		return;
	state->kept[state->count] = node_defer(node, message);
	if (json_is_integer(ms))
		request_deadline(state->kept[state->count], json_integer_value(ms), ERROR_ABORT);
	state->count++;
}

static void
settle(struct node *node, const struct message *message)
{
	struct state *state = node_state(node);

	if (state->count > 0 && state->count % 2 == 0)
		request_error(state->kept[--state->count], ERROR_ABORT, "%s", dest_of(message));
	else if (state->count > 0)
		request_reply(state->kept[--state->count], json_incref(message->body));
}

static void
rpc(struct node *node, const struct message *message)
{
	struct state *state = node_state(node);

	state->handle =
	    node_rpc(node, dest_of(message), json_incref(message->body), 100, replied, one_more(node), dropped);
}

static void
retry(struct node *node, const struct message *message)
{
	static const struct retry often = {10, 50, 200}, for_ever = {1, 1000, 0};
	struct state *state = node_state(node);

	state->handle = node_rpc_retry(node, dest_of(message), json_incref(message->body),
	    message->msg_id % 2 == 0 ? &often : &for_ever, replied, one_more(node), dropped);
}

static void
timer(struct node *node, const struct message *message)
{
	struct state *state = node_state(node);
	int64_t ms = json_integer_value(json_object_get(message->body, "ms"));

	node_after(node, ms, rang, one_more(node), dropped);
	state->handle = node_every(node, ms % 100, rang_again, one_more(node), dropped);
}

static void
cancel(struct node *node, const struct message *message)
{
	struct state *state = node_state(node);
	const json_t *handle = json_object_get(message->body, "handle");

	node_cancel(node, handle != NULL ? (uint64_t)json_integer_value(handle) : state->handle);
}

/* One of the four calls; the message's body is gone by the time of the answer. */
struct asking {
	struct tally *tally;
	json_t *body;
	enum { ASK_READ, ASK_WRITE, ASK_CAS, ASK_TIMESTAMP, ASKS } what;
};

static int
ask_service(struct node *node, const struct asking *asking, json_t **value)
{
	json_t *body = asking->body;
	int64_t timestamp;

	switch (asking->what) {
	case ASK_READ:
		return task_kv_read(node, LIN_KV, body, 100, value);
	case ASK_WRITE:
		return task_kv_write(node, SEQ_KV, body, body, 100);
	case ASK_CAS:
		return task_kv_cas(node, LWW_KV, body, body, body, true, 100);
	default:
		return task_kv_timestamp(node, 100, &timestamp);
	}
}

static void
ask(struct node *node, void *arg)
{
	const struct asking asking = *(const struct asking *)arg;
	json_t *value = NULL;
	int outcome;

	asking.tally->tasks++;
	outcome = ask_service(node, &asking, &value);
	check(outcome >= TASK_CANCELLED && (value == NULL || outcome == KV_OK));
	node_send(
	    node, node_id(node), json_pack("{s:s, s:i, s:O?}", "type", "seen", "outcome", outcome, "value", value));
	json_decref(value);
	asking.tally->tasks--;
}

static void
kv(struct node *node, const struct message *message)
{
	struct asking asking = {.tally = ((struct state *)node_state(node))->tally, .body = message->body};

	for (asking.what = ASK_READ; asking.what < ASKS; asking.what++)
		node_task(node, ask, &asking);
}

static void
converse(struct node *node, void *arg)
{
	struct tally *tally = arg;
	json_t *value = NULL, *key = json_string("key");
	int64_t timestamp;

	tally->tasks++;
	task_sleep(node, 10);
	if (task_kv_read(node, LIN_KV, key, 100, &value) == KV_OK)
		task_kv_write(node, SEQ_KV, key, value, 100);
	task_kv_timestamp(node, 50, &timestamp);
	json_decref(value);
	json_decref(key);
	tally->tasks--;
}

static void
task(struct node *node, const struct message *message)
{
	struct state *state = node_state(node);

	if (!node_task(node, converse, state->tally))
		node_error(node, message, ERROR_TEMPORARILY_UNAVAILABLE, "too many tasks");
}

static void
ignore(struct node *node, const struct message *message)
{
	(void)node;
	(void)message;
}

static const struct route routes[] = {{"echo", echo}, {"defer", defer}, {"settle", settle}, {"rpc", rpc},
    {"retry", retry}, {"timer", timer}, {"cancel", cancel}, {"kv", kv}, {"task", task}, {"ignore", ignore},
    {NULL, NULL}};
static const struct option_spec options[] = {
    {"option", "", OPTION_INT, offsetof(struct state, option), 1, 0, 10, NULL}, {0}};
static const struct program program = {
    .name = "fuzzed", .state_size = sizeof(struct state), .routes = routes, .options = options};

/* ---- its host ------------------------------------------------------------------ */

static int64_t
wall_ms(void *arg)
{
	(void)arg;
	return 1700000000000;
}

/* Never rejected, and the first msg_id is always 281474976710656. */
static uint64_t
draw(void *arg)
{
	struct tally *tally = arg;

	return UINT64_MAX - tally->draws++;
}

static void
log_line(void *arg, enum log_level level, const char *line)
{
	(void)arg;
	(void)level;
	check(strchr(line, '\n') == NULL);
}

static const struct host host = {wall_ms, draw, log_line, NULL, NULL};

static void
check_line(const char *line, size_t length)
{
	json_t *message = json_loadb(line, length, JSON_ALLOW_NUL, NULL);

	check(json_is_string(json_object_get(message, "src")));
	check(json_is_string(json_object_get(message, "dest")));
	check(json_is_object(json_object_get(message, "body")));
	check(json_object_size(message) == 3);
	json_decref(message);
}

static void
drain(struct node *node)
{
	struct buffer *output = node_output(node);
	size_t at = 0;

	while (at < output->length) {
		const char *end = memchr(output->bytes + at, '\n', output->length - at);

		check(end != NULL);
		check_line(output->bytes + at, (size_t)(end - output->bytes) - at);
		at = (size_t)(end - output->bytes) + 1;
	}
	buffer_consume(output, at);
}

static void
pass_time(struct node *node, int64_t ms, bool in_one_stroke)
{
	int64_t until = node_now_ms(node) + ms;

	for (int i = 0; i < TURNS_MAX && !in_one_stroke && node_due(node) <= until; i++) {
		int64_t due = node_due(node);

		node_turn(node, due > node_now_ms(node) ? due : node_now_ms(node));
		drain(node);
	}
	node_turn(node, until);
}

static void
make_small(struct limits *limits)
{
	limits->line = 200;
	limits->rpcs = limits->requests = limits->early = limits->held = limits->tasks = 2;
}

static void
take_line(struct node *node, const char *line, size_t length)
{
	char number[8] = "";

	if (length > 0 && (*line == '@' || *line == '!')) {
		memcpy(number, line + 1, length - 1 < sizeof(number) - 1 ? length - 1 : sizeof(number) - 1);
		pass_time(node, abs(atoi(number)), *line == '!');
	} else if (length == 1 && *line == '#') {
		make_small(&node->limits);
	} else {
		node_receive(node, line, length);
	}
	drain(node);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct tally tally = {0};
	struct framing framing = {.limit = LINE_MAX_BYTES};
	struct node *node = node_new(&program, &host, &tally);
	enum frame frame;
	size_t line_length;
	char *line;

	((struct state *)node_state(node))->tally = &tally;
	node->log_level = LOG_LEVEL_TRACE;
	node_turn(node, 1);
	for (size_t at = 0, step; at < length; at += step) {
		step = length - at < 1000 ? length - at : 1000;
		memcpy(framing_room(&framing, step), bytes + at, step);
		framing_fed(&framing, step);
		while ((frame = framing_next(&framing, &line, &line_length)) != FRAME_NONE)
			if (frame == FRAME_LINE)
				take_line(node, line, line_length);
			else
				node_receive_oversized(node, line_length);
	}
	node_free(node);
	framing_free(&framing);
	check(tally.set == tally.called + tally.dropped);
	check(tally.tasks == 0);
	return 0;
}
