/* Weights by FNV-1a and a finalizer, and the highest of them. */
#include "rendezvous.h"

#include <string.h>

#include "fnv.h"

/* Where one text ends matters. */
static uint64_t
mix(uint64_t h, const char *text)
{
	return fnv_add(fnv_text(h, text), 0);
}

/* With the finalizer of MurmurHash3, after which every bit depends on every byte. */
static uint64_t
weight(const char *id, const char *key)
{
	uint64_t h = mix(mix(FNV_BASIS, id), key);

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
