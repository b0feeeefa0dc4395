/* FNV-1a, 64 bits (Fowler, Noll, Vo): a hash of our own, the same on every machine, whatever it is built with. */
#ifndef FNV_H
#define FNV_H

#include <stdint.h>

#define FNV_BASIS UINT64_C(0xcbf29ce484222325)

static inline uint64_t
fnv_add(uint64_t hash, uint64_t piece)
{
	return (hash ^ piece) * UINT64_C(0x100000001b3);
}

/* Byte by byte, without the NUL. */
static inline uint64_t
fnv_text(uint64_t hash, const char *text)
{
	for (; *text != '\0'; text++)
		hash = fnv_add(hash, (unsigned char)*text);
	return hash;
}

#endif
