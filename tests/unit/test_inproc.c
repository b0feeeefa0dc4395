/* Simulated nodes: the real runtime on virtual time, with what it prints judged like anyone's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node.h"
#include "server.h"

/* ---- a program with something for every test ------------------------------------- */

struct state {
	int64_t size;
	int ticks;
	int found; /* records */
};

static void
begin(struct node *node)
{
	while (node_next_record(node) != NULL)
		((struct state *)node_state(node))->found++;
}

/* Stores a record, syncs it perhaps, and tells how many there were at the start. */
static void
on_store(struct node *node, const struct message *message)
{
	node_append(node, json_string("a record"));
	if (json_is_true(json_object_get(message->body, "sync")))
		node_sync(node);
	node_reply(node, message,
	    json_pack("{s:s, s:i}", "type", "store_ok", "found", ((struct state *)node_state(node))->found));
}

static void
on_fail(struct node *node, const struct message *message)
{
	node_reply_type(node, message, "fail_ok");
	node_fail(node, "as asked");
}

static void
on_echo(struct node *node, const struct message *message)
{
	node_reply(node, message,
	    json_pack("{s:s, s:I}", "type", "echo_ok", "size", (json_int_t)((struct state *)node_state(node))->size));
}

static void
on_facts(struct node *node, const struct message *message)
{
	node_reply(node, message,
	    json_pack("{s:s, s:I, s:I, s:I}", "type", "facts_ok", "now", (json_int_t)node_now_ms(node), "wall",
		(json_int_t)node_wall_ms(node), "random", (json_int_t)(node_random(node, 0) >> 2)));
}

static void
tick(struct node *node, void *arg)
{
	struct state *state = node_state(node);

	node_log(node, LOG_LEVEL_INFO, "tick %d", ++state->ticks);
	node_send(node, "c0", json_pack("{s:s, s:i}", "type", "tick", "n", state->ticks));
	if (state->ticks < 3)
		node_after(node, 250, tick, arg, NULL);
}

static void
on_start_ticks(struct node *node, const struct message *message)
{
	(void)message;
	node_after(node, 100, tick, NULL, NULL);
}

/* Sends to whom "to" names, as often as "times" says. */
static void
on_send(struct node *node, const struct message *message)
{
	const char *to;
	int times;

	if (!node_unpack(node, message, "{s:s, s:i}", "to", &to, "times", &times))
		return;
	while (times-- > 0)
		node_send(node, to, json_pack("{s:s}", "type", "hello"));
}

static const struct route routes[] = {{"echo", on_echo}, {"facts", on_facts}, {"ticks", on_start_ticks},
    {"send", on_send}, {"store", on_store}, {"fail", on_fail}, {NULL, NULL}};
static const struct option_spec specs[] = {{.name = "size",
					       .help = "a number",
					       .type = OPTION_INT,
					       .offset = offsetof(struct state, size),
					       .initial = 1,
					       .max = 9},
    {.name = NULL}};
static const struct program program = {
    .name = "fixture", .state_size = sizeof(struct state), .start = begin, .routes = routes, .options = specs};

/* ---- a world with one node and a client -------------------------------------------- */

static struct test_options options;
static struct loop *loop;
static struct net *net;
static struct server *server;
static struct disk *disk;
static struct buffer error, received, offences, death;
static bool stop_at_offence;
static FILE *log_file;

static bool
receive(void *arg, const struct envelope *envelope)
{
	(void)arg;
	if (received.length < 10000)
		buffer_printf(&received, "%lld: %.*s\n", (long long)(loop_now(loop) / MS_NS), (int)envelope->length,
		    envelope->body);
	return true;
}

static void
on_offence(void *arg, struct server *from, const char *line, size_t length, const char *cause)
{
	(void)arg;
	assert_ptr_equal(from, server);
	buffer_printf(&offences, "%lld: [%.*s] %s\n", (long long)(loop_now(loop) / MS_NS), (int)length, line, cause);
	if (stop_at_offence) {
		server_stop(server);
		server = NULL;
	}
}

