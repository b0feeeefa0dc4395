/* Maelstrom's network: who gets what, when; what partitions take away; what is counted and told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net.h"

/* ---- a network whose receivers write down what they get --------------------- */

static struct loop *loop;
static struct net *net;
static struct buffer seen;
static bool refusing; /* receivers can take no more */

static bool
receive(void *arg, const struct envelope *envelope)
{
	(void)arg;
	if (refusing)
		return false;
	buffer_printf(&seen, "%s>%s:%.*s@%lld ", envelope->src, envelope->dest, (int)envelope->length, envelope->body,
	    (long long)(loop_now(loop) / MS_NS));
	return true;
}

static void
make(int64_t mean_ms, enum latency_dist dist, uint64_t seed)
{
	const struct latency latency = {mean_ms, dist};

	loop = loop_new(CLOCK_VIRTUAL);
	net = net_new(loop, &latency, seed);
	seen.length = 0;
	refusing = false;
	for (const char *const *id = (const char *const[]){"n0", "n1", "n2", "lin-kv", "c0", "c1", NULL}; *id; id++)
		net_add(net, *id, receive, NULL);
}

static void
drop_all(void)
{
	net_free(net);
	loop_free(loop);
}

static int
set_up(void **state)
{
	(void)state;
	make(100, LATENCY_CONSTANT, 1);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	drop_all();
	buffer_free(&seen);
	return 0;
}

static void
send(const char *src, const char *dest, const char *body)
{
	assert_int_equal(net_send(net, src, dest, body, strlen(body)), NET_OK);
}

/* Things that happen at a time: {ms, src, dest, body}. No body: src is dropped by dest from now on; no src: heal. */
struct step {
	int64_t ms;
	const char *src, *dest, *body;
};

static void
step(void *arg)
{
	const struct step *what = arg;

	if (what->body != NULL)
		send(what->src, what->dest, what->body);
	else if (what->src != NULL)
		net_drop(net, what->src, what->dest, 1000);
	else
		net_heal(net);
}

static void
play(struct step *steps, size_t count)
{
	for (size_t i = 0; i < count; i++)
		loop_at(loop, steps[i].ms * MS_NS, step, &steps[i]);
	loop_run(loop);
}
#define PLAY(steps) play(steps, sizeof(steps) / sizeof((steps)[0]))

/* ---- addresses ------------------------------------------------------------------ */

static void
test_addresses_must_be_there(void **state)
{
	(void)state;
	assert_int_equal(net_send(net, "n9", "n0", "{}", 2), NET_UNKNOWN_SRC);
	assert_int_equal(net_send(net, "n0", "n9", "{}", 2), NET_UNKNOWN_DEST);
	assert_int_equal(net_send(net, "n9", "n9", "{}", 2), NET_UNKNOWN_SRC);
	assert_int_equal(net_send(net, "", "n0", "{}", 2), NET_UNKNOWN_SRC);
	net_drop(net, "n8", "n0", 1000); /* does not bring n8 into being */
	assert_int_equal(net_send(net, "n8", "n0", "{}", 2), NET_UNKNOWN_SRC);
	assert_false(net_knows(net, "n8"));
	assert_true(net_knows(net, "lin-kv"));
	loop_run(loop);
	assert_int_equal(seen.length, 0);
	assert_int_equal(net_stats(net)->all.sent, 0);
}

static void
test_delivery_is_never_from_within_send(void **state)
{
	(void)state;
	send("c0", "n0", "1");
	assert_int_equal(seen.length, 0);
	loop_run(loop);
	assert_string_equal(buffer_string(&seen), "c0>n0:1@0 ");
}

static void
test_what_waits_for_the_removed_is_lost(void **state)
{
	struct endpoint *gone = net_add(net, "n7", receive, NULL);

	(void)state;
	assert_string_equal(endpoint_id(gone), "n7");
	assert_int_equal(endpoint_incarnation(gone), 0);
	send("n0", "n7", "1");
	send("n0", "n7", "2");
	send("n7", "n0", "3");
	net_remove(net, gone);
	assert_false(net_knows(net, "n7"));
	assert_int_equal(net_send(net, "n0", "n7", "{}", 2), NET_UNKNOWN_DEST);
	assert_int_equal(net_send(net, "n7", "n0", "{}", 2), NET_UNKNOWN_SRC);
	gone = net_add(net, "n7", receive, NULL);
	assert_int_equal(endpoint_incarnation(gone), 1);
	send("n0", "n7", "4");
	loop_run(loop);
	assert_string_equal(buffer_string(&seen), "n7>n0:3@100 n0>n7:4@100 ");
	assert_int_equal(net_queued_bytes(net), 0);
}

