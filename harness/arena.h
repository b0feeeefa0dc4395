/* Memory that is freed all at once: values, histories and results live in arenas. */
#ifndef ARENA_H
#define ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena_block;

/* Zero-initialise before use. */
struct arena {
	struct arena_block *blocks;
	size_t used; /* bytes handed out */
};

/* Aligned for any type; not zeroed. Aborts when out of memory. */
void *arena_alloc(struct arena *, size_t);
void *arena_zero(struct arena *, size_t);
/* A copy with a NUL behind it that is not counted. */
char *arena_copy(struct arena *, const void *bytes, size_t length);
char *arena_printf(struct arena *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *, const char *fmt, va_list) __attribute__((format(printf, 2, 0)));
void arena_free(struct arena *);

#endif
