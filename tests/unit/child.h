/*
 * A node as a child process, with pipes to its stdin, stdout and stderr. The
 * test's binary is the node's as well: started as "child --node [option]".
 * Included by one test.
 */
#ifndef CHILD_H
#define CHILD_H

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS 5000 /* for anything a child should do: only a broken one takes so long */

struct child {
	pid_t pid;
	int in, out, err; /* its stdin, stdout and stderr */
	char *text;       /* read from out and not yet consumed */
	size_t length, capacity;
};

/* The link itself is not executed: under valgrind it leads to valgrind. */
static void
child_exec(int in, int out, int err, char *option)
{
	char name[] = "child", node[] = "--node", self[4096];
	char *const argv[] = {name, node, option, NULL};
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[length > 0 ? length : 0] = '\0';
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	closefrom(STDERR_FILENO + 1);
	execv(self, argv);
	_exit(127);
}

static void
child_start(struct child *child, char *option)
{
	int in[2], out[2], err[2];

	*child = (struct child){0};
	assert_int_equal(pipe(in) + pipe(out) + pipe(err), 0);
	child->pid = fork();
	if (child->pid == 0)
		child_exec(in[0], out[1], err[1], option);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	child->in = in[1];
	child->out = out[0];
	child->err = err[0];
}

static bool
readable(int fd)
{
	struct pollfd pollfd = {.fd = fd, .events = POLLIN};

	return poll(&pollfd, 1, WAIT_MS) == 1;
}

static void
say(struct child *child, const char *text)
{
	size_t length = strlen(text);

	while (length > 0) {
		ssize_t put = write(child->in, text, length);

		assert_true(put > 0);
		text += put;
		length -= (size_t)put;
	}
}

/* Reads more of stdout; false at its end. */
static bool
child_read(struct child *child)
{
	ssize_t got;

	if (child->capacity - child->length < 65536) {
		child->capacity = child->capacity * 2 + 131072;
		child->text = realloc(child->text, child->capacity);
	}
	assert_true(readable(child->out));
	got = read(child->out, child->text + child->length, child->capacity - child->length);
	assert_true(got >= 0);
	child->length += (size_t)got;
	return got > 0;
}

/* The next line's length; the line itself is at child->text, terminated. */
static size_t
child_line(struct child *child, size_t consumed)
{
	size_t searched = 0;
	char *end;

	child->length -= consumed;
	if (child->length > 0)
		memmove(child->text, child->text + consumed, child->length);
	while (child->length == searched ||
	       (end = memchr(child->text + searched, '\n', child->length - searched)) == NULL) {
		searched = child->length;
		if (!child_read(child))
			fail_msg("the node ended");
	}
	*end = '\0';
	return (size_t)(end - child->text);
}

static void
expect(struct child *child, const char *line)
{
	size_t length = child_line(child, 0);

	assert_string_equal(child->text, line);
	child->length -= length + 1;
	memmove(child->text, child->text + length + 1, child->length);
}

/* Everything up to the end of a descriptor, as text. */
static void
read_all(int fd, char *text, size_t size)
{
	size_t length = 0;
	ssize_t got;

	while (length < size - 1 && readable(fd) && (got = read(fd, text + length, size - 1 - length)) > 0)
		length += (size_t)got;
	text[length] = '\0';
}

static int
child_status(struct child *child)
{
	int status = -1;

	for (int i = 0; i < WAIT_MS / 5; i++) {
		pid_t ended = waitpid(child->pid, &status, WNOHANG);

		if (ended == child->pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
		usleep(5000);
	}
	kill(child->pid, SIGKILL);
	waitpid(child->pid, &status, 0);
	fail_msg("the node does not end");
	return -1;
}

static void
child_close(struct child *child)
{
	if (child->in >= 0)
		close(child->in);
	if (child->out >= 0)
		close(child->out);
	close(child->err);
	free(child->text);
}

#endif
