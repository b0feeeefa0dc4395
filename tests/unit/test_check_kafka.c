/* The kafka checker: every anomaly found where it is, and not where it only looks so. */
#include <stdio.h>
#include <stdlib.h>

#include "check/clojure_order.h"
#include "check/kafka.h"
#include "check_help.h"

/* Operations of process P at T ms, that begin and end at once. */
#define DO(t, p, type, f, asked, answered) OP(t, p, invoke, f, asked) OP(t, p, type, f, answered)
#define SEND(t, p, k, offset, v) \
	DO(t, p, ok, send, "[[:send \"" k "\" " #v "]]", "[[:send \"" k "\" [" #offset " " #v "]]]")
#define POLL(t, p, polled)    DO(t, p, ok, poll, "[[:poll]]", "[[:poll {" polled "}]]")
#define ASSIGN(t, p, keys)    DO(t, p, ok, assign, "[" keys "]", "[" keys "]")
#define TXN(t, p, asked, got) DO(t, p, ok, txn, "[" asked "]", "[" got "]")
#define INFO(t, p, asked)     OP(t, p, invoke, send, asked) OP(t, p, info, send, asked)
#define FAIL(t, p, asked)     OP(t, p, invoke, send, asked) OP(t, p, fail, send, asked)

/* Three messages in log "a". */
#define THREE SEND(1, 0, "a", 0, 1) SEND(2, 0, "a", 1, 2) SEND(3, 0, "a", 2, 3)
#define ALL   "\"a\" [[0 1] [1 2] [2 3]]"

static void
assert_types(const char *history, const char *types)
{
	struct buffer expected = {0};

	buffer_printf(&expected, "(%s)", types);
	assert_result(check_kafka, history, "error-types", buffer_string(&expected));
	assert_result(check_kafka, history, "bad-error-types", buffer_string(&expected));
	assert_result(check_kafka, history, "valid?", *types == '\0' ? "true" : "false");
	buffer_free(&expected);
}

/* ---- right ones --------------------------------------------------------------------- */

static void
right_histories(void **state)
{
	(void)state;
	assert_all(check_kafka,
	    THREE ASSIGN(4, 1, "\"a\"") POLL(5, 1, "\"a\" [[0 1]]") POLL(6, 1, "\"a\" [[1 2] [2 3]]"),
	    "{:valid? true, :worst-realtime-lag {:time 0.005, :process 1, :key \"a\", :lag 0.003}, :bad-error-types "
	    "(), "
	    ":error-types (), :info-txn-causes ()}");
	assert_types(THREE NEMESIS(4, start, "nil") POLL(5, 1, ALL) POLL(6, 1, ""), "");
	/* Offsets may be sparse. */
	assert_types(
	    SEND(1, 0, "a", 3, 1) SEND(2, 0, "a", 1000000000000, 2) POLL(3, 1, "\"a\" [[3 1] [1000000000000 2]]"), "");
}

static void
nothing_depends_on_anything(void **state)
{
	(void)state;
	assert_types(OP(1, 0, invoke, crash, "nil") OP(1, 0, info, crash, "nil"), ":empty-transaction-graph");
	assert_result(check_kafka, OP(1, 0, invoke, crash, "nil"), "empty-transaction-graph", "{:count 1, :errs true}");
	assert_fails(check_kafka, NEMESIS(1, start, "nil"));
	assert_fails(check_kafka, "");
	assert_types(TXN(1, 0, "[:send \"a\" 1] [:poll]", "[:send \"a\" [0 1]] [:poll {\"a\" [[0 1]]}]"),
	    ":empty-transaction-graph :precommitted-read");
}

static void
causes_of_indefinite_operations(void **state)
{
	static const char history[] =
	    "{:time 0, :process 0, :type :invoke, :f :send, :value [[:send \"a\" 1]]}"
	    "{:time 0, :process 0, :type :info, :f :send, :value [[:send \"a\" 1]], :error :net-timeout}"
	    "{:time 0, :process 1, :type :invoke, :f :send, :value [[:send \"a\" 2]]}"
	    "{:time 0, :process 1, :type :info, :f :send, :value [[:send \"a\" 2]], :error :net-timeout}"
	    "{:time 0, :process 2, :type :invoke, :f :poll, :value [[:poll]]}"
	    "{:time 0, :process 2, :type :info, :f :poll, :value [[:poll]]}"
	    "{:time 0, :process 3, :type :invoke, :f :crash, :value nil}"
	    "{:time 0, :process 3, :type :info, :f :crash, :value nil, :error :no}";

	(void)state;
	assert_result(check_kafka, history, "info-txn-causes", "(:net-timeout nil)");
}

/* ---- messages --------------------------------------------------------------------------- */

static void
lost_writes(void **state)
{
	static const char lost[] = THREE POLL(4, 1, "\"a\" [[0 1]]") POLL(5, 2, "\"a\" [[2 3]]");

	(void)state;
	assert_types(lost, ":lost-write :unseen");
	assert_result(check_kafka, lost, "lost-write",
	    "{:count 1, :errs ({:key \"a\", :value 2, :index 1, :max-read-index 2, "
	    ":writer #jepsen.history.Op{:index 3, :time 2000000, :type :ok, :process 0, :f :send, "
	    ":value [[:send \"a\" [1 2]]]}, "
	    ":max-read #jepsen.history.Op{:index 9, :time 5000000, :type :ok, :process 2, :f :poll, "
	    ":value [[:poll {\"a\" [[2 3]]}]]}})}");
	/* Nobody has come so far. */
	assert_types(THREE POLL(4, 1, "\"a\" [[0 1] [1 2]]"), ":unseen");
	/* Somebody else has read it, though not this one; and the other log does not matter. */
	assert_types(THREE POLL(4, 1, "\"a\" [[0 1]]") POLL(5, 2, "\"a\" [[2 3]]") POLL(6, 3, "\"a\" [[1 2]]"), "");
	assert_types(THREE SEND(4, 0, "b", 9, 1) POLL(5, 1, ALL) POLL(6, 1, "\"b\" [[9 1]]"), "");
}

/* What may not have happened need not be read; what surely did must. */
static void
lost_writes_of_unknown_fate(void **state)
{
	(void)state;
	assert_types(SEND(1, 0, "a", 0, 1) INFO(2, 1, "[[:send \"a\" [1 2]]]") SEND(3, 0, "a", 2, 3)
			 POLL(4, 2, "\"a\" [[0 1] [2 3]]"),
	    "");
	assert_types(SEND(1, 0, "a", 0, 1) FAIL(2, 1, "[[:send \"a\" 2]]") SEND(3, 0, "a", 2, 3)
			 POLL(4, 2, "\"a\" [[0 1] [2 3]]"),
	    "");
	assert_types(SEND(1, 0, "a", 0, 1) INFO(2, 1, "[[:send \"a\" [1 2]] [:send \"b\" [0 1]]]") SEND(3, 0, "a", 2, 3)
			 POLL(4, 2, "\"a\" [[0 1] [2 3]], \"b\" [[0 1]]") POLL(5, 3, ""),
	    ":int-poll-skip :lost-write");
	/* A poll that failed saw it in its place, so the log has it, but that does not prove that it is there to stay.
	 */
	assert_types(SEND(1, 0, "a", 0, 1) INFO(2, 1, "[[:send \"a\" 2]]") SEND(3, 0, "a", 2, 3)
			 DO(4, 4, fail, poll, "[[:poll]]", "[[:poll {\"a\" [[1 2]]}]]") POLL(5, 2, "\"a\" [[0 1]]")
			     POLL(6, 3, "\"a\" [[2 3]]"),
	    "");
}

static void
unseen_messages(void **state)
{
	static const char unseen[] = THREE SEND(4, 0, "b", 0, 7) POLL(5, 1, "\"a\" [[0 1]]");

	(void)state;
	assert_types(unseen, ":unseen");
	assert_result(check_kafka, unseen, "unseen",
	    "{:time 5000000, :unseen {\"a\" 2, \"b\" 1}, :messages {\"a\" (2 3), \"b\" (7)}}");
	/* Only what was acknowledged counts, and only polls that succeeded. */
	assert_types(SEND(1, 0, "a", 0, 1) INFO(2, 1, "[[:send \"a\" 2]]") POLL(3, 2, "\"a\" [[0 1]]"), "");
	assert_types(SEND(1, 0, "a", 0, 1) DO(2, 1, fail, poll, "[[:poll]]", "[[:poll {\"a\" [[0 1]]}]]"), ":unseen");
	/* The last poll of a log that nobody is known to have sent to: Jepsen takes what it read for unseen. */
	assert_types(SEND(1, 0, "b", 0, 1) POLL(2, 1, "\"b\" [[0 1]]") INFO(3, 0, "[[:send \"a\" 2]]")
			 POLL(4, 2, "\"a\" [[0 2]]"),
	    ":unseen");
	assert_types(SEND(1, 0, "b", 0, 1) POLL(2, 1, "\"b\" [[0 1]]") INFO(3, 0, "[[:send \"a\" 2]]")
			 POLL(4, 2, "\"a\" [[0 2]]") POLL(5, 1, ""),
	    "");
}

static void
aborted_reads(void **state)
{
	static const char read[] = FAIL(1, 0, "[[:send \"a\" 1]]") POLL(2, 1, "\"a\" [[0 1]]") POLL(3, 1, "");

	(void)state;
	assert_types(read, ":G1a");
	assert_result(check_kafka, read, "G1a",
	    "{:count 1, :errs ({:key \"a\", :value 1, "
	    ":writer #jepsen.history.Op{:index 1, :time 1000000, :type :fail, :process 0, :f :send, "
	    ":value [[:send \"a\" 1]]}, "
	    ":reader #jepsen.history.Op{:index 3, :time 2000000, :type :ok, :process 1, :f :poll, "
	    ":value [[:poll {\"a\" [[0 1]]}]]}})}");
	assert_types(INFO(1, 0, "[[:send \"a\" 1]]") POLL(2, 1, "\"a\" [[0 1]]") POLL(3, 1, ""), "");
	assert_types(FAIL(1, 0, "[[:send \"a\" 1]]") POLL(2, 1, "") POLL(3, 1, ""), "");
}

static void
precommitted_reads(void **state)
{
	static const char own[] =
	    TXN(1, 0, "[:send \"a\" 1] [:poll]", "[:send \"a\" [0 1]] [:poll {\"a\" [[0 1]]}]") POLL(2, 1, "");

	(void)state;
	assert_types(own, ":precommitted-read");
	assert_result(check_kafka, own, "precommitted-read",
	    "{:count 1, :errs [{:op #jepsen.history.Op{:index 1, :time 1000000, :type :ok, :process 0, :f :txn, "
	    ":value [[:send \"a\" [0 1]] [:poll {\"a\" [[0 1]]}]]}, :key \"a\", :value 1}]}");
	/* The same value in another log is another message. */
	assert_types(SEND(1, 1, "b", 0, 1) TXN(2, 0, "[:send \"a\" 1] [:poll]",
			 "[:send \"a\" [0 1]] [:poll {\"b\" [[0 1]]}]") POLL(3, 1, "\"a\" [[0 1]]"),
	    "");
}

/* ---- logs ---------------------------------------------------------------------------------- */

static void
inconsistent_offsets(void **state)
{
	static const char reused[] =
	    SEND(1, 0, "a", 4, 1) SEND(2, 1, "a", 4, 2) POLL(3, 2, "\"a\" [[4 1]]") POLL(4, 3, "\"a\" [[4 2]]");

	(void)state;
	assert_types(reused, ":inconsistent-offsets");
	assert_result(check_kafka, reused, "inconsistent-offsets",
	    "{:count 1, :errs ({:key \"a\", :offset 4, :index 0, :values #{1 2}})}");
	assert_types(SEND(1, 0, "a", 4, 1) SEND(2, 1, "b", 4, 2) POLL(3, 2, "\"a\" [[4 1]], \"b\" [[4 2]]"), "");
	/* A failed send says nothing about offsets, an unknown one does not either unless it was read. */
	assert_types(SEND(1, 0, "a", 4, 1) INFO(2, 1, "[[:send \"a\" [4 2]]]") POLL(3, 2, "\"a\" [[4 1]]"), "");
	assert_types(SEND(1, 0, "a", 4, 1) INFO(2, 1, "[[:send \"a\" [4 2]]]") POLL(3, 2, "\"a\" [[4 1]]")
			 POLL(4, 3, "\"a\" [[5 2]]"),
	    ":duplicate :inconsistent-offsets");
	/* Polls are believed even where they failed. */
	assert_types(SEND(1, 0, "a", 4, 1) POLL(2, 2, "\"a\" [[4 1]]") SEND(3, 0, "a", 5, 2)
			 DO(4, 3, fail, poll, "[[:poll]]", "[[:poll {\"a\" [[4 2]]}]]") POLL(5, 2, "\"a\" [[5 2]]"),
	    ":duplicate :inconsistent-offsets");
}

static void
duplicates(void **state)
{
	static const char twice[] = SEND(1, 0, "a", 0, 1) POLL(2, 1, "\"a\" [[0 1]]") POLL(3, 2, "\"a\" [[7 1]]");

	(void)state;
	assert_types(twice, ":duplicate");
	assert_result(
	    check_kafka, twice, "duplicate", "{:count 1, :errs ({:key \"a\", :value 1, :count 2, :offsets [0 7]})}");
	assert_types(SEND(1, 0, "a", 0, 1) POLL(2, 1, "\"a\" [[0 1]]") POLL(3, 2, "\"a\" [[0 1]]"), "");
	/* Where the offset is not known it is not counted. */
	assert_types(SEND(1, 0, "a", 0, 1) POLL(2, 1, "\"a\" [[0 1]]") POLL(3, 2, "\"a\" [[nil 1]]"), "");
}

/* ---- steps ------------------------------------------------------------------------------------ */

static void
polls_that_skip(void **state)
{
	static const char skip[] = THREE POLL(4, 1, "\"a\" [[0 1]]") POLL(5, 1, "\"a\" [[2 3]]") POLL(6, 2, ALL);

	(void)state;
	assert_types(skip, ":poll-skip");
	assert_result(check_kafka, skip, "poll-skip",
	    "{:count 1, :errs ({:key \"a\", :delta 2, :skipped (2), :ops ["
	    "#jepsen.history.Op{:index 7, :time 4000000, :type :ok, :process 1, :f :poll, :value [[:poll {\"a\" [[0 "
	    "1]]}]]} "
	    "#jepsen.history.Op{:index 9, :time 5000000, :type :ok, :process 1, :f :poll, :value [[:poll {\"a\" [[2 "
	    "3]]}]]}"
	    "]})}");
	/* Another process; another assignment in between, but not one that keeps the log. */
	assert_types(THREE POLL(4, 1, "\"a\" [[0 1]]") POLL(5, 3, "\"a\" [[2 3]]") POLL(6, 2, ALL), "");
	assert_types(THREE POLL(4, 1, "\"a\" [[0 1]]") ASSIGN(5, 1, "\"b\"") ASSIGN(6, 1, "\"a\"")
			 POLL(7, 1, "\"a\" [[2 3]]") POLL(8, 2, ALL),
	    "");
	assert_types(THREE POLL(4, 1, "\"a\" [[0 1]]") ASSIGN(5, 1, "\"b\" \"a\"") POLL(7, 1, "\"a\" [[2 3]]")
			 POLL(8, 2, ALL),
	    ":poll-skip");
	assert_types(THREE POLL(4, 1, "\"a\" [[0 1]]") DO(5, 1, fail, assign, "[\"b\"]", "[\"b\"]")
			 POLL(7, 1, "\"a\" [[2 3]]") POLL(8, 2, ALL),
	    ":poll-skip");
	assert_types(THREE POLL(4, 1, "\"a\" [[0 1]]") DO(5, 1, ok, subscribe, "[\"b\"]", "[\"b\"]")
			 POLL(7, 1, "\"a\" [[2 3]]") POLL(8, 2, ALL),
	    "");
	/* A poll that failed does not move the consumer; an empty one for the log makes it forget. */
	assert_types(THREE POLL(4, 1, "\"a\" [[0 1]]") DO(5, 1, fail, poll, "[[:poll]]", "[[:poll {\"a\" [[1 2]]}]]")
			 POLL(6, 1, "\"a\" [[1 2] [2 3]]"),
	    "");
	assert_types(
	    THREE POLL(4, 1, "\"a\" [[0 1]]") POLL(5, 1, "\"a\" []") POLL(6, 1, "\"a\" [[2 3]]") POLL(7, 2, ALL), "");
}

static void
polls_that_go_back(void **state)
{
	static const char back[] = THREE POLL(4, 1, ALL) POLL(5, 1, "\"a\" [[1 2] [2 3]]");

	(void)state;
	assert_types(back, ":nonmonotonic-poll");
	assert_result(check_kafka, back, "nonmonotonic-poll",
	    "{:count 1, :errs ({:key \"a\", :values [3 2], :delta -1, :ops ["
	    "#jepsen.history.Op{:index 7, :time 4000000, :type :ok, :process 1, :f :poll, "
	    ":value [[:poll {\"a\" [[0 1] [1 2] [2 3]]}]]} "
	    "#jepsen.history.Op{:index 9, :time 5000000, :type :ok, :process 1, :f :poll, "
	    ":value [[:poll {\"a\" [[1 2] [2 3]]}]]}]})}");
	assert_types(THREE POLL(4, 1, ALL) POLL(5, 2, "\"a\" [[1 2] [2 3]]"), "");
	assert_types(THREE POLL(4, 1, ALL) ASSIGN(5, 1, "") POLL(6, 1, "\"a\" [[1 2] [2 3]]"), "");
	/* To begin anew does not excuse it as long as the log stays assigned. */
	assert_types(THREE POLL(4, 1, ALL) ASSIGN(5, 1, "\"a\"") POLL(6, 1, ALL), ":nonmonotonic-poll");
}

static void
steps_within_a_poll(void **state)
{
	(void)state;
	assert_types(THREE POLL(4, 1, "\"a\" [[0 1] [2 3]]") POLL(5, 2, ALL), ":int-poll-skip");
	assert_result(check_kafka, THREE POLL(4, 1, "\"a\" [[0 1] [2 3]]") POLL(5, 2, ALL), "int-poll-skip",
	    "{:count 1, :errs ({:key \"a\", :values [1 3], :delta 2, :skipped (2), "
	    ":op #jepsen.history.Op{:index 7, :time 4000000, :type :ok, :process 1, :f :poll, "
	    ":value [[:poll {\"a\" [[0 1] [2 3]]}]]}})}");
	assert_types(THREE POLL(4, 1, "\"a\" [[0 1] [1 2] [1 2] [2 3]]"), ":int-nonmonotonic-poll");
	assert_result(check_kafka, THREE POLL(4, 1, "\"a\" [[0 1] [1 2] [1 2] [2 3]]"), "int-nonmonotonic-poll",
	    "{:count 1, :errs ({:key \"a\", :values [2 2], :delta 0, "
	    ":op #jepsen.history.Op{:index 7, :time 4000000, :type :ok, :process 1, :f :poll, "
	    ":value [[:poll {\"a\" [[0 1] [1 2] [1 2] [2 3]]}]]}})}");
	/* Two polls of one transaction are as one. */
	assert_types(THREE TXN(4, 1, "[:poll] [:poll]", "[:poll {\"a\" [[0 1]]}] [:poll {\"a\" [[1 2] [2 3]]}]"), "");
	assert_types(THREE TXN(4, 1, "[:poll] [:poll]", "[:poll {\"a\" [[0 1]]}] [:poll {\"a\" [[2 3]]}]")
			 POLL(5, 2, ALL),
	    ":int-poll-skip");
	/* Unless the log was taken away in between. */
	assert_types(THREE OP(4, 1, invoke, poll, "[[:poll]]") OP(4, 1, ok, poll,
			 "[[:poll {\"a\" [[0 1] [2 3]]}]], :rebalance-log [{:keys [\"b\" \"a\"]}]") POLL(5, 2, ALL),
	    "");
	assert_types(THREE OP(4, 1, invoke, poll, "[[:poll]]") OP(4, 1, ok, poll,
			 "[[:poll {\"a\" [[0 1] [2 3]]}]], :rebalance-log [{:keys [\"b\"]}]") POLL(5, 2, ALL),
	    ":int-poll-skip");
}

static void
sends_that_go_back(void **state)
{
	static const char back[] = SEND(1, 0, "a", 1, 1) SEND(2, 0, "a", 0, 2) POLL(3, 1, "\"a\" [[0 2] [1 1]]");

	(void)state;
	assert_types(back, ":nonmonotonic-send");
	assert_result(check_kafka, back, "nonmonotonic-send",
	    "{:count 1, :errs ({:key \"a\", :values [1 2], :delta -1, :ops ["
	    "#jepsen.history.Op{:index 1, :time 1000000, :type :ok, :process 0, :f :send, :value [[:send \"a\" [1 "
	    "1]]]} "
	    "#jepsen.history.Op{:index 3, :time 2000000, :type :ok, :process 0, :f :send, :value [[:send \"a\" [0 "
	    "2]]]}]})}");
	assert_types(SEND(1, 0, "a", 1, 1) SEND(2, 1, "a", 0, 2) POLL(3, 1, "\"a\" [[0 2] [1 1]]"), "");
	assert_types(
	    SEND(1, 0, "a", 1, 1) ASSIGN(2, 0, "\"b\"") SEND(3, 0, "a", 0, 2) POLL(4, 1, "\"a\" [[0 2] [1 1]]"), "");
	assert_types(SEND(1, 0, "a", 1, 1) ASSIGN(2, 0, "\"a\"") SEND(3, 0, "a", 0, 2)
			 POLL(4, 1, "\"a\" [[0 2] [1 1]]"),
	    ":nonmonotonic-send");
	/* Others may come in between. */
	assert_types(SEND(1, 0, "a", 0, 1) SEND(2, 1, "a", 1, 2) SEND(3, 0, "a", 2, 3) POLL(4, 1, ALL), "");
}

static void
sends_of_a_transaction(void **state)
{
	static const char gap[] = SEND(1, 1, "a", 1, 2)
	    TXN(2, 0, "[:send \"a\" 1] [:send \"a\" 3]", "[:send \"a\" [0 1]] [:send \"a\" [2 3]]") POLL(3, 1, ALL);

	(void)state;
	assert_types(TXN(1, 0, "[:send \"a\" 1] [:send \"a\" 2]", "[:send \"a\" [1 1]] [:send \"a\" [0 2]]")
			 POLL(2, 1, "\"a\" [[0 2] [1 1]]"),
	    ":int-nonmonotonic-send");
	assert_types(TXN(1, 0, "[:send \"a\" 1] [:send \"a\" 2]", "[:send \"a\" [0 1]] [:send \"a\" [1 2]]")
			 POLL(2, 1, "\"a\" [[0 1] [1 2]]"),
	    "");
	/* Seen and reported, but normal. */
	assert_result(check_kafka, gap, "valid?", "true");
	assert_result(check_kafka, gap, "error-types", "(:int-send-skip)");
	assert_result(check_kafka, gap, "bad-error-types", "()");
	assert_result(check_kafka, gap, "int-send-skip",
	    "{:count 1, :errs ({:key \"a\", :values [1 3], :delta 2, :skipped (2), "
	    ":op #jepsen.history.Op{:index 3, :time 2000000, :type :ok, :process 0, :f :txn, "
	    ":value [[:send \"a\" [0 1]] [:send \"a\" [2 3]]]}})}");
}

/* ---- cycles --------------------------------------------------------------------------------------- */

static void
reads_from_the_future(void **state)
{
	static const char future[] = POLL(1, 1, "\"a\" [[0 1]]") SEND(2, 0, "a", 0, 1);

	(void)state;
	assert_types(future, ":G1c-realtime :strong-PL-2-cycle-exists");
	assert_result(check_kafka, future, "strong-PL-2-cycle-exists",
	    "{:count 1, :errs [{:type :strong-PL-2-cycle-exists, :not :strong-read-committed, "
	    ":subgraph [:union :ww :wwp :wr :wrp :realtime], :scc-size 2, :scc #{1 3}}]}");
#define POLLED                                                                                                    \
	"#jepsen.history.Op{:index 1, :time 1000000, :type :ok, :process 1, :f :poll, :value [[:poll {\"a\" [[0 " \
	"1]]}]]}"
#define SENDING \
	"#jepsen.history.Op{:index 2, :time 2000000, :type :invoke, :process 0, :f :send, :value [[:send \"a\" 1]]}"
#define SENT \
	"#jepsen.history.Op{:index 3, :time 2000000, :type :ok, :process 0, :f :send, :value [[:send \"a\" [0 1]]]}"
	assert_result(check_kafka, future, "G1c-realtime",
	    "{:count 1, :errs ({:cycle [" POLLED " " SENT " " POLLED "], :steps ({:type :realtime, :a' " POLLED
	    ", :b " SENDING "} {:type :wr, :key \"a\", :value 1, :a-mop-index 0, :b-mop-index 0}), "
	    ":type :G1c-realtime})}");
	/* They overlap. */
	assert_types(OP(1, 1, invoke, poll, "[[:poll]]") SEND(2, 0, "a", 0, 1)
			 OP(3, 1, ok, poll, "[[:poll {\"a\" [[0 1]]}]]"),
	    "");
	assert_types(OP(1, 0, invoke, send, "[[:send \"a\" 1]]") POLL(2, 1, "\"a\" [[0 1]]")
			 OP(3, 0, ok, send, "[[:send \"a\" [0 1]]]"),
	    "");
	/* Through a third one. */
	assert_types(OP(1, 2, invoke, send, "[[:send \"a\" 1]]") POLL(2, 1, "\"a\" [[0 1]], \"b\" [[0 1]]")
			 POLL(3, 1, "") SEND(4, 0, "b", 0, 1) OP(5, 2, ok, send, "[[:send \"a\" [0 1]]]"),
	    ":G1c-realtime :strong-PL-2-cycle-exists");
}

static void
transactions_that_read_from_each_other(void **state)
{
	static const char mutual[] = OP(1, 0, invoke, txn, "[[:send \"a\" 1] [:poll]]")
	    TXN(2, 1, "[:send \"b\" 1] [:poll]", "[:send \"b\" [0 1]] [:poll {\"a\" [[0 1]]}]")
		OP(3, 0, ok, txn, "[[:send \"a\" [0 1]] [:poll {\"b\" [[0 1]]}]]");

	(void)state;
	assert_types(mutual, ":G1c :PL-2-cycle-exists");
	assert_result(check_kafka, mutual, "PL-2-cycle-exists",
	    "{:count 1, :errs [{:type :PL-2-cycle-exists, :not :read-committed, :subgraph [:union :ww :wwp :wr :wrp], "
	    ":scc-size 2, :scc #{2 3}}]}");
	assert_types(OP(1, 0, invoke, txn, "[[:send \"a\" 1] [:poll]]") TXN(
			 2, 1, "[:send \"b\" 1] [:poll]", "[:send \"b\" [0 1]] [:poll]")
			 OP(3, 0, ok, txn, "[[:send \"a\" [0 1]] [:poll {\"b\" [[0 1]]}]]") POLL(4, 2, "\"a\" [[0 1]]"),
	    "");
}

/* ---- lag -------------------------------------------------------------------------------------------- */

static void
realtime_lag(void **state)
{
	(void)state;
	/* Behind since message 2 was acknowledged. */
	assert_result(check_kafka,
	    SEND(1, 0, "a", 0, 1) ASSIGN(2, 1, "\"a\"") POLL(3, 1, "\"a\" [[0 1]]") SEND(10, 0, "a", 1, 2)
		POLL(12, 1, ""),
	    "worst-realtime-lag", "{:time 0.012, :process 1, :key \"a\", :lag 0.002}");
	/* A log that is not assigned any more does not count, nor does what is sent later. */
	assert_result(check_kafka, SEND(1, 0, "a", 0, 1) ASSIGN(1, 1, "\"a\"") ASSIGN(2, 1, "\"b\"") POLL(9, 1, ""),
	    "worst-realtime-lag", "{:time 0.009, :process 1, :key \"b\", :lag 0.0}");
	assert_result(check_kafka,
	    SEND(1, 0, "a", 0, 1) DO(2, 1, ok, subscribe, "[\"a\"]", "[\"a\"]") POLL(9, 1, "")
		POLL(10, 1, "\"a\" [[0 1]]") SEND(20, 0, "a", 1, 2) POLL(23, 1, ""),
	    "worst-realtime-lag", "{:time 0.023, :process 1, :key \"a\", :lag 0.003}");
	assert_result(check_kafka,
	    SEND(1, 0, "a", 0, 1) ASSIGN(1, 1, "\"a\"") DO(2, 1, ok, subscribe, "[\"a\"]", "[\"a\"]") POLL(9, 1, ""),
	    "worst-realtime-lag", "{:time 0.0, :lag 0.0}");
	/* A negative offset counts as 0 here. */
	assert_result(check_kafka, SEND(1, 0, "a", -1, 1) ASSIGN(2, 1, "\"a\"") POLL(5, 1, ""), "worst-realtime-lag",
	    "{:time 0.005, :process 1, :key \"a\", :lag 0.004}");
	/* Gaps: offset 5 shows that 0 to 4 are gone by. */
	assert_result(check_kafka,
	    SEND(1, 0, "a", 0, 1) SEND(2, 0, "a", 5, 2) ASSIGN(3, 1, "\"a\"") POLL(4, 1, "\"a\" [[0 1]]"),
	    "worst-realtime-lag", "{:time 0.004, :process 1, :key \"a\", :lag 0.002}");
}

/* ---- what cannot be judged ------------------------------------------------------------------------------ */

static void
senseless_histories(void **state)
{
	static const char *const values[] = {
	    "[[:poll 1]]", "[[:poll {\"a\" 1}]]", "[[:poll {\"a\" [1]}]]", "[[:poll {\"a\" [[0]]}]]",
	    "[[:poll {\"a\" [[:x 1]]}]]", "[[:poll {\"a\" [[99999999999999999999 1]]}]]", "[[:pull]]", "[[]]", "[1]",
	    "1", "[[:send \"a\" 1]]",
	    "[[:poll {\"a\" []}]]",        /* as Jepsen's, which looks for the last message of an empty log */
	    "[[:poll {\"a\" [[nil 1]]}]]", /* and here there is one, but it is nowhere */
	    "[[:poll {\"a\" [[0 1]]}]]",   /* nobody sent it */
	};
	struct buffer text = {0};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		text.length = 0;
		buffer_printf(&text,
		    OP(1, 0, invoke, poll, "[[:poll]]") "{:time 1, :process 0, :type :ok, :f :poll, :value %s}",
		    values[i]);
		assert_fails(check_kafka, buffer_string(&text));
	}
	buffer_free(&text);
	assert_fails(check_kafka, OP(1, 0, ok, poll, "[[:poll {}]]"));
	assert_fails(check_kafka, OP(1, 0, invoke, send, "[[:send]]"));
	assert_fails(check_kafka, OP(1, 0, invoke, send, "[[:poll]]"));
	assert_fails(check_kafka, SEND(1, 0, "a", 0, 1) SEND(2, 0, "a", 0, "x") POLL(3, 1, "\"a\" [[0 1] [0 \"x\"]]"));
	assert_fails(check_kafka, SEND(1, 0, "a", 0, 1) SEND(2, 0, "a", 1, "x") POLL(3, 1, ""));
}

