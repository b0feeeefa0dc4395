/* Histories: appended, paired, read and written. */
#include <stdio.h>
#include <stdlib.h>

#include "value_help.h"

static char *
written(const struct history *history)
{
	char *text = NULL;
	size_t length = 0;
	FILE *file = open_memstream(&text, &length);

	assert_non_null(file);
	history_write(history, file);
	fclose(file);
	return text;
}

static void
assert_comes_back(const char *text)
{
	struct history history;
	char *out;

	history_from(&history, text);
	out = written(&history);
	assert_string_equal(out, text);
	free(out);
	history_free(&history);
}

static void
assert_refused(const char *text, const char *expected)
{
	struct history history = {0};
	struct buffer error = {0};

	assert_false(history_parse(&history, text, strlen(text), &error));
	assert_string_equal(buffer_string(&error), expected);
	history_free(&history);
	buffer_free(&error);
}

/* ---- appending ------------------------------------------------------------------ */

static void
append(struct history *history, int64_t process, enum op_type type, int64_t pair)
{
	const struct op op = {.index = 77, .process = process, .type = type, .f = "read", .value = &value_nil};
	struct op *kept = history_append(history, &op);

	assert_int_equal(kept->index, history->count - 1);
	assert_int_equal(kept->pair, pair);
	if (pair >= 0)
		assert_int_equal(history->ops[pair].pair, history->count - 1);
}

static void
pairs_completions_with_invocations(void **state)
{
	struct history history = {0};

	(void)state;
	append(&history, 0, OP_INVOKE, -1);
	append(&history, 1, OP_INVOKE, -1);
	append(&history, PROCESS_NEMESIS, OP_INFO, -1);
	append(&history, 1, OP_OK, 1);
	append(&history, PROCESS_NEMESIS, OP_INFO, 2);
	append(&history, 1, OP_INVOKE, -1);
	append(&history, 0, OP_INFO, 0);
	append(&history, PROCESS_NEMESIS, OP_INFO, -1);
	append(&history, 1, OP_FAIL, 5);
	assert_null(history.fault);
	history_free(&history);
	assert_int_equal(history.count, 0);
}

static void
odd_histories_are_told(void **state)
{
	struct history history = {0};

	(void)state;
	append(&history, 3, OP_OK, -1);
	assert_string_equal(history.fault, "process 3 completes what it has not invoked (index 0)");
	history_free(&history);
	append(&history, 3, OP_INVOKE, -1);
	append(&history, 3, OP_INVOKE, -1);
	assert_string_equal(history.fault, "process 3 invokes while another operation of it is open (index 1)");
	append(&history, 3, OP_OK, 1); /* the later invocation counts */
	assert_int_equal(history.ops[0].pair, -1);
	append(&history, 3, OP_INFO, -1);
	history_free(&history);
}

static void
many_processes(void **state)
{
	struct history history = {0};
	int64_t i;

	(void)state;
	for (i = 0; i < 5000; i++)
		append(&history, i * 64, OP_INVOKE, -1);
	for (i = 4999; i >= 0; i--)
		append(&history, i * 64, OP_OK, i);
	history_free(&history);
}

/* ---- reading and writing ------------------------------------------------------------ */

static void
comes_back_as_it_was(void **state)
{
	(void)state;
	assert_comes_back("");
	assert_comes_back(
	    "{:index 0, :time 5, :type :invoke, :process 0, :f :txn, :value [[:r 1 nil] [:append 2 3]]}\n"
	    "{:index 1, :time 6, :type :info, :process :nemesis, :f :start-partition, :value :majority}\n"
	    "{:index 2, :time 7, :type :info, :process :nemesis, :f :start-partition, :value [:isolated {\"n2\" "
	    "#{\"n1\" \"n0\"}}]}\n"
	    "{:index 3, :time 8, :type :info, :process 0, :f :txn, :value nil, :final? true, :exception {:via [{:type "
	    "clojure.lang.ExceptionInfo, :message \"x\", :data {:body #object[a.B 18 \"b\"]}, :at [a.b$fn invoke "
	    "\"a.clj\" -1]}], "
	    ":trace [[a b \"c\" 1]], :cause \"x\"}, :error \"indeterminate: x\"}\n"
	    "{:index 7, :time -1, :type :fail, :process 12345, :f :a/b, :value \\a, :error [:abort \"x\"], :extra 1, "
	    "\"k\" 2}\n"
	    "{:index 9, :time 9, :type :ok, :process 1, :f :read, :value 123456789012345678901234567890N, :error nil}\n"
	    "{:index 10, :time 9, :type :ok, :process 1, :f :read, :value 1.5M, :final? false, :exception nil}\n");
}

static void
accepts_what_is_short_or_wrapped(void **state)
{
	struct history history;
	char *out;

	(void)state;
	history_from(&history, "; made by hand\n[{:process 0 :type :invoke :f :read}\n #_{:process 1}\n"
			       "#jepsen.history.Op{:process 0 :type :ok :f :read :value 1 :time 3}] ; end\n");
	assert_int_equal(history.count, 2);
	assert_int_equal(history.ops[1].pair, 0);
	out = written(&history);
	assert_string_equal(out, "{:index 0, :time -1, :type :invoke, :process 0, :f :read, :value nil}\n"
				 "{:index 1, :time 3, :type :ok, :process 0, :f :read, :value 1}\n");
	free(out);
	history_free(&history);
	history_from(&history, " ( ) ");
	assert_int_equal(history.count, 0);
	history_free(&history);
}

