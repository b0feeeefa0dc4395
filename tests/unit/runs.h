/* What tests of whole runs share: a directory of their own, command lines, output kept in a file. */
#ifndef RUNS_H
#define RUNS_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#undef run_test /* cmocka's, in the way of eddy's */

#include "run.h"
#include "scenario.h"
#include "workload.h"

static char directory[64];

static inline int
make_directory(void **state)
{
	(void)state;
	strlcpy(directory, "/tmp/test_run.XXXXXX", sizeof(directory));
	return mkdtemp(directory) == NULL;
}

static inline int
remove_directory(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command);
}

struct line {
	struct test_options options;
	char *words[40];
	char copy[1024];
};

static inline void
parse(struct line *line, enum command command, const char *text)
{
	struct buffer complaint = {0};
	int count = 0;

	memset(line, 0, sizeof(*line));
	strlcpy(line->copy, text, sizeof(line->copy));
	for (char *word = strtok(line->copy, " "); word != NULL; word = strtok(NULL, " "))
		line->words[count++] = word;
	if (options_parse(&line->options, command, count, line->words, &complaint) != PARSE_OK)
		fail_msg("'%s': %s", text, buffer_string(&complaint));
	buffer_free(&complaint);
}

static inline void
simulate(struct run *run, const char *text)
{
	struct line line;

	parse(&line, COMMAND_SIM, text);
	run_test(run, &line.options);
	options_free(&line.options);
}

static inline void
assert_says(struct run *run, const char *expected)
{
	if (strstr(buffer_string(&run->report), expected) == NULL)
		fail_msg("'%s' does not say '%s'", run->report.bytes, expected);
}

static inline const struct value *
result(const struct run *run, const char *checker, const char *key)
{
	return value_get(value_get(run->results, checker), key);
}

/* From here to kept() a stream goes into a file. */
static inline int
keep(FILE *stream)
{
	char path[128];
	int saved = dup(fileno(stream));

	snprintf(path, sizeof(path), "%s/output", directory);
	fflush(stream);
	assert_non_null(freopen(path, "w", stream));
	return saved;
}

static inline void
kept(FILE *stream, int saved, char *text, size_t size)
{
	char path[128];
	FILE *file;
	size_t length;

	fflush(stream);
	dup2(saved, fileno(stream));
	close(saved);
	snprintf(path, sizeof(path), "%s/output", directory);
	file = fopen(path, "r");
	assert_non_null(file);
	length = fread(text, 1, size - 1, file);
	text[length] = '\0';
	fclose(file);
}

/* Runs a scenario of that text, with other flags before its own; what it prints on `stream` goes into `output`. Returns
 * its exit status. */
static inline int
run_text(const char *text, char *const *extra, FILE *stream, char *output, size_t size)
{
	char path[128];
	FILE *file;
	int saved, status;

	snprintf(path, sizeof(path), "%s/scenario", directory);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	saved = keep(stream);
	status = run_scenario(path, extra);
	kept(stream, saved, output, size);
	return status;
}

/* Runs a sweep, of another program if one is given; what it prints goes into `output`. Returns its exit status. */
static inline int
sweep(const char *text, const struct program *program, char *output, size_t size)
{
	struct line line;
	int status, saved;

	parse(&line, COMMAND_SIM, text);
	if (program != NULL)
		line.options.program = program;
	saved = keep(stdout);
	status = run_sweep(&line.options);
	kept(stdout, saved, output, size);
	options_free(&line.options);
	return status;
}

static inline void
assert_shows(const char *output, const char *expected)
{
	if (strstr(output, expected) == NULL)
		fail_msg("'%s' does not show '%s'", output, expected);
}

#endif
