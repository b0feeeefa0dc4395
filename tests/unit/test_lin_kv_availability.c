/*
 * How soon lin-kv is available again: the time from the start of a partition
 * to the first success, among what clients ask from then on, on the side that
 * has a majority. In units of the election time-out in force at the start
 * (raft_timeout_ms()), as a distribution over seeds, for each latency. And
 * that nobody stands for election while there is no reason to.
 *
 * AVAILABILITY_SEEDS=n measures n seeds of every network and prints all
 * distributions (`make soak`); without it there are fewer of both.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "grudge.h"
#include "lab.h"
#include "raft_internal.h"
#include "registry.h"

#define ASK_MS    10    /* a request so often while it is measured, ... */
#define CALM_MS   40    /* ... and before */
#define GIVE_UP   60000 /* ms */
#define SEEDS_MAX 10000
#define PERCENT   100

/* As nodes/lin-kv.c begins its state. */
struct store {
	bool lease;
	struct raft *raft;
};

static struct raft *
raft_of(const struct lab *lab, int i)
{
	return ((struct store *)node_state(lab->nodes[i].node))->raft;
}

/* The leader of the highest term, or -1. */
static int
leader_of(const struct lab *lab)
{
	int leader = -1;

	for (int i = 0; i < lab->count; i++)
		if (raft_of(lab, i)->role == ROLE_LEADER &&
		    (leader == -1 || raft_of(lab, i)->term > raft_of(lab, leader)->term))
			leader = i;
	return leader;
}

/* ---- clients ------------------------------------------------------------------- */

struct watch {
	struct lab *lab;
	int64_t first_id;   /* what was asked from here on counts */
	int64_t success_ms; /* when the first of it succeeded; -1: not yet */
};

static void
see(void *arg, int64_t msg_id, const json_t *body)
{
	struct watch *w = arg;
	const char *type = json_string_value(json_object_get(body, "type"));

	if (msg_id < w->first_id || w->success_ms != -1 ||
	    (strcmp(type, "write_ok") != 0 && strcmp(type, "read_ok") != 0))
		return;
	w->success_ms = lab_now_ms(w->lab);
}

static void
ask_someone(struct lab *lab, uint32_t side)
{
	int i = (int)random_below(&lab->random, (uint64_t)lab->count);

	while (!(side >> i & 1))
		i = (i + 1) % lab->count;
	if (random_below(&lab->random, 2) == 0)
		lab_ask(lab, i, json_pack("{s:s, s:i}", "type", "read", "key", 1));
	else
		lab_ask(lab, i, json_pack("{s:s, s:i, s:i}", "type", "write", "key", 1, "value", i));
}

static void
ask_for(struct lab *lab, int64_t ms)
{
	for (int64_t end = lab_now_ms(lab) + ms; lab_now_ms(lab) < end; lab_run(lab, CALM_MS))
		ask_someone(lab, UINT32_MAX);
}

/* ---- partitions ------------------------------------------------------------------ */

enum kind { LEADER_LOST, LEADER_KEPT, RING, KINDS };

static const char *const kind_names[KINDS] = {"leader cut off", "leader stays", "majorities-ring"};

/* Cuts a minority of nodes off, the largest there is: returns the other side. */
static uint32_t
split(struct lab *lab, int leader, bool lost)
{
	uint32_t cut = lost ? (uint32_t)1 << leader : 0, all = ((uint32_t)1 << lab->count) - 1;

	for (int left = (lab->count - 1) / 2 - (lost ? 1 : 0); left > 0;) {
		int i = (int)random_below(&lab->random, (uint64_t)lab->count);

		if (i == leader || (cut >> i & 1))
			continue;
		cut |= (uint32_t)1 << i;
		left--;
	}
	for (int src = 0; src < lab->count; src++)
		for (int dest = 0; dest < lab->count; dest++)
			if ((cut >> src & 1) != (cut >> dest & 1))
				net_drop(lab->net, lab->ids[src], lab->ids[dest], 1000);
	return all & ~cut;
}

