/* The store: what is where, names that do not collide, links that are replaced at once, a full disk. */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#undef run_test /* the header of eddy has a function of that name */

#include "store.h"
#include "workload.h"

static char root[64];

static int
make_root(void **state)
{
	(void)state;
	strlcpy(root, "/tmp/test_store.XXXXXX", sizeof(root));
	return mkdtemp(root) == NULL;
}

static int
remove_root(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static struct test_options
options_for(const char *directory)
{
	return (struct test_options){.workload = workload_find("g-set"), .store = directory};
}

static struct store *
open_store(const char *directory)
{
	const struct test_options options = options_for(directory);
	struct buffer error = {0};
	struct store *store = store_open(&options, &error);

	if (store == NULL)
		fail_msg("%s", buffer_string(&error));
	buffer_free(&error);
	return store;
}

static void
make_run(struct run *run)
{
	struct op op = {.type = OP_INVOKE, .f = "add", .value = &value_nil};
	struct value *results;

	memset(run, 0, sizeof(*run));
	op.value = value_int(&run->history.arena, 7);
	history_append(&run->history, &op);
	results = value_collection(&run->history.arena, VALUE_MAP);
	value_put_keyword(&run->history.arena, results, "valid?", &value_true);
	run->results = results;
}

static void
read_file(const char *directory, const char *name, char *text, size_t size)
{
	char path[256];
	FILE *file;
	size_t length;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "r");
	if (file == NULL)
		fail_msg("%s: %s", path, strerror(errno));
	length = fread(text, 1, size - 1, file);
	text[length] = '\0';
	fclose(file);
}

static bool
exists(const char *directory, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return access(path, F_OK) == 0;
}

/* ---- a whole run ----------------------------------------------------------------- */

static void
test_everything_is_there(void **state)
{
	char directory[128], text[256];
	struct buffer error = {0}, log = {0};
	struct store *store;
	struct run run;

	(void)state;
	snprintf(directory, sizeof(directory), "%s/deep/er", root);
	store = open_store(directory);
	assert_int_equal(strncmp(store_path(store), directory, strlen(directory)), 0);
	assert_true(exists(store_path(store), "node-logs"));
	store_node_log(store, "n3", &log);
	assert_non_null(strstr(buffer_string(&log), "/node-logs/n3.log"));
	fputs("{}\n", store_journal(store));
	make_run(&run);
	assert_true(store_finish(store, &run, &error));
	read_file(store_path(store), "history.edn", text, sizeof(text));
	assert_string_equal(text, "{:index 0, :time 0, :type :invoke, :process 0, :f :add, :value 7}\n");
	read_file(store_path(store), "results.edn", text, sizeof(text));
	assert_string_equal(text, "{:valid? true}\n");
	read_file(store_path(store), "results.json", text, sizeof(text));
	assert_string_equal(text, "{\"valid?\":true}\n");
	read_file(directory, "latest/messages.jsonl", text, sizeof(text));
	assert_string_equal(text, "{}\n");
	assert_true(exists(directory, "g-set/latest/history.edn"));
	store_close(store);
	history_free(&run.history);
	buffer_free(&log);
	buffer_free(&error);
}

static void
check_name(const char *zone, const char *shown)
{
	struct store *store;
	const char *name;

	setenv("TZ", zone, 1);
	tzset();
	store = open_store(root);
	name = strrchr(store_path(store), '/') + 1;
	assert_int_equal(strspn(name, "0123456789"), 8);
	assert_int_equal(name[8], 'T');
	assert_int_equal(strspn(name + 9, "0123456789"), 6);
	assert_int_equal(name[15], '.');
	assert_int_equal(strspn(name + 16, "0123456789"), 3);
	assert_string_equal(name + 19, shown);
	store_close(store);
}

/* 20260102T030405.678+0100 */
static void
test_name_is_a_time(void **state)
{
	(void)state;
	check_name("EAST-01:00", "+0100");
	check_name("WEST+05:30", "-0530");
	check_name("UTC0", "Z");
	unsetenv("TZ");
	tzset();
}

static void
test_crash_leaves_no_results(void **state)
{
	struct store *store = open_store(root);
	struct buffer error = {0};
	struct run run;

	(void)state;
	make_run(&run);
	run.results = NULL;
	assert_true(store_finish(store, &run, &error));
	assert_true(exists(store_path(store), "history.edn"));
	assert_false(exists(store_path(store), "results.edn"));
	store_close(store);
	history_free(&run.history);
}