static void
on_death(void *arg, struct server *from, const char *how)
{
	(void)arg;
	assert_ptr_equal(from, server);
	buffer_printf(&death, "%s\n", how);
}

static void
stop(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

static const struct server_events events = {.offence = on_offence, .died = on_death, .arg = NULL};

static void
start(uint64_t seed, int index)
{
	server = server_inproc(loop, net, &options, "n0", seed, index, disk, log_file, &events, &error);
	if (server == NULL)
		fail_msg("%s", buffer_string(&error));
}

static int
set_up(void **state)
{
	const struct latency latency = {0, LATENCY_CONSTANT};

	(void)state;
	options = (struct test_options){.program = &program, .program_name = "fixture"};
	loop = loop_new(CLOCK_VIRTUAL);
	net = net_new(loop, &latency, 1);
	net_add(net, "c0", receive, NULL);
	net_add(net, "c1", receive, NULL);
	stop_at_offence = false;
	log_file = NULL;
	disk = disk_new(1, 0);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	server_stop(server);
	server = NULL;
	disk_free(disk);
	net_free(net);
	loop_free(loop);
	buffer_free(&error);
	buffer_free(&received);
	buffer_free(&offences);
	buffer_free(&death);
	return 0;
}

static void
send(const char *body)
{
	assert_int_equal(net_send(net, "c0", "n0", body, strlen(body)), NET_OK);
	loop_run(loop);
}

/* From a client other than c0, whose messages say that everybody exists. */
static void
init(void)
{
	static const char body[] = "{\"type\":\"init\",\"node_id\":\"n0\",\"node_ids\":[\"n0\",\"n1\"],\"msg_id\":1}";

	assert_int_equal(net_send(net, "c1", "n0", body, sizeof(body) - 1), NET_OK);
	loop_run(loop);
	assert_non_null(strstr(buffer_string(&received), "init_ok"));
	received.length = 0;
}

/* ---- running --------------------------------------------------------------------------- */

static void
test_it_answers(void **state)
{
	(void)state;
	start(1, 0);
	assert_string_equal(server_id(server), "n0");
	init();
	send("{\"type\":\"echo\",\"msg_id\":1}");
	assert_non_null(strstr(buffer_string(&received), "\"size\":1"));
	assert_int_equal(offences.length, 0);
}

static void
test_arguments(void **state)
{
	static char size[] = "--size", nine[] = "9", ten[] = "10", help[] = "--help", unknown[] = "--unknown";
	char *good[] = {size, nine, NULL}, *bad[] = {size, ten, NULL}, *stray[] = {unknown, NULL},
	     *ask[] = {help, NULL};

	(void)state;
	options.args = bad;
	assert_null(server_inproc(loop, net, &options, "n0", 1, 0, disk, NULL, &events, &error));
	assert_non_null(strstr(buffer_string(&error), "--size 10"));
	assert_false(net_knows(net, "n0"));
	options.args = stray;
	assert_null(server_inproc(loop, net, &options, "n0", 1, 0, disk, NULL, &events, &error));
	assert_non_null(strstr(buffer_string(&error), "--unknown"));
	options.args = ask;
	assert_null(server_inproc(loop, net, &options, "n0", 1, 0, disk, NULL, &events, &error));
	assert_non_null(strstr(buffer_string(&error), "--help"));
	options.args = good;
	start(1, 0);
	init();
	send("{\"type\":\"echo\",\"msg_id\":1}");
	assert_non_null(strstr(buffer_string(&received), "\"size\":9"));
}

static void
test_timers_run_on_virtual_time(void **state)
{
	(void)state;
	start(1, 0);
	init();
	send("{\"type\":\"ticks\"}");
	assert_non_null(strstr(buffer_string(&received), "100: {\"type\":\"tick\",\"n\":1}\n"
							 "350: {\"type\":\"tick\",\"n\":2}\n"
							 "600: {\"type\":\"tick\",\"n\":3}\n"));
}

static void
test_a_message_does_not_disturb_a_timer(void **state)
{
	(void)state;
	start(1, 0);
	init();
	assert_int_equal(net_send(net, "c0", "n0", "{\"type\":\"ticks\"}", 16), NET_OK);
	loop_at(loop, 50 * MS_NS, stop, NULL);
	loop_run(loop);
	send("{\"type\":\"echo\",\"msg_id\":1}");
	assert_memory_equal(buffer_string(&received), "50: ", 4);
	assert_non_null(strstr(buffer_string(&received), "\n100: {\"type\":\"tick\",\"n\":1}\n350: "));
}

/* The facts a node sees when it starts again and again with a seed and an index. */
static void
facts(uint64_t seed, int index, char text[200])
{
	start(seed, index);
	init();
	received.length = 0;
	send("{\"type\":\"facts\","
	     "\"msg_id\":1}");
	strlcpy(text, strstr(buffer_string(&received), "\"random\""), 200);
	server_stop(server);
	server = NULL;
}

static void
test_clocks_and_chance_are_of_the_seed(void **state)
{
	char first[200], again[200], other[200], index[200];

	(void)state;
	facts(7, 0, first);
	assert_non_null(strstr(buffer_string(&received), "\"wall\":1577836800000"));
	facts(7, 0, again); /* a new incarnation never replays */
	assert_string_not_equal(first, again);
	tear_down(NULL);
	set_up(NULL);
	facts(7, 0, again);
	assert_string_equal(first, again);
	tear_down(NULL);
	set_up(NULL);
	facts(8, 0, other);
	tear_down(NULL);
	set_up(NULL);
	facts(7, 1, index);
	assert_string_not_equal(first, other);
	assert_string_not_equal(first, index);
	assert_string_not_equal(other, index);
}

/* ---- reports ------------------------------------------------------------------------------ */

static void
test_an_unknown_address_is_an_offence(void **state)
{
	(void)state;
	start(1, 0);
	init();
	send("{\"type\":\"send\",\"to\":\"c9\",\"times\":1}");
	assert_non_null(strstr(buffer_string(&offences), "] dest \"c9\" is not there"));
	assert_memory_equal(buffer_string(&offences), "0: [{\"src\":\"n0\",\"dest\":\"c9\"", 27);
	send("{\"type\":\"echo\",\"msg_id\":1}"); /* and the run goes on */
	assert_non_null(strstr(buffer_string(&received), "echo_ok"));
}

static void
test_stop_from_within_a_callback(void **state)
{
	(void)state;
	start(1, 0);
	init();
	stop_at_offence = true;
	send("{\"type\":\"send\",\"to\":\"c9\",\"times\":3}");
	assert_null(server);
	assert_false(net_knows(net, "n0"));
	assert_int_equal(strchr(buffer_string(&offences), '\n') - offences.bytes + 1, (long)offences.length);
}

static void
test_stop_with_timers_and_messages_in_flight(void **state)
{
	(void)state;
	start(1, 0);
	init();
	assert_int_equal(net_send(net, "c0", "n0", "{\"type\":\"ticks\"}", 16), NET_OK);
	loop_at(loop, 50 * MS_NS, stop, NULL);
	loop_run(loop);
	assert_int_equal(net_send(net, "c0", "n0", "{\"type\":\"ticks\"}", 16), NET_OK);
	server_stop(server);
	server = NULL;
	server_stop(NULL);
	received.length = 0;
	loop_run(loop);
	assert_int_equal(received.length, 0);
	assert_int_equal(net_queued_bytes(net), 0);
}

static bool
refuse(void *arg, const struct envelope *envelope)
{
	(void)arg;
	(void)envelope;
	return false;
}

static void
test_a_flood_ends_it(void **state)
{
	(void)state;
	net_limit(net, 1 << 20, 2 << 20);
	net_add(net, "c2", refuse, NULL);
	start(1, 0);
	init();
	send("{\"type\":\"ticks\"}");
	received.length = 0;
	send("{\"type\":\"send\",\"to\":\"c2\",\"times\":100000}");
	assert_memory_equal(buffer_string(&death), "flooded the network (", 21);
	assert_ptr_equal(strchr(death.bytes, '\n') + 1, death.bytes + death.length); /* told once */
	send("{\"type\":\"echo\",\"msg_id\":1}");                                    /* it is silent now */
	assert_int_equal(received.length, 0);
	assert_int_equal(offences.length, 0);
}

static void
test_logs_and_tails(void **state)
{
	char *text = NULL;
	size_t size;
	struct buffer tail = {0};

	(void)state;
	log_file = open_memstream(&text, &size);
	start(1, 0);
	init();
	send("{\"type\":\"ticks\"}");
	server_tail(server, &tail);
	fflush(log_file);
	assert_non_null(strstr(text, "tick 1\n"));
	assert_non_null(strstr(text, "tick 3\n"));
	assert_non_null(strstr(buffer_string(&tail), "tick 3\n"));
	assert_non_null(strstr(tail.bytes, "{\"type\":\"tick\",\"n\":3}}\n"));
	buffer_free(&tail);
	server_stop(server);
	server = NULL;
	fclose(log_file);
	free(text);
}

static void
test_logs_are_shown_if_asked_for(void **state)
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	char shown[400] = "";

	(void)state;
	options.log_stderr = true;
	dup2(fileno(file), STDERR_FILENO);
	start(1, 0);
	init();
	send("{\"type\":\"ticks\"}");
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	assert_true(fread(shown, 1, sizeof(shown) - 1, file) > 0);
	fclose(file);
	assert_memory_equal(shown, "n0: ", 4);
	assert_non_null(strstr(shown, "tick 2\n"));
}

