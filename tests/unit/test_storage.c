/* Records in the core: what becomes of them as bytes, and of bytes as records, whole, torn and damaged. */
#include "fake_host.h"

/* ---- a disk that the test looks at ------------------------------------------- */

struct fake_disk {
	struct fake fake; /* first */
	struct buffer bytes;
	bool broken, synced, replaced;
};

static bool
load(void *arg, const char *dir, const char *id, struct buffer *bytes)
{
	struct fake_disk *disk = arg;

	assert_string_equal(dir, "/data");
	assert_string_equal(id, "n0");
	buffer_append(bytes, disk->bytes.bytes, disk->bytes.length);
	return !disk->broken;
}

static const struct host disk_host = {fake_wall_ms, fake_random, fake_log, NULL, load};

/* Ends a turn. Returns whether there was something to store. */
static bool
end_turn(struct fake_disk *disk)
{
	const struct storing *storing = node_storing(disk->fake.node);

	disk->synced = disk->replaced = false;
	if (storing == NULL)
		return false;
	disk->synced = storing->sync;
	disk->replaced = storing->replace;
	if (storing->replace)
		disk->bytes.length = 0;
	buffer_append(&disk->bytes, storing->bytes.bytes, storing->bytes.length);
	node_has_stored(disk->fake.node);
	assert_null(node_storing(disk->fake.node));
	return true;
}

/* ---- a program that remembers -------------------------------------------------- */

struct memory {
	json_t *records;
};

static void
start(struct node *node)
{
	struct memory *memory = node_state(node);
	json_t *record;

	memory->records = json_array();
	while ((record = node_next_record(node)) != NULL)
		json_array_append(memory->records, record);
}

static void
stop(struct node *node)
{
	json_decref(((struct memory *)node_state(node))->records);
}

/* Keeps a record and promises it. */
static void
keep(struct node *node, const struct message *message)
{
	json_t *record;

	if (!node_unpack(node, message, "{s:o}", "record", &record))
		return;
	node_append(node, json_incref(record));
	node_sync(node);
	node_reply_type(node, message, "keep_ok");
}

static const struct route routes[] = {{"keep", keep}, {NULL, NULL}};
static const struct program program = {
    .name = "memory", .state_size = sizeof(struct memory), .start = start, .stop = stop, .routes = routes};

/* Up to init, with what the disk holds. */
static void
begin(struct fake_disk *disk)
{
	char name[] = "memory", option[] = "--data-dir", dir[] = "/data";
	char *argv[] = {name, option, dir, NULL};
	struct buffer text = {0};

	disk->fake = (struct fake){.wall_ms = 1700000000123};
	disk->fake.node = node_new(&program, &disk_host, disk);
	assert_int_equal(node_configure(disk->fake.node, 3, argv, &text), CONFIGURE_OK);
	node_turn(disk->fake.node, 1000);
	fake_say(&disk->fake, INIT_N0);
}

static void
end(struct fake_disk *disk)
{
	fake_close(&disk->fake);
}

/* What the node has found, as text. */
static void
expect_records(struct fake_disk *disk, const char *text)
{
	json_t *records = ((struct memory *)node_state(disk->fake.node))->records;
	char *found = json_dumps(records, JSON_COMPACT | JSON_ENCODE_ANY);

	assert_false(node_has_failed(disk->fake.node));
	assert_string_equal(found, text);
	free(found);
}

static void
put(struct fake_disk *disk, const char *bytes)
{
	disk->bytes.length = 0;
	buffer_append_string(&disk->bytes, bytes);
}

/* The checksums are those that zip and png files have as well. */
#define FIRST  "561bacaf {\"a\":1}\n"
#define SECOND "3adb329c [\"two\",2.5,null]\n"
#define THIRD  "83dcefb7 1\n"

/* ---- tests ---------------------------------------------------------------------- */

static void
writes_lines_that_people_can_read(void **state)
{
	struct fake_disk disk = {0};

	(void)state;
	begin(&disk);
	assert_true(node_is_durable(disk.fake.node));
	assert_false(end_turn(&disk));
	node_append(disk.fake.node, json_pack("{s:i}", "a", 1));
	assert_int_equal(node_stored(disk.fake.node), strlen(FIRST));
	assert_true(end_turn(&disk));
	assert_false(disk.synced || disk.replaced);
	node_append(disk.fake.node, json_pack("[s, f, n]", "two", 2.5));
	node_append(disk.fake.node, json_integer(1));
	node_sync(disk.fake.node);
	assert_int_equal(node_syncs(disk.fake.node), 0);
	assert_true(end_turn(&disk));
	assert_true(disk.synced);
	assert_int_equal(node_syncs(disk.fake.node), 1);
	assert_string_equal(buffer_string(&disk.bytes), FIRST SECOND THIRD);
	assert_int_equal(node_stored(disk.fake.node), disk.bytes.length);
	end(&disk);
	begin(&disk);
	expect_records(&disk, "[{\"a\":1},[\"two\",2.5,null],1]");
	assert_int_equal(node_stored(disk.fake.node), disk.bytes.length);
	end_turn(&disk);
	assert_true(disk.synced && disk.replaced); /* who knows whether what can be read is on the disk */
	assert_string_equal(buffer_string(&disk.bytes), FIRST SECOND THIRD);
	end(&disk);
	buffer_free(&disk.bytes);
}