/* Nothing is where nobody looks: keys of any kind, a send without a message, negative offsets. */
static void
odd_histories(void **state)
{
	(void)state;
	assert_types(
	    DO(1, 0, ok, send, "[[:send [1] {:x 1}]]", "[[:send [1] [0 {:x 1}]]]") POLL(2, 1, "[1] [[0 {:x 1}]]"), "");
	assert_types(DO(1, 0, ok, send, "[[:send 1.5]]", "[[:send 1.5 [0]]]") POLL(2, 1, "1.5 [[0 nil]]"), "");
	assert_types(THREE POLL(4, 1, "\"a\" [[-1 1] [0 1] [1 2] [2 3]]"), ":int-nonmonotonic-poll");
}

/* ---- what is shown ----------------------------------------------------------------------------------------- */

/* `count` messages sent to "a"; then one poll a process reads them with a step from 0 to each. */
static void
write_skips(struct buffer *text, int count)
{
	int i;

	for (i = 0; i < count; i++)
		buffer_printf(text,
		    "{:process 0, :type :invoke, :f :send, :value [[:send \"a\" %d]]}"
		    "{:process 0, :type :ok, :f :send, :value [[:send \"a\" [%d %d]]]}",
		    i, i, i);
	for (i = 0; i < count; i++)
		buffer_printf(text,
		    "{:process %d, :type :invoke, :f :poll, :value [[:poll]]}"
		    "{:process %d, :type :ok, :f :poll, :value [[:poll {\"a\" [[0 0] [%d %d]]}]]}",
		    i + 1, i + 1, i, i);
}

