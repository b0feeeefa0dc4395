/*
 * A node as a process of its own, in any language: pipes that never block
 * eddy, a process group that never outlives it, and a clear word when it
 * cannot be started or ends by itself.
 */
#include <assert.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "framing.h"
#include "memory.h"
#include "node.h"
#include "server_shared.h"
#include "spawn.h"

#define CHUNK      ((size_t)64 << 10) /* a read(2), and what a pipe holds */
#define READS_MAX  4                  /* reads of one pipe in a row, before others have their turn */
#define DRAINS_MAX 16                 /* the same when it has ended: children of it may still write */
#define GATHER_MAX CHUNK              /* input is written at the end of the turn, or when there is so much of it */
#define KEPT_MAX   ((size_t)1 << 20)  /* memory kept from one input to the next */

#define LOG_LINE_MAX ((size_t)64 << 10) /* a longer line of stderr is cut, in tail and on the terminal */

#define REAP_MS        5000 /* how long a killed process may take to end */
#define WATCH_CHILD_MS 50   /* between looks at it, where there is no pidfd_open(2) */

struct process {
	struct server server; /* first */
	const struct test_options *options;
	struct spawned child; /* its descriptors: -1 when closed */
	int pidfd;            /* -1: not there; the timer looks instead */
	uint64_t timer;
	int log;             /* -1: none */
	size_t logged;       /* bytes */
	struct buffer input; /* to be written, from `written` on */
	size_t written;
	bool full;      /* the pipe is: input waits for room */
	uint64_t flush; /* event */
	struct framing framing;
	struct buffer line; /* of stderr, unfinished */
	bool log_failed;
	bool killed; /* by server_kill(): its end is no news */
};

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

static bool
deliver(void *arg, const struct envelope *envelope)
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

static void
close_output(struct process *process, int *fd)
{
	if (*fd == -1)
		return;
	loop_unwatch(process->server.loop, *fd);
	close(*fd);
	*fd = -1;
}

/* How long to go on: while a read fills its chunk, or until nothing is there at all. */
enum reading { READ_FULL_CHUNKS, READ_ALL };

/* Reads once; closes what has ended. */
static size_t
read_chunk(struct process *process, int *fd, char *to)
{
	ssize_t length;

	do
		length = read(*fd, to, CHUNK);
	while (length == -1 && errno == EINTR);
	if (length == 0 || (length == -1 && errno != EAGAIN && errno != EWOULDBLOCK))
		close_output(process, fd);
	return length > 0 ? (size_t)length : 0;
}

static bool
may_have_more(enum reading reading, size_t length)
{
	return reading == READ_ALL ? length > 0 : length == CHUNK;
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
	size_t length;

	while (reads-- > 0 && process->child.out != -1) {
		length = read_chunk(process, &process->child.out, framing_room(&process->framing, CHUNK));
		framing_fed(&process->framing, length);
		take_lines(process);
		if (!may_have_more(reading, length))
			break;
	}
	if (process->child.out == -1)
		take_rest(process);
}

static void
close_log(struct process *process)
{
	if (process->log != -1)
		close(process->log);
	process->log = -1;
}

/* What is written behind the limit is in the tail only. */
static void
cut_log(struct process *process)
{
	warnx("%s: its log is full: the rest of its stderr is not kept", process->server.id);
	close_log(process);
}

static void
write_log(struct process *process, const char *bytes, size_t length)
{
	process->logged += length;
	while (length > 0 && process->log != -1 && !process->log_failed) {
		ssize_t put = write(process->log, bytes, length);

		if (put == -1 && errno == EINTR)
			continue;
		if (put == -1) {
			process->log_failed = true;
			warn("%s: its log cannot be written", process->server.id);
			return;
		}
		bytes += put;
		length -= (size_t)put;
	}
	if (process->log != -1 && process->logged >= SERVER_LOG_MAX)
		cut_log(process);
}

/* Complete lines go to the tail; so does an unfinished one at its end, or where it grows too long. */
static void
log_lines(struct process *process, const char *bytes, size_t length)
{
	while (length > 0) {
		const char *newline = memchr(bytes, '\n', length);
		size_t piece = newline != NULL ? (size_t)(newline - bytes) : length, room;

		room = LOG_LINE_MAX - process->line.length;
		if (piece > room) {
			newline = NULL;
			piece = room;
		}
		buffer_append(&process->line, bytes, piece);
		if (newline == NULL && piece < room)
			return;
		server_log(&process->server, process->line.bytes, process->line.length);
		process->line.length = 0;
		piece += newline != NULL;
		bytes += piece;
		length -= piece;
	}
}

