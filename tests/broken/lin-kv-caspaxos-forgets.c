/*
 * Planted: acceptors that forget their promises. What was accepted is kept,
 * but a proposer that has prepared a ballot can be overtaken by an older one,
 * so that a change is made to a state that somebody else changes as well.
 * To be found by the check of linearizability: a change is lost.
 */
#include "caspaxos_internal.h"
#include "register.h"

struct store {
	struct caspaxos *paxos;
};

/* Without handing over there is more to be lost. */
static void
forget(struct caspaxos *paxos)
{
	struct reg *reg;

	RB_FOREACH (reg, reg_tree, &paxos->registers) {
		reg->contended_until = 0;
		reg->acceptor.hold_until = 0;
		if (reg->phase != PHASE_PREPARING)
			reg->acceptor.promised = reg->acceptor.accepted;
	}
}

static void
handle_client(struct node *n, const struct message *m)
{
	struct store *store = node_state(n);
	json_t *key, *command = register_command(n, m, &key);

	if (command != NULL)
		caspaxos_submit(store->paxos, node_defer(n, m), key, command);
}

static void
handle_paxos(struct node *n, const struct message *m)
{
	struct store *store = node_state(n);

	forget(store->paxos);
	caspaxos_receive(store->paxos, m);
}

static void
start(struct node *n)
{
	struct store *store = node_state(n);

	store->paxos = caspaxos_new(n, register_apply);
	store->paxos->claims = false;
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

const struct program lin_kv_caspaxos_forgets_program = {
    .name = "lin-kv-caspaxos-forgets",
    .summary = "broken: acceptors that forget what they have promised",
    .state_size = sizeof(struct store),
    .start = start,
    .stop = stop,
    .routes = routes,
};
