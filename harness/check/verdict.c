/* Verdicts: how several become one (jepsen.checker/merge-valid) and what they are called. */
#include <stdarg.h>

#include "check.h"

static const struct value unknown = {.type = VALUE_KEYWORD, .text = "unknown", .length = 7};

enum verdict
verdict_of(const struct value *result)
{
	const struct value *valid = value_get(result, "valid?");

	if (valid == NULL || valid->type != VALUE_BOOL)
		return VERDICT_UNKNOWN;
	return valid->boolean ? VERDICT_VALID : VERDICT_INVALID;
}

const struct value *
verdict_value(enum verdict verdict)
{
	return verdict == VERDICT_UNKNOWN ? &unknown : value_bool(verdict == VERDICT_VALID);
}

enum verdict
verdict_worse(enum verdict a, enum verdict b)
{
	return a > b ? a : b;
}

int
verdict_exit_status(enum verdict verdict)
{
	static const int statuses[] = {[VERDICT_VALID] = 0, [VERDICT_UNKNOWN] = 2, [VERDICT_INVALID] = 1};

	return statuses[verdict];
}

const char *
verdict_name(enum verdict verdict)
{
	static const char *const names[] = {
	    [VERDICT_VALID] = "valid",
	    [VERDICT_UNKNOWN] = "unknown",
	    [VERDICT_INVALID] = "invalid",
	};

	return names[verdict];
}

const struct value *
check_failed(struct arena *arena, const char *fmt, ...)
{
	struct value *result = value_collection(arena, VALUE_MAP);
	va_list ap;

	va_start(ap, fmt);
	value_put_keyword(arena, result, "valid?", &unknown);
	value_put_keyword(arena, result, "error", value_string(arena, arena_vprintf(arena, fmt, ap)));
	va_end(ap);
	return result;
}