/* Memory of packets is used again, if it is of their size, and only so much of it is kept. */
static void
test_messages_of_all_lengths(void **state)
{
	struct buffer expected = {0}, body = {0};

	(void)state;
	for (int round = 0; round < 4; round++) {
		seen.length = expected.length = 0;
		for (int i = 0; i < 6000; i++) {
			int length = (i + round) * 7 % (i % 50 == 0 ? 1000 : 200);

			body.length = 0;
			buffer_printf(&body, "{\"%d\":\"%0*d\"}", i, length + 1, round);
			send("n0", "n1", buffer_string(&body));
			buffer_printf(&expected, "n0>n1:%s@%d ", body.bytes, 100 * (round + 1));
		}
		loop_run(loop);
		assert_string_equal(buffer_string(&seen), buffer_string(&expected));
		assert_int_equal(net_queued_bytes(net), 0);
	}
	buffer_free(&expected);
	buffer_free(&body);
}

/* ---- time -------------------------------------------------------------------------- */

static void
test_latency_is_for_servers_only(void **state)
{
	(void)state;
	send("n0", "n1", "1");
	send("n1", "lin-kv", "2");
	send("lin-kv", "n2", "3");
	send("c0", "n0", "4");
	send("n0", "c0", "5");
	send("c0", "c1", "6");
	send("c0", "lin-kv", "7"); /* waits behind 2, which its reader has taken */
	send("n0", "n0", "8");     /* behind 4, which is due at once */
	loop_run(loop);
	assert_string_equal(buffer_string(&seen),
	    "c0>n0:4@0 n0>c0:5@0 c0>c1:6@0 n0>n1:1@100 n1>lin-kv:2@100 c0>lin-kv:7@100 "
	    "lin-kv>n2:3@100 n0>n0:8@100 ");
}

/* One message at a time: a client's request does see the latency of what its node is waiting for. */
static void
test_nothing_overtakes_what_was_taken(void **state)
{
	struct step steps[] = {
	    {0, "n1", "n0", "taken"},
	    {10, "n2", "n0", "later"},
	    {20, "c0", "n0", "client"},
	    {30, "c1", "n0", "second"},
	    {150, "c1", "n0", "free"},
	};

	(void)state;
	PLAY(steps);
	/* When `taken` is gone, the earliest deadline comes next, and then `later` is not due before 110. */
	assert_string_equal(
	    buffer_string(&seen), "n1>n0:taken@100 c0>n0:client@100 c1>n0:second@100 n2>n0:later@110 c1>n0:free@150 ");
}

static void
test_equal_deadlines_keep_their_order(void **state)
{
	(void)state;
	for (int i = 0; i < 200; i++) {
		char body[16];

		snprintf(body, sizeof(body), "%d", i);
		send("n1", "n0", body);
	}
	loop_run(loop);
	for (const char *at = buffer_string(&seen), *i = NULL; (at = strchr(at, ':')) != NULL; at++, i = at)
		assert_true(i == NULL || atoi(at + 1) == atoi(i) + 1);
	assert_int_equal(net_stats(net)->servers.received, 200);
}

/* The latencies drawn, seen at 3000 receivers each of which has but one message. */
static void
measure(int64_t mean_ms, enum latency_dist dist, int64_t *sum, int64_t *least, int64_t *most, int64_t *distinct)
{
	enum { DRAWS = 3000 };
	static bool drawn[100000];
	int64_t before = 0;

	make(mean_ms, dist, 1);
	*sum = *distinct = *most = 0;
	*least = INT64_MAX;
	memset(drawn, 0, sizeof(drawn));
	for (int i = 0; i < DRAWS; i++) {
		int64_t ms;

		send("n0", "n1", "{}");
		loop_run(loop);
		ms = loop_now(loop) / MS_NS - before;
		assert_int_equal(loop_now(loop) % MS_NS, 0);
		assert_true(ms < 100000);
		before += ms;
		*sum += ms;
		*least = ms < *least ? ms : *least;
		*most = ms > *most ? ms : *most;
		*distinct += !drawn[ms];
		drawn[ms] = true;
	}
	*sum /= DRAWS;
	drop_all();
}

