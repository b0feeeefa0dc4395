/* The four services: what they answer, what they forget, and how stale they may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "service.h"
#include "states.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- a world with nodes who ask ------------------------------------------------ */

static struct loop *loop;
static struct net *net;
static struct services *services;
static struct buffer answer; /* the last one */
static int ready;

static bool
receive(void *arg, const struct envelope *envelope)
{
	(void)arg;
	answer.length = 0;
	buffer_append(&answer, envelope->body, envelope->length);
	return true;
}

static void
on_ready(void *arg)
{
	assert_ptr_equal(arg, &ready);
	ready++;
}

static void
stop(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

static void
make(uint64_t seed)
{
	const struct latency latency = {0, LATENCY_CONSTANT};

	ready = 0;
	loop = loop_new(CLOCK_VIRTUAL);
	net = net_new(loop, &latency, seed);
	net_add(net, "n0", receive, NULL);
	net_add(net, "n1", receive, NULL);
	net_add(net, "c0", receive, NULL);
	services = services_start(loop, net, seed, 0, on_ready, &ready);
	loop_run(loop);
	assert_int_equal(ready, 1);
}

static void
drop_all(void)
{
	services_stop(services);
	net_free(net);
	loop_free(loop);
}

static int
set_up(void **state)
{
	(void)state;
	make(1);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	drop_all();
	buffer_free(&answer);
	return 0;
}

/* The answer to a body, or "" if there is none. */
static const char *
ask(const char *src, const char *service, const char *body)
{
	answer.length = 0;
	assert_int_equal(net_send(net, src, service, body, strlen(body)), NET_OK);
	loop_run(loop);
	return buffer_string(&answer);
}

static void
expect(const char *service, const char *body, const char *expected)
{
	assert_string_equal(ask("n0", service, body), expected);
}

/* ---- beginning and end ---------------------------------------------------------- */

static void
test_registers_at_random_moments(void **state)
{
	static const char *const names[] = {"lin-kv", "lin-tso", "lww-kv", "seq-kv"};
	int64_t times[COUNT(names)] = {0};
	bool apart = false;

	(void)state;
	services_stop(services);
	for (size_t i = 0; i < COUNT(names); i++)
		assert_false(net_knows(net, names[i]));
	ready = 0;
	services = services_start(loop, net, 3, 100 * MS_NS, on_ready, &ready);
	for (int64_t ms = 0; ms <= 101; ms++) {
		for (size_t i = 0; i < COUNT(names); i++)
			if (!net_knows(net, names[i]))
				times[i] = ms;
		assert_int_equal(ready, times[0] < ms && times[1] < ms && times[2] < ms && times[3] < ms);
		loop_at(loop, loop_now(loop) + MS_NS, stop, NULL);
		loop_run(loop);
	}
	assert_int_equal(ready, 1);
	for (size_t i = 1; i < COUNT(names); i++)
		apart = apart || times[i] != times[0];
	assert_true(apart);
}

static void
test_stop_before_the_beginning(void **state)
{
	(void)state;
	services_stop(services);
	ready = 0;
	services = services_start(loop, net, 3, 100 * MS_NS, on_ready, &ready);
	services_stop(services);
	loop_run(loop);
	assert_int_equal(ready, 0);
	services_stop(NULL);
	services = NULL;
}

/* ---- lin-kv ----------------------------------------------------------------------- */

static void
test_lin_kv(void **state)
{
	static const struct {
		const char *body, *answer;
	} steps[] = {
	    {"{\"type\":\"read\",\"key\":1,\"msg_id\":7}",
		"{\"type\":\"error\",\"code\":20,\"text\":\"key does not exist\",\"in_reply_to\":7}"},
	    {"{\"type\":\"cas\",\"key\":1,\"from\":1,\"to\":2,\"msg_id\":8}",
		"{\"type\":\"error\",\"code\":20,\"text\":\"key does not exist\",\"in_reply_to\":8}"},
	    {"{\"type\":\"cas\",\"key\":1,\"from\":1,\"to\":2,\"create_if_not_exists\":false}",
		"{\"type\":\"error\",\"code\":20,\"text\":\"key does not exist\",\"in_reply_to\":null}"},
	    {"{\"type\":\"cas\",\"key\":1,\"from\":1,\"to\":2,\"create_if_not_exists\":0}", /* true, in Clojure */
		"{\"type\":\"cas_ok\",\"in_reply_to\":null}"},
	    {"{\"type\":\"read\",\"key\":1,\"msg_id\":1}", "{\"type\":\"read_ok\",\"value\":2,\"in_reply_to\":1}"},
	    {"{\"type\":\"cas\",\"key\":1,\"from\":2,\"to\":\"x\",\"msg_id\":1}",
		"{\"type\":\"cas_ok\",\"in_reply_to\":1}"},
	    {"{\"type\":\"cas\",\"key\":1,\"from\":[2.0,{\"b\":null}],\"to\":3,\"msg_id\":1}",
		"{\"type\":\"error\",\"code\":22,\"text\":\"current value \\\"x\\\" is not [2.0 {\\\"b\\\" nil}]\","
		"\"in_reply_to\":1}"},
	    {"{\"type\":\"write\",\"key\":1,\"value\":{\"b\":1,\"a\":[2,{}]},\"msg_id\":1}",
		"{\"type\":\"write_ok\",\"in_reply_to\":1}"},
	    {"{\"type\":\"cas\",\"key\":1,\"from\":{\"a\":[2,{}],\"b\":1},\"to\":3,\"msg_id\":1}", /* in any order */
		"{\"type\":\"cas_ok\",\"in_reply_to\":1}"},
	    {"{\"type\":\"read\",\"key\":1,\"msg_id\":\"odd\"}",
		"{\"type\":\"read_ok\",\"value\":3,\"in_reply_to\":\"odd\"}"},

	    /* What is missing is nil, as a key and as a value. */
	    {"{\"type\":\"write\",\"msg_id\":1}", "{\"type\":\"write_ok\",\"in_reply_to\":1}"},
	    {"{\"type\":\"read\",\"key\":null,\"msg_id\":1}",
		"{\"type\":\"read_ok\",\"value\":null,\"in_reply_to\":1}"},
	    {"{\"type\":\"cas\",\"to\":5,\"msg_id\":1}", "{\"type\":\"cas_ok\",\"in_reply_to\":1}"},
	    {"{\"type\":\"read\",\"msg_id\":1}", "{\"type\":\"read_ok\",\"value\":5,\"in_reply_to\":1}"},

	    /* No answer. */
	    {"{\"type\":\"foo\",\"key\":1,\"msg_id\":1}", ""},
	    {"{\"type\":\"ts\",\"msg_id\":1}", ""},
	    {"{\"key\":1,\"msg_id\":1}", ""},
	    {"{\"type\":1,\"key\":1,\"msg_id\":1}", ""},
	    {"{}", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(steps); i++)
		expect("lin-kv", steps[i].body, steps[i].answer);
}

/* Keys are values as Clojure compares them: 1 is not 1.0 nor "1", but 1.0 is 1.00. */
static void
test_keys_of_any_type(void **state)
{
	static const char *const keys[] = {"1", "1.0", "\"1\"", "null", "\"\"", "[]", "{}", "[1]", "[1.0]", "{\"a\":1}",
	    "{\"a\":1,\"b\":2}", "true", "false", "123456789012345678901234567890", "0.0", "\"\\u0000\""};
	static const char *const same[][2] = {{"1", "1"}, {"1.0", "1.00"}, {"1.0", "10e-1"}, {"\"1\"", "\"\\u0031\""},
	    {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}"}, {"0.0", "-0.0"}, {"[1]", "[ 1 ]"}};
	char body[200], expected[200];

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++) {
		snprintf(body, sizeof(body), "{\"type\":\"write\",\"key\":%s,\"value\":%zu,\"msg_id\":1}", keys[i], i);
		expect("lin-kv", body, "{\"type\":\"write_ok\",\"in_reply_to\":1}");
	}
	for (size_t i = 0; i < COUNT(keys); i++) {
		snprintf(body, sizeof(body), "{\"type\":\"read\",\"key\":%s,\"msg_id\":1}", keys[i]);
		snprintf(expected, sizeof(expected), "{\"type\":\"read_ok\",\"value\":%zu,\"in_reply_to\":1}", i);
		expect("lin-kv", body, expected);
	}
	for (size_t i = 0; i < COUNT(same); i++) {
		snprintf(body, sizeof(body), "{\"type\":\"write\",\"key\":%s,\"value\":\"same\"}", same[i][0]);
		ask("n0", "lin-kv", body);
		snprintf(body, sizeof(body), "{\"type\":\"read\",\"key\":%s,\"msg_id\":1}", same[i][1]);
		expect("lin-kv", body, "{\"type\":\"read_ok\",\"value\":\"same\",\"in_reply_to\":1}");
	}
}

static void
test_values_come_back_equal(void **state)
{
	static const char *const values[] = {"null", "0", "-9223372036854775808", "123456789012345678901234567890",
	    "1.5", "1.0E300", "\"\\u0000\\\"\\\\\"", "\"\xc3\xa9\"", "[1,[2,[]]]", "{\"a\":{\"b\":[true,false]}}"};
	char body[200], expected[200];

	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		snprintf(body, sizeof(body), "{\"type\":\"write\",\"key\":\"k\",\"value\":%s,\"msg_id\":1}", values[i]);
		expect("lin-kv", body, "{\"type\":\"write_ok\",\"in_reply_to\":1}");
		snprintf(
		    expected, sizeof(expected), "{\"type\":\"read_ok\",\"value\":%s,\"in_reply_to\":1}", values[i]);
		expect("lin-kv", "{\"type\":\"read\",\"key\":\"k\",\"msg_id\":1}", expected);
	}
}

static void
test_who_has_left_gets_no_answer(void **state)
{
	struct endpoint *gone = net_add(net, "n7", receive, NULL);

	(void)state;
	assert_int_equal(net_send(net, "n7", "lin-kv", "{\"type\":\"read\"}", 15), NET_OK);
	net_remove(net, gone);
	answer.length = 0;
	loop_run(loop);
	assert_int_equal(answer.length, 0);
	expect("lin-kv", "{\"type\":\"write\",\"msg_id\":1}", "{\"type\":\"write_ok\",\"in_reply_to\":1}");
}

/* ---- lin-tso ------------------------------------------------------------------------ */

static void
test_lin_tso(void **state)
{
	(void)state;
	expect("lin-tso", "{\"type\":\"ts\",\"msg_id\":1}", "{\"type\":\"ts_ok\",\"ts\":0,\"in_reply_to\":1}");
	expect("lin-tso", "{\"type\":\"read\",\"msg_id\":1}", "");
	expect("lin-tso", "{\"type\":\"ts\",\"msg_id\":2}", "{\"type\":\"ts_ok\",\"ts\":1,\"in_reply_to\":2}");
	expect("lin-tso", "{\"type\":\"ts\"}", "{\"type\":\"ts_ok\",\"ts\":2,\"in_reply_to\":null}");
}

/* ---- lww-kv -------------------------------------------------------------------------- */

static void
test_lww_kv_has_replicas_apart(void **state)
{
	int found = 0, missing = 0;

	(void)state;
	ask("n0", "lww-kv", "{\"type\":\"write\",\"key\":1,\"value\":2}");
	for (int i = 0; i < 400; i++) {
		const char *text = ask("n0", "lww-kv", "{\"type\":\"read\",\"key\":1,\"msg_id\":1}");

		found += strcmp(text, "{\"type\":\"read_ok\",\"value\":2,\"in_reply_to\":1}") == 0;
		missing += strstr(text, "\"code\":20") != NULL;
	}
	assert_int_equal(found + missing, 400);
	assert_in_range(found, 150, 250);
}

static void
test_lww_kv_cas(void **state)
{
	int ok = 0, failed = 0;

	(void)state;
	expect("lww-kv", "{\"type\":\"cas\",\"key\":1,\"from\":0,\"to\":1,\"create_if_not_exists\":true,\"msg_id\":1}",
	    "{\"type\":\"error\",\"code\":20,\"text\":\"key does not exist\",\"in_reply_to\":1}");
	for (int i = 0; i < 50; i++)
		ask("n0", "lww-kv", "{\"type\":\"write\",\"key\":1,\"value\":1}");
	for (int i = 0; i < 50; i++) {
		const char *text = ask("n0", "lww-kv", "{\"type\":\"cas\",\"key\":1,\"from\":1,\"to\":2}");

		ok += strstr(text, "cas_ok") != NULL;
		failed += strstr(text, "\"code\":22") != NULL;
	}
	assert_int_equal(ok, 2); /* once in each replica */
	assert_int_equal(failed, 48);
	expect("lww-kv", "{\"type\":\"foo\"}", "");
}

/* ---- seq-kv --------------------------------------------------------------------------- */

static void
seq_write(const char *src, int value)
{
	char body[100];

	snprintf(body, sizeof(body), "{\"type\":\"write\",\"key\":\"x\",\"value\":%d,\"msg_id\":1}", value);
	assert_string_equal(ask(src, "seq-kv", body), "{\"type\":\"write_ok\",\"in_reply_to\":1}");
}

/* The value of "x" that is read, 0 if there is none. */
static int
seq_read(const char *src)
{
	const char *text = ask(src, "seq-kv", "{\"type\":\"read\",\"key\":\"x\"}"), *value = strstr(text, "\"value\":");

	assert_true(value != NULL || strstr(text, "\"code\":20") != NULL);
	return value != NULL ? atoi(value + strlen("\"value\":")) : 0;
}

static void
test_seq_kv_reads_its_own_writes(void **state)
{
	(void)state;
	for (int i = 1; i <= 100; i++) {
		seq_write("n0", i);
		assert_int_equal(seq_read("n0"), i);
	}
}

/* Less than 32 changes behind: stale, but never backwards, and in the end all of it is seen. */
static void
test_seq_kv_is_stale_but_sequential(void **state)
{
	bool was_stale = false;

	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		int last = 0, value;

		drop_all();
		make(seed);
		for (int i = 1; i <= 31; i++)
			seq_write("n0", i);
		value = seq_read("n1");
		was_stale = was_stale || value < 31;
		for (int i = 0; i < 200; i++) {
			value = seq_read("n1");
			assert_in_range(value, last, 31);
			last = value;
		}
		assert_int_equal(last, 31);
	}
	assert_true(was_stale);
}

