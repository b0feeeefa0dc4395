/*
 * A linearizable key-value store without a leader: each key is a register that
 * CASPaxos (caspaxos.h) changes by a function of its value. A write is one
 * that ignores it, a cas one that compares first, a read one that leaves it.
 *
 * Promises: linearizability, whatever the network loses, delays or repeats;
 * progress wherever a majority of nodes can talk, with nobody to be elected
 * first. Error 20: no such key; 22: the value is not what cas expected; 11: it
 * has not happened; 0: nobody knows.
 *
 * Assumes: with --data-dir, that what was synced is still there after a kill.
 * Without it nodes keep all in memory, and one that was killed is lost: where it
 * is started again it answers with error 11, once it has met a node that it had
 * met before (caspaxos.h says what is promised then).
 */
#include "caspaxos.h"
#include "node.h"
#include "register.h"

struct store {
	struct caspaxos *paxos;
};

static void
handle_client(struct node *n, const struct message *m)
{
	struct store *store = node_state(n);
	json_t *key, *command = register_command(n, m, &key);

	if (command != NULL)
		caspaxos_submit(store->paxos, node_defer(n, m), key, command, register_reads(command));
}

static void
handle_paxos(struct node *n, const struct message *m)
{
	struct store *store = node_state(n);

	caspaxos_receive(store->paxos, m);
}

static void
start(struct node *n)
{
	struct store *store = node_state(n);

	store->paxos = caspaxos_new(n, register_apply);
}

static void
stop(struct node *n)
{
	struct store *store = node_state(n);

	caspaxos_free(store->paxos);
}

static const struct route routes[] = {
    {"read", handle_client},
    {"write", handle_client},
    {"cas", handle_client},
    CASPAXOS_ROUTES(handle_paxos),
    {NULL, NULL},
};

const struct program lin_kv_caspaxos_program = {
    .name = "lin-kv-caspaxos",
    .summary = "linearizable key-value store on CASPaxos: no leader, no log",
    .state_size = sizeof(struct store),
    .start = start,
    .stop = stop,
    .routes = routes,
};
