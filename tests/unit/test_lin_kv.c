/* The lin-kv workload: which worker asks what of which key, what the answers mean, and what broken nodes are caught at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#undef run_test /* cmocka's old name for something else */

#include "client.h"
#include "registry.h"
#include "run.h"
#include "workload.h"

/* ---- the generator ------------------------------------------------------------------ */

#define NODES   2
#define GROUP   (2 * NODES)
#define WORKERS (2 * GROUP)

struct world {
	struct test_options options;
	struct arena arena;
	struct random random;
	void *state;
	bool free[WORKERS];
	int64_t processes[WORKERS];
	struct workers workers;
};

static void
begin(struct world *w)
{
	*w = (struct world){.options = {.node_count = NODES, .concurrency = WORKERS}};
	w->options.workload = workload_find("lin-kv");
	w->state = calloc(1, w->options.workload->state_size);
	random_seed(&w->random, 3, "test", 0);
	for (int i = 0; i < WORKERS; i++) {
		w->free[i] = true;
		w->processes[i] = i;
	}
	w->workers = (struct workers){WORKERS, w->free, w->processes};
}

static void
end(struct world *w)
{
	free(w->state);
	arena_free(&w->arena);
}

static struct op_template
draw(struct world *w)
{
	struct op_template next = {.workers = &w->workers};

	assert_true(w->options.workload->generate(w->state, &w->random, &w->arena, &w->options, &next));
	assert_int_equal(next.count, next.first < GROUP ? GROUP / 2 : GROUP);
	assert_int_equal(next.first % next.count, 0);
	return next;
}

static int64_t
key_of(const struct op_template *op)
{
	return op->value->items[0]->integer;
}

static void
assert_below_five(const struct value *value)
{
	assert_int_equal(value->type, VALUE_INT);
	assert_in_range(value->integer, 0, 4);
}

static void
test_who_does_what(void **state)
{
	int reads = 0, writes = 0, cases = 0, first_group = 0;
	struct world w;

	(void)state;
	begin(&w);
	for (int i = 0; i < 6000; i++) {
		struct op_template op = draw(&w);
		const struct value *value = op.value->items[1];

		assert_int_equal(op.value->count, 2);
		assert_int_equal(key_of(&op), op.first / GROUP);
		first_group += op.first < GROUP;
		assert_int_equal(strcmp(op.f, "read") == 0, op.first == 0);
		if (strcmp(op.f, "read") == 0) {
			reads++;
			assert_int_equal(value->type, VALUE_NIL);
		} else if (strcmp(op.f, "write") == 0) {
			writes++;
			assert_below_five(value);
		} else {
			assert_string_equal(op.f, "cas");
			cases++;
			assert_int_equal(value->count, 2);
			assert_below_five(value->items[0]);
			assert_below_five(value->items[1]);
		}
	}
	assert_in_range(first_group, 2800, 3200);
	assert_in_range(reads, 1350, 1650);
	assert_in_range(writes, 1350, 1650);
	assert_in_range(cases, 2800, 3200);
	end(&w);
}

/* Busy workers: of a group whose readers are busy the writers go on, and of a busy group nobody. */
static void
test_only_free_workers(void **state)
{
	struct world w;

	(void)state;
	begin(&w);
	for (int i = 0; i < WORKERS; i++)
		w.free[i] = i >= GROUP / 2 && i < GROUP;
	for (int i = 0; i < 50; i++) {
		struct op_template op = draw(&w);

		assert_int_equal(op.first, GROUP / 2);
		assert_string_not_equal(op.f, "read");
	}
	for (int i = 0; i < WORKERS; i++)
		w.free[i] = i == 1 || i >= GROUP;
	for (int i = 0; i < 50; i++) {
		struct op_template op = draw(&w);

		assert_int_equal(strcmp(op.f, "read") == 0, op.first == 0);
	}
	end(&w);
}

/* A key is done with when the 21st process would have to do with it; the other group stays where it is. */
static void
test_keys_are_retired(void **state)
{
	struct world w;
	int crashes = 0;

	(void)state;
	begin(&w);
	for (int i = GROUP; i < WORKERS; i++)
		w.free[i] = false;
	for (int i = 0; i < 40; i++) {
		struct op_template op = draw(&w);

		assert_int_equal(key_of(&op), crashes <= 20 - GROUP ? 0 : crashes <= 2 * (20 - GROUP) + 1 ? 2 : 3);
		w.processes[i % GROUP] += WORKERS;
		crashes++;
	}
	w.free[GROUP] = true;
	for (int i = 0; i < GROUP; i++)
		w.free[i] = false;
	for (int i = 0; i < 3; i++) {
		struct op_template op = draw(&w);

		assert_int_equal(key_of(&op), 1);
	}
	end(&w);
}