/*
 * Against the ring as amalloy's is: state i of 0..last is shown by what stands
 * (last - i) mod 32 before the newest. So nothing older than 31 is seen, and
 * whoever is further behind may see values go backwards.
 */
static void
test_seq_kv_wraps_around(void **state)
{
	int backwards = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		int last = 0;

		drop_all();
		make(seed);
		for (int i = 1; i <= 100; i++)
			seq_write("n0", i);
		for (int i = 0; i < 300; i++) {
			int value = seq_read("n1");

			assert_in_range(value, 100 - 31, 100);
			backwards += value < last;
			last = value;
		}
		assert_int_equal(last, 100);
	}
	assert_true(backwards > 0);
}

static void
test_seq_kv_write_forces_recency_only_if_it_changes(void **state)
{
	int stale = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 40; seed++) {
		drop_all();
		make(seed);
		ask("n1", "seq-kv", "{\"type\":\"write\",\"key\":\"same\",\"value\":1}");
		for (int i = 1; i <= 20; i++)
			seq_write("n0", i);
		ask("n1", "seq-kv", "{\"type\":\"write\",\"key\":\"same\",\"value\":1}");
		stale += seq_read("n1") < 20;
		ask("n1", "seq-kv", "{\"type\":\"write\",\"key\":\"same\",\"value\":2}");
		assert_int_equal(seq_read("n1"), 20);
	}
	assert_true(stale > 5);
}

