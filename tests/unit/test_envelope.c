/* What a node may print: taken as Maelstrom's JSON reader and message schema take it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "envelope.h"
#include "value.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct parsed_envelope parsed;

static int
tear_down(void **state)
{
	(void)state;
	envelope_free(&parsed);
	memset(&parsed, 0, sizeof(parsed));
	return 0;
}

/* On memory of exactly this size, for the sanitizer. */
static const char *
parse(const char *line, size_t length)
{
	static char *copy;
	const char *why;

	free(copy);
	copy = malloc(length > 0 ? length : 1);
	memcpy(copy, line, length);
	why = envelope_parse(&parsed, copy, length);
	if (why != NULL) {
		free(copy);
		copy = NULL;
	}
	return why;
}

static void
accept(const char *line, size_t length, const char *src, const char *dest, const char *body)
{
	const char *why = parse(line, length);

	if (why != NULL)
		fail_msg("%s: refused: %s", line, why);
	assert_string_equal(parsed.src.bytes, src);
	assert_string_equal(parsed.dest.bytes, dest);
	assert_int_equal(parsed.length, strlen(body));
	assert_memory_equal(parsed.body, body, parsed.length);
}

/* ---- accepted ------------------------------------------------------------------ */

static const struct {
	const char *line, *src, *dest, *body;
} accepted[] = {
    {"{\"src\":\"n1\",\"dest\":\"c2\",\"body\":{\"type\":\"echo_ok\"}}", "n1", "c2", "{\"type\":\"echo_ok\"}"},
    {" \t{ \"src\" : \"a\" , \"dest\" : \"b\" , \"body\" : { } } ", "a", "b", "{ }"},
    {"{\"body\":{},\"dest\":\"b\",\"src\":\"a\"}", "a", "b", "{}"},
    {"{\"id\":5,\"src\":\"a\",\"dest\":\"b\",\"body\":{}}", "a", "b", "{}"},
    {"{\"id\":-0,\"src\":\"a\",\"dest\":\"b\",\"body\":{}}", "a", "b", "{}"},
    {"{\"id\":123456789012345678901234567890,\"src\":\"a\",\"dest\":\"b\"}", "a", "b", "{}"},

    /* A body that is as good as none. */
    {"{\"src\":\"a\",\"dest\":\"b\"}", "a", "b", "{}"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":null}", "a", "b", "{}"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":[]}", "a", "b", "{}"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":[ ]}", "a", "b", "{}"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":\"\"}", "a", "b", "{}"},

    /* The last of equal keys counts. */
    {"{\"src\":1,\"src\":\"a\",\"dest\":\"b\",\"body\":5,\"body\":{\"x\":1}}", "a", "b", "{\"x\":1}"},
    {"{\"id\":\"x\",\"id\":5,\"src\":\"a\",\"dest\":\"b\"}", "a", "b", "{}"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\":1,\"x\":2}}", "a", "b", "{\"x\":1,\"x\":2}"},

    /* What stands behind is ignored. */
    {"{\"src\":\"a\",\"dest\":\"b\"}}", "a", "b", "{}"},
    {"{\"src\":\"a\",\"dest\":\"b\"} trailing \xff", "a", "b", "{}"},
    {"{\"src\":\"a\",\"dest\":\"b\"}{\"src\":\"c\",\"dest\":\"d\"}", "a", "b", "{}"},
    {"{\"src\":\"a\",\"dest\":\"b\"}\r", "a", "b", "{}"},

    /* Escapes, in keys and ids as well. */
    {"{\"s\\u0072c\":\"\\u006e\\\"\\\\\\/\\b\\f\\n\\r\\t1\",\"dest\":\"\\u00e9\\u20AC\\ud83d\\uDE00\"}",
	"n\"\\/\b\f\n\r\t1", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "{}"},
    {"{\"src\":\"a\\u0000b\",\"dest\":\"\"}",
	"a\xef\xbf\xbd"
	"b",
	"", "{}"}, /* no id has a NUL */
    {"{\"src\":\"\xc3\xa9\",\"dest\":\"b\",\"body\":{\"\\\"\":\"\\u0041\xc3\xa9\"}}", "\xc3\xa9", "b",
	"{\"\\\"\":\"\\u0041\xc3\xa9\"}"},

    /* Values of all kinds. */
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"v\":[0,-0,1.5,-1.5e10,1E+05,2e-3,true,false,null,[],{},[[{\"a\":[]}]]]}"
     "}",
	"a", "b", "{\"v\":[0,-0,1.5,-1.5e10,1E+05,2e-3,true,false,null,[],{},[[{\"a\":[]}]]]}"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\":1e999}}", "a", "b", "{\"x\":1e999}"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"\":\"\x7f\"}}", "a", "b", "{\"\":\"\x7f\"}"},

    /* What Jackson reads, but nobody would print: made good. */
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\":\"\x01\t\x1f\"}}", "a", "b", "{\"x\":\"\\u0001\\u0009\\u001f\"}"},
    {"{\"src\":\"a\x02\",\"dest\":\"b\"}", "a\x02", "b", "{}"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\":\"\\ud800\"}}", "a", "b", "{\"x\":\"?\"}"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\":\"\\uDC00\\ud83d\\ude00\"}}", "a", "b",
	"{\"x\":\"?\\ud83d\\ude00\"}"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\":\"\\ud800\\u0041\"}}", "a", "b", "{\"x\":\"?\\u0041\"}"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"\xff\":\"\xc3\"}}", "a", "b", "{\"\xef\xbf\xbd\":\"\xef\xbf\xbd\"}"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\":\"\xed\xa0\x80\xe2\x82|\\\\\"}}", "a", "b",
	"{\"x\":\"\xef\xbf\xbd\xef\xbf\xbd|\\\\\"}"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\":\"\xef\xbf\xbd\"}}", "a", "b", "{\"x\":\"\xef\xbf\xbd\"}"},
};

