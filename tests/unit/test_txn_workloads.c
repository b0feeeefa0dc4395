/*
 * The transactional workloads: what they ask, which answers they take for
 * what, and the examples of their pages: what each model forbids is found
 * under it, and allowed under the one before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "check/consistency.h"
#include "check_help.h"
#include "client.h"
#include "workload.h"

#define LISTS     "txn-list-append"
#define REGISTERS "txn-rw-register"

static const char *const both[] = {LISTS, REGISTERS};

/* ---- what is asked ------------------------------------------------------------------- */

#define KEYS_SEEN 20000

/* What a generator has asked for. */
struct asked {
	int txns, ops, reads;
	int lengths[16];              /* by length */
	int keys;                     /* different ones */
	int64_t written[KEYS_SEEN];   /* last value written, by key */
	int last_use[KEYS_SEEN];      /* the operation's number, by key */
	int uses_of_first_keys[1024]; /* by key, as long as none has been replaced */
};

struct source {
	const struct workload *workload;
	struct test_options options;
	struct arena arena;
	struct random random;
	void *state;
};

static void
source_open(struct source *s, const char *workload, int64_t keys, int64_t length, int64_t writes)
{
	*s = (struct source){
	    .workload = workload_find(workload),
	    .options = {.key_count = keys, .max_txn_length = length, .max_writes_per_key = writes},
	};
	random_seed(&s->random, 5, workload, 0);
	s->state = calloc(1, s->workload->state_size);
}

static void
source_close(struct source *s)
{
	free(s->state);
	arena_free(&s->arena);
}

static void
note_op(struct asked *a, const struct value *op, const char *write, int64_t initial_keys)
{
	int64_t key = op->items[1]->integer;

	assert_int_equal(op->count, 3);
	assert_in_range(key, 0, KEYS_SEEN - 1);
	if (a->keys <= initial_keys)
		a->uses_of_first_keys[key]++;
	if (key >= a->keys)
		a->keys = (int)key + 1;
	a->last_use[key] = a->ops++;
	if (value_is_keyword(op->items[0], "r")) {
		a->reads++;
		assert_int_equal(op->items[2]->type, VALUE_NIL);
		return;
	}
	assert_true(value_is_keyword(op->items[0], write));
	assert_int_equal(op->items[2]->integer, ++a->written[key]);
}

static struct asked *
ask(const char *workload, int count, int64_t keys, int64_t length, int64_t writes)
{
	const char *write = strcmp(workload, LISTS) == 0 ? "append" : "w";
	struct asked *a = calloc(1, sizeof(*a));
	struct source s;

	source_open(&s, workload, keys, length, writes);
	a->keys = keys > 0 ? (int)keys : 10;
	for (int i = 0; i < count; i++) {
		struct op_template next = {0};

		assert_true(s.workload->generate(s.state, &s.random, &s.arena, &s.options, &next));
		assert_string_equal(next.f, "txn");
		assert_in_range(next.value->count, 1, length);
		a->lengths[next.value->count]++;
		a->txns++;
		for (size_t k = 0; k < next.value->count; k++)
			note_op(a, next.value->items[k], write, keys > 0 ? keys : 10);
	}
	source_close(&s);
	return a;
}

/* Compared with 60,000 transactions of Elle's: 0.514 reads, 1515 to 1520 keys in 20,000. */
static void
test_mix(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		struct asked *a = ask(both[i], 20000, 0, 4, 16);

		for (int length = 1; length <= 4; length++)
			assert_in_range(a->lengths[length], 4750, 5250);
		assert_in_range(a->reads * 1000LL / a->ops, 504, 524);
		assert_in_range(a->keys, 1460, 1580);
		free(a);
	}
}

