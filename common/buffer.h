/* A growable run of bytes. Used for input framing, output gathering and text building. */
#ifndef BUFFER_H
#define BUFFER_H

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

/* Zero-initialise before use. `bytes` is NULL while capacity is 0; contents are not NUL-terminated. */
struct buffer {
	char *bytes;
	size_t length, capacity;
};

void buffer_grow(struct buffer *, size_t more);

/* Makes room for `more` bytes behind the contents and returns where they go. Aborts when out of memory. */
static inline char *
buffer_reserve(struct buffer *buffer, size_t more)
{
	if (buffer->bytes == NULL || buffer->capacity - buffer->length < more)
		buffer_grow(buffer, more);
	return buffer->bytes + buffer->length;
}

static inline void
buffer_append(struct buffer *buffer, const void *bytes, size_t length)
{
	char *to = buffer_reserve(buffer, length);

	if (length > 0)
		memcpy(to, bytes, length);
	buffer->length += length;
}

static inline void
buffer_append_char(struct buffer *buffer, char c)
{
	*buffer_reserve(buffer, 1) = c;
	buffer->length++;
}

static inline void
buffer_append_string(struct buffer *buffer, const char *string)
{
	buffer_append(buffer, string, strlen(string));
}

void buffer_printf(struct buffer *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buffer_vprintf(struct buffer *, const char *fmt, va_list) __attribute__((format(printf, 2, 0)));

/* Drops the first `length` bytes; the rest moves to the front. */
void buffer_consume(struct buffer *, size_t length);

/* Appends a NUL that is not counted and returns the contents: valid until the next call on this buffer. */
const char *buffer_string(struct buffer *);

/* Frees the memory and leaves an empty buffer. */
void buffer_free(struct buffer *);

#endif
