/* What nodes print, made into messages or offences; the same for real processes and simulated nodes. */
#include "server_shared.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "encode.h"
#include "memory.h"
#include "node.h"

/* ---- tails --------------------------------------------------------------- */

static size_t
kept(size_t length)
{
	return length < TAIL_LINE_MAX ? length : TAIL_LINE_MAX;
}

static void
tail_add(struct tail *tail, const char *line, size_t length)
{
	struct buffer *stretch = &tail->stretches[tail->lines / SERVER_TAIL % 2];
	char *to;

	if (tail->lines++ % SERVER_TAIL == 0)
		stretch->length = 0;
	to = buffer_reserve(stretch, sizeof(length) + kept(length));
	memcpy(to, &length, sizeof(length));
	memmove(to + sizeof(length), line, kept(length)); /* in place of memcpy() gcc puts a slow string instruction */
	stretch->length += sizeof(length) + kept(length);
}

static void
line_write(const char *line, size_t length, struct buffer *text)
{
	buffer_append_string(text, "  ");
	buffer_append(text, line, kept(length));
	if (kept(length) < length)
		buffer_printf(text, "... (%zu bytes)", length);
	buffer_append_char(text, '\n');
}

/* The last lines, be they in one stretch or in both. */
static void
tail_write(const struct tail *tail, const char *name, struct buffer *text)
{
	size_t first = tail->lines > SERVER_TAIL ? tail->lines - SERVER_TAIL : 0, length;
	const char *at = tail->stretches[first / SERVER_TAIL % 2].bytes;

	if (tail->lines == 0) {
		buffer_printf(text, "it wrote nothing to %s\n", name);
		return;
	}
	buffer_printf(text, "last lines of %s:\n", name);
	for (size_t i = first / SERVER_TAIL * SERVER_TAIL; i < tail->lines; i++) {
		if (i % SERVER_TAIL == 0)
			at = tail->stretches[i / SERVER_TAIL % 2].bytes;
		memcpy(&length, at, sizeof(length));
		at += sizeof(length);
		if (i >= first)
			line_write(at, length, text);
		at += kept(length);
	}
}

static void
tail_free(struct tail *tail)
{
	for (int i = 0; i < 2; i++)
		buffer_free(&tail->stretches[i]);
}

/* Who forgets newlines, or to flush them, sees it here. */
static void
unfinished_write(const struct server *server, struct buffer *text)
{
	const char *line = NULL;
	size_t length = server->kind->unfinished != NULL ? server->kind->unfinished(server, &line) : 0;

	if (length == 0)
		return;
	buffer_printf(text, "and %zu bytes without a newline", length);
	if (line != NULL) {
		buffer_append_string(text, ": ");
		buffer_append(text, line, kept(length));
	}
	buffer_append_char(text, '\n');
}

void
server_tail(const struct server *server, struct buffer *text)
{
	tail_write(&server->out, "stdout", text);
	unfinished_write(server, text);
	tail_write(&server->err, "stderr", text);
}

/* ---- what it prints ------------------------------------------------------ */

void
server_log(struct server *server, const char *line, size_t length)
{
	tail_add(&server->err, line, length);
	if (!server->log_stderr)
		return;
	fprintf(stderr, "%s: ", server->id);
	fwrite(line, 1, length, stderr);
	fputc('\n', stderr);
}

void
server_died(struct server *server, const char *how)
{
	if (server->died || server_stopped(server))
		return;
	server->died = true;
	server->events.died(server->events.arg, server, how);
}

static void
offend(struct server *server, const char *line, size_t length, const char *cause)
{
	server->events.offence(server->events.arg, server, line, length, cause);
}

static void
flooded(struct server *server)
{
	server->cause.length = 0;
	buffer_printf(&server->cause, "flooded the network (%zu MB wait for delivery, this message was for ",
	    net_queued_bytes(server->net) >> 20);
	encode_string(&server->cause, server->parsed.dest.bytes, server->parsed.dest.length);
	buffer_append_string(&server->cause, ") and was killed");
	server->kind->kill(server);
	server_died(server, buffer_string(&server->cause));
}

