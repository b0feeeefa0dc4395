/*
 * Raft under faults, in the small world: loss, repetition, overtaking,
 * partitions of all kinds, also one-way ones. The invariants of Figure 3.2
 * are claims that abort the test; what clients see is judged by a counter that
 * only cas moves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lies.h"
#include "raft_internal.h"
#include "registry.h"
#include "world.h"

#define OPS_MAX 4096

/* As nodes/lin-kv.c begins its state. */
struct store {
	bool lease;
	struct raft *raft;
};

static struct raft *
raft_of(const struct world *w, int i)
{
	return ((struct store *)node_state(w->actors[i].node))->raft;
}

static const struct program *
lin_kv(void)
{
	const struct program *found = registry_find("lin-kv");

	assert_non_null(found);
	return found;
}

static void
open_world(struct world *w, int count, uint64_t seed, bool lease)
{
	char program[] = "lin-kv", level[] = "--log-level", debug[] = "debug", quiet[] = "error", with[] = "--lease";
	char *args[] = {program, level, getenv("WORLD_LOG") != NULL ? debug : quiet, lease ? with : NULL, NULL};

	world_new(w, lin_kv(), count, seed, args);
}

/* The leader of the highest term, or -1. */
static int
leader_of(const struct world *w)
{
	int leader = -1;

	for (int i = 0; i < w->count; i++)
		if (raft_of(w, i)->role == ROLE_LEADER &&
		    (leader == -1 || raft_of(w, i)->term > raft_of(w, leader)->term))
			leader = i;
	return leader;
}

static json_t *
write_body(int key, int value)
{
	return json_pack("{s:s, s:i, s:i}", "type", "write", "key", key, "value", value);
}

static json_t *
read_body(int key)
{
	return json_pack("{s:s, s:i}", "type", "read", "key", key);
}

static const char *
type_of(const json_t *reply)
{
	return reply != NULL ? json_string_value(json_object_get(reply, "type")) : "nothing";
}

static int
code_of(const json_t *reply)
{
	return strcmp(type_of(reply), "error") == 0 ? (int)json_integer_value(json_object_get(reply, "code")) : -1;
}

/* Asks, waits, and returns the reply. */
static json_t *
ask(struct world *w, int i, json_t *body, int64_t ms)
{
	int64_t id = world_ask(w, i, body);

	world_run(w, ms);
	return world_reply(w, id);
}

static void
expect_ok(struct world *w, int i, json_t *body, const char *type)
{
	assert_string_equal(type_of(ask(w, i, body, 1000)), type);
}

/* The first write elects a leader. */
static int
elect(struct world *w)
{
	expect_ok(w, 0, write_body(0, 0), "write_ok");
	assert_int_not_equal(leader_of(w), -1);
	return leader_of(w);
}

static uint32_t
bit(int i)
{
	return (uint32_t)1 << i;
}

/* ---- a counter that only cas moves --------------------------------------------------- */

struct op {
	int64_t id;
	bool is_cas;
	int64_t from;  /* cas */
	int64_t floor; /* read: what was known when it was asked */
	bool done;
};

struct counter {
	struct world *world;
	struct op ops[OPS_MAX];
	int count;
	int64_t known;          /* the counter was seen there */
	bool possible[OPS_MAX]; /* by value: a cas from there has succeeded, or may have */
	bool moved[OPS_MAX];    /* ... or is known to have */
	int oks;
};

static void
know(struct counter *c, int64_t value)
{
	if (value > c->known)
		c->known = value;
}

static void
judge(struct counter *c, struct op *op)
{
	const json_t *reply = world_reply(c->world, op->id);
	int code = code_of(reply);

	if (op->done || reply == NULL)
		return;
	op->done = true;
	c->oks += code == -1;
	if (!op->is_cas) {
		if (code != -1)
			return;
		assert_true(json_integer_value(json_object_get(reply, "value")) >= op->floor);
		know(c, json_integer_value(json_object_get(reply, "value")));
	} else if (code == -1) {
		assert_false(c->moved[op->from]); /* nobody succeeds twice */
		c->moved[op->from] = c->possible[op->from] = true;
		know(c, op->from + 1);
	} else if (!error_is_definite(code)) {
		c->possible[op->from] = true;
	}
}

