/*
 * One test. The phases hand over by callbacks from the loop; whatever ends the
 * run early (a node that dies, a set-up that fails, a signal) notes why and
 * stops the loop, and the tear-down is the same for all.
 */
#include "run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cluster.h"
#include "finding.h"
#include "generator.h"
#include "interrupt.h"
#include "nemesis.h"
#include "placement.h"
#include "progress.h"
#include "steer.h"
#include "store.h"
#include "watchdog.h"
#include "words.h"
#include "workload.h"

/* Protocol errors that are told of at once; all are in the report. */
#define OFFENCES_SAID 3

struct test {
	struct run *run;
	const struct test_options *options;
	struct loop *loop;
	struct net *net;
	struct store *store;
	struct cluster *cluster;
	struct generator *generator;
	struct progress *progress;
	struct placement *placement; /* of real nodes that are set up */
	int next_client;
	struct value *offences; /* a vector of maps */
	bool abandoned;         /* what steers it has seen enough: there is no verdict */
};

/* ---- what goes wrong ------------------------------------------------------------ */

static void
crash(struct test *test)
{
	test->run->crashed = true;
	loop_stop(test->loop);
}

static void
on_failed(void *arg, int node, const char *why)
{
	struct test *test = arg;
	struct server *server = cluster_server(test->cluster, node);

	buffer_printf(&test->run->report, "node %s %s\n", test->options->nodes[node], why);
	if (server != NULL)
		server_tail(server, &test->run->report);
	crash(test);
}

static void
on_died(void *arg, struct server *server, const char *how)
{
	struct test *test = arg;

	buffer_printf(&test->run->report, "node %s ended before the test did: %s\n", server_id(server), how);
	server_tail(server, &test->run->report);
	crash(test);
}

static void
on_offence(void *arg, struct server *server, const char *line, size_t length, const char *cause)
{
	struct test *test = arg;
	struct arena *arena = &test->run->history.arena;
	struct value *offence;

	if (test->run->offences++ >= RUN_OFFENCES_MAX)
		return;
	offence = value_collection(arena, VALUE_MAP);
	value_put_keyword(arena, offence, "node", value_string(arena, server_id(server)));
	value_put_keyword(arena, offence, "cause", value_string(arena, cause));
	value_put_keyword(
	    arena, offence, "line", value_string_n(arena, line, length < RUN_LINE_MAX ? length : RUN_LINE_MAX));
	value_push(arena, test->offences, offence);
	if (test->run->offences <= OFFENCES_SAID)
		progress_say(test->progress, "protocol error of node %s: %s", server_id(server), cause);
}

/* Under Maelstrom it would be deaf from now on; but nobody who is stopped can help it. */
static void
on_late(void *arg, struct server *server, const char *client)
{
	(void)server;
	(void)client;
	((struct test *)arg)->run->late++;
}

/* Nodes that never answered are named: what they wrote may say why. */
static void
report_silence(struct test *test)
{
	for (int i = 0; test->generator != NULL && !test->run->crashed && i < test->options->node_count; i++) {
		struct generator_answers answers = generator_answers(test->generator, i);

		if (answers.answered > 0 || answers.unanswered == 0)
			continue;
		buffer_printf(&test->run->report, "node %s answered no client (unanswered: %" PRIu64 ")\n",
		    test->options->nodes[i], answers.unanswered);
		server_tail(cluster_server(test->cluster, i), &test->run->report);
	}
}

/* ---- phases ---------------------------------------------------------------------- */

static void
on_done(void *arg)
{
	loop_stop(((struct test *)arg)->loop);
}

static void
on_ready(void *arg)
{
	struct test *test = arg;
	const char *why = workload_refusal(&test->run->history.arena, test->options);

	if (why != NULL) {
		buffer_printf(&test->run->report, "%s\n", why);
		crash(test);
		return;
	}
	test->generator = generator_start(test->loop, test->net, test->cluster, test->options, test->options->seed,
	    &test->next_client, &test->run->history, on_done, test);
	progress_generator(test->progress, test->generator);
	if (!loop_is_virtual(test->loop))
		test->placement = placement_begin(test->loop);
	if (test->options->steering != NULL) {
		generator_hold(test->generator);
		loop_stop(test->loop);
	}
}

