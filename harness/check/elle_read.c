/* Transactions out of a history: keys and versions become numbers, micro-operations flat arrays. */
#include <stdlib.h>
#include <string.h>

#include "elle_internal.h"
#include "memory.h"
#include "value_table.h"

#define SLOTS_FIRST    1024
#define ELEMENTS_FIRST 1024

/* What is needed to number keys and versions. */
struct elle_reader {
	struct value_table keys;
	uint32_t *slots; /* number of a version + 1; 0: free */
	size_t slot_count;
	size_t mop_capacity, element_capacity, version_capacity;
};

/* ---- versions ------------------------------------------------------------------------ */

static uint64_t
version_hash(uint32_t key, const struct value *value)
{
	uint64_t hash = value->type == VALUE_INT ? (uint64_t)value->integer : value_hash(value);

	hash = (hash ^ (uint64_t)key << 32) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

static bool
same_value(const struct value *a, const struct value *b)
{
	if (a->type == VALUE_INT && b->type == VALUE_INT)
		return a->integer == b->integer;
	return value_equal(a, b);
}

static uint32_t *
find_slot(const struct elle *elle, uint32_t key, const struct value *value)
{
	const struct elle_reader *reader = elle->reader;
	size_t mask = reader->slot_count - 1, i = version_hash(key, value) & mask;
	uint32_t number;

	while ((number = reader->slots[i]) != 0) {
		if (elle->version_keys[number - 1] == key && same_value(elle->version_values[number - 1], value))
			break;
		i = (i + 1) & mask;
	}
	return &reader->slots[i];
}

static void
grow_versions(struct elle *elle)
{
	struct elle_reader *reader = elle->reader;

	reader->slot_count = reader->slot_count > 0 ? reader->slot_count * 2 : SLOTS_FIRST;
	reader->version_capacity = reader->slot_count / 2;
	if (reader->version_capacity >= ELLE_NONE)
		memory_exhausted();
	elle->version_keys = memory_resize(elle->version_keys, reader->version_capacity, sizeof(*elle->version_keys));
	elle->version_values =
	    memory_resize(elle->version_values, reader->version_capacity, sizeof(*elle->version_values));
	free(reader->slots);
	reader->slots = memory_zero(reader->slot_count * sizeof(*reader->slots));
	for (uint32_t v = 0; v < elle->version_count; v++)
		*find_slot(elle, elle->version_keys[v], elle->version_values[v]) = v + 1;
}

static uint32_t
add_version(struct elle *elle, uint32_t key, const struct value *value)
{
	uint32_t *slot;

	if (elle->version_count == elle->reader->version_capacity)
		grow_versions(elle);
	slot = find_slot(elle, key, value);
	if (*slot != 0)
		return *slot - 1;
	elle->version_keys[elle->version_count] = key;
	elle->version_values[elle->version_count] = value;
	*slot = ++elle->version_count;
	return *slot - 1;
}

/* ---- micro-operations ------------------------------------------------------------------ */

static bool
is_sequence(const struct value *value)
{
	return value->type == VALUE_VECTOR || value->type == VALUE_LIST;
}

static const struct value *
item(const struct value *sequence, size_t i)
{
	return i < sequence->count ? sequence->items[i] : &value_nil;
}

static bool
add_element(struct elle *elle, struct elle_mop *mop, const struct value *value)
{
	struct elle_reader *reader = elle->reader;

	if (elle->element_count == reader->element_capacity) {
		reader->element_capacity *= 2;
		if (reader->element_capacity >= ELLE_NONE)
			return elle_fail(elle, "too many elements");
		elle->elements = memory_resize(elle->elements, reader->element_capacity, sizeof(*elle->elements));
	}
	elle->elements[elle->element_count++] = add_version(elle, mop->key, value);
	mop->count++;
	return true;
}

/* What it wrote or read. */
static bool
read_versions(struct elle *elle, struct elle_mop *mop, const struct value *value)
{
	mop->nil = !mop->write && value->type == VALUE_NIL;
	if (mop->nil)
		return true;
	if (mop->write || !elle->workload->lists)
		return add_element(elle, mop, value);
	if (value->type != VALUE_VECTOR)
		return elle_fail(elle, "a list was expected where something else was read");
	for (size_t i = 0; i < value->count; i++)
		if (!add_element(elle, mop, value->items[i]))
			return false;
	return true;
}

static bool
read_mop(struct elle *elle, const struct op *op, const struct value *value)
{
	struct elle_reader *reader = elle->reader;
	struct elle_mop *mop;
	bool write;

	if (!is_sequence(value))
		return elle_fail(elle, "operation %lld has no transaction as its value", (long long)op->index);
	write = value_is_keyword(item(value, 0), elle->workload->write);
	if (!write && !value_is_keyword(item(value, 0), "r"))
		return elle_fail(elle, "operation %lld does something else than :r and :%s", (long long)op->index,
		    elle->workload->write);
	if (elle->mop_count == reader->mop_capacity) {
		reader->mop_capacity = reader->mop_capacity > 0 ? reader->mop_capacity * 2 : 1024;
		if (reader->mop_capacity >= ELLE_NONE)
			return elle_fail(elle, "too many micro-operations");
		elle->mops = memory_resize(elle->mops, reader->mop_capacity, sizeof(*elle->mops));
	}
	mop = &elle->mops[elle->mop_count++];
	*mop = (struct elle_mop){
	    .key = (uint32_t)value_table_add(&reader->keys, item(value, 1)),
	    .first = elle->element_count,
	    .write = write,
	};
	return read_versions(elle, mop, item(value, 2));
}

static bool
read_mops(struct elle *elle, const struct op *op, struct elle_mops *mops)
{
	*mops = (struct elle_mops){elle->mop_count, 0};
	if (!is_sequence(op->value))
		return elle_fail(elle, "operation %lld has no transaction as its value", (long long)op->index);
	for (size_t i = 0; i < op->value->count; i++)
		if (!read_mop(elle, op, op->value->items[i]))
			return false;
	mops->count = elle->mop_count - mops->first;
	return true;
}

/* ---- transactions ------------------------------------------------------------------------ */

static struct elle_txn *
add_txn(struct elle *elle, const struct op *op, int64_t invoke, int64_t complete)
{
	struct elle_txn *txn = &elle->txns[elle->txn_count];

	*txn = (struct elle_txn){
	    .type = op->type,
	    .process = op->process,
	    .invoke = invoke >= 0 ? (uint32_t)invoke : ELLE_NONE,
	    .complete = complete >= 0 ? (uint32_t)complete : ELLE_NONE,
	};
	if (invoke >= 0)
		elle->txn_at[invoke] = elle->txn_count;
	if (complete >= 0)
		elle->txn_at[complete] = elle->txn_count;
	elle->txn_count++;
	return txn;
}

/* Completions in their order, then what was left open. */
static void
number_txns(struct elle *elle)
{
	const struct history *history = elle->history;
	const struct op *op;
	size_t i;

	elle->txns = memory_alloc((history->count + 1) * sizeof(*elle->txns));
	elle->txn_at = memory_alloc((history->count + 1) * sizeof(*elle->txn_at));
	memset(elle->txn_at, 0xff, (history->count + 1) * sizeof(*elle->txn_at));
	for (i = 0; i < history->count; i++) {
		op = &history->ops[i];
		if (op_is_client(op) && op->type != OP_INVOKE)
			add_txn(elle, op, op->pair, (int64_t)i);
	}
	elle->completed = elle->txn_count;
	for (i = 0; i < history->count; i++) {
		op = &history->ops[i];
		if (op_is_client(op) && op->type == OP_INVOKE && op->pair < 0)
			add_txn(elle, op, (int64_t)i, -1);
	}
}

bool
elle_read(struct elle *elle)
{
	const struct history *history = elle->history;
	struct elle_txn *txn;
	bool good;

	if (history->fault != NULL)
		elle_fail(elle, "%s", history->fault);
	if (history->count >= ELLE_NONE)
		elle_fail(elle, "too many operations");
	if (elle->error != NULL)
		return false;
	elle->reader = memory_zero(sizeof(*elle->reader));
	/* There is always some room, so that an empty run of elements has an address. */
	elle->reader->element_capacity = ELEMENTS_FIRST;
	elle->elements = memory_alloc(ELEMENTS_FIRST * sizeof(*elle->elements));
	number_txns(elle);
	for (size_t i = 0; i < history->count; i++) {
		if (elle->txn_at[i] == ELLE_NONE)
			continue;
		txn = &elle->txns[elle->txn_at[i]];
		good = read_mops(elle, &history->ops[i], i == txn->invoke ? &txn->asked : &txn->done);
		if (!good)
			return false;
	}
	elle->keys = elle->reader->keys.values;
	elle->key_count = (uint32_t)elle->reader->keys.count;
	return true;
}

void
elle_read_free(struct elle *elle)
{
	if (elle->reader != NULL) {
		value_table_free(&elle->reader->keys);
		free(elle->reader->slots);
		free(elle->reader);
	}
	free(elle->txns);
	free(elle->txn_at);
	free(elle->mops);
	free(elle->elements);
	free(elle->version_keys);
	free(elle->version_values);
}
