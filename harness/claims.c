/* Claims in a tree by their names. */
#include "claims.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

struct claim {
	RB_ENTRY(claim) entry;
	const char *what;
	int64_t a, b;
	uint64_t value;
	bool asked; /* of a proposal: it may come too late */
};

static int
by_name(const struct claim *x, const struct claim *y)
{
	if (x->a != y->a)
		return x->a < y->a ? -1 : 1;
	if (x->b != y->b)
		return x->b < y->b ? -1 : 1;
	return strcmp(x->what, y->what);
}

RB_GENERATE_INTERNAL(claim_tree, claim, entry, by_name, static __attribute__((unused)))

static struct claim *
make(struct claims *claims, const struct claim *key)
{
	struct claim *claim;

	if (claims->count >= CLAIMS_MAX)
		claims_free(claims);
	claim = memory_zero(sizeof(*claim));
	*claim = *key;
	RB_INSERT(claim_tree, &claims->tree, claim);
	claims->count++;
	return claim;
}

uint64_t
claims_make(struct claims *claims, const char *what, int64_t a, int64_t b, uint64_t value)
{
	struct claim key = {.what = what, .a = a, .b = b, .value = value}, *claim;

	if (claims->off)
		return value;
	claim = RB_FIND(claim_tree, &claims->tree, &key);
	if (claim == NULL && value != 0)
		claim = make(claims, &key);
	return claim != NULL ? claim->value : 0;
}

uint64_t
claims_propose(struct claims *claims, struct claims *own, const char *what, int64_t a, int64_t b, uint64_t value)
{
	struct claim key = {.what = what, .a = a, .b = b, .value = value, .asked = value == 0}, *claim;
	uint64_t standing = claims_make(claims, what, a, b, 0);

	if (claims->off || standing != 0)
		return claims->off ? value : standing;
	claim = RB_FIND(claim_tree, &own->tree, &key);
	if (claim == NULL)
		claim = make(own, &key);
	else if (claim->value == 0)
		claim->value = value;
	return claim->value;
}

bool
claims_settle(struct claims *claims, struct claims *own, struct buffer *contradiction)
{
	struct claim *claim;

	RB_FOREACH (claim, claim_tree, &own->tree) {
		uint64_t standing = claims_make(claims, claim->what, claim->a, claim->b, claim->value);

		if (standing == claim->value || claim->asked)
			continue;
		buffer_printf(contradiction,
		    "invariant broken: %s (%" PRId64 ", %" PRId64 ") is %" PRIu64 " here and %" PRIu64 " elsewhere",
		    claim->what, claim->a, claim->b, claim->value, standing);
		return false;
	}
	claims_free(own);
	return true;
}

void
claims_off(struct claims *claims)
{
	claims->off = true;
	claims_free(claims);
}

void
claims_free(struct claims *claims)
{
	struct claim *claim, *next;

	RB_FOREACH_SAFE (claim, claim_tree, &claims->tree, next) {
		RB_REMOVE(claim_tree, &claims->tree, claim);
		free(claim);
	}
	claims->count = 0;
}
