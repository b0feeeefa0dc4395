/*
 * The checker of registers on random histories: those of a strict serializable
 * database are accepted, what is rejected has no serial order, and of others it
 * says what Elle has said of them. Those are in a file, three lines each:
 * options, history and result; it is the first argument, or $RANDOM_RW_REGISTER,
 * or tests/random/rw-register.edn.
 */
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "check/rw_register.h"
#include "elle_help.h"
#include "rw_histories.h"

#define SERIAL_HISTORIES 600
#define TINY_HISTORIES   6000 /* of each model */
#define TINY_TXNS        6

static const char *file_name = "tests/random/rw-register.edn";

static bool
is_accepted(const struct made *made, const struct check_options *options)
{
	struct history history = {0};
	const struct value *result;
	bool accepted;

	made_history(made, &history);
	result = check_rw_register(&history.arena, &history, options);
	/* A history without dependencies is not valid for Maelstrom: that is not what is asked here. */
	accepted =
	    value_get(result, "anomaly-types")->count == (elle_has_type(result, "empty-transaction-graph") ? 1 : 0);
	history_free(&history);
	return accepted;
}

/* ---- right by construction ------------------------------------------------------------ */

static void
serial_executions_are_accepted(void **state)
{
	static struct made made;
	struct check_options options = {0};

	(void)state;
	for (uint64_t seed = 0; seed < SERIAL_HISTORIES; seed++) {
		options.sequential_keys = seed % 2 == 0;
		options.linearizable_keys = seed % 3 == 0;
		made_generate(&made, seed, MADE_SERIAL, MADE_TXNS_MAX);
		if (!is_accepted(&made, &options))
			fail_msg("seed %d", (int)seed);
	}
}

/* Snapshot isolation as such: a history may not be serializable, but must satisfy what it promises. */
static void
snapshots_are_accepted(void **state)
{
	static const char *const models[] = {"strong-snapshot-isolation", NULL};
	const struct check_options options = {.consistency_models = models};
	static struct made made;

	(void)state;
	for (uint64_t seed = 0; seed < SERIAL_HISTORIES; seed++) {
		made_generate(&made, seed, MADE_ISOLATED, MADE_TXNS_MAX);
		if (!is_accepted(&made, &options))
			fail_msg("seed %d", (int)seed);
	}
}

/* ---- serial orders ------------------------------------------------------------------------- */

/* Applies a transaction to a state. False: it read something else. What a crashed one read is not known. */
static bool
apply(const struct made_txn *txn, int *store)
{
	for (int i = 0; i < txn->count; i++) {
		if (txn->mops[i].write)
			store[txn->mops[i].key] = txn->mops[i].value;
		else if (txn->type == OP_OK && store[txn->mops[i].key] != txn->mops[i].value)
			return false;
	}
	return true;
}

/* In real time, whatever had completed before it was invoked must be done. */
static bool
may_be_next(const struct made *made, unsigned done, int next, bool strict)
{
	for (int i = 0; strict && i < made->count; i++)
		if ((done >> i & 1) == 0 && made->txns[i].type == OP_OK &&
		    made->txns[i].complete < made->txns[next].invoke)
			return false;
	return made->txns[next].type != OP_FAIL;
}

/* Whether what is not done yet has an order: all that succeeded, and as much as it takes of what crashed. */
static bool
has_order(const struct made *made, unsigned done, const int *store, bool strict)
{
	int next[MADE_KEYS_MAX];
	bool finished = true;

	for (int i = 0; i < made->count; i++)
		finished &= (done >> i & 1) != 0 || made->txns[i].type != OP_OK;
	for (int i = 0; i < made->count && !finished; i++) {
		if ((done >> i & 1) != 0 || !may_be_next(made, done, i, strict))
			continue;
		memcpy(next, store, sizeof(next));
		finished = apply(&made->txns[i], next) && has_order(made, done | 1U << i, next, strict);
	}
	return finished;
}

/*
 * What is rejected must have no serial order. The other way round does not
 * hold: where nothing tells the order of two versions, registers hide
 * anomalies. How many they hide is counted.
 */
static void
assert_sound(const char *model, bool strict)
{
	static const int empty[MADE_KEYS_MAX];
	const char *const models[] = {model, NULL};
	struct check_options options = {.consistency_models = models};
	int good = 0, rejected = 0, hidden = 0;
	static struct made made;

	for (uint64_t seed = 0; seed < TINY_HISTORIES; seed++) {
		options.linearizable_keys = strict && seed % 2 == 0; /* which follows from strict serializability */
		made_generate(&made, seed, (enum made_database)(seed % MADE_DATABASES), TINY_TXNS);
		if (seed / MADE_DATABASES % 2 == 0)
			made_spoil(&made);
		if (has_order(&made, 0, empty, strict)) {
			if (!is_accepted(&made, &options))
				fail_msg("%s, seed %d: rejected, but there is an order", model, (int)seed);
			good++;
		} else if (is_accepted(&made, &options)) {
			hidden++;
		} else {
			rejected++;
		}
	}
	print_message("%s: %d have a serial order, %d have none: %d are rejected, %d hidden\n", model, good,
	    rejected + hidden, rejected, hidden);
	assert_true(good > TINY_HISTORIES / 4);
	assert_true(rejected > TINY_HISTORIES / 8);
	assert_true(hidden > 0 && hidden < rejected);
}

static void
rejected_histories_have_no_serial_order(void **state)
{
	(void)state;
	assert_sound("serializable", false);
}

static void
rejected_histories_have_no_serial_order_in_real_time(void **state)
{
	(void)state;
	assert_sound("strict-serializable", true);
}

/* ---- links of linearizable keys -------------------------------------------------------------- */

