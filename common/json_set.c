/* A set by canonical text: equal values have equal text once keys are sorted, and jansson's objects find text fast. */
#include "json_set.h"

#include <stdlib.h>

#include "canonical.h"
#include "memory.h"

void
json_set_init(struct json_set *set)
{
	set->items = json_array();
	set->index = json_object();
	if (set->items == NULL || set->index == NULL)
		memory_exhausted();
}

void
json_set_free(struct json_set *set)
{
	json_decref(set->items);
	json_decref(set->index);
	set->items = set->index = NULL;
}

bool
json_set_has(const struct json_set *set, const json_t *value)
{
	char *text = canonical_text(value);
	bool has = json_object_get(set->index, text) != NULL;

	free(text);
	return has;
}

bool
json_set_add(struct json_set *set, json_t *value)
{
	char *text = canonical_text(value);
	bool is_new = json_object_get(set->index, text) == NULL;

	if (is_new &&
	    (json_object_set_new(set->index, text, json_true()) == -1 || json_array_append(set->items, value) == -1))
		memory_exhausted();
	free(text);
	return is_new;
}

size_t
json_set_size(const struct json_set *set)
{
	return json_array_size(set->items);
}

json_t *
json_set_item(const struct json_set *set, size_t i)
{
	return json_array_get(set->items, i);
}
