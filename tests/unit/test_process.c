/* Real processes as nodes, well-behaved and not: none of them may hang eddy, fool it or outlive it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "node.h"
#include "server.h"

/* ---- a world with one node and a client ------------------------------------------ */

#define PATIENCE_MS 30000 /* for what should come at once */

static char directory[] = "/tmp/eddy-test-XXXXXX";
static char bin[64], log_path[64];
static struct test_options options;
static struct loop *loop;
static struct net *net;
static struct server *server;
static struct buffer error, received, offences, death, text;
static int messages, wanted; /* received at c0; the loop stops at so many */
static bool stop_at_offence;

static bool
receive(void *arg, const struct envelope *envelope)
{
	(void)arg;
	if (received.length < 10000)
		buffer_printf(&received, "%.*s\n", (int)envelope->length, envelope->body);
	if (++messages == wanted)
		loop_stop(loop);
	return true;
}

static void
on_offence(void *arg, struct server *from, const char *line, size_t length, const char *cause)
{
	assert_ptr_equal(arg, &options);
	assert_ptr_equal(from, server);
	assert_null(strchr(cause, '\n'));
	if (offences.length < 10000)
		buffer_printf(&offences, "[%.*s] %s\n", length < 100 ? (int)length : 100, line, cause);
	if (stop_at_offence) {
		server_stop(server);
		server = NULL;
		loop_stop(loop);
	}
}

static void
on_death(void *arg, struct server *from, const char *how)
{
	assert_ptr_equal(arg, &options);
	assert_ptr_equal(from, server);
	buffer_printf(&death, "%s\n", how);
	loop_stop(loop);
}

static const struct server_events events = {.offence = on_offence, .died = on_death, .arg = &options};

static void
too_late(void *arg)
{
	(void)arg;
	fail_msg("nothing came in time");
}

static int
set_up(void **state)
{
	const struct latency latency = {0, LATENCY_CONSTANT};

	(void)state;
	snprintf(bin, sizeof(bin), "%s/node", directory);
	snprintf(log_path, sizeof(log_path), "%s/log", directory);
	options = (struct test_options){.bin = bin};
	loop = loop_new(CLOCK_WALL);
	net = net_new(loop, &latency, 1);
	net_add(net, "c0", receive, NULL);
	loop_after(loop, PATIENCE_MS * MS_NS, too_late, NULL);
	messages = wanted = 0;
	stop_at_offence = false;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	server_stop(server);
	server = NULL;
	net_free(net);
	loop_free(loop);
	unlink(bin);
	unlink(log_path);
	buffer_free(&error);
	buffer_free(&received);
	buffer_free(&offences);
	buffer_free(&death);
	buffer_free(&text);
	return 0;
}

static void
write_file(const char *path, const char *content, mode_t mode)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(content, file);
	fchmod(fileno(file), mode);
	fclose(file);
}

/* Starts a node that is this script. */
static void
start(const char *script)
{
	text.length = 0;
	buffer_printf(&text, "#!/bin/sh\n%s\n", script);
	write_file(bin, buffer_string(&text), 0755);
	server = server_process(loop, net, &options, "n0", log_path, &events, &error);
	if (server == NULL)
		fail_msg("%s", buffer_string(&error));
}

static void
send(const char *body)
{
	assert_int_equal(net_send(net, "c0", "n0", body, strlen(body)), NET_OK);
}

