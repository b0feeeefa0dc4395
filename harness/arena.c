/* Memory that is freed all at once: blocks that double up to a limit; what is large gets a block of its own. */
#include "arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "memory.h"

#define BLOCK_FIRST 4096
#define BLOCK_MAX   (1 << 20)

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	max_align_t bytes[];
};

static struct arena_block *
block_new(size_t size)
{
	struct arena_block *block = memory_alloc(sizeof(*block) + size);

	block->used = 0;
	block->size = size;
	return block;
}

static void *
block_take(struct arena_block *block, size_t size)
{
	void *taken = (char *)block->bytes + block->used;

	block->used += size;
	return taken;
}

/* What does not fit: a block of its own behind the first, or a new first block. */
static void *
take_new(struct arena *arena, size_t size)
{
	struct arena_block *first = arena->blocks, *block;
	size_t next = first == NULL ? BLOCK_FIRST : first->size >= BLOCK_MAX / 2 ? BLOCK_MAX : first->size * 2;

	if (next < BLOCK_FIRST)
		next = BLOCK_FIRST;
	if (MEMORY_WATCHED || (first != NULL && size > next / 4)) {
		block = block_new(size);
		if (first == NULL) {
			block->next = NULL;
			arena->blocks = block;
		} else {
			block->next = first->next;
			first->next = block;
		}
		return block_take(block, size);
	}
	block = block_new(size > next ? size : next);
	block->next = first;
	arena->blocks = block;
	return block_take(block, size);
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	const size_t align = _Alignof(max_align_t);

	if (size > SIZE_MAX / 2)
		memory_exhausted();
	if (!MEMORY_WATCHED || size == 0)
		size = size == 0 ? align : (size + align - 1) / align * align;
	arena->used += size;
	if (!MEMORY_WATCHED && arena->blocks != NULL && arena->blocks->size - arena->blocks->used >= size)
		return block_take(arena->blocks, size);
	return take_new(arena, size);
}

void *
arena_zero(struct arena *arena, size_t size)
{
	return memset(arena_alloc(arena, size), 0, size);
}

char *
arena_copy(struct arena *arena, const void *bytes, size_t length)
{
	char *copy = arena_alloc(arena, length + 1);

	if (length > 0)
		memcpy(copy, bytes, length);
	copy[length] = '\0';
	return copy;
}

char *
arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = arena_vprintf(arena, fmt, ap);
	va_end(ap);
	return text;
}

char *
arena_vprintf(struct arena *arena, const char *fmt, va_list ap)
{
	struct buffer text = {0};
	char *copy;

	buffer_vprintf(&text, fmt, ap);
	copy = arena_copy(arena, text.bytes, text.length);
	buffer_free(&text);
	return copy;
}

void
arena_free(struct arena *arena)
{
	struct arena_block *block, *next;

	for (block = arena->blocks; block != NULL; block = next) {
		next = block->next;
		free(block);
	}
	*arena = (struct arena){0};
}
