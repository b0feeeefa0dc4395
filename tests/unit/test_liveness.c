/* The phase of liveness: right nodes pass it in every workload, those that never come back do not. */
#include "runs.h"

#include "liveness.h"
#include "node.h"

#define NODES    "--node-count 3 --concurrency 2n --rate 20 "
#define BROKEN   "--nemesis partition --nemesis-interval 2 --time-limit 6 "
#define LIVENESS "--liveness 30 "

static void
simulate_program(struct run *run, const struct program *program, const char *text)
{
	struct line line;

	parse(&line, COMMAND_SIM, text);
	if (program != NULL)
		line.options.program = program;
	run_test(run, &line.options);
	options_free(&line.options);
}

static const struct value *
unproven(const struct run *run)
{
	return result(run, "liveness", "unproven");
}

/* ---- right nodes ------------------------------------------------------------------- */

static void
test_right_nodes_come_back(void **state)
{
	static const char *const pairs[][2] = {{"echo", "echo"}, {"unique-ids", "unique-ids"},
	    {"broadcast", "broadcast"}, {"broadcast", "broadcast-flood"}, {"g-set", "g-set"},
	    {"g-counter", "g-counter"}, {"g-counter", "g-counter-seq-kv"}, {"pn-counter", "pn-counter"},
	    {"lin-kv", "lin-kv"}, {"lin-kv", "lin-kv-caspaxos"}, {"lin-kv", "lin-kv-proxy"}, {"kafka", "kafka"},
	    {"kafka", "kafka-lin-kv"}, {"txn-list-append", "txn-list-append"},
	    {"txn-list-append", "txn-list-append-datomic"}, {"txn-rw-register", "txn-rw-register"}};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct run run;
		char text[256];

		snprintf(text, sizeof(text), "-w %s --node %s " NODES BROKEN LIVENESS, pairs[i][0], pairs[i][1]);
		simulate(&run, text);
		if (run_exit_status(&run) != 0)
			fail_msg("%s: %d", text, run_exit_status(&run));
		assert_true(verdict_of(value_get(run.results, "liveness")) == VERDICT_VALID);
		assert_int_equal(unproven(&run)->count, 0);
		assert_true(result(&run, "liveness", "probes")->integer >= 3);
		run_free(&run);
	}
}

/* Its operations are part of the history, each kind at each node; the final reads come behind them. */
static void
test_what_it_asks(void **state)
{
	bool asked[3][2] = {{false}};
	struct run run;

	(void)state;
	simulate(&run, "-w broadcast --node broadcast --rate 0 --time-limit 1 --node-count 3 " LIVENESS);
	assert_int_equal(run_exit_status(&run), 0);
	for (size_t i = 0; i < run.history.count; i++) {
		const struct op *op = &run.history.ops[i];

		if (op->type == OP_OK && !op->final)
			asked[op->process % 3][strcmp(op->f, "read") == 0] = true;
		assert_true(op->final || op->time < 10 * S_NS);
	}
	for (int i = 0; i < 3; i++)
		assert_true(asked[i][0] && asked[i][1]);
	assert_true(run.history.ops[run.history.count - 1].final);
	assert_int_equal(result(&run, "workload", "lost-count")->integer, 0);
	run_free(&run);
}

static void
test_without_it_nothing_is_said(void **state)
{
	struct run run;

	(void)state;
	simulate(&run, "-w echo --node echo --time-limit 1");
	assert_null(value_get(run.results, "liveness"));
	run_free(&run);
}

/* ---- nodes that do not come back ------------------------------------------------------ */

static void
assert_unproven(const struct run *run, const char *node, const char *f, const char *answered)
{
	const struct value *all = unproven(run);

	for (size_t i = 0; i < all->count; i++) {
		const struct value *told = value_get(all->items[i], "answered");

		if (strcmp(value_get(all->items[i], "node")->text, node) == 0 &&
		    strcmp(value_get(all->items[i], "f")->text, f) == 0 && told != NULL &&
		    strncmp(told->text, answered, strlen(answered)) == 0)
			return;
	}
	fail_msg("nothing of node %s, :%s, %s", node, f, answered);
}

/* What a checker of histories cannot see. */
static void
test_who_never_recovers_is_found(void **state)
{
	struct run run;

	(void)state;
	simulate(&run, "-w lin-kv --node broken:lin-kv-frozen " NODES BROKEN);
	assert_true(verdict_of(value_get(run.results, "workload")) == VERDICT_VALID);
	run_free(&run);
	simulate(&run, "-w lin-kv --node broken:lin-kv-frozen " NODES BROKEN LIVENESS);
	assert_int_equal(run_exit_status(&run), 1);
	assert_true(verdict_of(value_get(run.results, "workload")) == VERDICT_VALID);
	assert_true(verdict_of(value_get(run.results, "liveness")) == VERDICT_INVALID);
	assert_unproven(&run, "n1", "read", ":fail [:temporarily-unavailable");
	assert_true(result(&run, "liveness", "milliseconds")->integer >= 30000);
	run_free(&run);
}

/* In a sweep it decides as well. */
static void
test_sweeps_find_it(void **state)
{
	char output[8192];

	(void)state;
	assert_int_equal(
	    sweep("-w lin-kv --node broken:lin-kv-frozen " NODES BROKEN LIVENESS "--minimise-budget 0 --seeds 1..10",
		NULL, output, sizeof(output)),
	    1);
	assert_shows(output, "liveness       invalid  milliseconds 3");
	assert_shows(output, "last :fail [:temporarily-unavailable");
	assert_shows(output, " --liveness 30 ");
}