/* The last of the keys gets half of the operations, the one before a quarter, ... */
static void
test_keys_are_chosen_exponentially(void **state)
{
	struct asked *a = ask(LISTS, 60000, 6, 4, INT64_MAX);
	int expected = a->ops * 32 / 63;

	(void)state;
	assert_int_equal(a->keys, 6);
	for (int key = 5; key >= 0; key--, expected /= 2)
		assert_in_range(a->uses_of_first_keys[key], expected * 19 / 20, expected * 21 / 20);
	free(a);
}

/* All that is written to a key is 1, 2, 3, ... (note_op() sees to it), and a key is replaced when it is full. */
static void
test_keys_retire(void **state)
{
	struct asked *a = ask(REGISTERS, 3000, 4, 7, 3);
	int open = 0;

	(void)state;
	assert_true(a->keys > 1000);
	for (int key = 0; key < a->keys; key++) {
		assert_in_range(a->written[key], 0, 3);
		open += a->written[key] < 3;
		if (a->written[key] < 3)
			continue;
	}
	assert_in_range(open, 0, 4);
	assert_true(a->last_use[0] < a->ops / 2);
	free(a);
}

static void
test_extremes(void **state)
{
	struct asked *a = ask(LISTS, 100, 1, 1, 1);

	(void)state;
	assert_int_equal(a->ops, 100);
	assert_in_range(a->keys, 30, 70);
	free(a);
	a = ask(LISTS, 2000, 1022, 4, 16);
	assert_int_equal(a->uses_of_first_keys[900], 0);
	assert_true(a->uses_of_first_keys[1021] > a->uses_of_first_keys[1019]);
	free(a);
}

static void
test_refused(void **state)
{
	static const struct {
		int64_t keys, length;
		bool runs;
	} table[] = {
	    {0, 4, true}, {1, 1, true}, {1022, 4, true}, {1023, 4, false}, {10, 65536, true}, {10, 65537, false}};
	struct arena arena = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct test_options options = {.key_count = table[i].keys, .max_txn_length = table[i].length};

		for (int k = 0; k < 2; k++)
			assert_int_equal(workload_find(both[k])->refuse(&arena, &options) == NULL, table[i].runs);
	}
	arena_free(&arena);
}

/* ---- answers -------------------------------------------------------------------------- */

/* A node that answers with the body at hand, or not at all. */
struct exchange {
	struct loop *loop;
	struct net *net;
	const char *answer; /* fields of the reply's body; NULL: none comes */
	struct arena arena;
	struct buffer asked;
	struct op completed;
	int64_t completed_at;
};

static bool
receive(void *arg, const struct envelope *envelope)
{
	struct exchange *x = arg;
	struct buffer body = {0};

	buffer_append(&x->asked, envelope->body, envelope->length);
	if (x->answer != NULL) {
		buffer_printf(&body, "{%s,\"in_reply_to\":1}", x->answer);
		assert_int_equal(net_send(x->net, "n0", envelope->src, body.bytes, body.length), NET_OK);
	}
	buffer_free(&body);
	return true;
}

static void
completed(void *arg, const struct op *op)
{
	struct exchange *x = arg;

	x->completed = *op;
	x->completed_at = loop_now(x->loop);
	loop_stop(x->loop);
}

static void
exchange_open(struct exchange *x, const char *workload, const char *txn, const char *answer)
{
	const struct latency latency = {0, LATENCY_CONSTANT};
	const char *cursor = txn, *error;
	struct client *client;
	int next_client = 0;
	struct op op = {.type = OP_INVOKE, .f = "txn"};

	*x = (struct exchange){.loop = loop_new(CLOCK_VIRTUAL), .answer = answer};
	op.value = edn_read(&x->arena, &cursor, txn + strlen(txn), &error);
	x->net = net_new(x->loop, &latency, 1);
	net_add(x->net, "n0", receive, x);
	client = client_open(x->loop, x->net, &next_client);
	call_start(client, workload_find(workload), "n0", &x->arena, &op, completed, x);
	loop_run(x->loop);
	client_close(client);
	net_free(x->net);
	loop_free(x->loop);
}

static void
exchange_close(struct exchange *x)
{
	buffer_free(&x->asked);
	arena_free(&x->arena);
}