/* Of three nodes each hears but one, which does not hear it: then nobody can go on, and it takes five. */
static uint32_t
make_ring(struct lab *lab)
{
	struct grudge grudge;

	grudge_draw(&grudge, PARTITION_MAJORITIES_RING, lab->count, &lab->random);
	grudge_apply(&grudge, lab->net, lab->ids);
	grudge_free(&grudge);
	return ((uint32_t)1 << lab->count) - 1;
}

/* ---- one run ----------------------------------------------------------------------- */

struct figure {
	int64_t ms;
	int64_t hundredths; /* of a time-out */
};

static struct figure
measure(enum kind kind, int count, const struct latency *latency, uint64_t seed)
{
	struct lab lab;
	struct watch watch = {.lab = &lab, .first_id = INT64_MAX, .success_ms = -1};
	int64_t began, timeout;
	uint32_t side;
	int leader;

	lab_open(&lab, registry_find("lin-kv"), count, latency, seed);
	lab.replied = see;
	lab.arg = &watch;
	ask_for(&lab, 5000 + (int64_t)random_below(&lab.random, 1000));
	while ((leader = leader_of(&lab)) == -1)
		ask_for(&lab, 100);
	timeout = raft_timeout_ms(raft_of(&lab, leader));
	began = lab_now_ms(&lab);
	watch.first_id = lab.next_msg_id + 1;
	side = kind == RING ? make_ring(&lab) : split(&lab, leader, kind == LEADER_LOST);
	while (watch.success_ms == -1 && lab_now_ms(&lab) < began + GIVE_UP) {
		ask_someone(&lab, side);
		lab_run(&lab, ASK_MS);
	}
	assert_int_not_equal(watch.success_ms, -1);
	lab_close(&lab);
	return (struct figure){watch.success_ms - began, (watch.success_ms - began) * 100 / timeout};
}

/* ---- distributions ------------------------------------------------------------------- */

static int
by_share(const void *a, const void *b)
{
	const struct figure *x = a, *y = b;

	return (x->hundredths > y->hundredths) - (x->hundredths < y->hundredths);
}

static int
by_time(const void *a, const void *b)
{
	const struct figure *x = a, *y = b;

	return (x->ms > y->ms) - (x->ms < y->ms);
}

static size_t
seeds(size_t usual)
{
	const char *text = getenv("AVAILABILITY_SEEDS");
	size_t n = text != NULL ? (size_t)strtoull(text, NULL, 10) : usual;

	assert_in_range(n, 1, SEEDS_MAX);
	return n;
}

/* So many of a hundred runs took no longer. */
static struct figure
percentile(const struct figure *sorted, size_t n, size_t percent)
{
	return sorted[(n * percent + PERCENT - 1) / PERCENT - 1];
}

static void
print(const char *unit, const struct figure *sorted, size_t n, bool share)
{
	static const size_t percents[] = {1, 25, 50, 75, 90, 99, 100};

	printf("  %s", unit);
	for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
		struct figure f = percentile(sorted, n, percents[i]);

		if (share)
			printf(" %6.2f", (double)f.hundredths / 100);
		else
			printf(" %6lld", (long long)f.ms);
	}
}

static bool
distribution(enum kind kind, int count, const struct latency *latency, size_t n, int64_t median, int64_t most)
{
	static const char *const names[] = {"constant", "uniform", "exponential"};
	static struct figure figures[SEEDS_MAX];
	bool holds;

	for (size_t seed = 0; seed < n; seed++)
		figures[seed] = measure(kind, count, latency, seed);
	qsort(figures, n, sizeof(figures[0]), by_share);
	holds = percentile(figures, n, 50).hundredths <= median && percentile(figures, n, 99).hundredths <= most;
	if (getenv("AVAILABILITY_SEEDS") != NULL || !holds) {
		printf("%-15s %d nodes %3lld ms %-11s", kind_names[kind], count, (long long)latency->mean_ms,
		    names[latency->dist]);
		print("time-outs", figures, n, true);
		qsort(figures, n, sizeof(figures[0]), by_time);
		print("ms", figures, n, false);
		printf("%s\n", holds ? "" : "  too late");
		fflush(stdout);
	}
	return holds;
}