/* The nodes are set up, the generator waits: the choices, then all that follows from them. */
static void
run_steered(struct test *test)
{
	const struct world world = {test->loop, test->net, test->cluster, test->generator, &test->run->history,
	    test->options, &test->run->crashed};
	const struct steering *steering = test->options->steering;

	if (steering == NULL || test->run->crashed || test->generator == NULL)
		return;
	net_hold(test->net);
	test->abandoned = !steering->steer(steering->arg, &world);
	net_release(test->net);
	generator_release(test->generator);
	if (!test->run->crashed && !test->abandoned)
		loop_run(test->loop);
}

/* Runs the loop, under the watch that fits its clock. */
static void
run_loop(struct test *test)
{
	struct buffer message = {0}, command = {0};

	if (!loop_is_virtual(test->loop)) {
		loop_run(test->loop);
		return;
	}
	words_quote(&command, program_invocation_name);
	buffer_append_char(&command, ' ');
	options_replay(test->options, test->options->seed, &command);
	buffer_printf(&message,
	    "eddy: simulated time has stood still for %d s of computing: nodes answer each other without end, or one "
	    "never returns; %s%s\n",
	    WATCHDOG_S, test->options->operations == NULL ? "again with: " : "the scenario is of ",
	    buffer_string(&command));
	watchdog_begin(test->loop, WATCHDOG_S * 1000, buffer_string(&message));
	loop_run(test->loop);
	run_steered(test);
	watchdog_end();
	buffer_free(&message);
	buffer_free(&command);
}

static void
keep_faults(struct test *test)
{
	const struct nemesis *nemesis = generator_nemesis(test->generator);
	size_t size = nemesis->done_count * sizeof(*nemesis->done);
	struct fault_event *kept = arena_alloc(&test->run->history.arena, size + 1);

	if (size > 0)
		memcpy(kept, nemesis->done, size);
	test->run->faults = kept;
	test->run->fault_count = nemesis->done_count;
}

static void
run_phases(struct test *test)
{
	const struct test_options *o = test->options;
	const struct cluster_events events = {
	    .ready = on_ready,
	    .failed = on_failed,
	    .arg = test,
	    .server = {.offence = on_offence,
		.died = on_died,
		.arg = test,
		.late = faults_stall(o->faults) ? on_late : NULL},
	};
	bool real = !loop_is_virtual(test->loop);

	if (real)
		interrupt_begin(test->loop);
	test->progress = progress_start(test->loop, test->net, o);
	progress_say(test->progress, "%s: %d node%s of %s, seed %" PRIu64 "%s%s", o->workload->name, o->node_count,
	    o->node_count == 1 ? "" : "s", o->program_name, o->seed, test->store != NULL ? ", in " : "",
	    test->store != NULL ? store_path(test->store) : "");
	test->cluster = cluster_start(
	    test->loop, test->net, o, o->seed, &test->next_client, &test->run->history.arena, test->store, &events);
	run_loop(test);
	placement_end(test->placement);
	test->run->duration_ns = loop_now(test->loop);
	report_silence(test);
	if (test->generator != NULL)
		keep_faults(test);
	cluster_stop(test->cluster);
	if (real) {
		interrupt_end(test->loop);
		test->run->signal = interrupt_signal();
	}
}

/* ---- the verdict ------------------------------------------------------------------- */

static const struct value *
protocol_result(struct test *test)
{
	struct arena *arena = &test->run->history.arena;
	struct value *map = value_collection(arena, VALUE_MAP);

	value_put_keyword(arena, map, "valid?", value_bool(test->run->offences == 0));
	value_put_keyword(arena, map, "count", value_int(arena, (int64_t)test->run->offences));
	value_put_keyword(arena, map, "errors", test->offences);
	if (faults_stall(test->options->faults))
		value_put_int(arena, map, "late-replies", (int64_t)test->run->late);
	return map;
}

static enum verdict
verdict_under(const struct value *results, const char *key)
{
	const struct value *part = value_get(results, key);

	return part != NULL ? verdict_of(part) : VERDICT_VALID;
}

