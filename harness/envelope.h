/*
 * Takes a line that a node printed apart, as maelstrom.process/parse-msg does,
 * without building a tree: the body goes on as the bytes it came in.
 */
#ifndef ENVELOPE_H
#define ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"

/* Zero-initialise once; reused from line to line. */
struct parsed_envelope {
	struct buffer src, dest; /* decoded, NUL-terminated by buffer_string() */
	const char *body;        /* into the line, or `clean`; "{}" where Maelstrom would assume that */
	size_t length;
	struct buffer clean; /* the line, where it could not be passed on as it is */
};

/*
 * Returns NULL if Maelstrom would accept the line's form, else why not, in
 * words for the report: not JSON, not an object, a key other than id, src,
 * dest and body, src or dest not strings, id not an integer, a body that is
 * not an object. The whole line is validated as JSON under Jackson's limits.
 * What stands behind the object is ignored, as Jackson does.
 *
 * What Maelstrom accepts but would not print again is replaced: malformed
 * UTF-8 by U+FFFD, a lone surrogate by '?', a bare control character in a
 * string by its escape. A carriage return ends a line there, so it is refused.
 * An array of pairs, which Maelstrom takes for an object, is refused too.
 */
const char *envelope_parse(struct parsed_envelope *, const char *line, size_t length);
void envelope_free(struct parsed_envelope *);

#endif
