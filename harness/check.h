/*
 * Checkers: each takes a history and returns a map in Jepsen's own terms with
 * at least :valid?, which is true, false or :unknown. They never hang; where
 * Jepsen's checker would throw they return :unknown with :error.
 */
#ifndef CHECK_H
#define CHECK_H

#include "history.h"
#include "net.h"
#include "value.h"

/* In rising order: the worst of several wins (jepsen.checker/merge-valid). Also Maelstrom's exit statuses 0, 2 and 1.
 */
enum verdict { VERDICT_VALID, VERDICT_UNKNOWN, VERDICT_INVALID };

/* What checkers are told beside the history. Zero means default. */
struct check_options {
	enum { AVAILABILITY_ANY, AVAILABILITY_TOTAL, AVAILABILITY_FRACTION } availability;
	double availability_fraction;
	const char *const *consistency_models;   /* NULL-terminated */
	bool sequential_keys, linearizable_keys; /* what registers may be taken for, key by key */
	const struct net_stats *net;             /* NULL: no journal, no :net */
	size_t node_count;
	const char *directory; /* where a checker may leave pictures; NULL: nowhere */
};

typedef const struct value *check_fn(struct arena *, const struct history *, const struct check_options *);

/* One checker a file in check/. The header of each says what it looks for and where that is defined. */
check_fn check_echo;         /* maelstrom.workload.echo/checker */
check_fn check_unique_ids;   /* jepsen.checker/unique-ids */
check_fn check_set_full;     /* jepsen.checker/set-full */
check_fn check_broadcast;    /* set-full with :broadcast for :add */
check_fn check_counter;      /* maelstrom.workload.pn-counter/checker, g-counter's too */
check_fn check_linearizable; /* jepsen.tests.linearizable-register's, key by key */
check_fn check_kafka;        /* jepsen.tests.kafka/checker */
check_fn check_list_append;  /* elle.list-append/check, by jepsen.tests.cycle.append/checker */
check_fn check_rw_register;  /* maelstrom.workload.txn-rw-register/checker, which is elle.rw-register's */
check_fn check_stats;        /* jepsen.checker/stats */
check_fn check_availability; /* maelstrom.checker/availability-checker */
check_fn check_exceptions;   /* jepsen.checker/unhandled-exceptions */
check_fn check_net;          /* maelstrom.net.checker */

/* All of them, as results.edn has them; `workload` is the workload's own. The top :valid? is the worst. */
const struct value *check_all(struct arena *, const struct history *, const struct check_options *, check_fn *workload);

/* The verdict under :valid? of a result. */
enum verdict verdict_of(const struct value *result);
const struct value *verdict_value(enum verdict);
enum verdict verdict_worse(enum verdict, enum verdict);
int verdict_exit_status(enum verdict);  /* 0, 2, 1 */
const char *verdict_name(enum verdict); /* "valid", "unknown", "invalid" */

/* {:valid? :unknown, :error text}: where Jepsen's checker would have thrown. */
const struct value *check_failed(struct arena *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
