/* What each flag takes and does. */
#include "flags.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check/consistency.h"
#include "crew.h"
#include "decimal.h"
#include "fault.h"
#include "registry.h"
#include "workload.h"

static const char *const topologies[] = {"line", "grid", "tree2", "tree3", "tree4", "total"};
static const char *const latency_dists[] = {"constant", "uniform", "exponential"};

const char *
topology_name(enum topology topology)
{
	return topologies[topology];
}

const char *
latency_dist_name(enum latency_dist dist)
{
	return latency_dists[dist];
}

/* ---- values --------------------------------------------------------------- */

bool
flag_bad(struct parsing *p, const char *fmt, ...)
{
	va_list ap;

	p->text->length = 0;
	va_start(ap, fmt);
	buffer_vprintf(p->text, fmt, ap);
	va_end(ap);
	return false;
}

static bool
bad_value(struct parsing *p, const struct flag *flag, const char *expected, const char *value)
{
	return flag_bad(p, "--%s: expected %s, not '%s'", flag->name, expected, value);
}

static void *
target(struct parsing *p, const struct flag *flag)
{
	return (char *)p->options + flag->offset;
}

static bool
parse_text(struct parsing *p, const struct flag *flag, const char *value)
{
	*(const char **)target(p, flag) = value;
	return true;
}

static bool
parse_bool(struct parsing *p, const struct flag *flag, const char *value)
{
	(void)value;
	*(bool *)target(p, flag) = true;
	return true;
}

static bool
parse_integer(struct parsing *p, const struct flag *flag, const char *value)
{
	char expected[64];

	if (decimal_integer(value, (int64_t)flag->min, (int64_t)flag->max, target(p, flag)))
		return true;
	snprintf(expected, sizeof(expected), "an integer from %.0f to %.0f", flag->min, flag->max);
	return bad_value(p, flag, expected, value);
}

static bool
parse_number(struct parsing *p, const struct flag *flag, const char *value)
{
	char expected[64];
	double *number = target(p, flag);

	if (decimal_real(value, number) && *number >= flag->min && *number <= flag->max)
		return true;
	snprintf(expected, sizeof(expected), "a number from %g to %g", flag->min, flag->max);
	return bad_value(p, flag, expected, value);
}

static bool
parse_ignored(struct parsing *p, const struct flag *flag, const char *value)
{
	(void)p, (void)flag, (void)value;
	return true;
}

/* The place of a word in a list, or -1 with a complaint that names them all. */
static int
parse_one_of(struct parsing *p, const struct flag *flag, const char *value, const char *const *words, int count)
{
	for (int i = 0; i < count; i++)
		if (strcmp(words[i], value) == 0)
			return i;
	flag_bad(p, "--%s: '%s' is not one of ", flag->name, value);
	for (int i = 0; i < count; i++)
		buffer_printf(p->text, "%s%s", i > 0 ? ", " : "", words[i]);
	return -1;
}

/* ---- lists ---------------------------------------------------------------- */

void
names_add(struct parsing *p, struct names *names, const char *name)
{
	const char **items = arena_alloc(&p->options->arena, sizeof(*items) * (size_t)(names->count + 2));

	if (names->count > 0)
		memcpy(items, names->items, sizeof(*items) * (size_t)names->count);
	items[names->count++] = name;
	items[names->count] = NULL;
	names->items = items;
}

/* Cuts at `separator`; white space around a piece is no part of it. */
static bool
names_split(struct parsing *p, const struct flag *flag, struct names *names, const char *text, char separator)
{
	for (const char *end; text != NULL; text = *end == '\0' ? NULL : end + 1) {
		size_t length;

		end = strchrnul(text, separator);
		text += strspn(text, " \t\r");
		for (length = text < end ? (size_t)(end - text) : 0; length > 0; length--)
			if (!isspace((unsigned char)text[length - 1]))
				break;
		if (length == 0 && separator == '\n')
			continue;
		if (length == 0)
			return flag_bad(p, "--%s: an empty name in the list", flag->name);
		if (names->count >= NODES_MAX)
			return flag_bad(p, "--%s: more than %d names", flag->name, NODES_MAX);
		names_add(p, names, arena_copy(&p->options->arena, text, length));
	}
	return true;
}