/* Whether one comes right after the other in real time: nothing that succeeded lies between. */
static bool
is_next(const struct elle *elle, uint32_t from, uint32_t to)
{
	const struct elle_txn *a = &elle->txns[from], *b = &elle->txns[to];

	if (a->type != OP_OK || a->complete > b->invoke)
		return false;
	for (uint32_t t = 0; t < elle->completed; t++)
		if (elle->txns[t].type == OP_OK && elle->txns[t].invoke > a->complete &&
		    elle->txns[t].complete < b->invoke)
			return false;
	return true;
}

/* The version that a transaction left, or that it found. */
static uint32_t
version_at(const struct rw_register *rw, const struct rw_access *access, bool left)
{
	uint32_t versions[] = {left ? access->write : access->read, left ? access->read : access->write};

	for (int i = 0; i < 2; i++)
		if (versions[i] != ELLE_NONE && !rw_is_initial(rw, versions[i]))
			return versions[i];
	return rw->initial + access->key;
}

/* Marks the links from `first` along all ways from `at` that do not lead over the key. */
static void
mark_links(
    const struct rw_register *rw, const struct rw_access *first, uint32_t at, uint32_t key, bool *been, bool *links)
{
	const struct rw_access *access;

	for (uint32_t t = 0; t < rw->elle->completed; t++) {
		if (been[t] || !is_next(rw->elle, at, t))
			continue;
		been[t] = true;
		access = rw_access_of(rw, t, key);
		if (access == NULL)
			mark_links(rw, first, t, key, been, links);
		else if (rw->elle->txns[t].type == OP_OK || access->write != ELLE_NONE)
			links[version_at(rw, first, true) * rw->versions + version_at(rw, access, false)] = true;
	}
}

static void
mark_all_links(const struct rw_register *rw, bool *links)
{
	bool *been = calloc(rw->elle->txn_count, sizeof(*been));

	for (uint32_t t = 0; t < rw->elle->completed; t++)
		for (size_t i = rw->access_first[t]; i < rw->access_first[t + 1] && rw->elle->txns[t].type == OP_OK;
		     i++) {
			memset(been, 0, rw->elle->txn_count * sizeof(*been));
			mark_links(rw, &rw->accesses[i], t, rw->accesses[i].key, been, links);
		}
	for (uint32_t v = 0; v < rw->versions; v++)
		links[v * rw->versions + v] = false;
	free(been);
}

static void
assert_links(struct rw_register *rw)
{
	bool *expected = calloc((size_t)rw->versions * rw->versions, sizeof(*expected));
	bool *found = calloc((size_t)rw->versions * rw->versions, sizeof(*found));
	struct rw_links links = {0};

	mark_all_links(rw, expected);
	rw_link_linearizable_keys(rw, &links);
	for (size_t i = 0; i < links.count; i++)
		found[links.items[i].from * rw->versions + links.items[i].to] = true;
	assert_memory_equal(found, expected, (size_t)rw->versions * rw->versions * sizeof(*found));
	free(links.items);
	free(expected);
	free(found);
}

/* The sweep finds just those links that all ways through the order of transactions give. */
static void
linearizable_keys_link_neighbours(void **state)
{
	const struct check_options options = {0};
	static struct made made;
	struct history history;
	struct elle elle;

	(void)state;
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct rw_register rw = {.elle = &elle};

		history = (struct history){0};
		made_generate(&made, seed, (enum made_database)(seed % MADE_DATABASES), 40);
		made_history(&made, &history);
		elle_init(&elle, &history.arena, &history, &options, &rw_register_workload, &rw);
		assert_true(rw_read(&rw));
		assert_links(&rw);
		rw_free(&rw);
		elle_free(&elle);
		history_free(&history);
	}
}

/* ---- judged by Elle ---------------------------------------------------------------------------- */

struct line {
	char *text;
	size_t room;
};

static bool
next_line(FILE *file, struct line *line)
{
	return getline(&line->text, &line->room, file) > 0;
}

static void
judge(const char *options_text, const char *history_text, const char *result_text, int line)
{
	const char *models[] = {NULL, NULL};
	struct check_options options = {.consistency_models = models};
	const struct value *given;
	struct history history;

	history_from(&history, history_text);
	given = edn(&history.arena, options_text);
	models[0] = value_get(given, "consistency-models")->items[0]->text;
	options.sequential_keys = value_get(given, "sequential-keys?")->boolean;
	options.linearizable_keys = value_get(given, "linearizable-keys?")->boolean;
	if (!elle_agrees(check_rw_register(&history.arena, &history, &options), edn(&history.arena, result_text)))
		fail_msg("line %d: Elle says something else", line);
	history_free(&history);
}

static void
elle_says_the_same(void **state)
{
	struct line options = {0}, history = {0}, result = {0};
	FILE *file = fopen(file_name, "r");
	int line = 1;

	(void)state;
	if (file == NULL)
		fail_msg("cannot open %s", file_name);
	for (; next_line(file, &options); line += 3) {
		assert_true(next_line(file, &history) && next_line(file, &result));
		judge(options.text, history.text, result.text, line);
	}
	assert_true(line > 3 * 100);
	free(options.text);
	free(history.text);
	free(result.text);
	fclose(file);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(serial_executions_are_accepted),
	    cmocka_unit_test(snapshots_are_accepted),
	    cmocka_unit_test(rejected_histories_have_no_serial_order),
	    cmocka_unit_test(rejected_histories_have_no_serial_order_in_real_time),
	    cmocka_unit_test(linearizable_keys_link_neighbours),
	    cmocka_unit_test(elle_says_the_same),
	};

	if (getenv("RANDOM_RW_REGISTER") != NULL)
		file_name = getenv("RANDOM_RW_REGISTER");
	if (argc > 1)
		file_name = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
