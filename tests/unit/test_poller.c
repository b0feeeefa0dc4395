/* What is asked of descriptors comes, and nothing else; a wait ends at its time. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "poller.h"

#define MS 1000000

struct told {
	int calls, fd;
	short events;
	uint32_t tag;
};

static void
tell(void *arg, int fd, short events, uint32_t tag)
{
	struct told *told = arg;

	*told = (struct told){told->calls + 1, fd, events, tag};
}

static struct told
wait_once(struct poller *poller, int64_t timeout_ns)
{
	struct told told = {0};

	poller_wait(poller, timeout_ns, tell, &told);
	return told;
}

static int64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * (int64_t)1000000000 + now.tv_nsec;
}

static void
tells_what_was_asked(void **state)
{
	struct poller *poller = poller_new();
	struct told told;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	poller_ask(poller, ends[0], POLLIN, 7);
	assert_int_equal(wait_once(poller, 0).calls, 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	told = wait_once(poller, -1);
	assert_int_equal(told.calls, 1);
	assert_int_equal(told.fd, ends[0]);
	assert_int_equal(told.events, POLLIN);
	assert_int_equal(told.tag, 7);
	poller_ask(poller, ends[0], POLLIN, 0xffffffff);
	assert_int_equal(wait_once(poller, 0).tag, 0xffffffff);
	poller_ask(poller, ends[1], POLLOUT, 9);
	assert_int_equal(wait_once(poller, 0).calls, 2);
	close(ends[0]);
	close(ends[1]);
	poller_free(poller);
}

/* Not even a hang-up is told of a descriptor of which nothing is asked. */
static void
tells_nothing_else(void **state)
{
	struct poller *poller = poller_new();
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	poller_ask(poller, ends[0], 0, 1);
	poller_ask(poller, ends[0], POLLIN, 1);
	close(ends[1]);
	assert_int_equal(wait_once(poller, 0).events & POLLHUP, POLLHUP);
	poller_ask(poller, ends[0], 0, 1);
	poller_ask(poller, ends[0], 0, 1);
	assert_int_equal(wait_once(poller, 0).calls, 0);
	close(ends[0]);
	poller_free(poller);
}

static void
waits_as_long_as_it_may(void **state)
{
	struct poller *poller = poller_new();
	int64_t began = now_ns();

	(void)state;
	assert_int_equal(wait_once(poller, 0).calls, 0);
	assert_int_equal(wait_once(poller, 20 * MS + MS / 2).calls, 0);
	assert_true(now_ns() - began >= 20 * MS + MS / 2);
	poller_free(poller);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tells_what_was_asked),
	    cmocka_unit_test(tells_nothing_else),
	    cmocka_unit_test(waits_as_long_as_it_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
