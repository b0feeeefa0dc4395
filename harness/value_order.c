/* Clojure's `=`, a hash that agrees with it, and Clojure's `compare`. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fnv.h"
#include "memory.h"
#include "number.h"
#include "utf8.h"
#include "value.h"
#include "value_table.h"

#define FEW_ITEMS 8 /* up to here a table costs more than looking at all */

static bool
is_sequence(const struct value *value)
{
	return value->type == VALUE_LIST || value->type == VALUE_VECTOR;
}

static bool
is_real(const struct value *value)
{
	return value->type == VALUE_REAL || value->type == VALUE_FLOAT;
}

static bool
is_number(const struct value *value)
{
	return is_real(value) || value_is_integer(value) || value->type == VALUE_DECIMAL;
}

/* ---- numbers -------------------------------------------------------------- */

#define INT_TEXT_MAX 24

/* The number as a decimal. `text` is room for an integer's digits. */
static struct decimal
to_decimal(const struct value *value, char text[INT_TEXT_MAX])
{
	if (value->type == VALUE_INT)
		return decimal_parse(text, (size_t)snprintf(text, INT_TEXT_MAX, "%lld", (long long)value->integer));
	return decimal_parse(value->text, value->length);
}

static double
to_double(const struct value *value)
{
	if (is_real(value))
		return value->real;
	return value->type == VALUE_INT ? (double)value->integer : strtod(value->text, NULL);
}

/* NaN before all others: Clojure says 0 to any comparison with it, which is no order. */
static int
compare_reals(double a, double b)
{
	if (isnan(a) || isnan(b))
		return (isnan(b) != 0) - (isnan(a) != 0);
	return (a > b) - (a < b);
}

static int
compare_numbers(const struct value *a, const struct value *b)
{
	char a_text[INT_TEXT_MAX], b_text[INT_TEXT_MAX];
	struct decimal x, y;

	if (a->type == VALUE_INT && b->type == VALUE_INT)
		return (a->integer > b->integer) - (a->integer < b->integer);
	if (is_real(a) || is_real(b))
		return compare_reals(to_double(a), to_double(b));
	x = to_decimal(a, a_text);
	y = to_decimal(b, b_text);
	return decimal_compare(&x, &y);
}

/* ---- equality ------------------------------------------------------------- */

static bool
equal_items(const struct value *a, const struct value *b)
{
	size_t i;

	if (a->count != b->count)
		return false;
	for (i = 0; i < a->count; i++)
		if (!value_equal(a->items[i], b->items[i]))
			return false;
	return true;
}

/* Where a key stands in a map or set of few items; `count` if nowhere. */
static size_t
search(const struct value *in, size_t stride, const struct value *key)
{
	size_t i;

	for (i = 0; i < in->count; i += stride)
		if (value_equal(in->items[i], key))
			return i;
	return in->count;
}

static bool
equal_unordered(const struct value *a, const struct value *b)
{
	size_t stride = a->type == VALUE_MAP ? 2 : 1, i, at;
	bool many = a->count > FEW_ITEMS * stride, equal = a->count == b->count;
	struct value_table table = {0};

	for (i = 0; equal && many && i < b->count; i += stride)
		value_table_add(&table, b->items[i]);
	for (i = 0; equal && i < a->count; i += stride) {
		if (!many)
			at = search(b, stride, a->items[i]);
		else if ((at = value_table_find(&table, a->items[i])) != VALUE_TABLE_NONE)
			at *= stride;
		equal = at < b->count && (stride == 1 || value_equal(a->items[i + 1], b->items[at + 1]));
	}
	value_table_free(&table);
	return equal;
}

