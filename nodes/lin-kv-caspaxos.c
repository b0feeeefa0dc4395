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
 * Without it nodes keep all in memory, and one that was killed must not come
 * back.
 */
#include "caspaxos.h"
#include "node.h"

struct store {
	struct caspaxos *paxos;
};

/* ---- commands on a value --------------------------------------------------------- */

static json_t *
error_reply(enum error code, const char *text)
{
	return json_pack("{s:s, s:i, s:s}", "type", "error", "code", (int)code, "text", text);
}

static json_t *
apply_cas(const json_t *command, json_t *value, json_t **change)
{
	if (value == NULL && !json_is_true(json_object_get(command, "create_if_not_exists")))
		return error_reply(ERROR_KEY_DOES_NOT_EXIST, "no such key");
	if (value != NULL && !json_equal(value, json_object_get(command, "from")))
		return error_reply(ERROR_PRECONDITION_FAILED, "the value is another");
	*change = json_incref(json_object_get(command, "to"));
	return json_pack("{s:s}", "type", "cas_ok");
}

static json_t *
apply(const json_t *command, json_t *value, json_t **change)
{
	if (json_object_get(command, "to") != NULL)
		return apply_cas(command, value, change);
	if (json_object_get(command, "value") != NULL) {
		*change = json_incref(json_object_get(command, "value"));
		return json_pack("{s:s}", "type", "write_ok");
	}
	return value != NULL ? json_pack("{s:s, s:O}", "type", "read_ok", "value", value)
			     : error_reply(ERROR_KEY_DOES_NOT_EXIST, "no such key");
}

/* ---- clients ----------------------------------------------------------------------- */

static void
submit(struct node *n, const struct message *m, json_t *key, json_t *command)
{
	struct store *store = node_state(n);

	caspaxos_submit(store->paxos, node_defer(n, m), key, command);
}

static void
handle_read(struct node *n, const struct message *m)
{
	json_t *key;

	if (node_unpack(n, m, "{s:o}", "key", &key))
		submit(n, m, key, json_object());
}

static void
handle_write(struct node *n, const struct message *m)
{
	json_t *key, *value;

	if (node_unpack(n, m, "{s:o, s:o}", "key", &key, "value", &value))
		submit(n, m, key, json_pack("{s:O}", "value", value));
}

static void
handle_cas(struct node *n, const struct message *m)
{
	json_t *key, *from, *to;
	int creates = 0;

	if (node_unpack(
		n, m, "{s:o, s:o, s:o, s?b}", "key", &key, "from", &from, "to", &to, "create_if_not_exists", &creates))
		submit(
		    n, m, key, json_pack("{s:O, s:O, s:b}", "from", from, "to", to, "create_if_not_exists", creates));
}

/* ---- the program --------------------------------------------------------------------- */

static void
handle_paxos(struct node *n, const struct message *m)
{
	struct store *store = node_state(n);

	caspaxos_receive(store->paxos, m);
}

static void
load(struct node *n, json_t *record)
{
	struct store *store = node_state(n);

	caspaxos_load(store->paxos, record);
}

static void
start(struct node *n)
{
	struct store *store = node_state(n);

	store->paxos = caspaxos_new(n, apply);
	node_load(n, load);
}

static void
stop(struct node *n)
{
	struct store *store = node_state(n);

	caspaxos_free(store->paxos);
}

static const struct route routes[] = {
    {"read", handle_read},
    {"write", handle_write},
    {"cas", handle_cas},
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
