/* JSON from any value, as Cheshire would write it. */
#include <math.h>
#include <string.h>

#include "encode.h"
#include "number.h"
#include "text_write.h"
#include "utf8.h"
#include "value.h"

static void
write_real(struct buffer *out, const struct value *value)
{
	if (isfinite(value->real))
		out->length +=
		    number_text(buffer_reserve(out, NUMBER_TEXT_MAX), value->real, value->type == VALUE_FLOAT);
	else
		buffer_append_string(out, isnan(value->real) ? "\"NaN\""
					  : value->real > 0  ? "\"Infinity\""
							     : "\"-Infinity\"");
}

/* Keys that are neither strings nor keywords are given as their EDN. */
static void
write_key(struct buffer *out, const struct value *key)
{
	struct buffer text = {0};

	if (key->type == VALUE_STRING || key->type == VALUE_KEYWORD || key->type == VALUE_SYMBOL) {
		text_write(out, key->text, key->length, TEXT_JSON);
		return;
	}
	edn_write(&text, key);
	text_write(out, text.bytes, text.length, TEXT_JSON);
	buffer_free(&text);
}

static void
write_array(struct buffer *out, const struct value *value)
{
	size_t i;

	buffer_append_char(out, '[');
	for (i = 0; i < value->count; i++) {
		if (i > 0)
			buffer_append_char(out, ',');
		json_write(out, value->items[i]);
	}
	buffer_append_char(out, ']');
}

static void
write_object(struct buffer *out, const struct value *map)
{
	size_t i;

	buffer_append_char(out, '{');
	for (i = 0; i < map->count; i += 2) {
		if (i > 0)
			buffer_append_char(out, ',');
		write_key(out, map->items[i]);
		buffer_append_char(out, ':');
		json_write(out, map->items[i + 1]);
	}
	buffer_append_char(out, '}');
}

void
json_write(struct buffer *out, const struct value *value)
{
	char bytes[4];

	switch (value->type) {
	case VALUE_NIL:
		buffer_append_string(out, "null");
		break;
	case VALUE_BOOL:
		buffer_append_string(out, value->boolean ? "true" : "false");
		break;
	case VALUE_INT:
		encode_integer(out, value->integer);
		break;
	case VALUE_BIGINT:
	case VALUE_DECIMAL:
		buffer_append(out, value->text, value->length);
		break;
	case VALUE_REAL:
	case VALUE_FLOAT:
		write_real(out, value);
		break;
	case VALUE_CHAR:
		text_write(out, bytes, utf8_put(bytes, (int32_t)value->integer), TEXT_JSON);
		break;
	case VALUE_STRING:
	case VALUE_KEYWORD:
	case VALUE_SYMBOL:
		text_write(out, value->text, value->length, TEXT_JSON);
		break;
	case VALUE_MAP:
		write_object(out, value);
		break;
	case VALUE_TAGGED:
		json_write(out, value->items[0]);
		break;
	default:
		write_array(out, value);
	}
}
