/* The systematic search: what it finds, what it leaves out, where it ends. */
#include "runs.h"

#include <stdio.h>

#include "explore.h"
#include "isolate.h"
#include "node.h"
#include "scenario.h"
#include "visited.h"

static struct explored explored;

static void
search(const char *text)
{
	struct line line;

	parse(&line, COMMAND_SIM, text);
	explore(&explored, &line.options);
	options_free(&line.options);
}

/* Whether the path has a choice of that kind. */
static bool
has_choice(enum choice_kind kind)
{
	for (int i = 0; i < explored.depth; i++)
		if (explored.path[i].kind == kind)
			return true;
	return false;
}

/* ---- planted faults ----------------------------------------------------------------- */

/* The searches in tests/explore/, the same with a node that is right, and what makes the broken one right. */
static const struct {
	const char *file, *repair;
	uint64_t states; /* that are looked at */
	const char *right[2];
} planted[] = {
    {"broadcast-window", "--numbers 1000000000", 50000, {"broadcast"}},
    {"lin-kv-forgets", "--remembers 1000000", 50000, {"lin-kv"}},
    {"txn-unfenced", "--fence", 20000, {"txn-list-append"}},
};
#define PLANTED (sizeof(planted) / sizeof(planted[0]))

/* Searches as a file says, with other arguments, or another node. */
static void
search_file(const char *file, const char *args, const char *node)
{
	struct scenario scenario = {0};
	struct buffer text = {0}, error = {0};
	char path[128], line[1024];
	FILE *stream;

	snprintf(path, sizeof(path), "tests/explore/%s", file);
	stream = fopen(path, "r");
	assert_non_null(stream);
	while (fgets(line, sizeof(line), stream) != NULL) {
		char *broken = strstr(line, "broken:");

		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "run ", 4) != 0)
			buffer_printf(&text, "%s\n", line);
		else if (node != NULL)
			buffer_printf(&text, "%.*s%s%s\n", (int)(broken - line), line, node, strchr(broken, ' '));
		else
			buffer_printf(&text, "%s -- %s\n", line, args);
	}
	fclose(stream);
	if (!scenario_parse(&scenario, text.bytes, text.length, NULL, &error))
		fail_msg("%s: %s", file, buffer_string(&error));
	explore(&explored, &scenario.options);
	scenario_free(&scenario);
	buffer_free(&text);
}

static void
test_planted_faults_are_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < PLANTED; i++) {
		search_file(planted[i].file, "", NULL);
		if (explored.end != EXPLORE_FOUND || explored.status != 1)
			fail_msg("%s was not found", planted[i].file);
		assert_true(explored.depth > 0 && explored.delays <= 2 && explored.states < planted[i].states);
	}
}

/* The same bounds: as many states as the fault was found in, and more. */
static void
test_right_nodes_pass(void **state)
{
	(void)state;
	for (size_t i = 0; i < PLANTED; i++) {
		search_file(planted[i].file, planted[i].repair, NULL);
		if (explored.end == EXPLORE_FOUND)
			fail_msg("%s %s: not valid", planted[i].file, planted[i].repair);
		assert_true(explored.end == EXPLORE_ALL || explored.states >= planted[i].states);
		for (const char *const *node = planted[i].right; *node != NULL; node++) {
			search_file(planted[i].file, "", *node);
			if (explored.end == EXPLORE_FOUND)
				fail_msg("%s: not valid", *node);
			assert_true(explored.end == EXPLORE_ALL || explored.states >= planted[i].states);
		}
	}
}

/* ---- bounds ------------------------------------------------------------------------- */

#define SMALL "--node-count 2 --ops 3 --timers 0 --recovery 1 --explore"

static void
test_everything_is_seen(void **state)
{
	uint64_t states, runs;

	(void)state;
	search("-w broadcast --node broadcast-flood " SMALL);
	assert_int_equal(explored.end, EXPLORE_ALL);
	states = explored.states;
	runs = explored.runs;
	/* Orders that come to the same are one state: there are far more paths than that. */
	assert_true(states > 10 && states < explored.steps);
	search("-w broadcast --node broadcast-flood " SMALL);
	assert_true(explored.states == states && explored.runs == runs);
	search("-w broadcast --node broadcast-flood " SMALL " --timers 1");
	assert_true(explored.end == EXPLORE_ALL && explored.states > states);
}

static void
test_limits(void **state)
{
	(void)state;
	search("-w lin-kv --node lin-kv --node-count 3 --concurrency 2n --explore --states 300");
	assert_int_equal(explored.end, EXPLORE_LIMIT);
	assert_in_range(explored.states, 300, 300 + 40);
	search("-w lin-kv --node lin-kv --node-count 3 --concurrency 2n --explore --states 10000000 --time-budget 0.2");
	assert_int_equal(explored.end, EXPLORE_LIMIT);
	search("-w broadcast --node broadcast-flood " SMALL " --depth 1");
	assert_int_equal(explored.end, EXPLORE_ALL);
	assert_in_range(explored.states, 2, 4);
}

