/*
 * Transactions over lists under snapshot isolation: txn-rw-register-mvcc.c, in
 * which an append replaces a list by a longer one. Algorithm, promises and
 * assumptions are those of txn-rw-register-mvcc.c.
 *
 * It is there for what it does not promise. Which version of a register came
 * after which can often not be told from outside; lists show it, and so write
 * skew (G2-item) does not stay hidden in them.
 */
#define TXN_PROGRAM txn_list_append_mvcc_program
#define TXN_NAME    "txn-list-append-mvcc"
#define TXN_WRITES  TXN_APPEND
#define TXN_VALUES  "lists"

#include "txn-rw-register-mvcc.c"
