/* What all nodes for transactions do alike: reading a request, performing it on a map, making the reply. */
#include "txn.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "canonical.h"
#include "memory.h"

static const char *const names[] = {[TXN_READ] = "r", [TXN_APPEND] = "append", [TXN_WRITE] = "w"};

/* ---- requests --------------------------------------------------------------- */

static bool
is_named(const json_t *f, enum txn_f which)
{
	return json_is_string(f) && json_string_length(f) == strlen(names[which]) &&
	       strcmp(json_string_value(f), names[which]) == 0;
}

static bool
is_well_formed(const json_t *op, enum txn_f writes)
{
	const json_t *f = json_array_get(op, 0);

	if (json_array_size(op) != 3)
		return false;
	return is_named(f, writes) || (is_named(f, TXN_READ) && json_is_null(json_array_get(op, 2)));
}

bool
txn_is_valid(const json_t *txn, enum txn_f writes)
{
	assert(writes != TXN_READ);
	if (!json_is_array(txn) || json_array_size(txn) > TXN_OPS_MAX)
		return false;
	for (size_t i = 0; i < json_array_size(txn); i++)
		if (!is_well_formed(json_array_get(txn, i), writes))
			return false;
	return true;
}

json_t *
txn_unpack(struct node *n, const struct message *m, enum txn_f writes)
{
	json_t *txn;

	if (!node_unpack(n, m, "{s:o}", "txn", &txn))
		return NULL;
	if (txn_is_valid(txn, writes))
		return txn;
	node_error(n, m, ERROR_MALFORMED_REQUEST,
	    "txn is not an array of at most %d operations [\"r\", key, null] or [\"%s\", key, value]", TXN_OPS_MAX,
	    names[writes]);
	return NULL;
}

/* ---- operations -------------------------------------------------------------- */

struct txn_op
txn_op(const json_t *txn, size_t i)
{
	const json_t *op = json_array_get(txn, i), *f = json_array_get(op, 0);
	enum txn_f which = is_named(f, TXN_READ) ? TXN_READ : is_named(f, TXN_APPEND) ? TXN_APPEND : TXN_WRITE;

	return (struct txn_op){which, json_array_get(op, 1), json_array_get(op, 2)};
}

bool
txn_reads_only(const json_t *txn)
{
	for (size_t i = 0; i < json_array_size(txn); i++)
		if (txn_op(txn, i).f != TXN_READ)
			return false;
	return true;
}

char *
txn_key(const json_t *key)
{
	return canonical_text(key);
}

/* ---- performing ---------------------------------------------------------------- */

json_t *
txn_read(json_t *key, json_t *value)
{
	return memory_made(json_pack("[s, O, O]", names[TXN_READ], key, value != NULL ? value : json_null()));
}

static void
put(json_t *values, const char *key, json_t *value)
{
	if (json_object_set_new(values, key, value) == -1)
		memory_exhausted();
}

static json_t *
appended(json_t *list, json_t *element)
{
	json_t *longer = memory_made(list != NULL ? json_copy(list) : json_array());

	if (json_array_append(longer, element) == -1)
		memory_exhausted();
	return longer;
}

static void
run_op(json_t *values, const struct txn_op *op, json_t *unchanged, json_t *completed)
{
	char *key = txn_key(op->key);
	json_t *value = json_object_get(values, key), *result;

	result = op->f == TXN_READ ? txn_read(op->key, value) : json_incref(unchanged);
	if (op->f == TXN_APPEND)
		put(values, key, appended(value, op->value));
	else if (op->f == TXN_WRITE)
		put(values, key, json_incref(op->value));
	if (json_array_append_new(completed, result) == -1)
		memory_exhausted();
	free(key);
}

json_t *
txn_run(json_t *values, const json_t *txn)
{
	json_t *completed = memory_made(json_array());

	for (size_t i = 0; i < json_array_size(txn); i++) {
		struct txn_op op = txn_op(txn, i);

		run_op(values, &op, json_array_get(txn, i), completed);
	}
	return completed;
}

json_t *
txn_ok(json_t *txn)
{
	return memory_made(json_pack("{s:s, s:o}", "type", "txn_ok", "txn", txn));
}
