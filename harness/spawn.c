/*
 * From a path to a running process, and the promise that it ends with eddy,
 * however eddy ends: by itself, by a signal it handles, or by one it cannot.
 */
#include "spawn.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memory.h"
#include "server.h"

#define PROCESSES_MAX 1024 /* at once; beyond it none is started */

#define DIRECTORY "/tmp" /* where nodes run, as under a JVM without further flags */

/* ---- process groups ------------------------------------------------------ */

/* Those that run, for server_kill_all(). 0: free. */
static volatile pid_t groups[PROCESSES_MAX];
static pid_t owner;    /* the process that started them */
static int guard = -1; /* a pipe to the guard */
static pid_t guard_pid;
static cpu_set_t processors; /* that the owner had */
static bool knows_processors;

/* What the guard is told. */
struct notice {
	pid_t pid;
	int runs; /* or not any more */
};

static void
notify_guard(pid_t pid, bool runs)
{
	const struct notice notice = {pid, runs};

	if (guard == -1)
		return;
	while (write(guard, &notice, sizeof(notice)) == -1 && errno == EINTR)
		;
}

void
server_kill_all(void)
{
	int saved = errno;

	for (size_t i = 0; i < PROCESSES_MAX; i++)
		if (groups[i] > 0 && owner == getpid())
			kill(-groups[i], SIGKILL);
	errno = saved;
}

void
spawned_signal(const struct spawned *spawned, int signal)
{
	if (spawned->pid > 0)
		kill(-spawned->pid, signal);
}

void
spawned_each(void (*fn)(void *arg, pid_t), void *arg)
{
	for (size_t i = 0; i < PROCESSES_MAX; i++)
		if (groups[i] > 0)
			fn(arg, groups[i]);
}

void
spawned_forget(const struct spawned *spawned)
{
	groups[spawned->place] = 0;
	notify_guard(spawned->pid, false);
}

static size_t
free_place(void)
{
	size_t place = 0;

	while (place < PROCESSES_MAX && groups[place] != 0)
		place++;
	return place;
}

/* ---- descriptors --------------------------------------------------------- */

enum { READING, WRITING };

/* Four pipes: the child's stdin, stdout and stderr, and one that tells why it could not be started. */
enum { PIPE_IN, PIPE_OUT, PIPE_ERR, PIPE_FAULT, PIPES };

/* Above the standard three, so that the child can put its ends in their place whatever was closed in eddy. */
static int
raise_fd(int fd)
{
	int raised;

	if (fd > STDERR_FILENO)
		return fd;
	raised = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	close(fd);
	return raised;
}

static bool
open_pipe(int ends[2])
{
	if (pipe2(ends, O_CLOEXEC) == -1)
		return false;
	ends[READING] = raise_fd(ends[READING]);
	ends[WRITING] = raise_fd(ends[WRITING]);
	return ends[READING] != -1 && ends[WRITING] != -1;
}

static void
close_pipes(int pipes[PIPES][2])
{
	for (int i = 0; i < PIPES; i++)
		for (int end = READING; end <= WRITING; end++)
			if (pipes[i][end] >= 0)
				close(pipes[i][end]);
}

static bool
open_pipes(int pipes[PIPES][2])
{
	bool open = true;

	for (int i = 0; i < PIPES; i++)
		pipes[i][READING] = pipes[i][WRITING] = -1;
	for (int i = 0; i < PIPES && open; i++)
		open = open_pipe(pipes[i]);
	return open;
}

static void
set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
		err(EXIT_CRASH, "fcntl");
}

/* From `first` on: at the next exec, or at once. */
static void
close_from(int first, bool at_exec)
{
#if defined(SYS_close_range) && defined(CLOSE_RANGE_CLOEXEC)
	if (syscall(SYS_close_range, first, ~0U, at_exec ? CLOSE_RANGE_CLOEXEC : 0) == 0)
		return;
#endif
	for (int fd = first, end = (int)sysconf(_SC_OPEN_MAX); fd < end && fd < 65536; fd++)
		at_exec ? fcntl(fd, F_SETFD, FD_CLOEXEC) : close(fd);
}

/* ---- the guard ----------------------------------------------------------- */

