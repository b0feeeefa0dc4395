/* For tests: values and histories from their text, and back. */
#ifndef VALUE_HELP_H
#define VALUE_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "history.h"
#include "value.h"

static inline const struct value *
edn_n(struct arena *arena, const char *text, size_t length)
{
	const char *cursor = text, *error;
	const struct value *value = edn_read(arena, &cursor, text + length, &error);

	if (value == NULL)
		fail_msg("%s: %s", text, error != NULL ? error : "nothing there");
	return value;
}

static inline const struct value *
edn(struct arena *arena, const char *text)
{
	return edn_n(arena, text, strlen(text));
}

static inline void
assert_prints(const struct value *value, const char *text)
{
	struct buffer out = {0};

	assert_non_null(value);
	edn_write(&out, value);
	assert_string_equal(buffer_string(&out), text);
	buffer_free(&out);
}

static inline void
assert_value(const struct value *value, const char *text)
{
	struct arena arena = {0};

	assert_non_null(value);
	if (!value_equal(value, edn(&arena, text)))
		assert_prints(value, text);
	arena_free(&arena);
}

/* A history from its text, with indices where it has none. */
static inline void
history_from(struct history *history, const char *text)
{
	struct buffer error = {0};

	*history = (struct history){0};
	if (!history_parse(history, text, strlen(text), &error))
		fail_msg("%s", buffer_string(&error));
	buffer_free(&error);
}

#endif