static void
judge_all(struct counter *c)
{
	for (int i = 0; i < c->count; i++)
		judge(c, &c->ops[i]);
}

static void
operate(struct counter *c, int node, bool is_cas)
{
	struct op *op = &c->ops[c->count++];

	assert_true(c->count <= OPS_MAX);
	*op = (struct op){.is_cas = is_cas, .from = c->known, .floor = c->known};
	op->id = world_ask(c->world, node,
	    is_cas ? json_pack("{s:s, s:s, s:I, s:I}", "type", "cas", "key", "n", "from", (json_int_t)c->known, "to",
			 (json_int_t)(c->known + 1))
		   : json_pack("{s:s, s:s}", "type", "read", "key", "n"));
}

/* Whoever moved the counter from each value must not have been told that it has not. */
static void
judge_end(struct counter *c, int64_t end)
{
	for (int i = 0; i < c->count; i++) {
		judge(c, &c->ops[i]);
		if (!c->ops[i].done && c->ops[i].is_cas)
			c->possible[c->ops[i].from] = true;
	}
	assert_true(end >= c->known);
	for (int64_t v = 0; v < end; v++)
		assert_true(c->possible[v]);
}

/* ---- faults ------------------------------------------------------------------------------ */

static void
break_something(struct world *w)
{
	uint64_t kind = random_below(&w->random, 5);

	world_partition(w, kind == 0 ? 0 : (uint32_t)random_below(&w->random, (uint64_t)1 << w->count));
	if (kind == 1)
		world_partition(w, bit(leader_of(w) == -1 ? 0 : leader_of(w)));
	for (int i = 0; kind >= 3 && i < w->count; i++)
		for (int k = 0; k < w->count; k++)
			w->blocked[i][k] = random_below(&w->random, 3) == 0;
}

static void
torture(uint64_t seed, bool lease)
{
	static const int64_t latencies[] = {0, 5, 50, 200};
	struct world w;
	struct counter c = {.world = &w};
	int64_t next_fault = 0, end;

	open_world(&w, (int[]){3, 5, 3, 4, 7}[seed % 5], seed, lease);
	w.latency_max_ms = latencies[random_below(&w.random, 4)];
	w.loss = random_below(&w.random, 2) * 50;
	w.duplication = random_below(&w.random, 2) * 100;
	world_ask(&w, 0, json_pack("{s:s, s:s, s:i}", "type", "write", "key", "n", "value", 0));
	world_run(&w, 4000);
	while (w.now_ms < 16000) {
		if (w.now_ms >= next_fault) {
			break_something(&w);
			next_fault = w.now_ms + 200 + (int64_t)random_below(&w.random, 2500);
		}
		operate(&c, (int)random_below(&w.random, (uint64_t)w.count), random_below(&w.random, 2) == 0);
		world_run(&w, (int64_t)random_below(&w.random, 30));
		judge_all(&c);
	}
	world_partition(&w, 0);
	w.loss = 0;
	world_run(&w, 20000);
	expect_ok(&w, 1, write_body(0, 0), "write_ok");
	end = json_integer_value(
	    json_object_get(ask(&w, 2, json_pack("{s:s, s:s}", "type", "read", "key", "n"), 3000), "value"));
	judge_end(&c, end);
	assert_true(c.oks > 10);
	world_free(&w);
}

static uint64_t
seeds(uint64_t usual)
{
	return getenv("RAFT_SEEDS") != NULL ? strtoull(getenv("RAFT_SEEDS"), NULL, 10) : usual;
}

static void
survives_faults(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < seeds(4); seed++)
		torture(seed, false);
}

static void
survives_faults_with_leases(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < seeds(3); seed++)
		torture(seed, true);
}

/* ---- stability and recovery ------------------------------------------------------------ */

