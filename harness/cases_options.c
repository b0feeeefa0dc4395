/* A table of flags, and paths that follow from where this program is. */
#include "cases_options.h"

#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "options.h"

static const char usage[] =
    "usage: eddy cases [option]... [-- flag...]\n"
    "Runs the table of cases (workloads/*/cases) and compares verdicts, anomalies and figures.\n"
    "  --harness test|sim|maelstrom  real processes, simulation, or the real Maelstrom (default test)\n"
    "  --compare                     eddy test and Maelstrom side by side\n"
    "  --workload W, --node NAME     only these cases\n"
    "  --no-broken                   without the nodes that must be rejected\n"
    "  --list                        only print the cases\n"
    "  --recovery S                  seconds before final reads in eddy test, where the case does not say\n"
    "  --seeds N                     seeds of a sweep (default: as many as the time allows, at least 10)\n"
    "  --time-budget S               seconds for all sweeps together (default 15)\n"
    "  --jobs N                      weight of what runs at once (processes, about)\n"
    "  --maelstrom PATH              the command\n"
    "  --workloads-dir DIR, --bin-dir DIR, --broken-dir DIR\n"
    "  --store DIR                   keep what the runs leave there\n"
    "  -- flag...                    one run of --workload with these flags in place of its cases\n";

void
cases_bad(const char *fmt, ...)
{
	va_list args;

	fputs("eddy cases: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(EXIT_ARGUMENTS);
}

/* ---- flags ------------------------------------------------------------------ */

struct flag {
	const char *name;
	int has_arg; /* of getopt_long(3) */
	void (*take)(struct cases_options *, const struct flag *, const char *text);
	size_t offset;
	double min, max;
};

static void *
target(struct cases_options *o, const struct flag *flag)
{
	return (char *)o + flag->offset;
}

static void
take_text(struct cases_options *o, const struct flag *flag, const char *text)
{
	*(const char **)target(o, flag) = text;
}

static void
take_true(struct cases_options *o, const struct flag *flag, const char *text)
{
	(void)text;
	*(bool *)target(o, flag) = true;
}

static double
number(const struct flag *flag, const char *text)
{
	char *end;
	double number = strtod(text, &end);

	if (*text == '\0' || *end != '\0' || !(number >= flag->min && number <= flag->max))
		cases_bad("--%s: not a number from %g to %g: %s", flag->name, flag->min, flag->max, text);
	return number;
}

static void
take_number(struct cases_options *o, const struct flag *flag, const char *text)
{
	*(double *)target(o, flag) = number(flag, text);
}

/* It is passed on as it was written. */
static void
take_recovery(struct cases_options *o, const struct flag *flag, const char *text)
{
	number(flag, text);
	o->trial.recovery = text;
}

static void
take_seeds(struct cases_options *o, const struct flag *flag, const char *text)
{
	o->trial.seeds = (uint64_t)number(flag, text);
}

static void
take_jobs(struct cases_options *o, const struct flag *flag, const char *text)
{
	o->capacity = (int)number(flag, text);
}

static void
take_harness(struct cases_options *o, const struct flag *flag, const char *text)
{
	static const char *const names[] = {"test", "sim", "maelstrom"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strcmp(text, names[i]) == 0) {
			o->harness = (enum harness)i;
			return;
		}
	}
	cases_bad("--%s: not test, sim or maelstrom: %s", flag->name, text);
}

static void
take_compare(struct cases_options *o, const struct flag *flag, const char *text)
{
	(void)flag, (void)text;
	o->harness = HARNESS_COMPARE;
}

static void
take_help(struct cases_options *o, const struct flag *flag, const char *text)
{
	(void)o, (void)flag, (void)text;
	fputs(usage, stdout);
	exit(0);
}

#define AT(member) offsetof(struct cases_options, member)

