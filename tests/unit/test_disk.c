/* The simulated disk: what is synced stays, and of the rest anything may be left, from the oldest on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "disk.h"

static void
store(struct disk *disk, const char *text, bool replace, bool sync)
{
	struct storing storing = {.replace = replace, .sync = sync};

	buffer_append_string(&storing.bytes, text);
	disk_store(disk, &storing);
	buffer_free(&storing.bytes);
}

static void
expect(const struct disk *disk, const char *text)
{
	struct buffer bytes = {0};

	disk_load(disk, &bytes);
	assert_string_equal(buffer_string(&bytes), text);
	buffer_free(&bytes);
}

static void
keeps_what_is_synced(void **state)
{
	struct disk *disk = disk_new(1, 0);

	(void)state;
	expect(disk, "");
	for (int i = 0; i < 20; i++) {
		store(disk, "old\n", true, true);
		store(disk, "a", false, false);
		expect(disk, "old\na"); /* who reads it knows of no difference */
		store(disk, "b\n", false, true);
		disk_crash(disk);
		expect(disk, "old\nab\n");
	}
	disk_free(disk);
}

static void
loses_what_is_not(void **state)
{
	struct disk *disk = disk_new(1, 0);
	int left[5] = {0};

	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct buffer bytes = {0};

		store(disk, "", true, true);
		store(disk, "1", false, false);
		store(disk, "234", false, false);
		disk_crash(disk);
		disk_crash(disk); /* what has been left is left */
		disk_load(disk, &bytes);
		assert_memory_equal(buffer_string(&bytes), "1234", bytes.length);
		left[bytes.length]++;
		buffer_free(&bytes);
	}
	assert_in_range(left[0], 1100, 1300); /* a third, and a fifth of a third */
	assert_in_range(left[4], 1100, 1300);
	for (int i = 1; i < 4; i++)
		assert_in_range(left[i], 150, 250);
	disk_free(disk);
}

/* What is left in the end, over twenty crashes. */
static void
lose(uint64_t seed, int index, struct buffer *bytes)
{
	struct disk *disk = disk_new(seed, index);

	for (int i = 0; i < 20; i++) {
		store(disk, "12345678", false, false);
		disk_crash(disk);
	}
	disk_load(disk, bytes);
	disk_free(disk);
}

static void
follows_from_the_seed(void **state)
{
	struct buffer a = {0}, b = {0}, c = {0}, d = {0};

	(void)state;
	lose(7, 1, &a);
	lose(7, 1, &b);
	lose(7, 2, &c);
	lose(8, 1, &d);
	assert_string_equal(buffer_string(&a), buffer_string(&b));
	assert_string_not_equal(buffer_string(&a), buffer_string(&c));
	assert_string_not_equal(buffer_string(&a), buffer_string(&d));
	buffer_free(&a);
	buffer_free(&b);
	buffer_free(&c);
	buffer_free(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keeps_what_is_synced),
	    cmocka_unit_test(loses_what_is_not),
	    cmocka_unit_test(follows_from_the_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
