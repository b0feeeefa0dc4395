/* Coroutines: waiting, interleaving, and the end of those that still wait. */
#include "fake_host.h"

#include <stdlib.h>

static const struct program program = {.name = "tasks"};

struct note {
	struct buffer *seen;
	const char *name;
	int64_t ms;
};

static void
sleep_twice(struct node *node, void *arg)
{
	struct note *note = arg;

	for (int i = 0; i < 2; i++) {
		int outcome = task_sleep(node, note->ms);

		buffer_printf(note->seen, "%s:%d@%lld ", note->name, outcome, (long long)node_now_ms(node));
	}
	buffer_printf(note->seen, "%s. ", note->name);
}

static void
interleaves(void **state)
{
	struct buffer seen = {0};
	struct note a = {&seen, "a", 10}, b = {&seen, "b", 15};
	struct fake fake;

	(void)state;
	fake_init(&fake, &program);
	assert_true(node_task(fake.node, sleep_twice, &a));
	assert_true(node_task(fake.node, sleep_twice, &b));
	assert_int_equal(seen.length, 0);
	fake_until(&fake, 2000);
	assert_string_equal(buffer_string(&seen), "a:-1@1010 b:-1@1015 a:-1@1020 a. b:-1@1030 b. ");
	assert_int_equal(fake.node->task_count, 0);
	buffer_free(&seen);
	fake_close(&fake);
}

/* ---- calls -------------------------------------------------------------------- */

static void
call(struct node *node, void *arg)
{
	struct note *note = arg;
	json_t *reply;
	int outcome;

	for (int i = 0; i < 3; i++) {
		outcome = task_call(node, "n0", json_pack("{s:s, s:i}", "type", "ask", "i", i), note->ms, &reply);
		buffer_printf(note->seen, "%s%d:%d:%d ", note->name, i, outcome,
		    (int)json_integer_value(json_object_get(reply, "x")));
		json_decref(reply);
	}
}

static int64_t
next_msg_id(struct fake *fake)
{
	json_t *line = json_loads(fake_next(fake), 0, NULL);
	int64_t msg_id = json_integer_value(json_object_get(json_object_get(line, "body"), "msg_id"));

	json_decref(line);
	return msg_id;
}

static void
answer(struct fake *fake, int64_t msg_id, const char *members)
{
	char body[200];

	snprintf(body, sizeof(body), "{%s,'in_reply_to':%lld}", members, (long long)msg_id);
	fake_from(fake, "n0", body);
}

static void
waits_for_replies(void **state)
{
	struct buffer seen = {0};
	struct note a = {&seen, "a", 100}, b = {&seen, "b", 50};
	struct fake fake;
	int64_t first, second;

	(void)state;
	fake_init(&fake, &program);
	node_task(fake.node, call, &a);
	node_task(fake.node, call, &b);
	first = next_msg_id(&fake);
	second = next_msg_id(&fake);
	answer(&fake, second, "'type':'ask_ok','x':7");
	answer(&fake, first, "'type':'error','code':22");
	second = next_msg_id(&fake);
	first = next_msg_id(&fake);
	fake_until(&fake, 1060);
	answer(&fake, second, "'type':'ask_ok','x':8"); /* late */
	answer(&fake, first, "'type':'ask_ok','x':9");
	assert_string_equal(buffer_string(&seen), "b0:-1:7 a0:22:0 b1:0:0 a1:-1:9 ");
	fake_close(&fake);
	assert_string_equal(buffer_string(&seen), "b0:-1:7 a0:22:0 b1:0:0 a1:-1:9 b2:-2:0 a2:-2:0 ");
	buffer_free(&seen);
}

/* ---- tasks within tasks --------------------------------------------------------- */

static void
outer(struct node *node, void *arg)
{
	struct note *note = arg;

	buffer_append_string(note->seen, "( ");
	assert_true(node_task(node, sleep_twice, note));
	buffer_append_string(note->seen, ") ");
	task_sleep(node, 5);
	buffer_append_string(note->seen, "! ");
}

