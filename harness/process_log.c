/* What a process writes to stderr: bytes to its log, and lines to the tail. */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "process_internal.h"

#define LOG_LINE_MAX ((size_t)64 << 10) /* a longer line of stderr is cut, in tail and on the terminal */

bool
log_open(struct process *process, const char *path, struct buffer *error)
{
	process->log = -1;
	if (path == NULL)
		return true;
	process->log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (process->log == -1)
		buffer_printf(error, "%s: %s", path, strerror(errno));
	return process->log != -1;
}

void
log_close(struct process *process)
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
	log_close(process);
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

void
log_rest(struct process *process)
{
	if (process->line.length > 0)
		server_log(&process->server, process->line.bytes, process->line.length);
	process->line.length = 0;
}

void
log_read(struct process *process, enum reading reading, int reads)
{
	char chunk[PIPE_CHUNK];
	size_t length;

	while (reads-- > 0 && process->child.err != -1) {
		length = pipe_read(process, &process->child.err, chunk);
		write_log(process, chunk, length);
		log_lines(process, chunk, length);
		if (!pipe_may_have_more(reading, length))
			break;
	}
	if (process->child.err == -1)
		log_rest(process);
}