static void
log_rest(struct process *process)
{
	if (process->line.length > 0)
		server_log(&process->server, process->line.bytes, process->line.length);
	process->line.length = 0;
}

static void
read_errors(struct process *process, enum reading reading, int reads)
{
	char chunk[CHUNK];
	size_t length;

	while (reads-- > 0 && process->child.err != -1) {
		length = read_chunk(process, &process->child.err, chunk);
		write_log(process, chunk, length);
		log_lines(process, chunk, length);
		if (!may_have_more(reading, length))
			break;
	}
	if (process->child.err == -1)
		log_rest(process);
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
	read_errors(arg, READ_FULL_CHUNKS, READS_MAX);
}

/* ---- its end ------------------------------------------------------------- */

static void
stop_watching_child(struct process *process)
{
	loop_cancel(process->server.loop, process->timer);
	process->timer = 0;
	if (process->pidfd == -1)
		return;
	loop_unwatch(process->server.loop, process->pidfd);
	close(process->pidfd);
	process->pidfd = -1;
}

/* Whether it has ended, and how. It stays a zombie, so that its id remains its own until it is reaped. */
static bool
has_ended(struct process *process, struct buffer *how)
{
	siginfo_t info = {0};

	if (waitid(P_PID, (id_t)process->child.pid, &info, WEXITED | WNOHANG | WNOWAIT) == -1) {
		buffer_printf(how, "ended, and its status is lost: %s", strerror(errno));
		return errno != EINTR;
	}
	if (info.si_pid == 0)
		return false;
	if (info.si_code == CLD_EXITED)
		buffer_printf(how, "exited with status %d", info.si_status);
	else
		buffer_printf(how, "killed by signal %d", info.si_status);
	return true;
}

/* Its last words are heard first, and then nothing more, though children of it may still write. */
static void
child_ended(struct process *process)
{
	struct buffer how = {0};

	if (!has_ended(process, &how)) {
		buffer_free(&how);
		return;
	}
	stop_watching_child(process);
	server_enter(&process->server);
	read_errors(process, READ_ALL, DRAINS_MAX);
	log_rest(process);
	read_output(process, READ_ALL, DRAINS_MAX);
	close_output(process, &process->child.out);
	take_rest(process);
	if (!process->killed)
		server_died(&process->server, buffer_string(&how));
	server_leave(&process->server);
	buffer_free(&how);
}

static void
pidfd_ready(void *arg, short revents)
{
	(void)revents;
	child_ended(arg);
}

static void
look_at_child(void *arg)
{
	struct process *process = arg;

	process->timer = loop_after(process->server.loop, WATCH_CHILD_MS * MS_NS, look_at_child, process);
	child_ended(process);
}

static void
watch_child(struct process *process)
{
	process->pidfd = -1;
#ifdef SYS_pidfd_open
	process->pidfd = (int)syscall(SYS_pidfd_open, process->child.pid, 0);
#endif
	if (process->pidfd == -1)
		process->timer = loop_after(process->server.loop, 0, look_at_child, process);
	else
		loop_watch(process->server.loop, process->pidfd, POLLIN, pidfd_ready, process);
}

/* It hears and says nothing any more; what it wrote to stderr is still read. What waits for it is lost. */
static void
process_kill(struct server *server)
{
	struct process *process = (struct process *)server;

	spawned_signal(&process->child, SIGKILL);
	process->killed = true;
	process->full = false;
	close_input(process);
	close_output(process, &process->child.out);
	if (server_stopped(server))
		return;
	endpoint_lose(server->endpoint);
	endpoint_resume(server->endpoint);
}

static void
process_pause(struct server *server)
{
	struct process *process = (struct process *)server;

	if (!process->killed)
		spawned_signal(&process->child, SIGSTOP);
}

static void
process_resume(struct server *server)
{
	struct process *process = (struct process *)server;

	if (!process->killed)
		spawned_signal(&process->child, SIGCONT);
}

