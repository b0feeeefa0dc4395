/* Draws: the same for ever, apart from each other, and of the distributions they promise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "random.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- seeds ----------------------------------------------------------------- */

/* Whoever changes these numbers changes what every recorded seed means. */
static void
test_a_seed_means_the_same_for_ever(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 7, "network", 0);
	assert_int_equal(random_next(&random), UINT64_C(374640249655274414));
	assert_int_equal(random_next(&random), UINT64_C(245381054286644331));
	assert_int_equal(random_below(&random, 1000), 766);
	assert_int_equal(random_exponential(&random, 100000000), 29507401);
}

static void
test_the_generator_is_xoshiro256(void **state)
{
	/* The first outputs of Blackman and Vigna's xoshiro256starstar.c from this state. */
	struct random random = {{1, 2, 3, 4}};

	(void)state;
	assert_int_equal(random_next(&random), 11520);
	assert_int_equal(random_next(&random), 0);
	assert_int_equal(random_next(&random), 1509978240);
	assert_int_equal(random_next(&random), 1215971899390074240);
}

static void
test_streams_are_apart(void **state)
{
	static const struct {
		uint64_t seed;
		const char *name;
		uint64_t number;
	} streams[] = {{1, "node", 0}, {1, "node", 1}, {1, "network", 0}, {2, "node", 0}, {1, "", 0}, {0, "node", 0}};
	uint64_t first[COUNT(streams)];

	(void)state;
	for (size_t i = 0; i < COUNT(streams); i++) {
		struct random random;

		random_seed(&random, streams[i].seed, streams[i].name, streams[i].number);
		first[i] = random_next(&random);
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(first[i], first[j]);
	}
}

/* ---- distributions --------------------------------------------------------- */

static void
test_below_is_uniform(void **state)
{
	enum { BOUND = 6, DRAWS = 60000 };
	int seen[BOUND] = {0};
	struct random random;

	(void)state;
	random_seed(&random, 1, "test", 0);
	for (int i = 0; i < DRAWS; i++) {
		uint64_t draw = random_below(&random, BOUND);

		assert_true(draw < BOUND);
		seen[draw]++;
	}
	for (int i = 0; i < BOUND; i++)
		assert_in_range(seen[i], DRAWS / BOUND - 400, DRAWS / BOUND + 400);
}

static void
test_below_at_its_edges(void **state)
{
	const uint64_t big = UINT64_C(3) << 62; /* a quarter of all draws must be rejected */
	int upper = 0;
	struct random random;

	(void)state;
	random_seed(&random, 1, "test", 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(random_below(&random, 1), 0);
	for (int i = 0; i < 3000; i++) {
		uint64_t draw = random_below(&random, big);

		assert_true(draw < big);
		upper += draw >= UINT64_C(1) << 63;
	}
	assert_in_range(upper, 900, 1100);
}

/* P(x > mean) is 1/e, P(x > 3 mean) is 1/e^3. */
static void
test_exponential(void **state)
{
	enum { DRAWS = 100000, MEAN = 100000000 };
	int over_mean = 0, over_three = 0;
	struct random random;
	uint64_t sum = 0;

	(void)state;
	random_seed(&random, 1, "test", 0);
	for (int i = 0; i < DRAWS; i++) {
		uint64_t draw = random_exponential(&random, MEAN);

		sum += draw;
		over_mean += draw > MEAN;
		over_three += draw > UINT64_C(3) * MEAN;
	}
	assert_in_range(sum / DRAWS, MEAN / 100 * 99, MEAN / 100 * 101);
	assert_in_range(over_mean, 36288, 37288);
	assert_in_range(over_three, 4779, 5179);
}

static void
test_exponential_at_its_edges(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 1, "test", 0);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(random_exponential(&random, 0), 0);
		assert_true(random_exponential(&random, 1) <= 45);
	}
	for (int i = 0; i < 1000; i++)
		random_exponential(&random, UINT64_MAX); /* saturates; must not overflow */
}

static void
test_shuffle_reaches_every_order(void **state)
{
	int seen[27] = {0};
	struct random random;

	(void)state;
	random_seed(&random, 1, "test", 0);
	for (int i = 0; i < 6000; i++) {
		int items[] = {0, 1, 2};

		random_shuffle(&random, items, COUNT(items));
		assert_int_equal(items[0] + items[1] + items[2], 3);
		assert_int_equal(items[0] * items[1] * items[2], 0);
		seen[items[0] * 9 + items[1] * 3 + items[2]]++;
	}
	for (int i = 0; i < 27; i++)
		assert_true(seen[i] == 0 || (seen[i] > 850 && seen[i] < 1150));
	assert_true(seen[5] > 0 && seen[7] > 0 && seen[11] > 0 && seen[15] > 0 && seen[19] > 0 && seen[21] > 0);
	random_shuffle(&random, NULL, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_seed_means_the_same_for_ever),
	    cmocka_unit_test(test_the_generator_is_xoshiro256),
	    cmocka_unit_test(test_streams_are_apart),
	    cmocka_unit_test(test_below_is_uniform),
	    cmocka_unit_test(test_below_at_its_edges),
	    cmocka_unit_test(test_exponential),
	    cmocka_unit_test(test_exponential_at_its_edges),
	    cmocka_unit_test(test_shuffle_reaches_every_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
