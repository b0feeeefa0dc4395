/*
 * calls: what the system calls alone take of a harness between 25 processes,
 * in us of its processor time a message: nothing is read, checked, kept or
 * measured. Messages come in bursts, as those of broadcast-flood do when
 * messages take their time: the harness sleeps until one is due, writes the
 * messages to some of the processes, and reads what they answer. All are on one
 * processor, as in harness/placement.h.
 *
 * Waits, writes and reads a message are about as many as strace(1) counts of
 * eddy, and are printed behind it.
 */
#include <err.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES 25
#define BURSTS    500
#define PAUSE_MS  5
#define WRITES    4   /* in a burst, each to another process */
#define MESSAGES  6   /* in each of them */
#define SIZE      110 /* bytes of a message */

struct process {
	pid_t pid;
	int in, out;
};

static struct process processes[PROCESSES];
static char text[MESSAGES * SIZE];

static void
answer(int in, int out)
{
	static char bytes[sizeof(text)];
	ssize_t length;

	while ((length = read(in, bytes, sizeof(bytes))) > 0)
		if (write(out, bytes, (size_t)length) != length)
			_exit(1);
	_exit(0);
}

static void
start(int i, int events)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = (unsigned)i};
	int in[2], out[2];

	if (pipe(in) == -1 || pipe(out) == -1)
		err(1, "pipe");
	processes[i] = (struct process){fork(), in[1], out[0]};
	if (processes[i].pid == -1)
		err(1, "fork");
	if (processes[i].pid == 0) {
		for (int k = 0; k <= i; k++)
			close(processes[k].in);
		answer(in[0], out[1]);
	}
	close(in[0]);
	close(out[1]);
	if (epoll_ctl(events, EPOLL_CTL_ADD, out[0], &event) == -1)
		err(1, "epoll_ctl");
}

static void
share_a_processor(void)
{
	cpu_set_t here;

	CPU_ZERO(&here);
	CPU_SET((size_t)sched_getcpu(), &here);
	sched_setaffinity(0, sizeof(here), &here);
	for (int i = 0; i < PROCESSES; i++) {
		sched_setaffinity(processes[i].pid, sizeof(here), &here);
		sched_setscheduler(processes[i].pid, SCHED_BATCH, &(struct sched_param){0});
	}
}

/* Reads all answers; how often it had to wait. */
static int
hear(int events)
{
	struct epoll_event ready[PROCESSES];
	int waits = 0;

	for (size_t left = WRITES * sizeof(text); left > 0; waits++) {
		int count = epoll_wait(events, ready, PROCESSES, -1);

		for (int i = 0; i < count; i++) {
			ssize_t length = read(processes[ready[i].data.u32].out, text, sizeof(text));

			if (length <= 0)
				errx(1, "a process is gone");
			left -= (size_t)length;
		}
	}
	return waits;
}

int
main(void)
{
	const double messages = (double)BURSTS * WRITES * MESSAGES;
	int events = epoll_create1(0), waits = 0;
	struct timespec before, after;

	memset(text, 'x', sizeof(text));
	for (int i = 0; i < PROCESSES; i++)
		start(i, events);
	share_a_processor();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	for (int i = 0; i < BURSTS; i++) {
		poll(NULL, 0, PAUSE_MS);
		for (int k = 0; k < WRITES; k++)
			if (write(processes[(i + k) % PROCESSES].in, text, sizeof(text)) != (ssize_t)sizeof(text))
				err(1, "write");
		waits += 1 + hear(events);
	}
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	printf("%.2f us a message; waits %.3f, writes and reads %.3f each\n",
	    ((double)(after.tv_sec - before.tv_sec) * 1e6 + (double)(after.tv_nsec - before.tv_nsec) / 1e3) / messages,
	    waits / messages, BURSTS * WRITES / messages);
	for (int i = 0; i < PROCESSES; i++)
		close(processes[i].in);
	while (wait(NULL) > 0)
		;
	return 0;
}
