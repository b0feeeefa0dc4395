/* Where real nodes run: beside eddy while its processor suffices, elsewhere if that is worth it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "placement.h"
#include "spawn.h"

#define PATIENCE_MS 30000

/* ---- the rule ------------------------------------------------------------------ */

static struct placement_rule
at_first(void)
{
	return (struct placement_rule){.shared = true, .pause = 1};
}

static void
test_little_to_do_stays(void **state)
{
	struct placement_rule rule = at_first();

	(void)state;
	assert_int_equal(placement_decide(&rule, 0), PLACE_KEPT);
	assert_int_equal(placement_decide(&rule, 0.2), PLACE_KEPT);
	assert_true(rule.shared);
}

static void
test_more_to_do_may_move(void **state)
{
	struct placement_rule rule = at_first();

	(void)state;
	assert_int_equal(placement_decide(&rule, 0.5), PLACE_CHOSEN);
	assert_int_equal(placement_decide(&rule, 0.85), PLACE_CHOSEN);
	assert_true(rule.shared);
}

static void
test_too_much_for_one_is_free(void **state)
{
	struct placement_rule rule = at_first();

	(void)state;
	assert_int_equal(placement_decide(&rule, 1), PLACE_FREE);
	assert_false(rule.shared);
	for (int i = 0; i < 10; i++)
		assert_int_equal(placement_decide(&rule, 1.8), PLACE_KEPT);
	assert_false(rule.shared);
	assert_int_equal(placement_decide(&rule, 0.4), PLACE_CHOSEN);
	assert_true(rule.shared);
	/* What was worth it is soon tried again. */
	assert_int_equal(placement_decide(&rule, 1), PLACE_FREE);
}

/* Periods from one vain try to the next. */
static int
until_the_next_try(struct placement_rule *rule)
{
	int periods = 1;

	assert_int_equal(placement_decide(rule, 1.1), PLACE_CHOSEN);
	while (placement_decide(rule, 1) == PLACE_CHOSEN)
		periods++;
	assert_false(rule->shared);
	return periods;
}

static void
test_vain_tries_become_rare(void **state)
{
	static const int expected[] = {1, 2, 4, 8, 16, 32, 64, 64, 64};
	struct placement_rule rule = at_first();

	(void)state;
	assert_int_equal(placement_decide(&rule, 1), PLACE_FREE);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_int_equal(until_the_next_try(&rule), expected[i]);
}

/* ---- with processes -------------------------------------------------------------- */

static char self[4096];
static cpu_set_t all;
static struct loop *loop;
static struct placement *placement;
static struct spawned children[4];
static int count;

static bool
can_choose(void)
{
	return sched_getaffinity(0, sizeof(all), &all) == 0 && CPU_COUNT(&all) > 1;
}

static int
set_up(void **state)
{
	(void)state;
	if (can_choose())
		loop = loop_new(CLOCK_WALL);
	count = 0;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	placement_end(placement);
	placement = NULL;
	for (int i = 0; i < count; i++) {
		spawned_signal(&children[i], SIGKILL);
		spawned_forget(&children[i]);
		waitpid(children[i].pid, NULL, 0);
		close(children[i].in);
		close(children[i].out);
		close(children[i].err);
	}
	loop_free(loop);
	loop = NULL;
	return 0;
}

/* This program again: see main(). */
static pid_t
start(const char *what)
{
	char role[16], *args[] = {role, NULL};
	struct buffer error = {0};
	char ready;

	strcpy(role, what);
	assert_true(spawn(&children[count], self, args, &error));
	while (read(children[count].out, &ready, 1) != 1)
		sched_yield();
	return children[count++].pid;
}

static cpu_set_t
mask_of(pid_t pid)
{
	cpu_set_t mask;

	assert_int_equal(sched_getaffinity(pid, sizeof(mask), &mask), 0);
	return mask;
}

static bool
is_free(pid_t pid)
{
	const cpu_set_t mask = mask_of(pid);

	return CPU_EQUAL(&mask, &all) && sched_getscheduler(pid) == SCHED_OTHER;
}

static bool
is_beside(pid_t pid)
{
	const cpu_set_t mask = mask_of(pid), own = mask_of(0);

	return CPU_COUNT(&own) == 1 && CPU_EQUAL(&mask, &own) && sched_getscheduler(pid) == SCHED_BATCH;
}

