/* Versions by key instead of whole maps by state: a state costs what it changes, however large the map. */
#include "states.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

struct version {
	struct version *older;
	int64_t state; /* the first that shows it */
	size_t length;
	char text[];
};

struct state_item {
	RB_ENTRY(state_item) entry;
	struct version *newest;
	const char *key; /* behind the struct, or borrowed for a search */
	size_t length;
};

static int
item_compare(const struct state_item *a, const struct state_item *b)
{
	int order = memcmp(a->key, b->key, a->length < b->length ? a->length : b->length);

	return order != 0 ? order : a->length < b->length ? -1 : a->length > b->length;
}

RB_GENERATE_INTERNAL(state_tree, state_item, entry, item_compare, static __attribute__((unused)))

/* ---- versions ------------------------------------------------------------ */

static void
versions_free(struct states *states, struct version *version)
{
	while (version != NULL) {
		struct version *older = version->older;

		states->bytes -= sizeof(*version) + version->length;
		free(version);
		version = older;
	}
}

/* Forgets what no state from `oldest` on shows. */
static void
trim(struct states *states, struct state_item *item, int64_t oldest)
{
	struct version *version = item->newest;

	while (version->state > oldest && version->older != NULL)
		version = version->older;
	versions_free(states, version->older);
	version->older = NULL;
}

static void
push_version(struct states *states, struct state_item *item, const struct buffer *value)
{
	struct version *version = memory_alloc(sizeof(*version) + value->length);

	version->older = item->newest;
	version->state = states->last;
	version->length = value->length;
	memcpy(version->text, value->bytes, value->length);
	item->newest = version;
	states->bytes += sizeof(*version) + version->length;
}

/* ---- the map ------------------------------------------------------------- */

void
states_init(struct states *states, int window)
{
	*states = (struct states){.window = window};
	RB_INIT(&states->items);
	states->changed = memory_zero((size_t)window * sizeof(struct state_item *));
}

void
states_free(struct states *states)
{
	struct state_item *item, *next;

	RB_FOREACH_SAFE (item, state_tree, &states->items, next) {
		RB_REMOVE(state_tree, &states->items, item);
		versions_free(states, item->newest);
		free(item);
	}
	free(states->changed);
}

static struct state_item *
find(const struct states *states, const struct buffer *key)
{
	struct state_item wanted = {.key = key->bytes, .length = key->length}, *item = RB_ROOT(&states->items);

	while (item != NULL) {
		int order = item_compare(&wanted, item);

		if (order == 0)
			break;
		item = order < 0 ? RB_LEFT(item, entry) : RB_RIGHT(item, entry);
	}
	return item;
}

static struct state_item *
find_or_make(struct states *states, const struct buffer *key)
{
	struct state_item *item = find(states, key);
	char *text;

	if (item != NULL)
		return item;
	item = memory_zero(sizeof(*item) + key->length);
	text = (char *)(item + 1);
	memcpy(text, key->bytes, key->length);
	item->key = text;
	item->length = key->length;
	RB_INSERT(state_tree, &states->items, item);
	states->bytes += sizeof(*item) + key->length;
	return item;
}

bool
states_find(const struct states *states, int64_t state, const struct buffer *key, const char **value, size_t *length)
{
	const struct state_item *item = find(states, key);
	const struct version *version = item != NULL ? item->newest : NULL;

	assert(state >= 0 && state <= states->last && state > states->last - states->window);
	while (version != NULL && version->state > state)
		version = version->older;
	if (version == NULL)
		return false;
	*value = version->text;
	*length = version->length;
	return true;
}

/* The newest state has changed this item, or none. What only the state that drops out of the window has shown goes. */
static void
remember(struct states *states, struct state_item *item)
{
	int64_t first = states->last - states->window + 1; /* that is still remembered */
	struct state_item *changed;

	states->changed[states->last % states->window] = item;
	changed = first > 0 ? states->changed[first % states->window] : NULL;
	if (changed != NULL)
		trim(states, changed, first);
}

void
states_change(struct states *states, const struct buffer *key, const struct buffer *value)
{
	struct state_item *item = find_or_make(states, key);

	states->last++;
	push_version(states, item, value);
	remember(states, item);
}

void
states_repeat(struct states *states)
{
	states->last++;
	remember(states, NULL);
}

/* ---- canonical text ------------------------------------------------------ */

static int
compare_strings(const struct value *a, const struct value *b)
{
	int order = memcmp(a->text, b->text, a->length < b->length ? a->length : b->length);

	return order != 0 ? order : a->length < b->length ? -1 : a->length > b->length;
}

/* Of two pairs of a map: their keys are strings, and different. */
static int
compare_pairs(const void *a, const void *b)
{
	const struct value *const *x = a, *const *y = b;

	return compare_strings(x[0], y[0]);
}

static void
write_map(struct buffer *to, const struct value *map)
{
	size_t size = map->count * sizeof(*map->items);
	const struct value **sorted;

	if (map->count == 0) {
		buffer_append_string(to, "{}");
		return;
	}
	sorted = memory_alloc(size);
	memcpy(sorted, map->items, size);
	qsort(sorted, map->count / 2, 2 * sizeof(*sorted), compare_pairs);
	for (size_t i = 0; i < map->count; i += 2) {
		buffer_append_char(to, i == 0 ? '{' : ',');
		json_write(to, sorted[i]);
		buffer_append_char(to, ':');
		canonical_write(to, sorted[i + 1]);
	}
	buffer_append_char(to, '}');
	free(sorted);
}

void
canonical_write(struct buffer *to, const struct value *value)
{
	static const struct value zero = {.type = VALUE_REAL, .real = 0};

	switch (value->type) {
	case VALUE_MAP:
		write_map(to, value);
		return;
	case VALUE_VECTOR:
		buffer_append_char(to, '[');
		for (size_t i = 0; i < value->count; i++) {
			if (i > 0)
				buffer_append_char(to, ',');
			canonical_write(to, value->items[i]);
		}
		buffer_append_char(to, ']');
		return;
	case VALUE_REAL:
		json_write(to, value->real == 0 ? &zero : value); /* -0.0 equals it */
		return;
	default:
		json_write(to, value);
	}
}