static void
test_request_and_reply(void **state)
{
	struct exchange x;

	(void)state;
	exchange_open(&x, LISTS, "[[:r 3 nil] [:append 3 2] [:r 4 nil]]",
	    "\"type\":\"txn_ok\",\"txn\":[[\"r\",3,[1]],[\"append\",3,2],[\"r\",4,null]]");
	assert_string_equal(buffer_string(&x.asked),
	    "{\"type\":\"txn\",\"txn\":[[\"r\",3,null],[\"append\",3,2],[\"r\",4,null]],\"msg_id\":1}");
	assert_int_equal(x.completed.type, OP_OK);
	assert_prints(x.completed.value, "[[:r 3 [1]] [:append 3 2] [:r 4 nil]]");
	exchange_close(&x);
	exchange_open(&x, REGISTERS, "[[:w 3 2] [:r 3 nil]]", "\"type\":\"txn_ok\",\"txn\":[[\"w\",3,2],[\"r\",3,2]]");
	assert_string_equal(
	    buffer_string(&x.asked), "{\"type\":\"txn\",\"txn\":[[\"w\",3,2],[\"r\",3,null]],\"msg_id\":1}");
	assert_prints(x.completed.value, "[[:w 3 2] [:r 3 2]]");
	exchange_close(&x);
}

/* What the schemas of maelstrom.workload.txn-list-append and txn-rw-register say of a reply's transaction. */
static const struct {
	const char *txn;
	bool lists, registers;
} forms[] = {
    {"null", true, true},
    {"[]", true, true},
    {"[null]", false, false},
    {"[[]]", false, false},
    {"[[\"r\",1,null]]", true, true},
    {"[[\"r\",1]]", false, false},
    {"[[\"r\",1,[1],2]]", false, false},
    {"[[\"r\",1,[null,\"x\",{}]]]", true, true},
    {"[[\"r\",1,3]]", false, true},
    {"[[\"r\",null,[1]]]", true, true},
    {"[[\"append\",1,null]]", true, false},
    {"[[\"append\",{},[3]]]", true, false},
    {"[[\"w\",1,2]]", false, true},
    {"[[\"w\",1,null]]", false, true},
    {"{}", false, false},
    {"\"abc\"", false, false},
    {"[{}]", false, false},
    {"[[\"r\",1,{}]]", false, true},
    {"[[\"r\",1,\"abc\"]]", false, true},
    {"[[\"R\",1,null]]", false, false},
    {"[[null,1,null]]", false, false},
    {"[[\"append\",1]]", false, false},
    {"[[\"append\",1,2,3]]", false, false},
};

static void
assert_form(const char *workload, const char *txn, bool fits)
{
	struct exchange x;
	char answer[100];

	snprintf(answer, sizeof(answer), "\"type\":\"txn_ok\",\"txn\":%s", txn);
	exchange_open(&x, workload, "[[:r 1 nil]]", answer);
	if ((x.completed.type == OP_OK) != fits)
		fail_msg("%s of %s %s", txn, workload, fits ? "does not fit" : "fits");
	if (!fits) {
		assert_int_equal(x.completed.type, OP_INFO);
		assert_non_null(x.completed.exception);
		assert_non_null(strstr(x.completed.error->text, "Malformed RPC response"));
	}
	exchange_close(&x);
}

static void
test_forms_of_replies(void **state)
{
	struct exchange x;

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		assert_form(LISTS, forms[i].txn, forms[i].lists);
		assert_form(REGISTERS, forms[i].txn, forms[i].registers);
	}
	exchange_open(&x, LISTS, "[]", "\"type\":\"txn_ok\",\"txn\":[[\"r\",1,null],[\"r\",1,3]]");
	assert_non_null(strstr(x.completed.error->text,
	    "but operation 1 of \"txn\" is neither [\"r\", key, list] nor [\"append\", key, value]."));
	exchange_close(&x);
	exchange_open(&x, LISTS, "[]", "\"type\":\"txn_ok\",\"txn\":null");
	assert_prints(x.completed.value, "[]");
	exchange_close(&x);
}

