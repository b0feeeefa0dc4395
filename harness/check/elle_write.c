/*
 * Cycles for people, below the directory of the run: elle/G0.txt says of each
 * one why it is one, elle/G0.dot shows them as graphs (and elle/G0.svg, where
 * Graphviz is installed). A file that cannot be written is warned of and left
 * out: the verdict does not depend on it.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "elle_internal.h"

#define CYCLES_SHOWN_MAX 16 /* of one anomaly in a file */
#define NAME_MAX_BYTES   24 /* of a transaction, T1, T2, ... */
#define DOT_WAIT_MS      5000
#define DOT_POLL_MS      10

/* ---- in words ------------------------------------------------------------------------------ */

static void
name_txn(char name[NAME_MAX_BYTES], size_t i, size_t count)
{
	snprintf(name, NAME_MAX_BYTES, "T%zu", i % count + 1);
}

static double
seconds_between(const struct value *from, const struct value *to)
{
	return (double)(value_get(to, "time")->integer - value_get(from, "time")->integer) / 1e9;
}

static const struct value *
map_of(const struct value *op)
{
	return op->type == VALUE_TAGGED ? op->items[0] : op;
}

static void
render_step(const struct elle *elle, struct buffer *text, const struct value *step, const char *from, const char *to)
{
	const struct value *type = value_get(step, "type"), *a, *b;

	if (value_is_keyword(type, "process")) {
		buffer_printf(text, "process ");
		edn_write(text, value_get(step, "process"));
		buffer_printf(text, " completed %s before it invoked %s", from, to);
	} else if (value_is_keyword(type, "realtime")) {
		a = map_of(value_get(step, "a'"));
		b = map_of(value_get(step, "b"));
		buffer_printf(text, "%s completed at index %lld, %.3f s before %s was invoked at index %lld", from,
		    (long long)value_get(a, "index")->integer, seconds_between(a, b), to,
		    (long long)value_get(b, "index")->integer);
	} else {
		elle->workload->render(text, step, from, to);
	}
}

static void
write_words(const struct elle *elle, struct buffer *text, const struct value *cycle)
{
	const struct value *txns = value_get(cycle, "cycle"), *steps = value_get(cycle, "steps");
	char from[NAME_MAX_BYTES], to[NAME_MAX_BYTES];
	size_t i;

	buffer_append_string(text, "Let:\n");
	for (i = 0; i < steps->count; i++) {
		name_txn(from, i, steps->count);
		buffer_printf(text, "  %s = ", from);
		edn_write(text, map_of(txns->items[i]));
		buffer_append_char(text, '\n');
	}
	buffer_append_string(text, "\nThen:\n");
	for (i = 0; i < steps->count; i++) {
		name_txn(from, i, steps->count);
		name_txn(to, i + 1, steps->count);
		buffer_printf(text, "  - %s%s < %s, because ", i + 1 == steps->count ? "However, " : "", from, to);
		render_step(elle, text, steps->items[i], from, to);
		buffer_append_string(text, i + 1 == steps->count ? ": a contradiction!\n\n\n" : ".\n");
	}
}

/* ---- as graphs ------------------------------------------------------------------------------- */

static const struct {
	const char *type, *color;
} colors[] = {
    {"ww", "#c02700"},
    {"wr", "#c000a5"},
    {"rw", "#5b00c0"},
    {"process", "#00a0a0"},
    {"realtime", "#0050c0"},
};

static const char *
color_of(const struct value *type)
{
	for (size_t i = 0; i < sizeof(colors) / sizeof(colors[0]); i++)
		if (value_is_keyword(type, colors[i].type))
			return colors[i].color;
	return "black";
}

/* As text of a field of a record in quotation marks. */
static void
write_field(struct buffer *dot, const struct value *mop)
{
	struct buffer text = {0};
	size_t i;

	for (i = 0; i < mop->count; i++) {
		if (i > 0)
			buffer_append_char(&text, ' ');
		edn_write(&text, mop->items[i]);
	}
	for (i = 0; i < text.length; i++) {
		if (strchr("\\{}|<>\" ", text.bytes[i]) != NULL)
			buffer_append_char(dot, '\\');
		buffer_append_char(dot, text.bytes[i]);
	}
	buffer_free(&text);
}

static void
write_node(struct buffer *dot, size_t number, size_t i, const struct value *op)
{
	const struct value *mops = value_get(map_of(op), "value");

	buffer_printf(dot, "\t\tc%zut%zu [label=\"T%zu", number, i, i + 1);
	for (size_t m = 0; mops->type != VALUE_NIL && m < mops->count; m++) {
		buffer_printf(dot, "|<m%zu> ", m);
		write_field(dot, mops->items[m]);
	}
	buffer_append_string(dot, "\"];\n");
}

