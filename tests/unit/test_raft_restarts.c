/*
 * Raft with disks, under kills: nodes of lin-kv die at any moment, also in the
 * midst of a turn, lose what they had not synced or a part of it, and start
 * again, while the network loses, repeats and delays. What clients saw must be
 * linearizable; the invariants of Figure 3.2 are claims that abort the test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zlib.h>

#include "check/register.h"
#include "raft_internal.h"
#include "registry.h"
#include "world.h"

#define OPS_MAX  2000
#define KEY_OPS  30 /* operations on one key before the next one has its turn: crashed ones make judging dear */
#define VALUES   5  /* 1 to 5; 0: there is none */
#define CHURN_MS 6000
#define WORK_MAX 20000000

/* As nodes/lin-kv.c begins its state. */
struct store {
	bool lease;
	struct raft *raft;
};

struct asked {
	int64_t id;
	bool done;
	int key;
	enum { READ, WRITE, CAS } kind;
	struct register_op op; /* as if it succeeded */
};

struct trial {
	struct world world;
	bool lease;
	struct asked asked[OPS_MAX];
	int count;
	size_t position; /* in the history */
	int oks, kills;
};

/* ---- nodes ------------------------------------------------------------------------- */

static struct raft *
raft_of(const struct world *w, int i)
{
	return ((struct store *)node_state(w->actors[i].node))->raft;
}

/* Snapshots are made and sent all the time, on disks and to followers. */
static void
set_limits(struct world *w, int i)
{
	struct raft_limits *limits = &raft_of(w, i)->limits;

	limits->log_entries = 10;
	limits->chunk_bytes = 20;
	limits->stored_bytes = 100;
}

static void
start(struct trial *t, int i, int count)
{
	char program[] = "lin-kv", level[] = "--log-level", debug[] = "debug", quiet[] = "error", lease[] = "--lease",
	     option[] = "--data-dir", dir[] = "disk";
	char *args[] = {
	    program, level, getenv("WORLD_LOG") != NULL ? debug : quiet, option, dir, t->lease ? lease : NULL, NULL};
	const struct program *found = registry_find("lin-kv");

	if (count > 0)
		world_new(&t->world, found, count, (uint64_t)i, args);
	else
		world_restart(&t->world, found, i, args);
	for (int k = 0; k < t->world.count; k++)
		if (t->world.actors[k].node != NULL)
			set_limits(&t->world, k);
}

static bool
is_alive(const struct trial *t, int i)
{
	return t->world.actors[i].node != NULL;
}

/* ---- clients ------------------------------------------------------------------------ */

static int
below(struct trial *t, int bound)
{
	return (int)random_below(&t->world.random, (uint64_t)bound);
}

static json_t *
body_of(const struct asked *asked)
{
	switch (asked->kind) {
	case READ:
		return json_pack("{s:s, s:i}", "type", "read", "key", asked->key);
	case WRITE:
		return json_pack("{s:s, s:i, s:i}", "type", "write", "key", asked->key, "value", (int)asked->op.to);
	default:
		return json_pack("{s:s, s:i, s:i, s:i}", "type", "cas", "key", asked->key, "from", (int)asked->op.from,
		    "to", (int)asked->op.to);
	}
}

static void
ask(struct trial *t, int node, int kind)
{
	struct asked *asked = &t->asked[t->count++];

	assert_true(t->count <= OPS_MAX);
	*asked = (struct asked){.kind = kind, .key = (t->count - 1) / KEY_OPS};
	asked->op.from = kind == CAS ? (uint32_t)below(t, VALUES) + 1 : REGISTER_ANY;
	asked->op.to = kind == READ ? REGISTER_ANY : (uint32_t)below(t, VALUES) + 1;
	asked->op.invoked = t->position++;
	asked->op.completed = REGISTER_NEVER;
	asked->id = world_ask(&t->world, node, body_of(asked));
}

/* Definite errors are no operations at all. */
static void
complete(struct trial *t, struct asked *asked)
{
	json_t *reply = world_reply(&t->world, asked->id), *code = json_object_get(reply, "code");
	bool missing = asked->kind == READ && json_integer_value(code) == ERROR_KEY_DOES_NOT_EXIST;

	if (asked->done || reply == NULL)
		return;
	asked->done = true;
	if (code != NULL && !missing) {
		if (error_is_definite((int)json_integer_value(code)))
			asked->op.invoked = REGISTER_NEVER;
		return;
	}
	t->oks++;
	asked->op.completed = t->position++;
	if (asked->kind == READ)
		asked->op.from = asked->op.to = (uint32_t)json_integer_value(json_object_get(reply, "value"));
}

