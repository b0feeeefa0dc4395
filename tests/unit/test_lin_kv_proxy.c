/* The proxy of the lin-kv service: what it passes on, what it passes back, and what it says when nobody answers. */
#include "fake_host.h"

#include <stdlib.h>

#include "registry.h"

/* Past holding back, with the service known. */
static void
begin(struct fake *fake)
{
	fake_init(fake, registry_find("lin-kv-proxy"));
	node_turn(fake->node, 10000);
}

static void
ask(struct fake *fake, const char *body)
{
	fake_from(fake, "c1", body);
}

/* Asserts that the next line asks the service for that, and returns its msg_id, which is the node's to choose. */
static long long
expect_passed(struct fake *fake, const char *members)
{
	struct buffer expected = {0};
	const char *line = fake_next(fake);
	long long msg_id;

	buffer_printf(&expected, "{'src':'n0','dest':'lin-kv','body':{%s,'msg_id':", members);
	fake_quote(&expected);
	assert_int_equal(strncmp(line, buffer_string(&expected), expected.length), 0);
	msg_id = atoll(line + expected.length);
	buffer_free(&expected);
	return msg_id;
}

static void
answer(struct fake *fake, long long msg_id, const char *members)
{
	struct buffer body = {0};

	buffer_printf(&body, "{%s,'in_reply_to':%lld}", members, msg_id);
	fake_from(fake, "lin-kv", buffer_string(&body));
	buffer_free(&body);
}

static void
test_passes_on_and_back(void **state)
{
	static const struct {
		const char *asked, *passed, *answer, *answered;
	} cases[] = {
	    {"{'type':'read','msg_id':7,'key':[1,{}]}", "'type':'read','key':[1,{}]", "'type':'read_ok','value':null",
		"{'type':'read_ok','value':null,'in_reply_to':7}"},
	    {"{'type':'write','msg_id':7,'key':0,'value':{'a':1.5}}", "'type':'write','key':0,'value':{'a':1.5}",
		"'type':'write_ok'", "{'type':'write_ok','in_reply_to':7}"},
	    {"{'type':'cas','msg_id':7,'key':0,'from':null,'to':'x'}", "'type':'cas','key':0,'from':null,'to':'x'",
		"'type':'error','code':22,'text':'no'", "{'type':'error','code':22,'text':'no','in_reply_to':7}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake fake;
		long long msg_id;

		begin(&fake);
		ask(&fake, cases[i].asked);
		msg_id = expect_passed(&fake, cases[i].passed);
		fake_expect_nothing(&fake);
		answer(&fake, msg_id, cases[i].answer);
		fake_expect_to(&fake, "c1", cases[i].answered);
		fake_expect_nothing(&fake);
		fake_close(&fake);
	}
}

/* The service would not answer these at all. */
static void
test_refuses_what_is_malformed(void **state)
{
	static const char *const bodies[] = {"{'type':'read','msg_id':1}", "{'type':'write','msg_id':1,'key':0}",
	    "{'type':'write','msg_id':1,'value':0}", "{'type':'cas','msg_id':1,'key':0,'from':1}",
	    "{'type':'cas','msg_id':1,'key':0,'to':1}", "{'type':'cas','msg_id':1,'from':0,'to':1}"};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct fake fake;

		begin(&fake);
		ask(&fake, bodies[i]);
		assert_non_null(strstr(fake_next(&fake), "\"code\":12"));
		fake_expect_nothing(&fake);
		fake_close(&fake);
	}
}

/* It may have happened: nothing definite is said, once, and a late answer goes nowhere. */
static void
test_no_answer(void **state)
{
	struct fake fake;
	long long msg_id;

	(void)state;
	begin(&fake);
	ask(&fake, "{'type':'write','msg_id':3,'key':0,'value':1}");
	msg_id = expect_passed(&fake, "'type':'write','key':0,'value':1");
	fake_until(&fake, 12999);
	fake_expect_nothing(&fake);
	fake_until(&fake, 13001);
	assert_non_null(strstr(fake_next(&fake), "\"code\":0,"));
	answer(&fake, msg_id, "'type':'write_ok'");
	fake_until(&fake, 20000);
	fake_expect_nothing(&fake);
	fake_close(&fake);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_passes_on_and_back),
	    cmocka_unit_test(test_refuses_what_is_malformed),
	    cmocka_unit_test(test_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
