/*
 * Planted: half of the nodes, rounded down, taken for a majority. Two such
 * halves need not meet, so that proposers do not learn of each other's changes.
 * To be found by the check of linearizability.
 */
#include "caspaxos_internal.h"
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
	store->paxos->claims = false;
	store->paxos->quorum = node_count(n) / 2;
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

const struct program lin_kv_caspaxos_half_program = {
    .name = "lin-kv-caspaxos-half",
    .summary = "broken: takes half of the nodes for a majority",
    .state_size = sizeof(struct store),
    .start = start,
    .stop = stop,
    .routes = routes,
};