static void
stop(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

static void
run_ms(int64_t ms)
{
	loop_after(loop, ms * MS_NS, stop, NULL);
	loop_run(loop);
}

static void
run_until_messages(int count)
{
	wanted = count;
	if (messages < count)
		loop_run(loop);
	assert_int_equal(messages, count);
}

static void
run_until_death(const char *how)
{
	loop_run(loop);
	assert_string_equal(buffer_string(&death), how);
}

static const char *
tail(void)
{
	text.length = 0;
	server_tail(server, &text);
	return buffer_string(&text);
}

static const char *
read_log(void)
{
	static char content[100000];
	FILE *file = fopen(log_path, "r");
	size_t length = file != NULL ? fread(content, 1, sizeof(content) - 1, file) : 0;

	content[length] = '\0';
	if (file != NULL)
		fclose(file);
	return content;
}

/* ---- talking ------------------------------------------------------------------------ */

#define ECHO "while read -r line; do printf '{\"src\":\"n0\",\"dest\":\"c0\",\"body\":{\"got\":%s}}\\n' \"$line\"; done"

static void
test_messages_go_in_and_out(void **state)
{
	(void)state;
	start(ECHO);
	assert_string_equal(server_id(server), "n0");
	send("{\"a\":1}");
	run_until_messages(1);
	send("{\"b\":\"\xc3\xa9\"}");
	run_until_messages(2);
	assert_string_equal(buffer_string(&received),
	    "{\"got\":{\"id\":0,\"src\":\"c0\",\"dest\":\"n0\",\"body\":{\"a\":1}}}\n"
	    "{\"got\":{\"id\":2,\"src\":\"c0\",\"dest\":\"n0\",\"body\":"
	    "{\"b\":\"\xc3\xa9\"}}}\n");
	assert_int_equal(offences.length, 0);
	assert_int_equal(death.length, 0);
}

static void
test_where_and_how_it_runs(void **state)
{
	static char a[] = "--first", b[] = "two words";
	char *args[] = {a, b, NULL}, link[80];

	(void)state;
	snprintf(link, sizeof(link), "%s/link", directory);
	assert_int_equal(symlink("node", link), 0);
	options.bin = link;
	options.args = args;
	start("printf '{\"src\":\"n0\",\"dest\":\"c0\",\"body\":{\"ran\":\"%s|%s|%s|%s\"}}\\n' \"$0\" \"$(pwd)\" "
	      "\"$1\" \"$2\"\n"
	      "exec sleep 100");
	run_until_messages(1);
	text.length = 0;
	buffer_printf(&text, "{\"ran\":\"%s|/tmp|--first|two words\"}\n", bin);
	assert_string_equal(buffer_string(&received), buffer_string(&text));
	unlink(link);
}

/* Neither our ignored signals nor our open files are its; 3 is the directory itself. */
static void
test_it_inherits_nothing(void **state)
{
	int leak = open("/dev/null", O_RDONLY);

	(void)state;
	start("kill -PIPE $$; echo survived");
	run_until_death("killed by signal 13\n");
	server_stop(server);
	death.length = 0;
	start("exec ls /proc/self/fd");
	run_until_death("exited with status 0\n");
	assert_string_equal(tail(), "last lines of stdout:\n  0\n  1\n  2\n  3\nit wrote nothing to stderr\n");
	close(leak);
}

static void
test_lines_may_end_in_crlf_and_come_in_pieces(void **state)
{
	(void)state;
	start("printf '{\"src\":\"n0\",\"dest\":\"c0\",\"bo'; sleep 0.05; printf 'dy\":{\"x\":1}}\\r\\n'\n"
	      "printf '{\"src\":\"n0\",\"dest\":\"c0\"}'"); /* without a newline, at the end */
	run_until_death("exited with status 0\n");
	loop_after(loop, 0, stop, NULL);
	loop_run(loop);
	assert_string_equal(buffer_string(&received), "{\"x\":1}\n{}\n");
	assert_int_equal(offences.length, 0);
}

/* ---- offences ------------------------------------------------------------------------- */

static void
test_rubbish_is_an_offence_and_the_run_goes_on(void **state)
{
	(void)state;
	start("echo hello; echo; printf '\\377\\n'\n"
	      "echo '{\"src\":\"n0\",\"dest\":\"c0\",\"body\":{},\"extra\":1}'\n"
	      "echo '{\"src\":\"n9\",\"dest\":\"c0\",\"body\":{}}'\n"
	      "printf '%s\\n' '{\"src\":\"n0\",\"dest\":\"n\\n9\",\"body\":{}}'\n"
	      "echo '{\"src\":\"n0\",\"dest\":\"c0\",\"body\":{\"last\":1}}'\n"
	      "exec sleep 100");
	run_until_messages(1);
	assert_string_equal(buffer_string(&received), "{\"last\":1}\n");
	assert_string_equal(buffer_string(&offences), "[hello] not JSON: a value was expected\n"
						      "[] an empty line\n"
						      "[\377] not JSON: a value was expected\n"
						      "[{\"src\":\"n0\",\"dest\":\"c0\",\"body\":{},\"extra\":1}] a "
						      "top-level key other than id, src, dest and body\n"
						      "[{\"src\":\"n9\",\"dest\":\"c0\",\"body\":{}}] src \"n9\" is "
						      "not there: it never was, not yet, or no more\n"
						      "[{\"src\":\"n0\",\"dest\":\"n\\n9\",\"body\":{}}] dest "
						      "\"n\\n9\" is not there: it never was, not yet, or no more\n");
}

static void
test_a_line_over_the_limit(void **state)
{
	(void)state;
	text.length = 0;
	buffer_printf(&text,
	    "head -c %zu /dev/zero | tr '\\0' a; echo\n"
	    "echo '{\"src\":\"n0\",\"dest\":\"c0\",\"body\":{\"last\":1}}'; exec sleep 100",
	    NODE_LINE_MAX + 1);
	start(strdupa(buffer_string(&text)));
	run_until_messages(1);
	assert_string_equal(
	    buffer_string(&offences), "[] a line of 67108865 bytes, which is over the limit of 67108864\n");
	assert_string_equal(buffer_string(&received), "{\"last\":1}\n");
}

static void
look_for_unfinished(void *length)
{
	if (strstr(tail(), length) != NULL)
		loop_stop(loop);
	else
		loop_after(loop, 10 * MS_NS, look_for_unfinished, length);
}

/* Nothing comes behind it, so it is said when the node is stopped. */
static void
test_a_line_over_the_limit_that_does_not_end(void **state)
{
	char unfinished[] = "67108964 bytes without a newline";

	(void)state;
	start("head -c 67108964 /dev/zero | tr '\\0' a; exec sleep 100");
	look_for_unfinished(unfinished);
	loop_run(loop);
	assert_int_equal(offences.length, 0);
	server_stop(server);
	server = NULL;
	assert_string_equal(
	    buffer_string(&offences), "[] a line of 67108964 bytes, which is over the limit of 67108864\n");
}

static void
test_stop_from_within_a_callback(void **state)
{
	(void)state;
	stop_at_offence = true;
	start("while :; do echo rubbish; echo '{\"src\":\"n0\",\"dest\":\"c0\"}'; done");
	loop_run(loop);
	assert_null(server);
	assert_false(net_knows(net, "n0"));
	assert_string_equal(buffer_string(&offences), "[rubbish] not JSON: a value was expected\n");
}

/* ---- ends -------------------------------------------------------------------------------- */

static void
test_ends(void **state)
{
	static const struct {
		const char *script, *how;
	} ends[] = {
	    {"exit 0", "exited with status 0\n"},
	    {"exit 1", "exited with status 1\n"},
	    {"exit 255", "exited with status 255\n"},
	    {"kill -KILL $$", "killed by signal 9\n"},
	    {"kill -SEGV $$", "killed by signal 11\n"},
	    {"exec /does/not/exist", "exited with status 127\n"},
	    {"exec 1>&- 2>&- 0<&-; sleep 0.02; exit 3", "exited with status 3\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		death.length = 0;
		start(ends[i].script);
		run_until_death(ends[i].how);
		send("{}"); /* to a dead node: nothing happens */
		run_ms(2);
		assert_string_equal(buffer_string(&death), ends[i].how);
		server_stop(server);
		server = NULL;
	}
}

static void
test_last_words_are_heard_before_its_death(void **state)
{
	(void)state;
	start("i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo line $i >&2; echo "
	      "\"{\\\"src\\\":\\\"n0\\\",\\\"dest\\\":\\\"c0\\\","
	      "\\\"body\\\":{\\\"i\\\":$i}}\"; done\n"
	      "printf 'no newline' >&2; printf 'rub\\001bish'; exit 7");
	run_until_death("exited with status 7\n");
	assert_string_equal(buffer_string(&offences), "[rub\001bish] not JSON: a value was expected\n");
	assert_non_null(strstr(tail(), "last lines of stdout:\n"
				       "  {\"src\":\"n0\",\"dest\":\"c0\",\"body\":{\"i\":10}}\n"));
	assert_non_null(strstr(tail(), "\"body\":{\"i\":40}}\n  rub\001bish\nlast lines of stderr:\n  line 10\n"));
	assert_null(strstr(tail(), "line 9\n"));
	assert_non_null(strstr(tail(), "  line 40\n  no newline\n"));
	assert_non_null(strstr(read_log(), "line 1\nline 2\n"));
	assert_non_null(strstr(read_log(), "line 40\nno newline"));
	loop_after(loop, 0, stop, NULL);
	loop_run(loop);
	assert_int_equal(messages, 40);
}

/* A child of it keeps its streams open: that is no reason to wait, nor to lose what was written. */
static void
test_last_words_while_a_child_lives(void **state)
{
	(void)state;
	start("sleep 100 & printf 'err' >&2; printf 'out'; exit 2");
	run_until_death("exited with status 2\n");
	assert_string_equal(buffer_string(&offences), "[out] not JSON: a value was expected\n");
	assert_string_equal(tail(), "last lines of stdout:\n  out\nlast lines of stderr:\n  err\n");
}

/* However many there were, empty and long ones among them. */
static void
test_a_tail_is_the_last_lines(void **state)
{
	static const int counts[] = {1, 31, 32, 33, 63, 64, 65, 96, 97, 200};
	struct buffer expected = {0}, script = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		int last = counts[i], first = last > SERVER_TAIL ? last - SERVER_TAIL + 1 : 1;

		script.length = expected.length = 0;
		buffer_printf(&script,
		    "i=0; while [ $i -lt %d ]; do i=$((i+1)); if [ $((i %% 3)) -eq 0 ]; then echo; "
		    "elif [ $((i %% 3)) -eq 1 ]; then echo line $i; else printf '%%01500d\\n' $i; fi; done >&2; exit 1",
		    last);
		start(buffer_string(&script));
		run_until_death("exited with status 1\n");
		buffer_append_string(&expected, "it wrote nothing to stdout\nlast lines of stderr:\n");
		for (int line = first; line <= last; line++) {
			if (line % 3 == 0)
				buffer_append_string(&expected, "  \n");
			else if (line % 3 == 1)
				buffer_printf(&expected, "  line %d\n", line);
			else
				buffer_printf(&expected, "  %01000d... (1500 bytes)\n", 0);
		}
		assert_string_equal(tail(), buffer_string(&expected));
		server_stop(server);
		server = NULL;
		death.length = 0;
	}
	buffer_free(&expected);
	buffer_free(&script);
}

static void
test_long_lines_are_cut_in_the_tail(void **state)
{
	(void)state;
	start("head -c 200000 /dev/zero | tr '\\0' e >&2; echo >&2; head -c 3000 /dev/zero | tr '\\0' o; echo; exit 1");
	run_until_death("exited with status 1\n");
	assert_non_null(strstr(tail(), "oooo... (3000 bytes)\n"));
	assert_non_null(strstr(tail(), "eeee... (65536 bytes)\n"));
	assert_true(strlen(tail()) < 10000);
	assert_int_equal(strlen(read_log()), sizeof(char[100000]) - 1);
}

static void
test_silence(void **state)
{
	(void)state;
	start("exec sleep 100");
	run_ms(20);
	assert_string_equal(tail(), "it wrote nothing to stdout\nit wrote nothing to stderr\n");
	assert_int_equal(death.length + offences.length, 0);
}

/* A newline forgotten is a common fault, and otherwise looks like silence. */
static void
test_unfinished_line(void **state)
{
	(void)state;
	start("printf 'one\\n{\"src\"'; exec sleep 100");
	for (int i = 0; i < 100 && strstr(tail(), "newline") == NULL; i++)
		run_ms(5);
	assert_string_equal(tail(), "last lines of stdout:\n  one\nand 6 bytes without a newline: {\"src\"\n"
				    "it wrote nothing to stderr\n");
}

static void
test_it_may_close_its_streams_and_live(void **state)
{
	(void)state;
	start("exec 1>&- 2>&- 0<&-; exec sleep 100");
	run_ms(20);
	for (int i = 0; i < 300; i++)
		send("{\"pad\":\"0123456789\"}");
	while (net_queued_bytes(net) > 0)
		run_ms(5);
	assert_int_equal(death.length + offences.length, 0);
}

/* ---- too much ------------------------------------------------------------------------------ */

static void
send_much(int count, size_t size)
{
	struct buffer body = {0};

	buffer_append_string(&body, "{\"pad\":\"");
	while (body.length < size)
		buffer_append_char(&body, 'x');
	buffer_append_string(&body, "\"}");
	for (int i = 0; i < count; i++)
		send(buffer_string(&body));
	buffer_free(&body);
}

static void
test_who_does_not_read_blocks_nobody(void **state)
{
	int64_t began;

	(void)state;
	start("exec sleep 100");
	send_much(2000, 1000);
	began = loop_now(loop);
	run_ms(20);
	assert_true(loop_now(loop) - began < 1000 * MS_NS);
	assert_true(net_queued_bytes(net) > 1000000);
	assert_int_equal(death.length, 0);
}

static void
test_who_reads_late_gets_all_of_it(void **state)
{
	(void)state;
	start("sleep 0.05; printf '{\"src\":\"n0\",\"dest\":\"c0\",\"body\":{\"bytes\":%d}}\\n' $(head -n 500 | wc "
	      "-c); exec sleep 9");
	send_much(500, 1000);
	run_until_messages(1);
	/* {"id":N,"src":"c0","dest":"n0","body":...}\n around bodies of 1002 bytes; N of 1 to 3 digits */
	text.length = 0;
	buffer_printf(&text, "{\"bytes\":%d}\n", 500 * (1002 + 39) + 10 + 2 * 90 + 3 * 400);
	assert_string_equal(buffer_string(&received), buffer_string(&text));
}

static void
test_one_large_message(void **state)
{
	(void)state;
	start("printf '{\"src\":\"n0\",\"dest\":\"c0\",\"body\":{\"bytes\":%d}}\\n' $(head -n 1 | wc -c)\n"
	      "printf '{\"src\":\"n0\",\"dest\":\"c0\",\"body\":{\"x\":\"'; head -c 1000000 /dev/zero | tr '\\0' a; "
	      "echo '\"}}'\n"
	      "exec sleep 100");
	send_much(1, 2000000);
	run_until_messages(2);
	assert_memory_equal(received.bytes, "{\"bytes\":2000042}\n", 18);
	assert_int_equal(received.length, 18 + 1000008 + 1);
}

static void
test_floods_leave_others_their_turn(void **state)
{
	static const char *const floods[] = {"exec yes '{\"src\":\"n0\",\"dest\":\"c0\",\"body\":{}}'",
	    "exec yes rubbish", "exec yes >&2", "exec cat /dev/zero", "exec cat /dev/zero >&2"};

	(void)state;
	for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
		int64_t began;

		unlink(log_path);
		assert_int_equal(symlink("/dev/null", log_path), 0);
		start(floods[i]);
		began = loop_now(loop);
		run_ms(20);
		assert_true(loop_now(loop) - began < 1000 * MS_NS);
		assert_int_equal(death.length, 0);
		server_stop(server);
		server = NULL;
	}
}

