/*
 * Reads a history of sends and polls: every operation is a list of
 * [:send key message], [:send key [offset message]], [:poll] and
 * [:poll {key [[offset message] ...]}]. What it read, and what it sent, is
 * gathered by key; each key's messages are numbered.
 */
#include <stdlib.h>
#include <string.h>

#include "clojure_order.h"
#include "kafka.h"
#include "memory.h"

/* What one operation read, or sent, before it is put in order of its keys. */
struct gathered {
	struct kafka_sighting *items; /* in order of appearance */
	size_t *item_keys;
	size_t count, capacity, keys_capacity;
	size_t *keys; /* in order of appearance */
	size_t key_count, key_capacity;
};

bool
kafka_fail(struct kafka *kafka, const char *error)
{
	if (kafka->error == NULL)
		kafka->error = error;
	return false;
}

bool
kafka_is_txn(const struct op *op)
{
	return op_is_client(op) &&
	       (strcmp(op->f, "poll") == 0 || strcmp(op->f, "send") == 0 || strcmp(op->f, "txn") == 0);
}

/* ---- keys and messages --------------------------------------------------------------- */

static size_t
key_number(struct kafka *kafka, const struct value *name)
{
	size_t known = kafka->key_names.count, number = value_table_add(&kafka->key_names, name);

	if (number == known) {
		KAFKA_GROW(kafka->keys, number, kafka->key_capacity);
		kafka->keys[number] = (struct kafka_key){.name = name, .mark = KAFKA_NONE};
	}
	return number;
}

static size_t
message_number(struct kafka_key *key, const struct value *value)
{
	size_t known = key->values.count, number = value_table_add(&key->values, value);

	if (number < known)
		return number;
	KAFKA_GROW(key->messages, number, key->capacity);
	key->messages[number] = (struct kafka_message){
	    .value = value,
	    .writer = KAFKA_NONE,
	    .reader = KAFKA_NONE,
	    .offset = NO_OFFSET,
	    .index = -1,
	    .first = -1,
	    .last = -1,
	    .mark = KAFKA_NONE,
	};
	return number;
}

const struct kafka_message *
kafka_message(const struct kafka *kafka, size_t key, size_t message)
{
	return &kafka->keys[key].messages[message];
}

/* ---- one operation ---------------------------------------------------------------------- */

/* The pass has a number of its own, so that marks need no clearing. */
static void
gather_key(struct kafka *kafka, struct gathered *gathered, size_t key, size_t pass)
{
	if (kafka->keys[key].mark == pass)
		return;
	kafka->keys[key].mark = pass;
	KAFKA_GROW(gathered->keys, gathered->key_count, gathered->key_capacity);
	gathered->keys[gathered->key_count++] = key;
}

static void
gather(struct kafka *kafka, struct gathered *gathered, size_t key, const struct value *message, int64_t offset)
{
	KAFKA_GROW(gathered->item_keys, gathered->count, gathered->keys_capacity);
	KAFKA_GROW(gathered->items, gathered->count, gathered->capacity);
	gathered->item_keys[gathered->count] = key;
	gathered->items[gathered->count++] =
	    (struct kafka_sighting){.offset = offset, .message = message_number(&kafka->keys[key], message)};
}

static bool
is_sequence(const struct value *value)
{
	return value->type == VALUE_VECTOR || value->type == VALUE_LIST;
}

static bool
read_offset(struct kafka *kafka, const struct value *value, int64_t *offset)
{
	*offset = NO_OFFSET;
	if (value->type == VALUE_NIL)
		return true;
	if (value->type != VALUE_INT || value->integer == NO_OFFSET)
		return kafka_fail(kafka, "an offset that is not an integer of 64 bits");
	*offset = value->integer;
	return true;
}

static bool
gather_send(struct kafka *kafka, struct gathered *gathered, const struct value *mop, size_t pass)
{
	const struct value *message = mop->count > 2 ? mop->items[2] : &value_nil;
	int64_t offset = NO_OFFSET;
	size_t key;

	if (mop->count < 2)
		return kafka_fail(kafka, "a send without a key");
	if (message->type == VALUE_VECTOR) {
		if (message->count > 0 && !read_offset(kafka, message->items[0], &offset))
			return false;
		message = message->count > 1 ? message->items[1] : &value_nil;
	}
	key = key_number(kafka, mop->items[1]);
	gather_key(kafka, gathered, key, pass);
	gather(kafka, gathered, key, message, offset);
	return true;
}

static bool
gather_polled(struct kafka *kafka, struct gathered *gathered, size_t key, const struct value *messages)
{
	const struct value *pair;
	int64_t offset;
	size_t i;

	if (messages->type == VALUE_NIL)
		return true;
	if (!is_sequence(messages))
		return kafka_fail(kafka, "a poll whose messages are not a list");
	for (i = 0; i < messages->count; i++) {
		pair = messages->items[i];
		if (!is_sequence(pair) || pair->count < 2)
			return kafka_fail(kafka, "a poll whose messages are not pairs of offset and message");
		if (!read_offset(kafka, pair->items[0], &offset))
			return false;
		gather(kafka, gathered, key, pair->items[1], offset);
	}
	return true;
}

