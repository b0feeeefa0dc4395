/* Reads the table of cases and compares runs with it: pure functions of text, so that no run is needed to test them. */
#include "casefile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CASE_WORDS_MAX 128

static const char *const outcome_names[] = {
    [OUTCOME_VALID] = "valid",
    [OUTCOME_INVALID] = "invalid",
    [OUTCOME_UNKNOWN] = "unknown",
    [OUTCOME_CRASH] = "crash",
    [OUTCOME_FAILED] = "failed",
};

static const char *const relation_signs[] = {
    [RELATION_LT] = "<",
    [RELATION_LE] = "<=",
    [RELATION_GT] = ">",
    [RELATION_GE] = ">=",
    [RELATION_EQ] = "=",
};

/* Flags that stand alone; all others take a value. */
static const char *const lone_flags[] = {
    "--log-stderr", "--log-net-send", "--log-net-recv", "--sequential-keys", "--linearizable-keys", NULL};

enum outcome
outcome_of_status(int exit_status)
{
	switch (exit_status) {
	case 0:
		return OUTCOME_VALID;
	case 1:
		return OUTCOME_INVALID;
	case 2:
		return OUTCOME_UNKNOWN;
	case 255:
		return OUTCOME_CRASH;
	default:
		return OUTCOME_FAILED;
	}
}

const char *
outcome_name(enum outcome outcome)
{
	return outcome_names[outcome];
}

/* ---- reading ------------------------------------------------------------- */

static bool
listed(const char *const *list, const char *word)
{
	for (; *list != NULL; list++) {
		if (strcmp(*list, word) == 0)
			return true;
	}
	return false;
}

static bool
parse_outcome(const char *word, enum outcome *outcome)
{
	for (int i = OUTCOME_VALID; i <= OUTCOME_CRASH; i++) {
		if (strcmp(word, outcome_names[i]) == 0) {
			*outcome = (enum outcome)i;
			return true;
		}
	}
	return false;
}

static bool
parse_figure(struct arena *arena, const char *word, struct figure *figure)
{
	size_t name = strcspn(word, "<>="), sign = strspn(word + name, "<>=");
	const char *number = word + name + sign;
	char *end;

	if (name == 0 || *number == '\0')
		return false;
	figure->text = word;
	figure->name = arena_copy(arena, word, name);
	errno = 0;
	figure->bound = strtod(number, &end);
	if (*end != '\0' || errno != 0)
		return false;
	for (size_t i = 0; i < sizeof relation_signs / sizeof *relation_signs; i++) {
		if (strlen(relation_signs[i]) == sign && memcmp(relation_signs[i], word + name, sign) == 0) {
			figure->relation = (enum relation)i;
			return true;
		}
	}
	return false;
}

/* The lists of a case while it is read: none is longer than the line has words. */
struct lists {
	size_t flags, node_args, anomalies;
};

static struct test_case *
case_new(struct arena *arena, const char *workload, const char *node, size_t words)
{
	struct test_case *c = arena_zero(arena, sizeof *c);

	c->workload = workload;
	c->node = node;
	c->flags = arena_zero(arena, (words + 1) * sizeof *c->flags);
	c->node_args = arena_zero(arena, (words + 1) * sizeof *c->node_args);
	c->anomalies = arena_zero(arena, (words + 1) * sizeof *c->anomalies);
	c->figures = arena_zero(arena, (words + 1) * sizeof *c->figures);
	return c;
}

/* Takes the words at `*words`, as many as belong together. */
static bool
take_words(struct arena *arena, struct test_case *c, struct lists *lists, char *const **words, struct buffer *error)
{
	char *word = *(*words)++;

	if (strcmp(word, "--") == 0) {
		while (**words != NULL)
			c->node_args[lists->node_args++] = *(*words)++;
	} else if (word[0] == '-') {
		c->flags[lists->flags++] = word;
		if (strchr(word, '=') != NULL || listed(lone_flags, word))
			return true;
		if (**words == NULL) {
			buffer_printf(error, "%s wants a value", word);
			return false;
		}
		c->flags[lists->flags++] = *(*words)++;
	} else if (strpbrk(word, "<>=") == NULL) {
		c->anomalies[lists->anomalies++] = word;
	} else if (!parse_figure(arena, word, &c->figures[c->figure_count++])) {
		buffer_printf(error, "not a figure: %s", word);
		return false;
	}
	return true;
}

