/*
 * Messages that were read and should not have been (aborted, or not yet
 * committed), and messages that were not read and should have been (lost: the
 * log has been read beyond them; unseen: the rest).
 */
#include <stdlib.h>

#include "clojure_order.h"
#include "kafka.h"
#include "memory.h"

#define UNSEEN_SHOWN 32

/* ---- read although the send failed (G1a) --------------------------------------------- */

static const struct value *
aborted_read(struct kafka *kafka, const struct kafka_key *key, const struct kafka_message *message, size_t reader)
{
	struct value *map = value_collection(kafka->arena, VALUE_MAP);

	value_put_keyword(kafka->arena, map, "key", key->name);
	value_put_keyword(kafka->arena, map, "value", message->value);
	value_put_keyword(kafka->arena, map, "writer", kafka_show_op(kafka, message->writer));
	value_put_keyword(kafka->arena, map, "reader", kafka_show_op(kafka, reader));
	return map;
}

const struct value *
kafka_aborted_reads(struct kafka *kafka, size_t *count)
{
	struct value *errors = value_collection(kafka->arena, VALUE_LIST);
	const struct kafka_message *message;
	const struct kafka_span *span;
	size_t i, j, op;

	for (op = 0; op < kafka->history->count; op++) {
		if (kafka->history->ops[op].type != OP_OK)
			continue;
		for (i = 0; i < kafka->reads[op].count; i++) {
			span = &kafka->spans[kafka->reads[op].first + i];
			for (j = span->first; j < span->first + span->count; j++) {
				message = kafka_message(kafka, span->key, kafka->pairs[j].message);
				if (message->sent_fail)
					value_push(kafka->arena, errors,
					    aborted_read(kafka, &kafka->keys[span->key], message, op));
			}
		}
	}
	*count = errors->count;
	return *count > 0 ? errors : NULL;
}

/* ---- read by the transaction that sent it ---------------------------------------------- */

static void
mark_reads(struct kafka *kafka, size_t op, size_t mark)
{
	const struct kafka_span *span;
	size_t i, j;

	for (i = 0; i < kafka->reads[op].count; i++) {
		span = &kafka->spans[kafka->reads[op].first + i];
		for (j = span->first; j < span->first + span->count; j++)
			kafka->keys[span->key].messages[kafka->pairs[j].message].mark = mark;
	}
}

/* Of several the one that a Clojure set has first. */
static const struct kafka_message *
first_marked(struct kafka *kafka, const struct kafka_span *span, size_t mark)
{
	const struct kafka_message *message, *first = NULL;
	size_t i;

	for (i = span->first; i < span->first + span->count; i++) {
		message = kafka_message(kafka, span->key, kafka->pairs[i].message);
		if (message->mark == mark &&
		    (first == NULL || clojure_rank(message->value) < clojure_rank(first->value)))
			first = message;
	}
	return first;
}

static void
find_precommitted(struct kafka *kafka, size_t op, struct value *errors)
{
	const struct kafka_message *message = NULL;
	const struct kafka_span *span = NULL;
	struct value *map;
	size_t i;

	mark_reads(kafka, op, op);
	for (i = 0; message == NULL && i < kafka->sends[op].count; i++) {
		span = &kafka->spans[kafka->sends[op].first + i];
		message = first_marked(kafka, span, op);
	}
	mark_reads(kafka, op, KAFKA_NONE);
	if (message == NULL)
		return;
	map = value_collection(kafka->arena, VALUE_MAP);
	value_put_keyword(kafka->arena, map, "op", kafka_show_op(kafka, op));
	value_put_keyword(kafka->arena, map, "key", kafka->keys[span->key].name);
	value_put_keyword(kafka->arena, map, "value", message->value);
	value_push(kafka->arena, errors, map);
}

const struct value *
kafka_precommitted_reads(struct kafka *kafka, size_t *count)
{
	struct value *errors = value_collection(kafka->arena, VALUE_VECTOR);
	size_t op;

	for (op = 0; op < kafka->history->count; op++)
		if (kafka->reads[op].count > 0 && kafka->sends[op].count > 0)
			find_precommitted(kafka, op, errors);
	*count = errors->count;
	return *count > 0 ? errors : NULL;
}

/* ---- lost ---------------------------------------------------------------------------------- */

/* The highest place that some reader must have reached: it read a message that appears there for the first time. */
static int64_t
read_bound(const struct kafka_key *key)
{
	int64_t bound = -1;
	size_t i;

	for (i = 0; i < key->values.count; i++)
		if (key->messages[i].read_ok && key->messages[i].first > bound)
			bound = key->messages[i].first;
	return bound;
}

