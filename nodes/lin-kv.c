/*
 * A linearizable key-value store: a map from JSON to JSON that Raft keeps the
 * same on all nodes (raft.h). Any node takes any request; writes and
 * compare-and-sets become entries of the log, reads do not. Of three nodes a
 * follower and the leader need one message each way for a request to the
 * follower, and for one to the leader (raft_thrift.c).
 *
 * Promises: linearizability, whatever the network loses, delays or repeats;
 * progress wherever a majority of nodes can talk, after a partition within two
 * election time-outs (raft_timeout_ms()) in the median. Error 20: no such key; 22:
 * the value is not what cas expected; 11: it has not happened; 0: nobody knows.
 *
 * Assumes: with --data-dir, that disks keep what they have synced; a node may
 * then be killed and started again. Without, its memory is all there is, and a
 * node that was killed is lost: where it is started again it answers with error
 * 11, once it has met a node that it had met before (raft.h says what is
 * promised then).
 */
#include <stdlib.h>

#include "canonical.h"
#include "memory.h"
#include "node.h"
#include "raft.h"
#include "register.h"

#define PATIENCE_MS 900 /* clients wait a second at least */

struct store {
	bool lease; /* option */
	struct raft *raft;
	json_t *values; /* by the canonical text of the key */
};

/* ---- the map ------------------------------------------------------------------ */

static json_t *
find(struct node *n, const json_t *command)
{
	struct store *store = node_state(n);
	char *key = canonical_text(json_object_get(command, "key"));
	json_t *value = json_object_get(store->values, key);

	free(key);
	return value;
}

static void
put(struct node *n, const json_t *command, json_t *value)
{
	struct store *store = node_state(n);
	char *key = canonical_text(json_object_get(command, "key"));

	if (json_object_set(store->values, key, value) == -1)
		memory_exhausted();
	free(key);
}

/* ---- the state machine ---------------------------------------------------------- */

/* Only a peer gone wrong gets this: what clients send has been looked at. */
static json_t *
refusal(void)
{
	return json_pack(
	    "{s:s, s:i, s:s}", "type", "error", "code", ERROR_MALFORMED_REQUEST, "text", "that is no command");
}

static json_t *
apply(struct node *n, json_t *command)
{
	json_t *change, *reply;

	if (json_object_get(command, "key") == NULL)
		return refusal();
	reply = register_apply(command, find(n, command), &change);
	if (change != NULL)
		put(n, command, change);
	json_decref(change);
	return reply;
}

static json_t *
query(struct node *n, json_t *command)
{
	json_t *change;

	if (json_object_get(command, "key") == NULL || !register_reads(command))
		return refusal();
	return register_apply(command, find(n, command), &change);
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
handle_client(struct node *n, const struct message *m)
{
	struct store *store = node_state(n);
	json_t *key, *change = register_command(n, m, &key), *command;

	if (change == NULL)
		return;
	command = json_pack("{s:O}", "key", key);
	if (command == NULL || json_object_update(command, change) == -1)
		memory_exhausted();
	if (register_reads(change))
		raft_query(store->raft, node_defer(n, m), command);
	else
		raft_propose(store->raft, node_defer(n, m), command);
	json_decref(change);
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

	store->values = memory_made(json_object());
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
    {"read", handle_client},
    {"write", handle_client},
    {"cas", handle_client},
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