static void
test_latency_distributions(void **state)
{
	int64_t mean, least, most, distinct;

	(void)state;
	measure(7, LATENCY_CONSTANT, &mean, &least, &most, &distinct);
	assert_true(mean == 7 && least == 7 && most == 7);
	measure(0, LATENCY_CONSTANT, &mean, &least, &most, &distinct);
	assert_true(mean == 0 && most == 0);
	measure(10, LATENCY_UNIFORM, &mean, &least, &most, &distinct);
	assert_true(least == 0 && most == 19 && distinct == 20);
	assert_in_range(mean, 9, 10);
	measure(100, LATENCY_UNIFORM, &mean, &least, &most, &distinct);
	assert_in_range(mean, 97, 102);
	assert_in_range(most, 195, 199);
	measure(0, LATENCY_UNIFORM, &mean, &least, &most, &distinct);
	assert_int_equal(most, 0);
	measure(100, LATENCY_EXPONENTIAL, &mean, &least, &most, &distinct);
	assert_in_range(mean, 95, 104);
	assert_in_range(most, 500, 1500);
	assert_int_equal(least, 0);
	measure(0, LATENCY_EXPONENTIAL, &mean, &least, &most, &distinct);
	assert_int_equal(most, 0);
	make(0, LATENCY_CONSTANT, 1); /* for tear_down() */
}

/* ---- partitions ---------------------------------------------------------------------- */

static void
test_partition_is_tested_when_taken(void **state)
{
	struct step steps[] = {
	    {0, "n1", "n0", "taken"},    /* its reader is idle: taken at once */
	    {1, "n1", "n0", "in-queue"}, /* taken at 100, within the partition */
	    {50, "n1", "n0", NULL},      /* partition */
	    {51, "n2", "n0", "other"},   /* of another */
	    {60, "n0", "n1", "one-way"}, /* it is one-way */
	    {200, "n1", "n0", "lost"},   /* idle again: taken and dropped at once */
	    {201, NULL, NULL, NULL},     /* heal: too late for `lost` */
	    {202, "n1", "n0", "through"},
	};

	(void)state;
	PLAY(steps);
	assert_string_equal(
	    buffer_string(&seen), "n1>n0:taken@100 n2>n0:other@151 n0>n1:one-way@160 n1>n0:through@302 ");
	assert_int_equal(net_stats(net)->dropped, 2);
	assert_int_equal(net_stats(net)->all.sent, 6);
	assert_int_equal(net_stats(net)->all.received, 4);
	assert_int_equal(net_queued_bytes(net), 0);
}

static void
test_what_waits_is_saved_by_healing(void **state)
{
	struct step steps[] = {
	    {0, "n2", "n0", "first"},
	    {1, "n1", "n0", "second"}, /* waits behind `first` until 100 */
	    {10, "n1", "n0", NULL},
	    {90, NULL, NULL, NULL},
	};

	(void)state;
	PLAY(steps);
	assert_string_equal(buffer_string(&seen), "n2>n0:first@100 n1>n0:second@101 ");
}

static void
test_partition_outlives_a_restart(void **state)
{
	char id[16];

	(void)state;
	for (int i = 100; i < 200; i++) { /* numbers beyond a word of the set */
		snprintf(id, sizeof(id), "m%d", i);
		net_add(net, id, receive, NULL);
	}
	net_drop(net, "m199", "m100", 1000);
	net_remove(net, net_add(net, "n9", receive, NULL));
	send("m199", "m100", "lost");
	send("m198", "m100", "kept");
	net_heal(net);
	net_drop(net, "m100", "m199", 1000); /* a smaller set than before */
	send("m199", "m100", "healed");
	loop_run(loop);
	assert_string_equal(buffer_string(&seen), "m198>m100:kept@100 m199>m100:healed@100 ");
}

