/*
 * Allocation that never fails: out of memory ends the process with a message
 * and a status of its own, which is no verdict where eddy is that process.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>

#define MEMORY_EXHAUSTED 255 /* the exit status */

/* 1 if AddressSanitizer watches: it is to see the edges of what is in use, and its end. Otherwise 0. */
#if defined(__SANITIZE_ADDRESS__)
#define MEMORY_WATCHED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEMORY_WATCHED 1
#endif
#endif
#ifndef MEMORY_WATCHED
#define MEMORY_WATCHED 0
#endif

void *memory_alloc(size_t) __attribute__((malloc));
void *memory_zero(size_t) __attribute__((malloc)); /* zeroed */
void *memory_resize(void *, size_t count, size_t size);
/* A copy with a NUL behind it that is not counted. */
char *memory_copy(const void *bytes, size_t length) __attribute__((malloc));
_Noreturn void memory_exhausted(void);
/*
 * Into the caches with what is used soon, and was last used so long ago that
 * it is in none: as much as can be fetched beside other work.
 */
static inline void
memory_fetch(const void *bytes, size_t length)
{
	for (size_t i = 0; i < length; i += 64)
		__builtin_prefetch((const char *)bytes + i);
}
/* What jansson has made, which is NULL if it is out of memory. */
static inline struct json_t *
memory_made(struct json_t *json)
{
	if (json == NULL)
		memory_exhausted();
	return json;
}
/*
 * From now on jansson's allocations do not fail either: where it reports that
 * one did, it often cannot be told from what is wrong with the input. For
 * main(), before anything else.
 */
void memory_serve_json(void);

#endif
