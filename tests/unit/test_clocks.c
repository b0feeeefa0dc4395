/* Clocks of simulated nodes: what drifts never jumps, what is not disturbed is right to the nanosecond. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clocks.h"
#include "loop.h"
#include "random.h"

static void
test_undisturbed(void **state)
{
	static const int64_t times[] = {0, 1, 999999, S_NS, INT64_C(1000000000) * S_NS};
	const struct clocks clocks = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		assert_int_equal(clocks_monotonic(&clocks, times[i]), times[i]);
		assert_int_equal(clocks_when(&clocks, times[i]), times[i]);
		assert_int_equal(clocks_wall_offset(&clocks, times[i]), 0);
	}
}

static void
test_drift(void **state)
{
	struct clocks clocks = {0};

	(void)state;
	clocks_disturb(&clocks, 10 * S_NS, 5000, 50000);
	assert_int_equal(clocks_monotonic(&clocks, 10 * S_NS), 10 * S_NS); /* no jump */
	assert_int_equal(clocks_monotonic(&clocks, 30 * S_NS), 31 * S_NS);
	assert_int_equal(clocks_wall_offset(&clocks, 10 * S_NS), 5 * S_NS);
	assert_int_equal(clocks_wall_offset(&clocks, 30 * S_NS), 6 * S_NS);
	clocks_disturb(&clocks, 30 * S_NS, -7, -50000);
	assert_int_equal(clocks_monotonic(&clocks, 30 * S_NS), 31 * S_NS);
	assert_int_equal(clocks_monotonic(&clocks, 50 * S_NS), 50 * S_NS);
	assert_int_equal(clocks_wall_offset(&clocks, 30 * S_NS), -7 * MS_NS);
	clocks_disturb(&clocks, 40 * S_NS, 0, 0);
	assert_int_equal(clocks_monotonic(&clocks, 40 * S_NS), 40 * S_NS + S_NS / 2);
	assert_int_equal(clocks_monotonic(&clocks, 50 * S_NS), 50 * S_NS + S_NS / 2);
	assert_int_equal(clocks_wall_offset(&clocks, 50 * S_NS), 0); /* right again */
}

/* Over many disturbances: never backwards, never more than 5 % off in any stretch. */
static void
test_never_jumps(void **state)
{
	struct clocks clocks = {0};
	struct random random;
	int64_t now = 0, shown = 0;

	(void)state;
	random_seed(&random, 1, "test", 0);
	for (int i = 0; i < 20000; i++) {
		int64_t step = (int64_t)random_below(&random, i % 2 == 0 ? 40 : 5 * (uint64_t)S_NS), next;

		if (random_below(&random, 5) == 0)
			clocks_disturb(&clocks, now, (int64_t)random_below(&random, 100000),
			    (int64_t)random_below(&random, 2 * DRIFT_PPM_MAX + 1) - DRIFT_PPM_MAX);
		now += step;
		next = clocks_monotonic(&clocks, now);
		assert_true(next >= shown + step - step / 20 - 2 && next <= shown + step + step / 20 + 2);
		shown = next;
	}
}

/* The first moment at which it shows that time, not one before. */
static void
test_when(void **state)
{
	struct random random;

	(void)state;
	random_seed(&random, 2, "test", 0);
	for (int i = 0; i < 20000; i++) {
		struct clocks clocks = {0};
		int64_t since = (int64_t)random_below(&random, 100 * (uint64_t)S_NS), target, when;

		clocks_disturb(
		    &clocks, since, 0, (int64_t)random_below(&random, 2 * DRIFT_PPM_MAX + 1) - DRIFT_PPM_MAX);
		target = since + 1 + (int64_t)random_below(&random, i % 2 == 0 ? 100 : 100 * (uint64_t)S_NS);
		when = clocks_when(&clocks, target);
		assert_true(clocks_monotonic(&clocks, when) >= target);
		assert_true(clocks_monotonic(&clocks, when - 1) < target);
	}
}

/* What it showed before the disturbance is past. */
static void
test_when_it_has_passed(void **state)
{
	struct clocks clocks = {0};

	(void)state;
	clocks_disturb(&clocks, 10 * S_NS, 0, 1000);
	assert_true(clocks_when(&clocks, 9 * S_NS) <= 10 * S_NS);
	assert_true(clocks_when(&clocks, 10 * S_NS) <= 10 * S_NS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_undisturbed),
	    cmocka_unit_test(test_drift),
	    cmocka_unit_test(test_never_jumps),
	    cmocka_unit_test(test_when),
	    cmocka_unit_test(test_when_it_has_passed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
