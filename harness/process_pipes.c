/* The pipes of a process: input that never blocks eddy, output as lines. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"
#include "node.h"
#include "process_internal.h"

#define GATHER_MAX PIPE_CHUNK        /* input is written at the end of the turn, or when there is so much of it */
#define KEPT_MAX   ((size_t)1 << 20) /* memory kept from one input to the next */

/* ---- its input ----------------------------------------------------------- */

static void
close_input(struct process *process)
{
	if (process->child.in == -1)
		return;
	loop_unwatch(process->server.loop, process->child.in);
	close(process->child.in);
	process->child.in = -1;
	process->input.length = process->written = 0;
}

/* False if it can take no more for now. */
static bool
write_input(struct process *process)
{
	struct buffer *input = &process->input;

	while (process->child.in != -1 && process->written < input->length) {
		ssize_t put =
		    write(process->child.in, input->bytes + process->written, input->length - process->written);

		if (put >= 0)
			process->written += (size_t)put;
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			return false;
		else if (errno != EINTR)
			close_input(process); /* EPIPE: nobody reads, so be it; its death is seen elsewhere */
	}
	input->length = process->written = 0;
	if (input->capacity > KEPT_MAX)
		buffer_free(input);
	return true;
}

static void
flush_input(void *arg)
{
	struct process *process = arg;

	process->flush = 0;
	if (write_input(process))
		return;
	process->full = true;
	loop_events(process->server.loop, process->child.in, POLLOUT);
}

static void
input_ready(void *arg, short revents)
{
	struct process *process = arg;

	(void)revents;
	if (!write_input(process))
		return;
	process->full = false;
	if (process->child.in != -1)
		loop_events(process->server.loop, process->child.in, 0);
	endpoint_resume(process->server.endpoint);
}

bool
pipes_deliver(void *arg, const struct envelope *envelope)
{
	struct process *process = arg;

	if (process->child.in == -1)
		return true;
	if (process->full)
		return false;
	envelope_write(&process->input, envelope);
	buffer_append_char(&process->input, '\n');
	if (process->input.length >= GATHER_MAX) {
		loop_cancel(process->server.loop, process->flush);
		flush_input(process);
	} else if (process->flush == 0)
		process->flush = loop_at(process->server.loop, 0, flush_input, process);
	return true;
}

/* ---- its output ---------------------------------------------------------- */

void
pipe_close(struct process *process, int *fd)
{
	if (*fd == -1)
		return;
	loop_unwatch(process->server.loop, *fd);
	close(*fd);
	*fd = -1;
}

size_t
pipe_read(struct process *process, int *fd, char *to)
{
	ssize_t length;

	do
		length = read(*fd, to, PIPE_CHUNK);
	while (length == -1 && errno == EINTR);
	if (length == 0 || (length == -1 && errno != EAGAIN && errno != EWOULDBLOCK))
		pipe_close(process, fd);
	return length > 0 ? (size_t)length : 0;
}

bool
pipe_may_have_more(enum reading reading, size_t length)
{
	return reading == READ_ALL ? length > 0 : length == PIPE_CHUNK;
}

static void
take_line(struct process *process, enum frame frame, const char *line, size_t length)
{
	if (frame == FRAME_LINE)
		server_output(&process->server, line, length);
	else
		server_output_oversized(&process->server, length);
}

static bool
is_heard(const struct process *process)
{
	return !server_stopped(&process->server) && !process->server.died && !process->killed;
}

static void
take_lines(struct process *process)
{
	enum frame frame;
	size_t length;
	char *line;

	while (is_heard(process) && (frame = framing_next(&process->framing, &line, &length)) != FRAME_NONE)
		take_line(process, frame, line, length);
}

/* A last line without a newline. */
static void
take_rest(struct process *process)
{
	enum frame frame;
	size_t length;
	char *line;

	if (is_heard(process) && (frame = framing_rest(&process->framing, &line, &length)) != FRAME_NONE)
		take_line(process, frame, line, length);
}

static void
read_output(struct process *process, enum reading reading, int reads)
{
	static struct buffer spare; /* warm in the caches, as what the last process printed was in it */
	size_t length;

	memory_fetch(process, sizeof(*process));
	framing_borrow(&process->framing, &spare);
	while (reads-- > 0 && process->child.out != -1) {
		length = pipe_read(process, &process->child.out, framing_room(&process->framing, PIPE_CHUNK));
		framing_fed(&process->framing, length);
		take_lines(process);
		if (!pipe_may_have_more(reading, length))
			break;
	}
	if (process->child.out == -1)
		take_rest(process);
	framing_return(&process->framing, &spare);
	if (spare.capacity > KEPT_MAX)
		buffer_free(&spare);
}

static void
output_ready(void *arg, short revents)
{
	struct process *process = arg;

	(void)revents;
	server_enter(&process->server);
	read_output(process, READ_FULL_CHUNKS, READS_MAX);
	server_leave(&process->server);
}

static void
errors_ready(void *arg, short revents)
{
	(void)revents;
	log_read(arg, READ_FULL_CHUNKS, READS_MAX);
}

/* ---- all of them ----------------------------------------------------------- */

void
pipes_begin(struct process *process)
{
	struct loop *loop = process->server.loop;

	process->framing.limit = NODE_LINE_MAX;
	loop_watch(loop, process->child.in, 0, input_ready, process);
	loop_watch(loop, process->child.out, POLLIN, output_ready, process);
	loop_watch(loop, process->child.err, POLLIN, errors_ready, process);
}

void
pipes_close(struct process *process)
{
	loop_cancel(process->server.loop, process->flush);
	process->flush = 0;
	process->full = false;
	close_input(process);
	pipe_close(process, &process->child.out);
}

void
pipes_drain(struct process *process)
{
	log_read(process, READ_ALL, DRAINS_MAX);
	log_rest(process);
	read_output(process, READ_ALL, DRAINS_MAX);
	pipe_close(process, &process->child.out);
	take_rest(process);
}

void
pipes_end(struct process *process)
{
	pipes_close(process);
	log_read(process, READ_ALL, DRAINS_MAX);
	pipe_close(process, &process->child.err);
	log_rest(process);
}

size_t
pipes_unfinished(const struct server *server, const char **text)
{
	const struct framing *framing = &((const struct process *)server)->framing;
	size_t length = framing->buffer.length - framing->start;

	if (framing->skipped == 0 && length > 0)
		*text = framing->buffer.bytes + framing->start;
	return framing->skipped + length;
}

void
pipes_report_endless(struct process *process)
{
	const struct framing *framing = &process->framing;

	if (framing->skipped > 0 && !process->killed)
		server_output_oversized(&process->server, framing->skipped + framing->buffer.length - framing->start);
}
