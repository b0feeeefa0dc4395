/* Tables of what is drawn, and a command line made of it. */
#include "swarm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fault.h"
#include "random.h"
#include "words.h"
#include "workload.h"

#define CHOICES_MAX 12

/* One of its values each; what stands there more than once is likelier. */
static const struct {
	const char *flag;
	const char *values[CHOICES_MAX];
} dimensions[] = {
    {"--node-count", {"1", "2", "3", "3", "3", "4", "5", "5", "5", "6", "7"}},
    {"--concurrency", {"1n", "1n", "2n", "2n", "3n"}},
    {"--latency", {"0", "0", "1", "5", "10", "20", "50", "100"}},
    {"--latency-dist", {"constant", "uniform", "exponential", "exponential"}},
    {"--nemesis-interval", {"0.2", "0.5", "1", "2", "4"}},
    {"--key-count", {"1", "2", "4", "8", "10"}},
    {"--max-txn-length", {"1", "2", "4", "4", "8"}},
    {"--max-writes-per-key", {"2", "4", "16", "16", "64"}},
    {"--topology", {"line", "grid", "tree2", "tree3", "tree4", "total"}},
};
#define DIMENSIONS (sizeof(dimensions) / sizeof(dimensions[0]))

/* What a node that no workload speaks for is taken to withstand. */
static const struct promise unspoken = {.faults = "partition"};

const struct promise *
promise_find(const struct workload *workload, const char *node)
{
	for (const struct promise *p = workload->promises; p != NULL && p->node != NULL; p++)
		if (strcmp(p->node, node) == 0)
			return p;
	return &unspoken;
}

bool
promise_includes(const struct promise *promise, const char *fault)
{
	size_t length = strlen(fault);

	for (const char *at = promise->faults; (at = strstr(at, fault)) != NULL; at += length)
		if ((at == promise->faults || at[-1] == ',') && (at[length] == ',' || at[length] == '\0'))
			return true;
	return false;
}

/* ---- words ------------------------------------------------------------------------- */

/* A command line, and the seed that it is drawn from. */
struct drawing {
	struct words words;
	uint64_t seed;
};

/* Cut at blanks. */
static void
add_all(struct drawing *d, const char *text)
{
	for (; text != NULL && *text != '\0'; text += strspn(text, " ")) {
		size_t length = strcspn(text, " ");

		words_add(&d->words, arena_copy(d->words.arena, text, length));
		text += length;
	}
}

/* ---- draws --------------------------------------------------------------------------- */

/* Below `bound`, from the stream of that name. */
static uint64_t
draw(const struct drawing *d, const char *name, uint64_t bound)
{
	struct random random;
	char stream[64];

	snprintf(stream, sizeof(stream), "swarm %s", name);
	random_seed(&random, d->seed, stream, 0);
	return random_below(&random, bound);
}

/* Whether nodes have names that the user gave. */
static bool
are_named(const struct test_options *o)
{
	for (const char *const *word = o->given; *word != NULL; word++)
		if (strncmp(*word, "--nodes", strlen("--nodes")) == 0)
			return true;
	return false;
}

static void
draw_dimensions(struct drawing *d, const struct test_options *o)
{
	for (size_t i = 0; i < DIMENSIONS; i++) {
		uint64_t count = 0;

		if (strcmp(dimensions[i].flag, "--node-count") == 0 && are_named(o))
			continue;
		while (count < CHOICES_MAX && dimensions[i].values[count] != NULL)
			count++;
		words_add_flag(&d->words, dimensions[i].flag, dimensions[i].values[draw(d, dimensions[i].flag, count)]);
	}
}

/* How many operations, and in how many seconds: so it is the number that is bounded, at whatever rate. */
static void
draw_rate(struct drawing *d)
{
	static const int operations[] = {30, 60, 100, 200, 300}, seconds[] = {2, 3, 5, 10, 20};
	int count = operations[draw(d, "operations", 5)], time = seconds[draw(d, "--time-limit", 5)];

	words_add_flag(&d->words, "--rate", arena_printf(d->words.arena, "%d", count / time));
	words_add_flag(&d->words, "--time-limit", arena_printf(d->words.arena, "%d", time));
}

static void
append_name(struct buffer *list, const char *name)
{
	buffer_printf(list, "%s%s", list->length > 0 ? "," : "", name);
}

/* Few, half or most of what the node withstands. */
static void
draw_faults(struct drawing *d, const struct promise *promise)
{
	uint64_t quarters = 1 + draw(d, "density", 3);
	struct buffer list = {0};

	for (int i = 0; i < FAULT_KINDS; i++)
		if (promise_includes(promise, faults[i].name) && draw(d, faults[i].name, 4) < quarters)
			append_name(&list, faults[i].name);
	if (list.length > 0)
		words_add_flag(&d->words, "--nemesis", buffer_string(&list));
	buffer_free(&list);
}

