/* The growable run of bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "buffer.h"

static void
empty_is_empty(void **state)
{
	struct buffer buffer = {0};

	(void)state;
	buffer_consume(&buffer, 0);
	buffer_append(&buffer, NULL, 0);
	assert_int_equal(buffer.length, 0);
	assert_string_equal(buffer_string(&buffer), "");
	assert_int_equal(buffer.length, 0);
	buffer_free(&buffer);
	assert_null(buffer.bytes);
	assert_int_equal(buffer.capacity, 0);
	buffer_free(&buffer);
}

static void
appends_keep_order(void **state)
{
	struct buffer buffer = {0};

	(void)state;
	buffer_append(&buffer, "ab\0c", 4);
	buffer_append_char(&buffer, '-');
	buffer_append_string(&buffer, "xyz");
	buffer_printf(&buffer, "%d/%s", 42, "q");
	assert_int_equal(buffer.length, 12);
	assert_memory_equal(buffer.bytes, "ab\0c-xyz42/q", 12);
	buffer_free(&buffer);
}

static void
grows_over_many_appends(void **state)
{
	struct buffer buffer = {0};

	(void)state;
	for (int i = 0; i < 100000; i++)
		buffer_append_char(&buffer, (char)('a' + i % 26));
	assert_int_equal(buffer.length, 100000);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(buffer.bytes[i], 'a' + i % 26);
	buffer_free(&buffer);
}

static void
prints_what_is_longer_than_its_room(void **state)
{
	struct buffer buffer = {0};
	char text[5000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	buffer_append_string(&buffer, "<");
	buffer_printf(&buffer, "%s>", text);
	assert_int_equal(buffer.length, sizeof(text) + 1);
	assert_int_equal(buffer.bytes[0], '<');
	assert_memory_equal(buffer.bytes + 1, text, sizeof(text) - 1);
	assert_int_equal(buffer.bytes[buffer.length - 1], '>');
	buffer_free(&buffer);
}

static void
prints_up_to_the_edge(void **state)
{
	(void)state;
	for (int width = 200; width < 600; width++) {
		struct buffer buffer = {0};

		buffer_printf(&buffer, "%*d", width, 7);
		assert_int_equal(buffer.length, width);
		assert_int_equal(buffer.bytes[width - 1], '7');
		buffer_free(&buffer);
	}
}

static void
consumes_from_the_front(void **state)
{
	struct buffer buffer = {0};

	(void)state;
	buffer_append_string(&buffer, "one two");
	buffer_consume(&buffer, 4);
	assert_string_equal(buffer_string(&buffer), "two");
	buffer_consume(&buffer, 0);
	assert_string_equal(buffer_string(&buffer), "two");
	buffer_consume(&buffer, 3);
	assert_int_equal(buffer.length, 0);
	buffer_free(&buffer);
}

static void
reserve_gives_room_behind(void **state)
{
	struct buffer buffer = {0};
	char *to;

	(void)state;
	buffer_append_string(&buffer, "head");
	to = buffer_reserve(&buffer, 10000);
	memset(to, 'r', 10000);
	assert_int_equal(buffer.length, 4);
	buffer.length += 10000;
	assert_memory_equal(buffer.bytes, "headrrrr", 8);
	assert_int_equal(buffer.bytes[10003], 'r');
	buffer_free(&buffer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(empty_is_empty),
	    cmocka_unit_test(appends_keep_order),
	    cmocka_unit_test(grows_over_many_appends),
	    cmocka_unit_test(prints_what_is_longer_than_its_room),
	    cmocka_unit_test(prints_up_to_the_edge),
	    cmocka_unit_test(consumes_from_the_front),
	    cmocka_unit_test(reserve_gives_room_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
