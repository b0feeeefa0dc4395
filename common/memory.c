/* Out of memory there is nothing better to do than to say so and end: the peers take it for a crash, which it is. */
#include "memory.h"

#include <err.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void
memory_exhausted(void)
{
	errx(MEMORY_EXHAUSTED, "out of memory");
}

void *
memory_alloc(size_t size)
{
	void *memory = malloc(size > 0 ? size : 1);

	if (memory == NULL)
		memory_exhausted();
	return memory;
}

void *
memory_zero(size_t size)
{
	void *memory = calloc(1, size > 0 ? size : 1);

	if (memory == NULL)
		memory_exhausted();
	return memory;
}

void *
memory_resize(void *memory, size_t count, size_t size)
{
	memory = reallocarray(memory, count > 0 ? count : 1, size);
	if (memory == NULL)
		memory_exhausted();
	return memory;
}

char *
memory_copy(const void *bytes, size_t length)
{
	char *copy = memory_alloc(length + 1);

	if (length > 0)
		memcpy(copy, bytes, length);
	copy[length] = '\0';
	return copy;
}

void
memory_serve_json(void)
{
	json_set_alloc_funcs(memory_alloc, free);
}
