/* Values: made, copied, compared as Clojure does; tables of them; numbers as Java prints them. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "number.h"
#include "utf8.h"
#include "value_help.h"
#include "value_table.h"

static struct arena arena;

static int
teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

/* ---- making ------------------------------------------------------------------ */

static void
makes_every_type(void **state)
{
	struct value *map = value_collection(&arena, VALUE_MAP), *set = value_collection(&arena, VALUE_SET);

	(void)state;
	assert_prints(&value_nil, "nil");
	assert_prints(value_bool(true), "true");
	assert_prints(value_bool(false), "false");
	assert_prints(value_int(&arena, INT64_MIN), "-9223372036854775808");
	assert_prints(value_real(&arena, 0.1), "0.1");
	assert_prints(value_float(&arena, 0.1), "0.1");
	assert_prints(value_string_n(&arena, "a\0b", 3), (const char[]){'"', 'a', '\0'});
	assert_prints(value_printf(&arena, "%d %s", 1, "x"), "\"1 x\"");
	assert_prints(value_symbol(&arena, "a.B"), "a.B");
	assert_prints(value_char(&arena, 'x'), "\\x");
	assert_prints(value_tagged(&arena, "t", set), "#t #{}");
	value_push(&arena, set, value_int(&arena, 1));
	assert_prints(set, "#{1}");
	value_put_keyword(&arena, map, "a", set);
	value_put_string(&arena, map, "b", &value_nil);
	value_put_int(&arena, map, "c", 3);
	assert_prints(map, "{:a #{1}, \"b\" nil, :c 3}");
}

static void
integers_from_text(void **state)
{
	static const struct {
		const char *text, *printed;
		enum value_type type;
	} cases[] = {
	    {"0", "0", VALUE_INT},
	    {"-0", "0", VALUE_INT},
	    {"007", "7", VALUE_INT},
	    {"9223372036854775807", "9223372036854775807", VALUE_INT},
	    {"9223372036854775808", "9223372036854775808N", VALUE_BIGINT},
	    {"-9223372036854775808", "-9223372036854775808", VALUE_INT},
	    {"-9223372036854775809", "-9223372036854775809N", VALUE_BIGINT},
	    {"00000000000000000000000000001", "1", VALUE_INT},
	    {"-0100000000000000000000000000001", "-100000000000000000000000000001N", VALUE_BIGINT},
	};
	const struct value *value;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		value = value_integer_text(&arena, cases[i].text, strlen(cases[i].text));
		assert_int_equal(value->type, cases[i].type);
		assert_true(value_is_integer(value));
		assert_prints(value, cases[i].printed);
	}
	assert_false(value_is_integer(value_real(&arena, 1)));
	assert_false(value_is_integer(NULL));
}

static void
sets_and_finds_pairs(void **state)
{
	struct value *map = value_collection(&arena, VALUE_MAP);

	(void)state;
	value_put(&arena, map, value_int(&arena, 1), value_string(&arena, "c"));
	value_put(&arena, map, value_string(&arena, "x"), value_string(&arena, "b"));
	assert_prints(map, "{1 \"c\", \"x\" \"b\"}");
	assert_true(value_is_string(value_get(map, "x"), "b"));
	value_put_keyword(&arena, map, "x", &value_nil);
	assert_int_equal(value_get(map, "x")->type, VALUE_NIL); /* the keyword first */
	assert_null(value_get(map, "y"));
	assert_null(value_get(NULL, "y"));
	assert_null(value_get(&value_nil, "y"));
	assert_prints(value_find(map, edn(&arena, "1N")), "\"c\"");
	assert_null(value_find(map, edn(&arena, "1.0")));
	assert_null(value_find(&value_nil, &value_nil));
	assert_false(value_is_string(value_keyword(&arena, "a"), "a"));
	assert_true(value_is_keyword(value_keyword(&arena, "a"), "a"));
	assert_false(value_is_keyword(NULL, "a"));
}

static void
copies_are_independent(void **state)
{
	static const char text[] =
	    "{:a [1 2.5 \"s\\u0000t\" nil true], sym #{:k}, \"l\" (1N 99999999999999999999N 1.5M \\c), 3 #t [x]}";
	struct arena other = {0};
	const struct value *copy;

	(void)state;
	copy = value_copy(&arena, edn(&other, text));
	arena_free(&other);
	assert_value(copy, text);
}

/* ---- Clojure's = ---------------------------------------------------------------- */

