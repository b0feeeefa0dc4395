/*
 * Planted: a proposer that does not prepare. It takes what its own acceptor
 * has for the state of a register, and has a change of that accepted at a
 * ballot nobody has promised: what others have had accepted meanwhile is lost.
 * To be found by the check of linearizability.
 */
#include "caspaxos_internal.h"
#include "register.h"

struct store {
	struct caspaxos *paxos;
};

static void
skip_prepare(struct caspaxos *paxos)
{
	int64_t clock = node_wall_ms(paxos->node) * paxos->count, highest;
	struct reg *reg;

	paxos->contended_until = 0; /* it must meet others */
	RB_FOREACH (reg, reg_tree, &paxos->registers) {
		reg->contended_until = 0;
		if (reg->phase != PHASE_IDLE && reg->phase != PHASE_WAITING)
			continue;
		highest = reg->acceptor.promised > clock ? reg->acceptor.promised : clock;
		reg->held = reg->acceptor.promised = (highest / paxos->count + 1) * paxos->count + paxos->self;
		reg->held_base = reg->acceptor.accepted;
		state_set(&reg->held_state, reg->acceptor.state);
	}
}

static void
handle_client(struct node *n, const struct message *m)
{
	struct store *store = node_state(n);
	json_t *key, *command = register_command(n, m, &key);

	skip_prepare(store->paxos);
	if (command != NULL)
		caspaxos_submit(store->paxos, node_defer(n, m), key, command);
}

static void
handle_paxos(struct node *n, const struct message *m)
{
	struct store *store = node_state(n);

	skip_prepare(store->paxos);
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

const struct program lin_kv_caspaxos_unprepared_program = {
    .name = "lin-kv-caspaxos-unprepared",
    .summary = "broken: a proposer that asks for no promises",
    .state_size = sizeof(struct store),
    .start = start,
    .stop = stop,
    .routes = routes,
};
