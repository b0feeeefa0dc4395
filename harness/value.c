/* Immutable data: how it is made, copied and asked. Order and equality are in value_order.c. */
#include "value.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

#define ITEMS_FIRST 4 /* room in a collection after its first item */

const struct value value_nil = {.type = VALUE_NIL};
const struct value value_true = {.type = VALUE_BOOL, .boolean = true};
const struct value value_false = {.type = VALUE_BOOL, .boolean = false};

/* ---- making ------------------------------------------------------------- */

static struct value *
value_new(struct arena *arena, enum value_type type)
{
	struct value *value = arena_zero(arena, sizeof(*value));

	value->type = type;
	return value;
}

static struct value *
text_new(struct arena *arena, enum value_type type, const char *text, size_t length)
{
	struct value *value = value_new(arena, type);

	value->text = arena_copy(arena, text, length);
	value->length = length;
	return value;
}

const struct value *
value_bool(bool boolean)
{
	return boolean ? &value_true : &value_false;
}

struct value *
value_int(struct arena *arena, int64_t integer)
{
	struct value *value = value_new(arena, VALUE_INT);

	value->integer = integer;
	return value;
}

struct value *
value_char(struct arena *arena, int32_t code_point)
{
	struct value *value = value_new(arena, VALUE_CHAR);

	value->integer = code_point;
	return value;
}

struct value *
value_real(struct arena *arena, double real)
{
	struct value *value = value_new(arena, VALUE_REAL);

	value->real = real;
	return value;
}

struct value *
value_float(struct arena *arena, double real)
{
	struct value *value = value_new(arena, VALUE_FLOAT);

	value->real = (float)real;
	return value;
}

struct value *
value_string(struct arena *arena, const char *text)
{
	return text_new(arena, VALUE_STRING, text, strlen(text));
}

struct value *
value_string_n(struct arena *arena, const char *text, size_t length)
{
	return text_new(arena, VALUE_STRING, text, length);
}

struct value *
value_printf(struct arena *arena, const char *fmt, ...)
{
	struct value *value = value_new(arena, VALUE_STRING);
	va_list ap;

	va_start(ap, fmt);
	value->text = arena_vprintf(arena, fmt, ap);
	va_end(ap);
	value->length = strlen(value->text);
	return value;
}

struct value *
value_keyword(struct arena *arena, const char *name)
{
	return text_new(arena, VALUE_KEYWORD, name, strlen(name));
}

struct value *
value_symbol(struct arena *arena, const char *name)
{
	return text_new(arena, VALUE_SYMBOL, name, strlen(name));
}

/* Whether digits (no leading zero) fit an int64_t, and if so, the number. */
static bool
digits_fit(const char *digits, size_t length, bool negative, int64_t *number)
{
	uint64_t sum = 0, limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
	size_t i;

	if (length > 19)
		return false;
	for (i = 0; i < length; i++)
		sum = sum * 10 + (uint64_t)(digits[i] - '0');
	if (sum > limit)
		return false;
	*number = negative ? (int64_t)(0 - sum) : (int64_t)sum;
	return true;
}

struct value *
value_integer_text(struct arena *arena, const char *text, size_t length)
{
	bool negative = length > 0 && text[0] == '-';
	struct value *value;
	int64_t number;
	char *copy;

	if (negative) {
		text++;
		length--;
	}
	assert(length > 0);
	for (; length > 1 && *text == '0'; length--)
		text++;
	if (digits_fit(text, length, negative, &number))
		return value_int(arena, number);
	copy = arena_alloc(arena, length + 2);
	copy[0] = '-';
	memcpy(copy + negative, text, length);
	copy[length + negative] = '\0';
	value = value_new(arena, VALUE_BIGINT);
	value->text = copy;
	value->length = length + negative;
	return value;
}

struct value *
value_decimal_text(struct arena *arena, const char *text)
{
	return text_new(arena, VALUE_DECIMAL, text, strlen(text));
}

struct value *
value_collection(struct arena *arena, enum value_type type)
{
	assert(type == VALUE_LIST || type == VALUE_VECTOR || type == VALUE_SET || type == VALUE_MAP);
	return value_new(arena, type);
}