static void
other_processes_have_their_names(void **state)
{
	struct history history;
	char *out;

	(void)state;
	history_from(&history, "{:index 0, :time 0, :type :info, :process :clock, :f :a, :value 1}\n"
			       "{:index 1, :time 0, :type :info, :process \"x\", :f :a, :value 1}\n"
			       "{:index 2, :time 0, :type :info, :process :clock, :f :a, :value 2, :more 3}\n");
	assert_int_equal(history.ops[0].process, PROCESS_OTHER - 1);
	assert_int_equal(history.ops[1].process, PROCESS_OTHER - 2);
	assert_int_equal(history.ops[2].process, PROCESS_OTHER - 1);
	assert_int_equal(history.ops[2].pair, 0);
	assert_false(op_is_client(&history.ops[0]));
	out = written(&history);
	assert_string_equal(out, "{:index 0, :time 0, :type :info, :process :clock, :f :a, :value 1}\n"
				 "{:index 1, :time 0, :type :info, :process \"x\", :f :a, :value 1}\n"
				 "{:index 2, :time 0, :type :info, :process :clock, :f :a, :value 2, :more 3}\n");
	free(out);
	assert_prints(op_value(&history.arena, &history.ops[1]),
	    "#jepsen.history.Op{:index 1, :time 0, :type :info, :process \"x\", :f :a, :value 1}");
	history_free(&history);
}

static void
rubbish_is_refused_with_its_line(void **state)
{
	struct buffer text = {0}, error = {0};
	struct history history = {0};
	int i;

	(void)state;
	assert_refused("1", "line 1: an operation must be a map, not 1");
	assert_refused("\n\n[1]", "line 3: an operation must be a map, not 1");
	assert_refused("{:type :ok}\n", "line 1: an operation must have :type, :process and :f, not {:type :ok}");
	assert_refused(
	    "{:type :ok :f :a}\n", "line 1: an operation must have :type, :process and :f, not {:type :ok, :f :a}");
	assert_refused("{\"type\" :ok :process 1 :f :a}",
	    "line 1: an operation must have :type, :process and :f, not {\"type\" :ok, :process 1, :f :a}");
	assert_refused("\n{:type :okay}", "line 2: :type must be :invoke, :ok, :fail or :info, not :okay");
	assert_refused("{:f \"read\"}", "line 1: :f must be a keyword, not \"read\"");
	assert_refused("{:f nil}", "line 1: :f must be a keyword, not nil");
	assert_refused("{:index 1.0}", "line 1: :index must be an integer of 63 bits, not 1.0");
	assert_refused(
	    "{:time 9223372036854775808}", "line 1: :time must be an integer of 63 bits, not 9223372036854775808N");
	assert_refused("{:process -1}", "line 1: :process must not be negative, nor beyond 63 bits, not -1");
	assert_refused("{:process 99999999999999999999}",
	    "line 1: :process must not be negative, nor beyond 63 bits, not 99999999999999999999N");
	assert_refused("{:type :ok :process 0 :f :a}\n{:type", "line 2: unexpected end");
	assert_refused("[{:type :ok :process 0 :f :a}\n", "line 2: unexpected end");
	assert_refused("[]\n[]", "line 2: something behind the history");
	assert_refused("[{:type :ok ]", "line 1: unmatched closing bracket");
	assert_refused("{:a 1\n:a 2}", "line 2: duplicate key");
	assert_refused("#_", "line 1: unexpected end");
	assert_refused(
	    "{:type \"a\x01"
	    "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
	    "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
	    "\xc3\xa9\xc3\xa9\xc3\xa9\"}",
	    "line 1: :type must be :invoke, :ok, :fail or :info, not \"a?"
	    "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
	    "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
	    "\xc3\xa9\xc3\xa9...");
	for (i = 0; i <= 100; i++)
		buffer_printf(&text, "{:type :info :process :p%d :f :a}\n", i);
	assert_false(history_parse(&history, text.bytes, text.length, &error));
	assert_string_equal(buffer_string(&error), "line 101: too many processes that are not integers");
	history_free(&history);
	buffer_free(&text);
	buffer_free(&error);
}

static void
reads_files(void **state)
{
	static const char text[] = "{:index 0, :time 0, :type :invoke, :process 0, :f :read, :value nil}\n";
	struct history history = {0};
	struct buffer error = {0};
	FILE *file = tmpfile();
	int i;

	(void)state;
	assert_non_null(file);
	for (i = 0; i < 5000; i++) /* more than one piece */
		fputs(text, file);
	rewind(file);
	assert_true(history_read(&history, file, &error));
	assert_int_equal(history.count, 5000);
	assert_int_equal(error.length, 0);
	history_free(&history);
	fclose(file);
	file = fopen("/", "r");
	assert_non_null(file);
	assert_false(history_read(&history, file, &error));
	assert_string_equal(buffer_string(&error), "cannot read it: Is a directory");
	fclose(file);
	history_free(&history);
	buffer_free(&error);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pairs_completions_with_invocations),
	    cmocka_unit_test(odd_histories_are_told),
	    cmocka_unit_test(many_processes),
	    cmocka_unit_test(comes_back_as_it_was),
	    cmocka_unit_test(accepts_what_is_short_or_wrapped),
	    cmocka_unit_test(other_processes_have_their_names),
	    cmocka_unit_test(rubbish_is_refused_with_its_line),
	    cmocka_unit_test(reads_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
