/*
 * The command line of `eddy test`, `eddy sim` and `eddy check`. Own parsing
 * rather than getopt_long(3), which would accept abbreviations and keeps
 * global state that the nodes' own options need.
 */
#include "options.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flags.h"
#include "grudge.h"
#include "utf8.h"
#include "workload.h"

static const struct {
	const char *name, *usage;
} commands[] = {
    [COMMAND_TEST] = {"test", "eddy test -w WORKLOAD --bin FILE [flags] [--] [arguments of the node]"},
    [COMMAND_SIM] = {"sim", "eddy sim -w WORKLOAD --node PROGRAM [flags] [--] [arguments of the node]"},
    [COMMAND_CHECK] = {"check", "eddy check -w WORKLOAD [flags] history.edn"},
};

static void
help(enum command command, struct buffer *text)
{
	char left[64];

	buffer_printf(text, "usage: %s\n\n", commands[command].usage);
	for (const struct flag *f = flags; f->name != NULL; f++) {
		if ((f->commands & 1 << command) == 0 || f->help == NULL)
			continue;
		snprintf(left, sizeof(left), "%c%c%c --%s %s", f->letter ? '-' : ' ', f->letter ? f->letter : ' ',
		    f->letter ? ',' : ' ', f->name, f->metavar != NULL ? f->metavar : "");
		buffer_printf(text, "  %-32s %s\n", left, f->help);
	}
	buffer_append_string(text, "\nExit status: 0 valid, 1 invalid, 2 unknown, 254 bad arguments, 255 crash.\n");
	if (command == COMMAND_TEST)
		buffer_append_string(text, "Jepsen's flags for ssh and --logging-json are accepted and ignored.\n");
}

/* ---- the line ------------------------------------------------------------------ */

/* Finds the flag that a word names, of a length. */
static const struct flag *
find(enum command command, const char *name, size_t length, char letter)
{
	for (const struct flag *f = flags; f->name != NULL; f++)
		if ((f->commands & 1 << command) != 0 &&
		    (letter != 0 ? f->letter == letter
				 : strncmp(f->name, name, length) == 0 && f->name[length] == '\0'))
			return f;
	return NULL;
}

static bool
unknown_flag(struct parsing *p, const char *word)
{
	int length = (int)strcspn(word, "=");

	for (enum command c = COMMAND_TEST; c <= COMMAND_CHECK; c++)
		if (word[1] == '-' && find(c, word + 2, (size_t)length - 2, 0) != NULL)
			return flag_bad(p, "%.*s is a flag of `eddy %s` (see `eddy %s --help`)", length, word,
			    commands[c].name, commands[p->options->command].name);
	return flag_bad(p, "unknown flag %.*s (see `eddy %s --help`; flags of the node go behind --)", length, word,
	    commands[p->options->command].name);
}

/* Takes one flag and its value. Returns how many words that was, 0 on a fault. */
static int
take_flag(struct parsing *p, char *const words[], bool *wants_help)
{
	const char *word = words[0], *value = NULL;
	const struct flag *flag;
	int taken = 1;

	if (word[1] == '-') {
		size_t length = strcspn(word + 2, "=");

		flag = find(p->options->command, word + 2, length, 0);
		value = word[2 + length] == '=' ? word + 2 + length + 1 : NULL;
	} else {
		flag = find(p->options->command, NULL, 0, word[1]);
		value = word[2] != '\0' ? word + 2 + (word[2] == '=') : NULL;
	}
	if (flag == NULL)
		return unknown_flag(p, word), 0;
	if (flag->metavar == NULL && value != NULL)
		return flag_bad(p, "--%s takes no value", flag->name), 0;
	if (flag->metavar != NULL && value == NULL) {
		if ((value = words[1]) == NULL)
			return flag_bad(p, "--%s: %s is missing", flag->name, flag->metavar), 0;
		taken = 2;
	}
	*wants_help |= flag->letter == 'h';
	return flag->parse(p, flag, value) ? taken : 0;
}

/* Whether a word names a flag that says which runs there are, or what is left of them, and not what a run is. */
static bool
is_about_runs(const char *word)
{
	static const char *const names[] = {
	    "seed", "seeds", "swarm", "jobs", "failures", "time-budget", "store", "quiet", NULL};
	size_t length = strcspn(word + 2, "=");

	if (word[1] != '-')
		return word[1] == 'q';
	for (const char *const *name = names; *name != NULL; name++)
		if (strncmp(*name, word + 2, length) == 0 && (*name)[length] == '\0')
			return true;
	return false;
}

static bool
take_words(struct parsing *p, int argc, char *argv[], bool *wants_help)
{
	struct test_options *o = p->options;
	char **args = arena_zero(&o->arena, sizeof(*args) * (size_t)(argc + 1));
	const char **given = arena_zero(&o->arena, sizeof(*given) * (size_t)(argc + 1));
	int count = 0, kept = 0;

	o->args = args;
	o->given = given;
	for (int i = 0, taken; i < argc; i += taken) {
		taken = 1;
		if (strcmp(argv[i], "--") == 0) {
			while (++i < argc)
				args[count++] = argv[i];
			break;
		}
		if (argv[i][0] != '-' || argv[i][1] == '\0')
			args[count++] = argv[i];
		else if ((taken = take_flag(p, argv + i, wants_help)) == 0)
			return false;
		else
			for (int k = 0; k < taken && !is_about_runs(argv[i]); k++)
				given[kept++] = argv[i + k];
	}
	return true;
}

/* ---- what must fit together ----------------------------------------------------- */

/* UTF-8 without blanks and control characters of ASCII. */
static bool
is_printable(const char *name)
{
	const char *end = name + strlen(name);

	while (name < end) {
		bool ascii = (unsigned char)*name < 0x80;

		if (ascii ? !isgraph((unsigned char)*name++) : utf8_next(&name, end) == UTF8_REPLACEMENT)
			return false;
	}
	return true;
}

