/* Timers: order, cancelling, and that of callback and drop exactly one runs. */
#include "fake_host.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct program program = {.name = "timers"};

/* What the callbacks of a test write down. */
struct note {
	struct buffer *seen;
	const char *name;
	uint64_t handle; /* to be cancelled by cancel_other() or itself */
	int runs, drops, until;
};

static void
ring(struct node *node, void *arg)
{
	struct note *note = arg;

	note->runs++;
	buffer_printf(note->seen, "%s@%lld ", note->name, (long long)node_now_ms(node));
}

static void
drop(void *arg)
{
	struct note *note = arg;

	note->drops++;
	buffer_printf(note->seen, "!%s ", note->name);
}

static void
cancel_self(struct node *node, void *arg)
{
	struct note *note = arg;

	ring(node, arg);
	if (note->runs == note->until) {
		node_cancel(node, note->handle);
		node_cancel(node, note->handle);
		assert_int_equal(note->drops, 0); /* not under the callback's feet */
	}
}

static void
set_another(struct node *node, void *arg)
{
	ring(node, arg);
	node_after(node, 0, ring, arg, drop);
}

/* ---- order ------------------------------------------------------------------ */

static void
rings_in_order_of_time_and_setting(void **state)
{
	struct buffer seen = {0};
	struct note a = {&seen, "a", 0, 0, 0, 0}, b = a, c = a, d = a;
	struct fake fake;

	(void)state;
	b.name = "b", c.name = "c", d.name = "d";
	fake_init(&fake, &program);
	node_after(fake.node, 20, ring, &a, drop);
	node_after(fake.node, 10, ring, &b, drop);
	node_after(fake.node, 20, ring, &c, drop);
	node_after(fake.node, -7, ring, &d, drop);
	assert_int_equal(seen.length, 0);
	assert_int_equal(node_due(fake.node), 1000);
	fake_until(&fake, 1009);
	fake_until(&fake, 1020);
	assert_string_equal(buffer_string(&seen), "d@1000 b@1010 a@1020 c@1020 ");
	assert_int_equal(node_due(fake.node), INT64_MAX);
	buffer_free(&seen);
	fake_close(&fake);
}

static void
sees_one_time_a_turn(void **state)
{
	struct buffer seen = {0};
	struct note a = {&seen, "a", 0, 0, 0, 0}, b = {&seen, "b", 0, 0, 0, 0};
	struct fake fake;

	(void)state;
	fake_init(&fake, &program);
	node_after(fake.node, 10, ring, &a, drop);
	node_after(fake.node, 20, ring, &b, drop);
	node_turn(fake.node, 1300);
	node_turn(fake.node, 1200); /* time does not go back */
	assert_int_equal(node_now_ms(fake.node), 1300);
	assert_string_equal(buffer_string(&seen), "a@1300 b@1300 ");
	buffer_free(&seen);
	fake_close(&fake);
}

static void
leaves_what_is_set_meanwhile_to_the_next_turn(void **state)
{
	struct buffer seen = {0};
	struct note a = {&seen, "a", 0, 0, 0, 0};
	struct fake fake;

	(void)state;
	fake_init(&fake, &program);
	node_after(fake.node, 0, set_another, &a, NULL);
	node_turn(fake.node, 1000);
	assert_int_equal(a.runs, 1);
	assert_int_equal(node_due(fake.node), 1000);
	node_turn(fake.node, 1000);
	assert_int_equal(a.runs, 2);
	buffer_free(&seen);
	fake_close(&fake);
}

