/* The commands of the engines, and how their ends are read. Flags of a case that only eddy knows are kept from
 * Maelstrom. */
#include "trial.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "words.h"

#define TAIL_LINES  15
#define OUTPUT_MAX  ((size_t)1 << 20)
#define RESULTS_MAX ((size_t)64 << 20)

/* Flags that Maelstrom does not know, or not with every value; each takes a value. */
static const char *const own_flags[] = {"--nemesis", "--partitions", "--recovery", "--liveness", "--seed", "--seeds",
    "--message-budget", "--time-budget", "--jobs", "--failures", "--minimise-budget", "--store", NULL};

/* ---- commands ------------------------------------------------------------- */

/* Adds a flag that the case does not set itself. */
static void
add_default(struct words *words, const struct test_case *c, const char *flag, const char *value)
{
	if (case_flag(c, flag) == NULL)
		words_add_flag(words, flag, value);
}

/* Simulated disks are each run's own, whatever they are called. */
static const char *
data_directory(const struct trial *t)
{
	bool simulated = t->engine == ENGINE_SIM || t->engine == ENGINE_SWEEP;

	return simulated ? "data" : arena_printf(t->arena, "%s/data", t->directory);
}

static void
add_node_args(const struct trial *t, struct words *words)
{
	char *const *args = t->test->node_args;

	if (args[0] != NULL)
		words_add(words, "--");
	for (; *args != NULL; args++)
		words_add(words, strcmp(*args, CASE_DATA) == 0 ? t->data : *args);
}

static const char *
binary(const struct trial *t)
{
	bool broken = case_is_broken(t->test);

	return arena_printf(t->arena, "%s/%s", broken ? t->options->broken_dir : t->options->bin_dir,
	    t->test->node + (broken ? strlen("broken:") : 0));
}

static const char *
number_text(struct arena *arena, double number)
{
	return arena_printf(arena, "%g", number);
}

static bool
is_own_flag(const char *flag)
{
	for (const char *const *own = own_flags; *own != NULL; own++) {
		size_t length = strlen(*own);

		if (strncmp(flag, *own, length) == 0 && (flag[length] == '\0' || flag[length] == '='))
			return true;
	}
	return false;
}

static void
add_flags(struct words *words, const struct test_case *c)
{
	for (char *const *flag = c->flags; *flag != NULL; flag++)
		words_add(words, *flag);
}

/* Of the faults Maelstrom's releases know partitions only: what is then left of a run has the same verdict. */
static void
add_foreign_faults(struct words *words, const struct test_case *c)
{
	const char *faults = case_flag(c, "--nemesis");

	if (faults != NULL && strstr(faults, "partition") != NULL)
		words_add_flag(words, "--nemesis", "partition");
}

/* The case's flags as Maelstrom may have them. */
static void
add_foreign_flags(struct words *words, const struct test_case *c)
{
	for (char *const *flag = c->flags; *flag != NULL; flag++) {
		if (!is_own_flag(*flag))
			words_add(words, *flag);
		else if (strchr(*flag, '=') == NULL)
			flag++;
	}
	add_foreign_faults(words, c);
}

static void
command_test(const struct trial *t, struct words *words)
{
	words_add_flag(words, t->options->eddy, "test");
	words_add_flag(words, "-w", t->test->workload);
	words_add_flag(words, "--bin", binary(t));
	add_flags(words, t->test);
	add_default(words, t->test, "--time-limit", number_text(t->arena, CASE_TIME_LIMIT_S));
	if (t->options->recovery != NULL)
		add_default(words, t->test, "--recovery", t->options->recovery);
	words_add_flag(words, "--store", t->directory);
}

static void
command_maelstrom(const struct trial *t, struct words *words)
{
	words_add_flag(words, t->options->maelstrom, "test");
	words_add_flag(words, "-w", t->test->workload);
	words_add_flag(words, "--bin", binary(t));
	add_foreign_flags(words, t->test);
	add_default(words, t->test, "--time-limit", number_text(t->arena, CASE_TIME_LIMIT_S));
}

static void
add_sim(const struct trial *t, struct words *words)
{
	words_add_flag(words, t->options->eddy, "sim");
	words_add_flag(words, "-w", t->test->workload);
	words_add_flag(words, "--node", t->test->node);
	add_flags(words, t->test);
	add_default(words, t->test, "--time-limit", number_text(t->arena, CASE_TIME_LIMIT_S));
}

static void
command_sim(const struct trial *t, struct words *words)
{
	add_sim(t, words);
	add_default(words, t->test, "--seed", "1");
	words_add_flag(words, "--store", t->directory);
}

