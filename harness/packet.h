/* Messages as they wait: one piece of memory from sending to delivery, and a queue by deadline. */
#ifndef PACKET_H
#define PACKET_H

#include <stddef.h>
#include <stdint.h>

struct endpoint;

struct packet {
	int64_t deadline, id;
	struct endpoint *src;
	size_t length;
	char body[]; /* NUL-terminated, NUL not counted */
};

struct packet *packet_new(const char *body, size_t length); /* freed with free(3) */
size_t packet_size(size_t length);                          /* memory for a body of that length */

/* A heap on (deadline, id). Zero-initialise before use. */
struct packet_queue {
	struct packet **heap;
	size_t count, capacity;
};

void packet_push(struct packet_queue *, struct packet *);
struct packet *packet_pop(struct packet_queue *); /* the first; there must be one */
/* Frees the heap, which must be empty. */
void packet_queue_free(struct packet_queue *);

#endif