/* ---- receivers that do things ---------------------------------------------------------- */

static struct endpoint *mill;
static int turns;

/* Sends to itself, to be delivered after it has returned. */
static bool
to_itself(void *arg, const struct envelope *envelope)
{
	(void)arg;
	receive(NULL, envelope);
	if (--turns > 0)
		send("mill", "mill", "again");
	return true;
}

static bool
leave(void *arg, const struct envelope *envelope)
{
	(void)arg;
	receive(NULL, envelope);
	net_remove(net, mill);
	assert_int_equal(envelope->length, 3); /* still there */
	return true;
}

static bool
return_again(void *arg, const struct envelope *envelope)
{
	leave(arg, envelope);
	mill = net_add(net, "mill", receive, NULL);
	send("n0", "mill", "new");
	return true;
}

static void
test_receivers_may_send_to_themselves(void **state)
{
	(void)state;
	mill = net_add(net, "mill", to_itself, NULL);
	turns = 3;
	send("c0", "mill", "one");
	loop_run(loop);
	assert_string_equal(buffer_string(&seen), "c0>mill:one@0 mill>mill:again@100 mill>mill:again@200 ");
}

static void
test_receivers_may_leave(void **state)
{
	(void)state;
	mill = net_add(net, "mill", leave, NULL);
	send("c0", "mill", "one");
	send("c0", "mill", "two");
	loop_run(loop);
	assert_string_equal(buffer_string(&seen), "c0>mill:one@0 ");
	mill = net_add(net, "mill", return_again, NULL);
	send("c0", "mill", "one");
	send("c0", "mill", "two");
	loop_run(loop);
	assert_string_equal(buffer_string(&seen), "c0>mill:one@0 c0>mill:one@0 n0>mill:new@100 ");
	assert_int_equal(net_queued_bytes(net), 0);
}

static void
resume(void *arg)
{
	refusing = false;
	endpoint_resume(arg);
	endpoint_resume(arg);
}

static void
test_who_can_take_no_more_gets_it_later(void **state)
{
	(void)state;
	mill = net_add(net, "mill", receive, NULL);
	endpoint_resume(mill); /* nothing waits: nothing happens */
	refusing = true;
	send("c0", "mill", "1");
	send("n0", "mill", "2");
	send("c0", "mill", "3");
	loop_at(loop, 50 * MS_NS, resume, mill);
	loop_run(loop);
	assert_string_equal(buffer_string(&seen), "c0>mill:1@50 c0>mill:3@50 n0>mill:2@100 ");
	assert_int_equal(net_stats(net)->all.received, 3);
	refusing = true;
	send("c0", "mill", "4");
	loop_run(loop); /* ends: nothing is left to happen */
	net_remove(net, mill);
	assert_int_equal(net_queued_bytes(net), 0);
}

static void
test_who_pauses_receives_later(void **state)
{
	(void)state;
	mill = net_add(net, "mill", receive, NULL);
	endpoint_pause(mill);
	send("c0", "mill", "1");
	send("c0", "mill", "2");
	loop_run(loop);
	assert_int_equal(net_stats(net)->all.received, 0);
	loop_at(loop, 50 * MS_NS, resume, mill);
	loop_run(loop);
	assert_string_equal(buffer_string(&seen), "c0>mill:1@50 c0>mill:2@50 ");
	assert_int_equal(net_stats(net)->all.received, 2);
	endpoint_pause(mill);
	net_remove(net, mill);
	mill = net_add(net, "mill", receive, NULL); /* who comes again has not paused */
	send("c0", "mill", "3");
	loop_run(loop);
	assert_int_equal(net_stats(net)->all.received, 3);
}

/* ---- limits ------------------------------------------------------------------------------ */

