/* EDN, read and written. */
#include "value_help.h"

static struct arena arena;

static int
teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

/* ---- reading ------------------------------------------------------------------ */

static void
reads_and_prints(void **state)
{
	static const char *const cases[][2] = {
	    {"nil", "nil"},
	    {"true", "true"},
	    {" ,\t\n\r\ffalse", "false"},
	    {"12", "12"},
	    {"-12", "-12"},
	    {"+12", "12"},
	    {"0", "0"},
	    {"12N", "12"},
	    {"0x1F", "31"},
	    {"-0xff", "-255"},
	    {"0XffN", "255"},
	    {"017", "15"},
	    {"2r101", "5"},
	    {"36rZz", "1295"},
	    {"0xffffffffffffffff", "18446744073709551615N"},
	    {"18446744073709551616", "18446744073709551616N"},
	    {"1.5", "1.5"},
	    {"-1.", "-1.0"},
	    {"1e5", "100000.0"},
	    {"1E-5", "1.0E-5"},
	    {"-0.0", "-0.0"},
	    {"1e400", "##Inf"},
	    {"##Inf", "##Inf"},
	    {"## -Inf", "##-Inf"},
	    {"##NaN", "##NaN"},
	    {"1.50M", "1.50M"},
	    {"-3M", "-3M"},
	    {"001.5M", "1.5M"},
	    {"+2.M", "2M"},
	    {"0.0M", "0.0M"},
	    {"1e+3M", "1e+3M"},
	    {"1/2", "1/2"},
	    {"-1/2", "-1/2"},
	    {"+1/2", "1/2"},
	    {"\"a\\n\\t\\r\\b\\f\\\\\\\"\"", "\"a\\n\\t\\r\\b\\f\\\\\\\"\""},
	    {"\"\\u0041\\101\\0\"", "\"AA"},
	    {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
	    {"\"\\ud83d\"", "\"\\ud83d\""},
	    {"\"\\ude00x\"", "\"\\ude00x\""},
	    {"\"\\ud83d\\ud83d\\ude00\"", "\"\\ud83d\xf0\x9f\x98\x80\""},
	    {"\"\xff\"", "\"\xef\xbf\xbd\""},
	    {"\"\xc3\xa9\x01\"", "\"\xc3\xa9\x01\""},
	    {"\\a", "\\a"},
	    {"\\newline", "\\newline"},
	    {"\\space", "\\space"},
	    {"\\tab \\x", "\\tab"},
	    {"\\return", "\\return"},
	    {"\\backspace", "\\backspace"},
	    {"\\formfeed", "\\formfeed"},
	    {"\\u0041", "\\A"},
	    {"\\o101", "\\A"},
	    {"\\(", "\\("},
	    {"\\\xc3\xa9", "\\\xc3\xa9"},
	    {":a", ":a"},
	    {":a/b", ":a/b"},
	    {":valid?", ":valid?"},
	    {":a'", ":a'"},
	    {":1", ":1"},
	    {"foo.bar/baz$1", "foo.bar/baz$1"},
	    {"+", "+"},
	    {"-a", "-a"},
	    {"...", "..."},
	    {"()", "()"},
	    {"(1 2)", "(1 2)"},
	    {"[1[2]]", "[1 [2]]"},
	    {"#{1 2}", "#{1 2}"},
	    {"{:a 1,\"b\" 2}", "{:a 1, \"b\" 2}"},
	    {"#inst \"2020\"", "#inst \"2020\""},
	    {"#a.B{:x 1}", "#a.B{:x 1}"},
	    {"#a #b [1]", "#a #b[1]"},
	    {"#a #{1}", "#a #{1}"},
	    {"#object[a.B 0x1f \"s\"]", "#object[a.B 31 \"s\"]"},
	    {"^:m [1]", "[1]"},
	    {"#^{:m 1} [1]", "[1]"},
	    {"; c\n1", "1"},
	    {"#_ 1 2", "2"},
	    {"#_ #_ 1 2 3", "3"},
	    {"[1 #_2 ; x\r 3 #_4]", "[1 3]"},
	    {"#:a{:b 1, :_/c 2, d 3, :e/f 4, 5 6}", "{:a/b 1, :c 2, a/d 3, :e/f 4, 5 6}"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_prints(edn(&arena, cases[i][0]), cases[i][1]);
}

static void
refuses(const char *text, const char *expected)
{
	const char *cursor = text, *error = NULL;

	if (edn_read(&arena, &cursor, text + strlen(text), &error) != NULL)
		fail_msg("%s was read", text);
	if (error == NULL)
		fail_msg("%s: no error", text);
	if (expected != NULL)
		assert_string_equal(error, expected);
	assert_true(cursor >= text && cursor <= text + strlen(text));
}

static void
refuses_rubbish(void **state)
{
	static const char *const cases[][2] = {
	    {"(", "unexpected end"},
	    {"[1", "unexpected end"},
	    {"{:a", "unexpected end"},
	    {"#{", "unexpected end"},
	    {")", "unmatched closing bracket"},
	    {"[1)", "unmatched closing bracket"},
	    {"{:a}", "a map with a key but no value"},
	    {"{:a 1 :a 2}", "duplicate key"},
	    {"#{1 1N}", "duplicate key"},
	    {"#:a{:b 1, :a/b 2}", "duplicate key"},
	    {"\"abc", "unfinished string"},
	    {"\"\\", "invalid escape in a string"},
	    {"\"\\x\"", "invalid escape in a string"},
	    {"\"\\u12g4\"", "invalid escape in a string"},
	    {"\"\\u12", "invalid escape in a string"},
	    {"\"\\400\"", "invalid escape in a string"},
	    {"\\", "unexpected end"},
	    {"\\foo", "invalid character"},
	    {"\\u12", "invalid character"},
	    {"\\u12g4", "invalid character"},
	    {"\\ud83d", "invalid character"},
	    {"\\o9", "invalid character"},
	    {"\\o777", "invalid character"},
	    {"1a", "invalid number"},
	    {"1.2.3", "invalid number"},
	    {"1e", "invalid number"},
	    {"08", "invalid number"},
	    {"0x", "invalid number"},
	    {"0xg", "invalid number"},
	    {"1r0", "invalid base"},
	    {"37r1", "invalid base"},
	    {"2r2", "invalid number"},
	    {"36rzzzzzzzzzzzzzzzzzzzzzzzzzzzz", "number too long for its base"},
	    {"1e9999999999M", "exponent too large"},
	    {"1MM", "invalid number"},
	    {"-0x", "invalid number"},
	    {"1/", "invalid number"},
	    {":", "invalid keyword"},
	    {"::a", "invalid keyword"},
	    {"@a", "invalid character in a symbol"},
	    {"a~b", "invalid character in a symbol"},
	    {"#", "invalid dispatch after #"},
	    {"#(", "invalid dispatch after #"},
	    {"#<a>", "unreadable form"},
	    {"##foo", "unknown symbolic value"},
	    {"##", "unexpected end"},
	    {"#foo", "unexpected end"},
	    {"#nil 1", "invalid tag"},
	    {"#:a 1", "a namespace without its map"},
	    {"#:1{:a 2}", "invalid namespace"},
	    {"#:a/b{:a 2}", "invalid namespace"},
	    {"#:nil{:a 2}", "invalid namespace"},
	    {"#:a{:_/:b 2}", "invalid key in a map with a namespace"},
	    {"#:a{_/true 2}", "invalid key in a map with a namespace"},
	    {"#:{", "invalid keyword"},
	    {"#_", "unexpected end"},
	    {"#_ )", "unmatched closing bracket"},
	    {"^:a", "unexpected end"},
	    {"^", "unexpected end"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refuses(cases[i][0], cases[i][1]);
	edn_n(&arena, "a\0b", 3);
}

static void
the_end_is_no_error(void **state)
{
	static const char *const cases[] = {"", "  ,", "; comment", "#_1 #_ 2 ;"};
	const char *cursor, *error;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cursor = cases[i];
		error = "unset";
		assert_null(edn_read(&arena, &cursor, cases[i] + strlen(cases[i]), &error));
		assert_null(error);
		assert_int_equal(*cursor, '\0');
	}
}

static void
reads_one_after_the_other(void **state)
{
	const char *text = "1 [2] #_x {3 4}rest", *cursor = text, *end = text + strlen(text), *error;

	(void)state;
	assert_prints(edn_read(&arena, &cursor, end, &error), "1");
	assert_prints(edn_read(&arena, &cursor, end, &error), "[2]");
	assert_true(edn_skip(&arena, &cursor, end, &error));
	assert_int_equal(*cursor, '{');
	assert_prints(edn_read(&arena, &cursor, end, &error), "{3 4}");
	assert_prints(edn_read(&arena, &cursor, end, &error), "rest");
	assert_null(edn_read(&arena, &cursor, end, &error));
	cursor = text = "#_";
	assert_false(edn_skip(&arena, &cursor, text + 2, &error));
	assert_non_null(error);
}

static void
nests(int depth, char open, char close, bool accepted)
{
	struct buffer text = {0};
	const char *cursor, *error;
	const struct value *value;
	int i;

	for (i = 0; i < depth; i++)
		buffer_append_char(&text, open);
	for (i = 0; i < depth && close != '\0'; i++)
		buffer_append_char(&text, close);
	cursor = text.bytes;
	value = edn_read(&arena, &cursor, text.bytes + text.length, &error);
	if (accepted)
		assert_non_null(value);
	else
		assert_string_equal(error, "nested too deeply");
	buffer_free(&text);
}

static void
depth_is_limited(void **state)
{
	struct buffer text = {0};
	const char *cursor, *error;
	int i;

	(void)state;
	nests(EDN_DEPTH_MAX, '[', ']', true);
	nests(EDN_DEPTH_MAX + 1, '[', ']', false);
	nests(1000000, '(', '\0', false);
	nests(1000000, '^', '\0', false);
	for (i = 0; i < 100000; i++)
		buffer_append_string(&text, "#_");
	cursor = text.bytes;
	assert_null(edn_read(&arena, &cursor, text.bytes + text.length, &error));
	assert_string_equal(error, "nested too deeply");
	buffer_free(&text);
}

static void
large_numbers_are_kept(void **state)
{
	struct buffer text = {0};
	size_t i;

	(void)state;
	buffer_append_char(&text, '-');
	for (i = 0; i < 100000; i++)
		buffer_append_char(&text, (char)('1' + i % 9));
	buffer_append_char(&text, 'N');
	assert_prints(edn_n(&arena, text.bytes, text.length), buffer_string(&text));
	buffer_free(&text);
}

/* ---- over several lines ----------------------------------------------------------- */

static void
assert_pretty(const char *text, const char *expected)
{
	const struct value *value = edn(&arena, text);
	struct buffer out = {0};

	edn_write_pretty(&out, value);
	assert_string_equal(buffer_string(&out), expected);
	assert_true(value_equal(edn_n(&arena, out.bytes, out.length), value));
	buffer_free(&out);
}

static void
lays_out_like_fipp(void **state)
{
	(void)state;
	assert_pretty("nil", "nil");
	assert_pretty("{:a 1, :b [1 2 3]}", "{:a 1, :b [1 2 3]}");
	/* 70 columns fit, 71 do not. */
	assert_pretty("[\"23456789012345678901234567890123\" \"5678901234567890123456789012345\"]",
	    "[\"23456789012345678901234567890123\" \"5678901234567890123456789012345\"]");
	assert_pretty("[\"23456789012345678901234567890123\" \"56789012345678901234567890123456\"]",
	    "[\"23456789012345678901234567890123\"\n \"56789012345678901234567890123456\"]");
	assert_pretty("{:stats {:count 1}, :workload {:valid? true, :lost (1 2), :worst-stale ({:known "
		      "#jepsen.history.Op{:index 1, "
		      ":process :nemesis}, :set #{1}})}}",
	    "{:stats {:count 1},\n"
	    " :workload {:valid? true,\n"
	    "            :lost (1 2),\n"
	    "            :worst-stale ({:known #jepsen.history.Op{:index 1,\n"
	    "                                                     :process :nemesis},\n"
	    "                           :set #{1}})}}");
}

static void
deep_layout_stays_small(void **state)
{
	struct buffer text = {0}, out = {0};
	const struct value *value;
	int i;

	(void)state;
	for (i = 0; i < 900; i++)
		buffer_append_string(&text, "[");
	for (i = 0; i < 3000; i++)
		buffer_append_string(&text, "1 ");
	for (i = 0; i < 900; i++)
		buffer_append_string(&text, "]");
	value = edn_n(&arena, text.bytes, text.length);
	edn_write_pretty(&out, value);
	assert_true(out.length < 1000000);
	assert_true(value_equal(edn_n(&arena, out.bytes, out.length), value));
	buffer_free(&text);
	buffer_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(reads_and_prints, teardown),
	    cmocka_unit_test_teardown(refuses_rubbish, teardown),
	    cmocka_unit_test_teardown(the_end_is_no_error, teardown),
	    cmocka_unit_test_teardown(reads_one_after_the_other, teardown),
	    cmocka_unit_test_teardown(depth_is_limited, teardown),
	    cmocka_unit_test_teardown(large_numbers_are_kept, teardown),
	    cmocka_unit_test_teardown(lays_out_like_fipp, teardown),
	    cmocka_unit_test_teardown(deep_layout_stays_small, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