/* ---- determinism ------------------------------------------------------------------------------- */

static uint64_t
hash_of_run(uint64_t seed)
{
	uint64_t hash;

	start(seed, 0);
	init();
	send("{\"type\":\"ticks\"}");
	send("{\"type\":\"facts\",\"msg_id\":1}");
	hash = loop_hash(loop);
	tear_down(NULL);
	set_up(NULL);
	return hash;
}

static void
test_same_seed_same_hash(void **state)
{
	uint64_t hash = hash_of_run(1);

	(void)state;
	assert_int_equal(hash, hash_of_run(1));
	assert_int_not_equal(hash, hash_of_run(2));
}

/* ---- killed and started again ----------------------------------------------------- */

static char data_dir[] = "--data-dir", where[] = "somewhere", *durable[] = {data_dir, where, NULL};

static void
restart(void)
{
	server_kill(server);
	received.length = 0;
	send("{\"type\":\"echo\",\"msg_id\":1}");
	assert_int_equal(received.length, 0); /* what comes meanwhile is lost, and nobody's fault */
	assert_true(server_revive(server, &error));
	init();
}

static void
expect_found(const char *number)
{
	send("{\"type\":\"store\",\"msg_id\":1,\"sync\":true}");
	assert_non_null(strstr(buffer_string(&received), number));
	received.length = 0;
}

