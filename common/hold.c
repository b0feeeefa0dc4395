/*
 * Under Maelstrom one message to somebody who is not there yet makes the
 * sender deaf for good, and nodes and services come up in parallel. So what
 * goes to peers and services waits for a sign that they are there.
 */
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define OTHERS_MAX 16 /* services remembered by name; what goes to others waits for the end */

void
hold_begin(struct node *node)
{
	node->hold_until = node->now_ms + NODE_HOLD_MS;
	node->heard = memory_zero((size_t)node->count * sizeof(*node->heard));
	node->others = memory_zero(OTHERS_MAX * sizeof(*node->others));
}

/* ---- who is there ---------------------------------------------------------- */

static bool
is_heard(const struct node *node, const char *id)
{
	int i = node_find(node, id);

	if (i >= 0)
		return node->heard[i];
	for (size_t k = 0; k < node->others_count; k++)
		if (strcmp(node->others[k], id) == 0)
			return true;
	return false;
}

static void
note(struct node *node, const char *id)
{
	int i = node_find(node, id);

	if (i >= 0)
		node->heard[i] = true;
	else if (node->others_count < OTHERS_MAX && !is_heard(node, id))
		node->others[node->others_count++] = memory_copy(id, strlen(id));
}

/* ---- releasing ------------------------------------------------------------- */

/* Sends what waits for `id`, or for anybody if that is NULL, in the order in which it came. */
static void
release(struct node *node, const char *id)
{
	struct held *held, *next;

	TAILQ_FOREACH_SAFE (held, &node->held, entry, next) {
		if (id != NULL && strcmp(held->dest, id) != 0)
			continue;
		TAILQ_REMOVE(&node->held, held, entry);
		node->held_count--;
		buffer_append(&node->output, held->line, held->length);
		free(held->dest);
		free(held);
	}
}

static void
release_all(struct node *node)
{
	node->hold_over = true;
	release(node, NULL);
}

void
hold_heard(struct node *node, const char *src)
{
	if (node->hold_over)
		return;
	if (is_client(src)) {
		release_all(node);
	} else {
		note(node, src);
		release(node, src);
	}
}

int64_t
hold_due(const struct node *node)
{
	return node->held_count > 0 ? node->hold_until : INT64_MAX;
}

void
hold_turn(struct node *node)
{
	if (node->id != NULL && !node->hold_over && node->now_ms >= node->hold_until)
		release_all(node);
}

/* ---- holding --------------------------------------------------------------- */

bool
hold_wanted(const struct node *node, const char *dest)
{
	if (node->hold_over || is_client(dest) || node->id == NULL || strcmp(dest, node->id) == 0)
		return false;
	return !is_heard(node, dest);
}

static void
keep(struct node *node, const char *dest, const char *line, size_t length)
{
	struct held *held = memory_alloc(sizeof(*held) + length);

	held->dest = memory_copy(dest, strlen(dest));
	held->length = length;
	memcpy(held->line, line, length);
	TAILQ_INSERT_TAIL(&node->held, held, entry);
	node->held_count++;
}

void
hold_take(struct node *node, const char *dest, size_t start)
{
	struct buffer *output = &node->output;

	if (node->held_count < node->limits.held)
		keep(node, dest, output->bytes + start, output->length - start);
	else
		node_log(
		    node, LOG_LEVEL_WARN, "dropped a message to %s: %zu are held back already", dest, node->held_count);
	output->length = start;
}

bool
hold_has(const struct node *node, const char *dest)
{
	const struct held *held;

	if (node->hold_over)
		return false;
	TAILQ_FOREACH (held, &node->held, entry)
		if (strcmp(held->dest, dest) == 0)
			return true;
	return false;
}

void
hold_free(struct node *node)
{
	struct held *held;

	while ((held = TAILQ_FIRST(&node->held)) != NULL) {
		TAILQ_REMOVE(&node->held, held, entry);
		free(held->dest);
		free(held);
	}
	for (size_t i = 0; i < node->others_count; i++)
		free(node->others[i]);
	free(node->others);
	free(node->heard);
}