struct test_case *
case_parse(struct arena *arena, const char *workload, char *const *words, struct buffer *error)
{
	struct lists lists = {0};
	struct test_case *c;
	size_t count = 0;

	while (words[count] != NULL)
		count++;
	if (count < 2) {
		buffer_append_string(error, "a case wants a node and a verdict");
		return NULL;
	}
	c = case_new(arena, workload, words[0], count);
	if (!parse_outcome(words[1], &c->expected)) {
		buffer_printf(error, "not a verdict (valid, invalid, unknown, crash): %s", words[1]);
		return NULL;
	}
	for (words += 2; *words != NULL;) {
		if (!take_words(arena, c, &lists, &words, error))
			return NULL;
	}
	return c;
}

/* Returns how many words there are, at most CASE_WORDS_MAX + 1. */
static size_t
split(char *line, char *words[CASE_WORDS_MAX + 1])
{
	char *save, *word;
	size_t count = 0;

	for (word = strtok_r(line, " \t\r\n", &save); word != NULL; word = strtok_r(NULL, " \t\r\n", &save)) {
		if (*word == '#')
			break;
		if (count == CASE_WORDS_MAX)
			return CASE_WORDS_MAX + 1;
		words[count++] = word;
	}
	words[count] = NULL;
	return count;
}

static bool
read_line(struct arena *arena, const char *text, const char *workload, struct case_list *list, struct buffer *error)
{
	char *words[CASE_WORDS_MAX + 1];
	size_t count = split(arena_copy(arena, text, strlen(text)), words);
	struct test_case *c;

	if (count == 0)
		return true;
	if (count > CASE_WORDS_MAX) {
		buffer_printf(error, "more than %d words", CASE_WORDS_MAX);
		return false;
	}
	if ((c = case_parse(arena, workload, words, error)) == NULL)
		return false;
	STAILQ_INSERT_TAIL(list, c, link);
	return true;
}

bool
casefile_read(struct arena *arena, const char *path, const char *workload, struct case_list *list, struct buffer *error)
{
	FILE *file = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;
	bool fine = true;

	if (file == NULL) {
		buffer_printf(error, "%s: %s", path, strerror(errno));
		return false;
	}
	for (int line = 1; fine && getline(&text, &size, file) != -1; line++) {
		struct buffer why = {0};

		fine = read_line(arena, text, workload, list, &why);
		if (!fine)
			buffer_printf(error, "%s:%d: %s", path, line, buffer_string(&why));
		buffer_free(&why);
	}
	free(text);
	fclose(file);
	return fine;
}

/* ---- asking -------------------------------------------------------------- */

bool
case_is_broken(const struct test_case *c)
{
	return strncmp(c->node, "broken:", 7) == 0;
}

const char *
case_flag(const struct test_case *c, const char *name)
{
	size_t length = strlen(name);
	const char *found = NULL;

	for (char *const *flag = c->flags; *flag != NULL; flag++) {
		if (strncmp(*flag, name, length) != 0)
			continue;
		if ((*flag)[length] == '=')
			found = *flag + length + 1;
		else if ((*flag)[length] == '\0' && flag[1] != NULL)
			found = flag[1];
	}
	return found;
}

double
case_number(const struct test_case *c, const char *flag, double otherwise)
{
	const char *text = case_flag(c, flag);

	return text == NULL ? otherwise : strtod(text, NULL);
}

/* ---- judging ------------------------------------------------------------- */

static bool
to_number(const struct value *value, double *number)
{
	if (value == NULL)
		return false;
	switch (value->type) {
	case VALUE_INT:
		*number = (double)value->integer;
		return true;
	case VALUE_REAL:
	case VALUE_FLOAT:
		*number = value->real;
		return true;
	default:
		return false;
	}
}

