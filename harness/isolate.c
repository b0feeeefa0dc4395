/* fork(2), and memory that is shared across it. */
#include "isolate.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "options.h"

static void
silence(void)
{
	int null = open("/dev/null", O_WRONLY);

	if (null == -1 || dup2(null, STDOUT_FILENO) == -1 || dup2(null, STDERR_FILENO) == -1)
		_exit(255);
	close(null);
}

static _Noreturn void
be_child(isolate_fn *fn, void *arg, bool quiet, pid_t parent)
{
	int status;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != parent)
		_exit(255);
	if (quiet)
		silence();
	status = fn(arg);
	fflush(stdout);
	_exit(status);
}

int
isolate(isolate_fn *fn, void *arg, bool quiet)
{
	pid_t parent = getpid(), pid;
	int status;

	fflush(stdout);
	fflush(stderr);
	pid = fork();
	if (pid == -1)
		err(EXIT_CRASH, "fork");
	if (pid == 0)
		be_child(fn, arg, quiet, parent);
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			err(EXIT_CRASH, "waitpid");
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void *
isolate_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		err(EXIT_CRASH, "mmap");
	return memory;
}

void
isolate_free(void *memory, size_t size)
{
	munmap(memory, size);
}
