/*
 * The check of linearizability: what it says of short histories in text, the
 * same as brute force of thousands of random small ones, and within its time
 * of large ones that are linearizable by construction, or nearly so.
 */
#include <stdlib.h>
#include <time.h>

#include "check_help.h"
#include "memory.h"
#include "random.h"

/* ---- made-up histories ------------------------------------------------------------ */

#define PROCESSES_MAX 32

/* How a history is made: a register, and processes whose operations take effect somewhere between the ends. */
struct shape {
	int operations, processes, values, keys;
	int crashes;  /* of a thousand changes */
	int crashed;  /* at most so many; 0: any number */
	int lies;     /* of a thousand answers: a read's value is made up, or a failed cas succeeds */
	bool all_mix; /* every process does everything; otherwise half of them only read */
};

struct process {
	bool busy, done, worked; /* has taken effect, and so */
	int64_t id;
	int key, from, to; /* a read: from is what it saw */
	const char *f;
};

struct maker {
	struct history *history;
	struct random random;
	struct shape shape;
	struct process processes[PROCESSES_MAX];
	int registers[64]; /* -1: nil */
	int invoked, crashed;
};

static int
below(struct maker *m, int bound)
{
	return (int)random_below(&m->random, (uint64_t)bound);
}

static bool
chance(struct maker *m, int permille)
{
	return below(m, 1000) < permille;
}

static const struct value *
number_or_nil(struct arena *arena, int number)
{
	return number < 0 ? &value_nil : value_int(arena, number);
}

static const struct value *
pair_of(struct arena *arena, const struct value *a, const struct value *b)
{
	struct value *pair = value_collection(arena, VALUE_VECTOR);

	value_push(arena, pair, a);
	value_push(arena, pair, b);
	return pair;
}

static void
record(struct maker *m, const struct process *p, enum op_type type)
{
	struct arena *arena = &m->history->arena;
	const struct value *value = number_or_nil(arena, p->to);
	struct op op = {.index = -1, .time = (int64_t)m->history->count, .type = type, .process = p->id, .f = p->f};

	if (strcmp(p->f, "read") == 0)
		value = type == OP_OK ? number_or_nil(arena, p->from) : &value_nil;
	else if (strcmp(p->f, "cas") == 0)
		value = pair_of(arena, value_int(arena, p->from), value_int(arena, p->to));
	op.value = pair_of(arena, value_int(arena, p->key), value);
	history_append(m->history, &op);
}

static void
start_op(struct maker *m, int i)
{
	struct process *p = &m->processes[i];
	bool reads = m->shape.all_mix ? below(m, 2) == 0 : i < m->shape.processes / 2;

	p->busy = true;
	p->done = p->worked = false;
	p->key = below(m, m->shape.keys);
	p->from = below(m, m->shape.values);
	p->to = below(m, m->shape.values);
	p->f = reads ? "read" : below(m, 3) == 0 ? "write" : "cas";
	m->invoked++;
	record(m, p, OP_INVOKE);
}

static void
take_effect(struct maker *m, struct process *p)
{
	int *value = &m->registers[p->key];

	p->done = p->worked = true;
	if (strcmp(p->f, "read") == 0)
		p->from = *value;
	else if (strcmp(p->f, "write") == 0 || *value == p->from)
		*value = p->to;
	else
		p->worked = false;
}

static void
end_op(struct maker *m, struct process *p)
{
	bool reads = strcmp(p->f, "read") == 0;

	p->busy = false;
	if (!reads && chance(m, m->shape.crashes) && (m->shape.crashed == 0 || m->crashed < m->shape.crashed)) {
		m->crashed++;
		if (below(m, 2) == 0) /* otherwise the history never tells */
			record(m, p, OP_INFO);
		p->id += m->shape.processes;
		return;
	}
	if (!p->done)
		take_effect(m, p);
	if (chance(m, m->shape.lies)) {
		p->worked = true;
		if (reads)
			p->from = below(m, m->shape.values);
	}
	record(m, p, p->worked ? OP_OK : OP_FAIL);
}

