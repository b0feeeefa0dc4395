/* Whole tests with real processes: crashes, offences, signals, what is left behind. */
#include "runs.h"

#include "fault.h"

/* ---- nodes that are scripts ---- */

/* A node that is a shell script; the functions make it readable. */
static void
write_script(const char *name, const char *body)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file,
	    "#!/bin/sh\n"
	    "reply() { printf '{\"src\":\"%%s\",\"dest\":\"%%s\",\"body\":{\"in_reply_to\":%%s,%%s}}\\n' $dest $src "
	    "$id \"$1\"; }\n"
	    "next() {\n"
	    "	read -r line || exit 0\n"
	    "	src=${line#*\\\"src\\\":\\\"} src=${src%%%%\\\"*}\n"
	    "	dest=${line#*\\\"dest\\\":\\\"} dest=${dest%%%%\\\"*}\n"
	    "	id=${line##*\\\"msg_id\\\":} id=${id%%%%\\}*}\n"
	    "}\n"
	    "%s\n",
	    body);
	fclose(file);
	chmod(path, 0755);
}

static void
run_script(struct run *run, const char *name, const char *flags)
{
	struct line line;
	char text[512];

	snprintf(text, sizeof(text), "--bin %s/%s --store %s/store --time-limit 1 --recovery 0 %s", directory, name,
	    directory, flags);
	parse(&line, COMMAND_TEST, text);
	run_test(run, &line.options);
	options_free(&line.options);
}

/* ---- real processes -------------------------------------------------------------------- */

static void
test_nodes_that_end(void **state)
{
	struct run run;

	(void)state;
	write_script("ends", "echo 'so long' >&2; exit 3");
	run_script(&run, "ends", "-q -w echo --node-count 2");
	assert_int_equal(run_exit_status(&run), 255);
	assert_says(&run, "ended before the test did: exited with status 3");
	assert_says(&run, "so long");
	assert_null(run.results);
	run_free(&run);

	write_script("ends", "next; reply '\"type\":\"init_ok\"'; next; exit 0");
	run_script(&run, "ends", "-q -w echo --node-count 1 --rate 100");
	assert_int_equal(run_exit_status(&run), 255);
	assert_says(&run, "node n0 ended before the test did: exited with status 0");
	assert_says(&run, "init_ok");
	run_free(&run);
}

static void
test_nodes_that_refuse(void **state)
{
	struct run run;

	(void)state;
	write_script("refuses", "next; reply '\"type\":\"error\",\"code\":13,\"text\":\"no thanks\"'; next");
	run_script(&run, "refuses", "-q -w echo --nodes alone");
	assert_int_equal(run_exit_status(&run), 255);
	assert_says(&run, "node alone answered init not with init_ok but with");
	assert_says(&run, "no thanks");
	run_free(&run);

	write_script(
	    "refuses", "next; reply '\"type\":\"init_ok\"'; next; reply '\"type\":\"topology_ok\",\"x\":1'; next");
	run_script(&run, "refuses", "-q -w broadcast --nodes alone");
	assert_int_equal(run_exit_status(&run), 255);
	assert_says(&run, "node alone answered topology with");
	assert_says(&run, "the key \"x\" is not allowed");
	run_free(&run);

	run_script(&run, "absent", "-q -w echo");
	assert_int_equal(run_exit_status(&run), 255);
	assert_says(&run, "No such file or directory");
	run_free(&run);
}

/* Each node offends once in its own way; the test goes on, and its answers count. */
static void
test_nodes_that_offend(void **state)
{
	static const char *const causes[] = {"JSON", "empty", "top-level key", "dest \"n9\""};
	const struct value *errors;
	char output[4096];
	struct run run;
	int saved;

	(void)state;
	write_script("offends", "next; reply '\"type\":\"init_ok\"'\n"
				"next\n"
				"case $dest in\n"
				"n0) echo hello;;\n"
				"n1) echo;;\n"
				"n2) echo '{\"src\":\"n2\",\"dest\":\"n0\",\"body\":{},\"x\":1}';;\n"
				"n3) echo '{\"src\":\"n3\",\"dest\":\"n9\",\"body\":{}}';;\n"
				"esac\n"
				"while :; do reply '\"type\":\"generate_ok\",\"id\":\"'$dest$src$id'\"'; next; done");
	saved = keep(stderr);
	run_script(&run, "offends", "-w unique-ids --node-count 5 --rate 100");
	kept(stderr, saved, output, sizeof(output));
	assert_shows(output, "unique-ids: 5 nodes of offends, seed ");
	assert_shows(output, "all nodes are up: operations for 1 s\n");
	assert_shows(output, "protocol error of node n");
	assert_shows(output, "analysed\n");
	assert_null(strchr(output, '\r'));
	assert_int_equal(run_exit_status(&run), 1);
	assert_int_equal(run.offences, 4);
	assert_true(verdict_of(value_get(run.results, "workload")) == VERDICT_VALID);
	assert_true(verdict_of(value_get(run.results, "stats")) == VERDICT_VALID);
	errors = result(&run, "protocol", "errors");
	for (size_t i = 0; i < errors->count; i++) {
		int node = value_get(errors->items[i], "node")->text[1] - '0';

		assert_in_range(node, 0, 3);
		assert_non_null(strstr(value_get(errors->items[i], "cause")->text, causes[node]));
	}
	run_free(&run);
}

