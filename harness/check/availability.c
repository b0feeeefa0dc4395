/* The fraction of requests that succeeded, against what was asked for (maelstrom.checker/availability-checker). */
#include "check.h"
#include "ratio.h"

const struct value *
check_availability(struct arena *arena, const struct history *history, const struct check_options *options)
{
	struct value *result = value_collection(arena, VALUE_MAP);
	uint64_t invoked = 0, ok = 0;
	double fraction;
	bool valid = true;
	size_t i;

	for (i = 0; i < history->count; i++) {
		invoked += history->ops[i].type == OP_INVOKE;
		ok += history->ops[i].type == OP_OK;
	}
	fraction = invoked > 0 ? (double)ratio_float(ok, invoked) : 1;
	if (options->availability == AVAILABILITY_TOTAL)
		valid = fraction == 1;
	else if (options->availability == AVAILABILITY_FRACTION)
		valid = options->availability_fraction <= fraction;
	value_put_keyword(arena, result, "valid?", value_bool(valid));
	value_put_keyword(
	    arena, result, "ok-fraction", invoked > 0 ? value_float(arena, fraction) : value_int(arena, 1));
	return result;
}