/* One leader, one term, however long it takes messages to arrive, and whatever goes on. */
static void
stays_stable(void **state)
{
	static const int64_t latencies[] = {0, 10, 100, 200};

	(void)state;
	for (uint64_t seed = 0; seed < 8; seed++) {
		struct world w;
		int64_t term;

		open_world(&w, seed % 2 ? 3 : 5, seed, false);
		w.latency_max_ms = 2 * latencies[seed % 4];
		world_ask(&w, 0, write_body(0, 0));
		world_run(&w, 10000);
		assert_int_not_equal(leader_of(&w), -1);
		term = raft_of(&w, leader_of(&w))->term;
		for (int i = 0; i < 300; i++) {
			world_ask(&w, i % w.count, i % 3 == 0 ? write_body(0, i) : read_body(0));
			world_run(&w, 50);
		}
		world_run(&w, 20000);
		for (int i = 0; i < w.count; i++)
			assert_int_equal(raft_of(&w, i)->term, term);
		world_free(&w);
	}
}

/* No entries and no questions: heartbeats and their answers. */
static void
idles_with_heartbeats_only(void **state)
{
	struct world w;
	uint64_t before;

	(void)state;
	open_world(&w, 5, 1, false);
	elect(&w);
	world_run(&w, 3000); /* until nodes have met */
	before = w.server_messages;
	world_run(&w, 10000);
	assert_in_range(w.server_messages - before, 2 * 4 * 90, 2 * 4 * 101);
	world_free(&w);
}

/*
 * Of three nodes the leader asks one, and sends the other what there is much of:
 * so many writes, and no heartbeat is due. It is asked all the same, before so
 * much is on its way that no more may be.
 */
static void
keeps_up_with_much(void **state)
{
	struct world w;
	int leader;

	(void)state;
	open_world(&w, 3, 1, false);
	leader = elect(&w);
	for (int i = 0; i < 3; i++)
		raft_of(&w, i)->limits.batch_entries = 4;
	for (int i = 0; i < RAFT_WINDOW + 500; i++) {
		world_ask(&w, leader, write_body(0, i));
		world_run(&w, 1);
	}
	for (int i = 0; i < 3; i++)
		assert_true(log_last(&raft_of(&w, i)->log) >= RAFT_WINDOW + 400);
	world_free(&w);
}

static int
by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* Asks every 10 ms one of the nodes in `side`; returns the time to the first success. */
static int64_t
time_to_success(struct world *w, uint32_t side)
{
	int64_t begin = w->now_ms, ids[1000];

	for (int i = 0; i < 1000; i++) {
		int node = (int)random_below(&w->random, (uint64_t)w->count);

		while (!(side & bit(node)))
			node = (node + 1) % w->count;
		ids[i] = world_ask(w, node, write_body(i, i));
		world_run(w, 10);
		for (int k = 0; k <= i; k++)
			if (strcmp(type_of(world_reply(w, ids[k])), "write_ok") == 0)
				return w->now_ms - begin;
	}
	return INT64_MAX;
}

/* Five nodes, of which the leader and one more are cut off: the others go on within two time-outs, or five. */
static void
recovers_from_a_partition(void **state)
{
	int64_t times[100];

	(void)state;
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct world w;
		uint32_t cut_off;

		open_world(&w, 5, seed, false);
		cut_off = bit(elect(&w));
		world_run(&w, (int64_t)random_below(&w.random, 100));
		cut_off |= bit((leader_of(&w) + 1) % 5);
		world_partition(&w, cut_off);
		times[seed] = time_to_success(&w, 31 & ~cut_off);
		world_free(&w);
	}
	qsort(times, 100, sizeof(times[0]), by_value);
	if (getenv("RAFT_FIGURES") != NULL)
		print_message("first success after a partition: median %lld, 99%% %lld, max %lld ms\n",
		    (long long)times[50], (long long)times[98], (long long)times[99]);
	assert_true(times[50] <= 2 * RAFT_TIMEOUT_MIN_MS);
	assert_true(times[98] <= 5 * RAFT_TIMEOUT_MIN_MS);
}