static void
test_floods_are_refused(void **state)
{
	char *body = calloc(1, 1000);

	(void)state;
	net_limit(net, 3000, 4500);
	assert_int_equal(net_send(net, "n0", "n1", body, 1000), NET_OK);
	assert_int_equal(net_send(net, "n0", "n1", body, 1000), NET_OK);
	assert_int_equal(net_send(net, "n0", "n1", body, 1000), NET_FLOODED);
	assert_int_equal(net_send(net, "n0", "n1", body, 500), NET_OK);
	assert_int_equal(net_send(net, "n0", "n2", body, 1000), NET_OK);
	assert_int_equal(net_send(net, "n0", "n2", body, 1000), NET_FLOODED); /* all together */
	assert_int_equal(net_stats(net)->all.sent, 4);
	assert_in_range(net_queued_bytes(net), 3500, 4000);
	loop_run(loop);
	assert_int_equal(net_queued_bytes(net), 0);
	assert_int_equal(net_send(net, "n0", "n1", body, 1000), NET_OK);
	assert_int_equal(NET_BYTES_MAX, 1 << 30);
	free(body);
}

/* ---- what is told ------------------------------------------------------------------------- */

/* ---- loss, duplicates, delays -------------------------------------------------------- */

#define SENDS 2000

/* Sends so many messages from each to each, in all directions between n0, n1, lin-kv and c0. */
static void
send_around(void)
{
	static const char *const pairs[][2] = {
	    {"n0", "n1"}, {"n1", "n0"}, {"n1", "n2"}, {"n0", "lin-kv"}, {"lin-kv", "n0"}, {"c0", "n0"}, {"n0", "c0"}};

	for (int i = 0; i < SENDS; i++)
		for (size_t k = 0; k < sizeof(pairs) / sizeof(pairs[0]); k++)
			send(pairs[k][0], pairs[k][1], "m");
	loop_run(loop);
}

/* How many came from src to dest. */
static int
came(const char *src, const char *dest)
{
	char prefix[32];
	int count = 0;

	snprintf(prefix, sizeof(prefix), "%s>%s:", src, dest);
	for (const char *at = buffer_string(&seen); (at = strstr(at, prefix)) != NULL; at += strlen(prefix))
		count++;
	return count;
}

/* Of a node's messages with other nodes so many are lost; clients and services are not touched. */
static void
test_loss(void **state)
{
	(void)state;
	net_lose(net, "n0", 300);
	send_around();
	assert_in_range(came("n0", "n1"), 7 * SENDS / 10 - 90, 7 * SENDS / 10 + 90);
	assert_in_range(came("n1", "n0"), 7 * SENDS / 10 - 90, 7 * SENDS / 10 + 90);
	assert_int_equal(came("n1", "n2"), SENDS);
	assert_int_equal(came("n0", "lin-kv"), SENDS);
	assert_int_equal(came("lin-kv", "n0"), SENDS);
	assert_int_equal(came("c0", "n0"), SENDS);
	assert_int_equal(came("n0", "c0"), SENDS);
	assert_int_equal(net_stats(net)->dropped, 2 * SENDS - came("n0", "n1") - came("n1", "n0"));
	assert_int_equal(net_queued_bytes(net), 0);

	seen.length = 0;
	net_lose(net, "n0", 0);
	send_around();
	assert_int_equal(came("n0", "n1") + came("n1", "n0"), 2 * SENDS);
}

/* Of both ends' rates the higher counts, and a rate of 1000 is all. */
static void
test_loss_at_both_ends(void **state)
{
	(void)state;
	net_lose(net, "n0", 100);
	net_lose(net, "n1", 1000);
	send_around();
	assert_int_equal(came("n0", "n1") + came("n1", "n0") + came("n1", "n2"), 0);
}

static void
test_duplicates(void **state)
{
	(void)state;
	net_duplicate(net, "n0", 250, 10);
	send_around();
	assert_in_range(came("n0", "n1"), 5 * SENDS / 4 - 90, 5 * SENDS / 4 + 90);
	assert_in_range(came("n1", "n0"), 5 * SENDS / 4 - 90, 5 * SENDS / 4 + 90);
	assert_int_equal(came("n1", "n2"), SENDS);
	assert_int_equal(came("n0", "lin-kv"), SENDS);
	assert_int_equal(came("lin-kv", "n0"), SENDS);
	assert_int_equal(came("c0", "n0"), SENDS);
	assert_int_equal(came("n0", "c0"), SENDS);
	assert_int_equal(net_stats(net)->duplicated, came("n0", "n1") + came("n1", "n0") - 2 * SENDS);
	assert_int_equal(net_stats(net)->all.sent, 7 * SENDS); /* nobody sent them */
	assert_int_equal(net_queued_bytes(net), 0);
}