/*
 * A process of its own that does nothing but hold a list of groups and wait
 * for the end of eddy, which it sees as the end of a pipe: SIGKILL reaches no
 * handler, and PR_SET_PDEATHSIG no grandchild.
 */
static _Noreturn void
watch_over(int fd)
{
	pid_t running[PROCESSES_MAX] = {0};
	struct notice notice;
	ssize_t got;

	while ((got = read(fd, &notice, sizeof(notice))) == (ssize_t)sizeof(notice) || (got == -1 && errno == EINTR)) {
		size_t i = 0;

		while (got > 0 && i < PROCESSES_MAX && running[i] != (notice.runs ? 0 : notice.pid))
			i++;
		if (got > 0 && i < PROCESSES_MAX)
			running[i] = notice.runs ? notice.pid : 0;
	}
	for (size_t i = 0; i < PROCESSES_MAX; i++)
		if (running[i] > 0)
			kill(-running[i], SIGKILL);
	_exit(0);
}

static void
start_guard(void)
{
	sigset_t all, saved;
	int ends[2];
	pid_t pid;

	if (!open_pipe(ends))
		return;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &saved);
	pid = fork();
	if (pid == 0) { /* its signals stay blocked, and nothing of eddy's stays open */
		setpgid(0, 0);
		prctl(PR_SET_NAME, "eddy-guard");
		dup2(ends[READING], STDIN_FILENO);
		close_from(STDIN_FILENO + 1, false);
		watch_over(STDIN_FILENO);
	}
	sigprocmask(SIG_SETMASK, &saved, NULL);
	close(ends[READING]);
	guard_pid = pid;
	if (pid == -1)
		close(ends[WRITING]);
	else
		guard = ends[WRITING];
}

/* At exit: the guard has nothing left to watch over, and nobody else would reap it. */
static void
end_all(void)
{
	server_kill_all();
	if (owner != getpid() || guard == -1)
		return;
	close(guard);
	guard = -1;
	kill(guard_pid, SIGKILL);
	waitpid(guard_pid, NULL, 0);
}

/* Once: a pipe whose reader has died is an error of write(2), not the end of eddy; and the end of eddy is theirs. */
static void
prepare(void)
{
	if (owner == getpid())
		return;
	if (guard != -1) /* of the process that forked this one, like `groups` */
		close(guard);
	guard = -1;
	for (size_t i = 0; i < PROCESSES_MAX; i++)
		groups[i] = 0;
	owner = getpid();
	knows_processors = sched_getaffinity(0, sizeof(processors), &processors) == 0;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL); /* ignored, it would take the exit statuses away */
	atexit(end_all);
	start_guard();
}

/* ---- the child ----------------------------------------------------------- */

/* What it could not do. */
struct fault {
	enum { FAULT_DIRECTORY, FAULT_EXEC } what;
	int error;
};

static _Noreturn void
give_up(int fd, struct fault fault)
{
	ssize_t written = write(fd, &fault, sizeof(fault));

	(void)written;
	_exit(127);
}

static void
reset_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void
exec(char *const argv[], size_t argc)
{
	char **shell;

	execv(argv[0], argv);
	if (errno != ENOEXEC)
		return;
	shell = memory_alloc((argc + 2) * sizeof(*shell));
	memcpy(shell + 1, argv, (argc + 1) * sizeof(*shell));
	shell[0] = memory_copy("/bin/sh", strlen("/bin/sh"));
	execv(shell[0], shell);
}

static _Noreturn void
child(int pipes[PIPES][2], char *const argv[], size_t argc)
{
	int fault = pipes[PIPE_FAULT][WRITING];

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != owner)
		_exit(127);
	notify_guard(getpid(), true);
	dup2(pipes[PIPE_IN][READING], STDIN_FILENO);
	dup2(pipes[PIPE_OUT][WRITING], STDOUT_FILENO);
	dup2(pipes[PIPE_ERR][WRITING], STDERR_FILENO);
	close_from(STDERR_FILENO + 1, true);
	reset_signals();
	if (knows_processors)
		(void)sched_setaffinity(0, sizeof(processors), &processors);
	if (chdir(DIRECTORY) == -1)
		give_up(fault, (struct fault){FAULT_DIRECTORY, errno});
	exec(argv, argc);
	give_up(fault, (struct fault){FAULT_EXEC, errno});
}

