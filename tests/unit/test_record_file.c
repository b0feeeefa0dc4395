/*
 * Records in a file: what is there after whatever happened, who may have it,
 * and what becomes of a disk that is full. At the end the whole chain: the
 * test starts itself as a node and kills it in the midst of its writes.
 */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "host.h"
#include "record_file.h"

/* ---- a disk that cannot ---------------------------------------------------------- */

static bool syncs_fail;

/* In the place of libc's. */
int
fdatasync(int fd)
{
	if (!syncs_fail)
		return fsync(fd);
	errno = EIO;
	return -1;
}

/* ---- a folder ------------------------------------------------------------------ */

static char folder[] = "/tmp/record_file.XXXXXX", dir[64];
static struct buffer bytes, why;

static char *
path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static int
set_up(void **state)
{
	(void)state;
	strlcpy(strrchr(folder, '.'), ".XXXXXX", 8);
	assert_non_null(mkdtemp(folder));
	snprintf(dir, sizeof(dir), "%s/data", folder);
	return 0;
}

static int
tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "chmod -R u+w %s; rm -rf %s", folder, folder);
	assert_int_equal(system(command), 0);
	buffer_free(&bytes);
	buffer_free(&why);
	return 0;
}

static struct record_file *
open_file(void)
{
	struct record_file *file;

	bytes.length = why.length = 0;
	file = record_file_open(dir, "n0", &bytes, &why);
	if (file == NULL)
		fail_msg("%s", buffer_string(&why));
	return file;
}

static bool
store(struct record_file *file, const char *text, bool replace, bool sync)
{
	struct storing storing = {.replace = replace, .sync = sync};
	bool stored;

	buffer_append_string(&storing.bytes, text);
	stored = record_file_store(file, &storing, &why);
	buffer_free(&storing.bytes);
	return stored;
}

/* What a process finds that opens it after us. */
static void
expect_content(const char *text)
{
	struct record_file *file = open_file();

	assert_string_equal(buffer_string(&bytes), text);
	record_file_close(file);
}

static void
write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* ---- contents -------------------------------------------------------------------- */

static void
keeps_what_it_is_given(void **state)
{
	struct record_file *file = open_file();

	(void)state;
	assert_int_equal(bytes.length, 0);
	assert_true(store(file, "one\n", false, false));
	assert_true(store(file, "two\n", false, true));
	assert_true(store(file, "", false, true));
	record_file_close(file);
	expect_content("one\ntwo\n");
	file = open_file();
	assert_true(store(file, "three\n", false, true));
	assert_true(store(file, "four\n", true, true));
	assert_true(store(file, "five\n", false, true));
	record_file_close(file);
	expect_content("four\nfive\n");
	assert_int_equal(access(path_of("n0.records.new"), F_OK), -1);
}

static void
takes_much(void **state)
{
	size_t length = 3 << 20;
	char *text = malloc(length + 1);
	struct record_file *file = open_file();

	(void)state;
	memset(text, 'x', length);
	text[length] = '\0';
	assert_true(store(file, text, false, true));
	assert_true(store(file, text, false, true));
	record_file_close(file);
	record_file_close(open_file());
	assert_int_equal(bytes.length, 2 * length);
	free(text);
}

/* Killed before the new one had its name: the old one counts, and what is left of the new one is in nobody's way. */
static void
survives_an_interrupted_replacement(void **state)
{
	struct record_file *file = open_file();

	(void)state;
	assert_true(store(file, "old\n", false, true));
	record_file_close(file);
	write_file(path_of("n0.records.new"), "a new one that was never finished, and is long");
	expect_content("old\n");
	file = open_file();
	assert_true(store(file, "new\n", true, true));
	record_file_close(file);
	expect_content("new\n");
}

/* ---- who may have it ---------------------------------------------------------------- */

static void
expect_in_use(void)
{
	why.length = 0;
	assert_null(record_file_open(dir, "n0", &bytes, &why));
	assert_non_null(strstr(buffer_string(&why), "n0.records: another process uses it"));
}

/* A lock belongs to the open file, so that one process can stand for two. */
static void
is_for_one_process(void **state)
{
	struct record_file *file = open_file(), *other;

	(void)state;
	expect_in_use();
	assert_true(store(file, "x\n", true, true));
	expect_in_use(); /* the new one as well */
	other = record_file_open(dir, "n1", &bytes, &why);
	assert_non_null(other);
	record_file_close(other);
	record_file_close(file);
	expect_content("x\n");
}

/* Replaced again and again: whoever else opens it never gets it. */
static void
is_for_one_process_while_it_is_replaced(void **state)
{
	struct record_file *file = open_file();
	pid_t child;
	int status;

	(void)state;
	child = fork();
	if (child == 0) {
		record_file_close(file); /* the lock is also the parent's */
		for (int i = 0; i < 300; i++)
			if (record_file_open(dir, "n0", &bytes, &why) != NULL)
				_exit(1);
		_exit(0);
	}
	while (waitpid(child, &status, WNOHANG) == 0)
		assert_true(store(file, "x\n", true, true));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	record_file_close(file);
}

