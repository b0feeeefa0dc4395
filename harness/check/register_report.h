/* What a search for a linearization (register.h) found: as knossos.linear reports it, and for people. */
#ifndef REGISTER_REPORT_H
#define REGISTER_REPORT_H

#include "register.h"

struct register_report {
	struct arena *arena;
	const struct history *history;     /* values are [key value] */
	const struct value *const *values; /* by number */
	struct register_search *search;    /* `at` is NEVER after a valid one */
};

/* {:valid? ..., :configs ..., ...} */
const struct value *register_report(const struct register_report *, enum verdict);
/* Of an invalid one: a vector of lines, which end with the operation that cannot be, after what came before it. */
const struct value *register_explain(const struct register_report *, const struct value *key);

#endif
