/*
 * wake: what it costs to wake another process, whatever that does, in us. Prints
 * - how long a write(2) takes that wakes a process that has slept for a while,
 *   at the median;
 * - how long a byte takes there and back through two pipes, between processes
 *   that sleep in between, and the processor time of both;
 * - the processor time that a sleep takes of the sleeper, while nothing else
 *   keeps the processor awake.
 * What eddy and its nodes do cannot be cheaper than that.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS  20000
#define WAKES   501
#define IDLE_NS 1000000
#define SLEEPS  301
#define REST_NS 3000000

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

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
there_and_back(int to, int from, double *writing_s)
{
	char byte = 0;
	double began = now_s();

	if (write(to, &byte, 1) != 1)
		err(1, "write");
	*writing_s = now_s() - began;
	if (read(from, &byte, 1) != 1)
		errx(1, "the other process is gone");
}

static double
median_write_s(int to, int from)
{
	static double took[WAKES];

	for (int i = 0; i < WAKES; i++) {
		nanosleep(&(struct timespec){.tv_nsec = IDLE_NS}, NULL);
		there_and_back(to, from, &took[i]);
	}
	qsort(took, WAKES, sizeof(*took), compare);
	return took[WAKES / 2];
}

static double
sleeping_s(void)
{
	double before = processor_s(RUSAGE_SELF);

	for (int i = 0; i < SLEEPS; i++)
		nanosleep(&(struct timespec){.tv_nsec = REST_NS}, NULL);
	return (processor_s(RUSAGE_SELF) - before) / SLEEPS;
}

int
main(void)
{
	int there[2], back[2], status;
	double began, took, own, writing, ignored, sleeping = sleeping_s();

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
	writing = median_write_s(there[1], back[0]);
	own = processor_s(RUSAGE_SELF);
	began = now_s();
	for (int i = 0; i < ROUNDS; i++)
		there_and_back(there[1], back[0], &ignored);
	took = now_s() - began;
	own = processor_s(RUSAGE_SELF) - own;
	close(there[1]);
	if (wait(&status) == -1 || status != 0)
		errx(1, "the other process failed");
	printf("%.1f %.1f %.1f %.1f\n", writing * 1e6, took * 1e6 / ROUNDS,
	    (own + processor_s(RUSAGE_CHILDREN)) * 1e6 / ROUNDS, sleeping * 1e6);
	return 0;
}