/* A cas fails on a stale value, or succeeds on the newest; which then may be too new for it. */
static void
test_seq_kv_cas(void **state)
{
	int ok = 0, stale = 0, newest = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 60; seed++) {
		const char *text;

		drop_all();
		make(seed);
		for (int i = 1; i <= 4; i++)
			seq_write("n0", i);
		text = ask("n1", "seq-kv",
		    "{\"type\":\"cas\",\"key\":\"x\",\"from\":3,\"to\":9,\"create_if_not_exists\":true}");
		/* State 3 would be changed by it, the empty state 0 as well; both try again on 4, and fail. */
		newest += strstr(text, "current value 4 ") != NULL;
		stale += strstr(text, "current value 1 ") != NULL || strstr(text, "current value 2 ") != NULL;
		text = ask("n0", "seq-kv", "{\"type\":\"cas\",\"key\":\"x\",\"from\":4,\"to\":5}");
		ok += strstr(text, "cas_ok") != NULL;
		assert_int_equal(seq_read("n0"), 5);
	}
	assert_true(newest > 20 && stale > 10);
	assert_int_equal(newest + stale, 60);
	/* n0 may still have picked an old state: none is left, for it wrote the last one itself. */
	assert_int_equal(ok, 60);
}

static void
test_seq_kv_ignores_what_it_does_not_understand(void **state)
{
	(void)state;
	seq_write("n0", 1);
	expect("seq-kv", "{\"type\":\"foo\",\"msg_id\":1}", "");
	assert_int_equal(seq_read("n0"), 1);
}

