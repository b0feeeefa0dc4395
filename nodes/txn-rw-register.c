/*
 * Transactions over registers, strict serializable: txn-list-append.c, in
 * which a write replaces the value under a key. Algorithm, promises and
 * assumptions are those of txn-list-append.c.
 */
#define TXN_PROGRAM txn_rw_register_program
#define TXN_NAME    "txn-rw-register"
#define TXN_LISTS   false

#include "txn-list-append.c"
