/* A growable run of bytes. Used for input framing, output gathering and text building. */
#ifndef BUFFER_H
#define BUFFER_H

#include <stdarg.h>
#include <stddef.h>

/* Zero-initialise before use. `bytes` is NULL while capacity is 0; contents are not NUL-terminated. */
struct buffer {
	char *bytes;
	size_t length, capacity;
};

/* Makes room for `more` bytes behind the contents and returns where they go. Aborts when out of memory. */
char *buffer_reserve(struct buffer *, size_t more);
void buffer_append(struct buffer *, const void *bytes, size_t length);
void buffer_append_char(struct buffer *, char);
void buffer_append_string(struct buffer *, const char *);
void buffer_printf(struct buffer *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buffer_vprintf(struct buffer *, const char *fmt, va_list) __attribute__((format(printf, 2, 0)));

/* Drops the first `length` bytes; the rest moves to the front. */
void buffer_consume(struct buffer *, size_t length);

/* Appends a NUL that is not counted and returns the contents: valid until the next call on this buffer. */
const char *buffer_string(struct buffer *);

/* Frees the memory and leaves an empty buffer. */
void buffer_free(struct buffer *);

#endif
