/* Two maps, by canonical text. */
#include "hints.h"

#include <stdlib.h>

#include "canonical.h"
#include "memory.h"

void
hints_init(struct hints *h)
{
	h->young = memory_made(json_object());
	h->old = memory_made(json_object());
}

void
hints_free(struct hints *h)
{
	json_decref(h->young);
	json_decref(h->old);
}

bool
hints_are_empty(const struct hints *h)
{
	return json_object_size(h->young) == 0 && json_object_size(h->old) == 0;
}

void
hints_add(struct hints *h, json_t *value)
{
	char *text = canonical_text(value);

	if (json_object_get(h->old, text) == NULL && json_object_set(h->young, text, value) == -1)
		memory_exhausted();
	free(text);
}

void
hints_remove(struct hints *h, const json_t *value)
{
	char *text;

	if (hints_are_empty(h))
		return;
	text = canonical_text(value);
	json_object_del(h->young, text);
	json_object_del(h->old, text);
	free(text);
}

void
hints_list(const struct hints *h, json_t *array)
{
	json_t *value;
	const char *key;

	json_object_foreach (h->old, key, value)
		if (json_array_append(array, value) == -1)
			memory_exhausted();
	json_object_foreach (h->young, key, value)
		if (json_array_append(array, value) == -1)
			memory_exhausted();
}

json_t *
hints_age(struct hints *h)
{
	json_t *oldest = h->old;

	h->old = h->young;
	h->young = memory_made(json_object());
	return oldest;
}
