/* Lines in, good and bad, and values that must come back as they went in. */
#include "fake_host.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "encode.h"

static void
echo(struct node *node, const struct message *message)
{
	json_t *value;

	if (node_unpack(node, message, "{s:o}", "echo", &value))
		node_reply(node, message, json_pack("{s:O}", "echo", value));
}

static const struct route routes[] = {{"echo", echo}, {NULL, NULL}};
static const struct program program = {.name = "echo", .routes = routes};

/* ---- values ---------------------------------------------------------------- */

/* Asserts that `value` comes back as `expected`. */
static void
assert_echo(struct fake *fake, const char *value, const char *expected)
{
	struct buffer line = {0};

	buffer_printf(
	    &line, "{\"src\":\"c1\",\"dest\":\"n0\",\"body\":{\"type\":\"echo\",\"msg_id\":1,\"echo\":%s}}", value);
	node_receive(fake->node, line.bytes, line.length);
	line.length = 0;
	buffer_printf(&line, "{\"src\":\"n0\",\"dest\":\"c1\",\"body\":{\"echo\":%s,\"in_reply_to\":1}}", expected);
	fake_expect(fake, buffer_string(&line));
	buffer_free(&line);
}

static void
echoes_what_json_can_say(void **state)
{
	static const char *const same[] = {"null", "true", "false", "0", "-1", "9223372036854775807",
	    "-9223372036854775808", "\"\"", "\"a\\u0000b\"", "\"\\u0000\"", "\"\\\"\\\\\\b\\f\\n\\r\\t\\u001f\"", "[]",
	    "{}", "[1,[2,[{\"a\":{\"\":[]}}]],null]", "{\"z\":1,\"a\":2,\"m\":{\"z\":1,\"b\":0}}", "\"\xc3\xa9\"",
	    "\"\xf0\x9f\x98\x80\"", "\"\x7f\xe2\x80\xa8\"", "1.5", "-0.0"};
	struct fake fake;

	(void)state;
	fake_init(&fake, &program);
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		assert_echo(&fake, same[i], same[i]);
	assert_echo(&fake, "\"\\u00e9\\ud83d\\ude00\\/\"", "\"\xc3\xa9\xf0\x9f\x98\x80/\"");
	assert_echo(&fake, " [ 1 , 2 ] ", "[1,2]");
	assert_echo(&fake, "-0", "0");
	assert_echo(&fake, "1E2", "100.0");
	fake_close(&fake);
}

static double
echoed_real(struct fake *fake, double value)
{
	struct buffer line = {0};
	json_t *reply;
	double back;

	buffer_printf(
	    &line, "{\"src\":\"c1\",\"dest\":\"n0\",\"body\":{\"type\":\"echo\",\"msg_id\":1,\"echo\":%.17e}}", value);
	node_receive(fake->node, line.bytes, line.length);
	buffer_free(&line);
	reply = json_loads(fake_next(fake), 0, NULL);
	back = json_real_value(json_object_get(json_object_get(reply, "body"), "echo"));
	json_decref(reply);
	return back;
}

static void
echoes_reals_as_the_same_double(void **state)
{
	struct fake fake;

	(void)state;
	fake_init(&fake, &program);
	for (int i = 0; i < 3000; i++) {
		uint64_t bits = node_random(fake.node, 0);
		double value, back;

		memcpy(&value, &bits, sizeof(value));
		if (isnan(value) || isinf(value))
			continue;
		back = echoed_real(&fake, value);
		assert_memory_equal(&back, &value, sizeof(value));
	}
	assert_true(echoed_real(&fake, 5e-324) == 5e-324);
	fake_close(&fake);
}

static void
assert_integer(int64_t number)
{
	char expected[32];
	struct buffer text = {0};

	snprintf(expected, sizeof(expected), "%" PRId64, number);
	encode_integer(&text, number);
	assert_string_equal(buffer_string(&text), expected);
	buffer_free(&text);
}

