/* Messages as they wait: one piece of memory from sending to delivery, and a queue by deadline. */
#ifndef PACKET_H
#define PACKET_H

#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

struct endpoint;

struct packet {
	int64_t deadline, id;
	struct endpoint *src;
	size_t body;   /* where in the text it begins; it ends one byte before the text */
	size_t length; /* of the text */
	char text[];   /* the message but for its id: "src":..,"dest":..,"body":..} */
};

/* Its text is these three and a brace. Freed with free(3), as copies are. */
struct packet *packet_new(const struct buffer *src, const struct buffer *dest, const char *body, size_t length);
struct packet *packet_copy(const struct packet *);
size_t packet_size(size_t length); /* memory for a text of that length */

static inline const char *
packet_body(const struct packet *packet)
{
	return packet->text + packet->body;
}

static inline size_t
packet_body_length(const struct packet *packet)
{
	return packet->length - packet->body - 1;
}

/* What is compared is in the heap itself: sifting touches no packet. */
struct queued {
	int64_t deadline, id;
	struct packet *packet;
};

/* A heap on (deadline, id). Zero-initialise before use. */
struct packet_queue {
	struct queued *heap;
	size_t count, capacity;
};

void packet_push(struct packet_queue *, struct packet *);
struct packet *packet_pop(struct packet_queue *); /* the first; there must be one */
/* Frees the heap, which must be empty. */
void packet_queue_free(struct packet_queue *);

#endif
