/* The host of real processes, end to end: the test starts itself as a node, at the other end of pipes. */
#include "child.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>

#include "host.h"

/* ---- the node ---------------------------------------------------------------- */

struct state {
	int64_t first;
	int ticks;
};

static void
echo(struct node *node, const struct message *message)
{
	json_t *value;

	if (node_unpack(node, message, "{s:o}", "echo", &value))
		node_reply(node, message, json_pack("{s:s, s:O}", "type", "echo_ok", "echo", value));
}

/* A reply of a mebibyte, to fill the output. */
static void
blow(struct node *node, const struct message *message)
{
	size_t length = (size_t)1 << 20;
	char *text = malloc(length);

	memset(text, 'x', length);
	node_log(node, LOG_LEVEL_INFO, "blown");
	node_reply(node, message, json_pack("{s:s, s:s%}", "type", "blow_ok", "text", text, length));
	free(text);
}

static void
answer(struct node *node, void *arg)
{
	(void)node;
	request_reply_type(arg, "later_ok");
}

static void
later(struct node *node, const struct message *message)
{
	int64_t ms = json_integer_value(json_object_get(message->body, "ms"));

	node_after(node, ms, answer, node_defer(node, message), NULL);
}

static void
tick(struct node *node, void *arg)
{
	struct state *state = node_state(node);

	(void)arg;
	node_send(node, "c1", json_pack("{s:s, s:i}", "type", "tick", "i", state->ticks++));
}

static void
ticks(struct node *node, const struct message *message)
{
	(void)message;
	node_every(node, 20, tick, NULL, NULL);
}

/* Two draws and the time: they must differ from one process to the next, and make sense. */
static void
facts(struct node *node, const struct message *message)
{
	char draw[40];

	snprintf(draw, sizeof(draw), "%016llx%016llx", (unsigned long long)node_random(node, 0),
	    (unsigned long long)node_random(node, 0));
	node_reply(node, message,
	    json_pack("{s:s, s:I, s:I}", "draw", draw, "wall", (json_int_t)node_wall_ms(node), "now",
		(json_int_t)node_now_ms(node)));
}

static void
note_signal(int number)
{
	(void)number;
}

/* A signal that interrupts system calls. */
static void
start(struct node *node)
{
	struct sigaction action = {.sa_handler = note_signal};

	(void)node;
	sigaction(SIGUSR1, &action, NULL);
}

static const struct route routes[] = {
    {"echo", echo}, {"blow", blow}, {"later", later}, {"ticks", ticks}, {"facts", facts}, {NULL, NULL}};
static const struct option_spec options[] = {
    {"first", "a number", OPTION_INT, offsetof(struct state, first), 1, 0, 10, NULL}, {0}};
static const struct program program = {
    .name = "child", .state_size = sizeof(struct state), .start = start, .routes = routes, .options = options};

#define INIT                                                                                           \
	"{\"src\":\"c0\",\"dest\":\"n0\",\"body\":{\"type\":\"init\",\"msg_id\":1,\"node_id\":\"n0\"," \
	"\"node_ids\":[\"n0\"]}}\n"
#define INIT_OK    "{\"src\":\"n0\",\"dest\":\"c0\",\"body\":{\"type\":\"init_ok\",\"in_reply_to\":1}}"
#define ECHO(x)    "{\"src\":\"c1\",\"dest\":\"n0\",\"body\":{\"type\":\"echo\",\"msg_id\":2,\"echo\":" x "}}"
#define ECHO_OK(x) "{\"src\":\"n0\",\"dest\":\"c1\",\"body\":{\"type\":\"echo_ok\",\"echo\":" x ",\"in_reply_to\":2}}"
#define REQUEST(x) "{\"src\":\"c1\",\"dest\":\"n0\",\"body\":{\"type\":\"" x "\",\"msg_id\":3"
#define LATER_OK   "{\"src\":\"n0\",\"dest\":\"c1\",\"body\":{\"type\":\"later_ok\",\"in_reply_to\":3}}"

static void
begin(struct child *child)
{
	child_start(child, NULL);
	say(child, INIT);
	expect(child, INIT_OK);
}

/* Ends the input and asserts that the node ends well. */
static void
finish(struct child *child)
{
	close(child->in);
	child->in = -1;
	assert_int_equal(child_status(child), 0);
	child_close(child);
}

/* ---- tests --------------------------------------------------------------------- */

