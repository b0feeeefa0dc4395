/* A hash of our own: the same on every machine, whatever it is built with. */
#include "rendezvous.h"

#include <string.h>

/* FNV-1a (Fowler, Noll, Vo), one byte after the other. */
static uint64_t
mix(uint64_t h, const char *text)
{
	for (; *text != '\0'; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3;
	return h * 0x100000001b3; /* a NUL: where one text ends matters */
}

/* ... and the finalizer of MurmurHash3, after which every bit depends on every byte. */
static uint64_t
weight(const char *id, const char *key)
{
	uint64_t h = mix(mix(0xcbf29ce484222325, id), key);

	h = (h ^ h >> 33) * 0xff51afd7ed558ccd;
	h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53;
	return h ^ h >> 33;
}

int
rendezvous(const struct node *n, const char *key)
{
	uint64_t best = 0;
	int owner = -1;

	for (int i = 0; i < node_count(n); i++) {
		uint64_t w = weight(node_peer(n, i), key);

		if (owner != -1 && (w < best || (w == best && strcmp(node_peer(n, i), node_peer(n, owner)) < 0)))
			continue;
		owner = i;
		best = w;
	}
	return owner;
}
