/*
 * Lines out of a stream, in place: a line is handed out where it was read, and
 * bytes move only when the unfinished rest makes way for more input.
 */
#include "framing.h"

#include <string.h>

/* What the newline itself may be beyond '\n': the '\r' before it. */
#define RETURN 1

char *
framing_room(struct framing *framing, size_t length)
{
	if (framing->start > 0) {
		buffer_consume(&framing->buffer, framing->start);
		framing->scanned -= framing->start;
		framing->start = 0;
	}
	return buffer_reserve(&framing->buffer, length);
}

void
framing_fed(struct framing *framing, size_t length)
{
	framing->buffer.length += length;
}

void
framing_borrow(struct framing *framing, struct buffer *spare)
{
	if (framing->buffer.bytes != NULL)
		return;
	framing->buffer = *spare;
	*spare = (struct buffer){0};
}

void
framing_return(struct framing *framing, struct buffer *spare)
{
	if (framing->start < framing->buffer.length)
		return;
	framing->buffer.length = framing->scanned = framing->start = 0;
	if (spare->bytes == NULL) {
		*spare = framing->buffer;
		framing->buffer = (struct buffer){0};
	}
	buffer_free(&framing->buffer);
}

static enum frame
finish(struct framing *framing, size_t length, char **line, size_t *line_length)
{
	size_t skipped = framing->skipped;

	*line = framing->buffer.bytes + framing->start;
	*line_length = skipped + length;
	framing->skipped = 0;
	return skipped > 0 || length > framing->limit ? FRAME_OVERSIZED : FRAME_LINE;
}

/* Throws an oversized line away as it comes, but for its last byte: that may be the '\r' of its end. */
static void
skip(struct framing *framing)
{
	size_t pending = framing->buffer.length - framing->start;

	if (pending <= 1 || (framing->skipped == 0 && pending <= framing->limit + RETURN))
		return;
	framing->skipped += pending - 1;
	framing->start = framing->buffer.length - 1;
}

enum frame
framing_next(struct framing *framing, char **line, size_t *length)
{
	struct buffer *buffer = &framing->buffer;
	size_t start = framing->start;
	char *from, *end;
	enum frame frame;

	if (buffer->length == framing->scanned)
		return FRAME_NONE;
	from = buffer->bytes + framing->scanned;
	end = memchr(from, '\n', buffer->length - framing->scanned);
	if (end == NULL) {
		skip(framing);
		framing->scanned = buffer->length;
		return FRAME_NONE;
	}
	framing->scanned = (size_t)(end - buffer->bytes) + 1;
	if (end > buffer->bytes + start && end[-1] == '\r')
		end--;
	frame = finish(framing, (size_t)(end - (buffer->bytes + start)), line, length);
	framing->start = framing->scanned;
	return frame;
}

enum frame
framing_rest(struct framing *framing, char **line, size_t *length)
{
	size_t pending = framing->buffer.length - framing->start;
	enum frame frame;

	if (pending + framing->skipped == 0)
		return FRAME_NONE;
	frame = finish(framing, pending, line, length);
	framing->start = framing->scanned = framing->buffer.length;
	return frame;
}

void
framing_free(struct framing *framing)
{
	buffer_free(&framing->buffer);
	framing->scanned = framing->start = framing->skipped = 0;
}