/* Each node hears a majority, and no two the same. */
static void
goes_on_in_a_ring(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 10; seed++) {
		struct world w;
		int shift;

		open_world(&w, 5, seed, false);
		elect(&w);
		shift = 1 + (int)(seed % 2);
		for (int i = 0; i < 5; i++)
			for (int k = 0; k < 5; k++)
				w.blocked[i][k] = (k - i + 5) % 5 == 1 + shift || (i - k + 5) % 5 == 1 + shift;
		assert_true(time_to_success(&w, 31) <= 10 * RAFT_TIMEOUT_MIN_MS);
		world_free(&w);
	}
}

/* ---- what lin-kv answers ------------------------------------------------------------------ */

static json_t *
kv(struct world *w, int i, const char *text)
{
	json_t *body = json_loads(text, 0, NULL);

	assert_non_null(body);
	return ask(w, i, body, 1000);
}

static void
takes_any_json(void **state)
{
	struct world w;
	json_t *reply;

	(void)state;
	open_world(&w, 3, 1, false);
	elect(&w);
	assert_int_equal(code_of(kv(&w, 1, "{\"type\":\"read\",\"key\":null}")), 20);
	assert_string_equal(
	    type_of(kv(&w, 1, "{\"type\":\"write\",\"key\":{\"a\":1,\"b\":[2]},\"value\":null}")), "write_ok");
	reply = kv(&w, 2, "{\"type\":\"read\",\"key\":{\"b\":[2],\"a\":1}}");
	assert_string_equal(type_of(reply), "read_ok");
	assert_true(json_is_null(json_object_get(reply, "value")));
	assert_int_equal(code_of(kv(&w, 2, "{\"type\":\"read\",\"key\":\"{\\\"a\\\":1,\\\"b\\\":[2]}\"}")), 20);
	assert_int_equal(code_of(kv(&w, 0, "{\"type\":\"read\",\"key\":[]}")), 20);
	assert_int_equal(code_of(kv(&w, 0, "{\"type\":\"read\"}")), 12);
	assert_int_equal(code_of(kv(&w, 0, "{\"type\":\"write\",\"key\":1}")), 12);
	assert_int_equal(code_of(kv(&w, 0, "{\"type\":\"cas\",\"key\":1,\"from\":1}")), 12);
	world_free(&w);
}

static void
compares_and_sets(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, 3, 1, false);
	elect(&w);
	assert_int_equal(code_of(kv(&w, 1, "{\"type\":\"cas\",\"key\":1,\"from\":1,\"to\":2}")), 20);
	assert_string_equal(
	    type_of(kv(&w, 1, "{\"type\":\"cas\",\"key\":1,\"from\":1,\"to\":2,\"create_if_not_exists\":true}")),
	    "cas_ok");
	assert_int_equal(code_of(kv(&w, 2, "{\"type\":\"cas\",\"key\":1,\"from\":1,\"to\":3}")), 22);
	assert_string_equal(type_of(kv(&w, 2, "{\"type\":\"cas\",\"key\":1,\"from\":2,\"to\":[1.5]}")), "cas_ok");
	assert_string_equal(type_of(kv(&w, 0, "{\"type\":\"cas\",\"key\":1,\"from\":[1.5],\"to\":4}")), "cas_ok");
	world_free(&w);
}

/* ---- limits ------------------------------------------------------------------------------------ */

static void
refuses_beyond_its_limits(void **state)
{
	struct world w;
	int leader, other;

	(void)state;
	open_world(&w, 3, 1, false);
	leader = elect(&w);
	other = (leader + 1) % 3;
	raft_of(&w, leader)->limits.unapplied_bytes = 1;
	assert_int_equal(code_of(ask(&w, leader, write_body(1, 1), 1000)), 11);
	assert_int_equal(code_of(ask(&w, other, write_body(1, 1), 1000)), 11);
	expect_ok(&w, other, read_body(0), "read_ok");
	raft_of(&w, leader)->limits.unapplied_bytes = 1 << 20;
	raft_of(&w, other)->limits.tickets = 0;
	assert_int_equal(code_of(ask(&w, other, write_body(1, 1), 1000)), 11);
	raft_of(&w, other)->limits.tickets = 10;
	raft_of(&w, leader)->limits.tickets = 0; /* it refuses what is forwarded, and so for good: */
	assert_int_equal(code_of(ask(&w, other, write_body(1, 1), 2000)), 11);
	assert_int_equal(code_of(kv(&w, other, "{\"type\":\"read\",\"key\":1}")), 11);
	raft_of(&w, leader)->limits.tickets = 10;
	expect_ok(&w, other, write_body(1, 1), "write_ok");
	world_free(&w);
}