static void
refuses_unsafe_names(void **state)
{
	static const char *const ids[] = {
	    "", ".", "..", "../x", "a/b", "/etc/passwd", ".hidden", "a b", "n0\n", "\xc3\xa4"};
	char longest[RECORD_FILE_ID_MAX + 2] = "";
	struct record_file *file;

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		why.length = 0;
		assert_null(record_file_open(dir, ids[i], &bytes, &why));
		assert_non_null(strstr(buffer_string(&why), "no safe name"));
	}
	memset(longest, 'x', RECORD_FILE_ID_MAX);
	file = record_file_open(dir, longest, &bytes, &why);
	assert_non_null(file);
	record_file_close(file);
	longest[RECORD_FILE_ID_MAX] = 'x';
	assert_null(record_file_open(dir, longest, &bytes, &why));
}

/* ---- a disk that fails ----------------------------------------------------------------- */

static void
says_where_it_cannot_be(void **state)
{
	(void)state;
	write_file(dir, "no directory");
	assert_null(record_file_open(dir, "n0", &bytes, &why));
	assert_non_null(strstr(buffer_string(&why), "n0.records: the directory cannot be opened: Not a directory"));
	why.length = 0;
	snprintf(dir, sizeof(dir), "%s/not/there", folder);
	assert_null(record_file_open(dir, "n0", &bytes, &why));
	assert_non_null(strstr(buffer_string(&why), "the directory cannot be made: No such file"));
	why.length = 0;
	snprintf(dir, sizeof(dir), "%s/data2", folder);
	assert_int_equal(mkdir(dir, 0777) + mkdir(path_of("n0.records"), 0777), 0);
	assert_null(record_file_open(dir, "n0", &bytes, &why));
	assert_non_null(strstr(buffer_string(&why), "cannot be opened: Is a directory"));
}

static void
says_that_it_is_full(void **state)
{
	struct record_file *file;

	(void)state;
	assert_int_equal(mkdir(dir, 0777), 0);
	assert_int_equal(symlink("/dev/full", path_of("n0.records.new")), 0);
	file = open_file();
	assert_true(store(file, "old\n", false, true));
	assert_false(store(file, "new\n", true, true));
	assert_non_null(strstr(buffer_string(&why), "what replaces it cannot be written: "));
	record_file_close(file);
	expect_content("old\n");
}

/* A part of it is written, and taken back. */
static void
says_that_it_may_not_grow(void **state)
{
	struct rlimit before, limit;
	struct record_file *file = open_file();
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);

	(void)state;
	assert_true(store(file, "0123\n", false, true));
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = 8;
	setrlimit(RLIMIT_FSIZE, &limit);
	assert_false(store(file, "567\n9\n", false, true));
	setrlimit(RLIMIT_FSIZE, &before);
	signal(SIGXFSZ, handler);
	assert_non_null(strstr(buffer_string(&why), "cannot be written: File too large"));
	record_file_close(file);
	expect_content("0123\n");
}

/*
 * What could not be synced must not be there for the next one who reads,
 * though the system would show it: with it goes what was not to be synced yet.
 */
static void
cuts_off_what_cannot_be_synced(void **state)
{
	struct record_file *file = open_file();

	(void)state;
	assert_true(store(file, "one\n", false, true));
	assert_true(store(file, "two\n", false, false));
	syncs_fail = true;
	assert_false(store(file, "three\n", false, true));
	syncs_fail = false;
	assert_non_null(strstr(buffer_string(&why), "n0.records: cannot be synced: Input/output error"));
	record_file_close(file);
	expect_content("one\n");
	file = open_file();
	assert_true(store(file, "four\nfive\n", true, true));
	syncs_fail = true;
	assert_false(store(file, "six\n", false, true));
	syncs_fail = false;
	record_file_close(file);
	expect_content("four\nfive\n");
}

/* ---- a node ------------------------------------------------------------------------------ */

#define UNLUCKY 1000 /* this number's sync fails */

static void
start(struct node *node)
{
	const json_t *record;

	while ((record = node_next_record(node)) != NULL)
		node_log(node, LOG_LEVEL_INFO, "found %lld", (long long)json_integer_value(record));
}

static void
keep(struct node *node, const struct message *message)
{
	json_int_t number;

	if (!node_unpack(node, message, "{s:I}", "number", &number))
		return;
	syncs_fail = number == UNLUCKY;
	node_append(node, json_integer(number));
	node_sync(node);
	node_reply(node, message, json_pack("{s:s, s:I}", "type", "keep_ok", "number", number));
}

static const struct route routes[] = {{"keep", keep}, {NULL, NULL}};
static const struct program program = {.name = "child", .start = start, .routes = routes};

#define INIT                                                                                           \
	"{\"src\":\"c0\",\"dest\":\"n0\",\"body\":{\"type\":\"init\",\"msg_id\":1,\"node_id\":\"%s\"," \
	"\"node_ids\":[\"%s\"]}}\n"

