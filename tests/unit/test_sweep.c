/* Sweeps on several processes: what is printed does not depend on their number, crashes are found, nobody is left. */
#include "runs.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

#include "crew.h"
#include "node.h"

static void
assert_no_children(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* ---- a crew ------------------------------------------------------------------------- */

/* What each task does: by its number modulo 5. */
static int
do_task(void *arg, uint64_t task, uint64_t *figure)
{
	(void)arg;
	*figure = 10 * task;
	printf("task %d\n", (int)task);
	switch (task % 5) {
	case 1:
		return 7;
	case 2:
		fflush(stdout);
		abort();
	case 3:
		exit(3);
	default:
		return 0;
	}
}

static void
assert_said(int output, const char *expected)
{
	char text[256] = "";

	assert_true(pread(output, text, sizeof(text) - 1, 0) > 0);
	assert_shows(text, expected);
	close(output);
}

static void
check_result(const struct crew_result *result)
{
	char own[32];

	snprintf(own, sizeof(own), "task %d\n", (int)result->task);
	switch (result->task % 5) {
	case 1:
		assert_int_equal(result->status, 7);
		assert_said(result->output, own);
		break;
	case 2:
		assert_int_equal(result->status, CREW_CRASHED);
		assert_said(result->output, "signal 6 (Aborted)");
		break;
	case 3:
		assert_int_equal(result->status, CREW_CRASHED);
		assert_said(result->output, "with status 3");
		break;
	default:
		assert_int_equal(result->status, 0);
		assert_int_equal(result->output, -1);
		assert_int_equal(result->figure, 10 * result->task);
	}
}

static void
test_every_task_is_done_once(void **state)
{
	struct crew *crew = crew_start(3, do_task, NULL);
	bool done[40] = {false};
	struct crew_result result;
	uint64_t given = 0;

	(void)state;
	for (int count = 0; count < 40; count++) {
		while (given < 40 && crew_is_idle(crew))
			crew_give(crew, given++);
		assert_int_equal(crew_wait(crew, 10000, &result), CREW_RESULT);
		assert_false(done[result.task]);
		done[result.task] = true;
		check_result(&result);
	}
	assert_int_equal(crew_wait(crew, 0, &result), CREW_TIMEOUT);
	assert_true(crew_stop(crew));
	assert_no_children();
}

/* Until it is killed. */
static int
sleep_on(void *arg, uint64_t task, uint64_t *figure)
{
	(void)arg, (void)task;
	*figure = 0;
	while (pause() == -1)
		;
	return 0;
}

static void
test_signals_come_to_the_parent(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct crew_result result;

	(void)state;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct crew *crew = crew_start(2, sleep_on, NULL);

		crew_give(crew, 1);
		crew_give(crew, 2);
		assert_false(crew_is_idle(crew));
		kill(getpid(), signals[i]);
		assert_int_equal(crew_wait(crew, 10000, &result), CREW_SIGNAL);
		assert_int_equal(result.status, signals[i]);
		assert_true(crew_stop(crew));
		assert_no_children();
	}
}

/* In a worker, at its very end. */
static void
end_badly(void)
{
	printf("leaked\n");
	fflush(stdout);
	_exit(23);
}

static int
plan_a_bad_end(void *arg, uint64_t task, uint64_t *figure)
{
	(void)arg, (void)task;
	*figure = 0;
	atexit(end_badly);
	return 0;
}

static void
test_who_ends_badly_is_told_of(void **state)
{
	struct crew *crew = crew_start(1, plan_a_bad_end, NULL);
	struct crew_result result;
	char output[256];
	int saved;

	(void)state;
	crew_give(crew, 1);
	assert_int_equal(crew_wait(crew, 10000, &result), CREW_RESULT);
	assert_int_equal(result.status, 0);
	saved = keep(stdout);
	assert_false(crew_stop(crew));
	kept(stdout, saved, output, sizeof(output));
	assert_shows(output, "leaked\nThe run ended the process with status 23.\n");
	assert_no_children();
}