/* The log is bounded, and so is what a follower gets that was away for long. */
static void
forgets_what_is_applied(void **state)
{
	struct world w;
	int leader, away;

	(void)state;
	open_world(&w, 3, 1, false);
	leader = elect(&w);
	away = (leader + 1) % 3;
	for (int i = 0; i < 3; i++) {
		raft_of(&w, i)->limits.log_entries = 20;
		raft_of(&w, i)->limits.chunk_bytes = 100;
	}
	world_partition(&w, bit(away));
	for (int i = 0; i < 500; i++) {
		world_ask(&w, leader, write_body(i, i));
		world_run(&w, 1);
		assert_true(raft_of(&w, leader)->log.count <= 42);
	}
	world_run(&w, 1000);
	world_partition(&w, 0);
	world_run(&w, 3000);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(raft_of(&w, i)->applied, raft_of(&w, leader)->applied);
		assert_true(raft_of(&w, i)->log.count <= 42);
		assert_null(raft_of(&w, i)->snapshot);
		assert_null(raft_of(&w, i)->incoming.bytes);
	}
	raft_transfer(raft_of(&w, leader), away);
	world_run(&w, 1000);
	assert_int_equal(leader_of(&w), away);
	expect_ok(&w, leader, read_body(499), "read_ok");
	world_free(&w);
}

/* Bytes count as well as entries. */
static void
forgets_by_bytes(void **state)
{
	struct world w;
	int leader;

	(void)state;
	open_world(&w, 3, 1, false);
	leader = elect(&w);
	raft_of(&w, leader)->limits.log_bytes = 1000;
	for (int i = 0; i < 100; i++)
		expect_ok(&w, leader, write_body(i, i), "write_ok");
	assert_true(raft_of(&w, leader)->log.bytes <= 2100);
	world_free(&w);
}

/* ---- what comes from elsewhere ------------------------------------------------------------------ */

