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

/* A record of five bytes is torn at each of them, in the midst of others, and what was synced is whole. */
static void
tears_everywhere(void **state)
{
	struct disk *disk = disk_new(3, 0);
	int left[13] = {0};

	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct buffer bytes = {0};

		store(disk, "0\n", true, true);
		store(disk, "1234\n", false, false);
		store(disk, "5678\n", false, false);
		disk_crash(disk);
		disk_load(disk, &bytes);
		assert_memory_equal(buffer_string(&bytes), "0\n1234\n5678\n", bytes.length);
		assert_in_range(bytes.length, 2, 12);
		left[bytes.length]++;
		buffer_free(&bytes);
	}
	for (int i = 2; i <= 12; i++)
		assert_true(left[i] > 50);
	disk_free(disk);
}

/* What a write may leave when it fails: anything of it, at any byte, and nothing that is durable. */
static void
fails_as_it_is_told(void **state)
{
	struct disk *disk = disk_new(1, 0);
	struct storing storing = {.sync = true};
	int left[5] = {0}, failures = 0;

	(void)state;
	buffer_append_string(&storing.bytes, "abcd");
	disk_disturb(disk, 500, 0);
	for (int i = 0; i < 2000; i++) {
		struct buffer bytes = {0};

		store(disk, "", true, true);
		if (disk_write(disk, &storing)) {
			disk_sync(disk, &storing);
			disk_crash(disk);
			expect(disk, "abcd");
			continue;
		}
		failures++;
		disk_load(disk, &bytes);
		assert_memory_equal(buffer_string(&bytes), "abcd", bytes.length);
		left[bytes.length]++;
		buffer_free(&bytes);
	}
	assert_in_range(failures, 900, 1100);
	for (int i = 0; i <= 4; i++)
		assert_in_range(left[i], failures / 5 - 60, failures / 5 + 60);
	disk_disturb(disk, 0, 0);
	for (int i = 0; i < 200; i++)
		assert_true(disk_write(disk, &storing));
	buffer_free(&storing.bytes);
	disk_free(disk);
}

/* A replacement is there whole or not at all: not before its sync is over, and not if it fails. */
static void
replaces_at_once(void **state)
{
	struct disk *disk = disk_new(1, 0);
	struct storing storing = {.sync = true, .replace = true};

	(void)state;
	buffer_append_string(&storing.bytes, "new");
	store(disk, "old", true, true);
	assert_true(disk_write(disk, &storing));
	disk_crash(disk); /* in the midst of it */
	expect(disk, "old");
	disk_disturb(disk, 1000, 0);
	assert_false(disk_write(disk, &storing));
	expect(disk, "old");
	disk_disturb(disk, 0, 0);
	assert_true(disk_write(disk, &storing));
	disk_sync(disk, &storing);
	disk_crash(disk);
	expect(disk, "new");
	buffer_free(&storing.bytes);
	disk_free(disk);
}

static void
takes_its_time(void **state)
{
	struct disk *disk = disk_new(1, 0);
	int64_t sum = 0, longest = 0;

	(void)state;
	assert_int_equal(disk_sync_time(disk), 0);
	disk_disturb(disk, 0, 20);
	for (int i = 0; i < 2000; i++) {
		int64_t time = disk_sync_time(disk);

		sum += time;
		longest = time > longest ? time : longest;
	}
	assert_in_range(sum / 2000, 18000000, 21000000);
	assert_int_equal(longest, 80000000);
	disk_disturb(disk, 0, 0);
	assert_int_equal(disk_sync_time(disk), 0);
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
	    cmocka_unit_test(tears_everywhere),
	    cmocka_unit_test(fails_as_it_is_told),
	    cmocka_unit_test(replaces_at_once),
	    cmocka_unit_test(takes_its_time),
	    cmocka_unit_test(follows_from_the_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