static void
repeats(void **state)
{
	struct buffer seen = {0};
	struct note a = {&seen, "a", 0, 0, 0, 0}, b = {&seen, "b", 0, 0, 0, 0};
	struct fake fake;

	(void)state;
	fake_init(&fake, &program);
	node_every(fake.node, 100, ring, &a, drop);
	fake_until(&fake, 1100);
	fake_until(&fake, 1210);
	node_turn(fake.node, 1755); /* late: once, and not made up for */
	node_turn(fake.node, 1854);
	node_turn(fake.node, 1855);
	assert_string_equal(buffer_string(&seen), "a@1100 a@1200 a@1755 a@1855 ");
	seen.length = 0;
	node_every(fake.node, 0, ring, &b, drop); /* at least 1 ms apart */
	assert_int_equal(node_due(fake.node), 1856);
	buffer_free(&seen);
	seen = (struct buffer){0};
	fake_close(&fake);
	assert_string_equal(buffer_string(&seen), "!b !a ");
	buffer_free(&seen);
}

/* Against a plain sort: many timers, some cancelled, come in order of (due, setting). */
static void
keeps_the_order_of_many(void **state)
{
	enum { COUNT = 3000 };
	static struct note notes[COUNT];
	static char names[COUNT][12];
	static int64_t due[COUNT];
	struct buffer seen = {0}, expected = {0};
	struct fake fake;

	(void)state;
	fake_init(&fake, &program);
	for (int i = 0; i < COUNT; i++) {
		snprintf(names[i], sizeof(names[i]), "%d", i);
		due[i] = 1000 + (int64_t)node_random(fake.node, 200);
		notes[i] = (struct note){&seen, names[i], 0, 0, 0, 0};
		notes[i].handle = node_after(fake.node, due[i] - 1000, ring, &notes[i], NULL);
	}
	for (int i = 0; i < COUNT; i += 3)
		node_cancel(fake.node, notes[i].handle);
	for (int64_t ms = 1000; ms < 1200; ms++)
		for (int i = 0; i < COUNT; i++)
			if (due[i] == ms && i % 3 != 0)
				buffer_printf(&expected, "%d@%lld ", i, (long long)ms);
	fake_until(&fake, 1200);
	assert_string_equal(buffer_string(&seen), buffer_string(&expected));
	buffer_free(&seen);
	buffer_free(&expected);
	fake_close(&fake);
}

/* ---- cancelling -------------------------------------------------------------- */

static void
drops_what_is_cancelled(void **state)
{
	struct buffer seen = {0};
	struct note a = {&seen, "a", 0, 0, 0, 0};
	struct fake fake;
	uint64_t handle;

	(void)state;
	fake_init(&fake, &program);
	handle = node_after(fake.node, 5, ring, &a, drop);
	node_cancel(fake.node, handle);
	node_cancel(fake.node, handle);
	node_cancel(fake.node, 0);
	node_cancel(fake.node, UINT64_MAX);
	fake_until(&fake, 2000);
	assert_string_equal(buffer_string(&seen), "!a ");
	handle = node_after(fake.node, 5, ring, &a, NULL);
	node_cancel(fake.node, handle);
	assert_string_equal(buffer_string(&seen), "!a ");
	buffer_free(&seen);
	fake_close(&fake);
}

static void
forgets_what_has_rung(void **state)
{
	struct buffer seen = {0};
	struct note a = {&seen, "a", 0, 0, 0, 0}, b = {&seen, "b", 0, 0, 0, 0};
	struct fake fake;
	uint64_t first, second;

	(void)state;
	fake_init(&fake, &program);
	first = node_after(fake.node, 1, ring, &a, drop);
	fake_until(&fake, 1001);
	second = node_after(fake.node, 1, ring, &b, drop); /* in the same slot */
	assert_int_not_equal(first, second);
	node_cancel(fake.node, first);
	fake_until(&fake, 1002);
	assert_string_equal(buffer_string(&seen), "a@1001 b@1002 ");
	buffer_free(&seen);
	fake_close(&fake);
}

static void
never_uses_a_handle_twice(void **state)
{
	struct fake fake;
	uint64_t handles[500];

	(void)state;
	fake_init(&fake, &program);
	for (int i = 0; i < 500; i++) {
		struct note none = {0};

		handles[i] = node_after(fake.node, 5, ring, &none, NULL);
		assert_int_not_equal(handles[i], 0);
		if (i % 3 != 0)
			node_cancel(fake.node, handles[i]);
		for (int k = 0; k < i; k++)
			assert_int_not_equal(handles[k], handles[i]);
	}
	fake_close(&fake);
}