static bool
parse_host(struct parsing *p, const struct flag *flag, const char *value)
{
	if (p->hosts.count >= NODES_MAX)
		return flag_bad(p, "--%s: more than %d nodes", flag->name, NODES_MAX);
	names_add(p, &p->hosts, value);
	return true;
}

static bool
parse_nodes(struct parsing *p, const struct flag *flag, const char *value)
{
	p->list = (struct names){0};
	return names_split(p, flag, &p->list, value, ',');
}

static bool
parse_nodes_file(struct parsing *p, const struct flag *flag, const char *value)
{
	char text[65536];
	FILE *file = fopen(value, "r");
	size_t length;
	bool failed;
	int error;

	if (file == NULL)
		return flag_bad(p, "--%s: %s: %s", flag->name, value, strerror(errno));
	length = fread(text, 1, sizeof(text), file);
	failed = ferror(file) != 0;
	error = errno;
	fclose(file);
	if (failed)
		return flag_bad(p, "--%s: %s: %s", flag->name, value, strerror(error));
	if (length == sizeof(text))
		return flag_bad(p, "--%s: %s is longer than %zu bytes", flag->name, value, sizeof(text) - 1);
	text[length] = '\0';
	p->file = (struct names){0};
	if (!names_split(p, flag, &p->file, text, '\n'))
		return false;
	return p->file.count > 0 || flag_bad(p, "--%s: no name is in %s", flag->name, value);
}

/* Maelstrom lets any name through and ends as :unknown; refusing it at once is kinder. */
static bool
parse_models(struct parsing *p, const struct flag *flag, const char *value)
{
	struct names models = {0};
	uint64_t known = 0;

	if (!names_split(p, flag, &models, value, ','))
		return false;
	for (int i = 0; i < models.count; i++) {
		if (model_find(models.items[i], &known))
			continue;
		flag_bad(p, "--%s: '%s' is not one of ", flag->name, models.items[i]);
		for (const struct model_name *m = model_names; m->name != NULL; m++)
			buffer_printf(p->text, "%s%s", m > model_names ? ", " : "", m->name);
		return false;
	}
	p->options->check.consistency_models = models.items;
	return true;
}

/* A set of words out of a table, as bits. */
static bool
parse_set(struct parsing *p, const struct flag *flag, const char *value, const char *const *words, int count)
{
	struct names names = {0};
	unsigned set = 0;

	if (!names_split(p, flag, &names, value, ','))
		return false;
	for (int i = 0, bit; i < names.count; i++, set |= 1u << bit)
		if ((bit = parse_one_of(p, flag, names.items[i], words, count)) < 0)
			return false;
	*(unsigned *)target(p, flag) = set;
	return true;
}

static bool
parse_faults(struct parsing *p, const struct flag *flag, const char *value)
{
	const char *words[FAULT_KINDS];
	unsigned set;

	for (int i = 0; i < FAULT_KINDS; i++)
		words[i] = faults[i].name;
	if (!parse_set(p, flag, value, words, FAULT_KINDS))
		return false;
	set = *(unsigned *)target(p, flag);
	for (int i = 0; i < FAULT_KINDS; i++)
		if ((set & FAULT_BIT(i)) != 0 && (faults[i].commands & 1 << p->options->command) == 0)
			return flag_bad(p, "--%s: '%s' is a fault of `eddy sim` only", flag->name, faults[i].name);
	return true;
}

static bool
parse_partitions(struct parsing *p, const struct flag *flag, const char *value)
{
	const char *words[PARTITION_KINDS];

	for (int i = 0; i < PARTITION_KINDS; i++)
		words[i] = partition_name((enum partition_kind)i);
	return parse_set(p, flag, value, words, PARTITION_KINDS);
}

/* ---- flags with rules of their own ----------------------------------------- */

static bool
parse_workload(struct parsing *p, const struct flag *flag, const char *value)
{
	p->options->workload = workload_find(value);
	if (p->options->workload != NULL)
		return true;
	flag_bad(p, "--%s: '%s' is not one of ", flag->name, value);
	for (const struct workload *const *w = workloads; *w != NULL; w++)
		buffer_printf(p->text, "%s%s", w > workloads ? ", " : "", (*w)->name);
	return false;
}

static bool
parse_program(struct parsing *p, const struct flag *flag, const char *value)
{
	p->options->program = registry_find(value);
	p->options->program_name = value;
	if (p->options->program == NULL)
		return flag_bad(p, "--%s: no program '%s' is linked in; `eddy list` shows them", flag->name, value);
	return true;
}