/* One step of one process at a time, in random order. */
static void
make_history(struct history *history, uint64_t seed, const struct shape *shape)
{
	struct maker m = {.history = history, .shape = *shape};
	int idle = 0;

	*history = (struct history){0};
	random_seed(&m.random, seed, "history", 0);
	memset(m.registers, 0xff, sizeof(m.registers));
	for (int i = 0; i < shape->processes; i++)
		m.processes[i].id = i;
	while (m.invoked < shape->operations || idle < shape->processes) {
		int i = below(&m, shape->processes);
		struct process *p = &m.processes[i];

		if (!p->busy && m.invoked < shape->operations)
			start_op(&m, i);
		else if (p->busy && !p->done && below(&m, 3) > 0)
			take_effect(&m, p);
		else if (p->busy)
			end_op(&m, p);
		idle = 0;
		for (int k = 0; k < shape->processes; k++)
			idle += !m.processes[k].busy;
	}
}

/* ---- brute force -------------------------------------------------------------------- */

#define BRUTE_MAX 12

struct brute_op {
	const char *f;
	const struct value *value;
	int64_t invoked, completed;
	bool crashed;
};

struct brute {
	struct brute_op ops[BRUTE_MAX];
	int count;
};

static void
brute_take(struct brute *b, const struct history *history, int64_t key)
{
	b->count = 0;
	for (size_t i = 0; i < history->count; i++) {
		const struct op *op = &history->ops[i], *end = op->pair >= 0 ? &history->ops[op->pair] : NULL;

		if (op->type != OP_INVOKE || op->value->items[0]->integer != key || (end && end->type == OP_FAIL))
			continue;
		assert_true(b->count < BRUTE_MAX);
		b->ops[b->count++] = (struct brute_op){
		    .f = op->f,
		    .value = (end != NULL && end->type == OP_OK ? end : op)->value->items[1],
		    .invoked = (int64_t)i,
		    .completed = end != NULL && end->type == OP_OK ? op->pair : INT64_MAX,
		    .crashed = end == NULL || end->type != OP_OK,
		};
	}
}

static bool
brute_fits(const struct brute_op *op, const struct value *state, const struct value **then)
{
	*then = state;
	if (strcmp(op->f, "read") == 0)
		return op->value->type == VALUE_NIL || value_equal(op->value, state);
	if (strcmp(op->f, "cas") == 0) {
		*then = op->value->items[1];
		return value_equal(op->value->items[0], state);
	}
	*then = op->value;
	return true;
}

/* Tries every operation that may come next: all that completed before it was invoked have had their turn. */
static bool
brute_force(const struct brute *b, unsigned taken, const struct value *state)
{
	bool finished = true;

	for (int i = 0; i < b->count; i++)
		finished = finished && (b->ops[i].crashed || taken >> i & 1);
	if (finished)
		return true;
	for (int i = 0; i < b->count; i++) {
		const struct value *then;
		bool first = !(taken >> i & 1) && brute_fits(&b->ops[i], state, &then);

		for (int k = 0; first && k < b->count; k++)
			first = taken >> k & 1 || b->ops[k].completed > b->ops[i].invoked;
		if (first && brute_force(b, taken | 1U << i, then))
			return true;
	}
	return false;
}

struct tally {
	int valid, invalid;
};

static void
compare(uint64_t seed, const struct shape *shape, struct tally *tally)
{
	const struct check_options options = {0};
	struct history history;
	const struct value *result, *results;
	struct buffer text = {0};
	struct brute brute;
	bool all = true;

	make_history(&history, seed, shape);
	result = check_linearizable(&history.arena, &history, &options);
	results = value_get(result, "results");
	for (size_t i = 0; i + 1 < results->count; i += 2) {
		bool expected;

		brute_take(&brute, &history, results->items[i]->integer);
		expected = brute_force(&brute, 0, &value_nil);
		all = all && expected;
		if (verdict_of(results->items[i + 1]) != (expected ? VERDICT_VALID : VERDICT_INVALID)) {
			edn_write(&text, results->items[i + 1]);
			history_write(&history, stderr);
			fail_msg("seed %d: %s", (int)seed, buffer_string(&text));
		}
	}
	assert_int_equal(verdict_of(result), all ? VERDICT_VALID : VERDICT_INVALID);
	*(all ? &tally->valid : &tally->invalid) += 1;
	history_free(&history);
}

