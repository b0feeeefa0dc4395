/*
 * Planted: one node's logs, in which each four messages get their offsets from
 * the last to the first. Polls show them once there are four.
 * To be found by kafka's checker, under :nonmonotonic-send.
 */
#include "logs.h"
#include "node.h"

#define BLOCK 4

struct kafka {
	struct logs logs; /* filled block by block */
	json_t *blocks;   /* by key, what is not in there yet */
};

static void
handle_send(struct node *n, const struct message *m)
{
	struct kafka *k = node_state(n);
	json_t *message, *block;
	struct logs_log *log;
	const char *key;

	if (!node_unpack(n, m, "{s:s, s:o}", "key", &key, "msg", &message))
		return;
	log = logs_get(&k->logs, key);
	if ((block = json_object_get(k->blocks, key)) == NULL)
		json_object_set_new(k->blocks, key, block = json_array());
	json_array_insert(block, 0, message);
	node_reply(n, m,
	    json_pack("{s:s, s:I}", "type", "send_ok", "offset",
		(json_int_t)(log->count + BLOCK) - (json_int_t)json_array_size(block)));
	for (size_t i = 0; json_array_size(block) == BLOCK && i < BLOCK; i++)
		logs_append(log, json_array_get(block, i));
	if (json_array_size(block) == BLOCK)
		json_array_clear(block);
}

static void
handle_poll(struct node *n, const struct message *m)
{
	struct kafka *k = node_state(n);
	json_t *found = logs_poll(&k->logs, json_object_get(m->body, "offsets"));

	node_reply(n, m, json_pack("{s:s, s:o*}", "type", "poll_ok", "msgs", found));
}

static void
handle_commit(struct node *n, const struct message *m)
{
	node_reply_type(n, m, "commit_offsets_ok");
}

static void
handle_committed(struct node *n, const struct message *m)
{
	node_reply(n, m, json_pack("{s:s, s:{}}", "type", "list_committed_offsets_ok", "offsets"));
}

static void
start(struct node *n)
{
	struct kafka *k = node_state(n);

	logs_init(&k->logs);
	k->blocks = json_object();
}

static void
stop(struct node *n)
{
	struct kafka *k = node_state(n);

	logs_free(&k->logs);
	json_decref(k->blocks);
}

static const struct route routes[] = {
    {"send", handle_send},
    {"poll", handle_poll},
    {"commit_offsets", handle_commit},
    {"list_committed_offsets", handle_committed},
    {NULL, NULL},
};

const struct program kafka_reorders_program = {
    .name = "kafka-reorders",
    .summary = "broken: gives offsets out of order",
    .state_size = sizeof(struct kafka),
    .start = start,
    .stop = stop,
    .routes = routes,
};
