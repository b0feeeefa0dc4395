/* Jepsen's history.edn, read: from text to operations, with a line number for whoever wrote it wrongly. */
#include <errno.h>
#include <string.h>

#include "history.h"

#define READ_PIECE ((size_t)65536)
#define SHOWN_MAX  60  /* bytes of a bad value that an error shows */
#define OTHERS_MAX 100 /* processes that are not numbers */

struct reader {
	struct history *history;
	struct buffer *error;
	const char *text, *cursor, *end;
};

/* ---- errors ---------------------------------------------------------------------- */

static void
show(struct buffer *out, const struct value *value)
{
	struct buffer text = {0};
	size_t length, i;

	edn_write(&text, value);
	length = text.length;
	if (length > SHOWN_MAX)
		for (length = SHOWN_MAX; length > 0 && ((unsigned char)text.bytes[length] & 0xc0) == 0x80;)
			length--;
	for (i = 0; i < length; i++)
		if ((unsigned char)text.bytes[i] < ' ')
			text.bytes[i] = '?';
	buffer_append(out, text.bytes, length);
	if (length < text.length)
		buffer_append_string(out, "...");
	buffer_free(&text);
}

static bool
fail(struct reader *reader, const char *what, const struct value *shown)
{
	const char *p;
	size_t line = 1;

	for (p = reader->text; p < reader->cursor; p++)
		line += *p == '\n';
	buffer_printf(reader->error, "line %zu: %s", line, what);
	if (shown != NULL) {
		buffer_append_string(reader->error, ", not ");
		show(reader->error, shown);
	}
	return false;
}

/* ---- one operation ------------------------------------------------------------------ */

struct pending {
	struct op op;
	struct value *extra;
	bool has_type, has_process;
};

static bool
take_integer(struct reader *reader, const struct value *value, const char *what, int64_t *number)
{
	if (value->type != VALUE_INT)
		return fail(reader, what, value);
	*number = value->integer;
	return true;
}

static bool
take_type(struct reader *reader, const struct value *value, struct pending *pending)
{
	int type;

	for (type = OP_INVOKE; type <= OP_INFO; type++)
		if (value_is_keyword(value, op_type_name((enum op_type)type))) {
			pending->op.type = (enum op_type)type;
			pending->has_type = true;
			return true;
		}
	return fail(reader, ":type must be :invoke, :ok, :fail or :info", value);
}

/* A number for a process that is none, the same one for equal names. */
static int64_t
other_process(struct history *history, const struct value *name)
{
	size_t i;

	if (history->others == NULL)
		history->others = value_collection(&history->arena, VALUE_VECTOR);
	for (i = 0; i < history->others->count; i++)
		if (value_equal(history->others->items[i], name))
			return PROCESS_OTHER - 1 - (int64_t)i;
	value_push(&history->arena, history->others, name);
	return PROCESS_OTHER - (int64_t)history->others->count;
}

static bool
take_process(struct reader *reader, const struct value *value, struct pending *pending)
{
	struct history *history = reader->history;

	pending->has_process = true;
	if (value_is_keyword(value, "nemesis")) {
		pending->op.process = PROCESS_NEMESIS;
		return true;
	}
	if (value->type == VALUE_INT && value->integer >= 0) {
		pending->op.process = value->integer;
		return true;
	}
	if (value_is_integer(value))
		return fail(reader, ":process must not be negative, nor beyond 63 bits", value);
	pending->op.process = other_process(history, value);
	value_put_keyword(&history->arena, pending->extra, "process", value);
	if (history->others->count > OTHERS_MAX)
		return fail(reader, "too many processes that are not integers", NULL);
	return true;
}

static bool
take_f(struct reader *reader, const struct value *value, struct pending *pending)
{
	if (value->type != VALUE_KEYWORD || memchr(value->text, '\0', value->length) != NULL)
		return fail(reader, ":f must be a keyword", value);
	pending->op.f = value->text;
	return true;
}

