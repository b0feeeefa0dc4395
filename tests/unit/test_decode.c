/* The decoder beside jansson: what it takes, what it refuses, and that the values are the same to the last bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decode.h"

/* ---- values --------------------------------------------------------------- */

/* The text of a value, members in their order; NULL of none. */
static char *
dump(const json_t *json)
{
	return json != NULL ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
}

/* Decodes a copy without a byte behind it, so that valgrind and the sanitizers see what is read beyond. */
static json_t *
decode(const char *text, size_t length)
{
	char *copy = malloc(length > 0 ? length : 1);
	json_t *json;

	assert_non_null(copy);
	memcpy(copy, text, length);
	json = decode_json(copy, length);
	free(copy);
	return json;
}

/* Asserts that both take the text, or both refuse it, and give equal values in the same order. */
static bool
assert_as_jansson(const char *text, size_t length)
{
	json_t *mine = decode(text, length), *theirs = json_loadb(text, length, JSON_ALLOW_NUL, NULL);
	char *a = dump(mine), *b = dump(theirs);
	bool taken = mine != NULL;

	if (taken != (theirs != NULL))
		fail_msg("%s: %.*s", taken ? "taken" : "refused", (int)length, text);
	if (taken) {
		assert_string_equal(a, b);
		assert_true(json_equal(mine, theirs));
	}
	free(a);
	free(b);
	json_decref(mine);
	json_decref(theirs);
	return taken;
}

static void
assert_taken(const char *text)
{
	if (!assert_as_jansson(text, strlen(text)))
		fail_msg("refused: %s", text);
}

static void
assert_refused(const char *text)
{
	if (assert_as_jansson(text, strlen(text)))
		fail_msg("taken: %s", text);
}

/* ---- what both take -------------------------------------------------------- */