static void
encodes_integers_of_all_lengths(void **state)
{
	(void)state;
	for (uint64_t power = 1;; power *= 10) {
		for (uint64_t i = 0; i < 5; i++) {
			assert_integer((int64_t)(power - 2 + i));
			assert_integer((int64_t)(0 - (power - 2 + i)));
		}
		if (power > UINT64_MAX / 10)
			break;
	}
	for (int bit = 0; bit < 64; bit++) {
		assert_integer((int64_t)((uint64_t)1 << bit));
		assert_integer((int64_t)(((uint64_t)1 << bit) - 1));
	}
}

/* A long string is encoded in pieces. */
static void
echoes_long_strings(void **state)
{
	struct buffer text = {0};
	struct fake fake;

	(void)state;
	fake_init(&fake, &program);
	for (int length = 4090; length < 4100; length++) {
		text.length = 0;
		buffer_append_char(&text, '"');
		for (int i = 0; i < length; i++)
			buffer_append_string(&text, i % 5 == 0 ? "\\n" : "x");
		buffer_append_char(&text, '"');
		assert_echo(&fake, buffer_string(&text), buffer_string(&text));
	}
	buffer_free(&text);
	fake_close(&fake);
}

static void
nest(struct buffer *text, int depth)
{
	text->length = 0;
	for (int i = 0; i < depth; i++)
		buffer_append_char(text, '[');
	for (int i = 0; i < depth; i++)
		buffer_append_char(text, ']');
}

static void
echoes_what_is_nested_as_deeply_as_it_may_be(void **state)
{
	struct buffer text = {0};
	struct fake fake;

	(void)state;
	fake_init(&fake, &program);
	nest(&text, NODE_DEPTH_MAX - 2);
	assert_echo(&fake, buffer_string(&text), buffer_string(&text));
	text.length = 0;
	buffer_append_char(&text, '"');
	for (int i = 0; i < 2 * NODE_DEPTH_MAX; i++)
		buffer_append_string(&text, "{[\\\"");
	buffer_append_char(&text, '"');
	assert_echo(&fake, buffer_string(&text), buffer_string(&text));
	buffer_free(&text);
	fake_close(&fake);
}

/* ---- legal, but more than jansson holds ------------------------------------ */

static void
assert_malformed(struct fake *fake, const char *value)
{
	struct buffer line = {0};

	buffer_printf(&line,
	    "{\"id\":5,\"src\":\"c1\",\"dest\":\"n0\",\"body\":{\"echo\":%s,\"msg_id\":7,\"type\":\"echo\"}}", value);
	node_receive(fake->node, line.bytes, line.length);
	buffer_free(&line);
	assert_non_null(strstr(fake_next(fake), "\"dest\":\"c1\",\"body\":{\"type\":\"error\",\"code\":12,"));
	assert_non_null(strstr(buffer_string(&fake->line), "\"in_reply_to\":7}}"));
	fake_expect_nothing(fake);
}

static void
answers_what_cannot_be_held(void **state)
{
	static const char *const values[] = {"9223372036854775808", "-9223372036854775809",
	    "123456789012345678901234567890", "1e400", "-1E+999", "{\"a\\u0000b\":1}", "\"\\ud800\"",
	    "[1, {\"x\":\"\\\\\\\"]}\", \"y\":[ ] , \"z\":{ } }, 1e400, true, false, null, -0.5e-3]"};
	struct buffer text = {0};
	struct fake fake;

	(void)state;
	fake_init(&fake, &program);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		assert_malformed(&fake, values[i]);
	nest(&text, 100000);
	assert_malformed(&fake, buffer_string(&text));
	nest(&text, NODE_DEPTH_MAX - 1);
	assert_malformed(&fake, buffer_string(&text));
	assert_echo(&fake, "1", "1");
	buffer_free(&text);
	fake_close(&fake);
}

