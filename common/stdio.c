/*
 * The host of a real process: poll(2) over stdin and stdout. Input is framed
 * here, never by stdio behind poll's back. All lines of a read are handled in
 * one turn; what they yield is stored, with one sync at most, and then written
 * at once.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "framing.h"
#include "host.h"
#include "memory.h"
#include "record_file.h"

#define READ_BYTES ((size_t)64 << 10) /* asked of one read(2): what a pipe holds */

/*
 * With more than this unwritten the node stands still, input and timers alike,
 * until its reader has caught up: a slow reader costs time, not memory.
 */
#define OUTPUT_MAX ((size_t)16 << 20)

/* A turn is cut short after this long, so that answers are not kept waiting for the rest of the input. */
#define TURN_MS    50
#define TURN_LINES 16 /* between two looks at the clock */

#define FLUSH_MS 5000 /* without progress after the end of the input: the reader is given up */

struct process {
	struct node *node;
	struct framing framing;
	struct record_file *file; /* NULL: none, or not yet */
	size_t written;           /* of the output */
	bool ended;               /* stdin */
	bool more;                /* lines are left from the last read */
	int status;               /* of exit, once it is not negative */
};

/* ---- what the core asks for ------------------------------------------------- */

static int64_t
clock_ms(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now) != 0)
		err(1, "clock_gettime");
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t
wall_ms(void *arg)
{
	(void)arg;
	return clock_ms(CLOCK_REALTIME);
}

static uint64_t
draw(void *arg)
{
	uint64_t bits;

	(void)arg;
	arc4random_buf(&bits, sizeof(bits));
	return bits;
}

/* One write a line, so that the lines of several processes do not mix. */
static void
log_line(void *arg, enum log_level level, const char *line)
{
	(void)arg;
	(void)level;
	dprintf(STDERR_FILENO, "%s\n", line);
}

static bool
load(void *arg, const char *dir, const char *id, struct buffer *bytes)
{
	struct process *process = arg;
	struct buffer why = {0};

	process->file = record_file_open(dir, id, bytes, &why);
	if (process->file == NULL)
		warnx("%s", buffer_string(&why));
	buffer_free(&why);
	return process->file != NULL;
}

static const struct host stdio_host = {wall_ms, draw, log_line, NULL, load};

/* ---- records ---------------------------------------------------------------- */

/* What must be stored before this turn's output may leave. False: it may not leave. */
static bool
store(struct process *process)
{
	const struct storing *storing = node_storing(process->node);
	struct buffer why = {0};
	bool stored;

	if (node_has_failed(process->node))
		return false;
	if (storing == NULL)
		return true;
	stored = record_file_store(process->file, storing, &why);
	if (stored)
		node_has_stored(process->node);
	else
		warnx("%s", buffer_string(&why));
	buffer_free(&why);
	return stored;
}

/* ---- output ----------------------------------------------------------------- */

static size_t
pending(const struct process *process)
{
	return node_output(process->node)->length - process->written;
}

static bool
is_full(const struct process *process)
{
	return pending(process) > OUTPUT_MAX;
}

/* What is written is not moved away at once: with a slow reader that would be quadratic. */
static void
forget_written(struct process *process)
{
	struct buffer *output = node_output(process->node);

	if (process->written * 2 < output->length)
		return;
	buffer_consume(output, process->written);
	process->written = 0;
}

/* Writes what can be written now. A reader that has gone ends the node without ado. */
static void
write_output(struct process *process)
{
	struct buffer *output = node_output(process->node);

	while (pending(process) > 0) {
		ssize_t put = write(STDOUT_FILENO, output->bytes + process->written, pending(process));

		if (put >= 0) {
			process->written += (size_t)put;
		} else if (errno == EAGAIN) {
			break;
		} else if (errno != EINTR) {
			if (errno != EPIPE)
				warn("stdout");
			process->status = errno == EPIPE ? 0 : 1;
			return;
		}
	}
	forget_written(process);
}

/* ---- input ------------------------------------------------------------------ */

static void
take_line(struct process *process, enum frame frame, const char *line, size_t length)
{
	if (frame == FRAME_LINE)
		node_receive(process->node, line, length);
	else
		node_receive_oversized(process->node, length);
}

/* Whether a turn that began then and has taken so many lines ends here. */
static bool
is_enough(const struct process *process, int lines, int64_t began)
{
	return is_full(process) || (lines % TURN_LINES == 0 && clock_ms(CLOCK_MONOTONIC) - began > TURN_MS);
}