/* SIGKILL takes its time where the machine is slow or the disk hangs, but not for ever. */
static void
reap(struct process *process)
{
	struct pollfd end = {.fd = process->pidfd, .events = POLLIN};
	struct timespec pause = {.tv_nsec = MS_NS};
	int64_t until = loop_now(process->server.loop) + REAP_MS * MS_NS;
	pid_t reaped;

	if (process->child.pid == 0)
		return;
	spawned_forget(&process->child);
	while ((reaped = waitpid(process->child.pid, NULL, WNOHANG)) == 0 && loop_now(process->server.loop) < until) {
		if (process->pidfd != -1)
			poll(&end, 1, 100);
		else
			nanosleep(&pause, NULL);
	}
	if (reaped == 0)
		warnx("%s: process %d does not end", process->server.id, (int)process->child.pid);
	process->child.pid = 0;
}

/* Ends it and lets go of all that was for it; its log stays open. */
static void
end_child(struct process *process)
{
	spawned_signal(&process->child, SIGKILL);
	reap(process);
	stop_watching_child(process);
	loop_cancel(process->server.loop, process->flush);
	process->flush = 0;
	close_input(process);
	close_output(process, &process->child.out);
	read_errors(process, READ_ALL, DRAINS_MAX);
	close_output(process, &process->child.err);
	log_rest(process);
}

/* A line that is too long already, and had no end: until now it might have got one. */
static void
report_endless(struct process *process)
{
	const struct framing *framing = &process->framing;

	if (framing->skipped > 0 && !process->killed)
		server_output_oversized(&process->server, framing->skipped + framing->buffer.length - framing->start);
}

static void
process_stop(struct server *server)
{
	struct process *process = (struct process *)server;

	end_child(process);
	report_endless(process);
	close_log(process);
}

static void
process_free(struct server *server)
{
	struct process *process = (struct process *)server;

	server_end(server);
	framing_free(&process->framing);
	buffer_free(&process->input);
	buffer_free(&process->line);
	free(process);
}

static size_t
process_unfinished(const struct server *server, const char **text)
{
	const struct framing *framing = &((const struct process *)server)->framing;
	size_t length = framing->buffer.length - framing->start;

	if (framing->skipped == 0 && length > 0)
		*text = framing->buffer.bytes + framing->start;
	return framing->skipped + length;
}

/* ---- all of it ----------------------------------------------------------- */

/* A child has just been spawned. */
static void
attend(struct process *process)
{
	struct loop *loop = process->server.loop;

	loop_watch(loop, process->child.in, 0, input_ready, process);
	loop_watch(loop, process->child.out, POLLIN, output_ready, process);
	loop_watch(loop, process->child.err, POLLIN, errors_ready, process);
	watch_child(process);
}

static bool
process_revive(struct server *server, struct buffer *error)
{
	struct process *process = (struct process *)server;

	assert(process->killed && server->entered == 0);
	end_child(process);
	framing_free(&process->framing);
	process->framing.limit = NODE_LINE_MAX;
	if (!spawn(&process->child, process->options->bin, process->options->args, error))
		return false;
	process->killed = server->died = false;
	attend(process);
	return true;
}

static const struct server_kind process_kind = {
    .kill = process_kill,
    .revive = process_revive,
    .pause = process_pause,
    .resume = process_resume,
    .stop = process_stop,
    .free = process_free,
    .unfinished = process_unfinished,
};

static bool
open_log(struct process *process, const char *path, struct buffer *error)
{
	process->log = -1;
	if (path == NULL)
		return true;
	process->log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (process->log == -1)
		buffer_printf(error, "%s: %s", path, strerror(errno));
	return process->log != -1;
}

struct server *
server_process(struct loop *loop, struct net *net, const struct test_options *options, const char *id,
    const char *log_path, const struct server_events *events, struct buffer *error)
{
	struct process *process = memory_zero(sizeof(*process));

	assert(!loop_is_virtual(loop));
	if (!open_log(process, log_path, error) || !spawn(&process->child, options->bin, options->args, error)) {
		close_log(process);
		free(process);
		return NULL;
	}
	process->framing.limit = NODE_LINE_MAX;
	process->options = options;
	process->server.log_stderr = options->log_stderr;
	server_begin(&process->server, &process_kind, loop, net, id, events, deliver);
	attend(process);
	return &process->server;
}