static void
answers_only_requests_that_cannot_be_held(void **state)
{
	static const char *const silent[] = {
	    "{'src':'c1','dest':'n0','body':{'x':1e999}}",
	    "{'src':'c1','dest':'n0','body':{'x':1e999,'msg_id':'1'}}",
	    "{'src':'c1','dest':'n0','body':{'x':1,'msg_id':1e999}}",
	    "{'src':'c1','dest':'n0','body':{'x':1,'msg_id':99999999999999999999}}",
	    "{'src':'n1','dest':'n0','body':{'x':1e999,'msg_id':1,'in_reply_to':3}}",
	    "{'src':7,'dest':'n0','body':{'x':1e999,'msg_id':1}}",
	    "{'src':'c1\\u0000','dest':'n0','body':{'x':1e999,'msg_id':1}}",
	    "{'src':'c1','body':{'x':1e999,'msg_id':1}}",
	    "{'src':'c1','dest':'n0','x':1e999}",
	    "{'src':'c1','dest':'n0','body':[{'x':1e999,'msg_id':1}]}",
	    "[{'src':'c1','dest':'n0','body':{'x':1e999,'msg_id':1}}]",
	    "1e999",
	};
	struct fake fake;

	(void)state;
	fake_init(&fake, &program);
	for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++) {
		struct buffer line = {0};

		buffer_append_string(&line, silent[i]);
		fake_quote(&line);
		node_receive(fake.node, line.bytes, line.length);
		fake_expect_nothing(&fake);
		buffer_free(&line);
	}
	/* The last of several counts; an in_reply_to of null is none; spaces do not matter. */
	fake_say(&fake, " { \"body\" : { \"msg_id\" : 3 , \"msg_id\" : 4,\"in_reply_to\":null,\"x\" : 1e999 } ,"
			"\"dest\":\"n0\",\"src\":\"c8\", \"src\" : \"c9\" } ");
	assert_non_null(strstr(fake_next(&fake), "\"dest\":\"c9\""));
	assert_non_null(strstr(buffer_string(&fake.line), "\"in_reply_to\":4}"));
	fake_close(&fake);
}

static void
answers_what_cannot_be_held_before_init(void **state)
{
	struct fake fake;

	(void)state;
	fake_open(&fake, &program);
	fake_say(&fake, "{\"src\":\"c1\",\"dest\":\"n5\",\"body\":{\"type\":\"init\",\"msg_id\":1,\"x\":1e999}}");
	assert_non_null(
	    strstr(fake_next(&fake), "{\"src\":\"n5\",\"dest\":\"c1\",\"body\":{\"type\":\"error\",\"code\":12"));
	fake_say(&fake, INIT_N0);
	fake_expect(&fake, INIT_OK);
	fake_close(&fake);
}

/* ---- bad lines -------------------------------------------------------------- */