/* Nothing of it is taken, nobody crashes, and the cluster goes on. */
static void
shrugs_off_what_is_malformed(void **state)
{
	static const char *const bodies[] = {
	    "{'type':'raft_vote'}",
	    "{'type':'raft_vote','pre':false,'transfer':true,'term':-5,'last':1,'last_term':1,'at':0}",
	    "{'type':'raft_vote_ok','pre':true,'granted':true,'term':'x','at':0}",
	    "{'type':'raft_append','term':1}",
	    "{'type':'raft_append','term':1,'prev':-1,'prev_term':0,'commit':0,'entries':[],'at':0,'round':0,'timeout':"
	    "1,"
	    "'promise':0,'probe':true}",
	    "{'type':'raft_append','term':1,'prev':9223372036854775807,'prev_term':0,'commit':0,'entries':[[1]],'at':0,"
	    "'round':0,'timeout':1,'promise':0,'probe':true}",
	    "{'type':'raft_append','term':9,'prev':0,'prev_term':0,'commit':9,'entries':[[9],[9]],'at':0,"
	    "'round':0,'timeout':-7,'promise':-1,'probe':true}",
	    "{'type':'raft_append','term':9,'prev':1,'prev_term':1,'commit':99,'entries':['x',{},[0],[99]],'at':0,"
	    "'round':0,'timeout':99999999,'promise':99999999,'probe':false}",
	    "{'type':'raft_append_ok','term':9,'at':-1,'round':99999,'match':99999}",
	    "{'type':'raft_append_ok','term':9,'at':0,'round':0,'prev':5,'conflict':[-7,-7]}",
	    "{'type':'raft_snapshot','term':9,'index':-1,'index_term':1,'done':true}",
	    "{'type':'raft_snapshot','term':9,'index':100,'index_term':1,'done':true,'offset':7,'data':'{}','at':0,"
	    "'round':0,'timeout':1,'promise':0}",
	    "{'type':'raft_snapshot','term':9,'index':100,'index_term':1,'done':true,'offset':0,'data':'[]','at':0,"
	    "'round':0,'timeout':1,'promise':0}",
	    "{'type':'raft_snapshot','term':9,'index':100,'index_term':1,'done':true,'offset':0,'data':'nonsense','at':"
	    "0,"
	    "'round':0,'timeout':1,'promise':0}",
	    "{'type':'raft_snapshot_ok','term':9,'at':0,'round':0,'index':5,'offset':-5}",
	    "{'type':'raft_timeout_now'}",
	    "{'type':'raft_forward','id':-1,'incarnation':0,'query':false,'command':1}",
	    "{'type':'raft_forward','id':9223372036854775807,'incarnation':0,'query':false,'command':1}",
	    "{'type':'raft_forward_ok','id':1,'term':1,'body':7}",
	    "{'type':'raft_forward_ok','id':1,'term':1,'body':{}}",
	};
	struct world w;

	(void)state;
	open_world(&w, 3, 1, false);
	elect(&w);
	for (size_t i = 0; i < 3 * sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct buffer line = {0};

		buffer_printf(
		    &line, "{'src':'n%d','dest':'n%d','body':%s}", (int)(i + 1) % 3, (int)i % 3, bodies[i / 3]);
		for (size_t k = 0; k < line.length; k++)
			if (line.bytes[k] == '\'')
				line.bytes[k] = '"';
		world_feed(&w, (int)i % 3, buffer_string(&line));
		buffer_free(&line);
		world_run(&w, 20);
	}
	world_run(&w, 20000);
	expect_ok(&w, 1, write_body(7, 8), "write_ok");
	world_free(&w);
}

static const struct lie_type lies[] = {
    {"raft_vote", {{"pre", LIE_BOOL}, {"transfer", LIE_BOOL}, {"term", LIE_NUMBER}, {"last", LIE_NUMBER},
		      {"last_term", LIE_NUMBER}, {"at", LIE_NUMBER}}},
    {"raft_vote_ok", {{"pre", LIE_BOOL}, {"granted", LIE_BOOL}, {"term", LIE_NUMBER}, {"at", LIE_NUMBER},
			 {"last", LIE_NUMBER}, {"last_term", LIE_NUMBER}}},
    {"raft_append", {{"term", LIE_NUMBER}, {"prev", LIE_NUMBER}, {"prev_term", LIE_NUMBER}, {"commit", LIE_NUMBER},
			{"probe", LIE_BOOL}, {"answer", LIE_BOOL}, {"entries", LIE_ENTRIES}, {"reads", LIE_LIST},
			{"last", LIE_NUMBER}}},
    {"raft_append_ok", {{"term", LIE_NUMBER}, {"at", LIE_NUMBER}, {"round", LIE_NUMBER}, {"promise", LIE_NUMBER},
			   {"match", LIE_NUMBER}}},
    {"raft_append_ok", {{"term", LIE_NUMBER}, {"at", LIE_NUMBER}, {"round", LIE_NUMBER}, {"promise", LIE_NUMBER},
			   {"prev", LIE_NUMBER}, {"conflict", LIE_LIST}}},
    {"raft_snapshot", {{"term", LIE_NUMBER}, {"index", LIE_NUMBER}, {"index_term", LIE_NUMBER}, {"done", LIE_BOOL},
			  {"offset", LIE_NUMBER}, {"data", LIE_TEXT}}},
    {"raft_snapshot_ok", {{"term", LIE_NUMBER}, {"at", LIE_NUMBER}, {"round", LIE_NUMBER}, {"promise", LIE_NUMBER},
			     {"index", LIE_NUMBER}, {"offset", LIE_NUMBER}}},
    {"raft_timeout_now", {{"term", LIE_NUMBER}}},
    {"raft_forward", {{"id", LIE_NUMBER}, {"incarnation", LIE_NUMBER}, {"query", LIE_BOOL}, {"command", LIE_OBJECT},
			 {"term", LIE_NUMBER}, {"match", LIE_NUMBER}}},
    {"raft_forward_ok", {{"id", LIE_NUMBER}, {"term", LIE_NUMBER}, {"body", LIE_OBJECT}}},
};

