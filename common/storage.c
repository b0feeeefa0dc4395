/*
 * The durable state of a node.
 */
#include "internal.h"

bool
node_is_durable(const struct node *node)
{
	(void)node;
	return false;
}

void
node_load(struct node *node, void (*record)(struct node *, json_t *record))
{
	(void)node;
	(void)record;
}

void
node_append(struct node *node, json_t *record)
{
	(void)node;
	json_decref(record);
}

void
node_sync(struct node *node)
{
	(void)node;
}

void
node_rewrite(struct node *node, json_t *records)
{
	(void)node;
	json_decref(records);
}

size_t
node_stored(const struct node *node)
{
	(void)node;
	return 0;
}
