/* How far two nodes have got with each other's logs, whatever becomes of what they say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "delivery.h"

#define OURS   7
#define THEIRS 9

static bool
read_text(struct delivery *d, const char *log, const char *ack, int64_t end, bool ask)
{
	json_t *a = json_loads(log, JSON_DECODE_ANY, NULL), *b = json_loads(ack, JSON_DECODE_ANY, NULL);
	bool ok = delivery_read(d, a, b, OURS, end, ask);

	json_decref(a);
	json_decref(b);
	return ok;
}

/* The peer tells places `from` to `to` of its log, and acknowledges none of ours. */
static void
told(struct delivery *d, int from, int to)
{
	char log[64];

	snprintf(log, sizeof(log), "[%d, %d, %d]", THEIRS, from, to);
	assert_true(read_text(d, log, "[0, 0]", 0, false));
}

static void
acked(struct delivery *d, int64_t life, int place, int end, bool ask)
{
	char ack[64];

	snprintf(ack, sizeof(ack), "[%d, %d]", (int)life, place);
	assert_true(read_text(d, "[9, 0, 0]", ack, end, ask));
}

static void
assert_body(struct delivery *d, int to, bool owed, const char *expected)
{
	json_t *body = json_object();
	char *text;

	delivery_write(d, body, OURS, to, owed);
	text = json_dumps(body, JSON_SORT_KEYS | JSON_COMPACT);
	assert_string_equal(text, expected);
	free(text);
	json_decref(body);
}

static void
test_in_order(void **state)
{
	struct delivery d = {0};

	(void)state;
	told(&d, 0, 3);
	assert_int_equal(d.received, 3);
	told(&d, 3, 3);
	told(&d, 3, 5);
	assert_int_equal(d.received, 5);
	told(&d, 1, 4);
	assert_int_equal(d.received, 5);
	assert_false(delivery_gap(&d));
}

static void
test_out_of_order(void **state)
{
	struct delivery d = {0};

	(void)state;
	told(&d, 5, 7);
	assert_int_equal(d.received, 0);
	assert_true(delivery_gap(&d));
	told(&d, 7, 8);
	told(&d, 3, 5);
	told(&d, 20, 30); /* too far away to be remembered */
	assert_int_equal(d.received, 0);
	told(&d, 0, 2);
	assert_int_equal(d.received, 2);
	assert_true(delivery_gap(&d));
	told(&d, 2, 3);
	assert_int_equal(d.received, 8);
	assert_false(delivery_gap(&d));
	told(&d, 20, 30);
	assert_int_equal(d.received, 8);
	told(&d, 8, 20);
	assert_int_equal(d.received, 30);
}

static void
test_acknowledgements(void **state)
{
	struct delivery d = {0};

	(void)state;
	assert_true(delivery_settled(&d));
	assert_body(&d, 4, false, "{\"ack\":[0,0],\"log\":[7,0,4]}");
	assert_true(delivery_settled(&d)); /* nothing was in it */
	assert_body(&d, 6, true, "{\"ack\":[0,0],\"log\":[7,4,6]}");
	assert_false(delivery_settled(&d));
	told(&d, 0, 2);
	assert_int_equal(d.sent, 6); /* a first word is no new life */
	acked(&d, OURS, 5, 10, false);
	assert_false(delivery_settled(&d));
	assert_body(&d, 8, true, "{\"ack\":[9,2],\"log\":[7,6,8]}");
	delivery_repeat(&d);
	assert_body(&d, 8, true, "{\"ack\":[9,2],\"log\":[7,5,8]}");
	acked(&d, OURS, 8, 10, false);
	acked(&d, OURS, 6, 10, false); /* late */
	assert_int_equal(d.acked, 8);
	assert_true(delivery_settled(&d));
}