static void
promises_what_is_stored(void **state)
{
	struct fake_disk disk = {0};

	(void)state;
	begin(&disk);
	fake_from(&disk.fake, "c1", "{'type':'keep','msg_id':2,'record':'\\u0000\\u000a\\u2028'}");
	assert_non_null(node_storing(disk.fake.node));
	assert_true(node_storing(disk.fake.node)->sync);
	assert_true(node_output(disk.fake.node)->length > strlen(INIT_OK));
	end_turn(&disk);
	end(&disk);
	assert_ptr_equal(memchr(disk.bytes.bytes, '\n', disk.bytes.length), disk.bytes.bytes + disk.bytes.length - 1);
	begin(&disk);
	expect_records(&disk, "[\"\\u0000\\n\xe2\x80\xa8\"]");
	end(&disk);
	buffer_free(&disk.bytes);
}

static void
replaces_all(void **state)
{
	struct fake_disk disk = {0};

	(void)state;
	put(&disk, FIRST SECOND);
	begin(&disk);
	node_append(disk.fake.node, json_integer(7)); /* of no use any more */
	node_rewrite(disk.fake.node, json_pack("[{s:i}]", "a", 1));
	node_append(disk.fake.node, json_integer(1));
	assert_int_equal(node_stored(disk.fake.node), strlen(FIRST THIRD));
	end_turn(&disk);
	assert_true(disk.synced && disk.replaced);
	assert_string_equal(buffer_string(&disk.bytes), FIRST THIRD);
	node_rewrite(disk.fake.node, json_array());
	assert_true(end_turn(&disk));
	assert_int_equal(disk.bytes.length, 0);
	end(&disk);
	begin(&disk);
	expect_records(&disk, "[]");
	end(&disk);
	buffer_free(&disk.bytes);
}

/* Wherever it is torn, what is whole counts, and what is torn is cut off before anything is written behind it. */
static void
cuts_off_a_torn_tail(void **state)
{
	static const struct {
		const char *bytes, *records;
	} whole[] = {{"", "[]"}, {FIRST, "[{\"a\":1}]"}, {FIRST SECOND, "[{\"a\":1},[\"two\",2.5,null]]"},
	    {FIRST SECOND THIRD, "[{\"a\":1},[\"two\",2.5,null],1]"}};
	size_t left = 0; /* of the whole ones */

	(void)state;
	for (size_t length = 0; length <= strlen(FIRST SECOND THIRD); length++) {
		struct fake_disk disk = {0};
		char expected[128];

		if (left < 3 && length == strlen(whole[left + 1].bytes))
			left++;
		buffer_append(&disk.bytes, FIRST SECOND THIRD, length);
		begin(&disk);
		expect_records(&disk, whole[left].records);
		assert_int_equal(fake_logged(&disk.fake, "cut off"), length > strlen(whole[left].bytes));
		assert_int_equal(node_stored(disk.fake.node), strlen(whole[left].bytes));
		node_append(disk.fake.node, json_integer(1));
		end_turn(&disk);
		assert_int_equal(disk.replaced, length > 0);
		assert_int_equal(disk.synced, length > 0);
		snprintf(expected, sizeof(expected), "%s" THIRD, whole[left].bytes);
		assert_string_equal(buffer_string(&disk.bytes), expected);
		end(&disk);
		buffer_free(&disk.bytes);
	}
}

/* Also where it is more than a line, or not of the right length: none of it was promised. */
static void
cuts_off_a_damaged_tail(void **state)
{
	static const char *const tails[] = {"83dcefb8 1\n", "83dcefb7 2\n", "\n", "\n\n", "x", "83dcefb7\n",
	    "83dcefb7  1\n", "83DCEFB7 1\n", "x\ny\nz\n", SECOND "83dcefb7 1"};

	(void)state;
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		struct fake_disk disk = {0};

		put(&disk, FIRST);
		buffer_append_string(&disk.bytes, tails[i]);
		begin(&disk);
		expect_records(
		    &disk, strstr(tails[i], SECOND) != NULL ? "[{\"a\":1},[\"two\",2.5,null]]" : "[{\"a\":1}]");
		assert_true(fake_logged(&disk.fake, "cut off"));
		end(&disk);
		buffer_free(&disk.bytes);
	}
}