/* All but the last are skipped with a line in the log, and the node goes on. */
static void
skips_bad_lines(void **state)
{
	static const char *const lines[] = {
	    "",
	    " ",
	    "hello",
	    "{",
	    "{}",
	    "[]",
	    "null",
	    "7",
	    "{'src':'c1','dest':'n0','body':{'type':'echo','msg_id':1,'echo':1}",
	    "{'src':'c1','dest':'n0','body':{'type':'echo','msg_id':1,'echo':1}}}",
	    "{'src':'c1','dest':'n0','body':{'type':'echo','msg_id':1,'echo':1}} x",
	    "{'src':'c1','dest':'n0','body':{'type':'echo','msg_id':1,'echo':1,}}",
	    "{'src':'c1','dest':'n0','body':{'type':'echo','msg_id':1,'echo':01}}",
	    "{'src':'c1','dest':'n0','body':{'type':'echo','msg_id':1,'echo':'\xff'}}",
	    "{'src':'c1','dest':'n0','body':{'type':'echo','msg_id':1,'echo':['\xff',1e999]}}",
	    "{'src':'c1','dest':'n0','body':{'type':'echo','msg_id':1,'echo':[1e999,01]}}",
	    "{'src':'c1','dest':'n0','body':{'type':'echo','msg_id':1,'echo':[1e999,'\\x']}}",
	    "{'src':'c1','dest':'n0','body':{'type':'echo','msg_id':1,'echo':[1e999,'\\u12x4']}}",
	    "{'src':'c1','dest':'n0','body':{'type':'echo','msg_id':1,'echo':[1e999,1.]}}",
	    "{'src':'c1','dest':'n0','body':{'type':'echo','msg_id':1,'echo':[1e999,tru]}}",
	    "{'src':'c1','dest':'n0','body':{'type':'echo','msg_id':1,'echo':[1e999}}}",
	    "{'src':'c1','dest':'n0','body':{'type':'echo','msg_id':1,'echo':1e999 1}}",
	    "{'src':'c1','dest':'n0','body':{'type':'echo','msg_id':1,'echo' 1e999}}",
	    "{'src':'c1','dest':'n0','body':{'type':'echo','msg_id':1,echo:1e999}}",
	    "{'src':'c1','dest':'n0','body':{'type':'echo','msg_id':1,'echo':1e999}} x",
	    "{'src':'c1','dest':'n0','body':{'type':'echo','msg_id':1,'echo':[1e999,'open",
	    "{'dest':'n0','body':{'type':'echo','msg_id':1,'echo':1}}",
	    "{'src':'c1','body':{'type':'echo','msg_id':1,'echo':1}}",
	    "{'src':'c1','dest':'n0'}",
	    "{'src':'c1','dest':'n0','body':7}",
	    "{'src':'c1','dest':'n0','body':[]}",
	    "{'src':'c1','dest':'n0','body':{'msg_id':1,'echo':1}}",
	    "{'src':'c1','dest':'n0','body':{'type':7,'msg_id':1,'echo':1}}",
	    "{'src':7,'dest':'n0','body':{'type':'echo','msg_id':1,'echo':1}}",
	    "{'src':'c1','dest':null,'body':{'type':'echo','msg_id':1,'echo':1}}",
	    "{'src':'c1','dest':'n0','body':{'type':'echo','msg_id':'1','echo':1}}",
	    "{'src':'c1','dest':'n0','body':{'type':'echo','msg_id':1.5,'echo':1}}",
	    "{'src':'c1','dest':'n0','body':{'type':'echo','msg_id':-1,'echo':1}}",
	    "{'src':'c1','dest':'n0','body':{'type':'echo','msg_id':1,'in_reply_to':'x','echo':1}}",
	    "{'src':'c1','dest':'n0','body':{'type':'echo\\u0000','msg_id':1,'echo':1}}",
	    "{'src':'c1\\u0000','dest':'n0','body':{'type':'echo','msg_id':1,'echo':1}}",
	};
	struct fake fake;

	(void)state;
	fake_init(&fake, &program);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct buffer line = {0};

		fake.logs.length = 0;
		buffer_append_string(&line, lines[i]);
		fake_quote(&line);
		node_receive(fake.node, line.bytes, line.length);
		fake_expect_nothing(&fake);
		if (!fake_logged(&fake, "skipped a line ("))
			fail_msg("not logged: %s", lines[i]);
		buffer_free(&line);
	}
	node_receive(fake.node, "{\"src\":\"c1\0\"}", 13);
	fake_expect_nothing(&fake);
	assert_echo(&fake, "1", "1");
	fake_close(&fake);
}

static void
reads_error_codes(void **state)
{
	static const struct {
		const char *body;
		int code;
	} cases[] = {{"{'type':'read_ok','code':22}", -1}, {"{'type':'error','code':22}", 22}, {"{'type':'error'}", 13},
	    {"{'type':'error','code':'x'}", 13}, {"{'type':'error','code':-1}", 13},
	    {"{'type':'error','code':99999999999}", 13}, {"{'type':'error','code':0}", 0}};

	(void)state;
	assert_int_equal(message_error(NULL), ERROR_TIMEOUT);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buffer text = {0};
		struct message message = {0};

		buffer_append_string(&text, cases[i].body);
		fake_quote(&text);
		message.body = json_loads(buffer_string(&text), 0, NULL);
		message.type = json_string_value(json_object_get(message.body, "type"));
		assert_int_equal(message_error(&message), cases[i].code);
		json_decref(message.body);
		buffer_free(&text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(echoes_what_json_can_say),
	    cmocka_unit_test(echoes_reals_as_the_same_double),
	    cmocka_unit_test(encodes_integers_of_all_lengths),
	    cmocka_unit_test(echoes_long_strings),
	    cmocka_unit_test(echoes_what_is_nested_as_deeply_as_it_may_be),
	    cmocka_unit_test(answers_what_cannot_be_held),
	    cmocka_unit_test(answers_only_requests_that_cannot_be_held),
	    cmocka_unit_test(answers_what_cannot_be_held_before_init),
	    cmocka_unit_test(skips_bad_lines),
	    cmocka_unit_test(reads_error_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
