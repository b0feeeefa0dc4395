/*
 * Parent and worker talk over a pair of sockets: a task's number one way, a
 * record of what came of it the other. What a task prints goes to a file in
 * memory. The end of a worker, however it comes, is the end of its socket.
 */
#include "crew.h"

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memory.h"
#include "options.h"

struct worker {
	pid_t pid;
	int socket, output;
	bool busy;
	uint64_t task;
};

struct crew {
	crew_fn *run;
	void *arg;
	int count;
	sigset_t before; /* the signals that were blocked */
	int signals;     /* a descriptor that they come by */
	struct worker *workers;
	struct pollfd *fds; /* one a worker, and the signals' */
};

struct record {
	int status;
	uint64_t figure;
};

static const int end_signals[] = {SIGINT, SIGTERM, SIGHUP};
#define END_SIGNALS (sizeof(end_signals) / sizeof(end_signals[0]))

/* ---- in the worker ------------------------------------------------------------- */

/* Its descriptors are its own: those of other workers would keep their sockets open. */
static void
settle_in(const struct crew *crew, const struct worker *worker, pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_CRASH);
	for (size_t i = 0; i < END_SIGNALS; i++)
		signal(end_signals[i], SIG_IGN);
	sigprocmask(SIG_SETMASK, &crew->before, NULL);
	if (dup2(worker->output, STDOUT_FILENO) == -1 || dup2(worker->output, STDERR_FILENO) == -1)
		_exit(EXIT_CRASH);
	close(worker->output);
	close(crew->signals);
	for (int i = 0; i < crew->count; i++) {
		if (&crew->workers[i] == worker || crew->workers[i].pid == 0)
			continue;
		close(crew->workers[i].socket);
		close(crew->workers[i].output);
	}
}

/* Until there is no task left, or one has failed: what that one printed stays. */
static void
work(const struct crew *crew, int socket)
{
	struct record record = {0};
	uint64_t task;

	while (record.status == 0 && recv(socket, &task, sizeof(task), 0) == (ssize_t)sizeof(task)) {
		if (ftruncate(STDOUT_FILENO, 0) == -1 || lseek(STDOUT_FILENO, 0, SEEK_SET) == -1)
			err(EXIT_CRASH, "output of a worker");
		record.figure = 0;
		record.status = crew->run(crew->arg, task, &record.figure);
		fflush(NULL);
		if (send(socket, &record, sizeof(record), MSG_NOSIGNAL) == -1)
			_exit(EXIT_CRASH);
	}
	/* Not _exit(): a leak sanitizer looks at the end. */
	exit(0);
}

/* ---- one worker ------------------------------------------------------------------ */

static void
hire(struct crew *crew, struct worker *worker)
{
	pid_t parent = getpid();
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		err(EXIT_CRASH, "socketpair");
	*worker = (struct worker){.socket = pair[0], .output = memfd_create("output", MFD_CLOEXEC)};
	if (worker->output == -1)
		err(EXIT_CRASH, "memfd_create");
	fflush(NULL);
	worker->pid = fork();
	if (worker->pid == -1)
		err(EXIT_CRASH, "fork");
	if (worker->pid == 0) {
		close(pair[0]);
		settle_in(crew, worker, parent);
		work(crew, pair[1]);
	}
	close(pair[1]);
}

/* Waits for its end: soon, for it has been killed, or it finds its socket closed. */
static int
bury(struct worker *worker)
{
	int status;

	if (worker->socket != -1)
		close(worker->socket);
	while (waitpid(worker->pid, &status, 0) == -1)
		if (errno != EINTR)
			err(EXIT_CRASH, "waitpid");
	worker->pid = 0;
	return status;
}

