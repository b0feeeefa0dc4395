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
#include "value_table.h"

/* Work for all keys together, in configurations; and what each key may use before any gets more. */
#define WORK_MAX   ((uint64_t)100000000)
#define WORK_FIRST ((uint64_t)100000)

#define CONFIGS_SHOWN 10 /* as in jepsen.checker/linearizable */
#define PATHS_SHOWN   10
#define PATH_MAX_OPS  100

struct key {
	const struct value *key;
	struct register_op *ops;
	size_t count, capacity;
	struct value_table values;
	const char *error; /* NULL, or why its operations cannot be judged */
	const struct value *result;
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
	    (other == NULL || !is_pair(other->value) || value_equal(op->value->items[0], other->value->items[0])))
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

/* ---- operations and states, as knossos shows them ------------------------------------ */

struct report {
	struct arena *arena;
	const struct history *history;
	const struct key *key;
	const struct register_search *search;
};

/* An operation without its key; one that has completed so if `completed`. */
static const struct value *
show_op(const struct report *r, size_t number, bool completed)
{
	const struct register_op *op = &r->key->ops[number];
	const struct op *invocation = &r->history->ops[op->invoked], *shown = invocation;
	const struct value *value = invocation->value->items[1];
	struct value *map = value_collection(r->arena, VALUE_MAP);

	if (op->completed != REGISTER_NEVER) {
		value = r->history->ops[op->completed].value->items[1];
		shown = completed ? &r->history->ops[op->completed] : invocation;
	}
	value_put_keyword(r->arena, map, "process", value_int(r->arena, shown->process));
	value_put_keyword(r->arena, map, "type", value_keyword(r->arena, op_type_name(shown->type)));
	value_put_keyword(r->arena, map, "f", value_keyword(r->arena, shown->f));
	value_put_keyword(r->arena, map, "value", value);
	value_put_keyword(r->arena, map, "index", value_int(r->arena, shown->index));
	value_put_keyword(r->arena, map, "time", value_int(r->arena, shown->time));
	return map;
}

static bool
has_completed(const struct report *r, size_t number)
{
	const struct register_op *op = &r->key->ops[number];

	return op->completed != REGISTER_NEVER &&
	       (r->search->at == REGISTER_NEVER || op->completed <= r->key->ops[r->search->at].completed);
}

static const struct value *
show_model(const struct report *r, uint32_t state)
{
	struct value *map = value_collection(r->arena, VALUE_MAP);

	value_put_keyword(r->arena, map, "value", r->key->values.values[state]);
	return value_tagged(r->arena, "knossos.model.CASRegister", map);
}

static const struct value *
show_last(const struct report *r, size_t config)
{
	size_t number = register_last(r->search, config);

	return number != REGISTER_NEVER ? show_op(r, number, has_completed(r, number)) : &value_nil;
}

static const struct value *
show_pending(const struct report *r, size_t config)
{
	struct value *list = value_collection(r->arena, VALUE_VECTOR);

	for (size_t i = 0; i < r->key->count; i++)
		if (register_is_open(r->search, config, i))
			value_push(r->arena, list, show_op(r, i, false));
	return list;
}

static const struct value *
show_configs(const struct report *r)
{
	struct value *list = value_collection(r->arena, VALUE_LIST);

	for (size_t i = 0; i < r->search->now.count && i < CONFIGS_SHOWN; i++) {
		struct value *map = value_collection(r->arena, VALUE_MAP);

		value_put_keyword(r->arena, map, "model", show_model(r, register_state(r->search, i)));
		value_put_keyword(r->arena, map, "last-op", show_last(r, i));
		value_put_keyword(r->arena, map, "pending", show_pending(r, i));
		value_push(r->arena, list, map);
	}
	return list;
}

/* ---- why it cannot be ------------------------------------------------------------------ */

/* A way from a configuration to where the operation that completes does not fit. */
struct path {
	const struct report *report;
	struct value *paths; /* found so far */
	size_t config;
	size_t ops[PATH_MAX_OPS];      /* taken, in order */
	uint32_t states[PATH_MAX_OPS]; /* after each */
	size_t length;
};

static const struct value *
show_misfit(const struct report *r, uint32_t state)
{
	const struct register_op *op = &r->key->ops[r->search->at];
	const struct value *const *values = r->key->values.values;
	bool reads = strcmp(r->history->ops[op->invoked].f, "read") == 0;
	struct value *map = value_collection(r->arena, VALUE_MAP);
	struct buffer text = {0};

	buffer_append_string(&text, reads ? "can't read " : "can't CAS ");
	edn_write(&text, values[reads ? op->from : state]);
	buffer_append_string(&text, reads ? " from register " : " from ");
	edn_write(&text, values[reads ? state : op->from]);
	if (!reads) {
		buffer_append_string(&text, " to ");
		edn_write(&text, values[op->to]);
	}
	value_put_keyword(r->arena, map, "msg", value_string_n(r->arena, text.bytes, text.length));
	buffer_free(&text);
	return value_tagged(r->arena, "knossos.model.Inconsistent", map);
}

static void
push_transition(const struct report *r, struct value *path, const struct value *op, const struct value *model)
{
	struct value *map = value_collection(r->arena, VALUE_MAP);

	value_put_keyword(r->arena, map, "op", op);
	value_put_keyword(r->arena, map, "model", model);
	value_push(r->arena, path, map);
}