static void
look_at_log(void *arg)
{
	struct stat status;

	if (stat(log_path, &status) == 0 && status.st_size >= (off_t)SERVER_LOG_MAX)
		loop_stop(loop);
	else
		loop_after(loop, MS_NS, look_at_log, arg);
}

static void
test_a_log_has_an_end(void **state)
{
	struct stat status;

	(void)state;
	start("exec yes noise >&2");
	look_at_log(NULL);
	loop_run(loop);
	run_ms(50);
	assert_int_equal(stat(log_path, &status), 0);
	assert_in_range(status.st_size, SERVER_LOG_MAX, SERVER_LOG_MAX + ((size_t)1 << 20));
	assert_int_equal(death.length, 0);
}

static bool
refuse(void *arg, const struct envelope *envelope)
{
	(void)arg;
	(void)envelope;
	return false;
}

static void
test_a_flood_that_nobody_takes_ends_it(void **state)
{
	(void)state;
	net_limit(net, 3 << 20, 4 << 20);
	net_add(net, "c1", refuse, NULL);
	start("exec yes '{\"src\":\"n0\",\"dest\":\"c1\",\"body\":{}}'");
	run_until_death("flooded the network (3 MB wait for delivery, this message was for \"c1\") and was killed\n");
	run_ms(20);
	assert_string_equal(buffer_string(&death),
	    "flooded the network (3 MB wait for delivery, this message was for \"c1\") and was killed\n");
	assert_int_equal(offences.length, 0);
}

