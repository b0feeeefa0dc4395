/*
 * The batch behind ./run.sh and `make test`: chooses cases, runs a trial of
 * each under one or two engines, several at a time, and shows how they end.
 */
#include "cases.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "caseview.h"
#include "options.h"
#include "trial.h"

enum harness { HARNESS_TEST, HARNESS_SIM, HARNESS_MAELSTROM, HARNESS_COMPARE };

struct batch {
	/* options */
	enum harness harness;
	const char *workloads_dir, *workload, *node, *store;
	bool list, no_broken;
	int capacity;
	double sweep_s; /* of all sweeps together */
	char **flags;   /* of one case made up on the command line; NULL: the table's */
	struct trial_options trial;

	struct arena arena;
	struct case_list cases;
	char *directory; /* of this batch: a folder a trial */
	struct view view;
	struct pool pool;
};

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

/* ---- options -------------------------------------------------------------- */

enum {
	OPT_HARNESS = 256,
	OPT_COMPARE,
	OPT_WORKLOAD,
	OPT_NODE,
	OPT_NO_BROKEN,
	OPT_LIST,
	OPT_RECOVERY,
	OPT_SEEDS,
	OPT_TIME_BUDGET,
	OPT_JOBS,
	OPT_MAELSTROM,
	OPT_WORKLOADS_DIR,
	OPT_BIN_DIR,
	OPT_BROKEN_DIR,
	OPT_STORE,
	OPT_HELP,
};

static const struct option long_options[] = {
    {"harness", required_argument, NULL, OPT_HARNESS},
    {"compare", no_argument, NULL, OPT_COMPARE},
    {"workload", required_argument, NULL, OPT_WORKLOAD},
    {"node", required_argument, NULL, OPT_NODE},
    {"no-broken", no_argument, NULL, OPT_NO_BROKEN},
    {"list", no_argument, NULL, OPT_LIST},
    {"recovery", required_argument, NULL, OPT_RECOVERY},
    {"seeds", required_argument, NULL, OPT_SEEDS},
    {"time-budget", required_argument, NULL, OPT_TIME_BUDGET},
    {"jobs", required_argument, NULL, OPT_JOBS},
    {"maelstrom", required_argument, NULL, OPT_MAELSTROM},
    {"workloads-dir", required_argument, NULL, OPT_WORKLOADS_DIR},
    {"bin-dir", required_argument, NULL, OPT_BIN_DIR},
    {"broken-dir", required_argument, NULL, OPT_BROKEN_DIR},
    {"store", required_argument, NULL, OPT_STORE},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static void bad(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

static void
bad(const char *fmt, ...)
{
	va_list args;

	fputs("eddy cases: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(EXIT_ARGUMENTS);
}

static double
parse_number(const char *flag, const char *text, double min, double max)
{
	char *end;
	double number = strtod(text, &end);

	if (*text == '\0' || *end != '\0' || !(number >= min && number <= max))
		bad("%s: not a number from %g to %g: %s", flag, min, max, text);
	return number;
}

static enum harness
parse_harness(const char *text)
{
	static const char *const names[] = {"test", "sim", "maelstrom"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strcmp(text, names[i]) == 0)
			return (enum harness)i;
	}
	bad("--harness: not test, sim or maelstrom: %s", text);
}

static void
take_option(struct batch *b, int option, const char *text)
{
	switch (option) {
	case OPT_HARNESS:
		b->harness = parse_harness(text);
		break;
	case OPT_COMPARE:
		b->harness = HARNESS_COMPARE;
		break;
	case OPT_WORKLOAD:
		b->workload = text;
		break;
	case OPT_NODE:
		b->node = text;
		break;
	case OPT_NO_BROKEN:
		b->no_broken = true;
		break;
	case OPT_LIST:
		b->list = true;
		break;
	case OPT_RECOVERY:
		parse_number("--recovery", text, 0, 3600);
		b->trial.recovery = text;
		break;
	case OPT_SEEDS:
		b->trial.seeds = (uint64_t)parse_number("--seeds", text, 1, 1e9);
		break;
	case OPT_TIME_BUDGET:
		b->sweep_s = parse_number("--time-budget", text, 0, 86400);
		break;
	case OPT_JOBS:
		b->capacity = (int)parse_number("--jobs", text, 1, 100000);
		break;
	case OPT_MAELSTROM:
		b->trial.maelstrom = text;
		break;
	case OPT_WORKLOADS_DIR:
		b->workloads_dir = text;
		break;
	case OPT_BIN_DIR:
		b->trial.bin_dir = text;
		break;
	case OPT_BROKEN_DIR:
		b->trial.broken_dir = text;
		break;
	case OPT_STORE:
		b->store = text;
		break;
	case OPT_HELP:
		fputs(usage, stdout);
		exit(0);
	}
}

static void
parse_options(struct batch *b, int argc, char *argv[])
{
	int option;

	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, "+:", long_options, NULL)) != -1) {
		if (option == '?')
			bad("unknown argument: %s (see --help)", argv[optind - 1]);
		if (option == ':')
			bad("%s wants a value", argv[optind - 1]);
		take_option(b, option, optarg);
	}
	if (optind > 1 && optind < argc && strcmp(argv[optind - 1], "--") == 0)
		b->flags = argv + optind;
	else if (optind < argc)
		bad("unknown argument: %s (see --help)", argv[optind]);
	if (b->flags != NULL && b->workload == NULL)
		bad("flags behind -- want a --workload");
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
		bad("%s: %s", path, strerror(errno));
	return arena_copy(arena, resolved, strlen(resolved));
}

