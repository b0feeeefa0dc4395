/* Words of a command line. */
#include "words.h"

#include <err.h>
#include <stdbool.h>
#include <string.h>

#include "buffer.h"
#include "options.h"

void
words_add(struct words *words, const char *word)
{
	if (words->count == WORDS_MAX)
		errx(EXIT_ARGUMENTS, "a command line has more than %d words", WORDS_MAX);
	words->items[words->count++] = arena_copy(words->arena, word, strlen(word));
}

void
words_add_flag(struct words *words, const char *flag, const char *value)
{
	words_add(words, flag);
	words_add(words, value);
}

/* ---- into a line ------------------------------------------------------------------ */

void
words_quote(struct buffer *line, const char *word)
{
	const char *harmless = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=:,./@%^";

	if (word[0] != '\0' && word[strspn(word, harmless)] == '\0') {
		buffer_append_string(line, word);
		return;
	}
	buffer_append_char(line, '\'');
	for (; *word != '\0'; word++) {
		if (*word == '\'')
			buffer_append_string(line, "'\\''");
		else
			buffer_append_char(line, *word);
	}
	buffer_append_char(line, '\'');
}

/* ---- out of a line: what options_replay() has written -------------------------- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Appends one word; moves behind it. False if a quote does not end. */
static bool
read_word(const char **cursor, const char *end, struct buffer *word)
{
	while (*cursor < end && !is_blank(**cursor)) {
		const char *quote;

		if (**cursor == '\\' && *cursor + 1 < end) {
			buffer_append_char(word, (*cursor)[1]);
			*cursor += 2;
		} else if (**cursor != '\'') {
			buffer_append_char(word, *(*cursor)++);
		} else {
			quote = memchr(*cursor + 1, '\'', (size_t)(end - *cursor - 1));
			if (quote == NULL)
				return false;
			buffer_append(word, *cursor + 1, (size_t)(quote - *cursor - 1));
			*cursor = quote + 1;
		}
	}
	return true;
}

int
words_split(struct arena *arena, const char *text, size_t length, char **words, int max)
{
	const char *cursor = text, *end = text + length;
	struct buffer word = {0};
	int count = 0;

	for (;;) {
		while (cursor < end && is_blank(*cursor))
			cursor++;
		if (cursor == end)
			break;
		word.length = 0;
		if (count == max || !read_word(&cursor, end, &word) ||
		    (word.length > 0 && memchr(word.bytes, '\0', word.length) != NULL)) {
			count = -1;
			break;
		}
		words[count++] = arena_copy(arena, buffer_string(&word), word.length);
	}
	buffer_free(&word);
	return count;
}
