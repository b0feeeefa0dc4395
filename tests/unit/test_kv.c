/* Clients of the services: what they ask, and what every answer means. */
#include "fake_host.h"

#include <stdlib.h>

#include "kv.h"
#include "task.h"

static const struct program program = {.name = "kv"};

/* One call, made in a task of its own, and what came of it. */
struct kv_call {
	const char *service;
	json_t *key, *write, *from, *to; /* `write`: to write; `to`: to compare and set; else to read. Borrowed */
	bool create;
	int calls, outcome;
	char value[100]; /* as JSON; "-" if there was none */
};

static void
write_down(struct kv_call *call, int outcome, const json_t *value)
{
	call->outcome = outcome;
	strlcpy(call->value, "-", sizeof(call->value));
	if (value != NULL)
		call->value[json_dumpb(value, call->value, sizeof(call->value) - 1, JSON_ENCODE_ANY | JSON_COMPACT)] =
		    '\0';
}

static void
make_call(struct node *node, void *arg)
{
	struct kv_call *call = arg;
	json_t *value = NULL;
	int outcome;

	if (call->write != NULL)
		outcome = task_kv_write(node, call->service, call->key, call->write, 1000);
	else if (call->to != NULL)
		outcome = task_kv_cas(node, call->service, call->key, call->from, call->to, call->create, 1000);
	else
		outcome = task_kv_read(node, call->service, call->key, 1000, &value);
	call->calls++;
	write_down(call, outcome, value);
	json_decref(value);
}

/* Asserts on the next line of output, and answers it with these members. */
static void
exchange(struct fake *fake, const char *dest, const char *asked, const char *answer)
{
	json_t *line = json_loads(fake_next(fake), 0, NULL);
	json_t *body = json_object_get(line, "body");
	long long msg_id = json_integer_value(json_object_get(body, "msg_id"));
	struct buffer text = {0};
	char *dumped;

	assert_string_equal(json_string_value(json_object_get(line, "dest")), dest);
	json_object_del(body, "msg_id");
	dumped = json_dumps(body, JSON_COMPACT);
	buffer_append_string(&text, asked);
	fake_quote(&text);
	assert_string_equal(dumped, buffer_string(&text));
	text.length = 0;
	buffer_printf(&text, "{%s,'in_reply_to':%lld}", answer, msg_id);
	fake_from(fake, dest, buffer_string(&text));
	buffer_free(&text);
	free(dumped);
	json_decref(line);
}

/* Makes a call, answers it, and asserts on its outcome. */
static void
expect(struct fake *fake, struct kv_call call, const char *asked, const char *answer, int outcome, const char *value)
{
	assert_true(node_task(fake->node, make_call, &call));
	assert_int_equal(call.calls, 0);
	exchange(fake, call.service, asked, answer);
	assert_int_equal(call.calls, 1);
	assert_int_equal(call.outcome, outcome);
	assert_string_equal(call.value, value);
}

/* Past holding back. */
static void
begin(struct fake *fake)
{
	fake_init(fake, &program);
	node_turn(fake->node, 10000);
}

/* ---- one call ---------------------------------------------------------------- */

static void
reads(void **state)
{
	json_t *key = json_string("k");
	struct fake fake;

	(void)state;
	begin(&fake);
	expect(&fake, (struct kv_call){.service = LIN_KV, .key = key}, "{'type':'read','key':'k'}",
	    "'type':'read_ok','value':[1,2]", KV_OK, "[1,2]");
	expect(&fake, (struct kv_call){.service = SEQ_KV, .key = key}, "{'type':'read','key':'k'}",
	    "'type':'read_ok','value':null", KV_OK, "null");
	expect(&fake, (struct kv_call){.service = LWW_KV, .key = key}, "{'type':'read','key':'k'}",
	    "'type':'error','code':20,'text':'no'", ERROR_KEY_DOES_NOT_EXIST, "-");
	assert_int_equal(key->refcount, 1);
	json_decref(key);
	fake_close(&fake);
}

static void
writes(void **state)
{
	json_t *key = json_pack("[i]", 7), *value = json_pack("{s:n}", "x");
	struct fake fake;

	(void)state;
	begin(&fake);
	expect(&fake, (struct kv_call){.service = SEQ_KV, .key = key, .write = value},
	    "{'type':'write','key':[7],'value':{'x':null}}", "'type':'write_ok'", KV_OK, "-");
	assert_int_equal(value->refcount, 1);
	json_decref(key);
	json_decref(value);
	fake_close(&fake);
}