static void
test_it_finds_what_it_stored(void **state)
{
	(void)state;
	options.args = durable;
	start(1, 0);
	init();
	expect_found("\"found\":0");
	expect_found("\"found\":0");
	restart();
	expect_found("\"found\":2");
	restart();
	expect_found("\"found\":3");
	server_stop(server); /* the disk outlives also that */
	start(1, 0);
	init();
	expect_found("\"found\":4");
	assert_int_equal(offences.length + death.length, 0);
}

/* Of the records that were not synced none, some or all are lost. */
static void
test_it_may_lose_what_was_not_synced(void **state)
{
	int found[4] = {0};

	(void)state;
	options.args = durable;
	start(1, 0);
	init();
	for (int i = 0; i < 60; i++) {
		struct buffer bytes = {0};
		size_t before, after;

		disk_load(disk, &bytes);
		before = bytes.length;
		for (int k = 0; k < 3; k++)
			send("{\"type\":\"store\",\"msg_id\":1}");
		restart();
		bytes.length = 0;
		disk_load(disk, &bytes);
		after = bytes.length;
		found[(after - before) / strlen("00000000 \"a record\"\n")]++;
		assert_int_equal((after - before) % strlen("00000000 \"a record\"\n"), 0); /* torn ones were cut off */
		buffer_free(&bytes);
	}
	for (int i = 0; i < 4; i++)
		assert_int_not_equal(found[i], 0);
	assert_int_equal(offences.length + death.length, 0);
}