/* Handles what has been read, or as much of it as one turn may. */
static void
take_lines(struct process *process, int64_t began)
{
	enum frame frame;
	size_t length;
	char *line;

	for (int lines = 1; (frame = framing_next(&process->framing, &line, &length)) != FRAME_NONE; lines++) {
		take_line(process, frame, line, length);
		process->more = is_enough(process, lines, began);
		if (process->more)
			return;
	}
	process->more = false;
	if (process->ended && (frame = framing_rest(&process->framing, &line, &length)) != FRAME_NONE)
		take_line(process, frame, line, length);
}

static void
read_input(struct process *process)
{
	ssize_t got = read(STDIN_FILENO, framing_room(&process->framing, READ_BYTES), READ_BYTES);

	if (got > 0) {
		framing_fed(&process->framing, (size_t)got);
	} else if (got == 0) {
		process->ended = true;
	} else if (errno != EINTR && errno != EAGAIN) {
		warn("stdin");
		process->ended = true;
	}
}

/* ---- the loop --------------------------------------------------------------- */

/* After the end of the input, whether there is nothing to do but to write. */
static bool
is_flushing(const struct process *process)
{
	return process->ended && (!process->more || is_full(process));
}

static int
patience(const struct process *process)
{
	int64_t due, wait;

	if (is_flushing(process))
		return FLUSH_MS;
	if (is_full(process))
		return -1;
	if (process->more)
		return 0;
	due = node_due(process->node);
	if (due == INT64_MAX)
		return -1;
	wait = due - clock_ms(CLOCK_MONOTONIC);
	if (wait < 0)
		return 0;
	return wait < INT_MAX ? (int)wait : INT_MAX;
}

/* A descriptor that is not asked for is left out: or a hang-up there would wake poll(2) again and again. */
static bool
wait_for_input(struct process *process)
{
	bool reading = !process->ended && !process->more && !is_full(process);
	struct pollfd fds[] = {
	    {.fd = reading ? STDIN_FILENO : -1, .events = POLLIN},
	    {.fd = pending(process) > 0 ? STDOUT_FILENO : -1, .events = POLLOUT},
	};
	int ready = poll(fds, 2, patience(process));

	if (ready == -1 && errno != EINTR && errno != EAGAIN)
		err(1, "poll");
	if (ready == 0 && is_flushing(process)) {
		warnx("nobody reads: %zu bytes are left unwritten", pending(process));
		process->status = 1;
	}
	return ready > 0 && fds[0].revents != 0;
}

/* A turn's time is not before any of its input came: leases, and promises not to vote, count on that. */
static void
turn(struct process *process)
{
	bool input = wait_for_input(process);

	if (!is_flushing(process) && !is_full(process)) {
		int64_t now;

		if (input)
			read_input(process);
		now = clock_ms(CLOCK_MONOTONIC);
		node_turn(process->node, now);
		take_lines(process, now);
		if (!store(process)) {
			process->status = 1;
			return;
		}
	}
	write_output(process);
	if (process->status < 0 && is_flushing(process) && pending(process) == 0)
		process->status = 0;
}

static int
run(struct process *process)
{
	int flags = fcntl(STDOUT_FILENO, F_GETFL);
	bool blocking = flags != -1 && !(flags & O_NONBLOCK) && !isatty(STDOUT_FILENO);

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file that must not grow: write(2) says so */
	if (blocking)
		fcntl(STDOUT_FILENO, F_SETFL, flags | O_NONBLOCK);
	while (process->status < 0)
		turn(process);
	if (blocking)
		fcntl(STDOUT_FILENO, F_SETFL, flags);
	return process->status;
}

int
node_main(const struct program *program, int argc, char *argv[])
{
	struct process process = {.framing.limit = NODE_LINE_MAX, .status = -1};
	struct buffer text = {0};
	int status = 0;

	memory_serve_json();
	process.node = node_new(program, &stdio_host, &process);
	switch (node_configure(process.node, argc, argv, &text)) {
	case CONFIGURE_OK:
		status = run(&process);
		break;
	case CONFIGURE_HELP:
		fputs(buffer_string(&text), stdout);
		break;
	case CONFIGURE_BAD:
		warnx("%s", buffer_string(&text));
		status = 2;
		break;
	}
	node_free(process.node);
	framing_free(&process.framing);
	record_file_close(process.file);
	buffer_free(&text);
	return status;
}