static bool
check_name(struct parsing *p, const char *name)
{
	if (!is_printable(name) || strpbrk(name, "/\"\\',") != NULL)
		return flag_bad(
		    p, "a node cannot be called '%s': only printable characters other than / \" \\ ' ,", name);
	if (net_service(name) != NULL)
		return flag_bad(p, "a node cannot be called '%s': that is a service", name);
	if (name[0] == '\0' || strlen(name) > 64)
		return flag_bad(p, "a node's name has 1 to 64 characters, unlike '%s'", name);
	if (name[0] == 'c' && isdigit((unsigned char)name[1]) && name[1 + strspn(name + 1, "0123456789")] == '\0')
		return flag_bad(p, "a node cannot be called '%s': that is a client", name);
	return true;
}

static void
name_nodes(struct parsing *p, struct names *all)
{
	const struct names *parts[] = {&p->file, &p->list, &p->hosts};

	if (p->node_count > 0) {
		for (int i = 0; i < (int)p->node_count; i++)
			names_add(p, all, arena_printf(&p->options->arena, "n%d", i));
		return;
	}
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < parts[i]->count; k++)
			names_add(p, all, parts[i]->items[k]);
	for (int i = 1; all->count < i && i <= 5; i++)
		names_add(p, all, arena_printf(&p->options->arena, "n%d", i));
}

static bool
settle_nodes(struct parsing *p)
{
	struct test_options *o = p->options;
	struct names all = {0};

	name_nodes(p, &all);
	if (all.count > NODES_MAX)
		return flag_bad(p, "more than %d nodes", NODES_MAX);
	for (int i = 0; i < all.count; i++) {
		if (!check_name(p, all.items[i]))
			return false;
		for (int k = 0; k < i; k++)
			if (strcmp(all.items[i], all.items[k]) == 0)
				return flag_bad(p, "two nodes are called '%s'", all.items[i]);
	}
	o->nodes = all.items;
	o->node_count = all.count;
	o->check.node_count = (size_t)all.count;
	return true;
}

static bool
settle_concurrency(struct parsing *p)
{
	const char *text = p->concurrency != NULL ? p->concurrency : "1n";
	long count = strtol(text, NULL, 10);

	if (strchr(text, 'n') != NULL)
		count *= p->options->node_count;
	if (count < 1 || count > CONCURRENCY_MAX)
		return flag_bad(p, "--concurrency: expected 1 to %d workers, not %ld", CONCURRENCY_MAX, count);
	p->options->concurrency = (int)count;
	return true;
}

/* A node that no worker asks proves nothing. */
static bool
settle_liveness(struct parsing *p)
{
	const struct test_options *o = p->options;

	return o->liveness_s <= 0 || o->concurrency >= o->node_count ||
	       flag_bad(p, "--liveness asks every node: it wants at least %d workers (--concurrency 1n), not %d",
		   o->node_count, o->concurrency);
}

static bool
settle_program(struct parsing *p)
{
	struct test_options *o = p->options;
	const char *slash;

	if (o->command == COMMAND_CHECK) {
		if (o->args[0] == NULL || o->args[1] != NULL)
			return flag_bad(p, "expected one history.edn to check");
		o->history = o->args[0];
		return true;
	}
	if (o->command == COMMAND_SIM)
		return o->program != NULL || flag_bad(p, "expected --node PROGRAM, what to run as a node");
	if (o->bin == NULL || o->bin[0] == '\0')
		return flag_bad(p, "expected --bin FILE, what to run as a node");
	slash = strrchr(o->bin, '/');
	o->program_name = slash != NULL ? slash + 1 : o->bin;
	return true;
}

static bool
settle(struct parsing *p)
{
	struct test_options *o = p->options;

	if (o->replay != NULL)
		return true; /* the rest is in there */
	if (o->workload == NULL)
		o->workload = workload_find("lin-kv"); /* Maelstrom's default */
	if (o->store != NULL && o->store[0] == '\0')
		return flag_bad(p, "--store: expected a directory");
	if (o->explore.wanted && (o->swarm || o->sweep))
		return flag_bad(p, "--explore searches one test: it goes with neither --swarm nor --seeds");
	return settle_program(p) && settle_nodes(p) && settle_concurrency(p) && settle_liveness(p);
}

enum parse
options_parse(struct test_options *o, enum command command, int argc, char *argv[], struct buffer *text)
{
	static const char *const models[] = {"strict-serializable", NULL};
	struct parsing p = {.options = o, .text = text};
	bool wants_help = false;

	*o = (struct test_options){
	    .command = command,
	    .rate = 5,
	    .time_limit_s = 60,
	    .recovery_s = 10,
	    .partitions = PARTITIONS_USUAL,
	    .nemesis_interval_s = 10,
	    .topology = TOPOLOGY_GRID,
	    .max_txn_length = 4,
	    .max_writes_per_key = 16,
	    .test_count = 1,
	    .seed = 1,
	    .minimise_s = 20,
	    .explore = {.ops = 6, .depth = 40, .states = 100000, .timers = 6},
	    .last_seed = 1,
	    .failures = 1,
	    .check.consistency_models = models,
	    .store = command == COMMAND_TEST ? "store" : NULL,
	};
	if (!take_words(&p, argc, argv, &wants_help) && !wants_help)
		return PARSE_BAD;
	if (wants_help) {
		text->length = 0;
		help(command, text);
		return PARSE_HELP;
	}
	return settle(&p) ? PARSE_OK : PARSE_BAD;
}

void
options_free(struct test_options *o)
{
	arena_free(&o->arena);
	*o = (struct test_options){0};
}