/* ---- what cannot be run ------------------------------------------------------------------ */

static void
test_concurrency(void **state)
{
	static const struct {
		int nodes, workers;
		bool runs;
	} cases[] = {{1, 1, false}, {1, 2, true}, {2, 2, false}, {2, 4, true}, {2, 6, false}, {5, 10, true},
	    {5, 50, true}, {5, 51, false}, {10, 20, true}, {11, 22, false}};
	const struct workload *workload = workload_find("lin-kv");
	struct arena arena = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct test_options o = {.node_count = cases[i].nodes, .concurrency = cases[i].workers};

		assert_int_equal(workload->refuse(&arena, &o) == NULL, cases[i].runs);
	}
	arena_free(&arena);
}

/* ---- whole runs ------------------------------------------------------------------------------ */

static const char *const names[] = {"n0", "n1", "n2"};

static void
simulate(struct run *run, const char *node, int concurrency, uint64_t seed, int64_t latency_ms)
{
	const struct test_options options = {
	    .command = COMMAND_SIM,
	    .workload = workload_find("lin-kv"),
	    .program = registry_find(node),
	    .program_name = node,
	    .args = (char *const[]){NULL},
	    .nodes = names,
	    .node_count = 3,
	    .concurrency = concurrency,
	    .rate = 100,
	    .time_limit_s = 5,
	    .recovery_s = 1,
	    .latency = {latency_ms, LATENCY_CONSTANT},
	    .nemesis_interval_s = 1,
	    .seed = seed,
	    .quiet = true,
	};

	assert_non_null(options.program);
	run_test(run, &options);
}

static const struct value *
workload_result(const struct run *run)
{
	return value_get(run->results, "workload");
}

/* The :f of the operation at which a key failed. */
static const char *
fault_of(const struct value *one)
{
	const struct value *op = value_get(value_get(one, "linearizable"), "op");

	return op != NULL ? value_get(op, "f")->text : "";
}

static int
count_faults(const char *node, const char *f)
{
	int count = 0;

	for (uint64_t seed = 1; seed <= 5; seed++) {
		const struct value *results;
		struct run run;

		simulate(&run, node, 12, seed, 10);
		assert_int_equal(run.verdict, VERDICT_INVALID);
		assert_true(value_get(workload_result(&run), "failures")->count > 0);
		results = value_get(workload_result(&run), "results");
		for (size_t i = 1; i < results->count; i += 2)
			count += strcmp(fault_of(results->items[i]), f) == 0;
		run_free(&run);
	}
	return count;
}

static void
test_proxy(void **state)
{
	struct run run;

	(void)state;
	simulate(&run, "lin-kv-proxy", 12, 1, 10);
	assert_int_equal(run.verdict, VERDICT_VALID);
	assert_int_equal(value_get(workload_result(&run), "results")->count, 4);
	run_free(&run);
}

/* A stale cache is met by reads alone: changes go to the service. */
static void
test_broken_nodes(void **state)
{
	(void)state;
	assert_int_equal(count_faults("broken:lin-kv-stale", "read"), 5); /* the key that is read, in five runs */
	assert_int_equal(count_faults("broken:lin-kv-stale", "cas"), 0);
	assert_true(count_faults("broken:lin-kv-torn", "cas") >= 2);
	assert_true(count_faults("broken:lin-kv-denies", "read") >= 2);
}

/* A worker too few, and nodes so far away that no answer comes in time: ten times the latency would be enough. */
static void
test_refused_run_and_patience(void **state)
{
	struct run run;

	(void)state;
	simulate(&run, "lin-kv-proxy", 3, 1, 10);
	assert_true(run.crashed && run.results == NULL);
	assert_int_equal(run_exit_status(&run), EXIT_CRASH);
	assert_non_null(strstr(buffer_string(&run.report), "--concurrency 2n"));
	assert_int_equal(run.history.count, 0);
	run_free(&run);
	simulate(&run, "lin-kv-proxy", 6, 1, 600);
	assert_int_equal(run.verdict, VERDICT_VALID);
	assert_true(value_get(value_get(run.results, "stats"), "ok-count")->integer > 0);
	run_free(&run);
}

/* ---- answers ---------------------------------------------------------------------------------- */

/* What an operation becomes when its answer is an error, or none comes; an error's code, 0: none comes. */
static const struct {
	const char *f;
	int code;
	enum op_type type;
} outcomes[] = {
    {"read", 20, OP_FAIL},
    {"read", 13, OP_FAIL},
    {"read", -1, OP_FAIL},
    {"write", 11, OP_FAIL},
    {"write", 13, OP_INFO},
    {"write", 0, OP_INFO},
    {"write", -1, OP_INFO},
    {"cas", 22, OP_FAIL},
    {"cas", 20, OP_FAIL},
    {"cas", -1, OP_INFO},
};