static bool
equal_text(const struct value *a, const struct value *b)
{
	return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

bool
value_equal(const struct value *a, const struct value *b)
{
	if (a == b)
		return true;
	if (is_sequence(a) && is_sequence(b))
		return equal_items(a, b);
	if (is_real(a) && is_real(b))
		return a->real == b->real;
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case VALUE_NIL:
		return true;
	case VALUE_BOOL:
		return a->boolean == b->boolean;
	case VALUE_INT:
	case VALUE_CHAR:
		return a->integer == b->integer;
	case VALUE_DECIMAL:
		return compare_numbers(a, b) == 0;
	case VALUE_SET:
	case VALUE_MAP:
		return equal_unordered(a, b);
	case VALUE_TAGGED:
		return strcmp(a->tag, b->tag) == 0 && equal_items(a, b);
	default:
		return equal_text(a, b);
	}
}

/* ---- hash ----------------------------------------------------------------- */

/* The finaliser of splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t
mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

static uint64_t
hash_bytes(const char *bytes, size_t length)
{
	uint64_t hash = FNV_BASIS;
	size_t i;

	for (i = 0; i < length; i++)
		hash = fnv_add(hash, (unsigned char)bytes[i]);
	return mix(hash);
}

static uint64_t
hash_real(double real)
{
	uint64_t bits;

	if (real == 0)
		real = 0; /* not minus zero, which equals it */
	memcpy(&bits, &real, sizeof(bits));
	return mix(bits);
}

static uint64_t
hash_items(const struct value *value)
{
	uint64_t hash = value->count;
	size_t i;

	for (i = 0; i < value->count; i++)
		hash = mix(hash ^ value_hash(value->items[i]));
	return hash;
}

static uint64_t
hash_unordered(const struct value *value)
{
	uint64_t sum = value->count, hash;
	size_t i;

	for (i = 0; i < value->count; i++) {
		hash = value_hash(value->items[i]);
		if (value->type == VALUE_MAP)
			hash = mix(mix(hash) ^ value_hash(value->items[++i]));
		sum += hash;
	}
	return mix(sum);
}

static uint64_t
hash_content(const struct value *value)
{
	struct decimal decimal;

	switch (value->type) {
	case VALUE_NIL:
		return 0;
	case VALUE_BOOL:
		return value->boolean;
	case VALUE_INT:
	case VALUE_CHAR:
		return (uint64_t)value->integer;
	case VALUE_REAL:
	case VALUE_FLOAT:
		return hash_real(value->real);
	case VALUE_DECIMAL:
		decimal = decimal_parse(value->text, value->length);
		return decimal_hash(&decimal);
	case VALUE_LIST:
	case VALUE_VECTOR:
		return hash_items(value);
	case VALUE_SET:
	case VALUE_MAP:
		return hash_unordered(value);
	case VALUE_TAGGED:
		return hash_bytes(value->tag, strlen(value->tag)) ^ hash_items(value);
	default:
		return hash_bytes(value->text, value->length);
	}
}

uint64_t
value_hash(const struct value *value)
{
	enum value_type type = value->type;

	if (type == VALUE_LIST)
		type = VALUE_VECTOR;
	if (type == VALUE_FLOAT)
		type = VALUE_REAL;
	return mix(hash_content(value) ^ (uint64_t)type << 56);
}

/* ---- order ---------------------------------------------------------------- */

/* By UTF-16 units, as Java does: a character beyond U+FFFF counts as its surrogates. */
static int
compare_text(const char *a, size_t a_length, const char *b, size_t b_length)
{
	size_t common = a_length < b_length ? a_length : b_length, i;
	unsigned char x, y;

	for (i = 0; i < common && a[i] == b[i];)
		i++;
	if (i == common)
		return (a_length > b_length) - (a_length < b_length);
	x = (unsigned char)a[i];
	y = (unsigned char)b[i];
	if (x >= 0xee && x < 0xf0 && y >= 0xf0) /* U+E000..U+FFFF stand behind the surrogates */
		return 1;
	if (y >= 0xee && y < 0xf0 && x >= 0xf0)
		return -1;
	return x < y ? -1 : 1;
}