static void
test_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(accepted); i++)
		accept(accepted[i].line, strlen(accepted[i].line), accepted[i].src, accepted[i].dest, accepted[i].body);
}

static void
test_a_nul_byte_is_a_control_character(void **state)
{
	static const char line[] = "{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\":\"\0\"}}";
	static const char outside[] = "{\"src\":\"a\",\0\"dest\":\"b\"}";

	(void)state;
	accept(line, sizeof(line) - 1, "a", "b", "{\"x\":\"\\u0000\"}");
	assert_non_null(parse(outside, sizeof(outside) - 1));
}

/* ---- refused ------------------------------------------------------------------- */

static const struct {
	const char *line, *why; /* why: part of it */
} refused[] = {
    {"", "an empty line"},
    {"  ", "an empty line"},
    {"\r", "an empty line"},
    {"hello", "not JSON"},
    {"Hello, {\"src\":\"a\",\"dest\":\"b\"}", "not JSON"},
    {"\xef\xbb\xbf{\"src\":\"a\",\"dest\":\"b\"}", "not JSON"}, /* a byte order mark */
    {"\x0b{}", "not JSON"},
    {"null", "not a JSON object"},
    {"nul", "not JSON"},
    {"3", "not a JSON object"},
    {"\"\"", "not a JSON object"},
    {"[]", "not a JSON object"},
    {"[[\"src\",\"a\"],[\"dest\",\"b\"]]", "not a JSON object"},
    {"[1", "not JSON"},
    {"{}", "no src"},
    {"{\"src\":\"a\"}", "no dest"},
    {"{\"dest\":\"b\"}", "no src"},
    {"{\"src\":null,\"dest\":\"b\"}", "src is not a string"},
    {"{\"src\":\"a\",\"dest\":5}", "dest is not a string"},
    {"{\"src\":\"a\",\"dest\":{}}", "dest is not a string"},

    {"{\"src\":\"a\",\"dest\":\"b\",\"x\":1}", "top-level key"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"Src\":\"a\"}", "top-level key"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"\":1}", "top-level key"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"src\\u0000\":1}", "top-level key"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"i\":1}", "top-level key"},

    {"{\"src\":\"a\",\"dest\":\"b\",\"id\":1.0}", "id is not an integer"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"id\":1e2}", "id is not an integer"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"id\":1E2}", "id is not an integer"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"id\":null}", "id is not an integer"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"id\":\"1\"}", "id is not an integer"},

    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":\"x\"}", "body is not an object"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":false}", "body is not an object"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":0}", "body is not an object"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":[1]}", "body is not an object"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":[[\"type\",\"x\"]]}", "body is not an object"},

    {"{\"src\":\"a\",\"dest\":\"b\"", "not JSON"},
    {"{\"src\":\"a\",\"dest\":\"b\",", "not JSON"},
    {"{\"src\":\"a\",\"dest\":\"b\",}", "not JSON"},
    {"{\"src\":\"a\",,\"dest\":\"b\"}", "not JSON"},
    {"{,\"src\":\"a\",\"dest\":\"b\"}", "not JSON"},
    {"{\"src\":\"a\" \"dest\":\"b\"}", "not JSON"},
    {"{\"src\" \"a\",\"dest\":\"b\"}", "not JSON"},
    {"{\"src\":,\"dest\":\"b\"}", "not JSON"},
    {"{\"src\"", "not JSON"},
    {"{\"src\":", "not JSON"},
    {"{\"src\":\"a", "does not end"},
    {"{\"src\":\"a\\", "does not end"},
    {"{\"src\":\"a\\\"", "does not end"},
    {"{src:\"a\",\"dest\":\"b\"}", "not JSON"},
    {"{'src':'a','dest':'b'}", "not JSON"},
    {"{/**/\"src\":\"a\",\"dest\":\"b\"}", "not JSON"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\":[1,]}}", "not JSON"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\":[1}}", "not JSON"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\":[1 2]}}", "not JSON"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\":1]}", "not JSON"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\"}}", "not JSON"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{1:2}}", "not JSON"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\":01}}", "number"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\":-}}", "number"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\":.5}}", "not JSON"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\":5.}}", "number"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\":+5}}", "not JSON"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\":1e}}", "number"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\":1e+}}", "number"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\":1x}}", "not JSON"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\":NaN}}", "not JSON"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\":truex}}", "not JSON"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\":tru", "not JSON"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\":\"\\x\"}}", "escape"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\":\"\\u12g4\"}}", "hexadecimal"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\":\"\\u12", "hexadecimal"},
    {"{\"src\":\"a\",\"dest\":\"b\",\"body\":{\"x\":\"\xff\\q\"}}", "escape"},

    {"{\"src\":\"a\",\r\"dest\":\"b\"}", "carriage return"},
    {"{\"src\":\"a\",\"dest\":\"b\"}\r{\"src\":\"a\",\"dest\":\"b\"}", "carriage return"},
};

