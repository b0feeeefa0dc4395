/*
 * Planted: a node that never forgives. All keys live at the first node, and the
 * others pass requests on to it; one that has waited for an answer in vain takes
 * the first node for dead, and refuses whatever comes from then on.
 * All that is answered is linearizable, also under partitions: no checker of
 * histories sees it. To be found by the phase of liveness (--liveness).
 */
#include <stdlib.h>

#include "memory.h"
#include "node.h"
#include "register.h"

#define PATIENCE_MS 600

struct frozen {
	json_t *values; /* by the key's text; at the first node */
	bool gave_up;
};

static void
start(struct node *n)
{
	struct frozen *f = node_state(n);

	f->values = json_object();
}

static void
stop(struct node *n)
{
	struct frozen *f = node_state(n);

	json_decref(f->values);
}

/* ---- the first node ------------------------------------------------------------- */

static void
serve(struct node *n, const struct message *m)
{
	struct frozen *f = node_state(n);
	json_t *key, *change, *command = register_command(n, m, &key);
	char *name;

	if (command == NULL)
		return;
	name = json_dumps(key, JSON_ENCODE_ANY | JSON_SORT_KEYS);
	if (name == NULL)
		memory_exhausted();
	node_reply(n, m, register_apply(command, json_object_get(f->values, name), &change));
	if (change != NULL)
		json_object_set_new(f->values, name, change);
	json_decref(command);
	free(name);
}

/* ---- the others ----------------------------------------------------------------- */

static void
answered(struct node *n, const struct message *reply, void *request)
{
	struct frozen *f = node_state(n);

	if (reply != NULL) {
		request_reply(request, json_incref(reply->body));
		return;
	}
	f->gave_up = true;
	request_error(request, ERROR_TIMEOUT, "the first node is silent");
}

static void
handle(struct node *n, const struct message *m)
{
	struct frozen *f = node_state(n);

	if (node_index(n) == 0)
		serve(n, m);
	else if (f->gave_up)
		node_error(n, m, ERROR_TEMPORARILY_UNAVAILABLE, "the first node is dead");
	else
		node_rpc(n, node_peer(n, 0), json_incref(m->body), PATIENCE_MS, answered, node_defer(n, m), NULL);
}

static const struct route routes[] = {{"read", handle}, {"write", handle}, {"cas", handle}, {NULL, NULL}};

const struct program lin_kv_frozen_program = {
    .name = "lin-kv-frozen",
    .summary = "broken: who has once waited in vain never asks again",
    .state_size = sizeof(struct frozen),
    .start = start,
    .stop = stop,
    .routes = routes,
};
