/*
 * A set of append-only logs: every acknowledged message is in its log for good,
 * at one offset, and consumers read the logs in order and without gaps
 * (jepsen.tests.kafka/checker, as Maelstrom's kafka workload uses it: with
 * assign, without dependencies between sends).
 *
 * Jepsen's option :all-errors and its plots are left out; otherwise the result
 * is its own. Where errors are equally bad, which of them are shown depends on
 * the order of its maps, which is kept as far as check/clojure_order.h goes.
 */
#include "kafka.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

/* Normal in Kafka's transactions, and not counted as wrong. */
static const char *const allowed[] = {"int-send-skip"};

struct report {
	struct kafka *kafka;
	struct value *errors; /* by name, each as it is shown */
};

/* ---- errors ------------------------------------------------------------------------------ */

static void
add_error(struct report *report, const char *name, const struct value *errors, size_t count)
{
	struct arena *arena = report->kafka->arena;
	struct value *map;

	if (errors == NULL)
		return;
	map = value_collection(arena, VALUE_MAP);
	value_put_int(arena, map, "count", (int64_t)count);
	value_put_keyword(arena, map, "errs", errors);
	value_put_keyword(arena, report->errors, name, map);
}

static void
add_steps(struct report *report)
{
	struct kafka_steps steps = {0};
	enum kafka_step_kind kind;

	kafka_find_steps(report->kafka, &steps);
	for (kind = 0; kind < STEP_KINDS; kind++)
		add_error(
		    report, kafka_step_name(kind), kafka_show_steps(report->kafka, &steps, kind), steps.of[kind].count);
	kafka_steps_free(&steps);
}

static void
add_cycles(struct report *report)
{
	struct kafka_cycle_errors errors;

	kafka_find_cycles(report->kafka, &errors);
	add_error(report, "G1c", errors.cycles[0], errors.counts[0]);
	add_error(report, "G1c-realtime", errors.cycles[1], errors.counts[1]);
	add_error(report, "PL-2-cycle-exists", errors.exists[0], errors.counts[0]);
	add_error(report, "strong-PL-2-cycle-exists", errors.exists[1], errors.counts[1]);
	if (errors.empty)
		add_error(report, "empty-transaction-graph", &value_true, 1);
}

static void
add_messages(struct report *report)
{
	static const struct {
		const char *name;
		const struct value *(*find)(struct kafka *, size_t *count);
	} kinds[] = {
	    {"duplicate", kafka_duplicates},
	    {"inconsistent-offsets", kafka_inconsistent_offsets},
	    {"precommitted-read", kafka_precommitted_reads},
	    {"G1a", kafka_aborted_reads},
	    {"lost-write", kafka_lost_writes},
	};
	const struct value *errors;
	size_t i, count;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		errors = kinds[i].find(report->kafka, &count);
		add_error(report, kinds[i].name, errors, count);
	}
	errors = kafka_unseen(report->kafka);
	if (errors != NULL)
		value_put_keyword(report->kafka->arena, report->errors, "unseen", errors);
}

/* ---- the result ---------------------------------------------------------------------------- */

static bool
is_allowed(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		if (strcmp(allowed[i], name) == 0)
			return true;
	return false;
}

static int
by_name(const void *a, const void *b)
{
	const struct value *const *x = a, *const *y = b;

	return strcmp((*x)->text, (*y)->text);
}

static const struct value *
error_types(const struct report *report, const struct value **names, bool bad)
{
	struct arena *arena = report->kafka->arena;
	struct value *list = value_collection(arena, VALUE_LIST);
	size_t i;

	for (i = 0; i < report->errors->count / 2; i++)
		if (!bad || !is_allowed(names[i]->text))
			value_push(arena, list, names[i]);
	return list;
}

/* What made operations indefinite; nil where they do not tell. */
static const struct value *
info_causes(struct kafka *kafka)
{
	struct value *list = value_collection(kafka->arena, VALUE_LIST);
	struct value_table causes = {0};
	const struct op *op;
	size_t i;

	for (i = 0; i < kafka->history->count; i++) {
		op = &kafka->history->ops[i];
		if (op->type == OP_INFO && kafka_is_txn(op))
			value_table_add(&causes, op->error != NULL ? op->error : &value_nil);
	}
	for (i = 0; i < causes.count; i++)
		value_push(kafka->arena, list, causes.values[i]);
	value_table_free(&causes);
	return list;
}

static const struct value *
put_together(struct report *report)
{
	struct arena *arena = report->kafka->arena;
	struct value *result = value_collection(arena, VALUE_MAP);
	size_t count = report->errors->count / 2, i;
	const struct value **names = memory_alloc((count + 1) * sizeof(*names)), *bad;

	for (i = 0; i < count; i++)
		names[i] = report->errors->items[2 * i];
	qsort(names, count, sizeof(*names), by_name);
	bad = error_types(report, names, true);
	value_put_keyword(arena, result, "valid?", value_bool(bad->count == 0));
	value_put_keyword(arena, result, "worst-realtime-lag", kafka_worst_lag(report->kafka));
	value_put_keyword(arena, result, "bad-error-types", bad);
	value_put_keyword(arena, result, "error-types", error_types(report, names, false));
	value_put_keyword(arena, result, "info-txn-causes", info_causes(report->kafka));
	for (i = 0; i < count; i++)
		value_put(arena, result, names[i], value_find(report->errors, names[i]));
	free(names);
	return result;
}

/* ---- the checker --------------------------------------------------------------------------------- */

static bool
has_client_ops(const struct history *history)
{
	size_t i;

	for (i = 0; i < history->count; i++)
		if (op_is_client(&history->ops[i]))
			return true;
	return false;
}

static const struct value *
analyse(struct kafka *kafka)
{
	struct report report = {kafka, value_collection(kafka->arena, VALUE_MAP)};

	if (kafka->history->fault != NULL) {
		kafka_fail(kafka, kafka->history->fault);
		return NULL;
	}
	if (!has_client_ops(kafka->history)) {
		kafka_fail(kafka, "no client did anything");
		return NULL;
	}
	if (!kafka_read_ops(kafka))
		return NULL;
	kafka_build_logs(kafka);
	add_messages(&report);
	add_steps(&report);
	add_cycles(&report);
	return kafka->error == NULL ? put_together(&report) : NULL;
}

const struct value *
kafka_check(struct arena *arena, const struct history *history, bool all_errors)
{
	struct kafka kafka = {.arena = arena, .history = history, .all_errors = all_errors};
	const struct value *result = analyse(&kafka);

	if (kafka.error != NULL)
		result = check_failed(arena, "%s", kafka.error);
	kafka_free(&kafka);
	return result;
}

const struct value *
check_kafka(struct arena *arena, const struct history *history, const struct check_options *options)
{
	(void)options;
	return kafka_check(arena, history, false);
}