/* ---- stderr ---------------------------------------------------------------------------------- */

static void
test_stderr_is_shown_if_asked_for(void **state)
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	char shown[200] = "";

	(void)state;
	options.log_stderr = true;
	dup2(fileno(file), STDERR_FILENO);
	start("echo one >&2; printf two >&2; exit 0");
	loop_run(loop);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	assert_true(fread(shown, 1, sizeof(shown) - 1, file) > 0);
	fclose(file);
	assert_string_equal(shown, "n0: one\nn0: two\n");
	assert_string_equal(read_log(), "one\ntwo");
}

static void
test_what_is_in_the_pipe_at_the_end_is_logged(void **state)
{
	(void)state;
	start("echo early >&2; echo '{\"src\":\"n0\",\"dest\":\"c0\"}'; echo late >&2; exec sleep 100");
	run_until_messages(1);
	usleep(50000); /* the loop does not run, so `late` stays in the pipe */
	server_stop(server);
	server = NULL;
	assert_string_equal(read_log(), "early\nlate\n");
}

static void
test_a_log_that_cannot_be_written_is_no_hindrance(void **state)
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	char shown[200] = "";

	(void)state;
	unlink(log_path);
	assert_int_equal(symlink("/dev/full", log_path), 0);
	dup2(fileno(file), STDERR_FILENO);
	start("echo one >&2; sleep 0.01; echo two >&2; exit 0");
	loop_run(loop);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	assert_true(fread(shown, 1, sizeof(shown) - 1, file) > 0);
	fclose(file);
	assert_non_null(strstr(shown, "n0: its log cannot be written: No space left on device\n"));
	assert_null(strstr(strchr(shown, '\n') + 1, "log"));
	assert_string_equal(buffer_string(&death), "exited with status 0\n");
	assert_non_null(strstr(tail(), "  one\n  two\n"));
}