static const char *const classes[][4] = {
    {"nil"},
    {"true"},
    {"false"},
    {"1", "1N", "01", "+1"},
    {"1.0", "1e0", "1.00"},
    {"0.0", "-0.0"},
    {"0", "-0", "0N"},
    {"1M", "1.0M", "1.00M", "10E-1M"},
    {"100M", "1E+2M", "1E2M", "100.00M"},
    {"0M", "-0M", "0.00M", "0E7M"},
    {"9223372036854775808", "9223372036854775808N"},
    {"9223372036854775808.0"},
    {"9223372036854775808M"},
    {"\"a\"", "\"\\u0061\""},
    {":a"},
    {"a"},
    {"\\a", "\\u0061"},
    {"[1 2]", "(1 2)", "(1N 2)"},
    {"[1.0 2]"},
    {"[2 1]"},
    {"[]", "()"},
    {"{}"},
    {"#{}"},
    {"#{1 2 3}", "#{3 1 2}"},
    {"#{1 2 4}"},
    {"{1 2, 3 4}", "{3 4, 1 2}"},
    {"{1 2, 3 5}"},
    {"{1 2, 4 4}"},
    {"#{1 2 3 4 5 6 7 8 9 10 11 12}", "#{12 11 10 9 8 7 6 5 4 3 2 1}"},
    {"#{1 2 3 4 5 6 7 8 9 10 11 13}"},
    {"{1 1 2 2 3 3 4 4 5 5 6 6 7 7 8 8 9 9 10 10}", "{10 10 9 9 8 8 7 7 6 6 5 5 4 4 3 3 2 2 1 1}"},
    {"{1 1 2 2 3 3 4 4 5 5 6 6 7 7 8 8 9 9 10 11}"},
    {"#t 1", "#t 1N"},
    {"#t 2"},
    {"#u 1"},
    {"##Inf"},
    {"##-Inf"},
};
#define CLASSES (sizeof(classes) / sizeof(classes[0]))

static void
equal_within_a_class_only(void **state)
{
	const struct value *a, *b;
	size_t i, j, k, l;

	(void)state;
	for (i = 0; i < CLASSES; i++)
		for (j = 0; j < CLASSES; j++)
			for (k = 0; k < 4 && classes[i][k] != NULL; k++)
				for (l = 0; l < 4 && classes[j][l] != NULL; l++) {
					a = edn(&arena, classes[i][k]);
					b = edn(&arena, classes[j][l]);
					if (value_equal(a, b) != (i == j))
						fail_msg("%s and %s", classes[i][k], classes[j][l]);
					if (i == j)
						assert_true(value_hash(a) == value_hash(b));
				}
}

static void
hashes_are_fixed(void **state)
{
	(void)state;
	/* Other numbers here would mean that results depend on the version that made them. */
	assert_true(value_hash(edn(&arena, "1")) == 0x986e6ecc37a28c57);
	assert_true(value_hash(edn(&arena, "[\"n0\" :a {1 2.5}]")) == 0x8e64fefb0fd9921e);
	assert_true(value_hash(edn(&arena, "1")) != value_hash(edn(&arena, "1.0")));
	assert_true(value_hash(edn(&arena, "[1 2]")) != value_hash(edn(&arena, "[2 1]")));
	assert_true(value_hash(edn(&arena, "\"a\"")) != value_hash(edn(&arena, ":a")));
}

/* ---- Clojure's compare ----------------------------------------------------------- */

static void
assert_order(const char *a_text, const char *b_text, int expected, bool comparable)
{
	const struct value *a = edn(&arena, a_text), *b = edn(&arena, b_text);
	bool there = true, back = true;
	int order = value_compare(a, b, &there), reverse = value_compare(b, a, &back);

	if ((order > 0) - (order < 0) != expected || (reverse > 0) - (reverse < 0) != -expected ||
	    there != comparable || back != comparable)
		fail_msg("%s and %s: %d and %d, %d", a_text, b_text, order, reverse, there);
}

