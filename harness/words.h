/* A command line as a list of words: put together one by one, or cut out of text. */
#ifndef WORDS_H
#define WORDS_H

#include "arena.h"
#include "buffer.h"

#define WORDS_MAX 512

struct words {
	struct arena *arena;
	char *items[WORDS_MAX + 1]; /* NULL-terminated, if zeroed before use */
	int count;
};

/* Copies are added. Beyond WORDS_MAX eddy ends with a message. */
void words_add(struct words *, const char *word);
void words_add_flag(struct words *, const char *flag, const char *value);

/* Appends a word that a shell, and words_split(), takes for this one: in 'quotes' if need be. */
void words_quote(struct buffer *line, const char *word);

/*
 * Cuts a line into words, as a shell does with plain words and 'quoted' ones.
 * Returns how many; -1: not so, or more than `max`.
 */
int words_split(struct arena *, const char *text, size_t length, char **words, int max);

#endif