static void
test_errors(void **state)
{
	static const struct {
		int code;
		enum op_type type;
		const char *error;
	} table[] = {
	    {0, OP_INFO, "[:timeout \"x\"]"},
	    {1, OP_FAIL, "[:node-not-found \"x\"]"},
	    {10, OP_FAIL, "[:not-supported \"x\"]"},
	    {11, OP_FAIL, "[:temporarily-unavailable \"x\"]"},
	    {12, OP_FAIL, "[:malformed-request \"x\"]"},
	    {13, OP_INFO, "[:crash \"x\"]"},
	    {14, OP_FAIL, "[:abort \"x\"]"},
	    {22, OP_FAIL, "[:precondition-failed \"x\"]"},
	    {30, OP_FAIL, "[:txn-conflict \"x\"]"},
	    {31, OP_INFO, "[:unknown \"x\"]"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		for (int k = 0; k < 2; k++) {
			struct exchange x;
			char answer[100];

			snprintf(
			    answer, sizeof(answer), "\"type\":\"error\",\"text\":\"x\",\"code\":%d", table[i].code);
			exchange_open(&x, both[k], "[[:r 1 nil]]", answer);
			assert_int_equal(x.completed.type, table[i].type);
			assert_prints(x.completed.error, table[i].error);
			assert_prints(x.completed.value, "[[:r 1 nil]]");
			exchange_close(&x);
		}
}

/* Nothing is idempotent here, and the client goes on. */
static void
test_no_answer(void **state)
{
	struct exchange x;

	(void)state;
	for (int k = 0; k < 2; k++) {
		exchange_open(&x, both[k], "[[:r 1 nil]]", NULL);
		assert_int_equal(x.completed.type, OP_INFO);
		assert_prints(x.completed.error, ":net-timeout");
		assert_int_equal(x.completed_at, 5000 * MS_NS);
		exchange_close(&x);
		assert_true(workload_find(both[k])->reusable);
	}
}

/* ---- the examples of the pages ---------------------------------------------------------- */

/*
 * "client outcome transaction" each; "|": all before have been answered when
 * what follows is asked for.
 */
struct example {
	const char *workload, *model, *anomaly, *allowed; /* by which model; NULL: none */
	const char *txns[8];
};

static const struct example examples[] = {
    {LISTS, "read-uncommitted", "G0", NULL,
	{"0 ok [[:append :x 1] [:append :y 1]]", "1 ok [[:append :x 2] [:append :y 2]]", "|",
	    "2 ok [[:r :x [1 2]] [:r :y [2 1]]]"}},
    {LISTS, "read-uncommitted", "duplicate-elements", NULL,
	{"0 ok [[:append :x 1]]", "1 ok [[:append :x 2]]", "|", "2 ok [[:r :x [1 2 1]]]"}},
    {LISTS, "read-committed", "G1a", "read-uncommitted", {"0 fail [[:append :x 1]]", "1 ok [[:r :x [1]]]"}},
    {LISTS, "read-committed", "G1b", "read-uncommitted",
	{"0 ok [[:append :x 1] [:append :x 2]]", "1 ok [[:r :x [1]]]"}},
    {LISTS, "read-committed", "G1c", "read-uncommitted",
	{"0 ok [[:append :x 1] [:r :y [1]]]", "1 ok [[:append :y 1] [:r :x [1]]]"}},
    {LISTS, "read-atomic", "internal", "monotonic-atomic-view", {"0 ok [[:append :x 1] [:r :x nil]]"}},
    {LISTS, "read-atomic", "internal", "cursor-stability", {"0 ok [[:append :x 1] [:r :x nil]]"}},
    {LISTS, "cursor-stability", "lost-update", "read-atomic",
	{"0 ok [[:r :x nil] [:append :x 1]]", "1 ok [[:r :x nil] [:append :x 2]]", "|", "2 ok [[:r :x [1 2]]]"}},
    {LISTS, "update-atomic", "lost-update", "read-atomic",
	{"0 ok [[:r :x nil] [:append :x 1]]", "1 ok [[:r :x nil] [:append :x 2]]", "|", "2 ok [[:r :x [1 2]]]"}},
    {LISTS, "consistent-view", "G-single-item", "update-atomic",
	{"0 ok [[:append :x 1] [:append :y 1]]", "1 ok [[:r :x nil] [:r :y [1]]]", "|", "2 ok [[:r :x [1]]]"}},
    {LISTS, "snapshot-isolation", "G-nonadjacent-item", "parallel-snapshot-isolation",
	{"0 ok [[:append :x 1]]", "1 ok [[:append :y 1]]", "2 ok [[:r :x [1]] [:r :y nil]]",
	    "3 ok [[:r :x nil] [:r :y [1]]]"}},
    {LISTS, "snapshot-isolation", "G-nonadjacent-item", "consistent-view",
	{"0 ok [[:append :x 1]]", "1 ok [[:append :y 1]]", "2 ok [[:r :x [1]] [:r :y nil]]",
	    "3 ok [[:r :x nil] [:r :y [1]]]"}},
    {LISTS, "repeatable-read", "G2-item", "snapshot-isolation",
	{"0 ok [[:r :x nil] [:append :y 1]]", "1 ok [[:r :y nil] [:append :x 1]]", "|",
	    "2 ok [[:r :x [1]] [:r :y [1]]]"}},
    {LISTS, "serializable", "G2-item", "strong-snapshot-isolation",
	{"0 ok [[:r :x nil] [:append :y 1]]", "1 ok [[:r :y nil] [:append :x 1]]", "|",
	    "2 ok [[:r :x [1]] [:r :y [1]]]"}},
    {LISTS, "strong-session-serializable", "G-single-item-process", "serializable",
	{"0 ok [[:append :x 1]]", "|", "0 ok [[:r :x nil]]", "|", "1 ok [[:r :x [1]]]"}},
    {LISTS, "strict-serializable", "G-single-item-realtime", "strong-session-serializable",
	{"0 ok [[:append :x 1]]", "|", "1 ok [[:r :x nil]]", "|", "2 ok [[:r :x [1]]]"}},
    {REGISTERS, "read-uncommitted", "cyclic-versions", NULL,
	{"0 ok [[:r :x 1] [:w :x 2]]", "1 ok [[:r :x 2] [:w :x 1]]"}},
    {REGISTERS, "read-committed", "G1a", "read-uncommitted", {"0 fail [[:w :x 1]]", "1 ok [[:r :x 1]]"}},
    {REGISTERS, "read-committed", "G1b", "read-uncommitted", {"0 ok [[:w :x 1] [:w :x 2]]", "1 ok [[:r :x 1]]"}},
    {REGISTERS, "read-committed", "G1c", "read-uncommitted",
	{"0 ok [[:w :x 1] [:r :y 1]]", "1 ok [[:w :y 1] [:r :x 1]]"}},
    {REGISTERS, "read-atomic", "internal", "cursor-stability", {"0 ok [[:w :x 1] [:r :x 2]]", "1 ok [[:w :x 2]]"}},
    {REGISTERS, "cursor-stability", "lost-update", "read-atomic",
	{"0 ok [[:r :x nil] [:w :x 1]]", "1 ok [[:r :x nil] [:w :x 2]]"}},
    {REGISTERS, "consistent-view", "G-single-item", "update-atomic",
	{"0 ok [[:r :x nil] [:w :x 1] [:w :y 1]]", "1 ok [[:r :x nil] [:r :y 1]]"}},
    {REGISTERS, "snapshot-isolation", "G-nonadjacent-item", "parallel-snapshot-isolation",
	{"0 ok [[:r :x nil] [:w :x 1]]", "1 ok [[:r :y nil] [:w :y 1]]", "2 ok [[:r :x 1] [:r :y nil]]",
	    "3 ok [[:r :x nil] [:r :y 1]]"}},
    {REGISTERS, "serializable", "G2-item", "snapshot-isolation",
	{"0 ok [[:r :x nil] [:r :y nil] [:w :y 1]]", "1 ok [[:r :y nil] [:r :x nil] [:w :x 1]]"}},
    {REGISTERS, "strong-session-serializable", "G-single-item-process", "serializable",
	{"0 ok [[:r :x nil] [:w :x 1]]", "|", "0 ok [[:r :x nil]]"}},
    {REGISTERS, "strict-serializable", "G-single-item-realtime", "strong-session-serializable",
	{"0 ok [[:r :x nil] [:w :x 1]]", "|", "1 ok [[:r :x nil]]"}},
};

static void
write_op(struct buffer *text, const char *txn, bool invoke, int time)
{
	int outcome = (int)strcspn(txn + 2, " ");

	buffer_printf(text, "{:index %d, :time %d, :process %c, :type :%.*s, :f :txn, :value %s}\n", time, time, *txn,
	    invoke ? 6 : outcome, invoke ? "invoke" : txn + 2, txn + 2 + outcome + 1);
}

/* Elle does not judge a history in which no transaction depends on another: here is one that does. */
static int
write_dependency(struct buffer *text, const char *workload)
{
	bool lists = strcmp(workload, LISTS) == 0;
	const char *write = lists ? "8 ok [[:append :z 1]]" : "8 ok [[:w :z 1]]";
	const char *read = lists ? "8 ok [[:r :z [1]]]" : "8 ok [[:r :z 1]]";

	for (int time = 0; time < 4; time++)
		write_op(text, time < 2 ? write : read, time % 2 == 0, time);
	return 4;
}

/* What is concurrent is asked for first, and then answered. */
static void
write_history(struct buffer *text, const struct example *example)
{
	const char *const *group = example->txns;
	int time = write_dependency(text, example->workload);

	while (*group != NULL) {
		const char *const *end = group;

		for (; *end != NULL && **end != '|'; end++)
			write_op(text, *end, true, time++);
		for (; group < end; group++)
			write_op(text, *group, false, time++);
		group += *end != NULL;
	}
}

static const struct value *
judge(const struct example *example, struct history *history, const char *model)
{
	const char *const models[] = {model, NULL};
	const struct check_options options = {.consistency_models = models};

	return workload_find(example->workload)->check(&history->arena, history, &options);
}

static void
test_examples(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		const struct example *e = &examples[i];
		struct buffer text = {0};
		struct history history;
		const struct value *result;

		write_history(&text, e);
		history_from(&history, buffer_string(&text));
		result = judge(e, &history, e->model);
		if (verdict_of(result) != VERDICT_INVALID ||
		    value_get(value_get(result, "anomalies"), e->anomaly) == NULL) {
			text.length = 0;
			edn_write(&text, value_get(result, "anomaly-types"));
			fail_msg(
			    "%zu: %s is not found under %s, but %s", i, e->anomaly, e->model, buffer_string(&text));
		}
		if (e->allowed != NULL && verdict_of(judge(e, &history, e->allowed)) != VERDICT_VALID)
			fail_msg("%zu: %s is not allowed under %s", i, e->anomaly, e->allowed);
		history_free(&history);
		buffer_free(&text);
	}
}

/* Models that an analysis of items cannot tell from the one behind them; or that forbid nothing it looks for. */
static const struct {
	const char *name, *same_as;
} others[] = {
    {"PL-1", "read-uncommitted"},
    {"PL-2", "read-committed"},
    {"PL-2L", "read-committed"},
    {"monotonic-view", "read-committed"},
    {"PL-MSR", "read-committed"},
    {"monotonic-snapshot-read", "read-committed"},
    {"monotonic-atomic-view", "read-committed"},
    {"causal-cerone", "read-atomic"},
    {"prefix", "read-atomic"},
    {"parallel-snapshot-isolation", "update-atomic"},
    {"PL-CS", "cursor-stability"},
    {"PL-2+", "consistent-view"},
    {"PL-FCV", "consistent-view"},
    {"forward-consistent-view", "consistent-view"},
    {"PL-3U", "consistent-view"},
    {"update-serializable", "consistent-view"},
    {"PL-SI", "snapshot-isolation"},
    {"PL-2.99", "repeatable-read"},
    {"PL-3", "serializable"},
    {"conflict-serializable", "serializable"},
    {"PL-SS", "strict-serializable"},
    {"strong-serializable", "strict-serializable"},
    {"strong-session-PL-1", "strong-session-read-uncommitted"},
    {"strong-session-PL-2", "strong-session-read-committed"},
    {"strong-PL-1", "strong-read-uncommitted"},
    {"strong-PL-2", "strong-read-committed"},
    {"1SR", NULL},
    {"PRAM", NULL},
    {"causal", NULL},
    {"linearizable", NULL},
    {"monotonic-reads", NULL},
    {"monotonic-writes", NULL},
    {"read-your-writes", NULL},
    {"sequential", NULL},
    {"session-serializable", NULL},
    {"view-serializable", NULL},
    {"writes-follow-reads", NULL},
};
#define OTHERS (sizeof(others) / sizeof(others[0]))

static void
test_other_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		struct buffer text = {0};
		struct history history;

		write_history(&text, &examples[i]);
		history_from(&history, buffer_string(&text));
		for (size_t k = 0; k < OTHERS; k++) {
			enum verdict verdict = verdict_of(judge(&examples[i], &history, others[k].name)),
				     same = others[k].same_as == NULL
						? VERDICT_VALID
						: verdict_of(judge(&examples[i], &history, others[k].same_as));

			if (verdict != same)
				fail_msg("example %zu: %s is not %s", i, others[k].name,
				    others[k].same_as != NULL ? others[k].same_as : "always satisfied");
		}
		history_free(&history);
		buffer_free(&text);
	}
}