static void
find_binaries(struct batch *b)
{
	struct trial_options *o = &b->trial;
	const char *slash;

	o->eddy = find_self(&b->arena);
	slash = strrchr(o->eddy, '/');
	if (o->bin_dir == NULL)
		o->bin_dir = arena_copy(&b->arena, o->eddy, (size_t)(slash - o->eddy));
	if (o->broken_dir == NULL)
		o->broken_dir = arena_printf(&b->arena, "%s/../broken", o->bin_dir);
	if (b->harness != HARNESS_MAELSTROM && b->harness != HARNESS_COMPARE)
		return;
	if (o->maelstrom == NULL)
		bad("no maelstrom given: --maelstrom PATH");
	if (strchr(o->maelstrom, '/') != NULL)
		o->maelstrom = absolute(&b->arena, o->maelstrom);
	o->bin_dir = absolute(&b->arena, o->bin_dir);
	o->broken_dir = access(o->broken_dir, F_OK) == 0 ? absolute(&b->arena, o->broken_dir) : o->broken_dir;
}

static void
make_directory(const char *path)
{
	if (mkdir(path, 0777) == -1 && errno != EEXIST)
		err(EXIT_CRASH, "%s", path);
}

/* Where output and results go: DIR/cases/<time>, or a temporary directory. */
static void
make_batch_directory(struct batch *b)
{
	const char *tmp = getenv("TMPDIR");
	char stamp[32], path[PATH_MAX];
	time_t now = time(NULL);

	if (b->store != NULL) {
		make_directory(b->store);
		make_directory(arena_printf(&b->arena, "%s/cases", b->store));
		strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%S", localtime(&now));
		b->directory = arena_printf(&b->arena, "%s/cases/%s.XXXXXX", b->store, stamp);
	} else {
		b->directory = arena_printf(&b->arena, "%s/eddy-cases.XXXXXX", tmp != NULL ? tmp : "/tmp");
	}
	if (mkdtemp(b->directory) == NULL || realpath(b->directory, path) == NULL)
		err(EXIT_CRASH, "%s", b->directory);
	b->directory = arena_copy(&b->arena, path, strlen(path));
}

/* ---- choosing --------------------------------------------------------------- */

static void
read_cases(struct batch *b, const char *workload)
{
	const char *path = arena_printf(&b->arena, "%s/%s/cases", b->workloads_dir, workload);
	struct buffer error = {0};

	if (access(path, F_OK) == 0 && !casefile_read(&b->arena, path, workload, &b->cases, &error))
		bad("%s", buffer_string(&error));
}

/* All workloads' cases, in the order of the workloads' names. */
static void
read_all_cases(struct batch *b)
{
	struct dirent **entries;
	int count = scandir(b->workloads_dir, &entries, NULL, alphasort);

	if (count == -1)
		bad("%s: %s", b->workloads_dir, strerror(errno));
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;

		if (name[0] != '.' && (b->workload == NULL || strcmp(name, b->workload) == 0))
			read_cases(b, arena_copy(&b->arena, name, strlen(name)));
		free(entries[i]);
	}
	free(entries);
}

static void
make_up_case(struct batch *b, char **flags)
{
	const char *node = b->node != NULL ? b->node : b->workload;
	struct buffer error = {0};
	struct test_case *c;
	size_t count = 0;
	char **words;

	while (flags[count] != NULL)
		count++;
	words = arena_zero(&b->arena, (count + 3) * sizeof *words);
	words[0] = arena_copy(&b->arena, node, strlen(node));
	words[1] = arena_printf(&b->arena, "valid");
	memcpy(words + 2, flags, count * sizeof *words);
	if ((c = case_parse(&b->arena, b->workload, words, &error)) == NULL)
		bad("%s", buffer_string(&error));
	STAILQ_INSERT_TAIL(&b->cases, c, link);
}

