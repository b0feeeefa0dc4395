/* The queue in front of a receiver. With constant latency it is a plain line, and pushing costs one comparison. */
#include "packet.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

#define QUEUE_FIRST 16 /* packets the first heap has room for */

size_t
packet_size(size_t length)
{
	return sizeof(struct packet) + length;
}

struct packet *
packet_new(const struct buffer *src, const struct buffer *dest, const char *body, size_t length)
{
	size_t head = src->length + dest->length;
	struct packet *packet = memory_alloc(packet_size(head + length + 1));

	packet->body = head;
	packet->length = head + length + 1;
	memcpy(packet->text, src->bytes, src->length);
	memcpy(packet->text + src->length, dest->bytes, dest->length);
	memcpy(packet->text + head, body, length);
	packet->text[head + length] = '}';
	return packet;
}

struct packet *
packet_copy(const struct packet *packet)
{
	size_t size = packet_size(packet->length);

	return memcpy(memory_alloc(size), packet, size);
}

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
	return first;
}

void
packet_queue_free(struct packet_queue *queue)
{
	assert(queue->count == 0);
	free(queue->heap);
	*queue = (struct packet_queue){0};
}