/* In a sweep runs are short, and an operation that never succeeded, or no order among so few, says little: :stats is
 * left out, and nothing to be told is no fault. */
static enum verdict
judge(const struct test *test, const struct value *results)
{
	enum verdict verdict = test->run->offences > 0 ? VERDICT_INVALID : VERDICT_VALID;

	if (!test->options->sweep)
		return verdict_worse(verdict, verdict_of(results));
	if (!finding_is_lack(results))
		verdict = verdict_worse(verdict, verdict_under(results, "workload"));
	return verdict_worse(verdict, verdict_under(results, "availability"));
}

static void
check(struct test *test)
{
	struct run *run = test->run;
	struct arena *arena = &run->history.arena;
	struct check_options options = test->options->check;
	struct value *all = value_collection(arena, VALUE_MAP);
	const struct value *results, *liveness;

	options.net = &run->net;
	options.directory = test->store != NULL ? store_path(test->store) : NULL;
	liveness = generator_liveness(test->generator, arena);
	results = check_all(arena, &run->history, &options, test->options->workload->check);
	run->verdict = judge(test, results);
	if (liveness != NULL)
		run->verdict = verdict_worse(run->verdict, verdict_of(liveness));
	for (size_t i = 0; i + 1 < results->count; i += 2)
		if (!value_is_keyword(results->items[i], "valid?"))
			value_put(arena, all, results->items[i], results->items[i + 1]);
	if (liveness != NULL)
		value_put_keyword(arena, all, "liveness", liveness);
	value_put_keyword(arena, all, "protocol", protocol_result(test));
	value_put_keyword(arena, all, "valid?", verdict_value(run->verdict));
	run->results = all;
}

/* ---- beginning and end ---------------------------------------------------------------- */

static bool
open_store(struct test *test)
{
	struct buffer error = {0};

	if (test->options->store == NULL)
		return true;
	test->store = store_open(test->options, &error);
	if (test->store == NULL) {
		buffer_printf(&test->run->report, "%s\n", buffer_string(&error));
		test->run->crashed = true;
	} else {
		buffer_append_string(&test->run->store_path, store_path(test->store));
		net_journal(test->net, store_journal(test->store));
	}
	buffer_free(&error);
	return test->store != NULL;
}

static void
finish_store(struct test *test)
{
	struct buffer error = {0};

	if (test->store == NULL)
		return;
	net_journal(test->net, NULL);
	if (!store_finish(test->store, test->run, &error)) {
		buffer_printf(&test->run->report, "%s\n", buffer_string(&error));
		test->run->crashed = true;
	}
	buffer_free(&error);
	store_close(test->store);
}

void
run_test(struct run *run, const struct test_options *options)
{
	struct test test = {.run = run, .options = options};

	*run = (struct run){0};
	test.loop = loop_new(options->command == COMMAND_TEST ? CLOCK_WALL : CLOCK_VIRTUAL);
	test.net = net_new(test.loop, &options->latency, options->seed);
	test.offences = value_collection(&run->history.arena, VALUE_VECTOR);
	loop_trace_to(test.loop, options->trace ? stdout : NULL);
	net_log(test.net, options->log_net_send, options->log_net_recv);
	if (open_store(&test)) {
		run_phases(&test);
		run->net = *net_stats(test.net);
		run->hash = loop_hash(test.loop);
		if (!run->crashed && run->signal == 0 && !test.abandoned)
			check(&test);
		progress_say(test.progress, "%s",
		    run->crashed       ? "crashed"
		    : run->signal != 0 ? "interrupted"
				       : "analysed");
		progress_stop(test.progress);
		generator_free(test.generator);
		finish_store(&test);
	}
	net_free(test.net);
	loop_free(test.loop);
}

void
run_free(struct run *run)
{
	history_free(&run->history);
	buffer_free(&run->report);
	buffer_free(&run->store_path);
	*run = (struct run){0};
}

int
run_exit_status(const struct run *run)
{
	if (run->signal != 0)
		return 128 + run->signal;
	return run->crashed ? EXIT_CRASH : verdict_exit_status(run->verdict);
}
