/* For tests of transactional checkers: whether a result says what Elle's says. */
#ifndef ELLE_HELP_H
#define ELLE_HELP_H

#include "check.h"
#include "value_help.h"

static inline bool
elle_has_type(const struct value *result, const char *anomaly)
{
	const struct value *types = value_get(result, "anomaly-types");

	for (size_t i = 0; types != NULL && i < types->count; i++)
		if (value_is_keyword(types->items[i], anomaly))
			return true;
	return false;
}

static inline bool
elle_same_under(const struct value *ours, const struct value *elles, const char *key)
{
	const struct value *a = value_get(ours, key), *b = value_get(elles, key);

	return a == NULL || b == NULL ? a == b : value_equal(a, b);
}

/*
 * The verdict, the types of anomalies and what they rule out. Where Elle gave up
 * a search by the clock, ours may have found more, but must have found the rest.
 */
static inline bool
elle_agrees(const struct value *ours, const struct value *elles)
{
	const struct value *types = value_get(elles, "anomaly-types");

	if (!elle_same_under(ours, elles, "valid?"))
		return false;
	if (!elle_has_type(elles, "cycle-search-timeout"))
		return elle_same_under(ours, elles, "anomaly-types") && elle_same_under(ours, elles, "not") &&
		       elle_same_under(ours, elles, "also-not");
	for (size_t i = 0; i < types->count; i++)
		if (!value_is_keyword(types->items[i], "cycle-search-timeout") &&
		    !elle_has_type(ours, types->items[i]->text))
			return false;
	return true;
}

#endif
