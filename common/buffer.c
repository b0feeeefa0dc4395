/* The growable run of bytes behind framing, output and text. It doubles, so that appending is linear over all. */
#include "buffer.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

#define BUFFER_FIRST 256 /* bytes of the first allocation */

void
buffer_grow(struct buffer *buffer, size_t more)
{
	size_t capacity = buffer->capacity > 0 ? buffer->capacity : BUFFER_FIRST;

	if (more > SIZE_MAX / 4 || buffer->length > SIZE_MAX / 4)
		memory_exhausted();
	while (capacity - buffer->length < more)
		capacity *= 2;
	buffer->bytes = memory_resize(buffer->bytes, capacity, 1);
	buffer->capacity = capacity;
}

void
buffer_printf(struct buffer *buffer, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buffer_vprintf(buffer, fmt, ap);
	va_end(ap);
}

void
buffer_vprintf(struct buffer *buffer, const char *fmt, va_list ap)
{
	char *to = buffer_reserve(buffer, 1);
	size_t room = buffer->capacity - buffer->length;
	va_list again;
	int length;

	va_copy(again, ap);
	length = vsnprintf(to, room, fmt, ap);
	if (length < 0)
		memory_exhausted();
	if ((size_t)length >= room)
		vsnprintf(buffer_reserve(buffer, (size_t)length + 1), (size_t)length + 1, fmt, again);
	va_end(again);
	buffer->length += (size_t)length;
}

void
buffer_consume(struct buffer *buffer, size_t length)
{
	buffer->length -= length;
	if (length > 0 && buffer->length > 0)
		memmove(buffer->bytes, buffer->bytes + length, buffer->length);
}

const char *
buffer_string(struct buffer *buffer)
{
	*buffer_reserve(buffer, 1) = '\0';
	return buffer->bytes;
}

void
buffer_free(struct buffer *buffer)
{
	free(buffer->bytes);
	*buffer = (struct buffer){0};
}