static const struct flag flags[] = {
    {"harness", required_argument, take_harness, 0, 0, 0},
    {"compare", no_argument, take_compare, 0, 0, 0},
    {"workload", required_argument, take_text, AT(workload), 0, 0},
    {"node", required_argument, take_text, AT(node), 0, 0},
    {"no-broken", no_argument, take_true, AT(no_broken), 0, 0},
    {"list", no_argument, take_true, AT(list), 0, 0},
    {"recovery", required_argument, take_recovery, 0, 0, 3600},
    {"seeds", required_argument, take_seeds, 0, 1, 1e9},
    {"time-budget", required_argument, take_number, AT(sweep_s), 0, 86400},
    {"jobs", required_argument, take_jobs, 0, 1, 100000},
    {"maelstrom", required_argument, take_text, AT(trial.maelstrom), 0, 0},
    {"workloads-dir", required_argument, take_text, AT(workloads_dir), 0, 0},
    {"bin-dir", required_argument, take_text, AT(trial.bin_dir), 0, 0},
    {"broken-dir", required_argument, take_text, AT(trial.broken_dir), 0, 0},
    {"store", required_argument, take_text, AT(store), 0, 0},
    {"help", no_argument, take_help, 0, 0, 0},
};
#define FLAGS (sizeof flags / sizeof *flags)

#define FIRST_VALUE 256 /* of what getopt_long(3) returns: not a character */

void
cases_parse(struct cases_options *o, int argc, char *argv[])
{
	struct option table[FLAGS + 1] = {0};
	int found;

	for (size_t i = 0; i < FLAGS; i++)
		table[i] = (struct option){flags[i].name, flags[i].has_arg, NULL, FIRST_VALUE + (int)i};
	*o = (struct cases_options){.workloads_dir = "workloads", .sweep_s = 15};
	optind = 1;
	opterr = 0;
	while ((found = getopt_long(argc, argv, "+:", table, NULL)) != -1) {
		if (found == '?')
			cases_bad("unknown argument: %s (see --help)", argv[optind - 1]);
		if (found == ':')
			cases_bad("%s wants a value", argv[optind - 1]);
		flags[found - FIRST_VALUE].take(o, &flags[found - FIRST_VALUE], optarg);
	}
	if (optind > 1 && optind < argc && strcmp(argv[optind - 1], "--") == 0)
		o->flags = argv + optind;
	else if (optind < argc)
		cases_bad("unknown argument: %s (see --help)", argv[optind]);
	if (o->flags != NULL && o->workload == NULL)
		cases_bad("flags behind -- want a --workload");
	if (o->capacity == 0)
		o->capacity = o->harness == HARNESS_SIM ? (int)sysconf(_SC_NPROCESSORS_ONLN) : REAL_TIME_CAPACITY;
}

/* ---- where things are ------------------------------------------------------ */

/* This program: below the current directory as a relative path, which reads better in commands. */
static const char *
find_self(struct arena *arena)
{
	char self[PATH_MAX], here[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
	size_t prefix;

	if (length == -1)
		err(EXIT_CRASH, "/proc/self/exe");
	self[length] = '\0';
	if (getcwd(here, sizeof here) == NULL)
		err(EXIT_CRASH, "current directory");
	prefix = strlen(here);
	if (strncmp(self, here, prefix) == 0 && self[prefix] == '/' && strchr(self + prefix + 1, '/') != NULL)
		return arena_copy(arena, self + prefix + 1, strlen(self + prefix + 1));
	return arena_copy(arena, self, strlen(self));
}

static const char *
absolute(struct arena *arena, const char *path)
{
	char resolved[PATH_MAX];

	if (realpath(path, resolved) == NULL)
		cases_bad("%s: %s", path, strerror(errno));
	return arena_copy(arena, resolved, strlen(resolved));
}

void
cases_find_binaries(struct cases_options *options, struct arena *arena)
{
	struct trial_options *o = &options->trial;
	const char *slash;

	o->eddy = find_self(arena);
	slash = strrchr(o->eddy, '/');
	if (o->bin_dir == NULL)
		o->bin_dir = arena_copy(arena, o->eddy, (size_t)(slash - o->eddy));
	if (o->broken_dir == NULL)
		o->broken_dir = arena_printf(arena, "%s/../broken", o->bin_dir);
	if (options->harness != HARNESS_MAELSTROM && options->harness != HARNESS_COMPARE)
		return;
	if (o->maelstrom == NULL)
		cases_bad("no maelstrom given: --maelstrom PATH");
	if (strchr(o->maelstrom, '/') != NULL)
		o->maelstrom = absolute(arena, o->maelstrom);
	o->bin_dir = absolute(arena, o->bin_dir);
	o->broken_dir = access(o->broken_dir, F_OK) == 0 ? absolute(arena, o->broken_dir) : o->broken_dir;
}