/* Keywords and symbols: without a namespace first, then by namespace, then by name. */
static int
compare_names(const struct value *a, const struct value *b)
{
	const char *a_slash = a->length > 1 ? memchr(a->text, '/', a->length) : NULL;
	const char *b_slash = b->length > 1 ? memchr(b->text, '/', b->length) : NULL;
	size_t a_space, b_space;
	int order;

	if (a_slash == NULL || b_slash == NULL) {
		if (a_slash != b_slash)
			return a_slash == NULL ? -1 : 1;
		return compare_text(a->text, a->length, b->text, b->length);
	}
	a_space = (size_t)(a_slash - a->text);
	b_space = (size_t)(b_slash - b->text);
	order = compare_text(a->text, a_space, b->text, b_space);
	if (order != 0)
		return order;
	return compare_text(a_slash + 1, a->length - a_space - 1, b_slash + 1, b->length - b_space - 1);
}

static int
compare_items(const struct value *a, const struct value *b, bool *comparable)
{
	size_t i;
	int order;

	if (a->count != b->count)
		return a->count < b->count ? -1 : 1;
	for (i = 0; i < a->count; i++)
		if ((order = value_compare(a->items[i], b->items[i], comparable)) != 0)
			return order;
	return 0;
}

static int
compare_keys(const void *a, const void *b)
{
	bool comparable;

	return value_compare(*(const struct value *const *)a, *(const struct value *const *)b, &comparable);
}

/* Clojure does not compare sets and maps; an order all the same: by size, then item by item in order. */
static int
compare_unordered(const struct value *a, const struct value *b, bool *comparable)
{
	size_t stride = a->type == VALUE_MAP ? 2 : 1, size = stride * sizeof(*a->items), i;
	const struct value **x, **y;
	int order = 0;

	if (a->count != b->count || a->count == 0)
		return (a->count > b->count) - (a->count < b->count);
	x = memory_alloc(a->count * sizeof(*x));
	y = memory_alloc(b->count * sizeof(*y));
	memcpy(x, a->items, a->count * sizeof(*x));
	memcpy(y, b->items, b->count * sizeof(*y));
	qsort(x, a->count / stride, size, compare_keys);
	qsort(y, b->count / stride, size, compare_keys);
	for (i = 0; order == 0 && i < a->count; i++)
		order = value_compare(x[i], y[i], comparable);
	free(x);
	free(y);
	return order;
}

/* Values that Clojure would not compare: those of different types by type, but what is equal stays equal. */
static int
compare_strangers(const struct value *a, const struct value *b, bool *comparable)
{
	int order;

	*comparable = false;
	if (is_sequence(a) && is_sequence(b))
		return compare_items(a, b, comparable);
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	if (a->type == VALUE_SET || a->type == VALUE_MAP)
		return compare_unordered(a, b, comparable);
	if (a->type == VALUE_TAGGED && (order = strcmp(a->tag, b->tag)) != 0)
		return order < 0 ? -1 : 1;
	return compare_items(a, b, comparable);
}

int
value_compare(const struct value *a, const struct value *b, bool *comparable)
{
	if (a == b)
		return 0;
	if (a->type == VALUE_NIL || b->type == VALUE_NIL)
		return (a->type != VALUE_NIL) - (b->type != VALUE_NIL);
	if (is_number(a) && is_number(b))
		return compare_numbers(a, b);
	if (a->type != b->type)
		return compare_strangers(a, b, comparable);
	switch (a->type) {
	case VALUE_BOOL:
		return a->boolean - b->boolean;
	case VALUE_CHAR:
		return (a->integer > b->integer) - (a->integer < b->integer);
	case VALUE_STRING:
		return compare_text(a->text, a->length, b->text, b->length);
	case VALUE_KEYWORD:
	case VALUE_SYMBOL:
		return compare_names(a, b);
	case VALUE_VECTOR:
		return compare_items(a, b, comparable);
	default:
		return compare_strangers(a, b, comparable);
	}
}
