/* A rolling hash, enough to tell two runs, or two states of one, apart: one multiplication and one shift a word. */
#ifndef DIGEST_H
#define DIGEST_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t
digest_number(uint64_t digest, uint64_t number)
{
	uint64_t hash = (digest ^ number) * 0x9fb21c651e98df25u;

	return hash ^ hash >> 32;
}

static inline uint64_t
digest_word(uint64_t digest, const unsigned char *bytes, size_t length)
{
	uint64_t word = 0;

	memcpy(&word, bytes, length);
	return digest_number(digest, le64toh(word));
}

static inline uint64_t
digest_bytes(uint64_t digest, const void *bytes, size_t length)
{
	const unsigned char *at = bytes;
	size_t left = length;

	for (; left >= sizeof(uint64_t); left -= sizeof(uint64_t), at += sizeof(uint64_t))
		digest = digest_word(digest, at, sizeof(uint64_t));
	if (left > 0)
		digest = digest_word(digest, at, left);
	return digest_number(digest, length);
}

#endif