static void
a_task_may_start_another(void **state)
{
	struct buffer seen = {0};
	struct note a = {&seen, "a", 10};
	struct fake fake;

	(void)state;
	fake_init(&fake, &program);
	node_task(fake.node, outer, &a);
	fake_until(&fake, 2000);
	assert_string_equal(buffer_string(&seen), "( ) ! a:-1@1010 a:-1@1020 a. ");
	buffer_free(&seen);
	fake_close(&fake);
}

/* ---- depth ---------------------------------------------------------------------- */

/* What was read from elsewhere may be nested as deeply as jansson goes: a task must stand that as well. */
static void
handle_deep(struct node *node, void *arg)
{
	json_t *reply = NULL, *copy;
	int *done = arg;

	if (task_call(node, "n0", json_pack("{s:s}", "type", "ask"), 1000, &reply) != TASK_OK)
		return;
	copy = json_deep_copy(reply);
	*done = json_equal(copy, reply);
	json_decref(reply);
	node_send(node, "n0", copy);
}

static void
stands_deep_values(void **state)
{
	struct buffer body = {0};
	struct fake fake;
	int done = 0, depth = JSON_PARSER_MAX_DEPTH - 3;

	(void)state;
	fake_init(&fake, &program);
	node_task(fake.node, handle_deep, &done);
	buffer_printf(&body, "{'type':'ask_ok','in_reply_to':%lld,'x':", (long long)next_msg_id(&fake));
	for (int i = 0; i < depth; i++)
		buffer_append_string(&body, i % 2 == 0 ? "[" : "{'k':");
	buffer_append_char(&body, '7');
	for (int i = depth - 1; i >= 0; i--)
		buffer_append_char(&body, i % 2 == 0 ? ']' : '}');
	buffer_append_char(&body, '}');
	fake_from(&fake, "n0", buffer_string(&body));
	assert_false(fake_logged(&fake, "skipped"));
	assert_true(done);
	assert_non_null(fake_next(&fake));
	buffer_free(&body);
	fake_close(&fake);
}

/* ---- limit and end ---------------------------------------------------------------- */

static void
bounds_how_many_there_are(void **state)
{
	struct buffer seen = {0};
	struct note a = {&seen, "a", 10};
	struct fake fake;

	(void)state;
	fake_init(&fake, &program);
	assert_int_equal(fake.node->limits.tasks, NODE_TASKS_MAX);
	fake.node->limits.tasks = 1;
	assert_true(node_task(fake.node, sleep_twice, &a));
	assert_false(node_task(fake.node, sleep_twice, &a));
	fake_until(&fake, 1020);
	assert_string_equal(buffer_string(&seen), "a:-1@1010 a:-1@1020 a. ");
	assert_true(node_task(fake.node, sleep_twice, &a));
	buffer_free(&seen);
	fake_close(&fake);
	buffer_free(&seen);
}

static void
keeps_a_few_stacks(void **state)
{
	struct buffer seen = {0};
	struct note a = {&seen, "a", 10};
	struct fake fake;

	(void)state;
	fake_init(&fake, &program);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 40; i++)
			assert_true(node_task(fake.node, sleep_twice, &a));
		fake_until(&fake, 1100 + round * 100);
		assert_int_equal(fake.node->task_count, 0);
		assert_in_range(fake.node->stack_count, 1, 39);
	}
	buffer_free(&seen);
	fake_close(&fake);
}

/* A cancelled task cannot wait, send or start anything any more; it can clean up. */
static void
clean_up(struct node *node, void *arg)
{
	struct note *note = arg;
	char *owned = strdup("owned");
	json_t *reply = json_true();
	int outcome = task_sleep(node, 1000);

	buffer_printf(note->seen, "%s:%d:%d ", note->name, outcome, task_sleep(node, 1));
	buffer_printf(note->seen, "%d ", task_call(node, "n0", json_object(), 10, &reply));
	assert_null(reply);
	assert_false(node_task(node, sleep_twice, arg));
	node_send(node, "n0", json_object());
	node_after(node, 0, NULL, NULL, NULL);
	free(owned);
}

