/*
 * Every poll, and every send that happened, says which message is at which
 * offset. All together they give each key's log; where they disagree it has
 * several messages at one offset, or one message at several.
 */
#include <stdlib.h>

#include "clojure_order.h"
#include "kafka.h"
#include "memory.h"

#define INCONSISTENT_SHOWN 32
#define DUPLICATES_SHOWN   32

/* ---- what was seen where ---------------------------------------------------------- */

/* Most messages are seen at one offset, again and again. */
static void
sight(struct kafka_key *key, const struct kafka_pair *pair)
{
	struct kafka_message *message = &key->messages[pair->message];

	if (pair->offset == NO_OFFSET || pair->offset == message->offset)
		return;
	if (message->offset == NO_OFFSET)
		message->offset = pair->offset;
	KAFKA_GROW(key->sightings, key->sighting_count, key->sighting_capacity);
	key->sightings[key->sighting_count++] = (struct kafka_sighting){pair->offset, pair->message};
}

static void
sight_all(struct kafka *kafka, struct kafka_spans spans)
{
	const struct kafka_span *span;
	size_t i, j;

	for (i = spans.first; i < spans.first + spans.count; i++) {
		span = &kafka->spans[i];
		for (j = span->first; j < span->first + span->count; j++)
			sight(&kafka->keys[span->key], &kafka->pairs[j]);
	}
}

static int
by_offset(const void *a, const void *b)
{
	const struct kafka_sighting *x = a, *y = b;

	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return (x->message > y->message) - (x->message < y->message);
}

/* ---- a log ------------------------------------------------------------------------------ */

static void
order_members(struct kafka_key *key, const struct kafka_place *place)
{
	struct clojure_ranked *ranked;
	size_t i, *members = key->members + place->first;

	if (place->count < 2)
		return;
	ranked = memory_alloc(place->count * sizeof(*ranked));
	for (i = 0; i < place->count; i++)
		ranked[i] = (struct clojure_ranked){clojure_rank(key->messages[members[i]].value), members[i]};
	clojure_sort(ranked, place->count);
	for (i = 0; i < place->count; i++)
		members[i] = ranked[i].item;
	free(ranked);
}

static void
number_place(struct kafka_key *key, size_t index)
{
	const struct kafka_place *place = &key->places[index];
	struct kafka_message *message;
	size_t i;

	order_members(key, place);
	for (i = place->first; i < place->first + place->count; i++) {
		message = &key->messages[key->members[i]];
		if (message->first < 0)
			message->first = (int64_t)index;
		message->last = (int64_t)index;
	}
	key->messages[key->members[place->first]].index = (int64_t)index;
}

/* What is below offset 0 is passed over, as Jepsen does. */
static void
build_log(struct kafka_key *key)
{
	const struct kafka_sighting *seen = key->sightings;
	size_t i, members = 0;

	if (key->sighting_count == 0)
		return;
	qsort(key->sightings, key->sighting_count, sizeof(*seen), by_offset);
	key->places = memory_alloc(key->sighting_count * sizeof(*key->places));
	key->members = memory_alloc(key->sighting_count * sizeof(*key->members));
	for (i = 0; i < key->sighting_count; i++) {
		if (seen[i].offset < 0 || (i > 0 && by_offset(&seen[i - 1], &seen[i]) == 0))
			continue;
		if (key->place_count == 0 || key->places[key->place_count - 1].offset != seen[i].offset)
			key->places[key->place_count++] = (struct kafka_place){seen[i].offset, members, 0};
		key->places[key->place_count - 1].count++;
		key->members[members++] = seen[i].message;
	}
	for (i = 0; i < key->place_count; i++)
		number_place(key, i);
}

void
kafka_build_logs(struct kafka *kafka)
{
	size_t i;

	for (i = 0; i < kafka->history->count; i++) {
		sight_all(kafka, kafka->reads[i]);
		if (kafka->sends[i].count > 0 && kafka_happened(kafka, i))
			sight_all(kafka, kafka->sends[i]);
	}
	for (i = 0; i < kafka->key_names.count; i++)
		build_log(&kafka->keys[i]);
}

const struct kafka_message *
kafka_at(const struct kafka_key *key, int64_t index)
{
	return &key->messages[key->members[key->places[index].first]];
}

/* ---- several messages at one offset -------------------------------------------------------- */

struct found {
	size_t key, item, size, place; /* place: in order of discovery */
};

struct finds {
	struct found *items;
	size_t count, capacity;
};

static void
find(struct finds *finds, size_t key, size_t item, size_t size)
{
	KAFKA_GROW(finds->items, finds->count, finds->capacity);
	finds->items[finds->count] = (struct found){key, item, size, finds->count};
	finds->count++;
}

static int
by_size(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	return (x->place > y->place) - (x->place < y->place);
}

/* Those with the fewest first. */
static size_t
choose(struct kafka *kafka, struct finds *finds, size_t limit)
{
	if (kafka->all_errors || finds->count == 0)
		return finds->count;
	qsort(finds->items, finds->count, sizeof(*finds->items), by_size);
	return finds->count < limit ? finds->count : limit;
}

/* All keys in the order of a Clojure map. Exact for more than eight. */
static size_t *
all_keys(struct kafka *kafka)
{
	size_t *keys = memory_alloc((kafka->key_names.count + 1) * sizeof(*keys)), i, count = 0;

	for (i = 0; i < kafka->key_names.count; i++)
		if (kafka->keys[i].sighting_count > 0)
			keys[count++] = i;
	kafka_order_keys(kafka, keys, count);
	keys[count] = KAFKA_NONE;
	return keys;
}

struct sorted {
	const struct value *value;
	bool *comparable;
};

