/* The command line of a simulation, from its options: only what differs from the defaults. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"
#include "options.h"
#include "words.h"
#include "workload.h"

/* ---- words ------------------------------------------------------------------------ */

static void
put_text(struct buffer *line, const char *flag, const char *value)
{
	buffer_printf(line, " --%s ", flag);
	words_quote(line, value);
}

static void
put_list(struct buffer *line, const char *flag, const char *const *items)
{
	struct buffer list = {0};

	for (size_t i = 0; items[i] != NULL; i++)
		buffer_printf(&list, "%s%s", i > 0 ? "," : "", items[i]);
	put_text(line, flag, buffer_string(&list));
	buffer_free(&list);
}

/* In as few digits as bring the same number back, but six at once: 20, not 2e+01. */
static void
put_number(struct buffer *line, const char *flag, double value, double initial)
{
	char text[40];

	if (fabs(value - initial) <= 0)
		return;
	for (int digits = 6; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (fabs(strtod(text, NULL) - value) <= 0)
			break;
	}
	put_text(line, flag, text);
}

static void
put_integer(struct buffer *line, const char *flag, int64_t value, int64_t initial)
{
	if (value != initial)
		buffer_printf(line, " --%s %" PRId64, flag, value);
}

/* ---- the line ------------------------------------------------------------------------ */

/* Whether the names are those that --node-count gives. */
static bool
are_counted(const struct test_options *o)
{
	char name[16];

	for (int i = 0; i < o->node_count; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		if (strcmp(o->nodes[i], name) != 0)
			return false;
	}
	return true;
}

static void
put_faults(const struct test_options *o, struct buffer *line)
{
	const char *names[FAULT_KINDS + 1] = {NULL}, *kinds[PARTITION_KINDS + 1] = {NULL};
	int count = 0;

	for (int i = 0; i < FAULT_KINDS; i++)
		if ((o->faults & FAULT_BIT(i)) != 0)
			names[count++] = faults[i].name;
	if (count > 0)
		put_list(line, "nemesis", names);
	count = 0;
	for (int i = 0; i < PARTITION_KINDS; i++)
		if ((o->partitions & PARTITION_BIT(i)) != 0)
			kinds[count++] = partition_name((enum partition_kind)i);
	if (count > 0 && o->partitions != PARTITIONS_USUAL)
		put_list(line, "partitions", kinds);
}

static void
put_world(const struct test_options *o, struct buffer *line)
{
	if (are_counted(o))
		buffer_printf(line, " --node-count %d", o->node_count);
	else
		put_list(line, "nodes", o->nodes);
	put_integer(line, "concurrency", o->concurrency, o->node_count);
	put_number(line, "rate", o->rate, 5);
	put_integer(line, "time-limit", o->time_limit_s, 60);
	put_number(line, "recovery", o->recovery_s, 10);
	put_number(line, "liveness", o->liveness_s, 0);
	put_integer(line, "latency", o->latency.mean_ms, 0);
	if (o->latency.dist != LATENCY_CONSTANT)
		put_text(line, "latency-dist", latency_dist_name(o->latency.dist));
	put_faults(o, line);
	put_number(line, "nemesis-interval", o->nemesis_interval_s, 10);
	if (o->topology != TOPOLOGY_GRID)
		put_text(line, "topology", topology_name(o->topology));
}

static void
put_demands(const struct test_options *o, struct buffer *line)
{
	const char *const *models = o->check.consistency_models;

	if (o->check.availability == AVAILABILITY_TOTAL)
		put_text(line, "availability", "total");
	else if (o->check.availability == AVAILABILITY_FRACTION)
		put_number(line, "availability", o->check.availability_fraction, -1);
	if (models != NULL && models[0] != NULL && (models[1] != NULL || strcmp(models[0], "strict-serializable") != 0))
		put_list(line, "consistency-models", models);
	if (o->check.sequential_keys)
		buffer_append_string(line, " --sequential-keys");
	if (o->check.linearizable_keys)
		buffer_append_string(line, " --linearizable-keys");
	put_integer(line, "key-count", o->key_count, 0);
	put_integer(line, "max-txn-length", o->max_txn_length, 4);
	put_integer(line, "max-writes-per-key", o->max_writes_per_key, 16);
	put_integer(line, "message-budget", (int64_t)o->message_budget, 0);
}

/* The seed draws the rest again. */
static void
put_swarm(const struct test_options *o, uint64_t seed, struct buffer *line)
{
	buffer_append_string(line, "sim");
	for (const char *const *word = o->given; *word != NULL; word++) {
		buffer_append_char(line, ' ');
		words_quote(line, *word);
	}
	buffer_printf(line, " --swarm --seed %" PRIu64, seed);
}

static void
put_all(const struct test_options *o, uint64_t seed, struct buffer *line)
{
	buffer_append_string(line, "sim -w ");
	words_quote(line, o->workload->name);
	put_text(line, "node", o->program_name);
	buffer_printf(line, " --seed %" PRIu64, seed);
	put_world(o, line);
	put_demands(o, line);
}

void
options_replay(const struct test_options *o, uint64_t seed, struct buffer *line)
{
	(o->swarm ? put_swarm : put_all)(o, seed, line);
	if (o->args != NULL && o->args[0] != NULL)
		buffer_append_string(line, " --");
	for (char *const *arg = o->args; arg != NULL && *arg != NULL; arg++) {
		buffer_append_char(line, ' ');
		words_quote(line, *arg);
	}
}
