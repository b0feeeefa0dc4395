/*
 * Registers, one for each key, with reads, writes and compare-and-sets: each
 * key's operations must be linearizable (jepsen.tests.linearizable-register,
 * jepsen.independent/checker, knossos' cas-register). Values are [key value]
 * pairs, a compare-and-set's [key [from to]]. As in knossos a read of nil is a
 * read of nobody knows what, and the register holds nil in the beginning.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "memory.h"
#include "register.h"
#include "register_report.h"
#include "value_table.h"

/* Work for all keys together, in configurations; and what each key may use before any gets more. */
#define WORK_MAX   ((uint64_t)100000000)
#define WORK_FIRST ((uint64_t)100000)

struct key {
	const struct value *key;
	struct register_op *ops;
	size_t count, capacity;
	struct value_table values;
	const char *error; /* NULL, or why its operations cannot be judged */
	const struct value *result, *explanation;
	enum verdict verdict;
};

struct keys {
	struct arena *arena;
	const struct history *history;
	struct value_table table;
	struct key *keys; /* by number in the table */
	size_t capacity;
	const char *error; /* of the whole history */
	uint64_t work;     /* used */
};

/* ---- one history a key ------------------------------------------------------------- */

static bool
is_pair(const struct value *value)
{
	return (value->type == VALUE_VECTOR || value->type == VALUE_LIST) && value->count == 2;
}

static struct key *
find_key(struct keys *keys, const struct value *name)
{
	size_t known = keys->table.count, number = value_table_add(&keys->table, name);

	if (number == keys->capacity) {
		keys->capacity = keys->capacity > 0 ? keys->capacity * 2 : 16;
		keys->keys = memory_resize(keys->keys, keys->capacity, sizeof(*keys->keys));
	}
	if (number == known) {
		keys->keys[number] = (struct key){.key = name};
		value_table_add(&keys->keys[number].values, &value_nil); /* REGISTER_INITIAL */
	}
	return &keys->keys[number];
}

static uint32_t
number_of(struct key *key, const struct value *value)
{
	return (uint32_t)value_table_add(&key->values, value);
}

/* What an operation does to the register; false if it is none of a register's. */
static bool
translate(struct key *key, const char *f, const struct value *value, struct register_op *op)
{
	if (strcmp(f, "read") == 0)
		op->from = op->to = value->type == VALUE_NIL ? REGISTER_ANY : number_of(key, value);
	else if (strcmp(f, "write") == 0)
		*op = (struct register_op){.from = REGISTER_ANY, .to = number_of(key, value)};
	else if (strcmp(f, "cas") == 0 && is_pair(value))
		*op = (struct register_op){
		    .from = number_of(key, value->items[0]), .to = number_of(key, value->items[1])};
	else
		return false;
	return true;
}

static void
add_op(struct keys *keys, size_t at)
{
	const struct op *invocation = &keys->history->ops[at], *source = invocation, *end = NULL;
	struct key *key = find_key(keys, invocation->value->items[0]);
	struct register_op op = {0};

	if (invocation->pair >= 0)
		end = &keys->history->ops[invocation->pair];
	if (end != NULL && end->type == OP_FAIL)
		return;
	if (end != NULL && end->type == OP_OK)
		source = end;
	if (!translate(key, source->f, source->value->items[1], &op)) {
		key->error = arena_printf(
		    keys->arena, "operation %lld (:%s) is none of a register's", (long long)source->index, source->f);
		return;
	}
	op.invoked = at;
	op.completed = source == end ? (size_t)invocation->pair : REGISTER_NEVER;
	if (key->count == key->capacity) {
		key->capacity = key->capacity > 0 ? key->capacity * 2 : 64;
		key->ops = memory_resize(key->ops, key->capacity, sizeof(*key->ops));
	}
	key->ops[key->count++] = op;
}

/* Whether an invocation and its completion are of one key. */
static bool
is_sound(struct keys *keys, const struct op *op)
{
	const struct history *history = keys->history;
	const struct op *other = op->pair >= 0 ? &history->ops[op->pair] : NULL;

	if (is_pair(op->value) &&
	    (other == NULL || (is_pair(other->value) && value_equal(op->value->items[0], other->value->items[0]))))
		return true;
	keys->error = arena_printf(
	    keys->arena, "operation %lld: its value is not a pair of a key and a value", (long long)op->index);
	return false;
}