static void
unknown(struct server *server, const char *line, size_t length, const char *role, const struct buffer *id)
{
	server->cause.length = 0;
	buffer_printf(&server->cause, "%s ", role);
	encode_string(&server->cause, id->bytes, id->length);
	buffer_append_string(&server->cause, " is not there: it never was, not yet, or no more");
	offend(server, line, length, buffer_string(&server->cause));
}

void
server_output(struct server *server, const char *line, size_t length)
{
	struct parsed_envelope *parsed = &server->parsed;
	const char *cause;

	tail_add(&server->out, line, length);
	cause = envelope_parse(parsed, line, length);
	if (cause != NULL) {
		offend(server, line, length, cause);
		return;
	}
	switch (net_send(server->net, parsed->src.bytes, parsed->dest.bytes, parsed->body, parsed->length)) {
	case NET_OK:
		return;
	case NET_UNKNOWN_SRC:
		unknown(server, line, length, "src", &parsed->src);
		return;
	case NET_UNKNOWN_DEST:
		unknown(server, line, length, "dest", &parsed->dest);
		return;
	case NET_CLOSED_CLIENT:
		if (server->events.late != NULL)
			server->events.late(server->events.arg, server, parsed->dest.bytes);
		else
			unknown(server, line, length, "dest", &parsed->dest);
		return;
	case NET_FLOODED:
		flooded(server);
	}
}

void
server_output_oversized(struct server *server, size_t length)
{
	tail_add(&server->out, "(a line that was too long)", strlen("(a line that was too long)"));
	server->cause.length = 0;
	buffer_printf(&server->cause, "a line of %zu bytes, which is over the limit of %zu", length, NODE_LINE_MAX);
	offend(server, "", 0, buffer_string(&server->cause));
}

/* ---- beginning and end --------------------------------------------------- */

void
server_begin(struct server *server, const struct server_kind *kind, struct loop *loop, struct net *net, const char *id,
    const struct server_events *events, deliver_fn *deliver)
{
	server->kind = kind;
	server->loop = loop;
	server->net = net;
	server->id = memory_copy(id, strlen(id));
	server->events = *events;
	server->endpoint = net_add(net, id, deliver, server);
}

void
server_end(struct server *server)
{
	assert(server->entered == 0 && server_stopped(server));
	envelope_free(&server->parsed);
	buffer_free(&server->cause);
	tail_free(&server->out);
	tail_free(&server->err);
	free(server->id);
}

const char *
server_id(const struct server *server)
{
	return server->id;
}

bool
server_stopped(const struct server *server)
{
	return server->endpoint == NULL;
}

void
server_enter(struct server *server)
{
	server->entered++;
}

bool
server_leave(struct server *server)
{
	if (--server->entered > 0 || !server_stopped(server))
		return true;
	server->kind->free(server);
	return false;
}

void
server_kill(struct server *server)
{
	server->kind->kill(server);
}

bool
server_revive(struct server *server, struct buffer *error)
{
	assert(!server_stopped(server));
	return server->kind->revive(server, error);
}

void
server_pause(struct server *server)
{
	server->kind->pause(server);
}

void
server_resume(struct server *server)
{
	server->kind->resume(server);
}

void
server_disturb_clocks(struct server *server, int64_t jump_ms, int64_t drift_ppm)
{
	assert(server->kind->clocks != NULL);
	server->kind->clocks(server, jump_ms, drift_ppm);
}

void
server_note(struct server *server, uint64_t number)
{
	if (!server_stopped(server))
		endpoint_note(server->endpoint, number);
}

void
server_stop(struct server *server)
{
	if (server == NULL || server_stopped(server))
		return;
	net_remove(server->net, server->endpoint);
	server->endpoint = NULL;
	server->kind->stop(server);
	if (server->entered == 0)
		server->kind->free(server);
}
