/* Cuts a stream of bytes into lines: feed bytes, get lines. No input or output of its own. */
#ifndef FRAMING_H
#define FRAMING_H

#include "buffer.h"

/* Zero-initialise and set `limit`. */
struct framing {
	struct buffer buffer;
	size_t limit;   /* bytes in a line, without its newline */
	size_t scanned; /* bytes known to hold no newline */
	size_t start;   /* of the next line */
	size_t skipped; /* bytes thrown away of a line over the limit */
};

/* Room for at least `length` bytes of input; framing_fed() says how many came. */
char *framing_room(struct framing *, size_t length);
void framing_fed(struct framing *, size_t length);

enum frame { FRAME_NONE, FRAME_LINE, FRAME_OVERSIZED };

/*
 * For many framings that are read one after the other: before reading one
 * without memory gets what is in `spare`, and when there are no more lines it
 * gives its memory up, to `spare` if nothing is there. Only unfinished lines
 * keep theirs.
 */
void framing_borrow(struct framing *, struct buffer *spare);
void framing_return(struct framing *, struct buffer *spare);

/*
 * The next line: `*line` and `*length`, without "\n" or "\r\n", valid until
 * the next framing_room(). FRAME_OVERSIZED: a line over the limit was thrown
 * away, `*length` is its size. FRAME_NONE: feed more.
 */
enum frame framing_next(struct framing *, char **line, size_t *length);

/* What is left behind the last newline, at the end of the stream. FRAME_NONE if nothing. */
enum frame framing_rest(struct framing *, char **line, size_t *length);
void framing_free(struct framing *);

#endif
