/*
 * Any command line of eddy: it is taken, or refused in one line; and what a
 * simulation's options print as its replay must parse to the same again. An
 * input is one line a word; the first byte chooses the command.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

#define WORDS_MAX 64

/* Ends the fuzzer's run, in any build. */
#define check(truth) ((truth) ? (void)0 : abort())

/* ---- words ------------------------------------------------------------------------ */

static int
split_lines(char *text, char *words[])
{
	int count = 0;

	for (char *end; text != NULL && count < WORDS_MAX; text = end == NULL ? NULL : end + 1) {
		if ((end = strchr(text, '\n')) != NULL)
			*end = '\0';
		words[count++] = text;
	}
	words[count] = NULL;
	return count;
}

/* Takes a line apart as a shell does: blanks, single quotes, and a quoted quote. In place. */
static int
split_shell(char *line, char *words[])
{
	int count = 0;
	char *out = line;

	while (*line != '\0' && count < WORDS_MAX * 2) {
		words[count++] = out;
		for (; *line != '\0' && *line != ' '; line++) {
			if (*line == '\\') {
				*out++ = *++line;
			} else if (*line == '\'') {
				while (*++line != '\'')
					*out++ = *line;
			} else {
				*out++ = *line;
			}
		}
		line += *line == ' ';
		*out++ = '\0';
	}
	words[count] = NULL;
	return count;
}

/* ---- the target ---------------------------------------------------------------------- */

static void
replay(const struct test_options *options)
{
	struct buffer first = {0}, second = {0}, text = {0}, copy = {0};
	char *words[WORDS_MAX * 2 + 1];
	struct test_options again;
	int count;

	options_replay(options, options->seed, &first);
	buffer_append(&copy, buffer_string(&first), first.length + 1);
	count = split_shell(copy.bytes, words);
	check(count > 1 && strcmp(words[0], "sim") == 0);
	check(options_parse(&again, COMMAND_SIM, count - 1, words + 1, &text) == PARSE_OK);
	options_replay(&again, again.seed, &second);
	check(strcmp(buffer_string(&first), buffer_string(&second)) == 0);
	check(again.concurrency == options->concurrency && again.node_count == options->node_count);
	options_free(&again);
	buffer_free(&first);
	buffer_free(&second);
	buffer_free(&text);
	buffer_free(&copy);
}

/* Words that are printed in a complaint may hold anything but a newline. */
static void
parse(enum command command, int count, char *words[])
{
	struct test_options options;
	struct buffer text = {0};

	switch (options_parse(&options, command, count, words, &text)) {
	case PARSE_OK:
		check(options.workload != NULL && options.node_count > 0 && options.concurrency > 0);
		if (command == COMMAND_SIM)
			replay(&options);
		break;
	case PARSE_BAD:
		check(text.length > 0 && memchr(text.bytes, '\n', text.length) == NULL);
		break;
	case PARSE_HELP:
		check(text.length > 0);
	}
	options_free(&options);
	buffer_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *words[WORDS_MAX + 1], *text;
	int count;

	if (size == 0 || size > 2000 || memchr(data, '\0', size) != NULL)
		return 0;
	text = malloc(size);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (strstr(text, "nodes-file") == NULL) { /* it would open whatever it is told to */
		count = split_lines(text, words);
		parse((enum command)(data[0] % 3), count, words);
	}
	free(text);
	return 0;
}