static bool
split(struct keys *keys)
{
	const struct history *history = keys->history;

	keys->error = history->fault;
	for (size_t i = 0; i < history->count && keys->error == NULL; i++) {
		const struct op *op = &history->ops[i];

		if (!op_is_client(op) || !is_sound(keys, op))
			continue;
		if (op->type == OP_INVOKE)
			add_op(keys, i);
		else
			find_key(keys, op->value->items[0]);
	}
	return keys->error == NULL;
}

/* ---- results --------------------------------------------------------------------------- */

static void
judge(struct keys *keys, struct key *key, uint64_t work_max)
{
	struct register_search search;
	struct register_report r = {keys->arena, keys->history, key->values.values, &search};

	if (key->error != NULL) {
		key->verdict = VERDICT_UNKNOWN;
		key->result = check_failed(keys->arena, "%s", key->error);
		return;
	}
	key->verdict = register_search(&search, key->ops, key->count, work_max);
	keys->work += register_search_work(&search);
	if (key->verdict == VERDICT_VALID)
		search.at = REGISTER_NEVER;
	key->result = register_report(&r, key->verdict);
	if (key->verdict == VERDICT_INVALID)
		key->explanation = register_explain(&r, key->key);
	register_search_free(&search);
}

/* The easy ones first, so that none goes without because of a hard one. */
static void
judge_all(struct keys *keys)
{
	for (size_t i = 0; i < keys->table.count; i++)
		judge(keys, &keys->keys[i], WORK_FIRST);
	for (size_t i = 0; i < keys->table.count; i++) {
		struct key *key = &keys->keys[i];

		if (key->verdict == VERDICT_UNKNOWN && key->error == NULL && keys->work < WORK_MAX)
			judge(keys, key, WORK_MAX - keys->work);
	}
}

struct sorted {
	const struct key *key;
	bool *comparable; /* for all */
};

static int
by_name(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;

	return value_compare(x->key->key, y->key->key, x->comparable);
}

static const struct value *
compose(struct keys *keys, const struct sorted *sorted, size_t count)
{
	struct arena *arena = keys->arena;
	struct value *results = value_collection(arena, VALUE_MAP), *failures = value_collection(arena, VALUE_VECTOR);
	struct value *result = value_collection(arena, VALUE_MAP), *lines = value_collection(arena, VALUE_VECTOR), *one;
	enum verdict worst = VERDICT_VALID;

	for (size_t i = 0; i < count; i++) {
		const struct key *key = sorted[i].key;

		one = value_collection(arena, VALUE_MAP);
		value_put_keyword(arena, one, "linearizable", key->result);
		value_put_keyword(arena, one, "valid?", verdict_value(key->verdict));
		value_put(arena, results, key->key, one);
		if (key->verdict == VERDICT_INVALID) {
			value_push(arena, failures, key->key);
			for (size_t k = 0; k < key->explanation->count; k++)
				value_push(arena, lines, key->explanation->items[k]);
		}
		worst = verdict_worse(worst, key->verdict);
	}
	value_put_keyword(arena, result, "valid?", verdict_value(worst));
	value_put_keyword(arena, result, "results", results);
	value_put_keyword(arena, result, "failures", failures);
	value_put_keyword(arena, result, "eddy/explanation", lines);
	return result;
}

static const struct value *
check_keys(struct keys *keys)
{
	size_t count = keys->table.count;
	struct sorted *sorted = memory_alloc(count * sizeof(*sorted) + 1);
	const struct value *result;
	bool comparable = true;

	for (size_t i = 0; i < count; i++)
		sorted[i] = (struct sorted){&keys->keys[i], &comparable};
	if (count > 1)
		qsort(sorted, count, sizeof(*sorted), by_name);
	if (comparable) {
		judge_all(keys);
		result = compose(keys, sorted, count);
	} else {
		result = check_failed(keys->arena, "the keys cannot be compared: they are not of one kind");
	}
	free(sorted);
	return result;
}

const struct value *
check_linearizable(struct arena *arena, const struct history *history, const struct check_options *options)
{
	struct keys keys = {.arena = arena, .history = history};
	const struct value *result;

	(void)options;
	result = split(&keys) ? check_keys(&keys) : check_failed(arena, "%s", keys.error);
	for (size_t i = 0; i < keys.table.count; i++) {
		free(keys.keys[i].ops);
		value_table_free(&keys.keys[i].values);
	}
	value_table_free(&keys.table);
	free(keys.keys);
	return result;
}