/* "servers.msgs-per-op" from `map`. */
static const struct value *
follow(const struct value *map, const char *path)
{
	char name[64];

	while (map != NULL && *path != '\0') {
		size_t length = strcspn(path, ".");

		if (map->type != VALUE_MAP || length >= sizeof name)
			return NULL;
		memcpy(name, path, length);
		name[length] = '\0';
		map = value_get(map, name);
		path += length + (path[length] == '.');
	}
	return map;
}

/* stable.p95 and stable.max are quantiles under :workload :stable-latencies, whose keys are numbers. */
static bool
stable_latency(const struct value *results, const char *name, double *number)
{
	const struct value *map = follow(results, "workload.stable-latencies");
	double wanted = strcmp(name, "max") == 0 ? 1 : *name == 'p' ? strtod(name + 1, NULL) / 100 : -1, key;

	if (map == NULL || map->type != VALUE_MAP)
		return false;
	for (size_t i = 0; i + 1 < map->count; i += 2) {
		if (to_number(map->items[i], &key) && key == wanted)
			return to_number(map->items[i + 1], number);
	}
	return false;
}

bool
results_number(const struct value *results, const char *name, double *number)
{
	static const char *const sections[] = {"workload", "net", "availability", "stats"};

	if (strncmp(name, "stable.", 7) == 0)
		return stable_latency(results, name + 7, number);
	for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
		if (to_number(follow(follow(results, sections[i]), name), number))
			return true;
	}
	return to_number(follow(results, name), number);
}

static bool
is_anomaly(const struct value *value)
{
	const struct value *valid;
	double number;

	if (value == NULL)
		return false;
	if (to_number(value, &number))
		return number > 0;
	switch (value->type) {
	case VALUE_BOOL:
		return value->boolean;
	case VALUE_MAP:
		valid = value_get(value, "valid?");
		return valid == NULL ? value->count > 0 : !(valid->type == VALUE_BOOL && valid->boolean);
	case VALUE_LIST:
	case VALUE_VECTOR:
	case VALUE_SET:
		return value->count > 0;
	default:
		return false;
	}
}

bool
results_anomaly(const struct value *results, const char *word)
{
	const struct value *workload = follow(results, "workload");
	char counted[64];

	snprintf(counted, sizeof counted, "%s-count", word);
	return is_anomaly(follow(workload, word)) || is_anomaly(follow(workload, counted)) ||
	       is_anomaly(follow(follow(workload, "anomalies"), word)) || is_anomaly(follow(results, word));
}

static bool
holds(double number, enum relation relation, double bound)
{
	switch (relation) {
	case RELATION_LT:
		return number < bound;
	case RELATION_LE:
		return number <= bound;
	case RELATION_GT:
		return number > bound;
	case RELATION_GE:
		return number >= bound;
	default:
		return number == bound;
	}
}

static bool
judge_figure(const struct figure *figure, const struct value *results, struct buffer *why)
{
	double number;

	if (!results_number(results, figure->name, &number)) {
		buffer_printf(why, "the results have no %s", figure->name);
		return false;
	}
	if (holds(number, figure->relation, figure->bound))
		return true;
	buffer_printf(why, "%s is %g, expected %s", figure->name, number, figure->text);
	return false;
}

bool
case_judge(const struct test_case *c, enum outcome outcome, const struct value *results, int what, struct buffer *why)
{
	if (outcome != c->expected) {
		buffer_printf(why, "%s, expected %s", outcome_name(outcome), outcome_name(c->expected));
		return false;
	}
	if (outcome == OUTCOME_CRASH)
		return true;
	if (results == NULL) {
		buffer_append_string(why, "left no results");
		return false;
	}
	for (char **word = c->anomalies; (what & JUDGE_ANOMALIES) && *word != NULL; word++) {
		if (!results_anomaly(results, *word)) {
			buffer_printf(why, "%s, but not for :%s", outcome_name(outcome), *word);
			return false;
		}
	}
	for (size_t i = 0; (what & JUDGE_FIGURES) && i < c->figure_count; i++) {
		if (strncmp(c->figures[i].name, "stable.", 7) == 0 && !(what & JUDGE_LATENCIES))
			continue;
		if (!judge_figure(&c->figures[i], results, why))
			return false;
	}
	return true;
}