/* ---- what cannot be started -------------------------------------------------------------------- */

static void
expect_error(const char *path, const char *why)
{
	options.bin = path;
	error.length = 0;
	assert_null(server_process(loop, net, &options, "n0", NULL, &events, &error));
	text.length = 0;
	buffer_printf(&text, "cannot start %s: %s", path, why);
	assert_string_equal(buffer_string(&error), buffer_string(&text));
	assert_false(net_knows(net, "n0"));
}

static void
test_what_cannot_be_started(void **state)
{
	(void)state;
	expect_error("/does/not/exist", "No such file or directory");
	expect_error("/usr", "Is a directory");
	write_file(bin, "#!/bin/sh\n", 0644);
	expect_error(bin, "Permission denied");
	unlink(bin);
	assert_int_equal(symlink(bin, bin), 0);
	expect_error(bin, "Too many levels of symbolic links");
}

/* What only the kernel finds out. */
static void
test_what_cannot_be_executed(void **state)
{
	const char *preload = getenv("LD_PRELOAD");
	int writer;

	(void)state;
	if (preload != NULL && strstr(preload, "vgpreload") != NULL)
		skip(); /* valgrind dies of an execve(2) that fails */
	write_file(bin, "#!/does/not/exist\n", 0755);
	expect_error(bin, "No such file or directory");
	write_file(bin, "#!/bin/sh\n", 0755);
	writer = open(bin, O_WRONLY);
	expect_error(bin, "Text file busy");
	close(writer);
}