/* These have no example of their own above: they forbid the -process and -realtime forms of those of another model. */
static const char *const with_an_order[] = {"strong-session-read-uncommitted", "strong-session-read-committed",
    "strong-session-snapshot-isolation", "strong-read-uncommitted", "strong-read-committed",
    "strong-snapshot-isolation"};

static bool
is_spoken_of(const char *name)
{
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
		if (strcmp(examples[i].model, name) == 0)
			return true;
	for (size_t i = 0; i < OTHERS; i++)
		if (strcmp(others[i].name, name) == 0)
			return true;
	for (size_t i = 0; i < sizeof(with_an_order) / sizeof(with_an_order[0]); i++)
		if (strcmp(with_an_order[i], name) == 0)
			return true;
	return false;
}

/* Of every name that is taken the page says what it forbids. */
static void
test_no_name_is_forgotten(void **state)
{
	char page[32768], quoted[64];
	FILE *file = fopen("workloads/txn-list-append/README.md", "r");

	(void)state;
	assert_non_null(file);
	page[fread(page, 1, sizeof(page) - 1, file)] = '\0';
	fclose(file);
	for (const struct model_name *name = model_names; name->name != NULL; name++) {
		snprintf(quoted, sizeof(quoted), "`%s`", name->name);
		if (!is_spoken_of(name->name) || strstr(page, quoted) == NULL)
			fail_msg("what about %s?", name->name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_mix),
	    cmocka_unit_test(test_keys_are_chosen_exponentially),
	    cmocka_unit_test(test_keys_retire),
	    cmocka_unit_test(test_extremes),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_request_and_reply),
	    cmocka_unit_test(test_forms_of_replies),
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_no_answer),
	    cmocka_unit_test(test_examples),
	    cmocka_unit_test(test_other_names),
	    cmocka_unit_test(test_no_name_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
