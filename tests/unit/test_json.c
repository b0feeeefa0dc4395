/* JSON as Maelstrom reads and writes it. */
#include "value_help.h"

static struct arena arena;

static int
teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static const struct value *
json(const char *text, const char **error)
{
	const char *cursor = text;

	*error = NULL;
	return json_read(&arena, &cursor, text + strlen(text), error);
}

/* ---- reading --------------------------------------------------------------------- */

static void
reads(void **state)
{
	static const char *const cases[][2] = {
	    {"null", "nil"},
	    {" \t\n\rtrue", "true"},
	    {"false ", "false"},
	    {"0", "0"},
	    {"-0", "0"},
	    {"-12", "-12"},
	    {"9223372036854775807", "9223372036854775807"},
	    {"9223372036854775808", "9223372036854775808N"},
	    {"1.0", "1.0"},
	    {"-0.0", "-0.0"},
	    {"1e2", "100.0"},
	    {"1E+2", "100.0"},
	    {"12.5e-1", "1.25"},
	    {"1e400", "##Inf"},
	    {"-1e400", "##-Inf"},
	    {"1e-400", "0.0"},
	    {"\"\"", "\"\""},
	    {"\"a\\/b\\b\\f\\n\\r\\t\\\"\\\\\"", "\"a/b\\b\\f\\n\\r\\t\\\"\\\\\""},
	    {"\"\\u0041\\u00e9\"", "\"A\xc3\xa9\""},
	    {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
	    {"\"\\ud83d\"", "\"\\ud83d\""},
	    {"\"\\ude00\\ud83d\"", "\"\\ude00\\ud83d\""},
	    {"\"\\ud83d\\n\"", "\"\\ud83d\\n\""},
	    {"\"\xff\xc3\xa9\xed\xa0\x80\"", "\"\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\""},
	    {"\"a\x01\tb\"", "\"a\x01\\tb\""},
	    {"[]", "[]"},
	    {"[ ]", "[]"},
	    {"[1, [2,3] ,{}]", "[1 [2 3] {}]"},
	    {"{}", "{}"},
	    {"{ }", "{}"},
	    {"{\"a\":1 , \"b\" : {\"c\":null}}", "{\"a\" 1, \"b\" {\"c\" nil}}"},
	    {"{\"a\":1,\"b\":2,\"\\u0061\":3}", "{\"a\" 3, \"b\" 2}"},
	    {"{\"\":1}", "{\"\" 1}"},
	};
	const char *error;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_prints(json(cases[i][0], &error), cases[i][1]);
}

static void
refuses(void **state)
{
	static const char *const cases[][2] = {
	    {"", "unexpected end"},
	    {"  ", "unexpected end"},
	    {"x", "unexpected character"},
	    {"nul", "unknown word"},
	    {"truex", "unknown word"},
	    {"null\xc3\xa9", "unknown word"},
	    {"NaN", "unexpected character"},
	    {"+1", "unexpected character"},
	    {".5", "unexpected character"},
	    {"-", "invalid number"},
	    {"01", "number with a leading zero"},
	    {"-01", "number with a leading zero"},
	    {"1.", "no digit behind the point"},
	    {"1.e1", "no digit behind the point"},
	    {"1e", "no digit in the exponent"},
	    {"1e+", "no digit in the exponent"},
	    {"\"a", "unfinished string"},
	    {"\"\\x\"", "invalid escape in a string"},
	    {"\"\\u12\"", "invalid escape in a string"},
	    {"\"\\", "invalid escape in a string"},
	    {"\"\\0\"", "invalid escape in a string"},
	    {"'a'", "unexpected character"},
	    {"[", "unexpected end"},
	    {"[1", "expected a comma or ]"},
	    {"[1,]", "unexpected character"},
	    {"[1 2]", "expected a comma or ]"},
	    {"[,]", "unexpected character"},
	    {"{", "expected a key"},
	    {"{\"a\"}", "expected a colon"},
	    {"{\"a\":}", "unexpected character"},
	    {"{\"a\":1,}", "expected a key"},
	    {"{a:1}", "expected a key"},
	    {"{1:1}", "expected a key"},
	    {"{\"a\":1 \"b\":2}", "expected a comma or }"},
	    {"{\"a\\x\":1}", "invalid escape in a string"},
	    {"// c\n1", "unexpected character"},
	    {"\xef\xbb\xbf{}", "unexpected character"},
	};
	const char *error;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (json(cases[i][0], &error) != NULL)
			fail_msg("%s was read", cases[i][0]);
		assert_string_equal(error, cases[i][1]);
	}
}

static void
leaves_what_follows(void **state)
{
	const char *text = "{\"a\":1}rest", *cursor = text, *error;

	(void)state;
	assert_non_null(json_read(&arena, &cursor, text + strlen(text), &error));
	assert_string_equal(cursor, "rest");
	/* A value may end anywhere: nothing behind `end` is looked at. */
	cursor = text = "[12";
	assert_null(json_read(&arena, &cursor, text + 2, &error));
}

static void
repeat(struct buffer *out, const char *text, size_t times)
{
	size_t length = strlen(text);
	char *to = buffer_reserve(out, times * length);

	for (; times > 0; times--, to += length) {
		memcpy(to, text, length);
		out->length += length;
	}
}

static void
assert_limit(
    const char *open, const char *inner, size_t times, const char *close, const char *close_each, const char *error)
{
	struct buffer text = {0};
	const char *got;

	buffer_append_string(&text, open);
	repeat(&text, inner, times);
	buffer_append_string(&text, close);
	repeat(&text, close_each, times);
	if (json(buffer_string(&text), &got) == NULL)
		assert_string_equal(got, error);
	else
		assert_null(error);
	buffer_free(&text);
	arena_free(&arena);
}