static bool
parse_concurrency(struct parsing *p, const struct flag *flag, const char *value)
{
	size_t digits = strspn(value, "0123456789");

	if (digits == 0 || digits > 9 || (strcmp(value + digits, "n") != 0 && value[digits] != '\0'))
		return bad_value(p, flag, "an integer, optionally followed by n", value);
	p->concurrency = value;
	return true;
}

static bool
parse_node_count(struct parsing *p, const struct flag *flag, const char *value)
{
	if (decimal_integer(value, 1, NODES_MAX, &p->node_count))
		return true;
	return flag_bad(p, "--%s: expected an integer from 1 to %d, not '%s'", flag->name, NODES_MAX, value);
}

static bool
parse_latency_dist(struct parsing *p, const struct flag *flag, const char *value)
{
	int i = parse_one_of(p, flag, value, latency_dists, 3);

	if (i >= 0)
		p->options->latency.dist = (enum latency_dist)i;
	return i >= 0;
}

static bool
parse_topology(struct parsing *p, const struct flag *flag, const char *value)
{
	int i = strcmp(value, "tree") == 0 ? TOPOLOGY_TREE2 : parse_one_of(p, flag, value, topologies, 6);

	if (i >= 0)
		p->options->topology = (enum topology)i;
	return i >= 0;
}

static bool
parse_availability(struct parsing *p, const struct flag *flag, const char *value)
{
	struct check_options *check = &p->options->check;

	check->availability = strcmp(value, "total") == 0 ? AVAILABILITY_TOTAL : AVAILABILITY_FRACTION;
	if (check->availability == AVAILABILITY_TOTAL)
		return true;
	if (decimal_real(value, &check->availability_fraction) && check->availability_fraction >= 0 &&
	    check->availability_fraction <= 1)
		return true;
	return bad_value(p, flag, "'total' or a number from 0 to 1", value);
}

static bool
parse_seed(struct parsing *p, const struct flag *flag, const char *value)
{
	if (!decimal_unsigned(value, value + strlen(value), &p->options->seed))
		return bad_value(p, flag, "an integer from 0 to 2^64 - 1", value);
	p->options->last_seed = p->options->seed;
	p->options->seed_given = true;
	p->options->sweep = false;
	return true;
}

static bool
parse_replay(struct parsing *p, const struct flag *flag, const char *value)
{
	p->options->replay = value;
	return value[0] != '\0' || flag_bad(p, "--%s: expected a file", flag->name);
}

static bool
parse_seeds(struct parsing *p, const struct flag *flag, const char *value)
{
	const char *dots = strstr(value, "..");

	if (dots == NULL || !decimal_unsigned(value, dots, &p->options->seed) ||
	    !decimal_unsigned(dots + 2, value + strlen(value), &p->options->last_seed) ||
	    p->options->seed > p->options->last_seed)
		return bad_value(p, flag, "a range of seeds, FIRST..LAST", value);
	p->options->seed_given = true;
	p->options->sweep = true;
	return true;
}

static bool
parse_refused(struct parsing *p, const struct flag *flag, const char *value)
{
	(void)value;
	return flag_bad(p, "--%s: eddy never leaves processes behind", flag->name);
}

/* ---- the table --------------------------------------------------------------- */

#define AT(member) offsetof(struct test_options, member)
#define NUMBERS    9e15 /* integers that a double holds exactly */