/* The copy comes later, by a time of its own, and behind what was sent after the first. */
static void
test_a_duplicate_is_late(void **state)
{
	(void)state;
	net_duplicate(net, "n0", 1000, 1000);
	send("n0", "n1", "1");
	net_duplicate(net, "n0", 0, 0);
	send("n0", "n1", "2");
	loop_run(loop);
	assert_memory_equal(buffer_string(&seen), "n0>n1:1@100 n0>n1:2@100 n0>n1:1@", 32);
	assert_in_range(atoi(buffer_string(&seen) + 32), 101, 4100);
}

/* Later by the mean and at most four times that, in another order; with services too, but not with clients. */
static void
test_slow(void **state)
{
	int64_t sum = 0, last = 0, longest = 0;
	int overtaken = 0;

	(void)state;
	net_slow(net, "n0", 200);
	for (int i = 0; i < SENDS; i++)
		send("n0", "n1", "m");
	for (int i = 0; i < SENDS; i++)
		send("n1", "n2", "m");
	send("c0", "n0", "m");
	send("n0", "c0", "m");
	send("lin-kv", "n0", "m");
	loop_run(loop);
	assert_non_null(strstr(buffer_string(&seen), "c0>n0:m@0 "));
	assert_non_null(strstr(buffer_string(&seen), "n0>c0:m@0 "));
	assert_null(strstr(buffer_string(&seen), "lin-kv>n0:m@100 "));
	for (const char *at = buffer_string(&seen); (at = strchr(at, '@')) != NULL; at++) {
		int64_t time = atoll(at + 1);

		if (memcmp(at - 7, "n0>n1:m", 7) != 0)
			continue;
		sum += time - 100;
		longest = time > longest ? time : longest;
		last = time;
	}
	assert_int_equal(came("n0", "n1"), SENDS);
	assert_in_range(sum / SENDS, 180, 210);
	assert_int_equal(longest, 900);
	assert_int_equal(last, longest);
	for (const char *at = buffer_string(&seen); (at = strstr(at, "n1>n2:m@")) != NULL; at += 8)
		overtaken += atoi(at + 8) != 100;
	assert_int_equal(overtaken, 0);
}

/* One that is late stops nobody who is not, and the one behind it is not late itself. */
static void
test_slow_reorders(void **state)
{
	(void)state;
	net_slow(net, "n0", 100000);
	send("n0", "n1", "slow");
	net_slow(net, "n0", 0);
	send("n0", "n1", "fast");
	send("c0", "n1", "client");
	loop_run(loop);
	assert_memory_equal(buffer_string(&seen), "n0>n1:fast@100 c0>n1:client@100 n0>n1:slow@", 43);
}

/* What is held back goes with the receiver. */
static void
test_what_is_late_for_the_removed_is_lost(void **state)
{
	struct endpoint *n5;

	(void)state;
	n5 = net_add(net, "n5", receive, NULL);
	net_slow(net, "n5", 1000);
	send("n0", "n5", "1");
	send("n0", "n5", "2");
	net_remove(net, n5);
	net_add(net, "n5", receive, NULL);
	assert_int_equal(net_queued_bytes(net), 0);
	loop_run(loop);
	assert_int_equal(seen.length, 0);
	send("n0", "n5", "3"); /* and with the network */
}

/* A fault's draws are its own: what else happens is as without it. */
static void
test_faults_have_their_own_streams(void **state)
{
	char *without = NULL, *with;

	(void)state;
	for (int i = 0; i < 2; i++) {
		drop_all();
		make(100, LATENCY_EXPONENTIAL, 7);
		if (i > 0) {
			net_lose(net, "n0", 500);
			net_duplicate(net, "n0", 500, 5);
			net_slow(net, "n0", 500);
		}
		for (int k = 0; k < 20; k++) {
			send("n0", "n1", "x");
			send("n2", "lin-kv", "y");
		}
		loop_run(loop);
		for (char *at = seen.bytes; (at = strstr(at, "n0>n1")) != NULL;)
			memmove(at, strchr(at, ' ') + 1, strlen(strchr(at, ' ') + 1) + 1);
		if (i == 0)
			without = strdup(buffer_string(&seen));
	}
	with = seen.bytes;
	assert_string_equal(with, without);
	free(without);
}