static void
a_timer_may_cancel_itself(void **state)
{
	struct buffer seen = {0};
	struct note once = {&seen, "once", 0, 0, 0, 1}, often = {&seen, "often", 0, 0, 0, 2};
	struct fake fake;

	(void)state;
	fake_init(&fake, &program);
	once.handle = node_after(fake.node, 10, cancel_self, &once, drop);
	often.handle = node_every(fake.node, 20, cancel_self, &often, drop);
	fake_until(&fake, 2000);
	assert_string_equal(buffer_string(&seen), "once@1010 often@1020 often@1040 !often ");
	assert_int_equal(fake.node->timer_count, 0);
	buffer_free(&seen);
	fake_close(&fake);
}

static void
cancel_other(struct node *node, void *arg)
{
	struct note *note = arg;

	ring(node, arg);
	node_cancel(node, note->handle);
}

/* Also one that is due in this very turn. */
static void
a_timer_may_cancel_another(void **state)
{
	struct buffer seen = {0};
	struct note a = {&seen, "a", 0, 0, 0, 0}, b = {&seen, "b", 0, 0, 0, 0};
	struct fake fake;

	(void)state;
	fake_init(&fake, &program);
	node_after(fake.node, 10, cancel_other, &a, drop);
	a.handle = node_every(fake.node, 10, ring, &b, drop);
	fake_until(&fake, 1100);
	assert_string_equal(buffer_string(&seen), "a@1010 !b ");
	buffer_free(&seen);
	fake_close(&fake);
}

/* ---- limit and end ------------------------------------------------------------ */

static void
drops_what_is_left_at_the_end(void **state)
{
	struct buffer seen = {0};
	struct note a = {&seen, "a", 0, 0, 0, 0}, b = {&seen, "b", 0, 0, 0, 0}, c = {&seen, "c", 0, 0, 0, 0};
	struct fake fake;

	(void)state;
	fake_init(&fake, &program);
	node_every(fake.node, 10, ring, &a, drop);
	node_after(fake.node, 5, ring, &b, drop);
	node_after(fake.node, 0, ring, &c, drop);
	node_after(fake.node, INT64_MAX, ring, &c, NULL);
	fake_until(&fake, 1000);
	fake_close(&fake);
	assert_string_equal(buffer_string(&seen), "c@1000 !b !a ");
	buffer_free(&seen);
}

/* Beyond the limit the process ends with a message: seen from outside. */
static void
ends_beyond_the_limit(void **state)
{
	struct note none = {0};
	struct fake fake;
	int status;
	pid_t child;

	(void)state;
	fake_init(&fake, &program);
	assert_int_equal(fake.node->limits.timers, NODE_TIMERS_MAX);
	fake.node->limits.timers = 2;
	node_cancel(fake.node, node_after(fake.node, 5, ring, &none, NULL));
	node_after(fake.node, 5, ring, &none, NULL);
	node_after(fake.node, 5, ring, &none, NULL);
	child = fork();
	if (child == 0) {
		close(STDERR_FILENO);
		node_after(fake.node, 5, ring, &none, NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	fake_close(&fake);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rings_in_order_of_time_and_setting),
	    cmocka_unit_test(sees_one_time_a_turn),
	    cmocka_unit_test(leaves_what_is_set_meanwhile_to_the_next_turn),
	    cmocka_unit_test(repeats),
	    cmocka_unit_test(keeps_the_order_of_many),
	    cmocka_unit_test(drops_what_is_cancelled),
	    cmocka_unit_test(forgets_what_has_rung),
	    cmocka_unit_test(never_uses_a_handle_twice),
	    cmocka_unit_test(a_timer_may_cancel_itself),
	    cmocka_unit_test(a_timer_may_cancel_another),
	    cmocka_unit_test(drops_what_is_left_at_the_end),
	    cmocka_unit_test(ends_beyond_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