struct value *
value_tagged(struct arena *arena, const char *tag, const struct value *item)
{
	struct value *value = value_new(arena, VALUE_TAGGED);

	value->tag = arena_copy(arena, tag, strlen(tag));
	value_push(arena, value, item);
	return value;
}

void
value_push(struct arena *arena, struct value *collection, const struct value *item)
{
	const struct value **items;
	size_t capacity;

	assert(item != NULL);
	if (collection->count == collection->capacity) {
		capacity = collection->capacity > 0 ? collection->capacity * 2 : ITEMS_FIRST;
		items = arena_alloc(arena, capacity * sizeof(*items));
		if (collection->count > 0)
			memcpy(items, collection->items, collection->count * sizeof(*items));
		collection->items = items;
		collection->capacity = capacity;
	}
	collection->items[collection->count++] = item;
}

void
value_put(struct arena *arena, struct value *map, const struct value *key, const struct value *value)
{
	assert(map->type == VALUE_MAP);
	value_push(arena, map, key);
	value_push(arena, map, value);
}

void
value_put_keyword(struct arena *arena, struct value *map, const char *key, const struct value *value)
{
	value_put(arena, map, value_keyword(arena, key), value);
}

void
value_put_string(struct arena *arena, struct value *map, const char *key, const struct value *value)
{
	value_put(arena, map, value_string(arena, key), value);
}

void
value_put_int(struct arena *arena, struct value *map, const char *keyword, int64_t integer)
{
	value_put_keyword(arena, map, keyword, value_int(arena, integer));
}

const struct value *
value_copy(struct arena *arena, const struct value *value)
{
	struct value *copy = arena_alloc(arena, sizeof(*copy));
	size_t i;

	*copy = *value;
	switch (value->type) {
	case VALUE_BIGINT:
	case VALUE_DECIMAL:
	case VALUE_STRING:
	case VALUE_KEYWORD:
	case VALUE_SYMBOL:
		copy->text = arena_copy(arena, value->text, value->length);
		break;
	case VALUE_TAGGED:
		copy->tag = arena_copy(arena, value->tag, strlen(value->tag));
		/* FALLTHROUGH */
	case VALUE_LIST:
	case VALUE_VECTOR:
	case VALUE_SET:
	case VALUE_MAP:
		copy->items = arena_alloc(arena, value->count * sizeof(*copy->items));
		copy->capacity = value->count;
		for (i = 0; i < value->count; i++)
			copy->items[i] = value_copy(arena, value->items[i]);
		break;
	default:
		break;
	}
	return copy;
}

/* ---- asking ------------------------------------------------------------- */

const struct value *
value_find(const struct value *map, const struct value *key)
{
	size_t i;

	if (map == NULL || map->type != VALUE_MAP)
		return NULL;
	for (i = 0; i < map->count; i += 2)
		if (value_equal(map->items[i], key))
			return map->items[i + 1];
	return NULL;
}

static const struct value *
find_text(const struct value *map, enum value_type type, const char *text)
{
	size_t i, length = strlen(text);
	const struct value *key;

	for (i = 0; i < map->count; i += 2) {
		key = map->items[i];
		if (key->type == type && key->length == length && memcmp(key->text, text, length) == 0)
			return map->items[i + 1];
	}
	return NULL;
}

const struct value *
value_get(const struct value *map, const char *key)
{
	const struct value *found;

	if (map == NULL || map->type != VALUE_MAP)
		return NULL;
	found = find_text(map, VALUE_KEYWORD, key);
	return found != NULL ? found : find_text(map, VALUE_STRING, key);
}

static bool
is_text(const struct value *value, enum value_type type, const char *text)
{
	return value != NULL && value->type == type && value->length == strlen(text) &&
	       memcmp(value->text, text, value->length) == 0;
}

bool
value_is_string(const struct value *value, const char *text)
{
	return is_text(value, VALUE_STRING, text);
}

bool
value_is_keyword(const struct value *value, const char *name)
{
	return is_text(value, VALUE_KEYWORD, name);
}

bool
value_is_integer(const struct value *value)
{
	return value != NULL && (value->type == VALUE_INT || value->type == VALUE_BIGINT);
}
