/* Durable state: the life it begins with, what is stored and when it is made anew, records that are none. */
#include "durable.h"

#include <zlib.h>

#include "fake_host.h"

/* ---- a disk, and a node that keeps counts by key --------------------------------- */

struct fake_disk {
	struct fake fake; /* first */
	struct buffer bytes;
	int rewrites;
};

static bool
disk_read(void *arg, const char *dir, const char *id, struct buffer *bytes)
{
	struct fake_disk *disk = arg;

	(void)dir;
	(void)id;
	buffer_append(bytes, disk->bytes.bytes, disk->bytes.length);
	return true;
}

static const struct host disk_host = {fake_wall_ms, fake_random, fake_log, NULL, disk_read};

#define KEYS 10

struct keeper {
	struct durable durable;
	json_int_t counts[KEYS];
	int loaded;
};

static bool
load(struct node *n, json_t *record)
{
	struct keeper *k = node_state(n);
	json_int_t key, count;

	if (json_unpack(record, "[I, I!]", &key, &count) == -1 || key < 0 || key >= KEYS)
		return false;
	k->counts[key] = count;
	k->loaded++;
	return true;
}

static json_t *
records(struct node *n)
{
	struct keeper *k = node_state(n);
	json_t *all = json_array();

	for (json_int_t key = 0; key < KEYS; key++)
		json_array_append_new(all, json_pack("[I, I]", key, k->counts[key]));
	return all;
}

static void
start(struct node *n)
{
	durable_start(&((struct keeper *)node_state(n))->durable, n, load, records);
}

static void
count(struct node *n, const struct message *m)
{
	struct keeper *k = node_state(n);
	json_int_t key;

	if (!node_unpack(n, m, "{s:I}", "key", &key))
		return;
	durable_append(&k->durable, n, json_pack("[I, I]", key, ++k->counts[key]));
	node_reply_type(n, m, "count_ok");
}

static const struct route routes[] = {{"count", count}, {NULL, NULL}};
static const struct program keeper = {
    .name = "keeper", .state_size = sizeof(struct keeper), .start = start, .routes = routes};

static struct keeper *
keeper_of(struct fake_disk *disk)
{
	return node_state(disk->fake.node);
}

/* ---- turns ---------------------------------------------------------------------------- */

static void
end_turn(struct fake_disk *disk)
{
	const struct storing *storing = node_storing(disk->fake.node);

	if (storing == NULL)
		return;
	assert_true(storing->sync);
	disk->rewrites += storing->replace;
	if (storing->replace)
		disk->bytes.length = 0;
	buffer_append(&disk->bytes, storing->bytes.bytes, storing->bytes.length);
	node_has_stored(disk->fake.node);
}

/* Up to init, with what the disk holds, or without a disk. */
static void
begin_as(struct fake_disk *disk, bool durable)
{
	char name[] = "keeper", option[] = "--data-dir", dir[] = "/data";
	char *argv[] = {name, durable ? option : NULL, dir, NULL};
	uint64_t seed = disk->fake.seed;
	struct buffer text = {0};

	disk->fake = (struct fake){.wall_ms = 1700000000123, .seed = seed};
	disk->fake.node = node_new(&keeper, &disk_host, disk);
	assert_int_equal(node_configure(disk->fake.node, durable ? 3 : 1, argv, &text), CONFIGURE_OK);
	node_turn(disk->fake.node, 1000);
	fake_say(&disk->fake, INIT_N0);
	end_turn(disk);
}

static void
begin(struct fake_disk *disk)
{
	begin_as(disk, true);
}

static void
again(struct fake_disk *disk)
{
	fake_close(&disk->fake);
	begin(disk);
	assert_false(node_has_failed(disk->fake.node));
}

static void
count_some(struct fake_disk *disk, int times)
{
	for (int i = 0; i < times; i++) {
		char body[64];

		snprintf(body, sizeof(body), "{'type':'count','key':%d}", i % KEYS);
		fake_from(&disk->fake, "n1", body);
		end_turn(disk);
	}
}

static void
finish(struct fake_disk *disk)
{
	fake_close(&disk->fake);
	buffer_free(&disk->bytes);
}

/* ---- lives ----------------------------------------------------------------------------- */