/* Whatever else is in them, these come with what all messages of a leader have. */
static json_t *
marked(struct world *w, json_t *body)
{
	static const char *const marks[] = {"at", "round", "timeout", "promise"};

	for (size_t i = 0; i < 4; i++)
		if (json_object_get(body, marks[i]) == NULL)
			json_object_set_new(body, marks[i], json_integer(lie_number(w)));
	return body;
}

/* Nobody can be right after that, but all are there, and clients get answers. */
static void
outlives_any_lie(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < seeds(60); seed++) {
		struct world w;
		int64_t id;

		open_world(&w, (int[]){3, 5, 2}[seed % 3], seed, seed % 2 == 0);
		lie_claim_nothing(&w);
		elect(&w);
		for (int i = 0; i < w.count; i++) {
			raft_of(&w, i)->limits.log_entries = 4;
			raft_of(&w, i)->limits.chunk_bytes = 20;
		}
		for (int i = 0; i < 300; i++) {
			lie_tell(&w, lies, sizeof(lies) / sizeof(lies[0]), marked);
			if (i % 5 == 0)
				world_ask(&w, i % w.count, i % 2 == 0 ? write_body(i % 3, i) : read_body(i % 3));
			world_run(&w, (int64_t)random_below(&w.random, 60));
		}
		id = world_ask(&w, 0, read_body(0));
		world_run(&w, 5000);
		assert_non_null(world_reply(&w, id));
		world_free(&w);
	}
}

static void
is_for_nodes_only(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, 3, 1, false);
	elect(&w);
	assert_int_equal(code_of(kv(&w, 0, "{\"type\":\"raft_append\",\"term\":99}")), 10);
	assert_int_equal(code_of(kv(&w, 0, "{\"type\":\"raft_vote\",\"term\":99}")), 10);
	assert_true(raft_of(&w, 0)->term < 99);
	world_free(&w);
}

/* A restarted peer counts its forwards anew; what is repeated is performed once. */
static void
performs_a_forward_once(void **state)
{
	static const char *const line = "{\"src\":\"n%d\",\"dest\":\"n%d\",\"body\":{\"type\":\"raft_forward\",\"id\":%"
					"d,\"term\":9,\"incarnation\":%d,"
					"\"query\":false,\"command\":{\"key\":\"k\",\"value\":1},\"match\":0}}";
	static const struct {
		int id, incarnation, entries;
	} cases[] = {{5, 1, 1}, {5, 1, 0}, {4, 1, 1}, {4, 1, 0}, {5000, 1, 1}, {1, 1, 0}, {4999, 1, 1}, {5000, 1, 0},
	    {20000, 1, 1}, {5000, 1, 0}, {5000, 2, 1}, {5000, 2, 0}, {5064, 2, 1}, {5064, 2, 0}, {5063, 2, 1}};
	struct world w;
	int leader;

	(void)state;
	open_world(&w, 3, 1, false);
	leader = elect(&w);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t last = log_last(&raft_of(&w, leader)->log);
		char text[256];

		snprintf(text, sizeof(text), line, (leader + 1) % 3, leader, cases[i].id, cases[i].incarnation);
		world_feed(&w, leader, text);
		world_run(&w, 100);
		assert_int_equal(log_last(&raft_of(&w, leader)->log) - last, cases[i].entries);
	}
	world_free(&w);
}