static void
nothing(void *arg)
{
	(void)arg;
}

/* What is due, taken or not, is lost; what is on the way is not. */
static void
test_lose_what_waits(void **state)
{
	struct endpoint *n5 = net_add(net, "n5", receive, NULL);

	(void)state;
	endpoint_pause(n5);
	send("c0", "n5", "1");
	send("c0", "n5", "2");
	send("n0", "n5", "3");
	loop_at(loop, 100 * MS_NS, nothing, NULL);
	loop_run(loop);
	send("n0", "n5", "4");
	endpoint_lose(n5);
	endpoint_resume(n5);
	loop_run(loop);
	assert_string_equal(buffer_string(&seen), "n0>n5:4@200 ");
	assert_int_equal(net_stats(net)->dropped, 3);
	assert_int_equal(net_queued_bytes(net), 0);

	seen.length = 0;
	refusing = true;
	send("c0", "n5", "5");
	loop_run(loop);
	endpoint_lose(n5);
	refusing = false;
	send("c0", "n5", "6");
	loop_run(loop);
	assert_string_equal(buffer_string(&seen), "c0>n5:6@200 ");
}

/* A flaky way loses a part, and at the same time others are whole. */
static void
test_flaky_ways(void **state)
{
	(void)state;
	net_drop(net, "n0", "n1", 400);
	send_around();
	assert_in_range(came("n0", "n1"), 6 * SENDS / 10 - 90, 6 * SENDS / 10 + 90);
	assert_int_equal(came("n1", "n0"), SENDS);
}

static void
test_a_closed_client_is_one_that_was_there(void **state)
{
	struct endpoint *c5 = net_add(net, "c5", receive, NULL), *n5 = net_add(net, "n5", receive, NULL);

	(void)state;
	assert_int_equal(net_send(net, "n0", "c6", "{}", 2), NET_UNKNOWN_DEST);
	net_remove(net, c5);
	net_remove(net, n5);
	assert_int_equal(net_send(net, "n0", "c5", "{}", 2), NET_CLOSED_CLIENT);
	assert_int_equal(net_send(net, "n0", "n5", "{}", 2), NET_UNKNOWN_DEST);
	assert_int_equal(net_send(net, "c5", "n0", "{}", 2), NET_UNKNOWN_SRC);
}

static void
test_counts(void **state)
{
	const struct net_stats *stats = net_stats(net);

	(void)state;
	send("c0", "n0", "1");
	send("n0", "n1", "2");
	send("n1", "lin-kv", "3");
	send("n0", "c0", "4");
	net_drop(net, "n1", "n2", 1000);
	send("n1", "n2", "5");
	assert_int_equal(stats->all.sent, 5);
	assert_int_equal(stats->all.received, 0);
	loop_run(loop);
	assert_int_equal(stats->all.received, 4);
	assert_int_equal(stats->clients.sent, 2);
	assert_int_equal(stats->clients.received, 2);
	assert_int_equal(stats->servers.sent, 3);
	assert_int_equal(stats->servers.received, 2);
	assert_int_equal(stats->dropped, 1);
}

static void
test_journal(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	(void)state;
	net_add(net, "a \"b\"\n", receive, NULL);
	net_journal(net, file);
	send("n0", "n1", "{\"type\":\"x\"}");
	net_drop(net, "n1", "n2", 1000);
	send("n1", "n2", "{}");
	send("c0", "a \"b\"\n", "{}");
	loop_run(loop);
	net_journal(net, NULL);
	send("n0", "n1", "{}");
	fclose(file);
	assert_string_equal(text,
	    "{\"type\":\"send\",\"time\":0,\"id\":0,\"message\":{\"src\":\"n0\",\"dest\":\"n1\",\"body\":{\"type\":"
	    "\"x\"}}}\n"
	    "{\"type\":\"send\",\"time\":0,\"id\":1,\"message\":{\"src\":\"n1\",\"dest\":\"n2\",\"body\":{}}}\n"
	    "{\"type\":\"send\",\"time\":0,\"id\":2,\"message\":{\"src\":\"c0\",\"dest\":\"a "
	    "\\\"b\\\"\\n\",\"body\":{}}}\n"
	    "{\"type\":\"recv\",\"time\":0,\"id\":2,\"message\":{\"src\":\"c0\",\"dest\":\"a "
	    "\\\"b\\\"\\n\",\"body\":{}}}\n"
	    "{\"type\":\"recv\",\"time\":100000000,\"id\":0,\"message\":{\"src\":\"n0\",\"dest\":\"n1\",\"body\":"
	    "{\"type\":\"x\"}}}\n");
	free(text);
}