static void
talks(void **state)
{
	struct child child;

	(void)state;
	begin(&child);
	say(&child, ECHO("[1,\"x\"]") "\n" ECHO("null") "\r\n\n" ECHO("2") "\n");
	expect(&child, ECHO_OK("[1,\"x\"]"));
	expect(&child, ECHO_OK("null"));
	expect(&child, ECHO_OK("2"));
	finish(&child);
}

static void
takes_lines_in_pieces(void **state)
{
	static const char text[] = ECHO("\"pieces\"") "\n";
	struct child child;

	(void)state;
	begin(&child);
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		char piece[2] = {text[i], '\0'};

		say(&child, piece);
		if (i % 20 == 0)
			usleep(1000);
	}
	expect(&child, ECHO_OK("\"pieces\""));
	finish(&child);
}

static void
ends_with_its_input(void **state)
{
	struct child child;
	char rest[1000];

	(void)state;
	child_start(&child, NULL);
	say(&child, INIT ECHO("1") "\n" ECHO("2")); /* the last line has no newline */
	close(child.in);
	child.in = -1;
	read_all(child.out, rest, sizeof(rest));
	assert_string_equal(rest, INIT_OK "\n" ECHO_OK("1") "\n" ECHO_OK("2") "\n");
	assert_int_equal(child_status(&child), 0);
	child_close(&child);
}

static void
ends_quietly_when_nobody_reads(void **state)
{
	struct child child;
	char log[1000];

	(void)state;
	begin(&child);
	close(child.out);
	child.out = -1;
	say(&child, ECHO("1") "\n");
	assert_int_equal(child_status(&child), 0);
	read_all(child.err, log, sizeof(log));
	assert_string_equal(log, "");
	child_close(&child);
}

static void
keeps_time(void **state)
{
	struct timespec before, after;
	struct child child;
	int64_t ms;

	(void)state;
	begin(&child);
	clock_gettime(CLOCK_MONOTONIC, &before);
	say(&child, REQUEST("later") ",\"ms\":100}}\n" ECHO("0") "\n");
	expect(&child, ECHO_OK("0"));
	expect(&child, LATER_OK);
	clock_gettime(CLOCK_MONOTONIC, &after);
	ms = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
	assert_in_range(ms, 99, WAIT_MS);
	say(&child, REQUEST("ticks") "}}\n");
	for (int i = 0; i < 5; i++) {
		char line[200];

		snprintf(
		    line, sizeof(line), "{\"src\":\"n0\",\"dest\":\"c1\",\"body\":{\"type\":\"tick\",\"i\":%d}}", i);
		expect(&child, line);
	}
	finish(&child);
}

static void
survives_signals(void **state)
{
	struct child child;

	(void)state;
	begin(&child);
	for (int i = 0; i < 100; i++) {
		kill(child.pid, SIGUSR1);
		if (i % 10 == 0) {
			say(&child, ECHO("1") "\n");
			expect(&child, ECHO_OK("1"));
		}
		usleep(200);
	}
	finish(&child);
}

/* Both ends full: a node that only wrote until its reader read would never read on. */
static void
reads_on_while_its_reader_is_slow(void **state)
{
	enum { COUNT = 20000 };
	struct child child;

	(void)state;
	begin(&child);
	for (int i = 0; i < COUNT; i++)
		say(&child, ECHO("1") "\n");
	for (int i = 0; i < COUNT; i++)
		expect(&child, ECHO_OK("1"));
	finish(&child);
}

/* How often the node says a word in its log: waits for `least` times, and then until it says nothing for a while. */
static int
count_in_log(struct child *child, const char *word, int least)
{
	struct pollfd pollfd = {.fd = child->err, .events = POLLIN};
	char log[8000];
	size_t length = 0;
	int count = 0;

	while (poll(&pollfd, 1, count < least ? WAIT_MS : 200) == 1 && length < sizeof(log) - 1) {
		ssize_t got = read(child->err, log + length, sizeof(log) - 1 - length);

		assert_true(got > 0);
		length += (size_t)got;
		log[length] = '\0';
		count = 0;
		for (const char *at = log; (at = strstr(at, word)) != NULL; at++)
			count++;
	}
	return count;
}