const struct flag flags[] = {
    {"workload", 'w', IN_ALL, "NAME", parse_workload, 0, 0, 0,
	"what clients do and what must hold (`eddy list`) [lin-kv]"},
    {"bin", 0, IN_TEST, "FILE", parse_text, AT(bin), 0, 0, "the program that runs as a node"},
    {"node", 'n', IN_SIM, "PROGRAM", parse_program, 0, 0, 0, "the linked-in program that runs as a node (`eddy list`)"},
    {"node-count", 0, IN_ALL, "NUM", parse_node_count, 0, 0, 0, "how many nodes, named n0, n1, ...; overrides --nodes"},
    {"nodes", 0, IN_ALL, "LIST", parse_nodes, 0, 0, 0, "names of the nodes, separated by commas [n1,n2,n3,n4,n5]"},
    {"node", 'n', IN_TEST, "HOSTNAME", parse_host, 0, 0, 0, "name of one node; may be given again"},
    {"nodes-file", 0, IN_RUN, "FILE", parse_nodes_file, 0, 0, 0, "a file with the names of nodes, one a line"},
    {"concurrency", 0, IN_RUN, "NUMBER", parse_concurrency, 0, 0, 0, "how many workers; 4n: four a node [1n]"},
    {"rate", 0, IN_RUN, "RATE", parse_number, AT(rate), 0, 1e9, "operations a second, on average [5]"},
    {"time-limit", 0, IN_RUN, "SECONDS", parse_integer, AT(time_limit_s), 1, SECONDS_MAX,
	"how long operations are made [60]"},
    {"recovery", 0, IN_RUN, "SECONDS", parse_number, AT(recovery_s), 0, SECONDS_MAX,
	"silence before the final reads [10]"},
    {"liveness", 0, IN_RUN, "SECONDS", parse_number, AT(liveness_s), 0, SECONDS_MAX,
	"then faults stop, and every node must do every kind of operation within so long; 0: need not [0]"},
    {"latency", 0, IN_RUN, "MILLIS", parse_integer, AT(latency.mean_ms), 0, LATENCY_MS_MAX,
	"mean latency between servers [0]"},
    {"latency-dist", 0, IN_RUN, "TYPE", parse_latency_dist, 0, 0, 0, "constant, uniform or exponential [constant]"},
    {"nemesis", 0, IN_RUN, "FAULTS", parse_faults, AT(faults), 0, 0,
	"faults, separated by commas: partition, loss, duplicate, slow, pause, kill; simulated also clock, disk"},
    {"partitions", 0, IN_RUN, "KINDS", parse_partitions, AT(partitions), 0, 0,
	"kinds to draw from, also one-way, flaky [one,minority-third,majority,majorities-ring]"},
    {"nemesis-interval", 0, IN_RUN, "SECONDS", parse_number, AT(nemesis_interval_s), 0.001, SECONDS_MAX,
	"between the nemesis' operations, on average [10]"},
    {"topology", 0, IN_RUN, "SPEC", parse_topology, 0, 0, 0,
	"for broadcast: line, grid, tree, tree2, tree3, tree4 or total [grid]"},
    {"availability", 0, IN_ALL, "EXPECTED", parse_availability, 0, 0, 0,
	"the fraction of operations that must succeed, or total"},
    {"consistency-models", 0, IN_ALL, "MODELS", parse_models, 0, 0, 0,
	"what transactions must satisfy [strict-serializable]"},
    {"sequential-keys", 0, IN_ALL, NULL, parse_bool, AT(check.sequential_keys), 0, 0,
	"each register by itself is taken to be sequentially consistent, to see more anomalies"},
    {"linearizable-keys", 0, IN_ALL, NULL, parse_bool, AT(check.linearizable_keys), 0, 0,
	"each register by itself is taken to be linearizable"},
    {"key-count", 0, IN_RUN, "INT", parse_integer, AT(key_count), 1, NUMBERS,
	"how many keys at once, for transactions and kafka [10]"},
    {"max-txn-length", 0, IN_RUN, "INT", parse_integer, AT(max_txn_length), 1, NUMBERS,
	"the most operations in a transaction [4]"},
    {"max-writes-per-key", 0, IN_RUN, "INT", parse_integer, AT(max_writes_per_key), 1, NUMBERS,
	"the most writes to one key [16]"},
    {"log-stderr", 0, IN_RUN, NULL, parse_bool, AT(log_stderr), 0, 0, "show what nodes write to stderr"},
    {"log-net-send", 0, IN_RUN, NULL, parse_bool, AT(log_net_send), 0, 0, "show messages as they are sent"},
    {"log-net-recv", 0, IN_RUN, NULL, parse_bool, AT(log_net_recv), 0, 0, "show messages as they are received"},
    {"test-count", 0, IN_TEST, "NUMBER", parse_integer, AT(test_count), 1, TEST_COUNT_MAX,
	"repeat the test, until it is not valid [1]"},
    {"seed", 0, IN_RUN, "N", parse_seed, 0, 0, 0, "of all randomness [1 in sim, drawn in test]"},
    {"seeds", 0, IN_SIM, "A..B", parse_seeds, 0, 0, 0, "a sweep: all these seeds, until one is not valid"},
    {"time-budget", 0, IN_SIM, "SECONDS", parse_number, AT(time_budget_s), 0, SECONDS_MAX,
	"a sweep ends after so much real time"},
    {"swarm", 0, IN_SIM, NULL, parse_bool, AT(swarm), 0, 0,
	"each seed draws what is not given: faults that the node withstands, sizes, latencies, rates"},
    {"jobs", 0, IN_SIM, "N", parse_integer, AT(jobs), 1, CREW_MAX,
	"seeds of a sweep at a time [as many as processors]"},
    {"failures", 0, IN_SIM, "N", parse_integer, AT(failures), 1, NUMBERS,
	"a sweep ends with its Nth seed that is not valid [1]"},
    {"message-budget", 0, IN_SIM, "N", parse_integer, AT(message_budget), 1, NUMBERS,
	"the recovery begins after so many delivered messages"},
    {"minimise", 0, IN_SIM, NULL, parse_bool, AT(minimise), 0, 0,
	"a run that is not valid is made smaller, and left as a scenario"},
    {"minimise-budget", 0, IN_SIM, "SECONDS", parse_number, AT(minimise_s), 0, SECONDS_MAX,
	"for so long at most, also the failing run of a sweep or a search; 0: no sweep is [20]"},
    {"scenario", 0, IN_SIM, "FILE", parse_text, AT(scenario), 0, 0,
	"where it is left [scenario-WORKLOAD-SEED, in --store's directory if there is one]"},
    {"replay", 0, IN_SIM, "FILE", parse_replay, 0, 0, 0,
	"the run of a scenario's file; other flags act as if they stood in front of its own"},
    {"trace", 0, IN_SIM, NULL, parse_bool, AT(trace), 0, 0,
	"show every delivery, timer, fault and operation, with its time"},
    {"explore", 0, IN_SIM, NULL, parse_bool, AT(explore.wanted), 0, 0,
	"a systematic search through orders of messages, operations and timers"},
    {"ops", 0, IN_SIM, "N", parse_integer, AT(explore.ops), 1, EXPLORE_OPS_MAX, "operations of a search [6]"},
    {"depth", 0, IN_SIM, "N", parse_integer, AT(explore.depth), 1, EXPLORE_DEPTH_MAX,
	"choices in a path of a search [40]"},
    {"states", 0, IN_SIM, "N", parse_integer, AT(explore.states), 1, EXPLORE_STATES_MAX,
	"a search ends after so many states [100000]"},
    {"timers", 0, IN_SIM, "N", parse_integer, AT(explore.timers), 0, EXPLORE_DEPTH_MAX,
	"how often time may pass in a path of a search [6]"},
    {"drops", 0, IN_SIM, "N", parse_integer, AT(explore.drops), 0, EXPLORE_DEPTH_MAX,
	"messages that a path of a search may lose [0]"},
    {"duplicates", 0, IN_SIM, "N", parse_integer, AT(explore.duplicates), 0, EXPLORE_DEPTH_MAX,
	"messages that may come twice in a path of a search [0]"},
    {"crashes", 0, IN_SIM, "N", parse_integer, AT(explore.crashes), 0, EXPLORE_DEPTH_MAX,
	"nodes that may be killed and started again in a path of a search [0]"},
    {"store", 0, IN_RUN, "DIR", parse_text, AT(store), 0, 0,
	"where the run is left: DIR/<workload>/<time> [store in test, nowhere in sim]"},
    {"quiet", 'q', IN_RUN, NULL, parse_bool, AT(quiet), 0, 0, "no progress, and nothing at the end but the verdict"},
    {"help", 'h', IN_ALL, NULL, parse_ignored, 0, 0, 0, "this"},
    /* Jepsen's, for machines behind ssh. */
    {"username", 0, IN_TEST, "USER", parse_ignored, 0, 0, 0, NULL},
    {"password", 0, IN_TEST, "PASS", parse_ignored, 0, 0, 0, NULL},
    {"ssh-private-key", 0, IN_TEST, "FILE", parse_ignored, 0, 0, 0, NULL},
    {"strict-host-key-checking", 0, IN_TEST, NULL, parse_ignored, 0, 0, 0, NULL},
    {"no-ssh", 0, IN_TEST, NULL, parse_ignored, 0, 0, 0, NULL},
    {"logging-json", 0, IN_TEST, NULL, parse_ignored, 0, 0, 0, NULL},
    {"leave-db-running", 0, IN_TEST, NULL, parse_refused, 0, 0, 0, NULL},
    {0},
};
