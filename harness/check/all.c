/* The composition of all checkers, as maelstrom.core/maelstrom-test makes it, without plots and timeline. */
#include "check.h"

static void
add(struct arena *arena, struct value *results, const char *name, const struct value *result, enum verdict *worst)
{
	value_put_keyword(arena, results, name, result);
	*worst = verdict_worse(*worst, verdict_of(result));
}

const struct value *
check_all(struct arena *arena, const struct history *history, const struct check_options *options, check_fn *workload)
{
	struct value *results = value_collection(arena, VALUE_MAP);
	enum verdict worst = VERDICT_VALID;

	add(arena, results, "exceptions", check_exceptions(arena, history, options), &worst);
	add(arena, results, "stats", check_stats(arena, history, options), &worst);
	add(arena, results, "availability", check_availability(arena, history, options), &worst);
	if (options->net != NULL)
		add(arena, results, "net", check_net(arena, history, options), &worst);
	add(arena, results, "workload", workload(arena, history, options), &worst);
	value_put_keyword(arena, results, "valid?", verdict_value(worst));
	return results;
}
