/* The one place with state that a signal handler shares. */
#include "interrupt.h"

#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "server.h"

static volatile sig_atomic_t came, looping;
static int wake[2] = {-1, -1};

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
#define SIGNAL_COUNT ((int)(sizeof(signals) / sizeof(signals[0])))

static void
on_signal(int number)
{
	if (came != 0 || !looping) {
		server_kill_all();
		_exit(128 + number);
	}
	came = number;
	if (write(wake[1], "", 1) == -1) {
		server_kill_all();
		_exit(128 + number);
	}
}

static void
on_wake(void *arg, short revents)
{
	char byte;

	(void)revents;
	if (read(wake[0], &byte, 1) == 1)
		loop_stop(arg);
}

/* As nohup(1) asks for it. */
static bool
is_ignored(int number)
{
	struct sigaction action;

	return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

void
interrupt_begin(struct loop *loop)
{
	struct sigaction action = {.sa_handler = on_signal};

	if (pipe2(wake, O_CLOEXEC | O_NONBLOCK) == -1)
		err(255, "pipe");
	came = 0;
	looping = 1;
	loop_watch(loop, wake[0], POLLIN, on_wake, loop);
	sigemptyset(&action.sa_mask);
	for (int i = 0; i < SIGNAL_COUNT; i++)
		if (signals[i] != SIGHUP || !is_ignored(SIGHUP))
			sigaction(signals[i], &action, NULL);
}

void
interrupt_end(struct loop *loop)
{
	looping = 0;
	loop_unwatch(loop, wake[0]);
	close(wake[0]);
	close(wake[1]);
}

int
interrupt_signal(void)
{
	return came;
}