static void
test_a_log_that_cannot_be_opened(void **state)
{
	(void)state;
	write_file(bin, "#!/bin/sh\n", 0755);
	assert_null(server_process(loop, net, &options, "n0", "/does/not/exist", &events, &error));
	assert_string_equal(buffer_string(&error), "/does/not/exist: No such file or directory");
}

/* As Java does. */
static void
test_a_script_without_shebang_is_the_shells(void **state)
{
	(void)state;
	write_file(bin, "exit 5\n", 0755);
	server = server_process(loop, net, &options, "n0", NULL, &events, &error);
	assert_non_null(server);
	run_until_death("exited with status 5\n");
}

/* ---- nothing is left behind ----------------------------------------------------------------------- */

/* Runs no more: gone, or a zombie that waits for init. */
static bool
has_gone(pid_t pid)
{
	for (int i = 0; i < 200; i++) {
		char path[32], line[200] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
		file = fopen(path, "r");
		if (file == NULL)
			return true;
		if (fgets(line, sizeof(line), file) == NULL)
			line[0] = '\0';
		fclose(file);
		if (line[0] == '\0' || strstr(line, ") Z ") != NULL)
			return true;
		usleep(10000);
	}
	return false;
}

/* A node with a child of its own; both have told who they are. */
static void
start_family(pid_t *parent, pid_t *child)
{
	start("sleep 1000 & printf '{\"src\":\"n0\",\"dest\":\"c0\",\"body\":{\"pids\":[%d,%d]}}\\n' $$ $!; wait");
	run_until_messages(1);
	assert_int_equal(sscanf(buffer_string(&received), "{\"pids\":[%d,%d]}", parent, child), 2);
	assert_false(kill(*parent, 0));
	assert_false(kill(*child, 0));
}