static cpu_set_t
first_of_all(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	for (size_t i = 0; CPU_COUNT(&one) == 0; i++)
		if (CPU_ISSET(i, &all))
			CPU_SET(i, &one);
	return one;
}

static struct {
	bool (*holds)(pid_t);
	pid_t pid;
} awaited;

static void
look_again(void *arg)
{
	(void)arg;
	if (awaited.holds(awaited.pid))
		loop_stop(loop);
	else
		loop_after(loop, MS_NS, look_again, NULL);
}

static void
too_late(void *arg)
{
	(void)arg;
	fail_msg("it has not come to that in time");
}

static void
await(bool (*holds)(pid_t), pid_t pid)
{
	uint64_t end = loop_after(loop, PATIENCE_MS * MS_NS, too_late, NULL);

	awaited.holds = holds;
	awaited.pid = pid;
	loop_after(loop, 0, look_again, NULL);
	loop_run(loop);
	loop_cancel(loop, end);
}

static void
test_an_idle_node_is_beside_eddy(void **state)
{
	pid_t pid, later;

	(void)state;
	if (loop == NULL)
		skip();
	pid = start("idle");
	assert_true(is_free(pid));
	placement = placement_begin(loop);
	await(is_beside, pid);
	later = start("idle");
	assert_true(is_free(later)); /* while it starts */
	await(is_beside, later);
	placement_end(placement);
	placement = NULL;
	assert_true(is_free(0));
}

static void
test_busy_nodes_are_free(void **state)
{
	pid_t first, second;

	(void)state;
	if (loop == NULL)
		skip();
	first = start("busy");
	second = start("busy");
	placement = placement_begin(loop);
	await(is_beside, first);
	await(is_free, first);
	assert_true(is_free(second));
	assert_true(is_free(0));
}

static void
test_several_threads_are_left_alone(void **state)
{
	pid_t threads, idle;

	(void)state;
	if (loop == NULL)
		skip();
	threads = start("threads");
	idle = start("idle");
	placement = placement_begin(loop);
	await(is_beside, idle);
	assert_true(is_free(threads));
}

static void
test_threads_that_come_later_are_released(void **state)
{
	pid_t pid;

	(void)state;
	if (loop == NULL)
		skip();
	pid = start("grows");
	placement = placement_begin(loop);
	await(is_beside, pid);
	assert_int_equal(write(children[0].in, "x", 1), 1);
	await(is_free, pid);
}

/* As under taskset(1). */
static void
test_one_processor_is_shared(void **state)
{
	cpu_set_t one;
	pid_t pid;

	(void)state;
	if (loop == NULL)
		skip();
	pid = start("idle");
	one = first_of_all();
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	placement = placement_begin(loop);
	await(is_beside, pid);
	placement_end(placement);
	placement = NULL;
	one = mask_of(0);
	assert_int_equal(CPU_COUNT(&one), 1);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
}

/* ---- children ------------------------------------------------------------------------ */

static void *
sleeping(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void
play(const char *role)
{
	pthread_t thread;
	char byte;

	if (strcmp(role, "threads") == 0 && pthread_create(&thread, NULL, sleeping, NULL) != 0)
		_exit(1);
	if (write(STDOUT_FILENO, ".", 1) != 1)
		_exit(1);
	if (strcmp(role, "grows") == 0 &&
	    (read(STDIN_FILENO, &byte, 1) != 1 || pthread_create(&thread, NULL, sleeping, NULL) != 0))
		_exit(1);
	while (strcmp(role, "busy") == 0)
		;
	sleeping(NULL);
}

int
main(int argc, char *argv[])
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_little_to_do_stays),
	    cmocka_unit_test(test_more_to_do_may_move),
	    cmocka_unit_test(test_too_much_for_one_is_free),
	    cmocka_unit_test(test_vain_tries_become_rare),
	    cmocka_unit_test_setup_teardown(test_an_idle_node_is_beside_eddy, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_busy_nodes_are_free, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_several_threads_are_left_alone, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_threads_that_come_later_are_released, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_one_processor_is_shared, set_up, tear_down),
	};

	if (argc > 1)
		play(argv[1]);
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) == -1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