static void
say_how(int output, int status)
{
	if (WIFSIGNALED(status))
		dprintf(
		    output, "The run was ended by signal %d (%s).\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		dprintf(output, "The run ended the process with status %d.\n", WEXITSTATUS(status));
}

/* A worker has something to tell, if only that it has gone. */
static void
hear(struct crew *crew, struct worker *worker, struct crew_result *result)
{
	struct record record;
	bool told = recv(worker->socket, &record, sizeof(record), 0) == (ssize_t)sizeof(record);
	int end = 0;

	if (!told && !worker->busy)
		errx(EXIT_CRASH, "a worker has gone that had nothing to do");
	worker->busy = false;
	*result =
	    (struct crew_result){.task = worker->task, .status = told ? record.status : CREW_CRASHED, .output = -1};
	result->figure = told ? record.figure : 0;
	if (result->status == 0)
		return;
	result->output = worker->output;
	end = bury(worker);
	if (end != 0)
		say_how(worker->output, end);
	hire(crew, worker);
}

/* ---- all of them ------------------------------------------------------------------- */

struct crew *
crew_start(int count, crew_fn *run, void *arg)
{
	struct crew *crew = memory_zero(sizeof(*crew));
	sigset_t set;

	crew->run = run;
	crew->arg = arg;
	crew->count = count;
	crew->workers = memory_zero(sizeof(*crew->workers) * (size_t)count);
	crew->fds = memory_zero(sizeof(*crew->fds) * (size_t)(count + 1));
	sigemptyset(&set);
	for (size_t i = 0; i < END_SIGNALS; i++)
		sigaddset(&set, end_signals[i]);
	sigprocmask(SIG_BLOCK, &set, &crew->before);
	crew->signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (crew->signals == -1)
		err(EXIT_CRASH, "signalfd");
	for (int i = 0; i < count; i++)
		hire(crew, &crew->workers[i]);
	return crew;
}

static struct worker *
find_idle(const struct crew *crew)
{
	for (int i = 0; i < crew->count; i++)
		if (!crew->workers[i].busy)
			return &crew->workers[i];
	return NULL;
}

bool
crew_is_idle(const struct crew *crew)
{
	return find_idle(crew) != NULL;
}

void
crew_give(struct crew *crew, uint64_t task)
{
	struct worker *worker = find_idle(crew);

	worker->busy = true;
	worker->task = task;
	/* One that is gone is heard of next. */
	if (send(worker->socket, &task, sizeof(task), MSG_NOSIGNAL) == -1 && errno != EPIPE && errno != ECONNRESET)
		err(EXIT_CRASH, "to a worker");
}

enum crew_event
crew_wait(struct crew *crew, int timeout_ms, struct crew_result *result)
{
	struct signalfd_siginfo came;
	int ready;

	for (int i = 0; i < crew->count; i++)
		crew->fds[i] = (struct pollfd){.fd = crew->workers[i].socket, .events = POLLIN};
	crew->fds[crew->count] = (struct pollfd){.fd = crew->signals, .events = POLLIN};
	ready = poll(crew->fds, (nfds_t)crew->count + 1, timeout_ms);
	if (ready == -1 && errno != EINTR)
		err(EXIT_CRASH, "poll");
	if (ready > 0 && crew->fds[crew->count].revents != 0 &&
	    read(crew->signals, &came, sizeof(came)) == (ssize_t)sizeof(came)) {
		*result = (struct crew_result){.status = (int)came.ssi_signo, .output = -1};
		return CREW_SIGNAL;
	}
	for (int i = 0; ready > 0 && i < crew->count; i++) {
		if (crew->fds[i].revents == 0)
			continue;
		hear(crew, &crew->workers[i], result);
		return CREW_RESULT;
	}
	return CREW_TIMEOUT;
}

void
crew_show(int output)
{
	char text[65536];
	ssize_t length;
	off_t at = 0;

	while ((length = pread(output, text, sizeof(text), at)) > 0) {
		fwrite(text, 1, (size_t)length, stdout);
		at += length;
	}
	close(output);
}

bool
crew_stop(struct crew *crew)
{
	bool well = true;

	for (int i = 0; i < crew->count; i++)
		if (crew->workers[i].busy)
			kill(crew->workers[i].pid, SIGKILL);
	for (int i = 0; i < crew->count; i++) {
		struct worker *worker = &crew->workers[i];
		int end = bury(worker);

		if (end == 0 || worker->busy) {
			close(worker->output);
			continue;
		}
		well = false;
		say_how(worker->output, end);
		crew_show(worker->output);
	}
	close(crew->signals);
	sigprocmask(SIG_SETMASK, &crew->before, NULL);
	free(crew->workers);
	free(crew->fds);
	free(crew);
	return well;
}