static void
jacksons_limits(void **state)
{
	(void)state;
	assert_limit("", "[", JSON_DEPTH_MAX, "", "]", NULL);
	assert_limit("", "[", JSON_DEPTH_MAX + 1, "", "]", "nested too deeply");
	assert_limit("", "{\"a\":", 100000, "", "", "nested too deeply");
	assert_limit("-", "1", JSON_NUMBER_MAX, "", "", NULL);
	assert_limit("-", "1", JSON_NUMBER_MAX + 1, "", "", "number too long");
	assert_limit("-1.5e-", "0", JSON_NUMBER_MAX - 2, "", "", NULL);
	assert_limit("-1.5e-", "0", JSON_NUMBER_MAX - 1, "", "", "number too long");
	assert_limit("{\"", "a", JSON_NAME_MAX, "\":1}", "", NULL);
	assert_limit("{\"", "a", JSON_NAME_MAX + 1, "\":1}", "", "key too long");
	assert_limit("{\"", "\xc3\xa9", JSON_NAME_MAX, "\":1}", "", NULL);
	assert_limit("{\"", "\xf0\x9f\x98\x80", JSON_NAME_MAX / 2, "\":1}", "", NULL);
	assert_limit("{\"", "\xf0\x9f\x98\x80", JSON_NAME_MAX / 2 + 1, "\":1}", "", "key too long");
	assert_limit("\"", "a", JSON_STRING_MAX, "\"", "", NULL);
	assert_limit("\"", "a", JSON_STRING_MAX + 1, "\"", "", "string too long");
}

static void
many_keys_are_no_trouble(void **state)
{
	struct buffer text = {0};
	const struct value *object;
	const char *error;
	int i;

	(void)state;
	buffer_append_char(&text, '{');
	for (i = 0; i < 50000; i++)
		buffer_printf(&text, "\"k%d\":%d,", i % 25000, i);
	buffer_append_string(&text, "\"end\":0}");
	object = json(buffer_string(&text), &error);
	assert_int_equal(object->count, 2 * 25001);
	assert_prints(value_get(object, "k24999"), "49999");
	buffer_free(&text);
}

/* ---- writing ---------------------------------------------------------------------- */

static void
assert_written(const char *edn_text, const char *expected)
{
	struct buffer out = {0};

	json_write(&out, edn(&arena, edn_text));
	assert_string_equal(buffer_string(&out), expected);
	buffer_free(&out);
}

static void
writes(void **state)
{
	(void)state;
	assert_written("[nil true false 1 -5]", "[null,true,false,1,-5]");
	assert_written("[1.0 0.5 1e10 -0.0 1e-5]", "[1.0,0.5,1.0E10,-0.0,1.0E-5]");
	assert_written("[##Inf ##-Inf ##NaN]", "[\"Infinity\",\"-Infinity\",\"NaN\"]");
	assert_written("[99999999999999999999 1.50M 1E+3M]", "[99999999999999999999,1.50,1E+3]");
	assert_written("[:a :b/c sym \\x \\newline]", "[\"a\",\"b/c\",\"sym\",\"x\",\"\\n\"]");
	assert_written("(1 #{2} #tag {:a 3})", "[1,[2],{\"a\":3}]");
	assert_written("{:a 1, \"b\" 2, 3 4, [5] 6, nil 7}", "{\"a\":1,\"b\":2,\"3\":4,\"[5]\":6,\"nil\":7}");
	assert_written("\"\\\"\\\\/\\n\\t\\r\\f\\b\\u0001\\u007f\\u00e9\\ud83d\"",
	    "\"\\\"\\\\/\\n\\t\\r\\f\\b\\u0001\x7f\xc3\xa9\\uD83D\"");
}

static void
comes_back_equal(void **state)
{
	static const char *const cases[] = {
	    "{\"a\":[1,2.5,\"x\\u0000y\",null,{\"\":[]}],\"b\":123456789012345678901234567890}",
	    "[1e300,1e-300,0.1,-0.0,4.9e-324,1.7976931348623157e308,100.0]",
	    "[\"\\ud83d\\ude00\",\"\\ud83d\",\"\\ude00\\ud83d\",\"\\u0000\\u001f\"]",
	};
	const struct value *first, *second;
	struct buffer out = {0};
	const char *error, *cursor;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		first = json(cases[i], &error);
		out.length = 0;
		json_write(&out, first);
		cursor = out.bytes;
		second = json_read(&arena, &cursor, out.bytes + out.length, &error);
		assert_true(value_equal(first, second));
	}
	buffer_free(&out);
}

static void
jsons_types(void **state)
{
	const char *error;

	(void)state;
	/* A real stays a real, an integer an integer. */
	assert_int_equal(json("1.0", &error)->type, VALUE_REAL);
	assert_int_equal(json("1e0", &error)->type, VALUE_REAL);
	assert_int_equal(json("1", &error)->type, VALUE_INT);
	assert_int_equal(json("[]", &error)->type, VALUE_VECTOR);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(reads, teardown),
	    cmocka_unit_test_teardown(refuses, teardown),
	    cmocka_unit_test_teardown(leaves_what_follows, teardown),
	    cmocka_unit_test_teardown(jacksons_limits, teardown),
	    cmocka_unit_test_teardown(many_keys_are_no_trouble, teardown),
	    cmocka_unit_test_teardown(writes, teardown),
	    cmocka_unit_test_teardown(comes_back_equal, teardown),
	    cmocka_unit_test_teardown(jsons_types, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