/* Another life draws other numbers; without a directory it begins with nothing. */
static void
test_another_life_is_another_stream(void **state)
{
	char *first;

	(void)state;
	start(1, 0);
	init();
	send("{\"type\":\"facts\",\"msg_id\":1}");
	first = strdup(strstr(buffer_string(&received), "random"));
	restart();
	send("{\"type\":\"facts\",\"msg_id\":1}");
	assert_string_not_equal(strstr(buffer_string(&received), "random"), first);
	received.length = 0;
	expect_found("\"found\":0");
	restart();
	expect_found("\"found\":0");
	free(first);
}

/* What memory claimed does not bind who has lost it; what is on a disk does. */
static void
test_claims_stand_for_durable_nodes(void **state)
{
	(void)state;
	options.args = durable;
	start(1, 0);
	init();
	assert_int_equal(claims_make(net_claims(net), "x", 1, 1, 5), 5);
	restart();
	assert_int_equal(claims_make(net_claims(net), "x", 1, 1, 6), 5);
	server_stop(server);
	options.args = NULL;
	start(1, 0);
	assert_int_equal(claims_make(net_claims(net), "x", 1, 1, 6), 6);
}

/* Neither messages nor time; then both, and the time has jumped. */
static void
test_paused(void **state)
{
	(void)state;
	start(1, 0);
	init();
	assert_int_equal(net_send(net, "c0", "n0", "{\"type\":\"ticks\"}", 16), NET_OK);
	loop_after(loop, 200 * MS_NS, stop, NULL);
	loop_run(loop);
	assert_string_equal(buffer_string(&received), "100: {\"type\":\"tick\",\"n\":1}\n");
	server_pause(server);
	server_pause(server);
	send("{\"type\":\"facts\",\"msg_id\":1}"); /* until nothing is left to happen */
	loop_after(loop, 1000 * MS_NS, stop, NULL);
	loop_run(loop);
	assert_null(strstr(buffer_string(&received), "facts_ok"));
	assert_null(strstr(buffer_string(&received), "\"n\":2"));
	server_resume(server);
	server_resume(server);
	loop_run(loop);
	assert_non_null(strstr(buffer_string(&received), "1200: {\"type\":\"tick\",\"n\":2}\n"));
	assert_non_null(strstr(buffer_string(&received), "\"now\":1200"));
	assert_non_null(strstr(buffer_string(&received), "1450: {\"type\":\"tick\",\"n\":3}\n"));
}

/* What waited for it is lost with it, and the next one is not paused. */
static void
test_killed_while_paused(void **state)
{
	(void)state;
	start(1, 0);
	init();
	server_pause(server);
	send("{\"type\":\"echo\",\"msg_id\":1}");
	server_kill(server);
	server_pause(server); /* nobody is there */
	loop_run(loop);
	assert_true(server_revive(server, &error));
	init();
	send("{\"type\":\"echo\",\"msg_id\":2}");
	assert_non_null(strstr(buffer_string(&received), "\"in_reply_to\":2"));
	assert_null(strstr(buffer_string(&received), "\"in_reply_to\":1"));
	assert_int_equal(offences.length + death.length, 0);
	server_pause(server); /* and is stopped so */
}

/* ---- disturbed clocks and disks ---------------------------------------------------- */

