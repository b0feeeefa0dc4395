/*
 * The checker of lists against what is known otherwise.
 *
 * Histories of a database that executes one transaction at a time are strict
 * serializable, and all accepted. An anomaly that is planted into one is found
 * under its name.
 *
 * Tiny histories are compared with a search over all serial orders of what
 * took effect: every order of all :ok transactions and any of the :info ones,
 * which for strict serializability keeps to realtime, in which every read
 * returns what it would. What the checker rejects must have no such order. The
 * reverse holds where every append that took effect was read: then all version
 * orders are known, and an acyclic graph without other anomalies can be
 * executed in its order. So these histories end with a transaction that reads
 * all keys, and there both verdicts must be the same.
 *
 * And of random histories Elle itself has judged, its results must come out.
 * They are in a file, three lines each: options, history and result; it is the
 * first argument, or $RANDOM_LIST_APPEND, or tests/random/list-append.edn.
 */
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "elle_help.h"
#include "list_histories.h"

#define SEEDS      400
#define TINY_SEEDS 6000
#define TINY_TXNS  5

/* ---- strict serializable by construction -------------------------------------------------- */

static void
make(struct list_maker *maker, uint64_t seed, enum list_database database)
{
	*maker = (struct list_maker){.database = database};
	random_seed(&maker->random, seed, "list", database);
	maker->txns = 1 + list_below(maker, 60);
	maker->keys = 1 + list_below(maker, 5);
	maker->processes = 1 + list_below(maker, 6);
	maker->length = LIST_MOPS_MAX;
	maker->crash_percent = list_below(maker, 3) == 0 ? 20 : 0;
	maker->fail_percent = list_below(maker, 3) == 0 ? 20 : 0;
	list_make(maker);
}

static enum verdict
verdict_at(const struct history *history, const char *model)
{
	const char *const models[] = {model, NULL};
	const struct check_options options = {.consistency_models = models};
	struct arena arena = {0};
	enum verdict verdict = verdict_of(check_list_append(&arena, history, &options));

	arena_free(&arena);
	return verdict;
}

static void
serial_histories_are_accepted(void **state)
{
	struct history history = {0};
	struct list_maker maker;
	uint64_t seed, valid = 0;

	(void)state;
	for (seed = 0; seed < SEEDS; seed++) {
		make(&maker, seed, LIST_SERIAL);
		list_history(&maker, &history);
		if (verdict_at(&history, "strict-serializable") == VERDICT_INVALID)
			fail_msg("seed %d is rejected", (int)seed);
		valid += verdict_at(&history, "strict-serializable") == VERDICT_VALID;
		history_free(&history);
		list_free(&maker);
	}
	/* The others have no dependencies to speak of. */
	assert_true(valid > SEEDS * 9 / 10);
}

/* ---- planted anomalies ------------------------------------------------------------------------ */

/*
 * Transactions on keys :x, :y and :z that nothing else uses, behind a history
 * that is valid. A line is a process with its transaction: it is invoked and
 * completes by itself, or, between < and >, all at once. A mark in front says
 * how it ends.
 */