static void
a_life_lasts_as_long_as_its_disk(void **state)
{
	struct fake_disk disk = {0};
	int64_t life;

	(void)state;
	begin(&disk);
	life = keeper_of(&disk)->durable.life;
	assert_true(life > 0 && (uint64_t)life <= DURABLE_LIFE_MAX);
	assert_false(keeper_of(&disk)->durable.remembers);
	for (int i = 0; i < 3; i++) {
		again(&disk);
		assert_int_equal(keeper_of(&disk)->durable.life, life);
		assert_true(keeper_of(&disk)->durable.remembers);
	}
	disk.bytes.length = 0;
	again(&disk);
	assert_int_not_equal(keeper_of(&disk)->durable.life, life);
	assert_false(keeper_of(&disk)->durable.remembers);
	finish(&disk);
}

static void
without_a_disk_each_start_is_a_life(void **state)
{
	struct fake_disk disk = {0};
	int64_t life = 0;

	(void)state;
	for (int i = 0; i < 3; i++) {
		begin_as(&disk, false);
		assert_int_not_equal(keeper_of(&disk)->durable.life, life);
		assert_false(keeper_of(&disk)->durable.remembers);
		life = keeper_of(&disk)->durable.life;
		count_some(&disk, 10);
		assert_int_equal(disk.bytes.length, 0);
		fake_close(&disk.fake);
	}
	buffer_free(&disk.bytes);
}

/* ---- records ---------------------------------------------------------------------------- */

static void
changes_come_back(void **state)
{
	struct fake_disk disk = {0};

	(void)state;
	begin(&disk);
	count_some(&disk, 25);
	again(&disk);
	assert_int_equal(keeper_of(&disk)->loaded, 25);
	for (int key = 0; key < KEYS; key++)
		assert_int_equal(keeper_of(&disk)->counts[key], key < 5 ? 3 : 2);
	finish(&disk);
}

/* The disk holds a few times what is live at most, and what is no matter; it is made anew rarely; nothing is lost. */
static void
garbage_is_collected(void **state)
{
	const size_t most = (DURABLE_GARBAGE + 1) * (DURABLE_GARBAGE_FREE + 1000) + 100;
	struct fake_disk disk = {0};
	size_t written = 0;
	int64_t life;

	(void)state;
	begin(&disk);
	life = keeper_of(&disk)->durable.life;
	for (int i = 0; i < 100000; i++) {
		size_t before = disk.bytes.length;

		fake_from(&disk.fake, "n1", "{'type':'count','key':3}");
		end_turn(&disk);
		assert_true(disk.bytes.length < most);
		written += disk.bytes.length > before ? disk.bytes.length - before : 0;
	}
	assert_true(disk.rewrites > 2 && (size_t)disk.rewrites <= written / (4 * DURABLE_GARBAGE_FREE));
	again(&disk);
	assert_int_equal(keeper_of(&disk)->counts[3], 100000);
	assert_int_equal(keeper_of(&disk)->durable.life, life);
	finish(&disk);
}

static void
put(struct fake_disk *disk, const char *json)
{
	buffer_printf(&disk->bytes, "%08lx %s\n", crc32(0, (const unsigned char *)json, (unsigned)strlen(json)), json);
}

static void
refuses_what_is_not_its_own(void **state)
{
	static const char *const firsts[] = {
	    "null", "[0,1]", "{}", "{\"life\":0}", "{\"life\":-5}", "{\"life\":\"5\"}", "{\"life\":5,\"x\":1}"};
	static const char *const others[] = {"null", "{\"life\":5}", "[]", "[0]", "[10,1]", "[-1,1]", "[0,1,2]"};
	struct fake_disk disk = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(firsts) / sizeof(*firsts) + sizeof(others) / sizeof(*others); i++) {
		bool is_first = i < sizeof(firsts) / sizeof(*firsts);

		disk.bytes.length = 0;
		put(&disk, is_first ? firsts[i] : "{\"life\":5}");
		put(&disk, is_first ? "[0,1]" : others[i - sizeof(firsts) / sizeof(*firsts)]);
		begin(&disk);
		assert_true(node_has_failed(disk.fake.node));
		assert_non_null(
		    strstr(buffer_string(&disk.fake.logs), is_first ? "the first stored record is not that of a life"
								    : "a stored record is of no known form"));
		fake_close(&disk.fake);
	}
	buffer_free(&disk.bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_life_lasts_as_long_as_its_disk),
	    cmocka_unit_test(without_a_disk_each_start_is_a_life),
	    cmocka_unit_test(changes_come_back),
	    cmocka_unit_test(garbage_is_collected),
	    cmocka_unit_test(refuses_what_is_not_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