static void
complete_all(struct trial *t)
{
	for (int i = 0; i < t->count; i++)
		complete(t, &t->asked[i]);
}

/* What is done, or may be. */
static bool
counts(const struct asked *asked)
{
	if (asked->op.completed == REGISTER_NEVER && asked->kind == READ)
		return false;
	return asked->op.invoked != REGISTER_NEVER;
}

static void
judge(const struct asked *asked, int asked_count, uint64_t seed)
{
	struct register_op ops[KEY_OPS];
	struct register_search search = {0};
	enum verdict verdict;
	size_t count = 0;

	for (int i = 0; i < asked_count; i++)
		if (counts(&asked[i]))
			ops[count++] = asked[i].op;
	verdict = register_search(&search, ops, count, WORK_MAX);
	if (verdict != VERDICT_VALID)
		fail_msg("seed %llu, key %d: %s", (unsigned long long)seed, asked->key,
		    verdict == VERDICT_INVALID ? "not linearizable" : "too much to check");
	register_search_free(&search);
}

static void
judge_all(const struct trial *t, uint64_t seed)
{
	for (int i = 0; i < t->count; i += KEY_OPS)
		judge(&t->asked[i], t->count - i < KEY_OPS ? t->count - i : KEY_OPS, seed);
}

/* ---- faults --------------------------------------------------------------------------- */

static void
strike(struct trial *t)
{
	int node = below(t, t->world.count);

	switch (below(t, 8)) {
	case 0:
		world_partition(&t->world, (uint32_t)below(t, 1 << t->world.count));
		break;
	case 1:
		world_partition(&t->world, 0);
		break;
	case 2: /* the power fails */
		for (int i = 0; i < t->world.count; i++)
			world_kill(&t->world, i);
		t->kills++;
		break;
	case 3:
		world_kill(&t->world, node);
		t->kills++;
		break;
	default: /* whoever is to act next dies of it */
		if (is_alive(t, node))
			t->world.actors[node].dies = DEATH_NOTHING_STORED + (enum death)below(t, 3);
		t->kills++;
	}
}

static void
start_some(struct trial *t, int chance)
{
	for (int i = 0; i < t->world.count; i++)
		if (!is_alive(t, i) && below(t, chance) == 0)
			start(t, i, 0);
}

static void
churn(struct trial *t)
{
	int64_t next = t->world.now_ms, end = t->world.now_ms + CHURN_MS;

	while (t->world.now_ms < end) {
		int node = below(t, t->world.count);

		if (t->world.now_ms >= next) {
			strike(t);
			next = t->world.now_ms + 20 + below(t, 600);
		}
		start_some(t, 10);
		if (is_alive(t, node))
			ask(t, node, (int[]){READ, WRITE, CAS, CAS}[below(t, 4)]);
		world_run(&t->world, below(t, 40));
		complete_all(t);
	}
}

/* All are alive and together again: they agree, and go on. */
static void
recover(struct trial *t)
{
	int asked = t->count;

	world_partition(&t->world, 0);
	t->world.loss = 0;
	for (int i = 0; i < t->world.count; i++)
		t->world.actors[i].dies = DEATH_NONE;
	start_some(t, 1);
	world_run(&t->world, 10000);
	complete_all(t);
	for (int i = 0; i < t->world.count; i++)
		ask(t, i, READ);
	world_run(&t->world, 3000);
	complete_all(t);
	for (int i = 0; i < t->world.count; i++) {
		assert_true(t->asked[asked + i].done);
		assert_int_equal(raft_of(&t->world, i)->applied, raft_of(&t->world, 0)->applied);
	}
}

static int
survive(uint64_t seed, bool lease)
{
	static const int64_t latencies[] = {0, 5, 30, 100};
	struct trial *t = calloc(1, sizeof(*t));
	int oks;

	t->lease = lease;
	start(t, (int)seed, (int[]){3, 5, 3, 1, 3, 2, 4, 3}[seed % 8]);
	t->world.latency_max_ms = latencies[below(t, 4)];
	t->world.loss = (uint64_t)below(t, 2) * 30;
	t->world.duplication = (uint64_t)below(t, 2) * 200;
	world_run(&t->world, 2000);
	churn(t);
	recover(t);
	judge_all(t, seed);
	oks = t->oks;
	assert_true(t->kills > 5);
	world_free(&t->world);
	free(t);
	return oks;
}