/* Any bit of any record but the last, and of the newline before that, which makes one bad record of two. */
static void
refuses_what_is_damaged(void **state)
{
	(void)state;
	for (size_t at = 0; at < strlen(FIRST SECOND) - 1; at++)
		for (int bit = 0; bit < 8; bit++) {
			struct fake_disk disk = {0};

			put(&disk, FIRST SECOND THIRD);
			disk.bytes.bytes[at] = (char)(disk.bytes.bytes[at] ^ 1 << bit);
			begin(&disk);
			assert_true(node_has_failed(disk.fake.node));
			assert_true(fake_logged(&disk.fake, "is damaged"));
			fake_expect_nothing(&disk.fake);
			fake_from(&disk.fake, "c1", "{'type':'keep','msg_id':2,'record':1}"); /* in vain */
			fake_until(&disk.fake, 9000);
			fake_expect_nothing(&disk.fake);
			end(&disk);
			buffer_free(&disk.bytes);
		}
}

/* Nobody but another program has written that. */
static void
refuses_what_is_no_json(void **state)
{
	struct fake_disk disk = {0};

	(void)state;
	put(&disk, FIRST "264afb20 nonsense\n" FIRST);
	begin(&disk);
	assert_true(node_has_failed(disk.fake.node));
	assert_true(fake_logged(&disk.fake, "is no JSON, though its checksum is right: 264afb20 nonsense"));
	end(&disk);
	buffer_free(&disk.bytes);
}

static void
fails_with_its_disk(void **state)
{
	struct fake_disk disk = {.broken = true};

	(void)state;
	begin(&disk);
	assert_true(node_has_failed(disk.fake.node));
	fake_expect_nothing(&disk.fake);
	end(&disk);
}

static void
fails_for_reasons_of_its_own(void **state)
{
	struct fake_disk disk = {0};

	(void)state;
	begin(&disk);
	node_fail(disk.fake.node, "no %s", "idea");
	assert_true(node_has_failed(disk.fake.node));
	assert_true(fake_logged(&disk.fake, "cannot go on: no idea"));
	end(&disk);
}

static void
limits_a_record(void **state)
{
	struct fake_disk disk = {0};

	(void)state;
	begin(&disk);
	disk.fake.node->limits.record = 10;
	node_append(disk.fake.node, json_string("12345678"));
	assert_false(node_has_failed(disk.fake.node));
	node_append(disk.fake.node, json_string("123456789"));
	assert_true(node_has_failed(disk.fake.node));
	assert_true(fake_logged(&disk.fake, "a record of 11 bytes is longer than 10"));
	end(&disk);
}

/* All of it works, and nothing comes of it. */
static void
does_nothing_without_a_directory(void **state)
{
	struct fake fake;

	(void)state;
	fake_init(&fake, &program);
	assert_false(node_is_durable(fake.node));
	assert_null(node_next_record(fake.node));
	node_append(fake.node, json_integer(1));
	node_sync(fake.node);
	node_rewrite(fake.node, json_pack("[i]", 1));
	assert_null(node_storing(fake.node));
	assert_int_equal(node_stored(fake.node), 0);
	fake_close(&fake);
}

static void
wants_a_directory_and_a_disk(void **state)
{
	static const struct {
		const struct host *host;
		char dir[8];
		const char *why;
	} cases[] = {{&disk_host, "", "no directory"}, {&fake_host, "/data", "no disk here"}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char name[] = "memory", option[] = "--data-dir", dir[8];
		char *argv[] = {name, option, dir, NULL};
		struct node *node = node_new(&program, cases[i].host, NULL);
		struct buffer text = {0};

		strlcpy(dir, cases[i].dir, sizeof(dir));
		assert_int_equal(node_configure(node, 3, argv, &text), CONFIGURE_BAD);
		assert_non_null(strstr(buffer_string(&text), cases[i].why));
		buffer_free(&text);
		node_free(node);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(writes_lines_that_people_can_read),
	    cmocka_unit_test(promises_what_is_stored),
	    cmocka_unit_test(replaces_all),
	    cmocka_unit_test(cuts_off_a_torn_tail),
	    cmocka_unit_test(cuts_off_a_damaged_tail),
	    cmocka_unit_test(refuses_what_is_damaged),
	    cmocka_unit_test(refuses_what_is_no_json),
	    cmocka_unit_test(fails_with_its_disk),
	    cmocka_unit_test(fails_for_reasons_of_its_own),
	    cmocka_unit_test(limits_a_record),
	    cmocka_unit_test(does_nothing_without_a_directory),
	    cmocka_unit_test(wants_a_directory_and_a_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
