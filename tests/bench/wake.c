/*
 * wake: what it costs to wake another process, whatever that does. A byte goes
 * there and back through two pipes, between processes that sleep in between.
 * Prints the time by the clock and the processor time of both, in us a round
 * trip. What eddy and its nodes do cannot be cheaper than that.
 */
#include <err.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 20000

static void
answer(int in, int out)
{
	char byte;

	while (read(in, &byte, 1) == 1)
		if (write(out, &byte, 1) != 1)
			_exit(1);
	_exit(0);
}

static double
now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double
seconds(const struct timeval *time)
{
	return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static double
processor_s(int who)
{
	struct rusage usage;

	if (getrusage(who, &usage) == -1)
		err(1, "getrusage");
	return seconds(&usage.ru_utime) + seconds(&usage.ru_stime);
}

int
main(void)
{
	int there[2], back[2], status;
	double began, took;
	char byte = 0;

	if (pipe(there) == -1 || pipe(back) == -1)
		err(1, "pipe");
	switch (fork()) {
	case -1:
		err(1, "fork");
	case 0:
		close(there[1]);
		answer(there[0], back[1]);
	}
	close(there[0]);
	began = now_s();
	for (int i = 0; i < ROUNDS; i++)
		if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
			errx(1, "the other process is gone");
	took = now_s() - began;
	close(there[1]);
	if (wait(&status) == -1 || status != 0)
		errx(1, "the other process failed");
	printf("%.1f %.1f\n", took * 1e6 / ROUNDS,
	    (processor_s(RUSAGE_SELF) + processor_s(RUSAGE_CHILDREN)) * 1e6 / ROUNDS);
	return 0;
}