static void
test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		const char *why = parse(refused[i].line, strlen(refused[i].line));

		if (why == NULL)
			fail_msg("%s: accepted", refused[i].line);
		if (strstr(why, refused[i].why) == NULL)
			fail_msg("%s: refused, but because: %s", refused[i].line, why);
		assert_null(strchr(why, '\n'));
	}
}

/* Cut anywhere, a message is none; and no byte behind the end is looked at. */
static void
test_every_beginning_is_refused(void **state)
{
	static const char line[] = "{\"id\":1,\"src\":\"a\\u00e9\",\"dest\":\"\xc3\xa9\",\"body\":{\"x\":[1.5e3,true,"
				   "null,\"\\ud83d\\ude00\"]}}";

	(void)state;
	assert_null(parse(line, sizeof(line) - 1));
	for (size_t length = 0; length < sizeof(line) - 1; length++)
		assert_non_null(parse(line, length));
}

static void
write_string(struct buffer *to, size_t before, const char *piece, size_t behind)
{
	for (size_t i = 0; i < before; i++)
		buffer_append_char(to, 'a');
	buffer_append_string(to, piece);
	for (size_t i = 0; i < behind; i++)
		buffer_append_char(to, 'z');
}

/* A string as src, and in the body. */
static void
write_line(struct buffer *line, size_t before, const char *piece, size_t behind)
{
	line->length = 0;
	buffer_append_string(line, "{\"src\":\"");
	write_string(line, before, piece, behind);
	buffer_append_string(line, "\",\"dest\":\"b\",\"body\":{\"x\":\"");
	write_string(line, before, piece, behind);
	buffer_append_string(line, "\"}}");
}