static void
compares_as_clojure(void **state)
{
	static const char *const less[][2] = {
	    {"nil", "false"},
	    {"nil", "\"\""},
	    {"nil", "{}"},
	    {"false", "true"},
	    {"1", "2"},
	    {"1", "1.5"},
	    {"1.5", "2"},
	    {"1", "1.5M"},
	    {"1.49M", "1.5M"},
	    {"-2M", "-1.5M"},
	    {"9223372036854775807", "9223372036854775808"},
	    {"99999999999999999998", "99999999999999999999"},
	    {"-99999999999999999999", "5"},
	    {"0.001M", "1"},
	    {"1E-3M", "0.01M"},
	    {"9.9M", "1E1M"},
	    {"-1", "0M"},
	    {"##-Inf", "-1"},
	    {"1E300M", "##Inf"},
	    {"##NaN", "0"},
	    {"\"a\"", "\"b\""},
	    {"\"a\"", "\"ab\""},
	    {"\"B\"", "\"a\""},
	    {"\"\"", "\"a\""},
	    {"\"z\"", "\"\xc3\xa9\""},
	    {"\"\xf0\x9f\x98\x80\"", "\"\xee\x80\x80\""},
	    {"\"\xed\x9f\xbf\"", "\"\xf0\x9f\x98\x80\""},
	    {":a", ":b"},
	    {":a", ":a/a"},
	    {":a/b", ":b/a"},
	    {":a/a", ":a/b"},
	    {"a", "b"},
	    {"/", "a"},
	    {"\\a", "\\b"},
	    {"[2]", "[1 1]"},
	    {"[1 1]", "[1 2]"},
	    {"[nil]", "[1]"},
	    {"[[1]]", "[[2]]"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(less) / sizeof(less[0]); i++)
		assert_order(less[i][0], less[i][1], -1, true);
	assert_order("1", "1.0", 0, true);
	assert_order("1", "1.00M", 0, true);
	assert_order("9007199254740993", "9007199254740992.0", 0, true);
	assert_order("0", "-0.0", 0, true);
	assert_order("##NaN", "##NaN", 0, true);
	assert_order("[1 \"a\"]", "[2 3]", -1, true);
}

static void
orders_what_clojure_cannot_compare(void **state)
{
	static const char *const less[][2] = {
	    {"1", "\"1\""},
	    {"true", "1"},
	    {"\"a\"", ":a"},
	    {"(1)", "(2)"},
	    {"#{1}", "#{2}"},
	    {"#{9}", "#{1 2}"},
	    {"{1 2}", "{1 3}"},
	    {"{1 9}", "{2 1}"},
	    {"#a 2", "#b 1"},
	    {"#a 1", "#a 2"},
	    {"[1 \"a\"]", "[1 :a]"},
	    {"(1)", "[2]"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(less) / sizeof(less[0]); i++)
		assert_order(less[i][0], less[i][1], -1, false);
	assert_order("{1 2, 3 4}", "{3 4, 1 2}", 0, false);
	assert_order("#{1 2 3}", "#{2 3 1}", 0, false);
	assert_order("{}", "{}", 0, false);
	assert_order("[()]", "[[]]", 0, false);
}

static void
the_order_is_total(void **state)
{
	const struct value *values[CLASSES];
	int order[CLASSES][CLASSES];
	bool comparable;
	size_t i, j, k;

	(void)state;
	for (i = 0; i < CLASSES; i++)
		values[i] = edn(&arena, classes[i][0]);
	for (i = 0; i < CLASSES; i++)
		for (j = 0; j < CLASSES; j++)
			order[i][j] = value_compare(values[i], values[j], &comparable);
	for (i = 0; i < CLASSES; i++)
		for (j = 0; j < CLASSES; j++)
			for (k = 0; k < CLASSES; k++)
				if (order[i][j] <= 0 && order[j][k] <= 0)
					assert_true(order[i][k] <= 0);
}

/* ---- tables ------------------------------------------------------------------------- */

static void
numbers_values(void **state)
{
	struct value_table table = {0};
	char text[32];
	size_t i;

	(void)state;
	assert_true(value_table_find(&table, &value_nil) == VALUE_TABLE_NONE);
	for (i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "[%zu \"%zu\"]", i, i * 31);
		assert_int_equal(value_table_add(&table, edn(&arena, text)), i);
		assert_int_equal(value_table_add(&table, edn(&arena, text)), i);
	}
	assert_int_equal(table.count, 1000);
	assert_int_equal(value_table_find(&table, edn(&arena, "(7N \"217\")")), 7);
	assert_true(value_table_find(&table, edn(&arena, "[7 \"218\"]")) == VALUE_TABLE_NONE);
	value_table_free(&table);
	assert_int_equal(table.count, 0);
}

static void
dedupe_keeps_first_place_and_last_value(void **state)
{
	struct value *map = value_collection(&arena, VALUE_MAP), *set = value_collection(&arena, VALUE_SET);
	int i;

	(void)state;
	for (i = 0; i < 6; i++)
		value_put(&arena, map, value_int(&arena, i % 3), value_int(&arena, i));
	assert_true(value_dedupe(map));
	assert_prints(map, "{0 3, 1 4, 2 5}");
	assert_false(value_dedupe(map));
	for (i = 0; i < 40; i++)
		value_put(&arena, map, value_int(&arena, i % 20), value_int(&arena, i));
	assert_true(value_dedupe(map));
	assert_int_equal(map->count, 40);
	assert_prints(value_find(map, value_int(&arena, 19)), "39");
	assert_prints(map->items[0], "0");
	assert_prints(map->items[1], "20");
	for (i = 0; i < 30; i++)
		value_push(&arena, set, value_int(&arena, i % 10));
	assert_true(value_dedupe(set));
	assert_prints(set, "#{0 1 2 3 4 5 6 7 8 9}");
}

/* ---- numbers and characters ------------------------------------------------------------ */

static void
assert_number(double number, bool single, const char *expected)
{
	char text[NUMBER_TEXT_MAX];

	assert_int_equal(number_text(text, number, single), strlen(expected));
	assert_string_equal(text, expected);
}

static void
numbers_as_java_prints_them(void **state)
{
	(void)state;
	assert_number(0, false, "0.0");
	assert_number(-0.0, false, "-0.0");
	assert_number(4, false, "4.0");
	assert_number(-1200, false, "-1200.0");
	assert_number(0.1, false, "0.1");
	assert_number(0.001, false, "0.001");
	assert_number(0.00099, false, "9.9E-4");
	assert_number(9999999, false, "9999999.0");
	assert_number(1e7, false, "1.0E7");
	assert_number(123456.789, false, "123456.789");
	assert_number(1e21, false, "1.0E21");
	assert_number(1.0 / 3, false, "0.3333333333333333");
	assert_number(DBL_MAX, false, "1.7976931348623157E308");
	assert_number(4.9e-324, false, "4.9E-324");
	assert_number(0x1p-44, false, "5.684341886080802E-14"); /* the nearest with 16 digits does not read back */
	assert_number(9007199254740993.0, false, "9.007199254740992E15");
	assert_number(2.0240965f, true, "2.0240965");
	assert_number(0.1f, true, "0.1");
	assert_number(0.1f, false, "0.10000000149011612");
	assert_number(1e-5f, true, "1.0E-5");
	assert_number(33554432, true, "3.3554432E7");
	assert_number(FLT_MAX, true, "3.4028235E38");
}

static void
every_number_reads_back(void **state)
{
	char text[NUMBER_TEXT_MAX];
	uint64_t bits = 1;
	uint32_t half;
	double real;
	float single;
	int i;

	(void)state;
	for (i = 0; i < 5000; i++) {
		bits = bits * 6364136223846793005 + 1442695040888963407;
		memcpy(&real, &bits, sizeof(real));
		half = (uint32_t)(bits >> 32);
		memcpy(&single, &half, sizeof(single));
		if (isfinite(real)) {
			number_text(text, real, false);
			assert_true(strtod(text, NULL) == real);
		}
		if (isfinite(single)) {
			number_text(text, (double)single, true);
			assert_true(strtof(text, NULL) == single);
		}
	}
}

static void
malformed_utf8_as_java_replaces_it(void **state)
{
	static const struct {
		const char *bytes;
		int replaced; /* how many U+FFFD, when nothing else is in it */
	} cases[] = {
	    {"\xff", 1},
	    {"\x80\x80", 2},
	    {"\xc0\x80", 2},
	    {"\xc3", 1},
	    {"\xe2\x82", 1},
	    {"\xe0\x80\x80", 3},
	    {"\xed\xa0\x80", 1},
	    {"\xf0\x9f\x98", 1},
	    {"\xf0\x80\x80\x80", 4},
	    {"\xf4\x90\x80\x80", 4},
	    {"\xf8\x88", 2},
	    {"\xf5\x80", 2},
	    {"\xe2\xe2\x82", 2},
	};
	const char *p, *end;
	char bytes[4];
	int32_t c;
	size_t i;
	int n;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		p = cases[i].bytes;
		end = p + strlen(p);
		for (n = 0; p < end; n++)
			assert_int_equal(utf8_next(&p, end), UTF8_REPLACEMENT);
		assert_int_equal(n, cases[i].replaced);
	}
	for (c = 0; c <= 0x10ffff; c = c < 0xd7ff || c >= 0xe000 ? c + 1 : 0xe000) {
		p = bytes;
		end = bytes + utf8_put(bytes, c);
		assert_int_equal(utf8_next(&p, end), c);
		assert_ptr_equal(p, end);
		if (c > 0x20000)
			c += 997;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(makes_every_type, teardown),
	    cmocka_unit_test_teardown(integers_from_text, teardown),
	    cmocka_unit_test_teardown(sets_and_finds_pairs, teardown),
	    cmocka_unit_test_teardown(copies_are_independent, teardown),
	    cmocka_unit_test_teardown(equal_within_a_class_only, teardown),
	    cmocka_unit_test_teardown(hashes_are_fixed, teardown),
	    cmocka_unit_test_teardown(compares_as_clojure, teardown),
	    cmocka_unit_test_teardown(orders_what_clojure_cannot_compare, teardown),
	    cmocka_unit_test_teardown(the_order_is_total, teardown),
	    cmocka_unit_test_teardown(numbers_values, teardown),
	    cmocka_unit_test_teardown(dedupe_keeps_first_place_and_last_value, teardown),
	    cmocka_unit_test(numbers_as_java_prints_them),
	    cmocka_unit_test(every_number_reads_back),
	    cmocka_unit_test(malformed_utf8_as_java_replaces_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
