/* Messages as they wait: one piece of memory from sending to delivery, and a queue by deadline. */
#ifndef PACKET_H
#define PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct endpoint;

struct packet {
	int64_t deadline, id;
	union {
		struct endpoint *src;
		struct packet *next; /* in a pool */
	};
	size_t body;          /* where in the text it begins; it ends one byte before the text */
	size_t length;        /* of the text */
	bool between_servers; /* neither end is a client */
	char text[];          /* the message but for its id: "src":..,"dest":..,"body":..} */
};

/* How messages begin that are from somebody, "src":.., or go on that are to somebody, "dest":..,"body": */
struct beginning {
	const char *text;
	size_t length;
};

/* Most packets are smaller. Those take so many bytes, and are worth memory_fetch(). */
#define PACKET_SMALL 192

/*
 * Memory of small packets that are no more, for the next ones: what was
 * delivered a moment ago is still in the caches. Zero-initialise before use.
 */
struct packet_pool {
	struct packet *first;
	size_t count;
};

/* Its text is these three and a brace. To packet_free(), as copies are. */
struct packet *packet_new(
    struct packet_pool *, const struct beginning *src, const struct beginning *dest, const char *body, size_t length);
struct packet *packet_copy(struct packet_pool *, const struct packet *);
void packet_free(struct packet_pool *, struct packet *);
/* Frees the memory; packets that are still in use are not touched. */
void packet_pool_free(struct packet_pool *);
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