static void
waits_for_ever(struct node *node, void *arg)
{
	json_t *reply;

	task_call(node, "n1", json_pack("{s:s}", "type", "ask"), INT64_MAX, &reply);
	assert_null(reply);
	clean_up(node, arg);
}

static void
cancels_what_waits_at_the_end(void **state)
{
	struct buffer seen = {0};
	struct note a = {&seen, "a", 10}, b = {&seen, "b", 10};
	struct fake fake;

	(void)state;
	fake_init(&fake, &program);
	node_task(fake.node, clean_up, &a);
	node_task(fake.node, waits_for_ever, &b);
	fake_expect_nothing(&fake);
	fake_close(&fake);
	assert_string_equal(buffer_string(&seen), "b:-2:-2 -2 a:-2:-2 -2 ");
	buffer_free(&seen);
}

/* ---- many at a time ------------------------------------------------------------- */

static void
sleep_three(struct node *node, void *arg)
{
	struct note *note = arg;
	struct note parts[] = {
	    {note->seen, "x", 20},
	    {note->seen, "y", 0},
	    {note->seen, "z", 10},
	};

	task_each(node, sleep_twice, parts, 3, sizeof(parts[0]));
	buffer_printf(note->seen, "all@%lld ", (long long)node_now_ms(node));
	task_each(node, sleep_twice, parts, 0, sizeof(parts[0]));
	buffer_printf(note->seen, "%d", task_sleep(node, 1));
}

static void
waits_for_all_of_them(void **state)
{
	struct buffer seen = {0};
	struct note a = {.seen = &seen};
	struct fake fake;

	(void)state;
	fake_init(&fake, &program);
	node_task(fake.node, sleep_three, &a);
	fake_until(&fake, 2000);
	assert_string_equal(
	    buffer_string(&seen), "y:-1@1000 y:-1@1000 y. z:-1@1010 x:-1@1020 z:-1@1020 z. x:-1@1040 x. all@1040 -1");
	assert_int_equal(fake.node->task_count, 0);
	buffer_free(&seen);
	fake_close(&fake);
}

/* Where there can be no more tasks they do the same in turn. */
static void
does_without_tasks(void **state)
{
	struct buffer seen = {0};
	struct note a = {.seen = &seen};
	struct fake fake;

	(void)state;
	fake_open(&fake, &program);
	fake.node->limits.tasks = 1;
	fake_say(&fake, INIT_N0);
	node_task(fake.node, sleep_three, &a);
	fake_until(&fake, 2000);
	assert_string_equal(
	    buffer_string(&seen), "x:-1@1020 x:-1@1040 x. y:-1@1040 y:-1@1040 y. z:-1@1050 z:-1@1060 z. all@1060 -1");
	buffer_free(&seen);
	fake_close(&fake);
}

/* At the end the parts end before who waits for them: what they use is his. */
static void
ends_parts_first(void **state)
{
	struct buffer seen = {0};
	struct note a = {.seen = &seen};
	struct fake fake;

	(void)state;
	fake_init(&fake, &program);
	node_task(fake.node, sleep_three, &a);
	fake_until(&fake, 1015);
	fake_close(&fake);
	assert_string_equal(
	    buffer_string(&seen), "y:-1@1000 y:-1@1000 y. z:-1@1010 z:-2@1015 z. x:-2@1015 x:-2@1015 x. all@1015 -2");
	buffer_free(&seen);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(interleaves),
	    cmocka_unit_test(waits_for_replies),
	    cmocka_unit_test(a_task_may_start_another),
	    cmocka_unit_test(stands_deep_values),
	    cmocka_unit_test(bounds_how_many_there_are),
	    cmocka_unit_test(keeps_a_few_stacks),
	    cmocka_unit_test(cancels_what_waits_at_the_end),
	    cmocka_unit_test(waits_for_all_of_them),
	    cmocka_unit_test(does_without_tasks),
	    cmocka_unit_test(ends_parts_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
