/*
 * Planted: compare-and-sets that are done and then denied. Every third one
 * that the lin-kv service has done is answered with error 22, which says that
 * it did not happen.
 * To be found by the check of linearizability: somebody sees a value that
 * nobody wrote.
 */
#include <string.h>

#include "kv.h"
#include "node.h"

#define TIMEOUT_MS  3000
#define DENIED_EACH 3

struct denier {
	int done;
};

static void
pass_back(struct node *n, const struct message *reply, void *request)
{
	struct denier *denier = node_state(n);

	if (reply == NULL)
		request_error(request, ERROR_TIMEOUT, "no answer from " LIN_KV);
	else if (strcmp(reply->type, "cas_ok") == 0 && ++denier->done % DENIED_EACH == 0)
		request_error(request, ERROR_PRECONDITION_FAILED, "it did not happen");
	else
		request_reply(request, json_incref(reply->body));
}

static void
pass_on(struct node *n, const struct message *m)
{
	json_t *key;

	if (node_unpack(n, m, "{s:o}", "key", &key))
		node_rpc(n, LIN_KV, json_incref(m->body), TIMEOUT_MS, pass_back, node_defer(n, m), NULL);
}

static const struct route routes[] = {{"read", pass_on}, {"write", pass_on}, {"cas", pass_on}, {NULL, NULL}};

const struct program lin_kv_denies_program = {
    .name = "lin-kv-denies",
    .summary = "broken: says of compare-and-sets it has done that they failed",
    .state_size = sizeof(struct denier),
    .routes = routes,
};
