/* Every answer to an echo must hold what was sent (maelstrom.workload.echo/checker). Errors stand in the history's
 * order. */
#include "check.h"

/* What is under :echo of an answer, or nil. A set is its own function, as in Clojure. */
static const struct value *
echoed(const struct value *answer)
{
	static const struct value key = {.type = VALUE_KEYWORD, .text = "echo", .length = 4};
	const struct value *found = value_find(answer, &key);
	size_t i;

	for (i = 0; answer->type == VALUE_SET && i < answer->count; i++)
		if (value_equal(answer->items[i], &key))
			return answer->items[i];
	return found != NULL ? found : &value_nil;
}

static const struct value *
error_of(struct arena *arena, const struct value *sent, const struct value *answer)
{
	struct value *error = value_collection(arena, VALUE_VECTOR);

	value_push(arena, error, value_string(arena, "Expected a message with :echo"));
	value_push(arena, error, sent);
	value_push(arena, error, value_string(arena, "But received"));
	value_push(arena, error, answer);
	return error;
}

const struct value *
check_echo(struct arena *arena, const struct history *history, const struct check_options *options)
{
	struct value *result = value_collection(arena, VALUE_MAP), *errors = value_collection(arena, VALUE_LIST);
	const struct op *op, *answer;
	size_t i;

	(void)options;
	if (history->fault != NULL)
		return check_failed(arena, "%s", history->fault);
	for (i = 0; i < history->count; i++) {
		op = &history->ops[i];
		if (op->type != OP_INVOKE || op->pair < 0)
			continue;
		answer = &history->ops[op->pair];
		if (answer->type != OP_INFO && !value_equal(op->value, echoed(answer->value)))
			value_push(arena, errors, error_of(arena, op->value, answer->value));
	}
	value_put_keyword(arena, result, "valid?", value_bool(errors->count == 0));
	value_put_keyword(arena, result, "errors", errors);
	return result;
}