/* What the struct has no place for goes to `extra`: other keys, and an :error nil or a :final? that is not true. */
static bool
take(struct reader *reader, const struct value *key, const struct value *value, struct pending *pending)
{
	struct op *op = &pending->op;

	if (value_is_keyword(key, "index"))
		return take_integer(reader, value, ":index must be an integer of 63 bits", &op->index);
	if (value_is_keyword(key, "time"))
		return take_integer(reader, value, ":time must be an integer of 63 bits", &op->time);
	if (value_is_keyword(key, "type"))
		return take_type(reader, value, pending);
	if (value_is_keyword(key, "process"))
		return take_process(reader, value, pending);
	if (value_is_keyword(key, "f"))
		return take_f(reader, value, pending);
	if (value_is_keyword(key, "value"))
		op->value = value;
	else if (value_is_keyword(key, "error") && value->type != VALUE_NIL)
		op->error = value;
	else if (value_is_keyword(key, "exception") && value->type != VALUE_NIL)
		op->exception = value;
	else if (value_is_keyword(key, "final?") && value->type == VALUE_BOOL && value->boolean)
		op->final = true;
	else
		value_put(&reader->history->arena, pending->extra, key, value);
	return true;
}

static bool
take_op(struct reader *reader, const struct value *map)
{
	struct history *history = reader->history;
	struct pending pending = {.op = {.index = (int64_t)history->count, .time = -1, .value = &value_nil}};
	size_t i;

	pending.extra = value_collection(&history->arena, VALUE_MAP);
	if (map->type == VALUE_TAGGED && strcmp(map->tag, "jepsen.history.Op") == 0)
		map = map->items[0];
	if (map->type != VALUE_MAP)
		return fail(reader, "an operation must be a map", map);
	for (i = 0; i < map->count; i += 2)
		if (!take(reader, map->items[i], map->items[i + 1], &pending))
			return false;
	if (!pending.has_type || !pending.has_process || pending.op.f == NULL)
		return fail(reader, "an operation must have :type, :process and :f", map);
	if (pending.extra->count > 0)
		pending.op.extra = pending.extra;
	history_append_indexed(history, &pending.op);
	return true;
}

/* ---- all of them ---------------------------------------------------------------------- */

static bool
skip(struct reader *reader)
{
	const char *error;

	if (edn_skip(&reader->history->arena, &reader->cursor, reader->end, &error))
		return true;
	return fail(reader, error, NULL);
}

/* Operations up to the end, or up to `close` if it is not NUL. */
static bool
read_ops(struct reader *reader, char close)
{
	const struct value *value;
	const char *error;

	for (;;) {
		if (!skip(reader))
			return false;
		if (reader->cursor == reader->end)
			return close == '\0' || fail(reader, "unexpected end", NULL);
		if (close != '\0' && *reader->cursor == close) {
			reader->cursor++;
			return true;
		}
		value = edn_read(&reader->history->arena, &reader->cursor, reader->end, &error);
		if (value == NULL)
			return fail(reader, error, NULL);
		if (!take_op(reader, value))
			return false;
	}
}

static bool
read_all(struct reader *reader)
{
	char open;

	if (!skip(reader))
		return false;
	open = reader->cursor < reader->end ? *reader->cursor : '\0';
	if (open == '[' || open == '(') {
		reader->cursor++;
		if (!read_ops(reader, open == '[' ? ']' : ')') || !skip(reader))
			return false;
		return reader->cursor == reader->end || fail(reader, "something behind the history", NULL);
	}
	return read_ops(reader, '\0');
}

bool
history_parse(struct history *history, const char *text, size_t length, struct buffer *error)
{
	struct reader reader = {.history = history, .error = error, .text = "", .cursor = "", .end = ""};

	if (length > 0) {
		reader.text = reader.cursor = text;
		reader.end = text + length;
	}
	return read_all(&reader);
}

bool
history_read(struct history *history, FILE *file, struct buffer *error)
{
	struct buffer text = {0};
	size_t length;
	bool good = false;

	do {
		length = fread(buffer_reserve(&text, READ_PIECE), 1, READ_PIECE, file);
		text.length += length;
	} while (length > 0 && text.length <= HISTORY_SIZE_MAX);
	if (ferror(file))
		buffer_printf(error, "cannot read it: %s", strerror(errno));
	else if (text.length > HISTORY_SIZE_MAX)
		buffer_printf(error, "longer than %zu bytes", HISTORY_SIZE_MAX);
	else
		good = history_parse(history, text.bytes, text.length, error);
	buffer_free(&text);
	return good;
}
