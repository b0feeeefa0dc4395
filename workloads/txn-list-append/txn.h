/*
 * What the two transactional workloads share: the generator (elle.txn/wr-txns)
 * and the client (maelstrom.workload.txn-list-append, txn-rw-register). They
 * differ in what a write is called and in what a read may return.
 */
#ifndef TXN_WORKLOAD_H
#define TXN_WORKLOAD_H

#include "key_pool.h"
#include "workload.h"

/* What the generator remembers. */
struct txn_state {
	struct key_pool keys;
};

struct txn_kind {
	const char *write; /* "append" or "w" */
	bool lists;        /* a read returns a list, or null */
};

/* A transaction of one operation to --max-txn-length of them. */
bool txn_generate(const struct txn_kind *, struct txn_state *, struct random *, struct arena *,
    const struct test_options *, struct op_template *);
/* Limits of --key-count and --max-txn-length; a `refuse` of a workload. */
const char *txn_refuse(struct arena *, const struct test_options *);

/* Sends the operation's transaction; `answered` is called with a reply and passes it on to txn_answered(). */
void txn_invoke(struct call *, call_fn *answered);
void txn_answered(const struct txn_kind *, struct call *, const struct value *reply);

#endif
