/* Sorted keys make one text of equal objects. */
#include "canonical.h"

#include <stdlib.h>

#include "fnv.h"
#include "memory.h"

char *
canonical_text(const json_t *value)
{
	char *text = json_dumps(value, JSON_SORT_KEYS | JSON_ENCODE_ANY | JSON_COMPACT);

	if (text == NULL)
		memory_exhausted();
	return text;
}

uint64_t
canonical_hash(const json_t *value)
{
	uint64_t hash;
	char *text;

	if (value == NULL)
		return 1;
	text = canonical_text(value);
	hash = fnv_text(FNV_BASIS, text);
	free(text);
	return hash | 1;
}