static uint64_t
seeds(uint64_t usual)
{
	return getenv("RAFT_SEEDS") != NULL ? strtoull(getenv("RAFT_SEEDS"), NULL, 10) : usual;
}

static void
survives(bool lease, uint64_t usual)
{
	uint64_t first = getenv("RAFT_SEED") != NULL ? strtoull(getenv("RAFT_SEED"), NULL, 10) : 0;
	int oks = 0;

	for (uint64_t seed = first; seed < first + seeds(usual); seed++)
		oks += survive(seed, lease);
	assert_true((uint64_t)oks > 10 * seeds(usual)); /* a cluster that does nothing is not right either */
	if (getenv("RAFT_FIGURES") != NULL)
		print_message("%d operations succeeded in %llu clusters\n", oks, (unsigned long long)seeds(usual));
}

static void
survives_kills(void **state)
{
	(void)state;
	survives(false, 30);
}

static void
survives_kills_with_leases(void **state)
{
	(void)state;
	survives(true, 20);
}

/* ---- torn writes ----------------------------------------------------------------------- */

static void
expect_read(struct trial *t, int node, int key, int value)
{
	int64_t id = world_ask(&t->world, node, json_pack("{s:s, s:i}", "type", "read", "key", key));

	world_run(&t->world, 1000);
	assert_int_equal(json_integer_value(json_object_get(world_reply(&t->world, id), "value")), value);
}

/*
 * A node dies while it writes several records, of which so many bytes get to
 * its disk, and is started again. False if there were not so many.
 */