static bool
gather_poll(struct kafka *kafka, struct gathered *gathered, const struct value *mop, size_t pass)
{
	const struct value *polled = mop->count > 1 ? mop->items[1] : &value_nil;
	size_t i, key;

	if (polled->type == VALUE_NIL)
		return true;
	if (polled->type != VALUE_MAP)
		return kafka_fail(kafka, "a poll that is not a map of keys");
	for (i = 0; i < polled->count; i += 2) {
		key = key_number(kafka, polled->items[i]);
		gather_key(kafka, gathered, key, pass);
		if (!gather_polled(kafka, gathered, key, polled->items[i + 1]))
			return false;
	}
	return true;
}

/* The sends of an operation, or its polls. */
static bool
gather_op(struct kafka *kafka, struct gathered *gathered, const struct op *op, bool sends, size_t pass)
{
	const struct value *mop;
	size_t i;
	bool send;

	gathered->count = gathered->key_count = 0;
	for (i = 0; i < op->value->count; i++) {
		mop = op->value->items[i];
		if (!is_sequence(mop) || mop->count == 0)
			return kafka_fail(kafka, "a send or poll that is not a vector");
		send = value_is_keyword(mop->items[0], "send");
		if (!send && !value_is_keyword(mop->items[0], "poll"))
			return kafka_fail(kafka, "something in an operation that is neither a send nor a poll");
		if (strcmp(op->f, send ? "poll" : "send") == 0)
			return kafka_fail(kafka, "a send in a poll, or a poll in a send");
		if (send == sends &&
		    !(send ? gather_send(kafka, gathered, mop, pass) : gather_poll(kafka, gathered, mop, pass)))
			return false;
	}
	return true;
}

/* ---- in order of the keys ------------------------------------------------------------------ */

void
kafka_order_keys(const struct kafka *kafka, size_t *keys, size_t count)
{
	struct clojure_ranked *ranked;
	size_t i;

	if (count <= CLOJURE_SMALL_MAP)
		return;
	ranked = memory_alloc(count * sizeof(*ranked));
	for (i = 0; i < count; i++)
		ranked[i] = (struct clojure_ranked){clojure_rank(kafka->keys[keys[i]].name), keys[i]};
	clojure_sort(ranked, count);
	for (i = 0; i < count; i++)
		keys[i] = ranked[i].item;
	free(ranked);
}

static void
make_room(struct kafka *kafka, const struct gathered *gathered)
{
	while (kafka->pair_count + gathered->count > kafka->pair_capacity) {
		kafka->pair_capacity = kafka->pair_capacity > 0 ? kafka->pair_capacity * 2 : 1024;
		kafka->pairs = memory_resize(kafka->pairs, kafka->pair_capacity, sizeof(*kafka->pairs));
	}
	while (kafka->span_count + gathered->key_count > kafka->span_capacity) {
		kafka->span_capacity = kafka->span_capacity > 0 ? kafka->span_capacity * 2 : 1024;
		kafka->spans = memory_resize(kafka->spans, kafka->span_capacity, sizeof(*kafka->spans));
	}
}

/* Counts a key's items, then deals them out: the order within a key is kept. */
static struct kafka_spans
keep(struct kafka *kafka, struct gathered *gathered)
{
	struct kafka_spans spans = {kafka->span_count, gathered->key_count};
	struct kafka_span *span;
	size_t i, first = kafka->pair_count;

	make_room(kafka, gathered);
	kafka_order_keys(kafka, gathered->keys, gathered->key_count);
	for (i = 0; i < gathered->key_count; i++) {
		kafka->keys[gathered->keys[i]].mark = kafka->span_count;
		kafka->spans[kafka->span_count++] = (struct kafka_span){.key = gathered->keys[i]};
	}
	for (i = 0; i < gathered->count; i++)
		kafka->spans[kafka->keys[gathered->item_keys[i]].mark].count++;
	for (i = spans.first; i < kafka->span_count; i++) {
		kafka->spans[i].first = first;
		first += kafka->spans[i].count;
		kafka->spans[i].count = 0;
	}
	for (i = 0; i < gathered->count; i++) {
		span = &kafka->spans[kafka->keys[gathered->item_keys[i]].mark];
		kafka->pairs[span->first + span->count++] =
		    (struct kafka_pair){gathered->items[i].message, gathered->items[i].offset};
	}
	kafka->pair_count = first;
	for (i = 0; i < gathered->key_count; i++)
		kafka->keys[gathered->keys[i]].mark = KAFKA_NONE;
	return spans;
}

/* ---- who wrote and who read ------------------------------------------------------------------- */

