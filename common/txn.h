/*
 * Transactions as the workloads txn-list-append and txn-rw-register have
 * them: a request {"type": "txn", "txn": [[f, key, value], ...]}, where f is
 *
 *	"r"       reads the key; the value is null, and in the reply what was read
 *	"append"  appends the value to the key's list (txn-list-append)
 *	"w"       writes the value to the key (txn-rw-register)
 *
 * Operations take effect in order, and all of them or none. Keys and values
 * may be any JSON; a key that was never written reads as null. The reply is
 * {"type": "txn_ok", "txn": [...]}, the same with the values read filled in.
 */
#ifndef TXN_H
#define TXN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "node.h"

#define TXN_OPS_MAX 65536 /* operations in one transaction: longer ones are malformed */

enum txn_f { TXN_READ, TXN_APPEND, TXN_WRITE };

/* One operation; key and value are borrowed from the transaction. */
struct txn_op {
	enum txn_f f;
	json_t *key, *value;
};

/* Whether all is well formed: reads, and `writes`, which is TXN_APPEND or TXN_WRITE. */
bool txn_is_valid(const json_t *txn, enum txn_f writes);

/* The transaction of a request (borrowed). If it is not valid, the sender gets error 12, and NULL is returned. */
json_t *txn_unpack(struct node *, const struct message *, enum txn_f writes);

/* ---- operations of a valid transaction; json_array_size() says how many ---- */

struct txn_op txn_op(const json_t *txn, size_t i);
bool txn_reads_only(const json_t *txn);

/* Under which text a key's value is kept: equal keys have equal ones (canonical_text()). The caller frees it. */
char *txn_key(const json_t *key);

/*
 * Performs a transaction on a map of values by txn_key(), and returns what it
 * became (a new reference). Values in the map are replaced, never changed: a
 * shallow copy of the map, or a reference to a value, keeps what it is. Null
 * stands for what a read finds under a key that is not there.
 */
json_t *txn_run(json_t *values, const json_t *txn);

/* What a read returns that finds this value (borrowed; NULL: none), as an operation of a reply: a new reference. */
json_t *txn_read(json_t *key, json_t *value);

/* The body of a reply; steals the completed transaction. */
json_t *txn_ok(json_t *txn);

#endif
