/* What the network tells people: a line of JSON an event in a file, and on stderr if asked for. */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdbool.h>
#include <stdio.h>

#include "buffer.h"
#include "net.h"

/* Zero-initialise before use. */
struct journal {
	FILE *file; /* NULL: none */
	bool show_sent, show_received;
	struct buffer line;
};

void journal_sent(struct journal *, int64_t time_ns, const struct envelope *);
void journal_received(struct journal *, int64_t time_ns, const struct envelope *);
void journal_free(struct journal *);

#endif