static void
handle_echo(struct node *n, const struct message *m)
{
	if (node_index(n) != 1 || node_now_ms(n) < 4000)
		node_reply(n, m, json_pack("{s:s, s:O}", "type", "echo_ok", "echo", json_object_get(m->body, "echo")));
	else
		node_defer(n, m);
}

static const struct route echo_routes[] = {{"echo", handle_echo}, {NULL, NULL}};
static const struct program falls_silent = {.name = "falls-silent", .routes = echo_routes};

static void
test_silence_is_found(void **state)
{
	struct run run;

	(void)state;
	simulate_program(&run, &falls_silent, "-w echo --node echo --node-count 3 --time-limit 5 --liveness 20");
	assert_int_equal(run_exit_status(&run), 1);
	assert_int_equal(unproven(&run)->count, 1);
	assert_unproven(&run, "n1", "echo", ":info [:timeout");
	run_free(&run);
}

/* Alive, but always in somebody's way. */
static void
handle_txn(struct node *n, const struct message *m)
{
	node_error(n, m, ERROR_TXN_CONFLICT, "later, perhaps");
}

static const struct route txn_routes[] = {{"txn", handle_txn}, {NULL, NULL}};
static const struct program conflicts = {.name = "conflicts", .routes = txn_routes};

static void
test_conflicts_for_ever_are_no_success(void **state)
{
	struct run run;

	(void)state;
	simulate_program(
	    &run, &conflicts, "-w txn-list-append --node txn-list-append --node-count 2 --time-limit 1 --liveness 5");
	assert_int_equal(run_exit_status(&run), 1);
	assert_int_equal(unproven(&run)->count, 2);
	assert_int_equal(result(&run, "liveness", "failures")->integer, 0);
	assert_unproven(&run, "n0", "txn", ":fail [:txn-conflict \"later, perhaps\"]");
	run_free(&run);
}

/* A workload that says nothing of it would pass whatever its nodes do. */
static void
test_every_workload_has_its_say(void **state)
{
	(void)state;
	for (const struct workload *const *w = workloads; *w != NULL; w++)
		assert_true((*w)->alive.kinds != NULL && (*w)->alive.kinds[0] != NULL);
}

/* ---- the books --------------------------------------------------------------------------- */

static struct op
completion(struct arena *arena, const char *f, enum op_type type, const char *error)
{
	struct op op = {.f = f, .type = type, .value = &value_nil};
	struct value *vector;

	if (error == NULL)
		return op;
	vector = value_collection(arena, VALUE_VECTOR);
	value_push(arena, vector, value_keyword(arena, error));
	value_push(arena, vector, value_string(arena, "why"));
	op.error = vector;
	return op;
}

static void
test_books(void **state)
{
	static const struct {
		int node;
		const char *f;
		enum op_type type;
		const char *error;
		int lacking; /* then */
	} steps[] = {
	    {0, "read", OP_OK, NULL, 5}, {0, "read", OP_OK, NULL, 5}, {0, "cas", OP_FAIL, "precondition-failed", 4},
	    {1, "read", OP_FAIL, "key-does-not-exist", 3},
	    {1, "write", OP_INFO, "precondition-failed", 4}, /* :info is never an answer */
	    {0, "write", OP_FAIL, "temporarily-unavailable", 6},
	    {0, "topology", OP_FAIL, "abort", 6}, /* not of this workload */
	    {0, "read", OP_OK, NULL, 5}, {0, "write", OP_OK, NULL, 4}, {0, "cas", OP_OK, NULL, 3},
	    {1, "read", OP_OK, NULL, 2}, {1, "write", OP_OK, NULL, 1},
	    {1, "cas", OP_FAIL, "txn-conflict", 3}, /* only where transactions conflict */
	};
	static const char *const nodes[] = {"n0", "n1"};
	const struct test_options options = {.workload = workload_find("lin-kv"), .nodes = nodes, .node_count = 2};
	struct liveness l = {0};
	struct arena arena = {0};

	(void)state;
	assert_null(liveness_result(&l, &arena));
	liveness_begin(&l, &options, false, 0);
	assert_true(liveness_lacks(&l, 1, "cas") && !liveness_lacks(&l, 1, "topology"));
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		const struct op op = completion(&arena, steps[i].f, steps[i].type, steps[i].error);

		liveness_learn(&l, &arena, steps[i].node, &op);
		assert_int_equal(l.lacking, steps[i].lacking);
	}
	assert_true(!liveness_lacks_any(&l, 0) && liveness_lacks_any(&l, 1) && !liveness_is_proven(&l));
	assert_int_equal(value_get(liveness_result(&l, &arena), "failures")->integer, 3);
	liveness_free(&l);
	arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_right_nodes_come_back),
	    cmocka_unit_test(test_what_it_asks),
	    cmocka_unit_test(test_without_it_nothing_is_said),
	    cmocka_unit_test(test_who_never_recovers_is_found),
	    cmocka_unit_test(test_sweeps_find_it),
	    cmocka_unit_test(test_silence_is_found),
	    cmocka_unit_test(test_conflicts_for_ever_are_no_success),
	    cmocka_unit_test(test_every_workload_has_its_say),
	    cmocka_unit_test(test_books),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