static void
compares_and_sets(void **state)
{
	json_t *key = json_string("k"), *from = json_integer(1), *to = json_integer(2);
	struct fake fake;

	(void)state;
	begin(&fake);
	expect(&fake, (struct kv_call){.service = LIN_KV, .key = key, .from = from, .to = to},
	    "{'type':'cas','key':'k','from':1,'to':2}", "'type':'cas_ok'", KV_OK, "-");
	expect(&fake, (struct kv_call){.service = LIN_KV, .key = key, .from = from, .to = to, .create = true},
	    "{'type':'cas','key':'k','from':1,'to':2,'create_if_not_exists':true}", "'type':'error','code':22",
	    ERROR_PRECONDITION_FAILED, "-");
	json_decref(key);
	json_decref(from);
	json_decref(to);
	fake_close(&fake);
}

/* What agrees with nothing says nothing definite. */
static void
distrusts_odd_answers(void **state)
{
	static const char *const answers[] = {
	    "'type':'write_ok','value':1", "'type':'read_ok'", "'type':'error'", "'type':'x'"};
	json_t *key = json_string("k");
	struct fake fake;

	(void)state;
	begin(&fake);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		expect(&fake, (struct kv_call){.service = LIN_KV, .key = key}, "{'type':'read','key':'k'}", answers[i],
		    ERROR_CRASH, "-");
	json_decref(key);
	fake_close(&fake);
}

static void
times_out(void **state)
{
	struct kv_call call = {.service = LIN_KV, .key = json_string("k")};
	struct fake fake;

	(void)state;
	begin(&fake);
	assert_true(node_task(fake.node, make_call, &call));
	fake_until(&fake, 10999);
	assert_int_equal(call.calls, 0);
	fake_until(&fake, 11000);
	assert_int_equal(call.calls, 1);
	assert_int_equal(call.outcome, KV_TIMEOUT);
	assert_string_equal(call.value, "-");
	json_decref(call.key);
	fake_close(&fake);
}

/* ---- many calls in one task --------------------------------------------------- */

static void
converse(struct node *node, void *arg)
{
	struct kv_call *seen = arg;
	json_t *key = json_string("k"), *one = json_integer(1), *value = NULL;
	int64_t timestamp = -1;
	int outcome;

	outcome = task_kv_read(node, LIN_KV, key, 1000, &value);
	write_down(&seen[0], outcome, value);
	json_decref(value);
	write_down(&seen[1], task_kv_write(node, SEQ_KV, key, one, 1000), NULL);
	write_down(&seen[2], task_kv_cas(node, LWW_KV, key, one, key, true, 1000), NULL);
	seen[3].outcome = task_kv_timestamp(node, 1000, &timestamp);
	snprintf(seen[3].value, sizeof(seen[3].value), "%lld", (long long)timestamp);
	seen[4].outcome = task_kv_timestamp(node, 1000, &timestamp);
	snprintf(seen[4].value, sizeof(seen[4].value), "%lld", (long long)timestamp);
	seen[5].outcome = task_kv_timestamp(node, 1000, &timestamp);
	value = one;
	outcome = task_kv_read(node, LIN_KV, key, 1000, &value);
	write_down(&seen[6], outcome, value);
	json_decref(key);
	json_decref(one);
	seen[0].calls++;
}

static void
converses(void **state)
{
	struct kv_call seen[7] = {0};
	struct fake fake;

	(void)state;
	begin(&fake);
	assert_true(node_task(fake.node, converse, seen));
	exchange(&fake, "lin-kv", "{'type':'read','key':'k'}", "'type':'read_ok','value':5");
	exchange(&fake, "seq-kv", "{'type':'write','key':'k','value':1}", "'type':'write_ok'");
	exchange(&fake, "lww-kv", "{'type':'cas','key':'k','from':1,'to':'k','create_if_not_exists':true}",
	    "'type':'error','code':22");
	exchange(&fake, "lin-tso", "{'type':'ts'}", "'type':'ts_ok','ts':0");
	exchange(&fake, "lin-tso", "{'type':'ts'}", "'type':'ts_ok','ts':'x'");
	fake_next(&fake);
	fake_until(&fake, 11000);
	assert_int_equal(seen[0].calls, 0);
	fake_close(&fake);
	assert_int_equal(seen[0].calls, 1);
	assert_int_equal(seen[0].outcome, KV_OK);
	assert_string_equal(seen[0].value, "5");
	assert_int_equal(seen[1].outcome, KV_OK);
	assert_int_equal(seen[2].outcome, ERROR_PRECONDITION_FAILED);
	assert_int_equal(seen[3].outcome, KV_OK);
	assert_string_equal(seen[3].value, "0");
	assert_int_equal(seen[4].outcome, ERROR_CRASH);
	assert_int_equal(seen[5].outcome, KV_TIMEOUT);
	assert_int_equal(seen[6].outcome, TASK_CANCELLED);
	assert_string_equal(seen[6].value, "-");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads),
	    cmocka_unit_test(writes),
	    cmocka_unit_test(compares_and_sets),
	    cmocka_unit_test(distrusts_odd_answers),
	    cmocka_unit_test(times_out),
	    cmocka_unit_test(converses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