static const struct planted {
	const char *anomaly, *model, *txns;
} planted[] = {
    {"internal", "read-atomic", "1 [[:append :x 1] [:r :x []]]"},
    {"future-read", "read-atomic", "1 [[:r :x [1]] [:append :x 1]]"},
    {"duplicate-elements", "read-uncommitted", "1 [[:append :x 1]]; 2 [[:r :x [1 1]]]"},
    {"incompatible-order", "read-committed",
	"1 [[:append :x 1]]; 1 [[:append :x 2]]; 2 [[:r :x [1 2]]]; 2 [[:r :x [2 1]]]"},
    {"G1a", "read-committed", "!1 [[:append :x 1]]; 2 [[:r :x [1]]]"},
    {"dirty-update", "read-committed", "!1 [[:append :x 1]]; 2 [[:append :x 2]]; 2 [[:r :x [1 2]]]"},
    {"G1b", "read-committed", "< 1 [[:append :x 1] [:append :x 2]]; 2 [[:r :x [1]]] >; 1 [[:r :x [1 2]]]"},
    {"lost-update", "update-atomic", "< 1 [[:r :x []] [:append :x 1]]; 2 [[:r :x []] [:append :x 2]] >"},
    {"G0", "read-uncommitted",
	"< 1 [[:append :x 1] [:append :y 1]]; 2 [[:append :x 2] [:append :y 2]] >; 1 [[:r :x [1 2]] [:r :y [2 1]]]"},
    {"G1c", "read-committed", "< 1 [[:append :x 1] [:r :y [1]]]; 2 [[:append :y 1] [:r :x [1]]] >"},
    {"G-single-item", "consistent-view", "< 1 [[:r :x []] [:r :y [1]]]; 2 [[:append :x 1] [:append :y 1]] >"},
    {"G-nonadjacent-item", "snapshot-isolation",
	"< 1 [[:append :x 1]]; 2 [[:append :y 1]]; 3 [[:r :x [1]] [:r :y []]]; 4 [[:r :x []] [:r :y [1]]] >"},
    {"G2-item", "repeatable-read", "< 1 [[:r :x []] [:append :y 1]]; 2 [[:r :y []] [:append :x 1]] >"},
    {"G0-process", "strong-session-read-uncommitted", "1 [[:append :x 1]]; 1 [[:append :x 2]]; 2 [[:r :x [2 1]]]"},
    {"G1c-process", "strong-session-read-committed", "1 [[:r :x [1]]]; 1 [[:append :x 1]]"},
    {"G-single-item-process", "strong-session-snapshot-isolation", "1 [[:append :x 1]]; 1 [[:r :x []]]"},
    {"G-nonadjacent-item-process", "strong-session-snapshot-isolation",
	"< 1 [[:append :x 1]]; 2 [[:append :y 1]] >; < 1 [[:r :y []]]; 2 [[:r :x []]] >"},
    {"G2-item-process", "strong-session-serializable",
	"1 [[:append :z 1]]; < 1 [[:r :x []]]; 2 [[:r :z []] [:append :x 1]] >"},
    {"G0-realtime", "strong-read-uncommitted", "1 [[:append :x 1]]; 2 [[:append :x 2]]; 3 [[:r :x [2 1]]]"},
    {"G1c-realtime", "strong-read-committed", "1 [[:r :x [1]]]; 2 [[:append :x 1]]"},
    {"G-single-item-realtime", "strong-snapshot-isolation", "1 [[:append :x 1]]; 2 [[:r :x []]]"},
    {"G-nonadjacent-item-realtime", "strong-snapshot-isolation",
	"< 1 [[:append :x 1]]; 2 [[:append :y 1]]; 4 [[:r :y [1]] [:r :x []]]; =1; 3 [[:r :y []]] >"},
    {"G2-item-realtime", "strict-serializable",
	"< 1 [[:append :z 1]]; 2 [[:r :z []] [:append :x 1]]; =1; 3 [[:r :x []]] >"},
};
#define PLANTED (sizeof(planted) / sizeof(planted[0]))

/* What a client asks: reads come without their values. */
static const struct value *
request(struct arena *arena, const struct value *txn)
{
	struct value *asked = value_collection(arena, VALUE_VECTOR), *mop;

	for (size_t i = 0; i < txn->count; i++) {
		mop = value_collection(arena, VALUE_VECTOR);
		value_push(arena, mop, txn->items[i]->items[0]);
		value_push(arena, mop, txn->items[i]->items[1]);
		value_push(arena, mop, value_is_keyword(mop->items[0], "r") ? &value_nil : txn->items[i]->items[2]);
		value_push(arena, asked, mop);
	}
	return asked;
}

/* Of one process, or of all. */
static void
complete(struct history *history, struct op *open, size_t *count, int64_t process)
{
	size_t kept = 0, i;

	for (i = 0; i < *count; i++)
		if (process < 0 || open[i].process == process)
			history_append(history, &open[i]);
		else
			open[kept++] = open[i];
	*count = kept;
}