/* ---- sweeps ---------------------------------------------------------------------------- */

static int
sweep_alone(const char *text, const struct program *program, char *output, size_t size)
{
	int status = sweep(text, program, output, size);

	assert_no_children();
	return status;
}

/* Puts the time of a summary out of the way. */
static void
blank_time(char *output)
{
	char *time = strstr(output, " a run), ");

	assert_non_null(time);
	time += strlen(" a run), ");
	memmove(time, strchr(time, ')'), strlen(strchr(time, ')')) + 1);
}

#define FAILING                                                                                               \
	"-w g-set --node broken:g-set-once --time-limit 5 --rate 5 --nemesis partition --nemesis-interval 2 " \
	"--message-budget 1000 -q --minimise-budget 0 --seeds 1..200 --failures 3 --jobs "

static void
test_workers_change_nothing(void **state)
{
	static const char *const lines[] = {FAILING "1", FAILING "2", FAILING "7"};
	char first[16384], other[16384];

	(void)state;
	assert_int_equal(sweep_alone(lines[0], NULL, first, sizeof(first)), 1);
	assert_shows(first, "first failing seed ");
	assert_shows(first, "\nfailing seed ");
	assert_shows(first, ": 3 not valid\n");
	blank_time(first);
	for (size_t i = 1; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(sweep_alone(lines[i], NULL, other, sizeof(other)), 1);
		blank_time(other);
		assert_string_equal(first, other);
	}
}

/* An echo that takes the whole of eddy with it, now and then. */
static void
handle_echo(struct node *n, const struct message *m)
{
	if (node_random(n, 60) == 0)
		abort();
	node_reply(n, m, json_pack("{s:s, s:O}", "type", "echo_ok", "echo", json_object_get(m->body, "echo")));
}

static const struct route routes[] = {{"echo", handle_echo}, {NULL, NULL}};
static const struct program aborting = {.name = "aborting", .routes = routes};

static void
test_a_crash_is_a_failing_seed(void **state)
{
	char one[8192], three[8192];

	(void)state;
	assert_int_equal(
	    sweep_alone("-w echo --node echo --time-limit 2 -q --minimise-budget 0 --seeds 1..500 --jobs 1", &aborting,
		one, sizeof(one)),
	    EXIT_CRASH);
	assert_shows(one, "The run was ended by signal 6 (Aborted).\nfirst failing seed ");
	assert_shows(one, "sim -w echo --node echo --seed ");
	assert_shows(one, ": not valid\n");
	assert_int_equal(
	    sweep_alone("-w echo --node echo --time-limit 2 -q --minimise-budget 0 --seeds 1..500 --jobs 3", &aborting,
		three, sizeof(three)),
	    EXIT_CRASH);
	assert_null(strstr(one, "drawn: "));
	/* The messages of the run that crashed are not known: they count for nothing. */
	blank_time(one);
	blank_time(three);
	assert_string_equal(one, three);
}

static void
test_a_crash_tells_what_was_drawn(void **state)
{
	char output[8192];

	(void)state;
	assert_int_equal(sweep_alone("-w echo --node echo --swarm -q --minimise-budget 0 --seeds 1..500", &aborting,
			     output, sizeof(output)),
	    EXIT_CRASH);
	assert_shows(output, "The run was ended by signal 6 (Aborted).\ndrawn: ");
	assert_shows(output, " --swarm --seed ");
}

/* ---- its end ------------------------------------------------------------------------------ */

#define ENDLESS "-w g-set --node g-set --time-limit 100000 -q --seeds 1..1000000 --jobs 2"

/* A child that sweeps, in a group of its own; of the pipe only it and its workers have the end that is written to. */
static pid_t
sweep_in_child(int *alive)
{
	int ends[2];
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	fflush(NULL);
	child = fork();
	if (child == 0) {
		struct line line;

		close(ends[0]);
		if (freopen("/dev/null", "w", stdout) == NULL)
			_exit(1);
		parse(&line, COMMAND_SIM, ENDLESS);
		if (write(ends[1], "", 1) != 1)
			_exit(1);
		_exit(run_sweep(&line.options));
	}
	close(ends[1]);
	*alive = ends[0];
	return child;
}