static bool
each_network(enum kind kind, size_t n, int64_t median, int64_t most)
{
	static const struct latency all[] = {{0, LATENCY_CONSTANT}, {100, LATENCY_EXPONENTIAL}, {10, LATENCY_CONSTANT},
	    {10, LATENCY_UNIFORM}, {10, LATENCY_EXPONENTIAL}, {100, LATENCY_CONSTANT}, {100, LATENCY_UNIFORM}};
	size_t networks = getenv("AVAILABILITY_SEEDS") != NULL ? sizeof(all) / sizeof(all[0]) : 2;
	bool holds = true;

	if (getenv("AVAILABILITY_SEEDS") != NULL)
		printf("of %zu runs  1 %%, 25 %%, 50 %%, 75 %%, 90 %%, 99 %%, all took at most\n", n);
	for (size_t i = 0; i < networks; i++)
		for (int count = kind == RING ? 5 : 3; count <= 5; count += 2)
			holds &= distribution(kind, count, &all[i], n, median, most);
	return holds;
}

static void
goes_on_when_the_leader_is_cut_off(void **state)
{
	(void)state;
	assert_true(each_network(LEADER_LOST, seeds(20), 200, 500));
}

static void
goes_on_with_the_leader(void **state)
{
	(void)state;
	assert_true(each_network(LEADER_KEPT, seeds(6), 200, 500));
}

static void
goes_on_in_a_ring(void **state)
{
	(void)state;
	assert_true(each_network(RING, seeds(6), 1000, 1000));
}

/* ---- no needless elections ------------------------------------------------------------ */

/* Whether all nodes are in one term from its first leader on, whether clients ask or not. */
static bool
is_stable(int count, const struct latency *latency, uint64_t seed)
{
	bool stable = true;
	struct lab lab;
	int64_t term;

	lab_open(&lab, registry_find("lin-kv"), count, latency, seed);
	ask_for(&lab, 10000);
	assert_int_not_equal(leader_of(&lab), -1);
	term = raft_of(&lab, leader_of(&lab))->term;
	for (int i = 0; i < 3; i++) {
		lab_run(&lab, 30000);
		ask_for(&lab, 2000);
	}
	for (int i = 0; i < count; i++)
		stable &= raft_of(&lab, i)->term == term;
	lab_close(&lab);
	return stable;
}

static void
stays_with_its_leader(void **state)
{
	static const struct latency networks[] = {
	    {0, LATENCY_CONSTANT}, {100, LATENCY_EXPONENTIAL}, {10, LATENCY_EXPONENTIAL}, {100, LATENCY_UNIFORM}};
	size_t n = seeds(1), unstable = 0;

	(void)state;
	for (size_t run = 0; run < n * 8; run++)
		unstable += !is_stable(run % 2 ? 3 : 5, &networks[run / 2 % 4], run);
	if (getenv("AVAILABILITY_SEEDS") != NULL)
		printf("needless elections in %zu of %zu runs without faults\n", unstable, n * 8);
	assert_int_equal(unstable, 0);
}

/*
 * Runs that had a needless election while questions that came long after they
 * were asked counted as consent, or while a leader that saw latency grow put
 * off heartbeats that its followers still counted on.
 */
static void
stays_with_its_leader_where_it_once_did_not(void **state)
{
	static const struct latency network = {100, LATENCY_EXPONENTIAL};
	static const uint64_t once[] = {594, 2802, 3706};

	(void)state;
	for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++)
		assert_true(is_stable(5, &network, once[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(goes_on_when_the_leader_is_cut_off),
	    cmocka_unit_test(goes_on_with_the_leader),
	    cmocka_unit_test(goes_on_in_a_ring),
	    cmocka_unit_test(stays_with_its_leader),
	    cmocka_unit_test(stays_with_its_leader_where_it_once_did_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
