/*
 * A node as a process of its own, in any language: pipes that never block
 * eddy, a process group that never outlives it, and a clear word when it
 * cannot be started or ends by itself.
 */
#include <assert.h>
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "memory.h"
#include "node.h"
#include "process_internal.h"

#define REAP_MS        5000 /* how long a killed process may take to end */
#define WATCH_CHILD_MS 50   /* between looks at it, where there is no pidfd_open(2) */

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
	pipes_drain(process);
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
	pipes_close(process);
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
	pipes_end(process);
}

static void
process_stop(struct server *server)
{
	struct process *process = (struct process *)server;

	end_child(process);
	pipes_report_endless(process);
	log_close(process);
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

/* ---- all of it ----------------------------------------------------------- */

static bool
process_revive(struct server *server, struct buffer *error)
{
	struct process *process = (struct process *)server;

	assert(process->killed && server->entered == 0);
	end_child(process);
	framing_free(&process->framing);
	if (!spawn(&process->child, process->options->bin, process->options->args, error))
		return false;
	process->killed = server->died = false;
	pipes_begin(process);
	watch_child(process);
	return true;
}

static const struct server_kind process_kind = {
    .kill = process_kill,
    .revive = process_revive,
    .pause = process_pause,
    .resume = process_resume,
    .stop = process_stop,
    .free = process_free,
    .unfinished = pipes_unfinished,
};

struct server *
server_process(struct loop *loop, struct net *net, const struct test_options *options, const char *id,
    const char *log_path, const struct server_events *events, struct buffer *error)
{
	struct process *process = memory_zero(sizeof(*process));

	assert(!loop_is_virtual(loop));
	if (!log_open(process, log_path, error) || !spawn(&process->child, options->bin, options->args, error)) {
		log_close(process);
		free(process);
		return NULL;
	}
	process->options = options;
	process->server.log_stderr = options->log_stderr;
	server_begin(&process->server, &process_kind, loop, net, id, events, pipes_deliver);
	pipes_begin(process);
	watch_child(process);
	return &process->server;
}