/* Who read what is at the bound, as a proof. */
static size_t
reader_at(const struct kafka_key *key, int64_t bound)
{
	const struct kafka_place *place = &key->places[bound];
	const struct kafka_message *message;
	size_t i;

	for (i = place->first; i < place->first + place->count; i++) {
		message = &key->messages[key->members[i]];
		if (message->last == bound)
			return message->reader;
	}
	return KAFKA_NONE;
}

static const struct value *
lost_write(
    struct kafka *kafka, const struct kafka_key *key, const struct kafka_message *message, int64_t bound, size_t reader)
{
	struct value *map = value_collection(kafka->arena, VALUE_MAP);

	value_put_keyword(kafka->arena, map, "key", key->name);
	value_put_keyword(kafka->arena, map, "value", message->value);
	value_put_int(kafka->arena, map, "index", message->first);
	value_put_int(kafka->arena, map, "max-read-index", bound);
	value_put_keyword(kafka->arena, map, "writer", kafka_show_op(kafka, message->writer));
	value_put_keyword(kafka->arena, map, "max-read", kafka_show_op(kafka, reader));
	return map;
}

/* A message counts at the highest place at which it was seen. */
static void
find_lost(struct kafka *kafka, const struct kafka_key *key, struct value *errors)
{
	const struct kafka_message *message;
	const struct kafka_place *place;
	int64_t bound = read_bound(key), index;
	size_t reader, i;

	if (bound < 0) {
		kafka_fail(kafka, "a key was polled, but no message of it was ever read at a known offset");
		return;
	}
	reader = reader_at(key, bound);
	for (index = 0; index <= bound; index++) {
		place = &key->places[index];
		for (i = place->first; i < place->first + place->count; i++) {
			message = &key->messages[key->members[i]];
			if (message->last != index || message->read_ok)
				continue;
			if (message->writer == KAFKA_NONE)
				kafka_fail(kafka, "a message was read that nobody sent");
			else if (kafka_happened(kafka, message->writer))
				value_push(kafka->arena, errors, lost_write(kafka, key, message, bound, reader));
		}
	}
}

/* The keys that were read, in the order of a Clojure map. */
static size_t
keys_read(struct kafka *kafka, size_t *keys)
{
	size_t count = 0, op, i, key;

	for (op = 0; op < kafka->history->count; op++) {
		if (kafka->history->ops[op].type != OP_OK)
			continue;
		for (i = 0; i < kafka->reads[op].count; i++) {
			key = kafka->spans[kafka->reads[op].first + i].key;
			if (kafka->keys[key].mark != KAFKA_NONE)
				continue;
			kafka->keys[key].mark = 0;
			keys[count++] = key;
		}
	}
	for (i = 0; i < count; i++)
		kafka->keys[keys[i]].mark = KAFKA_NONE;
	kafka_order_keys(kafka, keys, count);
	return count;
}

const struct value *
kafka_lost_writes(struct kafka *kafka, size_t *count)
{
	size_t *keys = memory_alloc((kafka->key_names.count + 1) * sizeof(*keys)), key_count = keys_read(kafka, keys),
	       i;
	struct value *errors = value_collection(kafka->arena, VALUE_LIST);

	for (i = 0; i < key_count; i++)
		find_lost(kafka, &kafka->keys[keys[i]], errors);
	free(keys);
	*count = errors->count;
	return *count > 0 ? errors : NULL;
}

/* ---- unseen: acknowledged, and never read ----------------------------------------------------- */

struct sorted {
	const struct value *value;
	size_t item;
};

static int
by_value(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;
	bool comparable;

	return value_compare(x->value, y->value, &comparable);
}

/* Of several kinds two are neighbours then, and Jepsen cannot sort them. */
static void
sort(struct kafka *kafka, struct sorted *sorted, size_t count)
{
	bool comparable = true;
	size_t i;

	qsort(sorted, count, sizeof(*sorted), by_value);
	for (i = 1; i < count; i++)
		value_compare(sorted[i - 1].value, sorted[i].value, &comparable);
	if (!comparable)
		kafka_fail(kafka, "unseen messages or their keys cannot be compared: they are not of one kind");
}

static size_t
last_success(const struct kafka *kafka)
{
	size_t op = kafka->history->count;

	while (op > 0) {
		op--;
		if (kafka->history->ops[op].type == OP_OK && kafka_is_txn(&kafka->history->ops[op]))
			return op;
	}
	return KAFKA_NONE;
}