static void
the_worst_are_shown(void **state)
{
	struct history history;
	struct buffer text = {0};
	const struct value *result, *errors;
	size_t i;

	(void)state;
	write_skips(&text, 40);
	history_from(&history, buffer_string(&text));
	result = kafka_check(&history.arena, &history, false);
	errors = value_get(result, "int-poll-skip");
	assert_int_equal(value_get(errors, "count")->integer, 38);
	errors = value_get(errors, "errs");
	assert_int_equal(errors->count, 8);
	for (i = 0; i < 8; i++)
		assert_int_equal(value_get(errors->items[i], "delta")->integer, 32 + i);
	assert_int_equal(value_get(value_get(result, "int-nonmonotonic-poll"), "count")->integer, 1);
	result = kafka_check(&history.arena, &history, true);
	assert_int_equal(value_get(value_get(result, "int-poll-skip"), "errs")->count, 38);
	history_free(&history);
	buffer_free(&text);
}

static void
not_all_that_is_unseen_is_shown(void **state)
{
	const struct value *unseen, *messages;
	struct buffer text = {0};
	struct history history;
	int i;

	(void)state;
	for (i = 40; i > 0; i--)
		buffer_printf(&text,
		    "{:process 0, :type :invoke, :f :send, :value [[:send \"a\" %d]]}"
		    "{:process 0, :type :ok, :f :send, :value [[:send \"a\" [%d %d]]]}",
		    i, 40 - i, i);
	history_from(&history, buffer_string(&text));
	unseen = value_get(kafka_check(&history.arena, &history, false), "unseen");
	assert_int_equal(value_get(value_get(unseen, "unseen"), "a")->integer, 40);
	messages = value_get(value_get(unseen, "messages"), "a");
	assert_int_equal(messages->count, 32);
	for (i = 0; i < 32; i++)
		assert_int_equal(messages->items[i]->integer, i + 1);
	history_free(&history);
	buffer_free(&text);
}