/* ---- several runs ------------------------------------------------------------------- */

static void
test_same_millisecond(void **state)
{
	enum { RUNS = 50 };
	struct store *stores[RUNS];
	char path[256], link[256];
	ssize_t length;

	(void)state;
	for (int i = 0; i < RUNS; i++) {
		stores[i] = open_store(root);
		for (int k = 0; k < i; k++)
			assert_string_not_equal(store_path(stores[i]), store_path(stores[k]));
	}
	/* The links show the last one, and nothing temporary is left beside them. */
	snprintf(path, sizeof(path), "%s/latest", root);
	length = readlink(path, link, sizeof(link) - 1);
	assert_true(length > 0);
	link[length] = '\0';
	assert_string_equal(link, store_path(stores[RUNS - 1]) + strlen(root) + 1);
	for (int i = 0; i < RUNS; i++)
		store_close(stores[i]);
}

static void
test_nothing_else_is_left(void **state)
{
	struct store *store = open_store(root);
	DIR *directory = opendir(root);
	struct dirent *entry;
	int count = 0;

	(void)state;
	assert_non_null(directory);
	while ((entry = readdir(directory)) != NULL)
		count += entry->d_name[0] != '.';
	closedir(directory);
	assert_int_equal(count, 2); /* g-set, latest */
	store_close(store);
}

/* ---- what goes wrong --------------------------------------------------------------------- */

static void
assert_not_opened(const char *directory, const char *expected)
{
	const struct test_options options = options_for(directory);
	struct buffer error = {0};

	assert_null(store_open(&options, &error));
	if (strstr(buffer_string(&error), expected) == NULL)
		fail_msg("'%s' does not say '%s'", error.bytes, expected);
	assert_null(strchr(error.bytes, '\n'));
	buffer_free(&error);
}

static void
test_unusable_directories(void **state)
{
	char path[128];

	(void)state;
	assert_not_opened("/dev/null/store", "Not a directory");
	assert_not_opened("/proc/store", "No such file or directory");
	snprintf(path, sizeof(path), "%s/in-the-way/latest/x", root);
	{
		struct store *store;
		struct buffer error = {0};
		const struct test_options options = options_for(path);

		store = store_open(&options, &error);
		assert_non_null(store);
		store_close(store);
		buffer_free(&error);
	}
	/* "latest" is a directory there: no link can take its place. */
	snprintf(path, sizeof(path), "%s/in-the-way", root);
	assert_not_opened(path, "latest");
}

/* A limit on the size of files stands for a full disk. */
static void
with_full_disk(struct store *store, const struct run *run, const char *expected)
{
	struct rlimit saved, small;
	struct buffer error = {0};
	bool finished;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &saved);
	small = saved;
	small.rlim_cur = 4096;
	setrlimit(RLIMIT_FSIZE, &small);
	finished = store_finish(store, run, &error);
	setrlimit(RLIMIT_FSIZE, &saved);
	assert_false(finished);
	if (strstr(buffer_string(&error), expected) == NULL || strstr(error.bytes, "File too large") == NULL)
		fail_msg("'%s' does not say '%s'", error.bytes, expected);
	buffer_free(&error);
}

static void
test_full_disk(void **state)
{
	struct store *store = open_store(root);
	struct run run;

	(void)state;
	make_run(&run);
	for (int i = 0; i < 10000; i++)
		fputs("{\"type\":\"send\"}\n", store_journal(store));
	with_full_disk(store, &run, "messages.jsonl");
	store_close(store);

	store = open_store(root);
	for (int i = 0; i < 1000; i++) {
		struct op op = {.type = OP_INVOKE, .process = i, .f = "add", .value = &value_nil};

		history_append(&run.history, &op);
	}
	with_full_disk(store, &run, "history.edn");
	store_close(store);
	history_free(&run.history);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_everything_is_there, make_root, remove_root),
	    cmocka_unit_test_setup_teardown(test_name_is_a_time, make_root, remove_root),
	    cmocka_unit_test_setup_teardown(test_crash_leaves_no_results, make_root, remove_root),
	    cmocka_unit_test_setup_teardown(test_same_millisecond, make_root, remove_root),
	    cmocka_unit_test_setup_teardown(test_nothing_else_is_left, make_root, remove_root),
	    cmocka_unit_test_setup_teardown(test_unusable_directories, make_root, remove_root),
	    cmocka_unit_test_setup_teardown(test_full_disk, make_root, remove_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
