/*
 * Histories that the real Maelstrom recorded, with its results: the checkers
 * must say the same, key by key. The directory is the first argument, or
 * $GOLDEN, or tests/golden.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "elle_help.h"
#include "value_help.h"

/* What of the workload's own result: what can be explained in several ways is not. */
enum compared {
	WHOLE,
	ERRORS_IN_ANY_ORDER, /* that of :errors is a hash map's */
	KEYS,                /* a result for each key */
	ANOMALIES,           /* their names, and the models that they rule out */
};

static const struct {
	const char *workload;
	check_fn *check;
	size_t cases; /* at least */
	enum compared compared;
} workloads[] = {
    {"echo", check_echo, 2, ERRORS_IN_ANY_ORDER},
    {"unique-ids", check_unique_ids, 2, WHOLE},
    {"broadcast", check_broadcast, 6, WHOLE},
    {"g-set", check_set_full, 2, WHOLE},
    {"g-counter", check_counter, 2, WHOLE},
    {"pn-counter", check_counter, 3, WHOLE},
    {"lin-kv", check_linearizable, 6, KEYS},
    {"kafka", check_kafka, 6, WHOLE},
    {"txn-list-append", check_list_append, 11, ANOMALIES},
    {"txn-rw-register", check_rw_register, 9, ANOMALIES},
};

static const char *golden = "tests/golden";

/* ---- files -------------------------------------------------------------------- */

static FILE *
open_in(const char *directory, const char *name)
{
	struct buffer path = {0};
	FILE *file;

	buffer_printf(&path, "%s/%s", directory, name);
	file = fopen(buffer_string(&path), "r");
	if (file == NULL)
		fail_msg("cannot open %s", buffer_string(&path));
	buffer_free(&path);
	return file;
}

static void
read_text(const char *directory, const char *name, struct buffer *text)
{
	FILE *file = open_in(directory, name);
	size_t length;

	text->length = 0;
	while ((length = fread(buffer_reserve(text, 4096), 1, 4096, file)) > 0)
		text->length += length;
	fclose(file);
}

/* ---- comparison ------------------------------------------------------------------ */

static bool
is_ours_alone(const struct value *key)
{
	return key->type == VALUE_KEYWORD && strncmp(key->text, "eddy/", 5) == 0;
}

static bool
same_items(const struct value *a, const struct value *b)
{
	bool *taken = calloc(b->count + 1, sizeof(*taken)), same = a->count == b->count;
	size_t i, j;

	for (i = 0; same && i < a->count; i++) {
		for (j = 0; j < b->count && (taken[j] || !value_equal(a->items[i], b->items[j]));)
			j++;
		same = j < b->count;
		if (same)
			taken[j] = true;
	}
	free(taken);
	return same;
}

static void
assert_same(
    const char *where, const char *section, const struct value *ours, const struct value *real, bool unordered_errors)
{
	const struct value *key, *other;
	struct buffer text = {0};
	size_t i;
	bool same;

	assert_int_equal(real->type, VALUE_MAP);
	for (i = 0; i < real->count; i += 2) {
		key = real->items[i];
		other = value_find(ours, key);
		if (other != NULL && unordered_errors && value_is_keyword(key, "errors"))
			same = same_items(other, real->items[i + 1]);
		else
			same = other != NULL && value_equal(other, real->items[i + 1]);
		if (!same) {
			edn_write(&text, other != NULL ? other : &value_nil);
			fail_msg("%s: %s :%s is %s", where, section, key->text, buffer_string(&text));
		}
	}
	for (i = 0; i < ours->count; i += 2)
		if (!is_ours_alone(ours->items[i]) && value_find(real, ours->items[i]) == NULL)
			fail_msg("%s: %s :%s is in ours only", where, section, ours->items[i]->text);
}

static void
assert_same_under(const char *where, const struct value *ours, const struct value *real, const char *key)
{
	const struct value *a = value_get(ours, key), *b = value_get(real, key);

	if (a == NULL || b == NULL ? a != b : !value_equal(a, b))
		fail_msg("%s: :%s differs", where, key);
}

/* Which keys are good, and at which operation it comes out. */
static void
assert_same_keys(const char *where, const struct value *ours, const struct value *real)
{
	const struct value *results = value_get(ours, "results"), *others = value_get(real, "results");

	assert_same_under(where, ours, real, "valid?");
	assert_same_under(where, ours, real, "failures");
	assert_int_equal(results->count, others->count);
	for (size_t i = 0; i < results->count; i += 2) {
		const struct value *one = results->items[i + 1], *other = value_find(others, results->items[i]);

		assert_non_null(other);
		assert_same_under(where, one, other, "valid?");
		one = value_get(one, "linearizable");
		other = value_get(other, "linearizable");
		assert_same_under(where, one, other, "valid?");
		assert_same_under(where, one, other, "op");
		assert_same_under(where, one, other, "previous-ok");
	}
}

/* As a file has it: what is read back is a double, where a checker has a float. */
static const struct value *
as_written(struct arena *arena, const struct value *value)
{
	struct buffer text = {0};
	const struct value *read;

	edn_write_pretty(&text, value);
	read = edn_n(arena, text.bytes, text.length);
	buffer_free(&text);
	return read;
}

