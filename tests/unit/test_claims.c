/* The first claim stands, until there are too many, or a node has lost its memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "claims.h"

static void
first_stands(void **state)
{
	struct claims claims = {0};

	(void)state;
	assert_int_equal(claims_make(&claims, "leader", 1, 0, 0), 0);
	assert_int_equal(claims_make(&claims, "leader", 1, 0, 7), 7);
	assert_int_equal(claims_make(&claims, "leader", 1, 0, 8), 7);
	assert_int_equal(claims_make(&claims, "leader", 1, 0, 0), 7);
	assert_int_equal(claims_make(&claims, "leader", 1, 1, 9), 9);
	assert_int_equal(claims_make(&claims, "leader", 2, 0, 10), 10);
	assert_int_equal(claims_make(&claims, "other", 1, 0, 11), 11);
	assert_int_equal(claims.count, 4);
	claims_free(&claims);
}

static void
are_bounded(void **state)
{
	struct claims claims = {0};

	(void)state;
	for (int64_t i = 0; i <= CLAIMS_MAX; i++)
		assert_int_equal(claims_make(&claims, "entry", i, 0, 1), 1);
	assert_int_equal(claims.count, 1);
	assert_int_equal(claims_make(&claims, "entry", 0, 0, 2), 2);
	claims_free(&claims);
}

static void
end_with_a_lost_memory(void **state)
{
	struct claims claims = {0};

	(void)state;
	assert_int_equal(claims_make(&claims, "leader", 1, 0, 7), 7);
	claims_off(&claims);
	assert_int_equal(claims_make(&claims, "leader", 1, 0, 8), 8);
	assert_int_equal(claims_make(&claims, "leader", 1, 0, 0), 0);
	assert_int_equal(claims.count, 0);
}

/* What is proposed nobody else sees, until it is settled; what is taken back never stood. */
static void
test_proposals(void **state)
{
	struct claims claims = {0}, mine = {0}, others = {0};
	struct buffer contradiction = {0};

	(void)state;
	assert_int_equal(claims_propose(&claims, &mine, "thing", 1, 2, 7), 7);
	assert_int_equal(claims_propose(&claims, &mine, "thing", 1, 2, 8), 7);
	assert_int_equal(claims_propose(&claims, &mine, "thing", 1, 3, 0), 0);
	assert_int_equal(claims_propose(&claims, &mine, "thing", 1, 4, 0), 0);
	assert_int_equal(claims_propose(&claims, &mine, "thing", 1, 4, 5), 5);
	assert_int_equal(claims_propose(&claims, &others, "thing", 1, 2, 0), 0);
	assert_int_equal(claims_make(&claims, "thing", 1, 2, 0), 0);
	assert_true(claims_settle(&claims, &mine, &contradiction));
	assert_int_equal(mine.count, 0);
	assert_int_equal(claims_make(&claims, "thing", 1, 2, 0), 7);
	assert_int_equal(claims_make(&claims, "thing", 1, 3, 0), 0);
	assert_int_equal(claims_make(&claims, "thing", 1, 4, 0), 5);
	assert_int_equal(claims_propose(&claims, &others, "thing", 1, 2, 9), 7);

	assert_int_equal(claims_propose(&claims, &mine, "first", 1, 1, 0), 0);
	assert_int_equal(claims_propose(&claims, &mine, "first", 1, 1, 5), 5);
	assert_int_equal(claims_make(&claims, "first", 1, 1, 6), 6);
	assert_true(claims_settle(&claims, &mine, &contradiction)); /* it was not, and is content */
	assert_int_equal(claims_make(&claims, "first", 1, 1, 0), 6);

	assert_int_equal(claims_propose(&claims, &others, "thing", 4, 4, 9), 9);
	claims_free(&others);
	assert_int_equal(claims_make(&claims, "thing", 4, 4, 0), 0);

	assert_int_equal(claims_propose(&claims, &mine, "thing", 5, 5, 1), 1);
	assert_int_equal(claims_make(&claims, "thing", 5, 5, 2), 2);
	assert_false(claims_settle(&claims, &mine, &contradiction));
	assert_string_equal(buffer_string(&contradiction), "invariant broken: thing (5, 5) is 1 here and 2 elsewhere");
	buffer_free(&contradiction);
	claims_free(&mine);

	claims_off(&claims);
	assert_int_equal(claims_propose(&claims, &mine, "thing", 1, 2, 5), 5);
	assert_int_equal(mine.count, 0);
	claims_free(&claims);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_proposals),
	    cmocka_unit_test(first_stands),
	    cmocka_unit_test(are_bounded),
	    cmocka_unit_test(end_with_a_lost_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
