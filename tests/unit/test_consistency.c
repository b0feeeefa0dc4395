/* Consistency models and anomalies: what Elle says of sets of them, and what any such lattice must satisfy. */
#include "check/consistency.h"

#include <stdio.h>

#include "value_help.h"

static const char *truth = "tests/golden/consistency.txt";

/* ---- names -------------------------------------------------------------------- */

static void
names_are_sorted_and_found(void **state)
{
	uint64_t set;

	(void)state;
	for (const struct model_name *m = model_names; m->name != NULL; m++) {
		set = SET_OF(MODEL_1SR);
		assert_true(model_find(m->name, &set));
		assert_true(set == (SET_OF(MODEL_1SR) | SET_OF(m->model)));
		if (m > model_names)
			assert_true(strcmp(m[-1].name, m->name) < 0);
	}
	set = 0;
	assert_false(model_find("Serializable", &set));
	assert_false(model_find("", &set));
	assert_true(set == 0);
}

static void
enumerators_are_in_the_order_of_names(void **state)
{
	uint64_t set;

	(void)state;
	for (unsigned i = 0; i < MODEL_COUNT; i++) {
		set = 0;
		assert_true(model_find(model_name(i), &set));
		assert_true(set == SET_OF(i));
		if (i > 0)
			assert_true(strcmp(model_name(i - 1), model_name(i)) < 0);
	}
	for (unsigned i = 0; i < ANOMALY_COUNT; i++) {
		if (i > 0)
			assert_true(strcmp(anomaly_name(i - 1), anomaly_name(i)) < 0);
	}
}

/* ---- what any lattice satisfies ------------------------------------------------- */

static void
implications_have_no_cycle(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MODEL_COUNT; i++)
		for (unsigned j = 0; j < i; j++)
			assert_false((models_implied_by(SET_OF(i)) & SET_OF(j)) != 0 &&
				     (models_implied_by(SET_OF(j)) & SET_OF(i)) != 0);
	for (unsigned i = 0; i < ANOMALY_COUNT; i++)
		for (unsigned j = 0; j < i; j++)
			assert_false((anomalies_implied_by(SET_OF(i)) & SET_OF(j)) != 0 &&
				     (anomalies_implied_by(SET_OF(j)) & SET_OF(i)) != 0);
}

/* An anomaly rules a model out if and only if the model prohibits it. */
static void
prohibiting_and_ruling_out_agree(void **state)
{
	(void)state;
	for (unsigned m = 0; m < MODEL_COUNT; m++)
		for (unsigned a = 0; a < ANOMALY_COUNT; a++)
			assert_int_equal((anomalies_prohibited_by(SET_OF(m)) & SET_OF(a)) != 0,
			    (models_ruled_out_by(SET_OF(a)) & SET_OF(m)) != 0);
}

static void
stronger_models_prohibit_more(void **state)
{
	uint64_t implied;

	(void)state;
	for (unsigned m = 0; m < MODEL_COUNT; m++) {
		implied = models_implied_by(SET_OF(m));
		assert_true((anomalies_prohibited_by(implied) & ~anomalies_prohibited_by(SET_OF(m))) == 0);
		assert_true(models_weakest(models_implying(SET_OF(m))) == SET_OF(m));
	}
	assert_true(anomalies_prohibited_by(0) == 0);
	assert_true(models_ruled_out_by(ANOMALIES_UNKNOWN) == 0);
}

/* ---- what Elle says -------------------------------------------------------------- */

/* Set of the models, or of the anomalies, that a text names. */
static uint64_t
models_in(const char *text)
{
	uint64_t set = 0;
	char name[64];
	int length;

	for (; sscanf(text, " %63s%n", name, &length) == 1; text += length)
		assert_true(model_find(name, &set));
	return set;
}

static unsigned
anomaly_called(const char *name)
{
	unsigned anomaly = 0;

	while (anomaly < ANOMALY_COUNT && strcmp(anomaly_name(anomaly), name) != 0)
		anomaly++;
	return anomaly;
}

static uint64_t
anomalies_in(const char *text)
{
	uint64_t set = 0;
	char name[64];
	int length;

	for (; sscanf(text, " %63s%n", name, &length) == 1; text += length) {
		assert_true(anomaly_called(name) < ANOMALY_COUNT);
		set |= SET_OF(anomaly_called(name));
	}
	return set;
}

/* Cuts a line in two at a phrase. NULL: it is not in there. */
static char *
cut(char *line, const char *phrase)
{
	char *at = strstr(line, phrase);

	if (at == NULL)
		return NULL;
	*at = '\0';
	return at + strlen(phrase);
}

static void
assert_boundary(struct arena *arena, const char *anomalies, const char *expected)
{
	struct value *result = value_collection(arena, VALUE_MAP);

	put_boundary(arena, result, anomalies_in(anomalies));
	assert_prints(result, expected);
}

static void
elle_says_the_same(void **state)
{
	uint64_t models = 0, anomalies = 0;
	struct arena arena = {0};
	char line[8192], *rest;
	FILE *file = fopen(truth, "r");

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#')
			continue;
		if ((rest = cut(line, " prohibits")) != NULL) {
			models |= models_in(line);
			assert_true(anomalies_prohibited_by(models_in(line)) == anomalies_in(rest));
		} else if ((rest = cut(line, " rule out ")) != NULL) {
			anomalies |= anomalies_in(line);
			assert_boundary(&arena, line, rest);
		} else {
			fail_msg("%s: what is '%s'?", truth, line);
		}
	}
	fclose(file);
	arena_free(&arena);
	assert_true(models == SET_OF(MODEL_COUNT) - 1);
	assert_true(anomalies == SET_OF(ANOMALY_COUNT) - 1);
}

static void
sets_print_in_the_order_of_names(void **state)
{
	struct arena arena = {0};

	(void)state;
	assert_prints(anomalies_value(&arena, anomalies_in("internal G1a G-single")), "(:G-single :G1a :internal)");
	assert_prints(anomalies_value(&arena, 0), "()");
	assert_prints(models_value(&arena, SET_OF(MODEL_STRONG_SERIALIZABLE) | SET_OF(MODEL_PREFIX)),
	    "#{:prefix :strong-serializable}");
	arena_free(&arena);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_are_sorted_and_found),
	    cmocka_unit_test(enumerators_are_in_the_order_of_names),
	    cmocka_unit_test(implications_have_no_cycle),
	    cmocka_unit_test(prohibiting_and_ruling_out_agree),
	    cmocka_unit_test(stronger_models_prohibit_more),
	    cmocka_unit_test(elle_says_the_same),
	    cmocka_unit_test(sets_print_in_the_order_of_names),
	};

	if (argc > 1)
		truth = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
