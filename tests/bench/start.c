/*
 * start COMMAND...: starts a node over and over, each time until it has
 * answered init, and prints the median and the least of the times, in ms, then
 * the resident set of the last one, in KiB, while it waits for its first message.
 */
#include <sys/wait.h>

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 101

static const char init[] =
    "{\"src\":\"c0\",\"dest\":\"n0\",\"body\":{\"type\":\"init\",\"msg_id\":1,\"node_id\":\"n0\","
    "\"node_ids\":[\"n0\",\"n1\",\"n2\"]}}\n";

struct child {
	pid_t pid;
	int in, out;
};

static double
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static struct child
start(char *const argv[])
{
	struct child child;
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) == -1 || pipe2(out, O_CLOEXEC) == -1)
		err(1, "pipe");
	child.pid = fork();
	if (child.pid == -1)
		err(1, "fork");
	if (child.pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		execv(argv[0], argv);
		err(127, "%s", argv[0]);
	}
	close(in[0]);
	close(out[1]);
	child.in = in[1];
	child.out = out[0];
	return child;
}

static void
initialise(const struct child *child)
{
	char answer[256];
	ssize_t got;

	if (write(child->in, init, sizeof(init) - 1) == -1)
		err(1, "write");
	got = read(child->out, answer, sizeof(answer) - 1);
	answer[got > 0 ? got : 0] = '\0';
	if (strstr(answer, "init_ok") == NULL)
		errx(1, "init was not answered with init_ok but with: %s", answer);
}

static void
end(const struct child *child)
{
	int status;

	close(child->in);
	close(child->out);
	waitpid(child->pid, &status, 0);
}

static long
resident_kib(pid_t pid)
{
	char name[64], line[256];
	long kib = -1;
	FILE *file;

	snprintf(name, sizeof(name), "/proc/%ld/status", (long)pid);
	file = fopen(name, "r");
	if (file == NULL)
		err(1, "%s", name);
	while (kib == -1 && fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, "VmRSS:", 6) == 0)
			kib = strtol(line + 6, NULL, 10);
	fclose(file);
	return kib;
}

static int
by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int
main(int argc, char *argv[])
{
	double times[ROUNDS];
	long kib = 0;

	if (argc < 2)
		errx(2, "usage: start COMMAND...");
	for (int i = 0; i < ROUNDS; i++) {
		double began = now_ms();
		struct child child = start(argv + 1);

		initialise(&child);
		times[i] = now_ms() - began;
		if (i == ROUNDS - 1)
			kib = resident_kib(child.pid);
		end(&child);
	}
	qsort(times, ROUNDS, sizeof(times[0]), by_size);
	printf("%.2f %.2f %ld\n", times[ROUNDS / 2], times[0], kib);
	return 0;
}
