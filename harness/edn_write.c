/*
 * EDN as Clojure's pr-str prints it, and laid out as fipp does: what fits on
 * the rest of a line of 70 columns stays on it, or else each item goes on a
 * line of its own under the first.
 */
#include <math.h>
#include <string.h>

#include "encode.h"
#include "number.h"
#include "text_write.h"
#include "utf8.h"
#include "value.h"

#define LINE_WIDTH 70
#define INDENT_MAX 200 /* deeper items begin here: nobody reads them, and depth times items is a lot of white space */

/* ---- text, characters, numbers ----------------------------------------------- */

static void
write_character(struct buffer *out, int32_t c)
{
	static const struct {
		int32_t character;
		const char *name;
	} names[] = {
	    {'\n', "newline"},
	    {' ', "space"},
	    {'\t', "tab"},
	    {'\b', "backspace"},
	    {'\f', "formfeed"},
	    {'\r', "return"},
	};
	size_t i;

	buffer_append_char(out, '\\');
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].character == c) {
			buffer_append_string(out, names[i].name);
			return;
		}
	out->length += utf8_put(buffer_reserve(out, 4), c);
}

static void
write_real(struct buffer *out, double number, bool single)
{
	if (isfinite(number))
		out->length += number_text(buffer_reserve(out, NUMBER_TEXT_MAX), number, single);
	else
		buffer_append_string(out, isnan(number) ? "##NaN" : number > 0 ? "##Inf" : "##-Inf");
}

static void
write_atom(struct buffer *out, const struct value *value)
{
	switch (value->type) {
	case VALUE_NIL:
		buffer_append_string(out, "nil");
		break;
	case VALUE_BOOL:
		buffer_append_string(out, value->boolean ? "true" : "false");
		break;
	case VALUE_INT:
		encode_integer(out, value->integer);
		break;
	case VALUE_REAL:
	case VALUE_FLOAT:
		write_real(out, value->real, value->type == VALUE_FLOAT);
		break;
	case VALUE_CHAR:
		write_character(out, (int32_t)value->integer);
		break;
	case VALUE_STRING:
		text_write(out, value->text, value->length, TEXT_EDN);
		break;
	default:
		if (value->type == VALUE_KEYWORD)
			buffer_append_char(out, ':');
		buffer_append(out, value->text, value->length);
		if (value->type == VALUE_BIGINT || value->type == VALUE_DECIMAL)
			buffer_append_char(out, value->type == VALUE_BIGINT ? 'N' : 'M');
	}
}

/* ---- on one line --------------------------------------------------------------- */

struct brackets {
	const char *open, *close;
};

/* Those of a collection; open NULL: it is none. */
static struct brackets
brackets_of(const struct value *value)
{
	switch (value->type) {
	case VALUE_LIST:
		return (struct brackets){"(", ")"};
	case VALUE_VECTOR:
		return (struct brackets){"[", "]"};
	case VALUE_SET:
		return (struct brackets){"#{", "}"};
	case VALUE_MAP:
		return (struct brackets){"{", "}"};
	default:
		return (struct brackets){NULL, NULL};
	}
}

/* A # would go on with the tag, so that a set needs a space before it. */
static void
write_tag(struct buffer *out, const struct value *tagged)
{
	buffer_append_char(out, '#');
	buffer_append_string(out, tagged->tag);
	if (brackets_of(tagged->items[0]).open == NULL || tagged->items[0]->type == VALUE_SET)
		buffer_append_char(out, ' ');
}

/* False as soon as the text is longer than `limit`. */
static bool
write_flat(struct buffer *out, const struct value *value, size_t limit)
{
	struct brackets brackets = brackets_of(value);
	size_t i;

	if (value->type == VALUE_TAGGED) {
		write_tag(out, value);
		return write_flat(out, value->items[0], limit);
	}
	if (brackets.open == NULL) {
		write_atom(out, value);
		return out->length <= limit;
	}
	buffer_append_string(out, brackets.open);
	for (i = 0; i < value->count; i++) {
		if (i > 0)
			buffer_append_string(out, value->type == VALUE_MAP && i % 2 == 0 ? ", " : " ");
		if (!write_flat(out, value->items[i], limit))
			return false;
	}
	buffer_append_string(out, brackets.close);
	return out->length <= limit;
}

void
edn_write(struct buffer *out, const struct value *value)
{
	write_flat(out, value, SIZE_MAX);
}

/* ---- over several lines --------------------------------------------------------- */

struct layout {
	struct buffer *out;
	size_t line; /* where the current one begins */
};

static size_t
column(const struct layout *layout)
{
	size_t columns = 0, i;

	for (i = layout->line; i < layout->out->length; i++)
		columns += ((unsigned char)layout->out->bytes[i] & 0xc0) != 0x80;
	return columns;
}

static void
new_line(struct layout *layout, size_t indent)
{
	if (indent > INDENT_MAX)
		indent = INDENT_MAX;
	buffer_append_char(layout->out, '\n');
	layout->line = layout->out->length;
	memset(buffer_reserve(layout->out, indent), ' ', indent);
	layout->out->length += indent;
}

static void write_pretty(struct layout *, const struct value *);

static void
write_broken(struct layout *layout, const struct value *value, struct brackets brackets)
{
	size_t stride = value->type == VALUE_MAP ? 2 : 1, indent, i;

	buffer_append_string(layout->out, brackets.open);
	indent = column(layout);
	for (i = 0; i < value->count; i += stride) {
		if (i > 0 && stride == 2)
			buffer_append_char(layout->out, ',');
		if (i > 0)
			new_line(layout, indent);
		write_pretty(layout, value->items[i]);
		if (stride == 2) {
			buffer_append_char(layout->out, ' ');
			write_pretty(layout, value->items[i + 1]);
		}
	}
	buffer_append_string(layout->out, brackets.close);
}

static void
write_pretty(struct layout *layout, const struct value *value)
{
	size_t length = layout->out->length, used = column(layout);
	struct brackets brackets = brackets_of(value);

	if (value->type == VALUE_TAGGED) {
		write_tag(layout->out, value);
		write_pretty(layout, value->items[0]);
	} else if (brackets.open == NULL) {
		write_atom(layout->out, value);
	} else if (used >= LINE_WIDTH || !write_flat(layout->out, value, length + LINE_WIDTH - used)) {
		layout->out->length = length;
		write_broken(layout, value, brackets);
	}
}

void
edn_write_pretty(struct buffer *out, const struct value *value)
{
	struct layout layout = {.out = out, .line = out->length};

	write_pretty(&layout, value);
}
