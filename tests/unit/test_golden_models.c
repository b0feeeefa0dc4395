/*
 * What Elle says of each recorded history of transactions under each of a dozen
 * consistency models: ours must say the same. A line of elle-models.txt has the
 * history, the model, and the pairs of the result. The directory is the first
 * argument, or $GOLDEN, or tests/golden.
 */
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "elle_help.h"

static const char *golden = "tests/golden";

static const struct {
	const char *workload;
	check_fn *check;
	size_t rows; /* at least */
} workloads[] = {
    {"txn-list-append", check_list_append, 96},
    {"txn-rw-register", check_rw_register, 108},
};
#define WORKLOADS (sizeof(workloads) / sizeof(workloads[0]))

/* The history that was read last: rows come history by history. */
struct recording {
	char name[64];
	struct history history;
};

static void
read_recording(struct recording *recording, const char *name)
{
	struct buffer path = {0}, error = {0};
	FILE *file;

	if (strcmp(recording->name, name) == 0)
		return;
	snprintf(recording->name, sizeof(recording->name), "%s", name);
	history_free(&recording->history);
	buffer_printf(&path, "%s/%s/history.edn", golden, name);
	file = fopen(buffer_string(&path), "r");
	if (file == NULL)
		fail_msg("cannot open %s", buffer_string(&path));
	if (!history_read(&recording->history, file, &error))
		fail_msg("%s: %s", buffer_string(&path), buffer_string(&error));
	fclose(file);
	buffer_free(&path);
	buffer_free(&error);
}

static void
assert_row(struct recording *recording, check_fn *check, const char *name, const char *model, const char *pairs)
{
	const char *const models[] = {model, NULL};
	const struct check_options options = {.consistency_models = models};
	const struct value *ours, *real;
	struct buffer text = {0};

	read_recording(recording, name);
	buffer_printf(&text, "{%s}", pairs);
	real = edn(&recording->history.arena, buffer_string(&text));
	ours = check(&recording->history.arena, &recording->history, &options);
	if (!elle_agrees(ours, real)) {
		text.length = 0;
		edn_write(&text, value_get(ours, "anomaly-types"));
		fail_msg("%s %s: %s", name, model, buffer_string(&text));
	}
	buffer_free(&text);
}

static void
every_row_agrees(void **state)
{
	char line[8192], name[64], model[64];
	struct recording recording = {0};
	size_t rows[WORKLOADS] = {0}, i;
	struct buffer path = {0};
	FILE *file;
	int at;

	(void)state;
	buffer_printf(&path, "%s/elle-models.txt", golden);
	file = fopen(buffer_string(&path), "r");
	if (file == NULL)
		fail_msg("cannot open %s", buffer_string(&path));
	while (fgets(line, sizeof(line), file) != NULL) {
		assert_int_equal(sscanf(line, "%63s %63s %n", name, model, &at), 2);
		for (i = 0; i < WORKLOADS; i++) {
			if (strncmp(name, workloads[i].workload, strcspn(name, "/")) != 0)
				continue;
			assert_row(&recording, workloads[i].check, name, model, line + at);
			rows[i]++;
		}
	}
	for (i = 0; i < WORKLOADS; i++)
		assert_true(rows[i] >= workloads[i].rows);
	fclose(file);
	history_free(&recording.history);
	buffer_free(&path);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_row_agrees),
	};

	if (getenv("GOLDEN") != NULL)
		golden = getenv("GOLDEN");
	if (argc > 1)
		golden = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