/* Half of the kinds; all, if none was drawn. */
static void
draw_partitions(struct drawing *d)
{
	struct buffer list = {0}, all = {0};

	for (int i = 0; i < PARTITION_KINDS; i++) {
		const char *name = partition_name((enum partition_kind)i);

		append_name(&all, name);
		if (draw(d, name, 2) == 0)
			append_name(&list, name);
	}
	words_add_flag(&d->words, "--partitions", buffer_string(list.length > 0 ? &list : &all));
	buffer_free(&list);
	buffer_free(&all);
}

/* ---- the node's arguments ---------------------------------------------------------------- */

/* Options that promise something only without a fault are not drawn with it. */
static void
draw_variant(struct drawing *d, const struct promise *promise, const struct test_options *so_far)
{
	const struct variant *variant;
	uint64_t count = 0;

	while (count < VARIANTS_MAX && promise->variants[count].args != NULL)
		count++;
	if (count == 0)
		return;
	variant = &promise->variants[draw(d, "variant", count)];
	for (int i = 0; variant->unless != NULL && i < FAULT_KINDS; i++)
		if (strcmp(variant->unless, faults[i].name) == 0 && (so_far->faults & FAULT_BIT(i)) != 0)
			return;
	add_all(d, variant->args);
}

/* Only a partition leaves nodes the memory they have; still they may as well have a disk. */
static void
draw_disk(struct drawing *d, const struct test_options *so_far)
{
	bool safe = (so_far->faults & ~FAULT_BIT(FAULT_PARTITION)) == 0;

	if (!safe || draw(d, "data-dir", 2) == 0)
		words_add_flag(&d->words, "--data-dir", "swarm");
}

/* ---- the whole ------------------------------------------------------------------------------ */

/* What is said of runs, and not of what they are, is no part of the line. */
static bool
parse(struct swarm *swarm, struct drawing *d, const struct test_options *o, struct buffer *text)
{
	d->words.items[d->words.count] = NULL;
	if (options_parse(&swarm->options, COMMAND_SIM, d->words.count, d->words.items, text) != PARSE_OK)
		return false;
	swarm->options.seed = swarm->options.last_seed = d->seed;
	swarm->options.program = o->program;
	swarm->options.sweep = true;
	swarm->options.store = o->store;
	swarm->options.quiet = o->quiet;
	return true;
}

/* The user's words come last: of two flags the later one counts. */
static bool
put_together(struct swarm *swarm, const struct test_options *o, uint64_t seed, struct buffer *text)
{
	const struct promise *promise = promise_find(o->workload, o->program_name);
	struct drawing d = {.words.arena = &swarm->arena, .seed = seed};
	const char *why;
	int drawn;

	words_add_flag(&d.words, "--liveness", arena_printf(&swarm->arena, "%d", SWARM_LIVENESS_S));
	words_add_flag(&d.words, "--message-budget", arena_printf(&swarm->arena, "%d", SWARM_MESSAGE_BUDGET));
	draw_dimensions(&d, o);
	draw_rate(&d);
	draw_faults(&d, promise);
	draw_partitions(&d);
	add_all(&d, promise->flags);
	drawn = d.words.count;
	for (const char *const *word = o->given; *word != NULL; word++)
		words_add(&d.words, *word);
	if (!parse(swarm, &d, o, text))
		return false;
	if (workload_refusal(&swarm->arena, &swarm->options) != NULL) { /* some workloads want two workers a node */
		d.words.count = drawn;
		words_add_flag(&d.words, "--concurrency", "2n");
		for (const char *const *word = o->given; *word != NULL; word++)
			words_add(&d.words, *word);
	}
	words_add(&d.words, "--");
	draw_disk(&d, &swarm->options);
	draw_variant(&d, promise, &swarm->options);
	for (char *const *arg = o->args; *arg != NULL; arg++)
		words_add(&d.words, *arg);
	options_free(&swarm->options);
	if (!parse(swarm, &d, o, text))
		return false;
	why = workload_refusal(&swarm->arena, &swarm->options);
	if (why != NULL)
		buffer_append_string(text, why);
	return why == NULL;
}

bool
swarm_draw(struct swarm *swarm, const struct test_options *o, uint64_t seed)
{
	struct buffer text = {0};
	bool drawn;

	*swarm = (struct swarm){0};
	drawn = put_together(swarm, o, seed, &text);
	if (!drawn)
		fprintf(stderr, "eddy: %s\n", buffer_string(&text));
	buffer_free(&text);
	return drawn;
}

void
swarm_print(const struct swarm *swarm)
{
	struct buffer line = {0};

	words_quote(&line, program_invocation_name);
	buffer_append_char(&line, ' ');
	options_replay(&swarm->options, swarm->options.seed, &line);
	printf("drawn: %s\n", buffer_string(&line));
	buffer_free(&line);
}

void
swarm_free(struct swarm *swarm)
{
	options_free(&swarm->options);
	arena_free(&swarm->arena);
}