/* What is acknowledged may go beyond what was sent since it counts as lost. */
static void
test_acknowledged_after_all(void **state)
{
	struct delivery d = {0};

	(void)state;
	assert_body(&d, 6, true, "{\"ack\":[0,0],\"log\":[7,0,6]}");
	delivery_repeat(&d);
	assert_int_equal(d.sent, 0);
	acked(&d, OURS, 6, 6, false);
	assert_int_equal(d.sent, 6);
	assert_int_equal(d.next, 6);
}

static void
test_new_life(void **state)
{
	struct delivery d = {0};

	(void)state;
	told(&d, 0, 5);
	assert_body(&d, 8, true, "{\"ack\":[9,5],\"log\":[7,0,8]}");
	acked(&d, OURS, 8, 8, false);
	assert_int_equal(d.base, 0);
	assert_true(read_text(&d, "[10, 3, 4]", "[7, 0]", 8, false));
	assert_int_equal(d.acked, 0);
	assert_int_equal(d.sent, 0);
	assert_int_equal(d.base, 8);
	assert_int_equal(d.received, 0);
	assert_true(delivery_gap(&d));
	assert_true(delivery_settled(&d)); /* it is the owner's business to see that there is news */
}

/* Acknowledgements of a log that we had in an earlier life mean nothing; who asks has no more than it says. */
static void
test_lost_memory(void **state)
{
	struct delivery d = {0};

	(void)state;
	acked(&d, OURS + 1, 100, 3, false);
	assert_int_equal(d.acked, 0);
	assert_body(&d, 3, true, "{\"ack\":[9,0],\"log\":[7,0,3]}");
	acked(&d, OURS, 3, 3, false);
	acked(&d, OURS, 1, 3, true);
	assert_int_equal(d.acked, 1);
	assert_false(delivery_settled(&d));
	acked(&d, 0, 0, 3, true);
	assert_int_equal(d.acked, 0);
}

/* A stretch that was meant for a former life of ours lacks what we had told in it. */
static void
test_mistaken(void **state)
{
	struct delivery d = {0};

	(void)state;
	told(&d, 0, 2);
	assert_false(d.mistaken);
	assert_true(read_text(&d, "[9, 2, 5]", "[6, 1]", 3, false));
	assert_true(d.mistaken);
	assert_int_equal(d.received, 2);
	assert_false(delivery_gap(&d));
	assert_true(read_text(&d, "[9, 2, 5]", "[7, 0]", 3, false));
	assert_false(d.mistaken);
	assert_int_equal(d.received, 5);
}

static void
test_nonsense(void **state)
{
	static const char *const logs[] = {"null", "[]", "[9, 0]", "[0, 0, 0]", "[9, -1, 3]", "[9, 4, 3]",
	    "[9, 0, 1, 2]", "{\"a\": 1}", "[\"9\", 0, 1]", "[9, 0.5, 1]"};
	static const char *const acks[] = {"null", "[]", "[7]", "[7, -1]", "[7, 4]", "[7, 1, 2]", "[7, \"1\"]"};
	struct delivery d = {0};

	(void)state;
	told(&d, 0, 2);
	acked(&d, OURS, 1, 3, false);
	for (size_t i = 0; i < sizeof(logs) / sizeof(*logs); i++)
		assert_false(read_text(&d, logs[i], "[7, 2]", 3, true));
	for (size_t i = 0; i < sizeof(acks) / sizeof(*acks); i++)
		assert_false(read_text(&d, "[9, 0, 5]", acks[i], 3, true));
	assert_int_equal(d.acked, 1);
	assert_int_equal(d.received, 2);
	assert_int_equal(d.life, THEIRS);
	assert_true(read_text(&d, "[9, 0, 5]", "[7, 3]", 3, false));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_in_order),
	    cmocka_unit_test(test_out_of_order),
	    cmocka_unit_test(test_acknowledgements),
	    cmocka_unit_test(test_acknowledged_after_all),
	    cmocka_unit_test(test_new_life),
	    cmocka_unit_test(test_lost_memory),
	    cmocka_unit_test(test_mistaken),
	    cmocka_unit_test(test_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
