/* A timer of processor time, so that a busy machine changes nothing; the handler only compares and counts. */
#include "watchdog.h"

#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "options.h"

#define TICKS 10 /* looks in the time allowed */

static const struct loop *watched;
static volatile int64_t seen;
static volatile sig_atomic_t still;
static char text[4096];

static void
on_tick(int number)
{
	ssize_t written;

	(void)number;
	if (watched == NULL)
		return;
	still = loop_now(watched) == seen ? still + 1 : 0;
	seen = loop_now(watched);
	if (still < TICKS)
		return;
	written = write(STDERR_FILENO, text, strlen(text));
	(void)written;
	_exit(EXIT_CRASH);
}

static void
set_timer(int64_t tick_ms)
{
	struct timeval tick = {.tv_sec = tick_ms / 1000, .tv_usec = tick_ms % 1000 * 1000};
	struct itimerval timer = {.it_interval = tick, .it_value = tick};

	setitimer(ITIMER_PROF, &timer, NULL);
}

void
watchdog_begin(const struct loop *loop, int64_t limit_ms, const char *message)
{
	struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_RESTART};

	sigemptyset(&action.sa_mask);
	strlcpy(text, message, sizeof(text));
	watched = loop;
	seen = -1;
	still = 0;
	sigaction(SIGPROF, &action, NULL);
	set_timer(limit_ms / TICKS);
}

void
watchdog_end(void)
{
	set_timer(0);
	watched = NULL;
}