static void
choose_cases(struct batch *b)
{
	struct test_case *c, *next;

	STAILQ_INIT(&b->cases);
	if (b->flags != NULL)
		make_up_case(b, b->flags);
	else
		read_all_cases(b);
	for (c = STAILQ_FIRST(&b->cases); c != NULL; c = next) {
		next = STAILQ_NEXT(c, link);
		if ((b->no_broken && case_is_broken(c)) || (b->node != NULL && strcmp(b->node, c->node) != 0))
			STAILQ_REMOVE(&b->cases, c, test_case, link);
	}
	if (STAILQ_EMPTY(&b->cases) && b->node != NULL)
		bad("no case of node %s", b->node);
	if (STAILQ_EMPTY(&b->cases))
		bad("no case of workload %s", b->workload != NULL ? b->workload : "any");
}

static int
list_cases(const struct batch *b)
{
	const struct test_case *c;

	STAILQ_FOREACH (c, &b->cases, link) {
		printf("%-10s %-26s %-8s", c->workload, c->node, outcome_name(c->expected));
		for (char *const *flag = c->flags; *flag != NULL; flag++)
			printf(" %s", *flag);
		for (char *const *word = c->anomalies; *word != NULL; word++)
			printf(" %s", *word);
		for (size_t i = 0; i < c->figure_count; i++)
			printf(" %s", c->figures[i].text);
		for (char *const *arg = c->node_args; *arg != NULL; arg++)
			printf("%s %s", arg == c->node_args ? " --" : "", *arg);
		putchar('\n');
	}
	return 0;
}

/* ---- running ---------------------------------------------------------------- */

/* The engines of each harness. */
static const struct {
	enum engine engines[ROW_TRIALS];
	size_t count;
} harnesses[] = {
    [HARNESS_TEST] = {{ENGINE_TEST}, 1},
    [HARNESS_SIM] = {{ENGINE_SIM, ENGINE_SWEEP}, 2},
    [HARNESS_MAELSTROM] = {{ENGINE_MAELSTROM}, 1},
    [HARNESS_COMPARE] = {{ENGINE_TEST, ENGINE_MAELSTROM}, 2},
};

static void
add_trial(struct batch *b, struct row *row, enum engine engine)
{
	const char *directory = arena_printf(
	    &b->arena, "%s/%02zu-%s-%s", b->directory, b->pool.count + 1, row->test->workload, row->test->node);
	struct trial *t;

	make_directory(directory);
	t = trial_new(&b->arena, &b->trial, row->test, engine, directory);
	row->trials[row->count++] = t;
	b->pool.jobs[b->pool.count++] = &t->job;
}

static void
make_trials(struct batch *b)
{
	size_t cases = 0;
	const struct test_case *c;

	STAILQ_FOREACH (c, &b->cases, link)
		cases++;
	b->trial.sweep_s = b->sweep_s * b->capacity / (double)cases;
	b->view.rows = arena_zero(&b->arena, cases * sizeof *b->view.rows);
	b->pool.jobs = arena_zero(&b->arena, cases * ROW_TRIALS * sizeof(struct job *));
	STAILQ_FOREACH (c, &b->cases, link) {
		struct row *row = &b->view.rows[b->view.count++];

		row->test = c;
		for (size_t i = 0; i < harnesses[b->harness].count; i++)
			add_trial(b, row, harnesses[b->harness].engines[i]);
	}
}

static bool
job_ended(void *arg, struct job *job)
{
	struct batch *b = arg;

	if (trial_ended(job->arg))
		return true;
	view_update(&b->view);
	return false;
}

static void
tick(void *arg)
{
	struct batch *b = arg;

	view_tick(&b->view);
}

static int
remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status, (void)type, (void)ftw;
	return remove(path);
}

/* What went wrong stays on disk; what went right only if it was asked for. */
static int
finish(struct batch *b, bool passed)
{
	if (b->store == NULL && passed)
		nftw(b->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	else
		printf("results in %s\n", b->directory);
	return passed ? 0 : 1;
}

static int
run_cases(struct batch *b)
{
	int signal_number, status;

	make_batch_directory(b);
	make_trials(b);
	b->view.compare = b->harness == HARNESS_COMPARE;
	view_begin(&b->view);
	b->pool.capacity = b->capacity;
	b->pool.ended = job_ended;
	b->pool.tick = tick;
	b->pool.arg = b;
	signal_number = pool_run(&b->pool);
	if (signal_number != 0) {
		view_interrupted(&b->view);
		nftw(b->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
		return 128 + signal_number;
	}
	status = finish(b, view_failures(&b->view));
	view_summary(&b->view);
	return status;
}

int
cases_main(int argc, char *argv[])
{
	struct batch b = {.workloads_dir = "workloads", .sweep_s = 15};
	int status;

	parse_options(&b, argc, argv);
	if (b.capacity == 0)
		b.capacity = b.harness == HARNESS_SIM ? (int)sysconf(_SC_NPROCESSORS_ONLN) : REAL_TIME_CAPACITY;
	choose_cases(&b);
	if (b.list) {
		status = list_cases(&b);
	} else {
		find_binaries(&b);
		status = run_cases(&b);
	}
	arena_free(&b.arena);
	return status;
}
