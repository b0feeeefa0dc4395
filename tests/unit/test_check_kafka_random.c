/*
 * Random histories, right by construction and then spoilt, that Jepsen's own
 * checker has judged: ours must say the same. The file has a history a line
 * and its result on the next; it is the first argument, or $RANDOM_KAFKA, or
 * tests/random/kafka.edn. Which cycle is shown, and in what order equally bad
 * errors are, is left open.
 */
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "value_help.h"

static const char *file_name = "tests/random/kafka.edn";

/* Operations are written as plain maps there. */
static const struct value *
without_tags(struct arena *arena, const struct value *value)
{
	struct value *copy;
	size_t i;

	if (value->type == VALUE_TAGGED)
		return without_tags(arena, value->items[0]);
	if (value->type < VALUE_LIST)
		return value;
	copy = value_collection(arena, value->type);
	for (i = 0; i < value->count; i++)
		value_push(arena, copy, without_tags(arena, value->items[i]));
	return copy;
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

static bool
same_errors(const struct value *name, const struct value *ours, const struct value *real)
{
	const struct value *our_errors, *real_errors;

	if (ours == NULL || value_equal(ours, real))
		return ours != NULL;
	if (ours->type != VALUE_MAP || value_get(ours, "count") == NULL)
		return false;
	our_errors = value_get(ours, "errs");
	real_errors = value_get(real, "errs");
	if (!value_equal(value_get(ours, "count"), value_get(real, "count")))
		return false;
	if (value_is_keyword(name, "G1c") || value_is_keyword(name, "G1c-realtime"))
		return our_errors->count == real_errors->count;
	return same_items(our_errors, real_errors);
}

static void
judge(const char *text, size_t length, const char *result_text, size_t result_length, int line)
{
	const struct check_options options = {0};
	const struct value *ours, *real;
	struct history history = {0};
	struct buffer error = {0};
	size_t i;

	if (!history_parse(&history, text, length, &error))
		fail_msg("line %d: %s", line, buffer_string(&error));
	real = edn_n(&history.arena, result_text, result_length);
	ours = without_tags(&history.arena, check_kafka(&history.arena, &history, &options));
	if (!value_equal(value_get(ours, "valid?"), value_get(real, "valid?")))
		fail_msg("line %d: :valid? differs", line);
	if (verdict_of(real) != VERDICT_UNKNOWN) {
		assert_int_equal(ours->count, real->count);
		for (i = 0; i < real->count; i += 2)
			if (!same_errors(real->items[i], value_find(ours, real->items[i]), real->items[i + 1]))
				fail_msg("line %d: :%s differs", line, real->items[i]->text);
	}
	history_free(&history);
}

static void
every_history_agrees(void **state)
{
	char *history = NULL, *result = NULL;
	size_t history_room = 0, result_room = 0;
	ssize_t length, result_length;
	FILE *file = fopen(file_name, "r");
	int line = 1;

	(void)state;
	if (file == NULL)
		fail_msg("cannot open %s", file_name);
	for (; (length = getline(&history, &history_room, file)) > 0; line += 2) {
		result_length = getline(&result, &result_room, file);
		assert_true(result_length > 0);
		judge(history, (size_t)length, result, (size_t)result_length, line);
	}
	assert_true(line > 80);
	free(history);
	free(result);
	fclose(file);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_history_agrees),
	};

	if (getenv("RANDOM_KAFKA") != NULL)
		file_name = getenv("RANDOM_KAFKA");
	if (argc > 1)
		file_name = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