/* Those of the recorded command; without any it is the default. */
static void
read_models(const char *command, struct arena *arena, struct check_options *options)
{
	const char *flag = strstr(command, "--consistency-models ");
	const char **models = arena_zero(arena, 2 * sizeof(*models));

	if (flag == NULL)
		return;
	flag += strlen("--consistency-models ");
	models[0] = arena_copy(arena, flag, strcspn(flag, " "));
	options->consistency_models = models;
}

static struct net_count
recorded_count(const struct value *net, const char *which)
{
	const struct value *counts = value_get(net, which);

	assert_int_equal(value_get(counts, "send-count")->integer, value_get(counts, "msg-count")->integer);
	return (struct net_count){
	    .sent = (uint64_t)value_get(counts, "send-count")->integer,
	    .received = (uint64_t)value_get(counts, "recv-count")->integer,
	};
}

static void
assert_agrees(const char *directory, check_fn *check, enum compared compared)
{
	static const char *const sections[] = {"exceptions", "stats", "availability", "net", "workload"};
	struct buffer text = {0}, error = {0}, again = {0};
	struct check_options options = {0};
	struct history history = {0};
	const struct value *real, *ours;
	struct net_stats net = {0};
	FILE *file = open_in(directory, "history.edn");
	size_t i;

	if (!history_read(&history, file, &error))
		fail_msg("%s: %s", directory, buffer_string(&error));
	fclose(file);
	read_text(directory, "command", &text);
	if (strstr(buffer_string(&text), "--availability total") != NULL)
		options.availability = AVAILABILITY_TOTAL;
	read_models(buffer_string(&text), &history.arena, &options);
	read_text(directory, "results.edn", &text);
	real = edn_n(&history.arena, text.bytes, text.length);
	net.all = recorded_count(value_get(real, "net"), "all");
	net.clients = recorded_count(value_get(real, "net"), "clients");
	net.servers = recorded_count(value_get(real, "net"), "servers");
	options.net = &net;
	ours = as_written(&history.arena, check_all(&history.arena, &history, &options, check));
	if (compared == KEYS)
		assert_same_keys(directory, value_get(ours, "workload"), value_get(real, "workload"));
	if (compared == ANOMALIES && !elle_agrees(value_get(ours, "workload"), value_get(real, "workload")))
		fail_msg("%s: other anomalies", directory);
	for (i = 0; i < sizeof(sections) / sizeof(sections[0]) - (compared >= KEYS); i++)
		assert_same(directory, sections[i], value_get(ours, sections[i]), value_get(real, sections[i]),
		    compared == ERRORS_IN_ANY_ORDER);
	assert_true(value_equal(value_get(ours, "valid?"), value_get(real, "valid?")));
	/* And the layout is Jepsen's, to the byte. */
	edn_write_pretty(&again, real);
	buffer_append_char(&again, '\n');
	assert_string_equal(buffer_string(&again), buffer_string(&text));
	buffer_free(&text);
	buffer_free(&again);
	buffer_free(&error);
	history_free(&history);
}

static void
every_case_agrees(void **state)
{
	struct buffer pattern = {0};
	glob_t found;
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++) {
		pattern.length = 0;
		buffer_printf(&pattern, "%s/%s/*", golden, workloads[i].workload);
		if (glob(buffer_string(&pattern), 0, NULL, &found) != 0)
			fail_msg("nothing in %s", buffer_string(&pattern));
		assert_true(found.gl_pathc >= workloads[i].cases);
		for (j = 0; j < found.gl_pathc; j++)
			assert_agrees(found.gl_pathv[j], workloads[i].check, workloads[i].compared);
		globfree(&found);
	}
	buffer_free(&pattern);
}

/* Jepsen's own histories must come back as they were, to the byte. */
static void
histories_come_back(void **state)
{
	struct buffer pattern = {0}, text = {0}, error = {0};
	struct history history = {0};
	char *written;
	size_t length, i;
	glob_t found;
	FILE *file;

	(void)state;
	buffer_printf(&pattern, "%s/*/*", golden);
	assert_int_equal(glob(buffer_string(&pattern), 0, NULL, &found), 0);
	for (i = 0; i < found.gl_pathc; i++) {
		read_text(found.gl_pathv[i], "history.edn", &text);
		if (!history_parse(&history, text.bytes, text.length, &error))
			fail_msg("%s: %s", found.gl_pathv[i], buffer_string(&error));
		file = open_memstream(&written, &length);
		history_write(&history, file);
		fclose(file);
		assert_string_equal(written, buffer_string(&text));
		free(written);
		history_free(&history);
	}
	globfree(&found);
	buffer_free(&pattern);
	buffer_free(&text);
	buffer_free(&error);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_case_agrees),
	    cmocka_unit_test(histories_come_back),
	};

	if (getenv("GOLDEN") != NULL)
		golden = getenv("GOLDEN");
	if (argc > 1)
		golden = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