/* child_start() passes one option: "--data-dir=DIR". */
static void
begin(struct child *child, const char *id)
{
	char option[128], line[256];

	snprintf(option, sizeof(option), "--data-dir=%s", dir);
	child_start(child, option);
	snprintf(line, sizeof(line), INIT, id, id);
	say(child, line);
}

static void
expect_init_ok(struct child *child)
{
	expect(child, "{\"src\":\"n0\",\"dest\":\"c0\",\"body\":{\"type\":\"init_ok\",\"in_reply_to\":1}}");
}

static void
say_keep(struct child *child, int number)
{
	char line[256];

	snprintf(line, sizeof(line),
	    "{\"src\":\"c1\",\"dest\":\"n0\",\"body\":{\"type\":\"keep\",\"msg_id\":%d,\"number\":%d}}\n", number + 2,
	    number);
	say(child, line);
}

static void
expect_end(struct child *child, const char *text)
{
	char errors[4096];

	assert_int_equal(child_status(child), 1);
	read_all(child->err, errors, sizeof(errors));
	if (strstr(errors, text) == NULL)
		fail_msg("%s is not in: %s", text, errors);
	assert_false(child_read(child)); /* it said nothing */
	child_close(child);
}

/* What it finds after all. */
static int
count_found(void)
{
	struct child child;
	char errors[65536];
	int found = 0;

	begin(&child, "n0");
	expect_init_ok(&child);
	close(child.in);
	child.in = -1;
	read_all(child.err, errors, sizeof(errors));
	assert_int_equal(child_status(&child), 0);
	for (const char *at = errors; (at = strstr(at, "found ")) != NULL; at++)
		assert_int_equal(atoi(at + 6), found++);
	child_close(&child);
	return found;
}

static void
forgets_nothing_that_it_promised(void **state)
{
	struct child child;
	size_t length = 0;
	int promised = 0, found;

	(void)state;
	begin(&child, "n0");
	expect_init_ok(&child);
	for (int i = 0; i < 500; i++)
		say_keep(&child, i);
	for (; promised < 100; promised++) {
		length = child_line(&child, promised > 0 ? length + 1 : 0);
		assert_non_null(strstr(child.text, "keep_ok"));
	}
	kill(child.pid, SIGKILL);
	assert_int_equal(child_status(&child), 1000 + SIGKILL);
	while (child_read(&child))
		;
	promised--; /* the one at the front of the text */
	for (size_t i = 0; i < child.length; i++)
		promised += child.text[i] == '\n' || child.text[i] == '\0';
	child_close(&child);
	found = count_found();
	assert_in_range(found, promised, 500);
	assert_int_equal(count_found(), found);
}

static void
ends_without_its_file(void **state)
{
	struct record_file *file = open_file();
	struct child child;

	(void)state;
	begin(&child, "n0");
	expect_end(&child, "another process uses it");
	record_file_close(file);
	begin(&child, "../n0");
	expect_end(&child, "no safe name");
	write_file(path_of("n0.records"), "bad\n83dcefb7 1\n");
	begin(&child, "n0");
	expect_end(&child, "record 1 is damaged");
}

static void
ends_when_its_disk_is_full(void **state)
{
	struct rlimit before, limit;
	struct child child;

	(void)state;
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = 4;
	setrlimit(RLIMIT_FSIZE, &limit);
	begin(&child, "n0");
	setrlimit(RLIMIT_FSIZE, &before);
	expect_init_ok(&child);
	say_keep(&child, 0);
	expect_end(&child, "n0.records: cannot be written: File too large");
	assert_int_equal(count_found(), 0);
}

/* Nothing is promised on a sync that has failed, and nothing found of it. */
static void
ends_when_its_disk_cannot_sync(void **state)
{
	struct child child;

	(void)state;
	begin(&child, "n0");
	expect_init_ok(&child);
	for (int i = 0; i < 3; i++) {
		say_keep(&child, i);
		child_line(&child, 0);
		assert_non_null(strstr(child.text, "keep_ok"));
		child.length = 0;
	}
	say_keep(&child, UNLUCKY);
	expect_end(&child, "n0.records: cannot be synced: Input/output error");
	assert_int_equal(count_found(), 3);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(keeps_what_it_is_given, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(takes_much, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(survives_an_interrupted_replacement, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(is_for_one_process, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(is_for_one_process_while_it_is_replaced, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(refuses_unsafe_names, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(says_where_it_cannot_be, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(says_that_it_is_full, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(says_that_it_may_not_grow, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(cuts_off_what_cannot_be_synced, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(forgets_nothing_that_it_promised, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(ends_without_its_file, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(ends_when_its_disk_is_full, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(ends_when_its_disk_cannot_sync, set_up, tear_down),
	};

	if (argc > 1 && strcmp(argv[1], "--node") == 0)
		return node_main(&program, argc - 1, argv + 1);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