struct exchange {
	struct loop *loop;
	struct net *net;
	int code; /* -1: no answer; -2: a right one */
	struct op completed;
	int64_t completed_at;
	char request[200];
};

static bool
receive(void *arg, const struct envelope *envelope)
{
	struct exchange *x = arg;
	char body[200];

	snprintf(x->request, sizeof(x->request), "%.*s", (int)envelope->length, envelope->body);
	if (x->code == -2)
		snprintf(body, sizeof(body), "{\"type\":\"%s_ok\",\"in_reply_to\":1%s}",
		    strstr(x->request, "read")  ? "read"
		    : strstr(x->request, "cas") ? "cas"
						: "write",
		    strstr(x->request, "read") ? ",\"value\":[1]" : "");
	else
		snprintf(
		    body, sizeof(body), "{\"type\":\"error\",\"in_reply_to\":1,\"code\":%d,\"text\":\"x\"}", x->code);
	if (x->code != -1)
		net_send(x->net, envelope->dest, envelope->src, body, strlen(body));
	return true;
}

static void
completed(void *arg, const struct op *op)
{
	struct exchange *x = arg;

	x->completed = *op;
	x->completed_at = loop_now(x->loop);
	loop_stop(x->loop);
}

static void
exchange(struct exchange *x, struct arena *arena, const char *f, const char *value, int code, int64_t latency_ms)
{
	const struct latency latency = {latency_ms, LATENCY_CONSTANT};
	const char *cursor = value, *error;
	struct client *client;
	int next_client = 0;
	struct op op = {.type = OP_INVOKE, .f = f};

	*x = (struct exchange){.loop = loop_new(CLOCK_VIRTUAL), .code = code};
	op.value = edn_read(arena, &cursor, value + strlen(value), &error);
	x->net = net_new(x->loop, &latency, 1);
	net_add(x->net, "n0", receive, x);
	client = client_open(x->loop, x->net, &next_client);
	call_start(client, workload_find("lin-kv"), "n0", arena, &op, completed, x);
	loop_run(x->loop);
	client_close(client);
	net_free(x->net);
	loop_free(x->loop);
}

static void
assert_exchange(const char *f, const char *value, const char *request, const char *result)
{
	struct arena arena = {0};
	struct buffer text = {0};
	struct exchange x;

	exchange(&x, &arena, f, value, -2, 0);
	assert_int_equal(x.completed.type, OP_OK);
	assert_string_equal(x.request, request);
	edn_write(&text, x.completed.value);
	assert_string_equal(buffer_string(&text), result);
	buffer_free(&text);
	arena_free(&arena);
}

static void
test_requests(void **state)
{
	(void)state;
	assert_exchange("read", "[7 nil]", "{\"type\":\"read\",\"key\":7,\"msg_id\":1}", "[7 [1]]");
	assert_exchange("write", "[7 3]", "{\"type\":\"write\",\"key\":7,\"value\":3,\"msg_id\":1}", "[7 3]");
	assert_exchange(
	    "cas", "[7 [3 4]]", "{\"type\":\"cas\",\"key\":7,\"from\":3,\"to\":4,\"msg_id\":1}", "[7 [3 4]]");
}

static void
test_outcomes(void **state)
{
	struct arena arena = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
		const char *value = strcmp(outcomes[i].f, "cas") == 0 ? "[0 [1 2]]" : "[0 1]";
		struct exchange x;

		exchange(&x, &arena, outcomes[i].f, value, outcomes[i].code, 0);
		assert_int_equal(x.completed.type, outcomes[i].type);
	}
	arena_free(&arena);
}

static void
test_time_outs(void **state)
{
	static const int64_t times[][2] = {{0, 1000}, {100, 1000}, {101, 1010}, {700, 7000}};
	struct arena arena = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct exchange x;

		exchange(&x, &arena, "write", "[0 1]", -1, times[i][0]);
		assert_int_equal(x.completed_at, times[i][1] * MS_NS);
	}
	arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_who_does_what),
	    cmocka_unit_test(test_only_free_workers),
	    cmocka_unit_test(test_keys_are_retired),
	    cmocka_unit_test(test_concurrency),
	    cmocka_unit_test(test_requests),
	    cmocka_unit_test(test_outcomes),
	    cmocka_unit_test(test_time_outs),
	    cmocka_unit_test(test_proxy),
	    cmocka_unit_test(test_broken_nodes),
	    cmocka_unit_test(test_refused_run_and_patience),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