/*
 * Jepsen merges what was sent and what was polled key by key, and so takes the
 * messages of a key that was polled but never successfully sent to for unseen.
 * The operation after it corrects that; if there is none, it stays.
 */
static bool
mistaken_for_unseen(struct kafka *kafka, const struct kafka_key *key, size_t last)
{
	const struct kafka_span *span;
	size_t i, j, op;

	if (key->sent_ok)
		return false;
	for (i = 0; i < kafka->reads[last].count; i++) {
		span = &kafka->spans[kafka->reads[last].first + i];
		if (&kafka->keys[span->key] == key)
			break;
	}
	if (i == kafka->reads[last].count)
		return false;
	for (op = 0; op < last; op++) {
		if (kafka->history->ops[op].type != OP_OK)
			continue;
		for (j = 0; j < kafka->reads[op].count; j++)
			if (&kafka->keys[kafka->spans[kafka->reads[op].first + j].key] == key)
				return false;
	}
	return true;
}

static size_t
unseen_of_key(const struct kafka_key *key, bool mistaken, struct sorted *unseen)
{
	const struct kafka_message *message;
	size_t i, count = 0;

	for (i = 0; i < key->values.count; i++) {
		message = &key->messages[i];
		if (mistaken ? message->read_ok : message->sent_ok && !message->read_ok)
			unseen[count++] = (struct sorted){message->value, i};
	}
	return count;
}

/* Adds how many there are to `counts`, and the lowest of them to `messages`. */
static void
list_unseen(struct kafka *kafka, const struct kafka_key *key, const struct sorted *unseen, size_t count,
    struct value *counts, struct value *messages)
{
	struct value *list = value_collection(kafka->arena, VALUE_LIST);
	size_t i;

	for (i = 0; i < count && (kafka->all_errors || i < UNSEEN_SHOWN); i++)
		value_push(kafka->arena, list, unseen[i].value);
	value_put(kafka->arena, counts, key->name, value_int(kafka->arena, (int64_t)count));
	value_put(kafka->arena, messages, key->name, list);
}

struct unseen {
	struct sorted *messages;
	size_t count;
};

/* By key: its unseen messages in order. Returns the keys that have some, in order too. */
static size_t
find_unseen(struct kafka *kafka, size_t last, struct unseen *unseen, struct sorted *keys)
{
	size_t i, count = 0;
	struct kafka_key *key;

	for (i = 0; i < kafka->key_names.count; i++) {
		key = &kafka->keys[i];
		unseen[i].messages = memory_alloc((key->values.count + 1) * sizeof(*unseen[i].messages));
		unseen[i].count = unseen_of_key(key, mistaken_for_unseen(kafka, key, last), unseen[i].messages);
		if (unseen[i].count == 0)
			continue;
		sort(kafka, unseen[i].messages, unseen[i].count);
		keys[count++] = (struct sorted){key->name, i};
	}
	sort(kafka, keys, count);
	return count;
}

static const struct value *
report_unseen(struct kafka *kafka, size_t last, const struct unseen *unseen, const struct sorted *keys, size_t count)
{
	struct value *result = value_collection(kafka->arena, VALUE_MAP);
	struct value *counts = value_collection(kafka->arena, VALUE_MAP);
	struct value *messages = value_collection(kafka->arena, VALUE_MAP);
	size_t i, key;

	for (i = 0; i < count; i++) {
		key = keys[i].item;
		list_unseen(kafka, &kafka->keys[key], unseen[key].messages, unseen[key].count, counts, messages);
	}
	value_put_int(kafka->arena, result, "time", kafka->history->ops[last].time);
	value_put_keyword(kafka->arena, result, "unseen", counts);
	value_put_keyword(kafka->arena, result, "messages", messages);
	return result;
}

const struct value *
kafka_unseen(struct kafka *kafka)
{
	size_t last = last_success(kafka), n = kafka->key_names.count + 1, count, i;
	const struct value *result = NULL;
	struct unseen *unseen;
	struct sorted *keys;

	if (last == KAFKA_NONE)
		return NULL;
	unseen = memory_zero(n * sizeof(*unseen));
	keys = memory_alloc(n * sizeof(*keys));
	count = find_unseen(kafka, last, unseen, keys);
	if (count > 0)
		result = report_unseen(kafka, last, unseen, keys, count);
	for (i = 0; i < kafka->key_names.count; i++)
		free(unseen[i].messages);
	free(unseen);
	free(keys);
	return result;
}
