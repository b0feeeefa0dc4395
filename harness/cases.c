/*
 * The batch behind ./run.sh and `make test`: chooses cases, runs a trial of
 * each under one or two engines, several at a time, and shows how they end.
 */
#include "cases.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cases_options.h"
#include "caseview.h"
#include "options.h"

struct batch {
	struct cases_options options;
	struct arena arena;
	struct case_list cases;
	char *directory; /* of this batch: a folder a trial */
	struct view view;
	struct pool pool;
};

/* ---- directories ------------------------------------------------------------ */

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

	if (b->options.store != NULL) {
		make_directory(b->options.store);
		make_directory(arena_printf(&b->arena, "%s/cases", b->options.store));
		strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%S", localtime(&now));
		b->directory = arena_printf(&b->arena, "%s/cases/%s.XXXXXX", b->options.store, stamp);
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
	const char *path = arena_printf(&b->arena, "%s/%s/cases", b->options.workloads_dir, workload);
	struct buffer error = {0};

	if (access(path, F_OK) == 0 && !casefile_read(&b->arena, path, workload, &b->cases, &error))
		cases_bad("%s", buffer_string(&error));
}

/* All workloads' cases, in the order of the workloads' names. */
static void
read_all_cases(struct batch *b)
{
	struct dirent **entries;
	int count = scandir(b->options.workloads_dir, &entries, NULL, alphasort);

	if (count == -1)
		cases_bad("%s: %s", b->options.workloads_dir, strerror(errno));
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;

		if (name[0] != '.' && (b->options.workload == NULL || strcmp(name, b->options.workload) == 0))
			read_cases(b, arena_copy(&b->arena, name, strlen(name)));
		free(entries[i]);
	}
	free(entries);
}

static void
make_up_case(struct batch *b, char **flags)
{
	const char *node = b->options.node != NULL ? b->options.node : b->options.workload;
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
	if ((c = case_parse(&b->arena, b->options.workload, words, &error)) == NULL)
		cases_bad("%s", buffer_string(&error));
	STAILQ_INSERT_TAIL(&b->cases, c, link);
}

static void
choose_cases(struct batch *b)
{
	struct test_case *c, *next;

	STAILQ_INIT(&b->cases);
	if (b->options.flags != NULL)
		make_up_case(b, b->options.flags);
	else
		read_all_cases(b);
	for (c = STAILQ_FIRST(&b->cases); c != NULL; c = next) {
		next = STAILQ_NEXT(c, link);
		if ((b->options.no_broken && case_is_broken(c)) ||
		    (b->options.node != NULL && strcmp(b->options.node, c->node) != 0))
			STAILQ_REMOVE(&b->cases, c, test_case, link);
	}
	if (STAILQ_EMPTY(&b->cases) && b->options.node != NULL)
		cases_bad("no case of node %s", b->options.node);
	if (STAILQ_EMPTY(&b->cases))
		cases_bad("no case of workload %s", b->options.workload != NULL ? b->options.workload : "any");
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
	t = trial_new(&b->arena, &b->options.trial, row->test, engine, directory);
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
	b->options.trial.sweep_s = b->options.sweep_s * b->options.capacity / (double)cases;
	b->view.rows = arena_zero(&b->arena, cases * sizeof *b->view.rows);
	b->pool.jobs = arena_zero(&b->arena, cases * ROW_TRIALS * sizeof(struct job *));
	STAILQ_FOREACH (c, &b->cases, link) {
		struct row *row = &b->view.rows[b->view.count++];

		row->test = c;
		for (size_t i = 0; i < harnesses[b->options.harness].count; i++)
			add_trial(b, row, harnesses[b->options.harness].engines[i]);
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
	if (b->options.store == NULL && passed)
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
	b->view.compare = b->options.harness == HARNESS_COMPARE;
	view_begin(&b->view);
	b->pool.capacity = b->options.capacity;
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
	struct batch b = {0};
	int status;

	cases_parse(&b.options, argc, argv);
	choose_cases(&b);
	if (b.options.list) {
		status = list_cases(&b);
	} else {
		cases_find_binaries(&b.options, &b.arena);
		status = run_cases(&b);
	}
	arena_free(&b.arena);
	return status;
}
