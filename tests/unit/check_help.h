/* For tests of checkers: what a checker says about a history in text. */
#ifndef CHECK_HELP_H
#define CHECK_HELP_H

#include "check.h"
#include "value_help.h"

/* Whatever is under `keys` in the result must print as told. */
static inline void
assert_result_of(check_fn *check, const struct check_options *options, const char *history_text, const char *key,
    const char *printed)
{
	struct history history;
	const struct value *result;

	history_from(&history, history_text);
	result = check(&history.arena, &history, options);
	assert_prints(value_get(result, key), printed);
	history_free(&history);
}

static inline void
assert_all_of(check_fn *check, const struct check_options *options, const char *history_text, const char *printed)
{
	struct history history;

	history_from(&history, history_text);
	assert_prints(check(&history.arena, &history, options), printed);
	history_free(&history);
}

/* Where Jepsen's would have thrown. */
static inline void
assert_fails(check_fn *check, const char *history_text)
{
	const struct check_options options = {0};
	struct history history;
	const struct value *result;

	history_from(&history, history_text);
	result = check(&history.arena, &history, &options);
	assert_int_equal(verdict_of(result), VERDICT_UNKNOWN);
	assert_non_null(value_get(result, "error"));
	history_free(&history);
}

#define assert_result(check, history, key, printed) \
	assert_result_of(check, &(const struct check_options){0}, history, key, printed)
#define assert_all(check, history, printed) assert_all_of(check, &(const struct check_options){0}, history, printed)

/* Operations, shortly: at TIME ms process P, or the nemesis, does F with VALUE. */
#define OP(time, process, type, f, value) \
	"{:time " #time "000000, :process " #process ", :type :" #type ", :f :" #f ", :value " value "}\n"
#define NEMESIS(time, f, value) \
	"{:time " #time "000000, :process :nemesis, :type :info, :f :" #f ", :value " value "}\n"

#endif
