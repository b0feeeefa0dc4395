/* Events in order of time and setting, on both clocks; descriptors; the hash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"
#include "loop.h"
#include "random.h"

/* ---- a loop that writes down what happens ---------------------------------- */

static struct loop *loop;
static struct buffer seen;

static int
set_up(void **state)
{
	(void)state;
	seen.length = 0;
	loop = loop_new(CLOCK_VIRTUAL);
	return 0;
}

static int
set_up_wall(void **state)
{
	(void)state;
	seen.length = 0;
	loop = loop_new(CLOCK_WALL);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	loop_free(loop);
	buffer_free(&seen);
	return 0;
}

/* An event that writes its name and the time in ms. */
static void
note(void *arg)
{
	buffer_printf(&seen, "%s@%lld ", (const char *)arg, (long long)(loop_now(loop) / MS_NS));
}

/* A name as the argument of an event: it lives as long as the test. */
static void *
name(const char *text)
{
	static char names[64][16];
	static int next;
	char *copy = names[next++ % 64];

	strlcpy(copy, text, sizeof(names[0]));
	return copy;
}

static uint64_t
note_at(int64_t ms, const char *text)
{
	return loop_at(loop, ms * MS_NS, note, name(text));
}

/* ---- virtual time ------------------------------------------------------------ */

static void
test_order_of_time_then_of_setting(void **state)
{
	(void)state;
	note_at(5, "a");
	note_at(3, "b");
	note_at(5, "c");
	note_at(0, "d");
	note_at(3, "e");
	loop_run(loop);
	assert_string_equal(buffer_string(&seen), "d@0 b@3 e@3 a@5 c@5 ");
	assert_int_equal(loop_now(loop), 5 * MS_NS);
	assert_true(loop_is_virtual(loop));
}

static void
chain(void *arg)
{
	note(name("chain"));
	note_at(1, "past");
	loop_after(loop, 0, note, arg);
	loop_after(loop, -5, note, name("negative"));
	loop_after(loop, 2 * MS_NS, note, name("later"));
}

static void
test_what_is_set_meanwhile_comes_behind(void **state)
{
	(void)state;
	loop_at(loop, 4 * MS_NS, chain, name("now"));
	note_at(4, "before");
	loop_run(loop);
	assert_string_equal(buffer_string(&seen), "chain@4 before@4 past@4 now@4 negative@4 later@6 ");
}

static void
test_cancel(void **state)
{
	uint64_t a = note_at(1, "a"), b = note_at(2, "b"), c;

	(void)state;
	note_at(3, "kept");
	loop_cancel(loop, b);
	loop_cancel(loop, b);
	loop_cancel(loop, 0);
	loop_cancel(loop, UINT64_MAX);
	c = note_at(2, "c"); /* takes b's slot */
	assert_int_not_equal(c, b);
	loop_cancel(loop, b);
	loop_run(loop);
	loop_cancel(loop, a);
	assert_string_equal(buffer_string(&seen), "a@1 c@2 kept@3 ");
}

static void
test_handles_are_never_reused(void **state)
{
	uint64_t last = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint64_t handle = note_at(1, "x");

		assert_int_not_equal(handle, 0);
		assert_int_not_equal(handle, last);
		loop_cancel(loop, handle);
		last = handle;
	}
	loop_run(loop);
	assert_int_equal(seen.length, 0);
}

static void
stop(void *arg)
{
	note(arg);
	loop_stop(loop);
}

static void
test_stop_and_go_on(void **state)
{
	(void)state;
	loop_at(loop, 1, stop, name("stop"));
	note_at(2, "rest");
	loop_run(loop);
	assert_string_equal(buffer_string(&seen), "stop@0 ");
	loop_run(loop);
	assert_string_equal(buffer_string(&seen), "stop@0 rest@2 ");
}

static void
test_pending_events_are_forgotten(void **state)
{
	(void)state;
	note_at(1, "never");
	loop_free(loop);
	loop = loop_new(CLOCK_VIRTUAL);
	loop_run(loop);
	assert_int_equal(seen.length, 0);
}

/* ---- many, against a plain list ------------------------------------------------ */

enum { MANY = 3000 };

static struct planned {
	int64_t time;
	uint64_t handle;
	bool cancelled, run;
} planned[MANY];

static struct planned *previous;

static void
check_order(void *arg)
{
	struct planned *event = arg;

	assert_false(event->cancelled);
	assert_int_equal(loop_now(loop), event->time);
	assert_true(
	    previous == NULL || previous->time < event->time || (previous->time == event->time && previous < event));
	event->run = true;
	previous = event;
}