static void
command_sweep(const struct trial *t, struct words *words)
{
	uint64_t seeds = t->options->seeds, last = seeds > 0 ? seeds : SWEEP_SEEDS_MIN;

	add_sim(t, words);
	add_default(words, t->test, "--message-budget", number_text(t->arena, SWEEP_MESSAGE_BUDGET));
	if (t->step != STEP_REPLAY)
		words_add_flag(words, "--jobs", "1"); /* other cases have the other processors */
	switch (t->step) {
	case STEP_FIRST:
		words_add_flag(words, "--minimise-budget", "0");
		words_add_flag(words, "--seeds", arena_printf(t->arena, "1..%llu", (unsigned long long)last));
		break;
	case STEP_REST:
		words_add_flag(words, "--minimise-budget", "0");
		words_add_flag(words, "--seeds", arena_printf(t->arena, "%d..1000000000", SWEEP_SEEDS_MIN + 1));
		words_add_flag(words, "--time-budget", number_text(t->arena, t->options->sweep_s));
		break;
	case STEP_REPLAY:
		words_add_flag(words, "--seed", arena_printf(t->arena, "%llu", (unsigned long long)t->seed_found));
		words_add_flag(words, "--store", t->directory);
		break;
	}
}

static void
build_command(struct trial *t)
{
	static void (*const commands[ENGINES])(const struct trial *, struct words *) = {
	    [ENGINE_TEST] = command_test,
	    [ENGINE_SIM] = command_sim,
	    [ENGINE_SWEEP] = command_sweep,
	    [ENGINE_MAELSTROM] = command_maelstrom,
	};
	struct words *words = arena_zero(t->arena, sizeof *words);

	words->arena = t->arena;
	t->data = data_directory(t);
	commands[t->engine](t, words);
	add_node_args(t, words);
	t->job.argv = words->items;
}

/* ---- time and weight ------------------------------------------------------ */

/*
 * A run in real time mostly waits, but all of them share the processors: a
 * node costs its wake-ups, and every operation its messages to other nodes.
 */
static int
weigh_test(const struct test_case *c)
{
	double nodes = case_number(c, "--node-count", 5), rate = case_number(c, "--rate", 5);

	return (int)(nodes + nodes * rate / 50) + 1;
}

static int
weigh(const struct trial *t)
{
	switch (t->engine) {
	case ENGINE_TEST:
		return weigh_test(t->test);
	case ENGINE_MAELSTROM:
		return MAELSTROM_WEIGHT;
	default:
		return 1; /* one core, busy */
	}
}

static int64_t
limit_ms(const struct trial *t)
{
	double run = case_number(t->test, "--time-limit", CASE_TIME_LIMIT_S) + case_number(t->test, "--recovery", 10);

	switch (t->engine) {
	case ENGINE_TEST:
		return (int64_t)(run * 1000) + 40000;
	case ENGINE_MAELSTROM:
		return (int64_t)(run * 1000) + 120000;
	case ENGINE_SWEEP:
		return (int64_t)((t->options->sweep_s + (double)t->options->seeds) * 1000) + 240000;
	default:
		return 240000;
	}
}

struct trial *
trial_new(struct arena *arena, const struct trial_options *options, const struct test_case *c, enum engine engine,
    const char *directory)
{
	struct trial *t = arena_zero(arena, sizeof *t);

	t->options = options;
	t->test = c;
	t->engine = engine;
	t->arena = arena;
	t->directory = directory;
	t->job.directory = engine == ENGINE_MAELSTROM ? directory : NULL;
	t->job.output = arena_printf(arena, "%s/output", directory);
	t->job.weight = weigh(t);
	t->job.limit_ms = limit_ms(t);
	t->job.arg = t;
	build_command(t);
	return t;
}

/* ---- what it left --------------------------------------------------------- */

/* A whole file of at most `max` bytes (its end, if it is longer). False if it cannot be read. */
static bool
read_file(const char *path, size_t max, struct buffer *text)
{
	FILE *file = fopen(path, "r");
	struct stat status;
	size_t got;

	if (file == NULL)
		return false;
	if (fstat(fileno(file), &status) == 0 && (size_t)status.st_size > max)
		fseek(file, -(long)max, SEEK_END);
	while ((got = fread(buffer_reserve(text, 65536), 1, 65536, file)) > 0)
		text->length += got;
	fclose(file);
	return true;
}

static const struct value *
read_results(const struct trial *t)
{
	const char *store = t->engine == ENGINE_MAELSTROM ? "/store" : "";
	const char *path = arena_printf(t->arena, "%s%s/latest/results.edn", t->directory, store);
	struct buffer text = {0};
	const struct value *results = NULL;
	const char *cursor, *error = NULL;

	if (read_file(path, RESULTS_MAX, &text)) {
		cursor = buffer_string(&text);
		results = edn_read(t->arena, &cursor, text.bytes + text.length, &error);
	}
	buffer_free(&text);
	return results != NULL && results->type == VALUE_MAP ? results : NULL;
}

