/* Sorted keys make one text of equal objects. */
#include "canonical.h"

#include <stdlib.h>

#include "memory.h"

char *
canonical_text(const json_t *value)
{
	char *text = json_dumps(value, JSON_SORT_KEYS | JSON_ENCODE_ANY | JSON_COMPACT);

	if (text == NULL)
		memory_exhausted();
	return text;
}

/* FNV-1a. */
uint64_t
canonical_hash(const json_t *value)
{
	uint64_t hash = 0xcbf29ce484222325;
	char *text;

	if (value == NULL)
		return 1;
	text = canonical_text(value);
	for (const char *at = text; *at != '\0'; at++)
		hash = (hash ^ (unsigned char)*at) * 0x100000001b3;
	free(text);
	return hash | 1;
}