static void
test_stop_kills_the_whole_group(void **state)
{
	pid_t parent, child;

	(void)state;
	start_family(&parent, &child);
	server_stop(server);
	server = NULL;
	assert_int_equal(kill(parent, 0), -1); /* reaped */
	assert_true(has_gone(child));
	assert_int_equal(death.length, 0);
}

/* ---- killed, started again, paused ---------------------------------------------------- */

/* It tells its number of starts, which it keeps in a file, then echoes. */
static void
start_lives(void)
{
	char script[1024];

	snprintf(script, sizeof(script),
	    "echo alive >&2\n"
	    "echo life >>%s/lives\n"
	    "printf '{\"src\":\"n0\",\"dest\":\"c0\",\"body\":{\"life\":%%d}}\\n' $(grep -c . %s/lives)\n%s",
	    directory, directory, ECHO);
	start(script);
	run_until_messages(1);
	assert_non_null(strstr(buffer_string(&received), "{\"life\":1}"));
}

static void
test_killed_and_started_again(void **state)
{
	(void)state;
	start_lives();
	server_kill(server);
	server_kill(server); /* no harm */
	send("{\"lost\":1}");
	run_ms(100);
	for (int life = 2; life < 5; life++) {
		char expected[32];

		received.length = 0;
		assert_true(server_revive(server, &error));
		send("{\"heard\":1}");
		run_until_messages(2 * life - 1);
		snprintf(expected, sizeof(expected), "{\"life\":%d}", life);
		assert_non_null(strstr(buffer_string(&received), expected));
		assert_non_null(strstr(buffer_string(&received), "\"heard\""));
		assert_null(strstr(buffer_string(&received), "lost"));
		server_kill(server); /* and at once again */
	}
	assert_int_equal(death.length, 0); /* that is no news */
	assert_int_equal(offences.length, 0);
	server_stop(server);
	server = NULL;
	assert_string_equal(read_log(), "alive\nalive\nalive\nalive\n");
	text.length = 0;
	buffer_printf(&text, "%s/lives", directory);
	assert_int_equal(unlink(buffer_string(&text)), 0);
}

/* A message that was not finished when it was killed is no part of the next one's first. */
static void
test_half_a_line_dies_with_it(void **state)
{
	(void)state;
	start("printf '{\"src\":\"n0\",\"dest\":\"c0\",\"body\":{}}\\n{\"src'; sleep 1000");
	run_until_messages(1);
	run_ms(50);
	server_kill(server);
	assert_true(server_revive(server, &error));
	run_until_messages(2);
	run_ms(50);
	assert_int_equal(offences.length + death.length, 0);
}

/* Much waits for one that does not read: it is lost with it, and blocks nothing afterwards. */
static void
test_what_waits_is_lost_with_it(void **state)
{
	char body[10000];

	(void)state;
	memset(body, ' ', sizeof(body));
	body[0] = '{';
	body[sizeof(body) - 2] = '}';
	body[sizeof(body) - 1] = '\0';
	start("echo >&2; sleep 0.3; " ECHO);
	server_pause(server);
	for (int i = 0; i < 50; i++)
		send(body);
	run_ms(50);
	server_kill(server);
	run_ms(50);
	assert_int_equal(net_queued_bytes(net), 0);
	assert_true(server_revive(server, &error));
	send("{\"new\":1}");
	run_until_messages(1);
	assert_non_null(strstr(buffer_string(&received), "\"new\""));
}

static void
test_what_cannot_be_started_again(void **state)
{
	(void)state;
	start(ECHO);
	server_kill(server);
	unlink(bin);
	assert_false(server_revive(server, &error));
	assert_non_null(strstr(buffer_string(&error), "cannot start"));
	send("{\"lost\":1}");
	run_ms(50);
	assert_int_equal(messages + (int)death.length, 0);
}

