/* Values numbered: an open-addressed table over an array that keeps the order. */
#include "value_table.h"

#include <stdlib.h>

#include "memory.h"

#define SLOTS_FIRST 32
#define FEW_ITEMS   8 /* up to here a table costs more than looking at all */

static uint32_t *
find_slot(const struct value_table *table, const struct value *value, uint64_t hash)
{
	size_t mask = table->slot_count - 1, i = hash & mask;
	uint32_t number;

	while ((number = table->slots[i]) != 0) {
		if (table->hashes[number - 1] == hash && value_equal(table->values[number - 1], value))
			break;
		i = (i + 1) & mask;
	}
	return &table->slots[i];
}

size_t
value_table_find(const struct value_table *table, const struct value *value)
{
	if (table->count == 0)
		return VALUE_TABLE_NONE;
	return (size_t)*find_slot(table, value, value_hash(value)) - 1;
}

static void
grow(struct value_table *table)
{
	size_t i, at;

	table->slot_count = table->slot_count > 0 ? table->slot_count * 2 : SLOTS_FIRST;
	table->capacity = table->slot_count / 2;
	if (table->capacity > UINT32_MAX)
		memory_exhausted();
	table->values = memory_resize(table->values, table->capacity, sizeof(*table->values));
	table->hashes = memory_resize(table->hashes, table->capacity, sizeof(*table->hashes));
	free(table->slots);
	table->slots = memory_zero(table->slot_count * sizeof(*table->slots));
	for (i = 0; i < table->count; i++) {
		at = table->hashes[i] & (table->slot_count - 1);
		while (table->slots[at] != 0)
			at = (at + 1) & (table->slot_count - 1);
		table->slots[at] = (uint32_t)i + 1;
	}
}

size_t
value_table_add(struct value_table *table, const struct value *value)
{
	uint64_t hash = value_hash(value);
	uint32_t *slot;

	if (table->count == table->capacity)
		grow(table);
	slot = find_slot(table, value, hash);
	if (*slot != 0)
		return (size_t)*slot - 1;
	table->values[table->count] = value;
	table->hashes[table->count] = hash;
	*slot = (uint32_t)++table->count;
	return table->count - 1;
}

void
value_table_free(struct value_table *table)
{
	free(table->values);
	free(table->hashes);
	free(table->slots);
	*table = (struct value_table){0};
}

/* ---- equal keys ----------------------------------------------------------- */

/* Where an item equal to items[i] stands among the first `count`, or `count`. */
static size_t
place_of(const struct value *collection, size_t stride, size_t count, size_t i)
{
	size_t j;

	for (j = 0; j < count; j += stride)
		if (value_equal(collection->items[j], collection->items[i]))
			return j;
	return count;
}

bool
value_dedupe(struct value *collection)
{
	size_t stride = collection->type == VALUE_MAP ? 2 : 1, count = collection->count, kept = 0, i, place;
	bool many = count > FEW_ITEMS * stride;
	struct value_table table = {0};

	for (i = 0; i < count; i += stride) {
		if (many)
			place = value_table_add(&table, collection->items[i]) * stride;
		else
			place = place_of(collection, stride, kept, i);
		if (place == kept) {
			collection->items[place] = collection->items[i];
			kept += stride;
		}
		if (stride == 2)
			collection->items[place + 1] = collection->items[i + 1];
	}
	value_table_free(&table);
	collection->count = kept;
	return kept < count;
}