static void
test_faults_have_budgets(void **state)
{
	(void)state;
	search("-w broadcast --node broken:broadcast-once " SMALL);
	assert_int_equal(explored.end, EXPLORE_ALL);
	search("-w broadcast --node broken:broadcast-once " SMALL " --duplicates 1");
	assert_int_equal(explored.end, EXPLORE_ALL);
	search("-w broadcast --node broken:broadcast-once " SMALL " --drops 1");
	assert_int_equal(explored.end, EXPLORE_FOUND);
	assert_true(has_choice(CHOICE_DROP) && !has_choice(CHOICE_CRASH));
	search("-w g-set --node g-set --node-count 2 --ops 3 --timers 0 --explore --crashes 1");
	assert_int_equal(explored.end, EXPLORE_FOUND);
	assert_true(has_choice(CHOICE_CRASH) && !has_choice(CHOICE_DROP));
	search("-w g-set --node g-set --node-count 2 --ops 3 --timers 0 --explore --crashes 1 -- --data-dir x");
	assert_int_equal(explored.end, EXPLORE_ALL);
	assert_int_equal(explored.status, 0);
}

/* ---- invariants --------------------------------------------------------------------- */

/* A node that cannot bear to hear the second word before the first. */
static void
handle_echo(struct node *n, const struct message *m)
{
	if (node_index(n) == 0) {
		node_send(n, node_peer(n, 1), json_pack("{s:s}", "type", "first"));
		node_send(n, node_peer(n, 1), json_pack("{s:s}", "type", "second"));
	}
	node_reply(n, m, json_pack("{s:s, s:O}", "type", "echo_ok", "echo", json_object_get(m->body, "echo")));
}

static void
handle_first(struct node *n, const struct message *m)
{
	bool *heard = node_state(n);

	(void)m;
	*heard = true;
}

static void
handle_second(struct node *n, const struct message *m)
{
	const bool *heard = node_state(n);

	(void)m;
	if (!*heard)
		abort();
}

static void
test_broken_invariants_end_a_search(void **state)
{
	static const struct route routes[] = {
	    {"echo", handle_echo}, {"first", handle_first}, {"second", handle_second}, {NULL, NULL}};
	static const struct program program = {.name = "touchy", .state_size = sizeof(bool), .routes = routes};
	struct line line;

	(void)state;
	parse(&line, COMMAND_SIM, "-w echo --node echo --node-count 2 --ops 1 --explore");
	line.options.program = &program;
	explore(&explored, &line.options);
	assert_int_equal(explored.end, EXPLORE_FOUND);
	assert_int_equal(explored.status, 128 + SIGABRT);
	assert_int_equal(explored.path[explored.depth - 1].kind, CHOICE_DELIVER);
	assert_int_equal(explored.path[explored.depth - 1].number, 1);
	assert_string_equal(explored.path[explored.depth - 1].dest, "n1");
	options_free(&line.options);
}

/* ---- parts -------------------------------------------------------------------------- */

static void
test_visited(void **state)
{
	struct visited visited = {0};

	(void)state;
	assert_true(visited_add(&visited, 0, 5, 1));
	assert_false(visited_add(&visited, 0, 5, 1));
	assert_false(visited_add(&visited, 0, 4, 0));
	assert_true(visited_add(&visited, 0, 6, 0));
	assert_true(visited_add(&visited, 0, 5, 2));
	for (uint64_t i = 2; i < 5000; i++)
		assert_true(visited_add(&visited, i * 1024, 1, 1));
	for (uint64_t i = 2; i < 5000; i++)
		assert_false(visited_add(&visited, i * 1024, 1, 1));
	assert_int_equal(visited.count, 4999);
	visited_free(&visited);
}

static int
return_seven(void *arg)
{
	*(int *)arg = 1;
	return 7;
}

static int
write_shared(void *arg)
{
	*(int *)arg = 42;
	abort();
}

static void
test_isolation(void **state)
{
	int *shared = isolate_memory(sizeof(*shared)), here = 0;

	(void)state;
	assert_int_equal(isolate(return_seven, &here, true), 7);
	assert_int_equal(here, 0);
	assert_int_equal(isolate(write_shared, shared, true), 128 + SIGABRT);
	assert_int_equal(*shared, 42);
	isolate_free(shared, sizeof(*shared));
}

/* A read alone says nothing of a set. */
static void
test_what_is_unknown_is_not_valid(void **state)
{
	char output[4096];

	(void)state;
	assert_int_equal(run_text("run -w g-set --node g-set --node-count 1 --explore\nop 0 0 read nil\n", NULL, stdout,
			     output, sizeof(output)),
	    verdict_exit_status(VERDICT_UNKNOWN));
	assert_shows(output, "none is invalid, but ");
}

static void
test_what_cannot_run_is_told(void **state)
{
	char output[4096];

	(void)state;
	assert_int_equal(
	    run_text("run -w lin-kv --node lin-kv --node-count 3 --concurrency 5 --explore\nop 0 0 read [0 nil]\n",
		NULL, stderr, output, sizeof(output)),
	    EXIT_CRASH);
	assert_shows(output, "lin-kv cannot run a key with 6 workers");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_planted_faults_are_found),
	    cmocka_unit_test(test_right_nodes_pass),
	    cmocka_unit_test(test_everything_is_seen),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_what_is_unknown_is_not_valid),
	    cmocka_unit_test(test_what_cannot_run_is_told),
	    cmocka_unit_test(test_faults_have_budgets),
	    cmocka_unit_test(test_broken_invariants_end_a_search),
	    cmocka_unit_test(test_visited),
	    cmocka_unit_test(test_isolation),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