/* It does not hear, nor does its child; then it hears all of it. */
static void
test_paused(void **state)
{
	(void)state;
	start(ECHO);
	send("{\"before\":1}");
	run_until_messages(1);
	server_pause(server);
	send("{\"meanwhile\":1}");
	run_ms(200);
	assert_int_equal(messages, 1);
	server_resume(server);
	run_until_messages(2);
	assert_non_null(strstr(buffer_string(&received), "\"meanwhile\""));
	server_pause(server); /* and is stopped so */
	assert_int_equal(death.length, 0);
}

/* One that ends by itself, though it was killed and started again, is told of; once. */
static void
test_its_own_end_is_told_of_after_all(void **state)
{
	(void)state;
	start("read -r line; read -r line; exit 7");
	server_kill(server);
	assert_true(server_revive(server, &error));
	send("{}");
	send("{}");
	run_until_death("exited with status 7\n");
}

static void
test_kill_all(void **state)
{
	pid_t parent, child;

	(void)state;
	start_family(&parent, &child);
	server_kill_all();
	run_until_death("killed by signal 9\n");
	assert_true(has_gone(child));
	server_stop(server);
	server = NULL;
	server_kill_all(); /* nobody is there */
}

/* Even who is killed without warning takes his nodes with him: here a process that plays eddy. */
static void
test_nodes_do_not_outlive_us(void **state)
{
	pid_t eddy, pids[2];
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	eddy = fork();
	if (eddy == 0) {
		start_family(&pids[0], &pids[1]);
		if (write(ends[1], pids, sizeof(pids)) != sizeof(pids))
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(read(ends[0], pids, sizeof(pids)), sizeof(pids));
	assert_int_equal(waitpid(eddy, NULL, 0), eddy);
	assert_true(has_gone(pids[0]));
	assert_true(has_gone(pids[1]));
	close(ends[0]);
	close(ends[1]);
}

static void
test_many_at_once(void **state)
{
	enum { NODES = 30 };
	struct server *servers[NODES];
	char id[16];

	(void)state;
	write_file(bin, "#!/bin/sh\nwhile read -r line; do echo '{\"src\":\"c0\",\"dest\":\"c0\"}'; done\n", 0755);
	for (int i = 0; i < NODES; i++) {
		snprintf(id, sizeof(id), "n%d", i);
		servers[i] = server_process(loop, net, &options, id, NULL, &events, &error);
		assert_non_null(servers[i]);
		assert_int_equal(net_send(net, "c0", id, "{}", 2), NET_OK);
	}
	run_until_messages(NODES);
	for (int i = 0; i < NODES; i++)
		server_stop(servers[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_messages_go_in_and_out, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_where_and_how_it_runs, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_it_inherits_nothing, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_lines_may_end_in_crlf_and_come_in_pieces, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_rubbish_is_an_offence_and_the_run_goes_on, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_line_over_the_limit, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_line_over_the_limit_that_does_not_end, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_stop_from_within_a_callback, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_ends, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_last_words_are_heard_before_its_death, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_last_words_while_a_child_lives, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_tail_is_the_last_lines, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_long_lines_are_cut_in_the_tail, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_silence, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_unfinished_line, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_it_may_close_its_streams_and_live, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_who_does_not_read_blocks_nobody, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_who_reads_late_gets_all_of_it, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_one_large_message, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_floods_leave_others_their_turn, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_log_has_an_end, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_flood_that_nobody_takes_ends_it, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_stderr_is_shown_if_asked_for, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_what_is_in_the_pipe_at_the_end_is_logged, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_log_that_cannot_be_written_is_no_hindrance, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_what_cannot_be_started, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_what_cannot_be_executed, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_log_that_cannot_be_opened, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_script_without_shebang_is_the_shells, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_stop_kills_the_whole_group, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_killed_and_started_again, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_half_a_line_dies_with_it, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_what_waits_is_lost_with_it, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_what_cannot_be_started_again, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_paused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_its_own_end_is_told_of_after_all, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_kill_all, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_nodes_do_not_outlive_us, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_many_at_once, set_up, tear_down),
	};
	int failed;

	if (mkdtemp(directory) == NULL)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(directory);
	return failed;
}
