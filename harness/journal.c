/* Messages as text: in the journal, on stderr, and as a node gets them. */
#include "journal.h"

#include "encode.h"

#define TYPE_LENGTH 4 /* send, recv */

void
envelope_write(struct buffer *buffer, const struct envelope *envelope)
{
	buffer_append(buffer, "{\"id\":", 6);
	encode_integer(buffer, envelope->id);
	buffer_append_char(buffer, ',');
	buffer_append(buffer, envelope->text, envelope->text_length);
}

static void
record(struct journal *journal, const char *type, int64_t time_ns, const struct envelope *envelope)
{
	struct buffer *line = &journal->line;

	line->length = 0;
	buffer_append(line, "{\"type\":\"", 9);
	buffer_append(line, type, TYPE_LENGTH);
	buffer_append(line, "\",\"time\":", 9);
	encode_integer(line, time_ns);
	buffer_append(line, ",\"id\":", 6);
	encode_integer(line, envelope->id);
	buffer_append(line, ",\"message\":{", 12);
	buffer_append(line, envelope->text, envelope->text_length);
	buffer_append(line, "}\n", 2);
	fwrite_unlocked(line->bytes, 1, line->length, journal->file);
}

static void
show(struct journal *journal, const char *type, const struct envelope *envelope)
{
	struct buffer *line = &journal->line;

	line->length = 0;
	buffer_append_char(line, ':');
	buffer_append_string(line, type);
	buffer_append_char(line, ' ');
	envelope_write(line, envelope);
	buffer_append_char(line, '\n');
	fwrite(line->bytes, 1, line->length, stderr);
}

static void
tell(struct journal *journal, bool showing, const char *type, int64_t time_ns, const struct envelope *envelope)
{
	if (showing)
		show(journal, type, envelope);
	if (journal->file != NULL)
		record(journal, type, time_ns, envelope);
}

void
journal_sent(struct journal *journal, int64_t time_ns, const struct envelope *envelope)
{
	tell(journal, journal->show_sent, "send", time_ns, envelope);
}

void
journal_received(struct journal *journal, int64_t time_ns, const struct envelope *envelope)
{
	tell(journal, journal->show_received, "recv", time_ns, envelope);
}

void
journal_free(struct journal *journal)
{
	buffer_free(&journal->line);
}