static void
test_same_seed_same_answers(void **state)
{
	int first[50];

	(void)state;
	for (int round = 0; round < 2; round++) {
		drop_all();
		make(42);
		for (int i = 1; i <= 31; i++)
			seq_write("n0", i);
		for (int i = 0; i < 50; i++) {
			int value = seq_read("c0");

			assert_true(round == 0 || value == first[i]);
			first[i] = value;
		}
	}
}

/* ---- states ----------------------------------------------------------------------------- */

static void
change(struct states *states, const char *key, const char *value)
{
	struct buffer k = {0}, v = {0};

	buffer_append_string(&k, key);
	buffer_append_string(&v, value);
	states_change(states, &k, &v);
	buffer_free(&k);
	buffer_free(&v);
}

static const char *
held(const struct states *states, int64_t at, const char *key)
{
	static char text[100];
	struct buffer k = {0};
	const char *value;
	size_t length;

	buffer_append_string(&k, key);
	strlcpy(text, "-", sizeof(text));
	if (states_find(states, at, &k, &value, &length))
		snprintf(text, sizeof(text), "%.*s", (int)length, value);
	buffer_free(&k);
	return text;
}

static void
test_states_remember_a_window(void **state)
{
	struct states states;

	(void)state;
	states_init(&states, 3);
	assert_string_equal(held(&states, 0, "a"), "-");
	change(&states, "a", "1");
	change(&states, "b", "1");
	assert_string_equal(held(&states, 0, "a"), "-");
	assert_string_equal(held(&states, 1, "a"), "1");
	assert_string_equal(held(&states, 1, "b"), "-");
	change(&states, "a", "2");
	states_repeat(&states);
	assert_int_equal(states.last, 4);
	assert_string_equal(held(&states, 2, "a"), "1");
	assert_string_equal(held(&states, 3, "a"), "2");
	assert_string_equal(held(&states, 4, "a"), "2");
	assert_string_equal(held(&states, 4, "b"), "1");
	assert_string_equal(held(&states, 4, "ab"), "-");
	states_free(&states);
}

