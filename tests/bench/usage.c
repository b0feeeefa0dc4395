/*
 * usage FILE COMMAND...: runs a command and writes to FILE the processor time
 * that it took itself, then that of the processes it waited for, in seconds,
 * and the largest resident set of any of them, in KiB. time(1) adds the first
 * two up.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Of a process that has ended and was not waited for, without its children. */
static double
own_seconds(pid_t pid)
{
	struct timespec time;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) == -1)
		errx(1, "the processor time of %ld is not known", (long)pid);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double
seconds(const struct timeval *time)
{
	return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static void
report(const char *name, double own, const struct rusage *all)
{
	FILE *file = fopen(name, "w");

	if (file == NULL)
		err(1, "%s", name);
	fprintf(file, "%.6f %.6f %ld\n", own, seconds(&all->ru_utime) + seconds(&all->ru_stime) - own, all->ru_maxrss);
	if (fclose(file) != 0)
		err(1, "%s", name);
}

int
main(int argc, char *argv[])
{
	struct rusage usage;
	siginfo_t ended;
	double own;
	int status;
	pid_t pid;

	if (argc < 3)
		errx(2, "usage: usage FILE COMMAND...");
	pid = fork();
	if (pid == -1)
		err(1, "fork");
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		err(127, "%s", argv[2]);
	}
	if (waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOWAIT) == -1)
		err(1, "waitid");
	own = own_seconds(pid);
	if (wait4(pid, &status, 0, &usage) == -1)
		err(1, "wait4");
	report(argv[1], own, &usage);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