/* Sequences as Clojure prints them: (set (range 20)), the keys of a map of the strings "0" to "13", and odd ones. */
static void
clojure_order(void **state)
{
	static const char *const orders[] = {
	    "[0 7 1 4 15 13 6 17 3 12 2 19 11 9 5 14 16 10 18 8]",
	    "[\"9\" \"3\" \"4\" \"8\" \"7\" \"5\" \"12\" \"13\" \"6\" \"1\" \"0\" \"11\" \"2\" \"10\"]",
	};
	struct arena arena = {0};
	const struct value *order;
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		order = edn(&arena, orders[i]);
		for (j = 1; j < order->count; j++)
			assert_true(clojure_rank(order->items[j - 1]) < clojure_rank(order->items[j]));
	}
	assert_int_equal(clojure_rank(edn(&arena, "nil")), 0);
	assert_int_equal(clojure_rank(edn(&arena, "\"\"")), 0);
	assert_true(clojure_rank(edn(&arena, "true")) != clojure_rank(edn(&arena, "false")));
	arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(right_histories),
	    cmocka_unit_test(nothing_depends_on_anything),
	    cmocka_unit_test(causes_of_indefinite_operations),
	    cmocka_unit_test(lost_writes),
	    cmocka_unit_test(lost_writes_of_unknown_fate),
	    cmocka_unit_test(unseen_messages),
	    cmocka_unit_test(aborted_reads),
	    cmocka_unit_test(precommitted_reads),
	    cmocka_unit_test(inconsistent_offsets),
	    cmocka_unit_test(duplicates),
	    cmocka_unit_test(polls_that_skip),
	    cmocka_unit_test(polls_that_go_back),
	    cmocka_unit_test(steps_within_a_poll),
	    cmocka_unit_test(sends_that_go_back),
	    cmocka_unit_test(sends_of_a_transaction),
	    cmocka_unit_test(reads_from_the_future),
	    cmocka_unit_test(transactions_that_read_from_each_other),
	    cmocka_unit_test(realtime_lag),
	    cmocka_unit_test(senseless_histories),
	    cmocka_unit_test(odd_histories),
	    cmocka_unit_test(the_worst_are_shown),
	    cmocka_unit_test(not_all_that_is_unseen_is_shown),
	    cmocka_unit_test(clojure_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