#define PROCESS(digit) (1000 + (digit) - '0')

/* Invokes the transaction at *cursor, with its process and a mark in front. */
static struct op
invoke(struct history *history, const char **cursor, const char *end)
{
	struct op op = {.type = **cursor == '!' ? OP_FAIL : OP_OK, .f = "txn", .pair = -1}, asked;
	const char *error;

	*cursor += **cursor == '!';
	op.process = PROCESS(*(*cursor)++);
	op.value = edn_read(&history->arena, cursor, end, &error);
	assert_non_null(op.value);
	asked = op;
	asked.type = OP_INVOKE;
	asked.value = request(&history->arena, op.value);
	history_append(history, &asked);
	return op;
}

static void
plant(struct history *history, const char *text)
{
	const char *cursor = text, *end = text + strlen(text);
	struct op open[8] = {0};
	bool together = false;
	size_t count = 0;

	while (cursor < end) {
		if (strchr("<>= ;", *cursor) == NULL) {
			open[count++] = invoke(history, &cursor, end);
			if (!together)
				complete(history, open, &count, -1);
			continue;
		}
		if (*cursor == '<' || *cursor == '>')
			together = *cursor == '<';
		if (*cursor == '>')
			complete(history, open, &count, -1);
		else if (*cursor == '=')
			complete(history, open, &count, PROCESS(*++cursor));
		cursor++;
	}
}

static void
planted_anomalies_are_found(void **state)
{
	struct history history = {0};
	struct list_maker maker;
	const struct value *result;
	size_t i;

	(void)state;
	for (i = 0; i < PLANTED * 10; i++) {
		const struct planted *p = &planted[i % PLANTED];
		const char *const models[] = {p->model, NULL};
		const struct check_options options = {.consistency_models = models};

		make(&maker, i, LIST_SERIAL);
		list_history(&maker, &history);
		assert_true(verdict_at(&history, p->model) != VERDICT_INVALID);
		plant(&history, p->txns);
		assert_null(history.fault);
		result = check_list_append(&history.arena, &history, &options);
		if (verdict_of(result) != VERDICT_INVALID || !elle_has_type(result, p->anomaly))
			fail_msg("%s is not found in history %d", p->anomaly, (int)i);
		history_free(&history);
		list_free(&maker);
	}
}

/* ---- all serial orders ------------------------------------------------------------------------------ */

struct orders {
	const struct list_maker *maker;
	bool strict;
	bool done[TINY_TXNS + 1];
	struct list store[LIST_KEYS_MAX];
};

/* Whether all that had completed before it was invoked is done. */
static bool
may_be_next(const struct orders *orders, const struct list_txn *txn)
{
	for (int t = 0; orders->strict && t < orders->maker->count; t++)
		if (orders->maker->made[t].type == OP_OK && !orders->done[t] &&
		    orders->maker->made[t].complete < txn->invoke)
			return false;
	return txn->type == OP_OK || txn->type == OP_INFO;
}

/* Executes it; false: it had read something else. */
static bool
apply(struct orders *orders, const struct list_txn *txn)
{
	for (int m = 0; m < txn->count; m++) {
		const struct list_mop *mop = &txn->mops[m];
		struct list *list = &orders->store[mop->key];

		if (mop->write)
			list->items[list->count++] = mop->element;
		else if (txn->type == OP_OK &&
			 (mop->read.count != list->count ||
			     memcmp(mop->read.items, list->items, sizeof(int) * (size_t)list->count) != 0))
			return false;
	}
	return true;
}

static bool
has_order(const struct orders *before)
{
	struct orders after;
	bool all = true;

	for (int t = 0; t < before->maker->count; t++) {
		if (before->done[t])
			continue;
		all = all && before->maker->made[t].type != OP_OK;
		if (!may_be_next(before, &before->maker->made[t]))
			continue;
		after = *before;
		after.done[t] = true;
		if (apply(&after, &before->maker->made[t]) && has_order(&after))
			return true;
	}
	return all;
}