static void
test_envelope_write(void **state)
{
	static const char rest[] = "\"src\":\"c\\t1\",\"dest\":\"n0\",\"body\":{\"a\":1}}xxx";
	const struct envelope envelope = {.id = 42, .text = rest, .text_length = sizeof(rest) - 4};
	struct buffer text = {0};

	(void)state;
	envelope_write(&text, &envelope);
	assert_string_equal(buffer_string(&text), "{\"id\":42,\"src\":\"c\\t1\",\"dest\":\"n0\",\"body\":{\"a\":1}}");
	buffer_free(&text);
}

static void
test_log(void **state)
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	char text[400] = "";

	(void)state;
	assert_non_null(file);
	dup2(fileno(file), STDERR_FILENO);
	net_log(net, true, false);
	send("c0", "n0", "{\"a\":1}");
	loop_run(loop);
	net_log(net, false, true);
	send("c0", "n0", "{\"b\":1}");
	loop_run(loop);
	net_log(net, false, false);
	send("c0", "n0", "{\"c\":1}");
	loop_run(loop);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
	assert_string_equal(text, ":send {\"id\":0,\"src\":\"c0\",\"dest\":\"n0\",\"body\":{\"a\":1}}\n"
				  ":recv {\"id\":1,\"src\":\"c0\",\"dest\":\"n0\",\"body\":{\"b\":1}}\n");
	fclose(file);
}

/* ---- the hash --------------------------------------------------------------------------------- */

static uint64_t
hash_of_run(uint64_t seed, const char *body, bool partition)
{
	uint64_t hash;

	drop_all();
	make(50, LATENCY_EXPONENTIAL, seed);
	if (partition)
		net_drop(net, "n2", "n1", 1000);
	for (int i = 0; i < 20; i++) {
		send("n0", "n1", body);
		send("n2", "n1", body);
	}
	loop_run(loop);
	hash = loop_hash(loop);
	return hash;
}

static void
test_same_seed_same_hash(void **state)
{
	uint64_t hash = hash_of_run(1, "{\"a\":1}", false);

	(void)state;
	assert_int_equal(hash, hash_of_run(1, "{\"a\":1}", false));
	assert_int_not_equal(hash, hash_of_run(2, "{\"a\":1}", false));
	assert_int_not_equal(hash, hash_of_run(1, "{\"a\":2}", false));
	assert_int_not_equal(hash, hash_of_run(1, "{\"a\":1}", true));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_addresses_must_be_there, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_delivery_is_never_from_within_send, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_what_waits_for_the_removed_is_lost, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_messages_of_all_lengths, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_latency_is_for_servers_only, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_nothing_overtakes_what_was_taken, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_equal_deadlines_keep_their_order, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_latency_distributions, NULL, tear_down),
	    cmocka_unit_test_setup_teardown(test_partition_is_tested_when_taken, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_what_waits_is_saved_by_healing, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_partition_outlives_a_restart, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_receivers_may_send_to_themselves, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_receivers_may_leave, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_who_can_take_no_more_gets_it_later, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_who_pauses_receives_later, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_floods_are_refused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_loss, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_loss_at_both_ends, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_duplicates, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_duplicate_is_late, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_slow, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_slow_reorders, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_what_is_late_for_the_removed_is_lost, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_faults_have_their_own_streams, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_lose_what_waits, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_flaky_ways, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_closed_client_is_one_that_was_there, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_counts, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_journal, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_envelope_write, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_log, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_same_seed_same_hash, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