/* What is behind the last `word` in a text, or NULL. */
static const char *
last_behind(const char *text, const char *word)
{
	const char *at = NULL;

	while ((text = strstr(text, word)) != NULL)
		at = text += strlen(word);
	return at;
}

/* What a sweep says of itself: "seeds 1..10: 10 runs, ...", and before it "first failing seed 7; ...". */
static void
read_sweep(struct trial *t)
{
	struct buffer text = {0};
	const char *runs, *seed;
	unsigned long long count = 0;

	read_file(t->job.output, OUTPUT_MAX, &text);
	if ((runs = last_behind(buffer_string(&text), "seeds ")) != NULL)
		sscanf(runs, "%*u..%*u: %llu runs", &count);
	seed = last_behind(buffer_string(&text), "first failing seed ");
	t->seeds_run += count;
	t->seed_found = seed == NULL ? 0 : strtoull(seed, NULL, 10);
	buffer_free(&text);
}

/* ---- the end -------------------------------------------------------------- */

static void fail(struct trial *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
fail(struct trial *t, const char *fmt, ...)
{
	struct buffer why = {0};
	va_list args;

	va_start(args, fmt);
	buffer_vprintf(&why, fmt, args);
	va_end(args);
	t->why = arena_copy(t->arena, buffer_string(&why), why.length);
	buffer_free(&why);
}

static void
judge(struct trial *t, int what)
{
	struct buffer why = {0};

	t->passed = case_judge(t->test, t->outcome, t->results, what, &why);
	if (!t->passed)
		fail(t, "%s", buffer_string(&why));
	buffer_free(&why);
}

static bool
ended_badly(struct trial *t)
{
	if (t->job.timed_out)
		fail(t, "ended after %lld s without a result", (long long)t->job.limit_ms / 1000);
	else if (t->outcome == OUTCOME_FAILED)
		fail(t, "exit status %d", t->job.status);
	return t->why != NULL;
}

static bool
rerun(struct trial *t, int step)
{
	t->step = step;
	build_command(t);
	return true;
}

/* True if there is more to run. */
static bool
sweep_ended(struct trial *t)
{
	bool valid = t->test->expected == OUTCOME_VALID;

	if (t->step != STEP_REPLAY)
		read_sweep(t);
	if (t->step == STEP_REPLAY)
		judge(t, JUDGE_ANOMALIES);
	else if (t->outcome != OUTCOME_VALID && valid)
		fail(t, "%s at seed %llu", outcome_name(t->outcome), (unsigned long long)t->seed_found);
	else if (t->outcome != OUTCOME_VALID)
		return rerun(t, STEP_REPLAY);
	else if (t->step == STEP_FIRST && t->options->seeds == 0)
		return rerun(t, STEP_REST);
	else if (valid)
		t->passed = true;
	else
		fail(t, "valid for all of %llu seeds", (unsigned long long)t->seeds_run);
	return false;
}

bool
trial_ended(struct trial *t)
{
	int what = JUDGE_ANOMALIES | JUDGE_FIGURES | (t->engine == ENGINE_SIM ? JUDGE_LATENCIES : 0);

	t->outcome = outcome_of_status(t->job.status);
	if (ended_badly(t))
		return false;
	if (t->outcome != OUTCOME_CRASH && (t->engine != ENGINE_SWEEP || t->step == STEP_REPLAY))
		t->results = read_results(t);
	if (t->engine == ENGINE_SWEEP)
		return sweep_ended(t);
	judge(t, what);
	return false;
}

/* ---- for people ------------------------------------------------------------ */

void
trial_command(const struct trial *t, struct buffer *out)
{
	for (char *const *word = t->job.argv; *word != NULL; word++) {
		if (strcmp(*word, "--store") == 0 && word[1] != NULL) {
			word++;
			continue;
		}
		if (word != t->job.argv)
			buffer_append_char(out, ' ');
		if (strcmp(*word, t->data) == 0 && strchr(t->data, '/') != NULL)
			buffer_append_string(out, "\"$(mktemp -d)\""); /* the run's own is not empty any more */
		else
			words_quote(out, *word);
	}
}

/* Appends the last `count` lines of the last `max` bytes of output. */
static void
last_lines(const struct trial *t, size_t count, size_t max, struct buffer *out)
{
	struct buffer text = {0};
	size_t from, lines = 0;

	if (read_file(t->job.output, max, &text)) {
		while (text.length > 0 && text.bytes[text.length - 1] == '\n')
			text.length--;
		for (from = text.length; from > 0; from--) {
			if (text.bytes[from - 1] == '\n' && ++lines == count)
				break;
		}
		buffer_append(out, text.bytes + from, text.length - from);
	}
	buffer_free(&text);
}

void
trial_tail(const struct trial *t, struct buffer *out)
{
	last_lines(t, TAIL_LINES, OUTPUT_MAX, out);
}

void
trial_last_line(const struct trial *t, struct buffer *out)
{
	last_lines(t, 1, 1000, out);
}