/*
 * Nodes come up one after the other: who writes to all peers right after
 * init_ok is found out, unless the machine is so busy that no script starts
 * before the last node is there.
 */
static void
test_nodes_that_are_early(void **state)
{
	const struct value *errors;
	struct run run = {0};

	(void)state;
	write_script("early", "next; reply '\"type\":\"init_ok\"'\n"
			      "for i in 0 1 2 3 4 5; do\n"
			      "echo '{\"src\":\"'$dest'\",\"dest\":\"n'$i'\",\"body\":{\"type\":\"hello\"}}'\n"
			      "done\n"
			      "while next; do case $line in\n"
			      "*generate*) reply '\"type\":\"generate_ok\",\"id\":\"'$dest$src$id'\"';;\n"
			      "esac; done");
	for (int attempt = 0; attempt < 8 && run.offences == 0; attempt++) {
		run_free(&run);
		run_script(&run, "early", "-q -w unique-ids --node-count 6 --rate 50");
	}
	assert_int_equal(run_exit_status(&run), 1);
	errors = result(&run, "protocol", "errors");
	assert_non_null(strstr(value_get(errors->items[0], "cause")->text, "not yet"));
	run_free(&run);
}

static int
count_processes(const char *name)
{
	char command[256], text[32] = "";
	FILE *pipe;

	snprintf(command, sizeof(command), "ps -eo args | grep -c '[/]%s/%s'", strrchr(directory, '/') + 1, name);
	pipe = popen(command, "r");
	assert_non_null(fgets(text, sizeof(text), pipe));
	pclose(pipe);
	return atoi(text);
}

/* A signal ends a test in order: no process is left, and the store is whole. */
static void
test_interrupted(void **state)
{
	char path[256];
	pid_t child;
	int status;

	(void)state;
	write_script("steady",
	    "next; reply '\"type\":\"init_ok\"'; while :; do next; reply '\"type\":\"echo_ok\",\"echo\":1'; done");
	child = fork();
	if (child == 0) {
		struct run run;

		run_script(&run, "steady", "-q -w echo --node-count 3 --time-limit 60");
		_exit(run_exit_status(&run));
	}
	for (int i = 0; i < 100 && count_processes("steady") < 3; i++)
		usleep(10000);
	assert_int_equal(count_processes("steady"), 3);
	kill(child, SIGTERM);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 128 + SIGTERM);
	assert_int_equal(count_processes("steady"), 0);
	snprintf(path, sizeof(path), "%s/store/latest/history.edn", directory);
	assert_int_equal(access(path, R_OK), 0);
}

/* Killed nodes are started again, with init and the same arguments; paused ones go on; nobody is left in the end. */
static void
test_kills_and_pauses(void **state)
{
	struct run run;
	int kills = 0, pauses = 0, inits = 0;
	char path[128], line[512];
	FILE *file;

	(void)state;
	write_script("mortal",
	    "while next; do case $line in\n"
	    "*node_ids*) echo $dest $* >>$1; reply '\"type\":\"init_ok\"';;\n"
	    "*) echo=${line#*\\\"echo\\\":} echo=${echo%%,*}; reply '\"type\":\"echo_ok\",\"echo\":'\"$echo\";;\n"
	    "esac; done");
	snprintf(path, sizeof(path), "%s/inits", directory);
	snprintf(line, sizeof(line),
	    "-q -w echo --node-count 3 --rate 50 --time-limit 6 --nemesis kill,pause "
	    "--nemesis-interval 0.4 -- %s argument",
	    path);
	run_script(&run, "mortal", line);
	assert_false(run.crashed);
	assert_int_equal(run.offences, 0);
	assert_true(verdict_of(value_get(run.results, "workload")) == VERDICT_VALID);
	assert_true(result(&run, "stats", "ok-count")->integer > 0);
	for (size_t i = 0; i < run.fault_count; i++) {
		kills += run.faults[i].kind == FAULT_KILL && run.faults[i].start;
		pauses += run.faults[i].kind == FAULT_PAUSE && run.faults[i].start;
	}
	assert_true(kills > 2 && pauses > 2);
	run_free(&run);
	assert_int_equal(count_processes("mortal"), 0);
	assert_non_null(file = fopen(path, "r"));
	while (fgets(line, sizeof(line), file) != NULL) {
		assert_non_null(strstr(line, "inits argument\n"));
		inits++;
	}
	fclose(file);
	assert_true(inits > 3);
}

/* Whoever ends by itself has ended, also where others are killed. */
static void
test_an_end_is_an_end_among_kills(void **state)
{
	struct run run;

	(void)state;
	write_script("ends", "next; reply '\"type\":\"init_ok\"'; sleep 0.3; exit 5");
	run_script(
	    &run, "ends", "-q -w echo --node-count 2 --rate 50 --nemesis kill --nemesis-interval 1000 --nodes a,b");
	assert_int_equal(run_exit_status(&run), 255);
	assert_says(&run, "ended before the test did: exited with status 5");
	run_free(&run);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_nodes_that_end),
	    cmocka_unit_test(test_nodes_that_refuse),
	    cmocka_unit_test(test_nodes_that_offend),
	    cmocka_unit_test(test_nodes_that_are_early),
	    cmocka_unit_test(test_kills_and_pauses),
	    cmocka_unit_test(test_an_end_is_an_end_among_kills),
	    cmocka_unit_test(test_interrupted),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