static void
test_many_with_cancels_among_them(void **state)
{
	struct random random;

	(void)state;
	previous = NULL;
	random_seed(&random, 1, "test", 0);
	for (int i = 0; i < MANY; i++) {
		planned[i] = (struct planned){.time = (int64_t)random_below(&random, 500)};
		planned[i].handle = loop_at(loop, planned[i].time, check_order, &planned[i]);
		if (random_below(&random, 3) == 0) {
			struct planned *victim = &planned[random_below(&random, (uint64_t)i + 1)];

			loop_cancel(loop, victim->handle);
			victim->cancelled = true;
		}
	}
	loop_run(loop);
	for (int i = 0; i < MANY; i++)
		assert_int_not_equal(planned[i].cancelled, planned[i].run);
}

static int64_t countdown;

static void
again(void *arg)
{
	if (--countdown > 0)
		loop_after(loop, 1, again, arg);
}

/* Some 30 ns an event; 100 times that would be an error of kind. */
static void
test_events_are_cheap(void **state)
{
	clock_t began = clock();

	(void)state;
	countdown = 300000;
	for (int i = 0; i < 100; i++)
		loop_at(loop, i, again, NULL);
	loop_run(loop);
	assert_true(clock() - began < CLOCKS_PER_SEC);
}

/* ---- the hash ------------------------------------------------------------------- */

static uint64_t
hash_of(const void *bytes, unsigned long length)
{
	struct loop *fresh = loop_new(CLOCK_VIRTUAL);
	uint64_t hash;

	loop_mix(fresh, bytes, length);
	hash = loop_hash(fresh);
	loop_free(fresh);
	return hash;
}

static void
test_hash_tells_apart(void **state)
{
	uint64_t hash = hash_of("abcdefgh", 8);

	(void)state;
	assert_int_equal(loop_hash(loop), 0);
	assert_int_equal(hash, hash_of("abcdefgh", 8));
	assert_int_not_equal(hash, hash_of("abcdefgi", 8));
	assert_int_not_equal(hash, hash_of("bbcdefgh", 8));
	assert_int_not_equal(hash, hash_of("abcdefgh\0", 9));
	assert_int_not_equal(hash_of("", 0), hash_of("\0", 1));
	loop_mix_number(loop, 1);
	loop_mix_number(loop, 2);
	hash = loop_hash(loop);
	loop_free(loop);
	loop = loop_new(CLOCK_VIRTUAL);
	loop_mix_number(loop, 2);
	loop_mix_number(loop, 1);
	assert_int_not_equal(hash, loop_hash(loop));
}

/* The same on every machine, whatever its byte order and alignment. */
static void
test_hash_is_fixed(void **state)
{
	char text[] = "xthirteen bytes";

	(void)state;
	assert_int_equal(hash_of("thirteen bytes", 14), UINT64_C(1771833497218326670));
	assert_int_equal(hash_of(text + 1, 14), UINT64_C(1771833497218326670));
}

/* ---- the wall clock ---------------------------------------------------------------- */

static void
test_wall_clock_waits(void **state)
{
	int64_t began = loop_now(loop);
	int a = 0, b = 0;

	(void)state;
	assert_false(loop_is_virtual(loop));
	note_at(30, "b");
	note_at(10, "a");
	loop_run(loop);
	assert_true(loop_now(loop) - began >= 25 * MS_NS);
	assert_int_equal(sscanf(buffer_string(&seen), "a@%d b@%d ", &a, &b), 2);
	assert_true(a >= 10 && b >= 30 && a <= b);
}

static int pipe_ends[2];

static void
write_it(void *arg)
{
	const char *text = arg;

	assert_int_equal(write(pipe_ends[1], text, strlen(text)), strlen(text));
}

static void
close_it(void *arg)
{
	(void)arg;
	close(pipe_ends[1]);
}

static void
readable(void *arg, short revents)
{
	char bytes[16];
	ssize_t length = read(pipe_ends[0], bytes, sizeof(bytes));

	(void)arg;
	if (length > 0) {
		buffer_printf(&seen, "%.*s ", (int)length, bytes);
		return;
	}
	buffer_printf(&seen, "%s ", revents & POLLHUP ? "hup" : "end");
	loop_unwatch(loop, pipe_ends[0]);
	close(pipe_ends[0]);
}

/* The same, and sees to what comes next. */
static void
readable_in_turn(void *arg, short revents)
{
	readable(arg, revents);
	if (strcmp(buffer_string(&seen), "one ") == 0)
		loop_after(loop, MS_NS, write_it, name("two"));
	else if (strcmp(buffer_string(&seen), "one two ") == 0)
		loop_after(loop, MS_NS, close_it, NULL);
}

