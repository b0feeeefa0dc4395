/* A program's command line: its table of options, and three of the runtime's own. */
#include <assert.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define HELP_COLUMN 26 /* where the explanations begin */

/* What getopt_long(3) returns; a program's options follow. */
enum { OWN_HELP = 256, OWN_LOG_LEVEL, OWN_DATA_DIR, FIRST_OPTION };

static const char *const levels[] = {"error", "warn", "info", "debug", "trace"};
#define LEVELS (sizeof(levels) / sizeof(levels[0]))

static size_t
option_count(const struct program *program)
{
	size_t count = 0;

	while (program->options != NULL && program->options[count].name != NULL)
		count++;
	return count;
}

static void *
place(struct node *node, const struct option_spec *option)
{
	return (char *)node->state + option->offset;
}

/* ---- values ---------------------------------------------------------------- */

void
configure_defaults(struct node *node)
{
	for (size_t i = 0; i < option_count(node->program); i++) {
		const struct option_spec *option = &node->program->options[i];

		if (option->type == OPTION_INT)
			*(int64_t *)place(node, option) = option->initial;
		else if (option->type == OPTION_TEXT)
			*(const char **)place(node, option) = option->text;
	}
}

static const char *
keep_text(struct node *node, const char *text)
{
	node->texts = memory_resize(node->texts, node->text_count + 1, sizeof(*node->texts));
	return node->texts[node->text_count++] = memory_copy(text, strlen(text));
}

static enum configure
set_option(struct node *node, const struct option_spec *option, const char *value, struct buffer *text)
{
	const char *wrong;
	long long number;

	switch (option->type) {
	case OPTION_FLAG:
		*(bool *)place(node, option) = true;
		return CONFIGURE_OK;
	case OPTION_TEXT:
		*(const char **)place(node, option) = keep_text(node, value);
		return CONFIGURE_OK;
	case OPTION_INT:
		break;
	}
	number = strtonum(value, option->min, option->max, &wrong);
	if (wrong != NULL) {
		buffer_printf(text, "--%s %s: %s (%lld to %lld)", option->name, value, wrong, (long long)option->min,
		    (long long)option->max);
		return CONFIGURE_BAD;
	}
	*(int64_t *)place(node, option) = number;
	return CONFIGURE_OK;
}

static enum configure
set_log_level(struct node *node, const char *value, struct buffer *text)
{
	for (size_t i = 0; i < LEVELS; i++) {
		if (strcmp(levels[i], value) == 0) {
			node->log_level = (enum log_level)i;
			return CONFIGURE_OK;
		}
	}
	buffer_printf(text, "--log-level %s: not one of error, warn, info, debug, trace", value);
	return CONFIGURE_BAD;
}

static enum configure
set_data_dir(struct node *node, const char *value, struct buffer *text)
{
	if (value[0] == '\0' || node->host->load == NULL) {
		buffer_printf(text, "--data-dir %s: %s", value, value[0] == '\0' ? "no directory" : "no disk here");
		return CONFIGURE_BAD;
	}
	node->storage.dir = keep_text(node, value);
	return CONFIGURE_OK;
}

/* ---- help ------------------------------------------------------------------ */

static void
help_line(struct buffer *text, const char *name, const char *argument, const char *help)
{
	size_t start = text->length;

	buffer_printf(text, "  --%s %s", name, argument);
	do
		buffer_append_char(text, ' ');
	while (text->length - start < HELP_COLUMN);
	buffer_append_string(text, help);
}

static void
help_option(struct buffer *text, const struct option_spec *option)
{
	static const char *const arguments[] = {[OPTION_INT] = "N", [OPTION_FLAG] = "", [OPTION_TEXT] = "TEXT"};

	help_line(text, option->name, arguments[option->type], option->help != NULL ? option->help : "");
	if (option->type == OPTION_INT)
		buffer_printf(text, " (%lld to %lld, default %lld)", (long long)option->min, (long long)option->max,
		    (long long)option->initial);
	else if (option->type == OPTION_TEXT && option->text != NULL)
		buffer_printf(text, " (default %s)", option->text);
	buffer_append_char(text, '\n');
}

static enum configure
help(const struct program *program, struct buffer *text)
{
	buffer_printf(text, "usage: %s [options]\n", program->name);
	if (program->summary != NULL)
		buffer_printf(text, "%s\n", program->summary);
	buffer_append_string(text, "\nA node for Maelstrom or eddy: messages on stdin and stdout, logs on stderr.\n\n");
	for (size_t i = 0; i < option_count(program); i++)
		help_option(text, &program->options[i]);
	help_line(text, "data-dir", "DIR", "keep what must outlive this process in a file there (default: nowhere)\n");
	help_line(text, "log-level", "LEVEL", "error, warn, info, debug or trace (default info)\n");
	help_line(text, "help", "", "show this\n");
	return CONFIGURE_HELP;
}

/* ---- parsing --------------------------------------------------------------- */

static struct option *
make_table(const struct program *program)
{
	size_t count = option_count(program);
	struct option *table = memory_zero((count + 4) * sizeof(*table));

	table[0] = (struct option){"help", no_argument, NULL, OWN_HELP};
	table[1] = (struct option){"log-level", required_argument, NULL, OWN_LOG_LEVEL};
	table[2] = (struct option){"data-dir", required_argument, NULL, OWN_DATA_DIR};
	for (size_t i = 0; i < count; i++) {
		const struct option_spec *option = &program->options[i];
		int argument = option->type == OPTION_FLAG ? no_argument : required_argument;

		table[3 + i] = (struct option){option->name, argument, NULL, FIRST_OPTION + (int)i};
	}
	return table;
}

static enum configure
apply(struct node *node, int found, const char *word, struct buffer *text)
{
	switch (found) {
	case OWN_HELP:
		return help(node->program, text);
	case OWN_LOG_LEVEL:
		return set_log_level(node, optarg, text);
	case OWN_DATA_DIR:
		return set_data_dir(node, optarg, text);
	case ':':
		buffer_printf(text, "%s: needs a value", word);
		return CONFIGURE_BAD;
	case '?':
		buffer_printf(text, "%s: %s", word, optopt >= OWN_HELP ? "takes no value" : "unknown option");
		return CONFIGURE_BAD;
	default:
		return set_option(node, &node->program->options[found - FIRST_OPTION], optarg, text);
	}
}

static enum configure
parse(struct node *node, int argc, char *const argv[], const struct option *table, struct buffer *text)
{
	enum configure result = CONFIGURE_OK;
	int found, at = 1;

	optind = 0; /* glibc's way to begin anew */
	opterr = 0;
	while (result == CONFIGURE_OK && (found = getopt_long(argc, argv, "+:", table, NULL)) != -1) {
		result = apply(node, found, argv[at], text);
		at = optind;
	}
	if (result == CONFIGURE_OK && optind < argc) {
		buffer_printf(text, "%s: not an option", argv[optind]);
		result = CONFIGURE_BAD;
	}
	return result;
}

enum configure
node_configure(struct node *node, int argc, char *const argv[], struct buffer *text)
{
	struct option *table = make_table(node->program);
	enum configure result = parse(node, argc, argv, table, text);

	free(table);
	return result;
}

void
configure_free(struct node *node)
{
	for (size_t i = 0; i < node->text_count; i++)
		free(node->texts[i]);
	free(node->texts);
}