/* Strings are looked at in words: what is not plain counts at every place of a word, and its neighbours do not. */
static void
test_every_byte_at_every_place(void **state)
{
	static const struct {
		const char *piece, *meant, *printed;
	} pieces[] = {
	    {" ", " ", " "},
	    {"!", "!", "!"},
	    {"#", "#", "#"},
	    {"[", "[", "["},
	    {"]", "]", "]"},
	    {"~", "~", "~"},
	    {"\x7f", "\x7f", "\x7f"},
	    {"\\\"", "\"", "\\\""},
	    {"\\\\", "\\", "\\\\"},
	    {"\\u0041", "A", "\\u0041"},
	    {"\xc3\xa9", "\xc3\xa9", "\xc3\xa9"},
	    {"\x01", "\x01", "\\u0001"},
	    {"\x1f", "\x1f", "\\u001f"},
	    {"\x80", "\xef\xbf\xbd", "\xef\xbf\xbd"},
	    {"\xff", "\xef\xbf\xbd", "\xef\xbf\xbd"},
	};
	struct buffer line = {0}, src = {0}, body = {0};

	(void)state;
	for (size_t length = 0; length < 20; length++)
		for (size_t place = 0; place <= length; place++) {
			for (size_t i = 0; i < COUNT(pieces); i++) {
				src.length = body.length = 0;
				write_line(&line, place, pieces[i].piece, length - place);
				write_string(&src, place, pieces[i].meant, length - place);
				buffer_append_string(&body, "{\"x\":\"");
				write_string(&body, place, pieces[i].printed, length - place);
				buffer_append_string(&body, "\"}");
				accept(
				    buffer_string(&line), line.length, buffer_string(&src), "b", buffer_string(&body));
			}
			write_line(&line, place, "\"", length - place);
			assert_non_null(parse(line.bytes, line.length));
		}
	buffer_free(&line);
	buffer_free(&src);
	buffer_free(&body);
}

/* ---- limits -------------------------------------------------------------------- */

/* A message whose body holds `count` times `unit` between `open` and `close`. */
static const char *
parse_large(const char *open, const char *unit, size_t count, const char *close)
{
	struct buffer line = {0};
	const char *why;

	buffer_append_string(&line, "{\"src\":\"a\",\"dest\":\"b\",\"body\":{");
	buffer_append_string(&line, open);
	for (size_t i = 0; i < count; i++)
		buffer_append_string(&line, unit);
	buffer_append_string(&line, close);
	buffer_append_string(&line, "}}");
	why = envelope_parse(&parsed, line.bytes, line.length);
	buffer_free(&line);
	return why;
}

static const char *
parse_nested(size_t depth)
{
	struct buffer close = {0};
	const char *why;

	for (size_t i = 0; i < depth; i++)
		buffer_append_char(&close, ']');
	why = parse_large("\"x\":", "[", depth, buffer_string(&close));
	buffer_free(&close);
	return why;
}

static void
test_limits(void **state)
{
	(void)state;
	assert_null(parse_nested(JSON_DEPTH_MAX - 2)); /* the message and its body are two */
	assert_string_equal(parse_nested(JSON_DEPTH_MAX - 1), "nested over Jackson's limit of 1000");
	assert_non_null(parse_nested(100000));

	assert_null(parse_large("\"x\":", "9", JSON_NUMBER_MAX, ""));
	assert_null(parse_large("\"x\":-", "9", JSON_NUMBER_MAX, ""));
	assert_non_null(parse_large("\"x\":", "9", JSON_NUMBER_MAX + 1, ""));
	assert_null(parse_large("\"x\":0.", "9", JSON_NUMBER_MAX, ""));
	assert_non_null(parse_large("\"x\":0.", "9", JSON_NUMBER_MAX + 1, ""));
	assert_null(parse_large("\"x\":1.", "9", JSON_NUMBER_MAX - 1, ""));
	assert_non_null(parse_large("\"x\":1.", "9", JSON_NUMBER_MAX, ""));
	assert_null(parse_large("\"x\":1e", "0", JSON_NUMBER_MAX - 1, ""));
	assert_non_null(parse_large("\"x\":1e", "0", JSON_NUMBER_MAX, ""));

	assert_null(parse_large("\"", "k", JSON_NAME_MAX, "\":1"));
	assert_non_null(parse_large("\"", "k", JSON_NAME_MAX + 1, "\":1"));
	assert_null(parse_large("\"", "\\u00e9\xc3\xa9\\n\xf0\x9f\x98\x80", JSON_NAME_MAX / 5, "\":1"));
	assert_non_null(parse_large("\"", "\\u00e9\xc3\xa9\\n\xf0\x9f\x98\x80", JSON_NAME_MAX / 5, "k\":1"));
	assert_null(parse_large("\"x\":\"", "kkkkkkkkkk", JSON_STRING_MAX / 10, "\""));
	assert_non_null(parse_large("\"x\":\"", "kkkkkkkkkk", JSON_STRING_MAX / 10, "k\""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_teardown(test_accepted, tear_down),
	    cmocka_unit_test_teardown(test_a_nul_byte_is_a_control_character, tear_down),
	    cmocka_unit_test_teardown(test_refused, tear_down),
	    cmocka_unit_test_teardown(test_every_beginning_is_refused, tear_down),
	    cmocka_unit_test_teardown(test_every_byte_at_every_place, tear_down),
	    cmocka_unit_test_teardown(test_limits, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