static void
show_path(struct path *p)
{
	const struct report *r = p->report;
	struct value *path = value_collection(r->arena, VALUE_VECTOR);
	uint32_t state = register_state(r->search, p->config);

	if (register_last(r->search, p->config) != REGISTER_NEVER)
		push_transition(r, path, show_last(r, p->config), show_model(r, state));
	for (size_t i = 0; i < p->length; i++) {
		state = p->states[i];
		push_transition(r, path, show_op(r, p->ops[i], has_completed(r, p->ops[i])), show_model(r, state));
	}
	push_transition(r, path, show_op(r, r->search->at, true), show_misfit(r, state));
	value_push(r->arena, p->paths, path);
}

static bool
is_taken(const struct path *p, size_t op)
{
	for (size_t i = 0; i < p->length; i++)
		if (p->ops[i] == op)
			return true;
	return false;
}

/* Of this length; every path is a reason of its own, and they are told in order of length. */
static void
find_paths(struct path *p, uint32_t state, size_t length)
{
	const struct report *r = p->report;

	if (p->length == length)
		show_path(p);
	for (size_t i = 0; p->length < length && i < r->key->count && p->paths->count < PATHS_SHOWN; i++) {
		const struct register_op *op = &r->key->ops[i];

		if (i == r->search->at || !register_is_open(r->search, p->config, i) || is_taken(p, i) ||
		    !register_op_fits(op, state))
			continue;
		p->ops[p->length] = i;
		p->states[p->length] = register_op_apply(op, state);
		p->length++;
		find_paths(p, p->states[p->length - 1], length);
		p->length--;
	}
}

static const struct value *
show_paths(const struct report *r)
{
	struct path p = {.report = r, .paths = value_collection(r->arena, VALUE_LIST)};
	size_t before;

	for (size_t length = 0; length <= PATH_MAX_OPS && p.paths->count < PATHS_SHOWN; length++) {
		before = p.paths->count;
		for (p.config = 0; p.config < r->search->now.count && p.paths->count < PATHS_SHOWN; p.config++)
			find_paths(&p, register_state(r->search, p.config), length);
		if (p.paths->count == before)
			break;
	}
	return p.paths;
}

/* The completion of this key before the one that is at fault. */
static const struct value *
show_previous(const struct report *r)
{
	size_t completed = r->key->ops[r->search->at].completed, found = REGISTER_NEVER;

	for (size_t i = 0; i < r->key->count; i++) {
		size_t other = r->key->ops[i].completed;

		if (other < completed && (found == REGISTER_NEVER || other > r->key->ops[found].completed))
			found = i;
	}
	return found != REGISTER_NEVER ? show_op(r, found, true) : &value_nil;
}

/* What took effect last, in whichever configuration that was latest. */
static const struct value *
show_latest(const struct report *r)
{
	const struct value *latest = &value_nil;

	for (size_t i = 0; i < r->search->now.count; i++) {
		const struct value *shown = show_last(r, i);

		if (latest->type == VALUE_NIL || (shown->type == VALUE_MAP && value_get(shown, "index")->integer >
										  value_get(latest, "index")->integer))
			latest = shown;
	}
	return latest;
}

/* ---- results --------------------------------------------------------------------------- */

static const struct value *
report(const struct report *r, enum verdict verdict)
{
	struct value *map = value_collection(r->arena, VALUE_MAP);

	value_put_keyword(r->arena, map, "valid?", verdict_value(verdict));
	if (verdict == VERDICT_UNKNOWN)
		value_put_keyword(r->arena, map, "cause", value_keyword(r->arena, "out-of-work"));
	value_put_keyword(r->arena, map, "configs", show_configs(r));
	value_put_keyword(r->arena, map, "final-paths",
	    verdict == VERDICT_INVALID ? show_paths(r) : value_collection(r->arena, VALUE_LIST));
	if (verdict == VERDICT_VALID)
		return map;
	value_put_keyword(r->arena, map, "previous-ok", show_previous(r));
	value_put_keyword(r->arena, map, "last-op", show_latest(r));
	value_put_keyword(r->arena, map, "op", show_op(r, r->search->at, true));
	return map;
}

static void
judge(struct keys *keys, struct key *key, uint64_t work_max)
{
	struct register_search search;
	struct report r = {keys->arena, keys->history, key, &search};

	if (key->error != NULL) {
		key->verdict = VERDICT_UNKNOWN;
		key->result = check_failed(keys->arena, "%s", key->error);
		return;
	}
	key->verdict = register_search(&search, key->ops, key->count, work_max);
	keys->work += register_search_work(&search);
	if (key->verdict == VERDICT_VALID)
		search.at = REGISTER_NEVER;
	key->result = report(&r, key->verdict);
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
	struct value *result = value_collection(arena, VALUE_MAP), *one;
	enum verdict worst = VERDICT_VALID;

	for (size_t i = 0; i < count; i++) {
		const struct key *key = sorted[i].key;

		one = value_collection(arena, VALUE_MAP);
		value_put_keyword(arena, one, "linearizable", key->result);
		value_put_keyword(arena, one, "valid?", verdict_value(key->verdict));
		value_put(arena, results, key->key, one);
		if (key->verdict == VERDICT_INVALID)
			value_push(arena, failures, key->key);
		worst = verdict_worse(worst, key->verdict);
	}
	value_put_keyword(arena, result, "valid?", verdict_value(worst));
	value_put_keyword(arena, result, "results", results);
	value_put_keyword(arena, result, "failures", failures);
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