static int
by_value(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;

	return value_compare(x->value, y->value, x->comparable);
}

static const struct value *
sorted_set(struct kafka *kafka, const struct kafka_key *key, const struct kafka_place *place)
{
	struct sorted *sorted = memory_alloc(place->count * sizeof(*sorted));
	struct value *set = value_collection(kafka->arena, VALUE_SET);
	bool comparable = true;
	size_t i;

	for (i = 0; i < place->count; i++)
		sorted[i] = (struct sorted){key->messages[key->members[place->first + i]].value, &comparable};
	qsort(sorted, place->count, sizeof(*sorted), by_value);
	for (i = 0; i < place->count; i++)
		value_push(kafka->arena, set, sorted[i].value);
	if (!comparable)
		kafka_fail(kafka, "messages at one offset cannot be compared: they are not of one kind");
	free(sorted);
	return set;
}

static const struct value *
show_inconsistent(struct kafka *kafka, const struct found *found)
{
	struct value *map = value_collection(kafka->arena, VALUE_MAP);
	const struct kafka_key *key = &kafka->keys[found->key];
	const struct kafka_place *place = &key->places[found->item];

	value_put_keyword(kafka->arena, map, "key", key->name);
	value_put_int(kafka->arena, map, "offset", place->offset);
	value_put_int(kafka->arena, map, "index", (int64_t)found->item);
	value_put_keyword(kafka->arena, map, "values", sorted_set(kafka, key, place));
	return map;
}

const struct value *
kafka_inconsistent_offsets(struct kafka *kafka, size_t *count)
{
	struct value *errors = value_collection(kafka->arena, VALUE_LIST);
	size_t *keys = all_keys(kafka), i, j, shown;
	struct finds finds = {0};

	for (i = 0; keys[i] != KAFKA_NONE; i++)
		for (j = 0; j < kafka->keys[keys[i]].place_count; j++)
			if (kafka->keys[keys[i]].places[j].count > 1)
				find(&finds, keys[i], j, kafka->keys[keys[i]].places[j].count);
	*count = finds.count;
	shown = choose(kafka, &finds, INCONSISTENT_SHOWN);
	for (i = 0; i < shown; i++)
		value_push(kafka->arena, errors, show_inconsistent(kafka, &finds.items[i]));
	free(finds.items);
	free(keys);
	return *count > 0 ? errors : NULL;
}

/* ---- one message at several offsets ----------------------------------------------------------- */

/* How often each message is in a log, in `mark`; and the messages in order of appearance, as Clojure counts them. */
static size_t
count_members(struct kafka_key *key, struct clojure_ranked *ranked)
{
	size_t i, count = 0, members = 0;

	for (i = 0; i < key->place_count; i++)
		members += key->places[i].count;
	for (i = 0; i < members; i++)
		key->messages[key->members[i]].mark = 0;
	for (i = 0; i < members; i++)
		if (key->messages[key->members[i]].mark++ == 0)
			ranked[count++] = (struct clojure_ranked){0, key->members[i]};
	if (count <= CLOJURE_SMALL_MAP)
		return count;
	for (i = 0; i < count; i++)
		ranked[i].rank = clojure_rank(key->messages[ranked[i].item].value);
	clojure_sort(ranked, count);
	return count;
}

static void
find_duplicates(struct kafka *kafka, struct finds *finds, size_t number)
{
	struct kafka_key *key = &kafka->keys[number];
	struct clojure_ranked *ranked;
	struct kafka_message *message;
	size_t i, count;

	ranked = memory_alloc((key->sighting_count + 1) * sizeof(*ranked));
	count = count_members(key, ranked);
	for (i = 0; i < count; i++) {
		message = &key->messages[ranked[i].item];
		if (message->mark > 1)
			find(finds, number, ranked[i].item, message->mark);
		message->mark = KAFKA_NONE;
	}
	free(ranked);
}

static const struct value *
offsets_of(struct kafka *kafka, const struct kafka_key *key, size_t message)
{
	struct value *offsets = value_collection(kafka->arena, VALUE_VECTOR);
	const struct kafka_place *place;
	size_t i, j;

	for (i = (size_t)key->messages[message].first; i <= (size_t)key->messages[message].last; i++) {
		place = &key->places[i];
		for (j = place->first; j < place->first + place->count; j++)
			if (key->members[j] == message)
				value_push(kafka->arena, offsets, value_int(kafka->arena, place->offset));
	}
	return offsets;
}

static const struct value *
show_duplicate(struct kafka *kafka, const struct found *found)
{
	struct value *map = value_collection(kafka->arena, VALUE_MAP);
	const struct kafka_key *key = &kafka->keys[found->key];

	value_put_keyword(kafka->arena, map, "key", key->name);
	value_put_keyword(kafka->arena, map, "value", key->messages[found->item].value);
	value_put_int(kafka->arena, map, "count", (int64_t)found->size);
	value_put_keyword(kafka->arena, map, "offsets", offsets_of(kafka, key, found->item));
	return map;
}

const struct value *
kafka_duplicates(struct kafka *kafka, size_t *count)
{
	struct value *errors = value_collection(kafka->arena, VALUE_LIST);
	size_t *keys = all_keys(kafka), i, shown;
	struct finds finds = {0};

	for (i = 0; keys[i] != KAFKA_NONE; i++)
		find_duplicates(kafka, &finds, keys[i]);
	*count = finds.count;
	shown = choose(kafka, &finds, DUPLICATES_SHOWN);
	for (i = 0; i < shown; i++)
		value_push(kafka->arena, errors, show_duplicate(kafka, &finds.items[i]));
	free(finds.items);
	free(keys);
	return *count > 0 ? errors : NULL;
}