static void
test_watch_a_pipe_to_its_end(void **state)
{
	(void)state;
	assert_int_equal(pipe(pipe_ends), 0);
	loop_watch(loop, pipe_ends[0], POLLIN, readable_in_turn, NULL);
	loop_at(loop, MS_NS, write_it, name("one"));
	loop_run(loop); /* ends because nothing is left to watch */
	assert_string_equal(buffer_string(&seen), "one two hup ");
}

static void
pause_it(void *arg)
{
	(void)arg;
	loop_events(loop, pipe_ends[0], 0);
}

static void
unpause_it(void *arg)
{
	note(arg);
	loop_events(loop, pipe_ends[0], POLLIN);
}

static void
test_a_paused_watch_is_silent(void **state)
{
	(void)state;
	assert_int_equal(pipe(pipe_ends), 0);
	loop_watch(loop, pipe_ends[0], POLLIN, readable, NULL);
	loop_at(loop, 0, pause_it, NULL);
	loop_at(loop, 1 * MS_NS, write_it, name("one"));
	loop_at(loop, 2 * MS_NS, close_it, NULL);
	loop_at(loop, 20 * MS_NS, unpause_it, name("unpaused"));
	loop_run(loop);
	assert_memory_equal(buffer_string(&seen), "unpaused@", 9);
	assert_non_null(strstr(buffer_string(&seen), " one hup "));
}

static void
test_only_paused_watches_end_the_loop(void **state)
{
	(void)state;
	assert_int_equal(pipe(pipe_ends), 0);
	loop_watch(loop, pipe_ends[0], 0, readable, NULL);
	loop_run(loop);
	loop_unwatch(loop, pipe_ends[0]);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	assert_int_equal(seen.length, 0);
}

/* Two pipes are ready at once; whoever comes first ends the other and watches a new one in its place. */
static int rivals[2][2];

static void
rival(void *arg, short revents)
{
	int me = *(const int *)arg, other = 1 - me;

	(void)revents;
	buffer_printf(&seen, "rival ");
	loop_unwatch(loop, rivals[other][0]);
	close(rivals[other][0]);
	close(rivals[other][1]);
	assert_int_equal(pipe(pipe_ends), 0); /* takes the numbers just closed */
	loop_watch(loop, pipe_ends[0], POLLIN, readable, NULL);
	loop_unwatch(loop, rivals[me][0]);
	close(rivals[me][0]);
	close(rivals[me][1]);
	close(pipe_ends[1]);
}

static void
test_unwatch_within_a_callback(void **state)
{
	static int names[] = {0, 1};

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pipe(rivals[i]), 0);
		assert_int_equal(write(rivals[i][1], "x", 1), 1);
		loop_watch(loop, rivals[i][0], POLLIN, rival, &names[i]);
	}
	loop_run(loop);
	assert_string_equal(buffer_string(&seen), "rival hup ");
}

static int spins;

static void
spin(void *arg)
{
	spins++;
	loop_at(loop, 0, spin, arg);
}

static void
stop_reading(void *arg, short revents)
{
	(void)arg;
	(void)revents;
	loop_stop(loop);
}

/* Events that set events at once leave descriptors their turn. */
static void
test_events_do_not_starve_descriptors(void **state)
{
	(void)state;
	spins = 0;
	assert_int_equal(pipe(pipe_ends), 0);
	assert_int_equal(write(pipe_ends[1], "x", 1), 1);
	loop_watch(loop, pipe_ends[0], POLLIN, stop_reading, NULL);
	loop_at(loop, 0, spin, NULL);
	loop_run(loop);
	assert_in_range(spins, 1, 3);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_order_of_time_then_of_setting, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_what_is_set_meanwhile_comes_behind, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_cancel, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_handles_are_never_reused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_stop_and_go_on, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_pending_events_are_forgotten, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_many_with_cancels_among_them, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_events_are_cheap, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_hash_tells_apart, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_hash_is_fixed, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_wall_clock_waits, set_up_wall, tear_down),
	    cmocka_unit_test_setup_teardown(test_watch_a_pipe_to_its_end, set_up_wall, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_paused_watch_is_silent, set_up_wall, tear_down),
	    cmocka_unit_test_setup_teardown(test_only_paused_watches_end_the_loop, set_up_wall, tear_down),
	    cmocka_unit_test_setup_teardown(test_unwatch_within_a_callback, set_up_wall, tear_down),
	    cmocka_unit_test_setup_teardown(test_events_do_not_starve_descriptors, set_up_wall, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