/* With signals blocked, so that no handler looks at `groups` while a child is in none of them. */
static pid_t
fork_child(int pipes[PIPES][2], char *const argv[], size_t argc, size_t place)
{
	sigset_t all, saved;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &saved);
	pid = fork();
	if (pid == 0)
		child(pipes, argv, argc);
	if (pid > 0) {
		setpgid(pid, pid);
		groups[place] = pid;
	}
	sigprocmask(SIG_SETMASK, &saved, NULL);
	return pid;
}

/* ---- the parent ---------------------------------------------------------- */

/* True if the program runs. */
static bool
await_exec(int fd, struct fault *fault)
{
	ssize_t got;

	do
		got = read(fd, fault, sizeof(*fault));
	while (got == -1 && errno == EINTR);
	return got != (ssize_t)sizeof(*fault);
}

/* Keeps eddy's ends. */
static void
adopt_pipes(struct spawned *spawned, int pipes[PIPES][2])
{
	spawned->in = pipes[PIPE_IN][WRITING];
	spawned->out = pipes[PIPE_OUT][READING];
	spawned->err = pipes[PIPE_ERR][READING];
	pipes[PIPE_IN][WRITING] = pipes[PIPE_OUT][READING] = pipes[PIPE_ERR][READING] = -1;
	close_pipes(pipes);
	set_nonblocking(spawned->in);
	set_nonblocking(spawned->out);
	set_nonblocking(spawned->err);
}

static bool
start(struct spawned *spawned, char *const argv[], size_t argc, struct buffer *error)
{
	struct fault fault;
	int pipes[PIPES][2];

	if (!open_pipes(pipes) || (spawned->pid = fork_child(pipes, argv, argc, spawned->place)) == -1) {
		buffer_printf(error, "cannot start %s: %s", argv[0], strerror(errno));
		close_pipes(pipes);
		spawned->pid = 0;
		return false;
	}
	close(pipes[PIPE_FAULT][WRITING]);
	pipes[PIPE_FAULT][WRITING] = -1;
	if (await_exec(pipes[PIPE_FAULT][READING], &fault)) {
		adopt_pipes(spawned, pipes);
		return true;
	}
	buffer_printf(error, "cannot start %s%s: %s", argv[0], fault.what == FAULT_DIRECTORY ? " in " DIRECTORY : "",
	    strerror(fault.error));
	close_pipes(pipes);
	spawned_forget(spawned);
	waitpid(spawned->pid, NULL, 0);
	spawned->pid = 0;
	return false;
}

/* The program's path as the kernel is to see it, to be freed; or NULL. */
static char *
canonical(const char *bin, struct buffer *error)
{
	char *path = realpath(bin, NULL);
	struct stat status;

	if (path == NULL) {
		buffer_printf(error, "cannot start %s: %s", bin, strerror(errno));
		return NULL;
	}
	if (stat(path, &status) == -1 || !S_ISDIR(status.st_mode))
		return path;
	buffer_printf(error, "cannot start %s: %s", bin, strerror(EISDIR));
	free(path);
	return NULL;
}

bool
spawn(struct spawned *spawned, const char *bin, char *const args[], struct buffer *error)
{
	size_t argc = 1;
	bool started;
	char **argv, *path;

	prepare();
	*spawned = (struct spawned){.in = -1, .out = -1, .err = -1, .place = free_place()};
	if (spawned->place == PROCESSES_MAX) {
		buffer_printf(error, "cannot start %s: %d nodes run already", bin, PROCESSES_MAX);
		return false;
	}
	if ((path = canonical(bin, error)) == NULL)
		return false;
	while (args != NULL && args[argc - 1] != NULL)
		argc++;
	argv = memory_zero((argc + 1) * sizeof(*argv));
	argv[0] = path;
	for (size_t i = 1; i < argc; i++)
		argv[i] = args[i - 1];
	started = start(spawned, argv, argc, error);
	free(argv);
	free(path);
	return started;
}
