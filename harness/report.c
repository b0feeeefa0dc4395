/*
 * What a run found, for people. Everything shown is in results.edn as well;
 * here each checker has a line with its verdict and the figures that are
 * looked at first, and long values are cut.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fault.h"
#include "run.h"
#include "workload.h"

#define COLUMN    14
#define VALUE_MAX 100

/* ---- values -------------------------------------------------------------------- */

/* On one line, cut where it is long (never within a character). */
static void
print_value(const struct value *value)
{
	struct buffer text = {0};

	edn_write(&text, value);
	if (text.length > VALUE_MAX) {
		size_t end = VALUE_MAX;

		while (end > 0 && ((unsigned char)text.bytes[end] & 0xc0) == 0x80)
			end--;
		text.length = end;
		buffer_append_string(&text, " ...");
	}
	printf("%s", buffer_string(&text));
	buffer_free(&text);
}

/* What is under one key, or two; operations are maps with a tag. */
static const struct value *
get_path(const struct value *map, const char *outer, const char *inner)
{
	const struct value *value = outer != NULL ? value_get(map, outer) : map;

	if (value != NULL && value->type == VALUE_TAGGED)
		value = value->items[0];
	return value != NULL && value->type == VALUE_MAP ? value_get(value, inner) : NULL;
}

static void
print_number(const struct value *value)
{
	if (value->type == VALUE_REAL || value->type == VALUE_FLOAT)
		printf("%.4g", value->real);
	else
		print_value(value);
}

/* ---- one line a checker ------------------------------------------------------------ */

static const struct {
	const char *checker, *outer, *inner, *label;
} figures[] = {
    {"stats", NULL, "count", "operations"},
    {"stats", NULL, "ok-count", "ok"},
    {"stats", NULL, "fail-count", "fail"},
    {"stats", NULL, "info-count", "info"},
    {"availability", NULL, "ok-fraction", "ok-fraction"},
    {"net", "all", "msgs-per-op", "messages per operation"},
    {"net", "servers", "msgs-per-op", "between servers"},
    {"liveness", NULL, "milliseconds", "milliseconds"},
    {"liveness", NULL, "probes", "operations"},
    {"liveness", NULL, "failures", "failures"},
    {"protocol", NULL, "count", "errors"},
    {"protocol", NULL, "late-replies", "replies to clients that had given up"},
};

static void
print_figures(const char *checker, const struct value *result)
{
	const char *separator = "";

	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		const struct value *value;

		if (strcmp(figures[i].checker, checker) != 0)
			continue;
		value = get_path(result, figures[i].outer, figures[i].inner);
		if (value == NULL || value->type == VALUE_NIL)
			continue;
		printf("%s%s ", separator, figures[i].label);
		print_number(value);
		separator = ", ";
	}
}

static bool
is_empty(const struct value *value)
{
	switch (value->type) {
	case VALUE_NIL:
		return true;
	case VALUE_LIST:
	case VALUE_VECTOR:
	case VALUE_SET:
	case VALUE_MAP:
		return value->count == 0;
	default:
		return false;
	}
}

/* Text of a checker's own, which it has kept short. */
static void
print_explanation(const struct value *lines)
{
	for (size_t i = 0; i < lines->count; i++)
		printf("  %*s%s\n", COLUMN + 2, "", lines->items[i]->text);
}

/* The workload's own result, key by key. */
static void
print_details(const struct value *result)
{
	for (size_t i = 0; i + 1 < result->count; i += 2) {
		const struct value *key = result->items[i], *value = result->items[i + 1];

		if (value_is_keyword(key, "eddy/explanation")) {
			print_explanation(value);
			continue;
		}
		if (is_empty(value) || value_is_keyword(key, "valid?") || value_is_keyword(key, "worst-stale") ||
		    value_is_keyword(key, "results"))
			continue;
		printf("  %*s", COLUMN + 2, "");
		print_value(key);
		putchar(' ');
		print_value(value);
		putchar('\n');
	}
}

static void
print_by_f(const struct value *stats)
{
	const struct value *by_f = value_get(stats, "by-f");

	for (size_t i = 0; by_f != NULL && by_f->type == VALUE_MAP && i + 1 < by_f->count; i += 2) {
		if (verdict_of(by_f->items[i + 1]) == VERDICT_VALID)
			continue;
		printf("  %*s", COLUMN + 2, "");
		print_value(by_f->items[i]);
		printf(" never succeeded\n");
	}
}

