/*
 * Linearizable registers by asking somebody who has them: every request
 * becomes one to Maelstrom's lin-kv service, and its answer is the answer.
 * Promises linearizability, and availability wherever the service can be
 * reached; assumes the service (Maelstrom, doc/services.md, "lin-kv").
 * Where no answer comes the client hears nothing definite: the operation may
 * have happened, or may still happen. A kill loses nothing but the answers
 * that were on their way, for nothing is kept here.
 */
#include "kv.h"
#include "node.h"

#define TIMEOUT_MS 3000 /* beyond this no client waits */

/* What the service said, errors included; in_reply_to and msg_id are filled in anew. */
static void
pass_back(struct node *n, const struct message *reply, void *request)
{
	(void)n;
	if (reply == NULL)
		request_error(request, ERROR_TIMEOUT, "no answer from " LIN_KV);
	else
		request_reply(request, json_incref(reply->body));
}

static void
pass_on(struct node *n, const struct message *m)
{
	node_rpc(n, LIN_KV, json_incref(m->body), TIMEOUT_MS, pass_back, node_defer(n, m), NULL);
}

/* The service does not answer what it does not understand, so that is done here. */
static void
handle_read(struct node *n, const struct message *m)
{
	json_t *key;

	if (node_unpack(n, m, "{s:o}", "key", &key))
		pass_on(n, m);
}

static void
handle_write(struct node *n, const struct message *m)
{
	json_t *key, *value;

	if (node_unpack(n, m, "{s:o, s:o}", "key", &key, "value", &value))
		pass_on(n, m);
}

static void
handle_cas(struct node *n, const struct message *m)
{
	json_t *key, *from, *to;

	if (node_unpack(n, m, "{s:o, s:o, s:o}", "key", &key, "from", &from, "to", &to))
		pass_on(n, m);
}

static const struct route routes[] = {
    {"read", handle_read}, {"write", handle_write}, {"cas", handle_cas}, {NULL, NULL}};

const struct program lin_kv_proxy_program = {
    .name = "lin-kv-proxy",
    .summary = "registers that are kept by the lin-kv service",
    .routes = routes,
};