/* Old versions go, also of keys that are not written any more. */
static void
test_states_memory_is_bounded(void **state)
{
	struct states states;
	size_t bytes;

	(void)state;
	states_init(&states, 32);
	for (int i = 0; i < 32; i++)
		change(&states, "burst", "0123456789012345678901234567890123456789");
	for (int i = 0; i < 64; i++)
		change(&states, "other", "0123456789");
	bytes = states.bytes;
	for (int i = 0; i < 10000; i++)
		change(&states, "other", "0123456789");
	assert_int_equal(states.bytes, bytes);
	states_repeat(&states);
	for (int i = 0; i < 32; i++)
		states_repeat(&states);
	assert_in_range(states.bytes, 100, 300); /* one version each */
	states_free(&states);
}

/* Each of the last 32 states, against copies of whole maps. */
static void
test_states_against_copies(void **state)
{
	enum { KEYS = 5, STEPS = 400 };
	static int copies[STEPS + 1][KEYS];
	struct states states;
	struct random random;

	(void)state;
	random_seed(&random, 1, "test", 0);
	states_init(&states, 32);
	for (int i = 1; i <= STEPS; i++) {
		int key = (int)random_below(&random, KEYS);
		char name[16], value[16];

		memcpy(copies[i], copies[i - 1], sizeof(copies[i]));
		copies[i][key] = i;
		snprintf(name, sizeof(name), "%d", key);
		snprintf(value, sizeof(value), "%d", i);
		change(&states, name, value);
		for (int64_t at = i > 31 ? i - 31 : 0; at <= i; at++) {
			int64_t any = (int64_t)random_below(&random, KEYS);

			snprintf(name, sizeof(name), "%d", (int)any);
			snprintf(value, sizeof(value), "%d", copies[at][any]);
			assert_string_equal(held(&states, at, name), copies[at][any] == 0 ? "-" : value);
		}
	}
	states_free(&states);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_registers_at_random_moments, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_stop_before_the_beginning, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_lin_kv, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_keys_of_any_type, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_values_come_back_equal, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_who_has_left_gets_no_answer, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_lin_tso, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_lww_kv_has_replicas_apart, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_lww_kv_cas, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_seq_kv_reads_its_own_writes, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_seq_kv_is_stale_but_sequential, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_seq_kv_wraps_around, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_seq_kv_write_forces_recency_only_if_it_changes, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_seq_kv_cas, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_seq_kv_ignores_what_it_does_not_understand, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_same_seed_same_answers, set_up, tear_down),
	    cmocka_unit_test(test_states_remember_a_window),
	    cmocka_unit_test(test_states_memory_is_bounded),
	    cmocka_unit_test(test_states_against_copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