static void
print_exceptions(const struct value *result)
{
	const struct value *all = value_get(result, "exceptions");

	for (size_t i = 0; all != NULL && !is_empty(all) && i < all->count; i++) {
		const struct value *count = get_path(all->items[i], NULL, "count");
		const struct value *error = get_path(all->items[i], "example", "error");

		if (count == NULL)
			continue;
		printf("  %*s", COLUMN + 2, "");
		print_value(count);
		printf(" like ");
		print_value(error != NULL ? error : &value_nil);
		putchar('\n');
	}
}

static void
print_offences(const struct run *run, const struct value *result)
{
	const struct value *errors = value_get(result, "errors");

	for (size_t i = 0; errors != NULL && i < errors->count; i++) {
		const struct value *error = errors->items[i];

		printf("    node %s: %s: ", value_get(error, "node")->text, value_get(error, "cause")->text);
		print_value(value_get(error, "line"));
		putchar('\n');
	}
	if (run->offences > RUN_OFFENCES_MAX)
		printf("    and %" PRIu64 " more\n", run->offences - RUN_OFFENCES_MAX);
}

static void
print_unproven(const struct value *result)
{
	const struct value *all = value_get(result, "unproven");

	for (size_t i = 0; all != NULL && i < all->count; i++) {
		const struct value *answered = value_get(all->items[i], "answered");

		printf("  %*snode %s, :%s: ", COLUMN + 2, "", value_get(all->items[i], "node")->text,
		    value_get(all->items[i], "f")->text);
		if (answered == NULL)
			printf("never answered\n");
		else
			printf("last %s, of %" PRId64 "\n", answered->text, value_get(all->items[i], "tries")->integer);
	}
}

static void
print_checker(const struct run *run, const char *name, const struct value *result)
{
	printf("  %-*s %-8s ", COLUMN, name, verdict_name(verdict_of(result)));
	print_figures(name, result);
	putchar('\n');
	if (strcmp(name, "workload") == 0)
		print_details(result);
	else if (strcmp(name, "stats") == 0)
		print_by_f(result);
	else if (strcmp(name, "exceptions") == 0)
		print_exceptions(result);
	else if (strcmp(name, "liveness") == 0)
		print_unproven(result);
	else if (strcmp(name, "protocol") == 0)
		print_offences(run, result);
}

/* How often each fault began, and what became of messages by it. */
static void
print_faults(const struct run *run)
{
	const char *separator = "";
	uint64_t counts[FAULT_KINDS] = {0};

	for (size_t i = 0; i < run->fault_count; i++)
		counts[run->faults[i].kind] += run->faults[i].start;
	if (run->fault_count == 0)
		return;
	printf("  %-*s %-8s ", COLUMN, "faults", "");
	for (int kind = 0; kind < FAULT_KINDS; kind++) {
		if (counts[kind] == 0)
			continue;
		printf("%s%s %" PRIu64, separator, faults[kind].name, counts[kind]);
		separator = ", ";
	}
	printf("; messages dropped %" PRIu64 ", doubled %" PRIu64 "\n", run->net.dropped, run->net.duplicated);
}

/* ---- the whole ----------------------------------------------------------------------- */

static void
print_verdict(const struct run *run)
{
	if (run->signal != 0) {
		printf("Interrupted: there is no verdict.\n");
		return;
	}
	if (run->crashed) {
		printf("Crashed: there is no verdict.\n");
		return;
	}
	switch (run->verdict) {
	case VERDICT_VALID:
		printf("Valid: everything that was promised was kept.\n");
		break;
	case VERDICT_UNKNOWN:
		printf("Unknown: the checkers could not tell.\n");
		break;
	case VERDICT_INVALID:
		printf("Invalid: a promise was broken.\n");
		break;
	}
}

void
run_print(const struct run *run, const struct test_options *options)
{
	const struct value *results = run->results;

	for (size_t i = 0; results != NULL && !options->quiet && i + 1 < results->count; i += 2) {
		const char *name = results->items[i]->text;

		if (results->items[i + 1]->type == VALUE_MAP && strcmp(name, "perf") != 0 &&
		    strcmp(name, "timeline") != 0)
			print_checker(run, name, results->items[i + 1]);
	}
	if (!options->quiet)
		print_faults(run);
	if (run->report.length > 0)
		printf("%.*s", (int)run->report.length, run->report.bytes);
	print_verdict(run);
	if (run->store_path.length > 0)
		printf("%.*s\n", (int)run->store_path.length, run->store_path.bytes);
	if (options->command == COMMAND_SIM)
		printf("hash %016" PRIx64 "  seed %" PRIu64 "  %" PRIu64 " messages  %.1f s simulated\n", run->hash,
		    options->seed, run->net.all.received, (double)run->duration_ns / (double)S_NS);
	fflush(stdout);
}
