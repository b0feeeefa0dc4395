/*
 * A linearizable key-value store: a map from JSON to JSON that Raft keeps the
 * same on all nodes (raft.h). Any node takes any request; writes and
 * compare-and-sets become entries of the log, reads do not.
 *
 * Promises: linearizability, whatever the network loses, delays or repeats;
 * progress wherever a majority of nodes can talk. Error 20: no such key; 22:
 * the value is not what cas expected; 11: it has not happened; 0: nobody knows.
 *
 * Assumes: with --data-dir, that disks keep what they have synced; a node may
 * then be killed and started again. Without, that no node is: its memory is
 * all there is.
 */
#include <stdlib.h>

#include "memory.h"
#include "node.h"
#include "raft.h"

#define PATIENCE_MS 900 /* clients wait a second at least */

struct store {
	bool lease; /* option */
	struct raft *raft;
	json_t *values; /* by the canonical text of the key */
};

/* ---- the map ------------------------------------------------------------------ */

/* Equal keys have equal texts. The caller frees it. */
static char *
key_text(const json_t *command)
{
	char *text = json_dumps(json_object_get(command, "key"), JSON_SORT_KEYS | JSON_ENCODE_ANY | JSON_COMPACT);

	if (text == NULL)
		memory_exhausted();
	return text;
}

static json_t *
find(struct node *n, const json_t *command)
{
	struct store *store = node_state(n);
	char *key = key_text(command);
	json_t *value = json_object_get(store->values, key);

	free(key);
	return value;
}

static void
put(struct node *n, const json_t *command, json_t *value)
{
	struct store *store = node_state(n);
	char *key = key_text(command);

	if (json_object_set(store->values, key, value) == -1)
		memory_exhausted();
	free(key);
}

static json_t *
no_such_key(void)
{
	return json_pack("{s:s, s:i, s:s}", "type", "error", "code", ERROR_KEY_DOES_NOT_EXIST, "text", "no such key");
}

/* ---- the state machine ---------------------------------------------------------- */

static json_t *
apply_cas(struct node *n, json_t *command)
{
	json_t *value = find(n, command);

	if (value == NULL && !json_is_true(json_object_get(command, "create_if_not_exists")))
		return no_such_key();
	if (value != NULL && !json_equal(value, json_object_get(command, "from")))
		return json_pack("{s:s, s:i, s:s}", "type", "error", "code", ERROR_PRECONDITION_FAILED, "text",
		    "the value is another");
	put(n, command, json_object_get(command, "to"));
	return json_pack("{s:s}", "type", "cas_ok");
}

static json_t *
apply(struct node *n, json_t *command)
{
	json_t *value = json_object_get(command, "value");

	if (value == NULL)
		return apply_cas(n, command);
	put(n, command, value);
	return json_pack("{s:s}", "type", "write_ok");
}

static json_t *
query(struct node *n, json_t *command)
{
	json_t *value = find(n, command);

	return value != NULL ? json_pack("{s:s, s:O}", "type", "read_ok", "value", value) : no_such_key();
}

/* Values are replaced, never changed: a shallow copy will do. */
static json_t *
snapshot(struct node *n)
{
	struct store *store = node_state(n);

	return json_copy(store->values);
}

static bool
restore(struct node *n, json_t *snapshot)
{
	struct store *store = node_state(n);

	if (!json_is_object(snapshot))
		return false;
	json_decref(store->values);
	store->values = json_incref(snapshot);
	return true;
}

static const struct raft_machine machine = {apply, query, snapshot, restore};

/* ---- clients ------------------------------------------------------------------------ */

static void
handle_read(struct node *n, const struct message *m)
{
	struct store *store = node_state(n);
	json_t *key;

	if (node_unpack(n, m, "{s:o}", "key", &key))
		raft_query(store->raft, node_defer(n, m), json_pack("{s:O}", "key", key));
}

static void
handle_write(struct node *n, const struct message *m)
{
	struct store *store = node_state(n);
	json_t *key, *value;

	if (node_unpack(n, m, "{s:o, s:o}", "key", &key, "value", &value))
		raft_propose(store->raft, node_defer(n, m), json_pack("{s:O, s:O}", "key", key, "value", value));
}

static void
handle_cas(struct node *n, const struct message *m)
{
	struct store *store = node_state(n);
	json_t *key, *from, *to;
	int creates = 0;

	if (node_unpack(
		n, m, "{s:o, s:o, s:o, s?b}", "key", &key, "from", &from, "to", &to, "create_if_not_exists", &creates))
		raft_propose(store->raft, node_defer(n, m),
		    json_pack(
			"{s:O, s:O, s:O, s:b}", "key", key, "from", from, "to", to, "create_if_not_exists", creates));
}

static void
handle_raft(struct node *n, const struct message *m)
{
	struct store *store = node_state(n);

	raft_receive(store->raft, m);
}

/* ---- the program ---------------------------------------------------------------------- */

static void
start(struct node *n)
{
	struct store *store = node_state(n);
	struct raft_options options = {.patience_ms = PATIENCE_MS, .lease = store->lease};

	store->values = json_object();
	if (store->values == NULL)
		memory_exhausted();
	store->raft = raft_new(n, &machine, &options);
}

static void
stop(struct node *n)
{
	struct store *store = node_state(n);

	raft_free(store->raft);
	json_decref(store->values);
}

static const struct route routes[] = {
    {"read", handle_read},
    {"write", handle_write},
    {"cas", handle_cas},
    RAFT_ROUTES(handle_raft),
    {NULL, NULL},
};

static const struct option_spec options[] = {
    {.name = "lease",
	.help = "answer reads on a lease: assumes that the nodes' clocks run at nearly the same rate",
	.type = OPTION_FLAG,
	.offset = offsetof(struct store, lease)},
    {.name = NULL},
};

const struct program lin_kv_program = {
    .name = "lin-kv",
    .summary = "linearizable key-value store on Raft",
    .state_size = sizeof(struct store),
    .start = start,
    .stop = stop,
    .routes = routes,
    .options = options,
};