static void
note_sends(struct kafka *kafka, size_t position)
{
	const struct op *op = &kafka->history->ops[position];
	const struct kafka_spans spans = kafka->sends[position];
	struct kafka_message *message;
	const struct kafka_span *span;
	struct kafka_key *key;
	size_t i, j;

	for (i = spans.first; i < spans.first + spans.count; i++) {
		span = &kafka->spans[i];
		key = &kafka->keys[span->key];
		key->sent_ok |= op->type == OP_OK;
		for (j = span->first; j < span->first + span->count; j++) {
			message = &key->messages[kafka->pairs[j].message];
			message->writer = position;
			message->sent_ok |= op->type == OP_OK;
			message->sent_fail |= op->type == OP_FAIL;
		}
	}
}

static void
note_reads(struct kafka *kafka, size_t position)
{
	const struct op *op = &kafka->history->ops[position];
	const struct kafka_spans spans = kafka->reads[position];
	struct kafka_message *message;
	const struct kafka_span *span;
	struct kafka_key *key;
	size_t i, j;

	for (i = spans.first; i < spans.first + spans.count; i++) {
		span = &kafka->spans[i];
		key = &kafka->keys[span->key];
		key->read_ok |= op->type == OP_OK;
		for (j = span->first; j < span->first + span->count; j++) {
			message = &key->messages[kafka->pairs[j].message];
			if (message->reader == KAFKA_NONE)
				message->reader = position;
			message->read = true;
			message->read_ok |= op->type == OP_OK;
		}
	}
}

bool
kafka_happened(const struct kafka *kafka, size_t position)
{
	const struct kafka_spans spans = kafka->sends[position];
	const struct kafka_message *message;
	const struct kafka_span *span;
	size_t i, j;

	if (kafka->history->ops[position].type != OP_INFO)
		return kafka->history->ops[position].type == OP_OK;
	for (i = spans.first; i < spans.first + spans.count; i++) {
		span = &kafka->spans[i];
		for (j = span->first; j < span->first + span->count; j++) {
			message = kafka_message(kafka, span->key, kafka->pairs[j].message);
			if (message->read_ok)
				return true;
		}
	}
	return false;
}

/* ---- all operations ------------------------------------------------------------------------------- */

static bool
read_op(struct kafka *kafka, struct gathered *gathered, size_t position)
{
	const struct op *op = &kafka->history->ops[position];

	if (op->value->type == VALUE_NIL)
		return true;
	if (!is_sequence(op->value))
		return kafka_fail(kafka, "an operation whose value is not a list of sends and polls");
	if (!gather_op(kafka, gathered, op, true, 2 * position))
		return false;
	kafka->sends[position] = keep(kafka, gathered);
	if (!gather_op(kafka, gathered, op, false, 2 * position + 1))
		return false;
	kafka->reads[position] = keep(kafka, gathered);
	if (op->type == OP_INVOKE)
		return true;
	note_sends(kafka, position);
	note_reads(kafka, position);
	return true;
}

/* Keys that were assigned are keys as well, though nobody may have sent to them. */
static void
read_assign(struct kafka *kafka, const struct op *op)
{
	size_t i;

	if (!op_is_client(op) || strcmp(op->f, "assign") != 0)
		return;
	if (op->value->type != VALUE_SET && !is_sequence(op->value))
		return;
	for (i = 0; i < op->value->count; i++)
		key_number(kafka, op->value->items[i]);
}

bool
kafka_read_ops(struct kafka *kafka)
{
	const struct history *history = kafka->history;
	struct gathered gathered = {0};
	bool good = true;
	size_t i;

	kafka->sends = memory_zero((history->count + 1) * sizeof(*kafka->sends));
	kafka->reads = memory_zero((history->count + 1) * sizeof(*kafka->reads));
	kafka->shown = memory_zero((history->count + 1) * sizeof(*kafka->shown));
	for (i = 0; good && i < history->count; i++) {
		if (kafka_is_txn(&history->ops[i]))
			good = read_op(kafka, &gathered, i);
		else
			read_assign(kafka, &history->ops[i]);
	}
	free(gathered.items);
	free(gathered.item_keys);
	free(gathered.keys);
	return good;
}

const struct value *
kafka_show_op(struct kafka *kafka, size_t op)
{
	if (op == KAFKA_NONE)
		return &value_nil;
	if (kafka->shown[op] == NULL)
		kafka->shown[op] = op_value(kafka->arena, &kafka->history->ops[op]);
	return kafka->shown[op];
}

void
kafka_free(struct kafka *kafka)
{
	size_t i;

	for (i = 0; i < kafka->key_names.count; i++) {
		value_table_free(&kafka->keys[i].values);
		free(kafka->keys[i].messages);
		free(kafka->keys[i].sightings);
		free(kafka->keys[i].places);
		free(kafka->keys[i].members);
	}
	free(kafka->keys);
	free(kafka->pairs);
	free(kafka->spans);
	free(kafka->sends);
	free(kafka->reads);
	free(kafka->shown);
	value_table_free(&kafka->key_names);
	arena_free(&kafka->scratch);
}