static void
takes_values(void **state)
{
	static const char *const texts[] = {"{}", "[]", " [ ] ", "\t{\r\n}\n", "[null,true,false]", "[[[]],{\"a\":{}}]",
	    "[0,-0,1,-1,10,9223372036854775807,-9223372036854775808,100000000000000000]",
	    "[0.0,-0.0,1.5,1e2,1E+2,1e-2,0e0,-1.25E10,1e-400,5e-324,1.7976931348623157e308,0.1]", "{\"b\":1,\"a\":2}",
	    "{\"a\":1,\"b\":2,\"a\":3}", "{\"\":0}", "{ \"a\" : 1 , \"b\" : [ 1 , 2 ] }", "{\"a\\u0062\":1,\"ab\":2}"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_taken(texts[i]);
}

static void
takes_strings(void **state)
{
	static const char *const texts[] = {"[\"\"]", "[\"abc\"]", "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", "[\"\\u0000\"]",
	    "[\"a\\u0000b\"]", "[\"\\u00e9\\u20AC\\uffff\\uD83D\\uDE00\"]", "[\"\\ud800\\udc00\\udbff\\udfff\"]",
	    "[\"\x7f\xc2\x80\xdf\xbf\"]", "[\"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\"]",
	    "[\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"]", "[\"plain \\u0041 and more\"]", "{\"\xc3\xa9\\n\":\"\\\\\"}"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_taken(texts[i]);
}

/* ---- what both refuse ------------------------------------------------------ */

static void
refuses_what_is_no_json(void **state)
{
	static const char *const texts[] = {"", " ", "null", "7", "\"x\"", "x", "{", "[", "}", "]", "[1", "[1,", "[1,]",
	    "[,1]", "[1 2]", "[1}", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{\"a\" 1}", "{a:1}",
	    "{1:1}", "{\"a\":1]", "{,}", "[] []", "[]x", "{}}", "[]]", "[tru]", "[truex]", "[True]", "[nul", "[f]",
	    "[\v]", "[1]\f", "[/]", "[']", "\xef\xbb\xbf[]"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_refused(texts[i]);
}

static void
refuses_numbers(void **state)
{
	static const char *const texts[] = {"[-]", "[+1]", "[01]", "[00]", "[-01]", "[1.]", "[.5]", "[1e]", "[1e+]",
	    "[1.e1]", "[0x1]", "[1a]", "[--1]", "[9223372036854775808]", "[-9223372036854775809]",
	    "[99999999999999999999]", "[1e400]", "[-1e400]", "[1e999999999]", "[Infinity]", "[NaN]", "[1.5.5]",
	    "[1e1e1]", "[-", "[1", "[1.", "[1e"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_refused(texts[i]);
}

static void
refuses_strings(void **state)
{
	static const char *const texts[] = {"[\"", "[\"a", "[\"\\", "[\"\\\"", "[\"\\x\"]", "[\"\\u\"]", "[\"\\u12\"]",
	    "[\"\\u123g\"]", "[\"\\u12", "[\"\\ud800\"]", "[\"\\ud800x\"]", "[\"\\ud800\\n\"]", "[\"\\ud800\\u0041\"]",
	    "[\"\\ud800\\u12\"]", "[\"\\ud800\\ud800\"]", "[\"\\udc00\"]", "[\"\n\"]", "[\"\x1f\"]", "{\"a\\u0000\":1}",
	    "[\"\x80\"]", "[\"\xc0\x80\"]", "[\"\xc1\xbf\"]", "[\"\xc2\"]", "[\"\xc2\x41\"]", "[\"\xe0\x9f\xbf\"]",
	    "[\"\xed\xa0\x80\"]", "[\"\xe2\x82\"]", "[\"\xf0\x8f\xbf\xbf\"]", "[\"\xf4\x90\x80\x80\"]",
	    "[\"\xf5\x80\x80\x80\"]", "[\"\xff\"]", "[\"\xe2\x82", "[\xc3\xa9]"};
	static const char nul[] = "[\"a\0b\"]", behind[] = "[]\0", within[] = "[\0]", number[] = "[1\0,1.5\0,true\0]",
			  numbers[] = "[1\0\0]";

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_refused(texts[i]);
	assert_false(assert_as_jansson(nul, sizeof(nul) - 1));
	assert_false(assert_as_jansson(behind, sizeof(behind) - 1));
	assert_false(assert_as_jansson(within, sizeof(within) - 1));
	/* What jansson overlooks is overlooked: one, behind a number or word. */
	assert_true(assert_as_jansson(number, sizeof(number) - 1));
	assert_false(assert_as_jansson(numbers, sizeof(numbers) - 1));
}

/* ---- depth ----------------------------------------------------------------- */

static bool
takes_depth(int depth, const char *open, const char *innermost, const char *close)
{
	struct buffer text = {0};
	bool taken;

	for (int i = 0; i < depth; i++)
		buffer_append_string(&text, open);
	buffer_append_string(&text, innermost);
	for (int i = 0; i < depth; i++)
		buffer_append_string(&text, close);
	taken = assert_as_jansson(text.bytes, text.length);
	buffer_free(&text);
	return taken;
}

static void
nests_as_deeply_as_jansson(void **state)
{
	(void)state;
	assert_true(takes_depth(JSON_PARSER_MAX_DEPTH, "[", "", "]"));
	assert_false(takes_depth(JSON_PARSER_MAX_DEPTH + 1, "[", "", "]"));
	assert_true(takes_depth(JSON_PARSER_MAX_DEPTH - 1, "[", "1", "]"));
	assert_false(takes_depth(JSON_PARSER_MAX_DEPTH, "[", "1", "]"));
	assert_true(takes_depth(JSON_PARSER_MAX_DEPTH - 1, "{\"a\":", "{}", "}"));
	assert_false(takes_depth(JSON_PARSER_MAX_DEPTH, "{\"a\":", "{}", "}"));
	assert_false(takes_depth(1000000, "[", "", "]"));
}

/* ---- every prefix, every byte ---------------------------------------------- */

/* Nothing that is cut short, or has any one byte changed, is judged otherwise than by jansson. */
static void
judges_damaged_text_as_jansson(void **state)
{
	static const char text[] =
	    "{\"src\":\"c1\",\"a\\n\xc3\xa9\\ud83d\\ude00\":[-12.5e+3,0,-7,true,false,null,\"\"],"
	    "\"body\":{\"type\":\"x\\u0000\\\"\",\"msg_id\":1}} ";
	char copy[sizeof(text)];
	size_t length = sizeof(text) - 1;

	(void)state;
	for (size_t i = 0; i <= length; i++)
		assert_as_jansson(text, i);
	for (size_t i = 0; i < length; i++) {
		memcpy(copy, text, length);
		for (int c = 0; c < 256; c++) {
			copy[i] = (char)c;
			assert_as_jansson(copy, length);
		}
	}
}

/* ---- messages -------------------------------------------------------------- */

static struct decoded decoded;

static bool
decode_text(const char *line)
{
	return decode_line(&decoded, line, strlen(line));
}

static int
release(void **state)
{
	(void)state;
	decoded_free(&decoded);
	decoded = (struct decoded){0};
	return 0;
}

static void
finds_the_parts_of_a_message(void **state)
{
	(void)state;
	assert_true(decode_text(" {\"id\":[{}],\"src\":\"c\\u0031\",\"dest\":\"n\xc3\xa9\",\"body\":"
				"{\"msg_id\":1,\"x\":{\"type\":2},\"type\":\"t\",\"in_reply_to\":null}} "));
	assert_string_equal(decoded.src, "c1");
	assert_string_equal(decoded.dest, "n\xc3\xa9");
	assert_string_equal(json_string_value(decoded.type), "t");
	assert_int_equal(json_integer_value(decoded.msg_id), 1);
	assert_true(json_is_null(decoded.in_reply_to));
	assert_int_equal(json_object_size(decoded.body), 4);

	assert_true(decode_text("{}"));
	assert_null(decoded.src);
	assert_null(decoded.dest);
	assert_null(decoded.body);
	assert_null(decoded.type);
}

static void
the_last_of_equal_keys_counts(void **state)
{
	(void)state;
	assert_true(
	    decode_text("{\"src\":1,\"\\u0073rc\":\"c1\",\"body\":{\"type\":\"a\",\"msg_id\":1},\"dest\":\"n0\","
			"\"body\":{\"type\":\"b\",\"typ\\u0065\":\"c\"},\"dest\":null}"));
	assert_string_equal(decoded.src, "c1");
	assert_null(decoded.dest);
	assert_string_equal(json_string_value(decoded.type), "c");
	assert_null(decoded.msg_id);
	assert_true(decode_text("{\"body\":{\"type\":\"a\"},\"body\":7}"));
	assert_null(decoded.body);
	assert_null(decoded.type);
}

static void
has_no_parts_of_what_is_refused(void **state)
{
	static const char *const lines[] = {"[]", "", "{\"body\":{\"type\":\"x\"}", "{\"body\":{\"type\":\"x\"}}}",
	    "{\"body\":{\"type\":\"x\",}}", "{\"body\":{\"type\":\"x\",\"y\":1e999}}", "{\"x\":1e999}",
	    "{\"a\\u0000\":1}", "{\"src\":\"\xff\"}", "{\"src\":\"c1}", "{\"src\" \"c1\"}",
	    "{\"body\":{\"a\\u0000\":1}}"};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_false(decode_text(lines[i]));
		assert_null(decoded.body);
		assert_null(decoded.type);
	}
	assert_true(decode_text("{\"src\":\"c1\\u0000\",\"dest\":{},\"body\":[]}"));
	assert_null(decoded.src);
	assert_null(decoded.dest);
	assert_null(decoded.body);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_values),
	    cmocka_unit_test(takes_strings),
	    cmocka_unit_test(refuses_what_is_no_json),
	    cmocka_unit_test(refuses_numbers),
	    cmocka_unit_test(refuses_strings),
	    cmocka_unit_test(nests_as_deeply_as_jansson),
	    cmocka_unit_test(judges_damaged_text_as_jansson),
	    cmocka_unit_test_teardown(finds_the_parts_of_a_message, release),
	    cmocka_unit_test_teardown(the_last_of_equal_keys_counts, release),
	    cmocka_unit_test_teardown(has_no_parts_of_what_is_refused, release),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