/* What cannot be written is bounded: beyond it the node leaves its input alone, and nothing is lost. */
static void
stands_still_when_the_output_is_full(void **state)
{
	enum { COUNT = 40 };
	static const char more[] = ECHO("1") "\n";
	struct child child;
	size_t consumed = 0;
	int unread = 0;

	(void)state;
	begin(&child);
	for (int i = 0; i < COUNT; i++)
		say(&child, REQUEST("blow") "}}\n");
	assert_in_range(count_in_log(&child, "blown\n", 16), 16, 18);
	say(&child, more);
	usleep(50000);
	assert_int_equal(ioctl(child.in, FIONREAD, &unread), 0);
	assert_true((size_t)unread >= sizeof(more) - 1);
	for (int i = 0; i < COUNT; i++) {
		consumed = child_line(&child, consumed) + 1;
		assert_true(consumed > (size_t)1 << 20);
	}
	child_line(&child, consumed);
	assert_string_equal(child.text, ECHO_OK("1"));
	finish(&child);
}

static void
says_nothing_after_standing_still(void **state)
{
	struct child child;
	char log[1000];

	(void)state;
	begin(&child);
	say(&child, REQUEST("later") ",\"ms\":300}}\n" ECHO("1") "\n");
	expect(&child, ECHO_OK("1"));
	kill(child.pid, SIGSTOP);
	usleep(600000);
	kill(child.pid, SIGCONT);
	usleep(50000);
	say(&child, ECHO("2") "\n");
	expect(&child, ECHO_OK("2"));
	close(child.in);
	child.in = -1;
	read_all(child.err, log, sizeof(log));
	assert_non_null(strstr(log, "dropped 1 clients' requests"));
	assert_int_equal(child_status(&child), 0);
	child_close(&child);
}

static void
logs_on_stderr(void **state)
{
	struct child child;
	char log[1000];
	int year;

	(void)state;
	begin(&child);
	say(&child, "rubbish\n" ECHO("1") "\n");
	expect(&child, ECHO_OK("1"));
	close(child.in);
	child.in = -1;
	read_all(child.err, log, sizeof(log));
	assert_int_equal(sscanf(log, "%d-", &year), 1);
	assert_in_range(year, 2024, 2200);
	assert_non_null(strstr(log, "Z n0 WARN  skipped a line"));
	assert_ptr_equal(strchr(log, '\n'), log + strlen(log) - 1);
	assert_int_equal(child_status(&child), 0);
	child_close(&child);
}

static void
draws_anew_in_every_process(void **state)
{
	char draws[2][40];

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct child child;
		json_t *line, *body;

		begin(&child);
		say(&child, REQUEST("facts") "}}\n");
		child_line(&child, 0);
		line = json_loads(child.text, 0, NULL);
		body = json_object_get(line, "body");
		strlcpy(draws[i], json_string_value(json_object_get(body, "draw")), sizeof(draws[i]));
		assert_true(
		    llabs(json_integer_value(json_object_get(body, "wall")) - (int64_t)time(NULL) * 1000) < 60000);
		assert_true(json_integer_value(json_object_get(body, "now")) > 0);
		json_decref(line);
		finish(&child);
	}
	assert_string_not_equal(draws[0], draws[1]);
}

static void
understands_its_command_line(void **state)
{
	static struct {
		char option[16];
		int status;
		const char *out, *err;
	} cases[] = {{"--help", 0, "usage: child [options]", NULL},
	    {"--first=11", 2, NULL, "--first 11: too large (0 to 10)\n"},
	    {"--frobnicate", 2, NULL, "--frobnicate: unknown option\n"}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct child child;
		char out[2000], err[2000];

		child_start(&child, cases[i].option);
		read_all(child.out, out, sizeof(out));
		read_all(child.err, err, sizeof(err));
		assert_int_equal(child_status(&child), cases[i].status);
		if (cases[i].out != NULL)
			assert_non_null(strstr(out, cases[i].out));
		else
			assert_string_equal(out, "");
		if (cases[i].err != NULL)
			assert_non_null(strstr(err, cases[i].err));
		else
			assert_string_equal(err, "");
		child_close(&child);
	}
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(talks),
	    cmocka_unit_test(takes_lines_in_pieces),
	    cmocka_unit_test(ends_with_its_input),
	    cmocka_unit_test(ends_quietly_when_nobody_reads),
	    cmocka_unit_test(keeps_time),
	    cmocka_unit_test(survives_signals),
	    cmocka_unit_test(reads_on_while_its_reader_is_slow),
	    cmocka_unit_test(stands_still_when_the_output_is_full),
	    cmocka_unit_test(says_nothing_after_standing_still),
	    cmocka_unit_test(logs_on_stderr),
	    cmocka_unit_test(draws_anew_in_every_process),
	    cmocka_unit_test(understands_its_command_line),
	};

	if (argc > 1 && strcmp(argv[1], "--node") == 0)
		return node_main(&program, argc - 1, argv + 1);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