/* The wall clock jumps, the monotonic one only drifts; timers go by the latter. */
static void
test_disturbed_clocks(void **state)
{
	(void)state;
	start(1, 0);
	init();
	loop_after(loop, 1000 * MS_NS, stop, NULL);
	loop_run(loop);
	server_disturb_clocks(server, -3600000, 50000);
	send("{\"type\":\"facts\",\"msg_id\":1}");
	assert_non_null(strstr(buffer_string(&received), "\"now\":1000,\"wall\":1577833201000"));
	received.length = 0;
	assert_int_equal(net_send(net, "c0", "n0", "{\"type\":\"ticks\"}", 16), NET_OK);
	loop_run(loop);
	/* 100, 250 and 250 ms of its own time, which is 5 % too fast */
	assert_string_equal(buffer_string(&received),
	    "1095: {\"type\":\"tick\",\"n\":1}\n1333: "
	    "{\"type\":\"tick\",\"n\":2}\n1571: {\"type\":\"tick\",\"n\":3}\n");
	received.length = 0;
	server_disturb_clocks(server, 0, 0);
	send("{\"type\":\"facts\",\"msg_id\":2}");
	assert_non_null(strstr(buffer_string(&received), "\"now\":1600,\"wall\":1577836801571"));
}

/* A timer that is set already comes at another time when the rate changes. */
static void
test_timers_go_by_the_disturbed_clock(void **state)
{
	(void)state;
	start(1, 0);
	init();
	assert_int_equal(net_send(net, "c0", "n0", "{\"type\":\"ticks\"}", 16), NET_OK);
	loop_after(loop, 10 * MS_NS, stop, NULL);
	loop_run(loop);
	server_disturb_clocks(server, 0, -50000);
	loop_run(loop);
	assert_memory_equal(buffer_string(&received), "104: ", 5); /* 10 + 90 / 0.95 */
}

static void
on_disk_failed(void *arg)
{
	++*(int *)arg;
}

static int disk_failures;
static const struct server_events disk_events = {
    .offence = on_offence, .died = on_death, .disk_failed = on_disk_failed, .disk_arg = &disk_failures};

static void
post(const char *body)
{
	assert_int_equal(net_send(net, "c0", "n0", body, strlen(body)), NET_OK);
}

static void
start_on_disk(void)
{
	options.args = durable;
	disk_failures = 0;
	server = server_inproc(loop, net, &options, "n0", 1, 0, disk, NULL, &disk_events, &error);
	assert_non_null(server);
	init();
}

/* Nothing leaves before it is stored, nobody is heard meanwhile, and then all goes on. */
static void
test_a_slow_disk(void **state)
{
	long long when = 0;
	const char *echo;

	(void)state;
	start_on_disk();
	disk_disturb(disk, 0, 100);
	post("{\"type\":\"store\",\"msg_id\":1,\"sync\":true}");
	send("{\"type\":\"echo\",\"msg_id\":2}");
	assert_int_equal(sscanf(buffer_string(&received), "%lld: ", &when), 1);
	assert_in_range(when, 1, 400);
	assert_non_null(strstr(buffer_string(&received), "store_ok"));
	echo = strchr(buffer_string(&received), '\n') + 1;
	assert_int_equal(atoll(echo), when);
	assert_non_null(strstr(echo, "echo_ok"));
	assert_int_equal(disk_failures, 0);
}