static void
make_tiny(struct list_maker *maker, uint64_t seed, bool read_all)
{
	*maker = (struct list_maker){0};
	random_seed(&maker->random, seed, "tiny", read_all);
	maker->database = (enum list_database)list_below(maker, LIST_DATABASES);
	maker->txns = 2 + list_below(maker, TINY_TXNS - 2);
	maker->keys = 1 + list_below(maker, 2);
	maker->processes = 1 + list_below(maker, 4);
	maker->length = 3;
	maker->crash_percent = list_below(maker, 3) == 0 ? 30 : 0;
	maker->fail_percent = list_below(maker, 3) == 0 ? 30 : 0;
	list_make(maker);
	if (read_all)
		list_read_all(maker);
}

/* Counts what was decided; returns whether both agree as far as they must. */
static bool
agree(const struct list_maker *maker, bool strict, bool exact, size_t decided[2])
{
	const struct orders orders = {.maker = maker, .strict = strict};
	struct history history = {0};
	bool exists = has_order(&orders), rejected;

	list_history(maker, &history);
	rejected = verdict_at(&history, strict ? "strict-serializable" : "serializable") == VERDICT_INVALID;
	history_free(&history);
	decided[rejected]++;
	return rejected ? !exists : exists || !exact;
}

static void
compare_with_orders(bool exact)
{
	size_t decided[2][2] = {{0}};
	struct list_maker maker;

	for (uint64_t seed = 0; seed < TINY_SEEDS; seed++) {
		make_tiny(&maker, seed, exact);
		for (int strict = 0; strict < 2; strict++)
			if (!agree(&maker, strict, exact, decided[strict]))
				fail_msg("seed %d, %s", (int)seed, strict ? "strict" : "serializable");
		list_free(&maker);
	}
	for (int strict = 0; strict < 2; strict++)
		assert_true(decided[strict][0] > TINY_SEEDS / 10 && decided[strict][1] > TINY_SEEDS / 10);
}

static void
observed_histories_agree_with_serial_orders(void **state)
{
	(void)state;
	compare_with_orders(true);
}

static void
what_is_rejected_has_no_serial_order(void **state)
{
	(void)state;
	compare_with_orders(false);
}

/* ---- what Elle says ----------------------------------------------------------------------------- */

#define JUDGED_MIN 90

static const char *file_name = "tests/random/list-append.edn";

static void
assert_judged(const char *options_text, const char *history_text, const char *result_text)
{
	const char *models[] = {NULL, NULL};
	struct check_options options = {.consistency_models = models};
	const struct value *ours, *elles;
	struct history history;

	history_from(&history, history_text);
	models[0] = value_get(edn(&history.arena, options_text), "consistency-models")->items[0]->text;
	elles = edn(&history.arena, result_text);
	ours = check_list_append(&history.arena, &history, &options);
	if (!elle_agrees(ours, elles) || (value_get(ours, "error") == NULL) != (value_get(elles, "error") == NULL))
		fail_msg("not so: %s\n%s%s", result_text, options_text, history_text);
	history_free(&history);
}

static void
elle_says_the_same(void **state)
{
	char *lines[3] = {0};
	size_t sizes[3] = {0}, count = 0;
	FILE *file = fopen(file_name, "r");

	(void)state;
	if (file == NULL)
		fail_msg("cannot open %s", file_name);
	while (getline(&lines[count % 3], &sizes[count % 3], file) > 0)
		if (++count % 3 == 0)
			assert_judged(lines[0], lines[1], lines[2]);
	assert_true(count / 3 >= JUDGED_MIN);
	for (size_t i = 0; i < 3; i++)
		free(lines[i]);
	fclose(file);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(serial_histories_are_accepted),
	    cmocka_unit_test(planted_anomalies_are_found),
	    cmocka_unit_test(observed_histories_agree_with_serial_orders),
	    cmocka_unit_test(what_is_rejected_has_no_serial_order),
	    cmocka_unit_test(elle_says_the_same),
	};

	if (getenv("RANDOM_LIST_APPEND") != NULL)
		file_name = getenv("RANDOM_LIST_APPEND");
	if (argc > 1)
		file_name = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
