/* The keys of results that say what went wrong, checker by checker. */
#include "finding.h"

#include <stdio.h>
#include <string.h>

/* Of the workload's results: not empty, not zero and not false means an anomaly of that name. The gravest first. */
static const struct {
	const char *key, *name;
} anomalies[] = {
    {"lost-count", "lost"},
    {"duplicated-count", "duplicated"},
    {"stale-count", "stale"},
    {"failures", "failures"},
    {"errors", "errors"},
    {"error", "error"},
};

/* Lists of names of anomalies. */
static const char *const lists[] = {"anomaly-types", "bad-error-types"};

/* Other parts that decide. */
static const char *const parts[] = {"protocol", "availability", "liveness"};

static void
add(char finding[FINDING_MAX], const char *section, const char *name)
{
	size_t length = strlen(finding);

	if (length + strlen(section) + strlen(name) + 3 > FINDING_MAX)
		return;
	snprintf(finding + length, FINDING_MAX - length, "%s%s%s%s", length > 0 ? " " : "", section,
	    name[0] != '\0' ? ":" : "", name);
}

static bool
is_something(const struct value *value)
{
	if (value == NULL)
		return false;
	switch (value->type) {
	case VALUE_NIL:
		return false;
	case VALUE_BOOL:
		return value->boolean;
	case VALUE_INT:
		return value->integer != 0;
	case VALUE_LIST:
	case VALUE_VECTOR:
	case VALUE_SET:
	case VALUE_MAP:
		return value->count > 0;
	default:
		return true;
	}
}

static void
add_workload(char finding[FINDING_MAX], const struct value *result)
{
	size_t before = strlen(finding);

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const struct value *list = value_get(result, lists[i]);

		for (size_t k = 0; is_something(list) && k < list->count; k++)
			if (list->items[k]->type == VALUE_KEYWORD)
				add(finding, "workload", list->items[k]->text);
	}
	for (size_t i = 0; strlen(finding) == before && i < sizeof(anomalies) / sizeof(anomalies[0]); i++)
		if (is_something(value_get(result, anomalies[i].key)))
			add(finding, "workload", anomalies[i].name);
	if (strlen(finding) == before)
		add(finding, "workload", "");
}

static bool
is_invalid(const struct value *part)
{
	return part != NULL && verdict_of(part) == VERDICT_INVALID;
}

static bool
is_only(const struct value *list, const char *name)
{
	return list != NULL && list->count == 1 && value_is_keyword(list->items[0], name);
}

bool
finding_is_lack(const struct value *results)
{
	const struct value *workload = value_get(results, "workload");

	for (size_t i = 0; workload != NULL && i < sizeof(lists) / sizeof(lists[0]); i++)
		if (is_only(value_get(workload, lists[i]), "empty-transaction-graph"))
			return true;
	return false;
}

void
finding_of_run(char finding[FINDING_MAX], const struct run *run)
{
	finding[0] = '\0';
	if (run->crashed)
		add(finding, "crash", "");
	if (run->results == NULL)
		return;
	if (is_invalid(value_get(run->results, "workload")) && !finding_is_lack(run->results))
		add_workload(finding, value_get(run->results, "workload"));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (is_invalid(value_get(run->results, parts[i])))
			add(finding, parts[i], "");
}

void
finding_of_signal(char finding[FINDING_MAX], int number)
{
	snprintf(finding, FINDING_MAX, "signal:%d", number);
}

/* Whether a word, up to a blank, is one of those in `words`. */
static bool
has_word(const char *words, const char *word)
{
	size_t length = strcspn(word, " ");

	while (*words != '\0') {
		size_t other = strcspn(words, " ");

		if (other == length && memcmp(words, word, length) == 0)
			return true;
		words += other + (words[other] == ' ');
	}
	return false;
}

bool
finding_is_same(const char *finding, const char *other)
{
	if (finding[0] == '\0' || !has_word(other, finding))
		return false;
	for (const char *word = other; *word != '\0'; word += *word == ' ') {
		if (!has_word(finding, word))
			return false;
		word += strcspn(word, " ");
	}
	return true;
}
