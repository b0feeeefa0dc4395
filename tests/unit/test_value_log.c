/* Values in order and by source, what of them a peer lacks, and hints that grow old. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hints.h"
#include "value_log.h"

static bool
add(struct value_log *log, int value, int source)
{
	json_t *json = json_integer(value);
	bool is_new = value_log_add(log, json, source);

	json_decref(json);
	return is_new;
}

/* What peer 1 lacks, as text, and where that ends. */
static void
assert_news(const struct value_log *log, const struct delivery *d, size_t max, const char *expected, int64_t end)
{
	int64_t to;
	json_t *news = value_log_news(log, d, 1, max, &to);
	char *text = json_dumps(news, JSON_COMPACT);

	assert_string_equal(text, expected);
	assert_int_equal(to, end);
	free(text);
	json_decref(news);
}

static void
test_news(void **state)
{
	struct value_log log;
	struct delivery d = {0};

	(void)state;
	value_log_init(&log);
	assert_false(value_log_has_news(&log, &d, 1));
	for (int i = 0; i < 200; i++) {
		assert_true(add(&log, i, i % 2));
		assert_false(add(&log, i, 0));
	}
	assert_int_equal(value_log_end(&log), 200);
	assert_true(value_log_has_news(&log, &d, 1));
	assert_news(&log, &d, 3, "[0,2,4]", 5);
	d.next = 197;
	assert_true(value_log_has_news(&log, &d, 1));
	assert_int_equal(d.next, 198); /* 197 came from it */
	assert_news(&log, &d, 3, "[198]", 200);
	d.next = 199;
	assert_false(value_log_has_news(&log, &d, 1));
	assert_news(&log, &d, 3, "[]", 200);
	value_log_free(&log);
}

/* What came from a peer before it lost its memory is news to it. */
static void
test_news_for_the_forgetful(void **state)
{
	struct value_log log;
	struct delivery d = {.base = 2};

	(void)state;
	value_log_init(&log);
	for (int i = 0; i < 4; i++)
		add(&log, i, 1);
	assert_true(value_log_has_news(&log, &d, 1));
	assert_news(&log, &d, 9, "[0,1]", 4);
	value_log_free(&log);
}

static void
hint(struct hints *h, int value)
{
	json_t *json = json_integer(value);

	hints_add(h, json);
	json_decref(json);
}

static void
forget(struct hints *h, int value)
{
	json_t *json = json_integer(value);

	hints_remove(h, json);
	json_decref(json);
}

static void
assert_listed(const struct hints *h, const char *expected)
{
	json_t *all = json_array();
	char *text;

	hints_list(h, all);
	text = json_dumps(all, JSON_COMPACT);
	assert_string_equal(text, expected);
	free(text);
	json_decref(all);
}

static void
assert_aged(struct hints *h, const char *expected)
{
	json_t *late = hints_age(h);
	char *text = json_dumps(late, JSON_COMPACT);

	assert_string_equal(text, expected);
	free(text);
	json_decref(late);
}

static void
test_hints(void **state)
{
	struct hints h;

	(void)state;
	hints_init(&h);
	assert_true(hints_are_empty(&h));
	hint(&h, 1);
	hint(&h, 2);
	hint(&h, 2);
	assert_listed(&h, "[1,2]");
	assert_aged(&h, "{}");
	hint(&h, 3);
	hint(&h, 1); /* is no younger for that */
	assert_listed(&h, "[1,2,3]");
	forget(&h, 2);
	forget(&h, 7);
	assert_listed(&h, "[1,3]");
	assert_aged(&h, "{\"1\":1}");
	assert_false(hints_are_empty(&h));
	assert_aged(&h, "{\"3\":3}");
	assert_true(hints_are_empty(&h));
	forget(&h, 3);
	hints_free(&h);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_news),
	    cmocka_unit_test(test_news_for_the_forgetful),
	    cmocka_unit_test(test_hints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