/* The leader's leave to be voted for in spite of promises is for one term, not for the next attempt. */
static void
stands_again_without_leave(void **state)
{
	struct world w;
	struct raft *r;
	int leader, heir;
	char text[256];

	(void)state;
	open_world(&w, 3, 1, false);
	leader = elect(&w);
	heir = (leader + 1) % 3;
	w.latency_min_ms = w.latency_max_ms = 10;
	raft_transfer(raft_of(&w, leader), heir);
	r = raft_of(&w, heir);
	while (r->role != ROLE_CANDIDATE)
		world_run(&w, 1);
	assert_true(r->transferred);
	snprintf(text, sizeof(text),
	    "{\"src\":\"n%d\",\"dest\":\"n%d\",\"body\":{\"type\":\"raft_vote\",\"pre\":false,\"transfer\":false,"
	    "\"term\":%lld,\"last\":0,\"last_term\":0,\"at\":0}}",
	    (heir + 1) % 3, heir, (long long)r->term);
	world_feed(&w, heir, text);
	assert_int_equal(r->role, ROLE_CANDIDATE);
	assert_false(r->transferred);
	world_free(&w);
}

/* ---- the log ------------------------------------------------------------------------------------- */

static void
keeps_a_log(void **state)
{
	struct raft_log log = {0};

	(void)state;
	assert_int_equal(log_last(&log), 0);
	assert_int_equal(log_term(&log, 0), 0);
	assert_int_equal(log_term(&log, 1), -1);
	for (int i = 1; i <= 1000; i++) {
		log_append(&log, 1 + i / 100, json_integer(i));
		if (i % 10 == 0)
			log_compact(&log, i - 9);
	}
	assert_int_equal(log.base, 991);
	assert_int_equal(log_last(&log), 1000);
	assert_true(log.capacity <= 64);
	assert_int_equal(json_integer_value(log_at(&log, 995)->command), 995);
	assert_int_equal(log_term(&log, 991), 10);
	assert_int_equal(log_term(&log, 990), -1);
	assert_int_equal(log_term_end(&log, 1000, 10), 999);
	assert_int_equal(log_term_end(&log, 1000, 11), 1000);
	assert_int_equal(log_term_end(&log, 1000, 9), 990);
	log_truncate(&log, 995);
	assert_int_equal(log_last(&log), 995);
	log_truncate(&log, 991);
	assert_int_equal(log.bytes, 0);
	log_reset(&log, 5000, 77);
	assert_int_equal(log_last(&log), 5000);
	assert_int_equal(log_term(&log, 5000), 77);
	log_reset(&log, 0, 0);
}

static void
measures_latency(void **state)
{
	struct round_trips latency = {0};

	(void)state;
	assert_int_equal(round_trips_bound(&latency), 0);
	round_trips_sample(&latency, -1);
	assert_false(latency.known);
	round_trips_sample(&latency, 100);
	assert_int_equal(round_trips_bound(&latency), 200);
	for (int i = 0; i < 100; i++)
		round_trips_sample(&latency, 100);
	assert_in_range(round_trips_bound(&latency), 100, 110);
	for (int i = 0; i < 200; i++)
		round_trips_sample(&latency, i % 2 ? 0 : 400);
	assert_in_range(round_trips_bound(&latency), 800, 1100);
	for (int i = 0; i < 200; i++)
		round_trips_sample(&latency, 0);
	assert_in_range(round_trips_bound(&latency), 0, 10);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keeps_a_log),
	    cmocka_unit_test(measures_latency),
	    cmocka_unit_test(takes_any_json),
	    cmocka_unit_test(compares_and_sets),
	    cmocka_unit_test(stays_stable),
	    cmocka_unit_test(idles_with_heartbeats_only),
	    cmocka_unit_test(keeps_up_with_much),
	    cmocka_unit_test(recovers_from_a_partition),
	    cmocka_unit_test(goes_on_in_a_ring),
	    cmocka_unit_test(refuses_beyond_its_limits),
	    cmocka_unit_test(forgets_what_is_applied),
	    cmocka_unit_test(forgets_by_bytes),
	    cmocka_unit_test(shrugs_off_what_is_malformed),
	    cmocka_unit_test(outlives_any_lie),
	    cmocka_unit_test(is_for_nodes_only),
	    cmocka_unit_test(performs_a_forward_once),
	    cmocka_unit_test(stands_again_without_leave),
	    cmocka_unit_test(survives_faults),
	    cmocka_unit_test(survives_faults_with_leases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
