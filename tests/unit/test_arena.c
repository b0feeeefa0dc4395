/* Memory freed all at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arena.h"

static void
gives_memory_that_does_not_overlap(void **state)
{
	enum { COUNT = 2000 };
	static unsigned char *parts[COUNT];
	struct arena arena = {0};
	size_t i, j, size;

	(void)state;
	for (i = 0; i < COUNT; i++) {
		size = i * 7 % 300;
		parts[i] = arena_alloc(&arena, size);
		assert_int_equal((uintptr_t)parts[i] % _Alignof(max_align_t), 0);
		memset(parts[i], (int)i, size);
	}
	for (i = 0; i < COUNT; i++)
		for (j = 0; j < i * 7 % 300; j++)
			assert_int_equal(parts[i][j], i & 0xff);
	arena_free(&arena);
}

static void
takes_the_very_large_and_the_empty(void **state)
{
	struct arena arena = {0};
	char *large, *small, *empty, *other;

	(void)state;
	large = arena_zero(&arena, (size_t)3 << 20);
	small = arena_zero(&arena, 1);
	large[0] = large[((size_t)3 << 20) - 1] = 1;
	assert_int_equal(*small, 0);
	empty = arena_alloc(&arena, 0);
	other = arena_alloc(&arena, 0);
	assert_ptr_not_equal(empty, other);
	memset(arena_alloc(&arena, (size_t)2 << 20), 1, (size_t)2 << 20);
	assert_int_equal(*small, 0);
	assert_true(arena.used >= (size_t)5 << 20);
	arena_free(&arena);
	assert_null(arena.blocks);
	assert_int_equal(arena.used, 0);
	arena_free(&arena);
}

static void
copies_with_a_nul_behind(void **state)
{
	struct arena arena = {0};
	char *copy;

	(void)state;
	copy = arena_copy(&arena, "a\0b", 3);
	assert_memory_equal(copy, "a\0b\0", 4);
	assert_string_equal(arena_copy(&arena, NULL, 0), "");
	arena_free(&arena);
}

static void
prints(void **state)
{
	struct arena arena = {0};
	char *text;

	(void)state;
	assert_string_equal(arena_printf(&arena, "%s-%d", "n", 7), "n-7");
	text = arena_printf(&arena, "%5000d", 1);
	assert_int_equal(strlen(text), 5000);
	arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gives_memory_that_does_not_overlap),
	    cmocka_unit_test(takes_the_very_large_and_the_empty),
	    cmocka_unit_test(copies_with_a_nul_behind),
	    cmocka_unit_test(prints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