static bool
comes_back(int victim, size_t left, bool votes)
{
	struct trial *t = calloc(1, sizeof(*t));
	size_t before, all;

	start(t, 7, 3);
	t->world.latency_max_ms = 5;
	world_run(&t->world, 2500);
	world_ask(&t->world, 0, json_pack("{s:s, s:i, s:i}", "type", "write", "key", 1, "value", 1));
	world_run(&t->world, 1000);
	before = world_tear(&t->world, victim, SIZE_MAX);
	t->world.actors[victim].dies = DEATH_ALL_STORED;
	if (votes)
		world_kill(&t->world, raft_of(&t->world, victim)->leader);
	else
		for (int i = 0; i < 3; i++)
			world_ask(
			    &t->world, i, json_pack("{s:s, s:i, s:i}", "type", "write", "key", 2 + i, "value", i));
	world_run(&t->world, 2000);
	assert_false(is_alive(t, victim));
	all = world_tear(&t->world, victim, before + left);
	for (int i = 0; i < 3; i++)
		if (!is_alive(t, i))
			start(t, i, 0);
	world_run(&t->world, 5000);
	for (int i = 0; i < 3; i++)
		expect_read(t, i, 1, 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(raft_of(&t->world, i)->applied, raft_of(&t->world, 0)->applied);
	world_free(&t->world);
	free(t);
	return before + left < all;
}

static void
comes_back_from_any_tear(void **state)
{
	(void)state;
	for (int victim = 0; victim < 3; victim++) {
		size_t left = 0;

		while (comes_back(victim, left, false))
			left++;
		assert_true(left > 30);
	}
}

static void
comes_back_from_a_torn_vote(void **state)
{
	size_t left = 0;

	(void)state;
	while (comes_back(1, left, true))
		left++;
	assert_true(left > 30);
}

/* ---- what is stored -------------------------------------------------------------------- */

/* However much is written, what is stored is a small multiple of what is live; and all of it is there. */
static void
stores_no_more_than_a_multiple(void **state)
{
	struct trial *t = calloc(1, sizeof(*t));
	struct buffer bytes = {0};
	size_t most = 0;

	(void)state;
	start(t, 1, 1);
	world_run(&t->world, 100);
	for (int i = 0; i < 1000; i++) {
		world_ask(&t->world, 0, json_pack("{s:s, s:i, s:i}", "type", "write", "key", i % 50, "value", i));
		world_run(&t->world, 1);
		if (node_stored(t->world.actors[0].node) > most)
			most = node_stored(t->world.actors[0].node);
		if (i % 100 == 0)
			start(t, 0, 0);
	}
	disk_load(t->world.actors[0].disk, &bytes);
	assert_int_equal(bytes.length, node_stored(t->world.actors[0].node));
	assert_in_range(most, 1000, RAFT_STORED_FACTOR * 1200); /* 50 keys and values, some entries, a few turns */
	start(t, 0, 0);
	world_run(&t->world, 100);
	for (int key = 0; key < 50; key++) {
		int64_t id = world_ask(&t->world, 0, json_pack("{s:s, s:i}", "type", "read", "key", key));

		world_run(&t->world, 1);
		assert_int_equal(json_integer_value(json_object_get(world_reply(&t->world, id), "value")), 950 + key);
	}
	buffer_free(&bytes);
	world_free(&t->world);
	free(t);
}

/* Whether a node that finds these records begins; they are in single quotes. */
static bool
begins_with(const char *const records[], int count)
{
	static char init[] = "{\"src\":\"c0\",\"dest\":\"n0\",\"body\":{\"type\":\"init\",\"msg_id\":1,"
			     "\"node_id\":\"n0\",\"node_ids\":[\"n0\",\"n1\"]}}";
	char program[] = "lin-kv", option[] = "--data-dir=disk", *args[] = {program, option, NULL};
	struct world w = {.now_ms = 0};
	struct actor actor = {.world = &w, .disk = disk_new(1, 0)};
	struct storing storing = {.sync = true};
	struct buffer text = {0};
	bool begins;

	for (int i = 0; i < count; i++) {
		char json[256];

		strlcpy(json, records[i], sizeof(json));
		for (char *quote; (quote = strchr(json, '\'')) != NULL;)
			*quote = '"';
		buffer_printf(
		    &storing.bytes, "%08lx %s\n", crc32(0, (const unsigned char *)json, (unsigned)strlen(json)), json);
	}
	random_seed(&actor.random, 1, "node", 0);
	disk_store(actor.disk, &storing);
	buffer_free(&storing.bytes);
	actor.node = node_new(registry_find("lin-kv"), &world_host, &actor);
	assert_int_equal(node_configure(actor.node, 2, args, &text), CONFIGURE_OK);
	node_receive(actor.node, init, strlen(init));
	begins = !node_has_failed(actor.node);
	node_free(actor.node);
	disk_free(actor.disk);
	return begins;
}

static void
refuses_records_that_are_not_its_own(void **state)
{
	static const char *const good[] = {"{'life':1}", "{'term':3,'vote':'n1','promise':256}",
	    "{'snapshot':5,'term':2,'state':{}}", "{'append':6,'term':2}",
	    "{'append':7,'term':3,'command':{'key':1,'value':1}}", "{'append':6,'term':3}"};
	static const char *const bad[] = {"17", "[]", "{}", "{'lives':2}", "{'life':1}", "{'life':'2'}",
	    "{'life':1073741824}", "{'term':2,'vote':null,'promise':256}", "{'term':4,'vote':'n7','promise':256}",
	    "{'term':4,'vote':null,'promise':128}", "{'term':4,'vote':null,'promise':9000}", "{'term':4,'vote':null}",
	    "{'snapshot':9,'term':3,'state':{}}", "{'append':5,'term':3}", "{'append':8,'term':3}",
	    "{'append':7,'term':2}", "{'append':7,'term':4}", "{'append':7}", "{'append':'7','term':3}"};
	static const char *const snapshots[] = {"{'snapshot':0,'term':1,'state':{}}",
	    "{'snapshot':1,'term':9,'state':{}}", "{'snapshot':1,'term':1,'state':[]}", "{'snapshot':1,'term':1}"};
	const char *records[8];

	(void)state;
	memcpy(records, good, sizeof(good));
	for (int count = 0; count <= 6; count++)
		assert_true(begins_with(records, count));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		records[6] = bad[i];
		if (begins_with(records, 7))
			fail_msg("it took %s", bad[i]);
	}
	for (size_t i = 0; i < sizeof(snapshots) / sizeof(snapshots[0]); i++) {
		records[2] = snapshots[i];
		if (begins_with(records, 3))
			fail_msg("it took %s", snapshots[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(stores_no_more_than_a_multiple),
	    cmocka_unit_test(refuses_records_that_are_not_its_own),
	    cmocka_unit_test(comes_back_from_any_tear),
	    cmocka_unit_test(comes_back_from_a_torn_vote),
	    cmocka_unit_test(survives_kills),
	    cmocka_unit_test(survives_kills_with_leases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
