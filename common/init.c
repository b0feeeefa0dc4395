/* Who a node is, which init tells it, and what reaches it before that. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* ---- who am I -------------------------------------------------------------- */

const char *
node_id(const struct node *node)
{
	return node->id;
}

int
node_count(const struct node *node)
{
	return node->count;
}

int
node_index(const struct node *node)
{
	return node->index;
}

const char *
node_peer(const struct node *node, int i)
{
	assert(i >= 0 && i < node->count);
	return node->ids[i];
}

static int
by_id(const void *a, const void *b)
{
	return strcmp(((const struct peer *)a)->id, ((const struct peer *)b)->id);
}

int
node_find(const struct node *node, const char *id)
{
	struct peer key = {.id = id};
	const struct peer *peer = NULL;

	if (node->count > 0)
		peer = bsearch(&key, node->by_name, (size_t)node->count, sizeof(key), by_id);
	return peer != NULL ? peer->index : -1;
}

/* ---- init ------------------------------------------------------------------ */

static bool
is_id(const json_t *id)
{
	return json_is_string(id) && json_string_length(id) > 0 &&
	       strlen(json_string_value(id)) == json_string_length(id);
}

static void
forget_peers(struct node *node)
{
	for (int i = 0; i < node->count; i++)
		free(node->ids[i]);
	free(node->ids);
	free(node->by_name);
	node->ids = NULL;
	node->by_name = NULL;
	node->count = 0;
}

/* Returns what is wrong, or NULL. */
static const char *
take_peers(struct node *node, const json_t *ids)
{
	size_t count = json_array_size(ids);

	node->ids = memory_zero(count * sizeof(*node->ids));
	node->by_name = memory_zero(count * sizeof(*node->by_name));
	for (size_t i = 0; i < count; i++) {
		const json_t *id = json_array_get(ids, i);

		if (!is_id(id))
			return "node_ids holds something else than ids";
		node->ids[i] = memory_copy(json_string_value(id), json_string_length(id));
		node->by_name[i] = (struct peer){node->ids[i], (int)i};
		node->count++;
	}
	qsort(node->by_name, count, sizeof(*node->by_name), by_id);
	for (size_t i = 1; i < count; i++)
		if (strcmp(node->by_name[i - 1].id, node->by_name[i].id) == 0)
			return "node_ids holds an id twice";
	return NULL;
}

static const char *
adopt(struct node *node, const json_t *body)
{
	const json_t *id = json_object_get(body, "node_id"), *ids = json_object_get(body, "node_ids");
	const char *wrong;

	if (!is_id(id))
		return "no node_id";
	if (!json_is_array(ids) || json_array_size(ids) > INT32_MAX)
		return "no node_ids";
	wrong = take_peers(node, ids);
	node->index = node_find(node, json_string_value(id));
	if (wrong == NULL && node->index < 0)
		wrong = "node_id is not among node_ids";
	if (wrong != NULL)
		forget_peers(node);
	else
		node->id = memory_copy(json_string_value(id), json_string_length(id));
	return wrong;
}

/* A client's init says nothing of the others; from anybody else it shows at least that the sender is there. */
static void
hold_init_from(struct node *node, const char *src)
{
	if (!is_client(src))
		hold_heard(node, src);
}

static void
early_free(struct early *early)
{
	json_decref(early->message.body);
	free(early->src);
	free(early->dest);
	free(early);
}

static void
handle_early(struct node *node)
{
	struct early *early;

	while ((early = STAILQ_FIRST(&node->early)) != NULL) {
		STAILQ_REMOVE_HEAD(&node->early, entry);
		node->early_count--;
		node_dispatch(node, &early->message);
		early_free(early);
	}
}

static void
handle_init(struct node *node, const struct message *message)
{
	const char *wrong = adopt(node, message->body);

	if (wrong != NULL) {
		node_log(node, LOG_LEVEL_ERROR, "malformed init: %s", wrong);
		reply_unnamed(node, message, ERROR_MALFORMED_REQUEST, wrong);
		return;
	}
	if (!storage_load(node))
		return;
	node->phase = PHASE_RUNNING;
	hold_begin(node);
	hold_init_from(node, message->src);
	rpc_begin(node);
	node_reply_type(node, message, "init_ok");
	node->started = true;
	if (node->program->start != NULL)
		node->program->start(node);
	storage_loaded(node);
	handle_early(node);
}

void
init_again(struct node *node, const struct message *message)
{
	node_log(node, LOG_LEVEL_WARN, "answered another init and did not obey it");
	hold_init_from(node, message->src);
	node_reply_type(node, message, "init_ok");
}

/* ---- before init ----------------------------------------------------------- */

static void
keep_early(struct node *node, const struct message *message)
{
	struct early *early;

	if (node->early_count >= node->limits.early) {
		node_log(node, LOG_LEVEL_WARN, "dropped %s from %s: %zu messages wait for init", message->type,
		    message->src, node->early_count);
		return;
	}
	early = memory_zero(sizeof(*early));
	early->message = *message;
	early->message.src = early->src = memory_copy(message->src, strlen(message->src));
	early->message.dest = early->dest = memory_copy(message->dest, strlen(message->dest));
	json_incref(early->message.body);
	STAILQ_INSERT_TAIL(&node->early, early, entry);
	node->early_count++;
}

void
init_receive(struct node *node, const struct message *message)
{
	if (strcmp(message->type, "init") == 0 && message->in_reply_to == -1)
		handle_init(node, message);
	else if (is_client(message->src))
		reply_unnamed(node, message, ERROR_TEMPORARILY_UNAVAILABLE, "this node has not had its init yet");
	else
		keep_early(node, message);
}

/* ---- the end --------------------------------------------------------------- */

void
init_free(struct node *node)
{
	struct early *early;

	while ((early = STAILQ_FIRST(&node->early)) != NULL) {
		STAILQ_REMOVE_HEAD(&node->early, entry);
		early_free(early);
	}
	forget_peers(node);
	free(node->id);
}
