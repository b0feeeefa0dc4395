/* The queue in front of a receiver. With constant latency it is a plain line, and pushing costs one comparison. */
#include "packet.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

#define QUEUE_FIRST 16   /* packets the first heap has room for */
#define POOL_MAX    4096 /* packets: 768 KiB */

/* ---- memory -------------------------------------------------------------- */

size_t
packet_size(size_t length)
{
	size_t size = sizeof(struct packet) + length;

	return size > PACKET_SMALL ? size : PACKET_SMALL;
}

/* For a text of that length. */
static struct packet *
take_memory(struct packet_pool *pool, size_t length)
{
	struct packet *packet = pool->first;

	if (MEMORY_WATCHED)
		return memory_alloc(sizeof(*packet) + length);
	if (packet_size(length) > PACKET_SMALL || packet == NULL)
		return memory_alloc(packet_size(length));
	pool->first = packet->next;
	pool->count--;
	if (pool->first != NULL)
		memory_fetch(pool->first, PACKET_SMALL);
	return packet;
}

void
packet_free(struct packet_pool *pool, struct packet *packet)
{
	if (MEMORY_WATCHED || pool->count == POOL_MAX || packet_size(packet->length) > PACKET_SMALL) {
		free(packet);
		return;
	}
	packet->next = pool->first;
	pool->first = packet;
	pool->count++;
}

void
packet_pool_free(struct packet_pool *pool)
{
	struct packet *packet;

	while ((packet = pool->first) != NULL) {
		pool->first = packet->next;
		free(packet);
	}
}

struct packet *
packet_new(struct packet_pool *pool, const struct beginning *src, const struct beginning *dest, const char *body,
    size_t length)
{
	size_t head = src->length + dest->length;
	struct packet *packet = take_memory(pool, head + length + 1);

	packet->body = head;
	packet->length = head + length + 1;
	memcpy(packet->text, src->text, src->length);
	memcpy(packet->text + src->length, dest->text, dest->length);
	memcpy(packet->text + head, body, length);
	packet->text[head + length] = '}';
	return packet;
}

struct packet *
packet_copy(struct packet_pool *pool, const struct packet *packet)
{
	struct packet *copy = take_memory(pool, packet->length);

	return memcpy(copy, packet, sizeof(*packet) + packet->length);
}

/* ---- the queue ----------------------------------------------------------- */

static bool
due_before(const struct queued *a, const struct queued *b)
{
	return a->deadline != b->deadline ? a->deadline < b->deadline : a->id < b->id;
}

void
packet_push(struct packet_queue *queue, struct packet *packet)
{
	const struct queued queued = {packet->deadline, packet->id, packet};
	size_t place = queue->count++;

	if (place == queue->capacity) {
		queue->capacity = place > 0 ? 2 * place : QUEUE_FIRST;
		queue->heap = memory_resize(queue->heap, queue->capacity, sizeof(*queue->heap));
	}
	while (place > 0 && due_before(&queued, &queue->heap[(place - 1) / 2])) {
		queue->heap[place] = queue->heap[(place - 1) / 2];
		place = (place - 1) / 2;
	}
	queue->heap[place] = queued;
}

struct packet *
packet_pop(struct packet_queue *queue)
{
	struct packet *first = queue->heap[0].packet;
	const struct queued last = queue->heap[--queue->count];
	size_t place = 0;

	for (;;) {
		size_t child = 2 * place + 1;

		if (child + 1 < queue->count && due_before(&queue->heap[child + 1], &queue->heap[child]))
			child++;
		if (child >= queue->count || !due_before(&queue->heap[child], &last))
			break;
		queue->heap[place] = queue->heap[child];
		place = child;
	}
	queue->heap[place] = last;
	if (queue->count > 0)
		memory_fetch(queue->heap[0].packet, PACKET_SMALL);
	return first;
}

void
packet_queue_free(struct packet_queue *queue)
{
	assert(queue->count == 0);
	free(queue->heap);
	*queue = (struct packet_queue){0};
}
