/* Any bytes as EDN: whatever is read must come back equal from both forms of printing, and order and hash must hold. */
#include <stdlib.h>
#include <string.h>

#include "value.h"

/* Ends the fuzzer's run, in any build. */
#define check(truth) ((truth) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* NaN equals nothing, not even itself. */
static bool
has_nan(const struct value *value)
{
	size_t i;

	if (value->type == VALUE_REAL)
		return value->real != value->real;
	if (value->type < VALUE_LIST)
		return false;
	for (i = 0; i < value->count; i++)
		if (has_nan(value->items[i]))
			return true;
	return false;
}

/*
 * Keywords and symbols may hold what would be read otherwise: a keyword made
 * of a string is printed as Clojure prints it. Only what is read here is
 * printed here, so that it does come back.
 */
static void
comes_back(struct arena *arena, const struct value *value, void (*write)(struct buffer *, const struct value *))
{
	struct buffer text = {0};
	const struct value *again;
	const char *cursor, *error;
	bool comparable = true;

	write(&text, value);
	cursor = text.bytes;
	again = edn_read(arena, &cursor, text.bytes + text.length, &error);
	check(again != NULL);
	check(cursor == text.bytes + text.length);
	if (!has_nan(value)) {
		check(value_equal(value, again));
		check(value_hash(value) == value_hash(again));
		check(value_compare(value, again, &comparable) == 0);
	}
	buffer_free(&text);
}

static void
orders(const struct value *a, const struct value *b)
{
	bool there = true, back = true;
	int order = value_compare(a, b, &there), reverse = value_compare(b, a, &back);

	check((order < 0) == (reverse > 0) && (order == 0) == (reverse == 0) && there == back);
	if (!has_nan(a) && value_equal(a, b))
		check(order == 0 && value_hash(a) == value_hash(b));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	const char *cursor = (const char *)bytes, *end = cursor + length, *error, *before;
	const struct value *value, *previous = NULL;
	struct arena arena = {0};
	struct buffer json = {0};

	while (before = cursor, (value = edn_read(&arena, &cursor, end, &error)) != NULL) {
		check(cursor > before && cursor <= end);
		comes_back(&arena, value, edn_write);
		comes_back(&arena, value, edn_write_pretty);
		check(value_equal(value, value_copy(&arena, value)) || has_nan(value));
		if (previous != NULL)
			orders(previous, value);
		previous = value;
		json_write(&json, value);
	}
	check(error != NULL || cursor == end);
	buffer_free(&json);
	arena_free(&arena);
	return 0;
}
