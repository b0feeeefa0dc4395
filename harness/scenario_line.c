/* A line of a scenario, word by word. */
#include <string.h>

#include "decimal.h"
#include "scenario_internal.h"

bool
line_bad(struct scenario_reader *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buffer_vprintf(r->error, fmt, ap);
	va_end(ap);
	return false;
}

void
line_skip_blanks(struct scenario_reader *r)
{
	while (r->cursor < r->end && (*r->cursor == ' ' || *r->cursor == '\t' || *r->cursor == '\r'))
		r->cursor++;
}

const char *
line_word(struct scenario_reader *r)
{
	const char *start;

	line_skip_blanks(r);
	start = r->cursor;
	while (r->cursor < r->end && *r->cursor != ' ' && *r->cursor != '\t' && *r->cursor != '\r')
		r->cursor++;
	if (r->cursor == start)
		return NULL;
	return arena_copy(&r->scenario->arena, start, (size_t)(r->cursor - start));
}

const struct value *
line_value(struct scenario_reader *r, bool *fault)
{
	const char *complaint = NULL;
	const struct value *value;

	line_skip_blanks(r);
	value = edn_read(&r->scenario->arena, &r->cursor, r->end, &complaint);
	*fault = value == NULL && complaint != NULL;
	if (*fault)
		line_bad(r, "%s", complaint);
	return value;
}

bool
line_is_at_end(struct scenario_reader *r)
{
	line_skip_blanks(r);
	return r->cursor == r->end || line_bad(r, "'%.*s' is too much", (int)(r->end - r->cursor), r->cursor);
}

bool
line_integer(struct scenario_reader *r, const char *what, int64_t max, int64_t *number)
{
	const char *word = line_word(r);

	if (word == NULL)
		return line_bad(r, "%s is missing", what);
	return decimal_integer(word, 0, max, number) ||
	       line_bad(r, "expected %s from 0 to %lld, not '%s'", what, (long long)max, word);
}

bool
line_time(struct scenario_reader *r, int64_t *ns)
{
	const char *word = line_word(r), *point;
	int64_t seconds, part = 0;
	char whole[24], digits[10] = "000000000";
	size_t length;

	if (word == NULL)
		return line_bad(r, "a time is missing");
	point = strchrnul(word, '.');
	length = *point == '.' ? strlen(point + 1) : 0;
	if ((size_t)(point - word) >= sizeof(whole) || length > 9 || (*point == '.' && length == 0))
		return line_bad(r, "'%s' is no time in seconds", word);
	memcpy(whole, word, (size_t)(point - word));
	whole[point - word] = '\0';
	memcpy(digits, length > 0 ? point + 1 : "", length);
	if (!decimal_integer(whole, 0, SECONDS_MAX, &seconds) || strspn(digits, "0123456789") != 9)
		return line_bad(r, "'%s' is no time in seconds", word);
	for (int i = 0; i < 9; i++)
		part = 10 * part + (digits[i] - '0');
	*ns = seconds * S_NS + part;
	return true;
}

bool
line_later_time(struct scenario_reader *r, int64_t *last, int64_t *ns)
{
	if (!line_time(r, ns))
		return false;
	if (*ns < *last)
		return line_bad(r, "its time is before that of the one before it");
	*last = *ns;
	return true;
}
