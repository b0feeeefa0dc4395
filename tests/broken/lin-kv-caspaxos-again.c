/*
 * Planted: a proposer that does not know its own changes again. It sends a
 * change to be accepted, is refused, finds that another proposer has carried
 * the change on all the same, and makes it once more: a cas that has succeeded
 * is answered with error 22, a write undoes what came after it.
 * To be found by the check of linearizability.
 */
#include "caspaxos_internal.h"
#include "register.h"

struct store {
	struct caspaxos *paxos;
};

/* Without handing over there is more to be made again. */
static void
forget(struct caspaxos *paxos)
{
	struct reg *reg;

	RB_FOREACH (reg, reg_tree, &paxos->registers) {
		reg->contended_until = 0;
		reg->acceptor.hold_until = 0;
		for (size_t i = 0; i < reg->attempt_count; i++)
			reg->attempts[i].ballot = -1;
	}
}

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

const struct program lin_kv_caspaxos_again_program = {
    .name = "lin-kv-caspaxos-again",
    .summary = "broken: a change that may have happened is made again",
    .state_size = sizeof(struct store),
    .start = start,
    .stop = stop,
    .routes = routes,
};