static void
test_against_brute_force(void **state)
{
	static const struct shape shapes[] = {
	    {.operations = 6, .processes = 3, .values = 2, .keys = 1, .lies = 150},
	    {.operations = 7, .processes = 4, .values = 2, .keys = 1, .lies = 200, .crashes = 300, .all_mix = true},
	    {.operations = 8, .processes = 4, .values = 3, .keys = 1, .lies = 150, .crashes = 600},
	    {.operations = 9, .processes = 6, .values = 2, .keys = 1, .lies = 300, .crashes = 500, .all_mix = true},
	    {.operations = 10, .processes = 4, .values = 2, .keys = 2, .lies = 100, .crashes = 300, .all_mix = true},
	    {.operations = 8, .processes = 8, .values = 2, .keys = 1, .lies = 500, .crashes = 800, .all_mix = true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct tally tally = {0};

		for (uint64_t seed = 0; seed < 1500; seed++)
			compare(seed, &shapes[i], &tally);
		assert_true(tally.valid >= 200 && tally.invalid >= 200);
	}
}
/* ---- large ones ------------------------------------------------------------------------- */

static double
now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Checks a history of that shape; returns the processor time it took, in seconds. */
static double
time_of(uint64_t seed, const struct shape *shape, enum verdict *verdict)
{
	const struct check_options options = {0};
	struct history history;
	double began, took;

	make_history(&history, seed, shape);
	began = now_s();
	*verdict = verdict_of(check_linearizable(&history.arena, &history, &options));
	took = now_s() - began;
	history_free(&history);
	return took;
}

/* `valid` and `invalid` of ten such histories, each within a second. */
static void
assert_fast(const struct shape *shape, int valid, int invalid)
{
	int counts[3] = {0};

	for (uint64_t seed = 0; seed < 10; seed++) {
		enum verdict verdict;

		assert_true(time_of(seed, shape, &verdict) < 1);
		counts[verdict]++;
	}
	assert_true(counts[VERDICT_VALID] >= valid && counts[VERDICT_INVALID] >= invalid);
}

static void
test_large_histories(void **state)
{
	struct shape many = {.operations = 10000, .processes = 10, .values = 5, .keys = 50};
	struct shape one = {.operations = 10000, .processes = 10, .values = 5, .keys = 1, .all_mix = true};
	struct shape wide = {.operations = 5000, .processes = 32, .values = 5, .keys = 1};

	(void)state;
	assert_fast(&many, 10, 0);
	assert_fast(&one, 10, 0);
	assert_fast(&wide, 10, 0);
	many.lies = one.lies = 2;
	assert_fast(&many, 0, 10);
	assert_fast(&one, 0, 10);
	many.lies = 0;
	many.crashes = 10;
	assert_fast(&many, 10, 0);
}

static void
test_crashes(void **state)
{
	struct shape shape = {
	    .operations = 1000, .processes = 10, .values = 5, .keys = 1, .crashes = 60, .crashed = 20};

	(void)state;
	assert_fast(&shape, 8, 0);
	shape.lies = 10;
	assert_fast(&shape, 0, 6);
}

/* Twenty crashed changes among the first ones, and nobody who only reads: dear, but decided. */
static void
test_early_crashes(void **state)
{
	const struct shape shape = {.operations = 1000,
	    .processes = 10,
	    .values = 5,
	    .keys = 1,
	    .crashes = 300,
	    .crashed = 20,
	    .all_mix = true};
	enum verdict verdict;

	(void)state;
	for (uint64_t seed = 1; seed <= 2; seed++) {
		time_of(seed, &shape, &verdict);
		assert_int_equal(verdict, VERDICT_VALID);
	}
}

/* What is too much is given up in time. */
static void
test_too_many_crashes(void **state)
{
	const struct shape hard = {
	    .operations = 5000, .processes = 10, .values = 9, .keys = 1, .crashes = 200, .all_mix = true};
	enum verdict verdict;

	(void)state;
	assert_true(time_of(1, &hard, &verdict) < 20); /* with a sanitizer; 2 s without */
	assert_int_equal(verdict, VERDICT_UNKNOWN);
}

/* ---- short ones --------------------------------------------------------------------------- */

#define CHECK(history, key, printed) assert_result(check_linearizable, history, key, printed)

static void
test_verdicts(void **state)
{
	static const struct {
		const char *history, *verdict;
	} cases[] = {
	    {"", "true"},
	    {OP(0, 0, invoke, read, "[0 nil]") OP(1, 0, ok, read, "[0 nil]"), "true"},
	    {OP(0, 0, invoke, read, "[0 nil]") OP(1, 0, ok, read, "[0 3]"), "false"},
	    /* A write that failed, that nobody heard of again, and that has no end. */
	    {OP(0, 0, invoke, write, "[0 3]") OP(1, 0, fail, write, "[0 3]") OP(2, 0, invoke, read, "[0 nil]")
		    OP(3, 0, ok, read, "[0 3]"),
		"false"},
	    {OP(0, 0, invoke, write, "[0 3]") OP(1, 0, info, write, "[0 3]") OP(2, 1, invoke, read, "[0 nil]")
		    OP(3, 1, ok, read, "[0 3]"),
		"true"},
	    {OP(0, 0, invoke, write, "[0 3]") OP(2, 1, invoke, read, "[0 nil]") OP(3, 1, ok, read, "[0 3]"), "true"},
	    /* It takes effect once. */
	    {OP(0, 0, invoke, write, "[0 3]") OP(1, 1, invoke, write, "[0 4]") OP(2, 1, ok, write, "[0 4]")
		    OP(3, 1, invoke, read, "[0 nil]") OP(4, 1, ok, read, "[0 3]") OP(5, 1, invoke, write, "[0 4]")
			OP(6, 1, ok, write, "[0 4]") OP(7, 1, invoke, read, "[0 nil]") OP(8, 1, ok, read, "[0 3]"),
		"false"},
	    /* Not before it was invoked. */
	    {OP(0, 1, invoke, read, "[0 nil]") OP(1, 1, ok, read, "[0 3]") OP(2, 0, invoke, write, "[0 3]")
		    OP(3, 0, info, write, "[0 3]"),
		"false"},
	    /* A read that came back empty says nothing, as in knossos. */
	    {OP(0, 0, invoke, write, "[0 3]") OP(1, 0, ok, write, "[0 3]") OP(2, 0, invoke, read, "[0 nil]")
		    OP(3, 0, ok, read, "[0 nil]"),
		"true"},
	    /* Two reads beside a write may not see it and then not. */
	    {OP(0, 0, invoke, write, "[0 3]") OP(1, 0, ok, write, "[0 3]") OP(2, 0, invoke, write, "[0 4]")
		    OP(3, 1, invoke, read, "[0 nil]") OP(4, 1, ok, read, "[0 4]") OP(5, 1, invoke, read, "[0 nil]")
			OP(6, 1, ok, read, "[0 3]") OP(7, 0, ok, write, "[0 4]"),
		"false"},
	    /* Values of any kind, equal as Clojure has it. */
	    {OP(0, 0, invoke, write, "[0 {\"a\" [1 2.5]}]") OP(1, 0, ok, write, "[0 {\"a\" [1 2.5]}]") OP(
		 2, 0, invoke, cas, "[0 [{\"a\" (1 2.5)} \"x\"]]") OP(3, 0, ok, cas, "[0 [{\"a\" (1 2.5)} \"x\"]]")
		    OP(4, 0, invoke, read, "[0 nil]") OP(5, 0, ok, read, "[0 \"x\"]"),
		"true"},
	    {OP(0, 0, invoke, write, "[0 1]") OP(1, 0, ok, write, "[0 1]") OP(2, 0, invoke, cas, "[0 [1.0 2]]")
		    OP(3, 0, ok, cas, "[0 [1.0 2]]"),
		"false"},
	    {OP(0, 0, invoke, write, "[0 nil]") OP(1, 0, ok, write, "[0 nil]") OP(2, 0, invoke, cas, "[0 [nil 2]]")
		    OP(3, 0, ok, cas, "[0 [nil 2]]"),
		"true"},
	    /* The nemesis is no client. */
	    {NEMESIS(0, start, "nil") OP(0, 0, invoke, read, "[0 nil]") OP(1, 0, fail, read, "[0 nil]"), "true"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK(cases[i].history, "valid?", cases[i].verdict);
}

#define WRITTEN(key, value) OP(0, 0, invoke, write, "[" key " " value "]") OP(1, 0, ok, write, "[" key " " value "]")

static void
test_keys_are_judged_apart(void **state)
{
	static const char history[] =
	    WRITTEN("2", "7") WRITTEN("1", "8") OP(2, 0, invoke, read, "[2 nil]") OP(3, 0, ok, read, "[2 8]")
		OP(4, 0, invoke, read, "[1 nil]") OP(5, 0, ok, read, "[1 8]") OP(6, 0, invoke, read, "[0 nil]");
	const struct check_options options = {0};
	struct history h;
	const struct value *results;

	(void)state;
	CHECK(history, "valid?", "false");
	CHECK(history, "failures", "[2]");
	history_from(&h, history);
	results = value_get(check_linearizable(&h.arena, &h, &options), "results");
	assert_int_equal(results->count, 6);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(results->items[(size_t)i * 2]->integer, i);
		assert_int_equal(
		    verdict_of(results->items[(size_t)i * 2 + 1]), i == 2 ? VERDICT_INVALID : VERDICT_VALID);
	}
	history_free(&h);
}

#define SHOWN(process, type, f, value, index)                                                                          \
	"{:process " process ", :type :" type ", :f :" f ", :value " value ", :index " index ", :time " index "000000" \
	"}"
#define MODEL(value) "#knossos.model.CASRegister{:value " value "}"

/* The operation, what came before it, what could have been, and why it could not. */
static void
test_explanation(void **state)
{
	static const char history[] = OP(0, 0, invoke, write, "[0 1]") OP(1, 0, ok, write, "[0 1]")
	    OP(2, 1, invoke, cas, "[0 [1 2]]") OP(3, 2, invoke, read, "[0 nil]") OP(4, 2, ok, read, "[0 3]");
	static const char last[] = SHOWN("0", "ok", "write", "1", "1");
	static const char pending[] = SHOWN("1", "invoke", "cas", "[1 2]", "2");
	static const char fault[] = SHOWN("2", "ok", "read", "3", "4");
	const struct check_options options = {0};
	struct history h;
	const struct value *result, *one;
	struct buffer text = {0};

	(void)state;
	history_from(&h, history);
	result = check_linearizable(&h.arena, &h, &options);
	one = value_get(value_get(result, "results")->items[1], "linearizable");
	assert_prints(value_get(one, "op"), fault);
	assert_prints(value_get(one, "previous-ok"), last);
	assert_prints(value_get(one, "last-op"), last);
	buffer_printf(&text, "({:model %s, :last-op %s, :pending [%s %s]})", MODEL("1"), last, pending,
	    SHOWN("2", "invoke", "read", "3", "3"));
	assert_prints(value_get(one, "configs"), buffer_string(&text));
	text.length = 0;
	buffer_printf(&text, "([{:op %s, :model %s} ", last, MODEL("1"));
	buffer_printf(
	    &text, "{:op %s, :model #knossos.model.Inconsistent{:msg \"can't read 3 from register 1\"}}] ", fault);
	buffer_printf(&text, "[{:op %s, :model %s} {:op %s, :model %s} ", last, MODEL("1"), pending, MODEL("2"));
	buffer_printf(
	    &text, "{:op %s, :model #knossos.model.Inconsistent{:msg \"can't read 3 from register 2\"}}])", fault);
	assert_prints(value_get(one, "final-paths"), buffer_string(&text));
	buffer_free(&text);
	assert_prints(value_get(result, "eddy/explanation"),
	    "[\"key 0: nothing explains what operation 4 returned\" "
	    "\"       0-1      process 0 write 1\" \"       2-       process 1 cas [1 2]  (in flight)\" "
	    "\"  by then the register held 1\" \"       3-4      process 2 read 3  (does not fit)\"]");
	history_free(&h);
}

static void
test_explanation_of_a_cas(void **state)
{
	const struct check_options options = {0};
	struct history h;
	const struct value *paths;
	struct buffer text = {0};

	(void)state;
	history_from(&h, OP(0, 0, invoke, cas, "[0 [1 2]]") OP(1, 0, ok, cas, "[0 [1 2]]"));
	paths = value_get(check_linearizable(&h.arena, &h, &options), "results")->items[1];
	paths = value_get(value_get(paths, "linearizable"), "final-paths");
	buffer_printf(&text, "([{:op %s, :model #knossos.model.Inconsistent{:msg \"can't CAS nil from 1 to 2\"}}])",
	    SHOWN("0", "ok", "cas", "[1 2]", "1"));
	assert_prints(paths, buffer_string(&text));
	buffer_free(&text);
	history_free(&h);
}

/* Of many open operations ten ways are shown, the shortest ones. */
static void
test_explanation_is_bounded(void **state)
{
	const struct check_options options = {0};
	struct buffer text = {0};
	struct history h;
	const struct value *one;

	(void)state;
	for (int i = 1; i <= 30; i++)
		buffer_printf(&text, "{:process %d, :type :invoke, :f :write, :value [0 %d]}\n", i, i);
	buffer_append_string(&text, OP(1, 0, invoke, read, "[0 nil]") OP(2, 0, ok, read, "[0 99]"));
	history_from(&h, buffer_string(&text));
	one = value_get(check_linearizable(&h.arena, &h, &options), "results")->items[1];
	one = value_get(one, "linearizable");
	assert_int_equal(value_get(one, "final-paths")->count, 10);
	assert_int_equal(value_get(one, "final-paths")->items[0]->count, 1);
	assert_int_equal(value_get(one, "final-paths")->items[9]->count, 2);
	assert_int_equal(value_get(one, "configs")->count, 1);
	buffer_free(&text);
	history_free(&h);
}

/* What Jepsen's checker would throw at. */
static void
test_what_cannot_be_judged(void **state)
{
	(void)state;
	assert_fails(check_linearizable, OP(0, 0, invoke, read, "nil"));
	assert_fails(check_linearizable, OP(0, 0, invoke, read, "[0 nil 1]"));
	assert_fails(check_linearizable, OP(0, 0, invoke, read, "[0 nil]") OP(1, 0, ok, read, "[1 2]"));
	assert_fails(check_linearizable, OP(0, 0, invoke, read, "[0 nil]") OP(1, 0, ok, read, "[]"));
	assert_fails(check_linearizable, OP(0, 0, invoke, read, "[0 nil]") OP(1, 0, invoke, read, "[0 nil]"));
	assert_fails(check_linearizable, OP(0, 0, invoke, read, "[0 nil]") OP(0, 1, invoke, read, "[\"x\" nil]"));
	/* One key that is not a register's leaves the others alone. */
	CHECK(OP(0, 0, invoke, add, "[0 1]") OP(1, 0, ok, add, "[0 1]") WRITTEN("1", "2"), "valid?", ":unknown");
	CHECK(OP(0, 0, invoke, cas, "[0 1]") OP(1, 0, ok, cas, "[0 1]") WRITTEN("1", "2"), "failures", "[]");
	CHECK(OP(0, 0, invoke, add, "[0 1]") OP(1, 0, fail, add, "[0 1]") WRITTEN("1", "2"), "valid?", "true");
	CHECK(OP(0, 5, invoke, add, "[0 1]") WRITTEN("1", "2") OP(2, 0, invoke, read, "[1 nil]")
		  OP(3, 0, ok, read, "[1 3]"),
	    "valid?", "false");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_verdicts),
	    cmocka_unit_test(test_keys_are_judged_apart),
	    cmocka_unit_test(test_explanation),
	    cmocka_unit_test(test_explanation_of_a_cas),
	    cmocka_unit_test(test_explanation_is_bounded),
	    cmocka_unit_test(test_what_cannot_be_judged),
	    cmocka_unit_test(test_against_brute_force),
	    cmocka_unit_test(test_large_histories),
	    cmocka_unit_test(test_crashes),
	    cmocka_unit_test(test_early_crashes),
	    cmocka_unit_test(test_too_many_crashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
