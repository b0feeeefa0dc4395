/* A wait costs what happens, not how many descriptors there are. */
#include "poller.h"

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "memory.h"
#include "options.h"

#define SECOND_NS ((int64_t)1000000000)
#define READY_MAX 256 /* told of at once; the rest has its turn with the next wait */

static struct timespec *
timespec_of(struct timespec *to, int64_t ns)
{
	if (ns < 0)
		return NULL;
	*to = (struct timespec){.tv_sec = ns / SECOND_NS, .tv_nsec = ns % SECOND_NS};
	return to;
}

static int
must(int result, const char *what)
{
	if (result == -1 && errno != EINTR && errno != EAGAIN)
		err(EXIT_CRASH, "%s", what);
	return result > 0 ? result : 0;
}

struct poller {
	int fd;
	short *asked; /* by descriptor */
	int count;    /* of `asked` */
};

struct poller *
poller_new(void)
{
	struct poller *poller = memory_zero(sizeof(*poller));

	poller->fd = epoll_create1(EPOLL_CLOEXEC);
	if (poller->fd == -1)
		err(EXIT_CRASH, "epoll_create1");
	return poller;
}

void
poller_free(struct poller *poller)
{
	if (poller == NULL)
		return;
	close(poller->fd);
	free(poller->asked);
	free(poller);
}

void
poller_ask(struct poller *poller, int fd, short events, uint32_t tag)
{
	struct epoll_event event = {.events = (uint32_t)events, .data.u64 = (uint64_t)tag << 32 | (uint32_t)fd};
	int op;

	if (fd >= poller->count) {
		poller->asked = memory_resize(poller->asked, 2 * (size_t)fd + 16, sizeof(*poller->asked));
		while (poller->count < 2 * fd + 16)
			poller->asked[poller->count++] = 0;
	}
	if (events == 0 && poller->asked[fd] == 0)
		return;
	op = poller->asked[fd] == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
	if (epoll_ctl(poller->fd, op, fd, &event) == -1)
		err(EXIT_CRASH, "epoll_ctl");
	poller->asked[fd] = events;
}

/* epoll_wait(2) counts in milliseconds, and older kernels know nothing better: they poll the set, and look into it. */
static int
wait_for(struct poller *poller, struct epoll_event *events, int64_t timeout_ns)
{
	struct pollfd set = {.fd = poller->fd, .events = POLLIN};
	struct timespec timeout;

#ifdef SYS_epoll_pwait2
	long result = syscall(
	    SYS_epoll_pwait2, poller->fd, events, READY_MAX, timespec_of(&timeout, timeout_ns), NULL, (size_t)0);

	if (result != -1 || errno != ENOSYS)
		return must((int)result, "epoll_pwait2");
#endif
	if (timeout_ns != 0 && must(ppoll(&set, 1, timespec_of(&timeout, timeout_ns), NULL), "ppoll") == 0)
		return 0;
	return must(epoll_wait(poller->fd, events, READY_MAX, 0), "epoll_wait");
}

void
poller_wait(struct poller *poller, int64_t timeout_ns, poller_fn *ready, void *arg)
{
	struct epoll_event events[READY_MAX];
	int count = wait_for(poller, events, timeout_ns);

	for (int i = 0; i < count; i++) {
		uint64_t data = events[i].data.u64;

		ready(arg, (int)(uint32_t)data, (short)events[i].events, (uint32_t)(data >> 32));
	}
}