/* Lets it begin, sends a signal, and returns how it ended, when all its workers are gone. */
static int
end_sweep(int number)
{
	const struct timespec moment = {.tv_nsec = 200000000};
	struct pollfd fd = {.events = POLLIN};
	pid_t child = sweep_in_child(&fd.fd);
	char byte;
	int status;

	assert_int_equal(read(fd.fd, &byte, 1), 1);
	nanosleep(&moment, NULL);
	kill(child, number);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(poll(&fd, 1, 10000), 1);
	assert_int_equal(read(fd.fd, &byte, 1), 0);
	close(fd.fd);
	return status;
}

static void
test_a_sweep_can_be_ended(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

	(void)state;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		int status = end_sweep(signals[i]);

		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 128 + signals[i]);
	}
}

static void
test_workers_do_not_outlive_it(void **state)
{
	int status = end_sweep(SIGKILL);

	(void)state;
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* ---- what cannot run ---------------------------------------------------------------- */

/* Runs it, and asserts that `why` is on `stream`. */
static void
assert_ends(const char *flags, int status, FILE *stream, const char *why)
{
	char words[512], output[4096], path[128];
	struct line line;
	int saved;

	snprintf(path, sizeof(path), "%s/refused", directory);
	snprintf(words, sizeof(words),
	    "-w lin-kv --node lin-kv --node-count 3 --concurrency 5 --time-limit 1 --scenario %s %s", path, flags);
	parse(&line, COMMAND_SIM, words);
	saved = keep(stream);
	assert_int_equal(run_wanted(&line.options), status);
	kept(stream, saved, output, sizeof(output));
	options_free(&line.options);
	assert_shows(output, why);
	assert_int_equal(access(path, R_OK), -1);
}

/* One run crashes with the reason; where many were wanted there is none at all, and no scenario. */
static void
test_what_cannot_run_is_told(void **state)
{
	static const char why[] = "lin-kv cannot run a key with 6 workers";

	(void)state;
	assert_ends("", EXIT_CRASH, stdout, why);
	assert_ends("--minimise", EXIT_CRASH, stderr, why);
	assert_ends("--seeds 1..3", EXIT_CRASH, stderr, why);
	assert_ends("--explore", EXIT_CRASH, stderr, why);
	assert_ends("--swarm --seeds 1..3", EXIT_ARGUMENTS, stderr, why);
}

/* With names of the user's nothing is drawn in their place; too little to judge is no finding in a sweep. */
static void
test_what_is_given_and_what_is_no_finding(void **state)
{
	char output[8192];

	(void)state;
	assert_int_equal(
	    sweep("-w echo --node echo --swarm --nodes a,b,c --seeds 1..3", NULL, output, sizeof(output)), 0);
	assert_int_equal(
	    sweep(
		"-w broadcast --node broken:broadcast-forgetful --swarm --nodes a,b,c --minimise-budget 0 --seeds 1..9",
		NULL, output, sizeof(output)),
	    1);
	assert_shows(output, " --nodes a,b,c ");
	assert_int_equal(
	    sweep("-w kafka --node kafka --rate 0.3 --time-limit 5 --seeds 1..20", NULL, output, sizeof(output)), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_task_is_done_once),
	    cmocka_unit_test(test_signals_come_to_the_parent),
	    cmocka_unit_test(test_who_ends_badly_is_told_of),
	    cmocka_unit_test(test_workers_change_nothing),
	    cmocka_unit_test(test_a_crash_is_a_failing_seed),
	    cmocka_unit_test(test_a_crash_tells_what_was_drawn),
	    cmocka_unit_test(test_a_sweep_can_be_ended),
	    cmocka_unit_test(test_workers_do_not_outlive_it),
	    cmocka_unit_test(test_what_cannot_run_is_told),
	    cmocka_unit_test(test_what_is_given_and_what_is_no_finding),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