/* Killed, or paused and killed, in the midst of a sync: it is over with it, and the next one finds what is left. */
static void
test_killed_during_a_sync(void **state)
{
	int found[2] = {0};

	(void)state;
	start_on_disk();
	for (int i = 0; i < 40; i++) {
		disk_disturb(disk, 0, 1000000);
		post("{\"type\":\"store\",\"msg_id\":1,\"sync\":true}");
		loop_after(loop, MS_NS, stop, NULL);
		loop_run(loop);
		assert_int_equal(received.length, 0);
		if (i % 2 == 0)
			server_pause(server);
		disk_disturb(disk, 0, 0);
		restart();
		send("{\"type\":\"echo\",\"msg_id\":1}");
		assert_non_null(strstr(buffer_string(&received), "echo_ok"));
		received.length = 0;
	}
	for (int i = 0; i < 2; i++) {
		send("{\"type\":\"store\",\"msg_id\":1}");
		sscanf(strstr(buffer_string(&received), "\"found\":"), "\"found\":%d", &found[i]);
		restart();
	}
	assert_in_range(found[0], 5, 35);
	assert_int_equal(offences.length + death.length, 0);
}

/* A pause that ends in the midst of a sync does not end the sync, nor the other way round. */
static void
test_paused_during_a_sync(void **state)
{
	(void)state;
	start_on_disk();
	disk_disturb(disk, 0, 1000);
	post("{\"type\":\"store\",\"msg_id\":1,\"sync\":true}");
	loop_after(loop, MS_NS, stop, NULL);
	loop_run(loop);
	server_pause(server);
	server_resume(server);
	send("{\"type\":\"echo\",\"msg_id\":2}");
	assert_non_null(strstr(buffer_string(&received), "echo_ok"));
	assert_true(strstr(buffer_string(&received), "store_ok") < strstr(buffer_string(&received), "echo_ok"));
	received.length = 0;
	post("{\"type\":\"store\",\"msg_id\":3,\"sync\":true}");
	loop_after(loop, MS_NS / 2, stop, NULL);
	loop_run(loop);
	server_pause(server);
	send("{\"type\":\"echo\",\"msg_id\":4}");
	assert_null(strstr(buffer_string(&received), "echo_ok"));
	server_resume(server);
	loop_run(loop);
	assert_non_null(strstr(buffer_string(&received), "echo_ok"));
}

/* It ends with a word, says nothing of what it could not store, and is no crash. */
static void
test_a_failing_disk(void **state)
{
	struct buffer tail = {0};

	(void)state;
	start_on_disk();
	disk_disturb(disk, 1000, 0);
	send("{\"type\":\"store\",\"msg_id\":1,\"sync\":true}");
	assert_int_equal(received.length, 0);
	assert_int_equal(disk_failures, 1);
	assert_int_equal(death.length, 0);
	server_tail(server, &tail);
	assert_non_null(strstr(buffer_string(&tail), "cannot write"));
	buffer_free(&tail);
	send("{\"type\":\"echo\",\"msg_id\":1}"); /* lost */
	assert_int_equal(received.length, 0);
	disk_disturb(disk, 0, 0);
	assert_true(server_revive(server, &error));
	init();
	expect_found("\"found\":");
}

static void
test_a_failure_is_its_end(void **state)
{
	(void)state;
	start(1, 0);
	init();
	send("{\"type\":\"fail\",\"msg_id\":1}");
	assert_int_equal(received.length, 0);
	assert_string_equal(buffer_string(&death), "exited with status 1\n");
	death.length = 0;
	restart();
	send("{\"type\":\"fail\",\"msg_id\":1}");
	assert_string_equal(buffer_string(&death), "exited with status 1\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_it_answers, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_arguments, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_timers_run_on_virtual_time, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_message_does_not_disturb_a_timer, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_clocks_and_chance_are_of_the_seed, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_an_unknown_address_is_an_offence, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_stop_from_within_a_callback, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_stop_with_timers_and_messages_in_flight, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_flood_ends_it, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_logs_and_tails, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_logs_are_shown_if_asked_for, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_same_seed_same_hash, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_it_finds_what_it_stored, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_it_may_lose_what_was_not_synced, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_another_life_is_another_stream, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_claims_stand_for_durable_nodes, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_paused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_killed_while_paused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_disturbed_clocks, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_timers_go_by_the_disturbed_clock, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_slow_disk, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_killed_during_a_sync, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_paused_during_a_sync, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_failing_disk, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_failure_is_its_end, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
