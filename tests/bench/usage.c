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
#include <unistd.h>

/* Of a process that has ended and was not waited for: its own ticks, and those of its children. */
static void
read_ticks(pid_t pid, unsigned long ticks[4])
{
	char name[64];
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%ld/stat", (long)pid);
	file = fopen(name, "r");
	if (file == NULL)
		err(1, "%s", name);
	/* pid (name) state, ten numbers, utime, stime, cutime, cstime; see proc(5) */
	if (fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %lu %lu", &ticks[0],
		&ticks[1], &ticks[2], &ticks[3]) != 4)
		errx(1, "%s: not understood", name);
	fclose(file);
}

static void
report(const char *name, const unsigned long ticks[4], long kib)
{
	double second = (double)sysconf(_SC_CLK_TCK);
	FILE *file = fopen(name, "w");

	if (file == NULL)
		err(1, "%s", name);
	fprintf(file, "%.2f %.2f %ld\n", (double)(ticks[0] + ticks[1]) / second, (double)(ticks[2] + ticks[3]) / second,
	    kib);
	if (fclose(file) != 0)
		err(1, "%s", name);
}

int
main(int argc, char *argv[])
{
	unsigned long ticks[4];
	struct rusage usage;
	siginfo_t ended;
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
	read_ticks(pid, ticks);
	if (wait4(pid, &status, 0, &usage) == -1)
		err(1, "wait4");
	report(argv[1], ticks, usage.ru_maxrss);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
