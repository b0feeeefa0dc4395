/*
 * lin-kv as a real process with a real disk: killed in the midst of its
 * writes, and started again, it has all that it has acknowledged. One node, so
 * that there is nobody to ask. The test's binary is the node's as well.
 */
#include "child.h"

#include <stdio.h>

#include "host.h"
#include "registry.h"

#define WRITES 3000
#define LIVES  4

static char folder[64];

static void
begin(struct child *child)
{
	char option[128];

	snprintf(option, sizeof(option), "--data-dir=%s", folder);
	child_start(child, option);
	say(child, "{\"src\":\"c0\",\"dest\":\"n0\",\"body\":{\"type\":\"init\",\"msg_id\":1,\"node_id\":\"n0\","
		   "\"node_ids\":[\"n0\"]}}\n");
	expect(child, "{\"src\":\"n0\",\"dest\":\"c0\",\"body\":{\"type\":\"init_ok\",\"in_reply_to\":1}}");
}

static void
say_write(struct child *child, int key)
{
	char line[256];

	snprintf(line, sizeof(line),
	    "{\"src\":\"c1\",\"dest\":\"n0\",\"body\":{\"type\":\"write\",\"msg_id\":%d,\"key\":%d,\"value\":%d}}\n",
	    key + 2, key, key);
	say(child, line);
}

/* Marks what is acknowledged in the text, a line each, that the node has written; returns what is left of it. */
static void
mark(struct child *child, bool *acknowledged, int *count)
{
	char *line = child->text, *end;

	while (child->length > 0 && (end = memchr(line, '\n', child->length - (size_t)(line - child->text))) != NULL) {
		char *id = strstr(line, "\"in_reply_to\":");

		*end = '\0';
		if (strstr(line, "write_ok") != NULL && id != NULL) {
			acknowledged[atoi(id + strlen("\"in_reply_to\":")) - 2] = true;
			++*count;
		}
		line = end + 1;
	}
	child->length -= (size_t)(line - child->text);
	memmove(child->text, line, child->length);
}

/* Writes from there on; kills the node when so many are acknowledged, with others on their way. */
static void
write_and_kill(int first, int last, bool *acknowledged)
{
	struct child child;
	int count = 0;

	begin(&child);
	for (int key = first; key < last; key++)
		say_write(&child, key);
	while (count < (last - first) / 4 && child_read(&child))
		mark(&child, acknowledged, &count);
	kill(child.pid, SIGKILL);
	assert_int_equal(child_status(&child), 1000 + SIGKILL);
	while (child_read(&child))
		mark(&child, acknowledged, &count);
	assert_true(count >= (last - first) / 4);
	child_close(&child);
}

static void
expect_read(struct child *child, int key)
{
	char line[256];

	snprintf(line, sizeof(line),
	    "{\"src\":\"c1\",\"dest\":\"n0\",\"body\":{\"type\":\"read\",\"msg_id\":1,\"key\":%d}}\n", key);
	say(child, line);
	snprintf(line, sizeof(line),
	    "{\"src\":\"n0\",\"dest\":\"c1\",\"body\":{\"type\":\"read_ok\",\"value\":%d,\"in_reply_to\":1}}", key);
	expect(child, line);
}

static void
has_all_that_it_acknowledged(void **state)
{
	bool acknowledged[WRITES] = {false};
	struct child child;
	char errors[4096];

	(void)state;
	for (int life = 0; life < LIVES; life++)
		write_and_kill(WRITES * life / LIVES, WRITES * (life + 1) / LIVES, acknowledged);
	begin(&child);
	for (int key = 0; key < WRITES; key++)
		if (acknowledged[key])
			expect_read(&child, key);
	close(child.in);
	child.in = -1;
	assert_int_equal(child_status(&child), 0);
	read_all(child.err, errors, sizeof(errors));
	assert_null(strstr(errors, "ERROR"));
	child_close(&child);
}

static int
make_folder(void **state)
{
	(void)state;
	strlcpy(folder, "/tmp/lin-kv-killed.XXXXXX", sizeof(folder));
	return mkdtemp(folder) == NULL;
}

static int
remove_folder(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(has_all_that_it_acknowledged, make_folder, remove_folder),
	};

	if (argc > 1 && strcmp(argv[1], "--node") == 0)
		return node_main(registry_find("lin-kv"), argc - 1, argv + 1);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
