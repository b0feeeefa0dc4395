/* Any bytes as JSON: whatever is read must come back equal from JSON and from EDN. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "value.h"

/* Ends the fuzzer's run, in any build. */
#define check(truth) ((truth) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Infinity, from a number too large, is written as a string. */
static bool
has_infinity(const struct value *value)
{
	size_t i;

	if (value->type == VALUE_REAL)
		return isinf(value->real);
	if (value->type < VALUE_LIST)
		return false;
	for (i = 0; i < value->count; i++)
		if (has_infinity(value->items[i]))
			return true;
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	const char *cursor = (const char *)bytes, *end = cursor + length, *error = NULL;
	const struct value *value, *again;
	struct arena arena = {0};
	struct buffer text = {0};

	value = json_read(&arena, &cursor, end, &error);
	check((value == NULL) == (error != NULL));
	check(cursor >= (const char *)bytes && cursor <= end);
	if (value != NULL) {
		json_write(&text, value);
		cursor = text.bytes;
		again = json_read(&arena, &cursor, text.bytes + text.length, &error);
		check(again != NULL && cursor == text.bytes + text.length);
		check(has_infinity(value) || value_equal(value, again));
		text.length = 0;
		edn_write(&text, value);
		cursor = text.bytes;
		again = edn_read(&arena, &cursor, text.bytes + text.length, &error);
		check(again != NULL && value_equal(value, again));
	}
	buffer_free(&text);
	arena_free(&arena);
	return 0;
}
