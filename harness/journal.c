/* Messages as text: in the journal, on stderr, and as a node gets them. */
#include "journal.h"

#include <string.h>

#include "encode.h"

/* Without the brace in front: "src":..,"dest":..,"body":..} */
static void
write_rest(struct buffer *buffer, const struct envelope *envelope)
{
	buffer_append(buffer, "\"src\":", 6);
	encode_string(buffer, envelope->src, strlen(envelope->src));
	buffer_append(buffer, ",\"dest\":", 8);
	encode_string(buffer, envelope->dest, strlen(envelope->dest));
	buffer_append(buffer, ",\"body\":", 8);
	buffer_append(buffer, envelope->body, envelope->length);
	buffer_append_char(buffer, '}');
}

void
envelope_write(struct buffer *buffer, const struct envelope *envelope)
{
	buffer_append(buffer, "{\"id\":", 6);
	encode_integer(buffer, envelope->id);
	buffer_append_char(buffer, ',');
	write_rest(buffer, envelope);
}

static void
record(struct journal *journal, const char *type, int64_t time_ns, const struct envelope *envelope)
{
	struct buffer *line = &journal->line;

	line->length = 0;
	buffer_append_string(line, "{\"type\":\"");
	buffer_append_string(line, type);
	buffer_append_string(line, "\",\"time\":");
	encode_integer(line, time_ns);
	buffer_append_string(line, ",\"id\":");
	encode_integer(line, envelope->id);
	buffer_append_string(line, ",\"message\":{");
	write_rest(line, envelope);
	buffer_append_string(line, "}\n");
	fwrite(line->bytes, 1, line->length, journal->file);
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