static void
write_end(struct buffer *dot, size_t number, size_t i, const struct value *mop)
{
	buffer_printf(dot, "c%zut%zu", number, i);
	if (mop != NULL && mop->type == VALUE_INT && mop->integer >= 0)
		buffer_printf(dot, ":m%lld", (long long)mop->integer);
}

static void
write_cluster(struct buffer *dot, size_t number, const struct value *cycle)
{
	const struct value *txns = value_get(cycle, "cycle"), *steps = value_get(cycle, "steps"), *step, *type;
	size_t i;

	buffer_printf(dot, "\tsubgraph cluster_%zu {\n\t\tlabel=\"%zu\";\n", number, number);
	for (i = 0; i < steps->count; i++)
		write_node(dot, number, i, txns->items[i]);
	for (i = 0; i < steps->count; i++) {
		step = steps->items[i];
		type = value_get(step, "type");
		buffer_append_string(dot, "\t\t");
		write_end(dot, number, i, value_get(step, "a-mop-index"));
		buffer_append_string(dot, " -> ");
		write_end(dot, number, (i + 1) % steps->count, value_get(step, "b-mop-index"));
		buffer_printf(dot, " [label=\"%s\", color=\"%s\", fontcolor=\"%s\"];\n", type->text, color_of(type),
		    color_of(type));
	}
	buffer_append_string(dot, "\t}\n");
}

/* ---- files -------------------------------------------------------------------------------------- */

static bool
write_file(const char *path, const struct buffer *text)
{
	FILE *file = fopen(path, "w");
	bool good = file != NULL && fwrite(text->bytes, 1, text->length, file) == text->length;

	if (file != NULL && fclose(file) == EOF)
		good = false;
	if (!good)
		warn("%s", path);
	return good;
}

/* Waits for Graphviz, but not for long. */
static void
await(pid_t pid)
{
	const struct timespec pause = {.tv_nsec = DOT_POLL_MS * 1000000L};
	int waited;

	for (waited = 0; waited < DOT_WAIT_MS; waited += DOT_POLL_MS) {
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return;
		nanosleep(&pause, NULL);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void
draw(const char *source, const char *picture)
{
	pid_t pid = fork();
	int null;

	if (pid > 0)
		await(pid);
	if (pid != 0)
		return;
	null = open("/dev/null", O_RDWR);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	execlp("dot", "dot", "-Tsvg", "-o", picture, source, (char *)NULL);
	_exit(127);
}

static void
write_anomaly(const struct elle *elle, const char *directory, enum anomaly anomaly)
{
	const char *base = arena_printf(elle->arena, "%s/%s", directory, anomaly_name(anomaly));
	const char *source = arena_printf(elle->arena, "%s.dot", base);
	const struct value *cycles = elle->anomalies[anomaly];
	struct buffer text = {0}, dot = {0};

	buffer_printf(&dot, "digraph \"%s\" {\n\tnode [shape=record];\n", anomaly_name(anomaly));
	for (size_t i = 0; i < cycles->count && i < CYCLES_SHOWN_MAX; i++) {
		buffer_printf(&text, "%s #%zu\n", anomaly_name(anomaly), i + 1);
		write_words(elle, &text, cycles->items[i]);
		write_cluster(&dot, i + 1, cycles->items[i]);
	}
	if (cycles->count > CYCLES_SHOWN_MAX)
		buffer_printf(&text, "And %zu more.\n", cycles->count - CYCLES_SHOWN_MAX);
	buffer_append_string(&dot, "}\n");
	if (write_file(arena_printf(elle->arena, "%s.txt", base), &text) && write_file(source, &dot))
		draw(source, arena_printf(elle->arena, "%s.svg", base));
	buffer_free(&text);
	buffer_free(&dot);
}

static bool
is_cycle(const struct value *occurrences)
{
	return occurrences != NULL && occurrences->count > 0 && occurrences->items[0]->type == VALUE_MAP &&
	       value_get(occurrences->items[0], "cycle") != NULL;
}

void
elle_write_files(const struct elle *elle)
{
	const char *directory = arena_printf(elle->arena, "%s/elle", elle->directory);
	bool made = false;

	for (int a = 0; a < ANOMALY_COUNT; a++) {
		if (!elle_is_reportable(elle, a) || !is_cycle(elle->anomalies[a]))
			continue;
		if (!made && mkdir(directory, 0777) == -1 && errno != EEXIST) {
			warn("%s", directory);
			return;
		}
		made = true;
		write_anomaly(elle, directory, a);
	}
}
