/* Knossos' forms for it, and lines for people. */
#include "register_report.h"

#include <string.h>

#define CONFIGS_SHOWN 10 /* as in jepsen.checker/linearizable */
#define PATHS_SHOWN   10
#define PATH_MAX_OPS  100

/* In lines for people. */
#define STATES_SHOWN 10
#define BEFORE_SHOWN 5  /* operations that had completed */
#define OPEN_SHOWN   20 /* operations in flight */

/* ---- operations and states, as knossos shows them ------------------------------------ */

/* An operation without its key; one that has completed so if `completed`. */
static const struct value *
show_op(const struct register_report *r, size_t number, bool completed)
{
	const struct register_op *op = &r->search->ops[number];
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
has_completed(const struct register_report *r, size_t number)
{
	const struct register_op *op = &r->search->ops[number];

	return op->completed != REGISTER_NEVER &&
	       (r->search->at == REGISTER_NEVER || op->completed <= r->search->ops[r->search->at].completed);
}

static const struct value *
show_model(const struct register_report *r, uint32_t state)
{
	struct value *map = value_collection(r->arena, VALUE_MAP);

	value_put_keyword(r->arena, map, "value", r->values[state]);
	return value_tagged(r->arena, "knossos.model.CASRegister", map);
}

static const struct value *
show_last(const struct register_report *r, size_t config)
{
	size_t number = register_last(r->search, config);

	return number != REGISTER_NEVER ? show_op(r, number, has_completed(r, number)) : &value_nil;
}

static const struct value *
show_pending(const struct register_report *r, size_t config)
{
	struct value *list = value_collection(r->arena, VALUE_VECTOR);

	for (size_t i = 0; i < r->search->count; i++)
		if (register_is_open(r->search, config, i))
			value_push(r->arena, list, show_op(r, i, false));
	return list;
}

static const struct value *
show_configs(const struct register_report *r)
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
	const struct register_report *report;
	struct value *paths; /* found so far */
	size_t config;
	size_t ops[PATH_MAX_OPS];      /* taken, in order */
	uint32_t states[PATH_MAX_OPS]; /* after each */
	size_t length;
};

static const struct value *
show_misfit(const struct register_report *r, uint32_t state)
{
	const struct register_op *op = &r->search->ops[r->search->at];
	const struct value *const *values = r->values;
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
push_transition(const struct register_report *r, struct value *path, const struct value *op, const struct value *model)
{
	struct value *map = value_collection(r->arena, VALUE_MAP);

	value_put_keyword(r->arena, map, "op", op);
	value_put_keyword(r->arena, map, "model", model);
	value_push(r->arena, path, map);
}

static void
show_path(struct path *p)
{
	const struct register_report *r = p->report;
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
	const struct register_report *r = p->report;

	if (p->length == length)
		show_path(p);
	for (size_t i = 0; p->length < length && i < r->search->count && p->paths->count < PATHS_SHOWN; i++) {
		const struct register_op *op = &r->search->ops[i];

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
show_paths(const struct register_report *r)
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
show_previous(const struct register_report *r)
{
	size_t completed = r->search->ops[r->search->at].completed, found = REGISTER_NEVER;

	for (size_t i = 0; i < r->search->count; i++) {
		size_t other = r->search->ops[i].completed;

		if (other < completed && (found == REGISTER_NEVER || other > r->search->ops[found].completed))
			found = i;
	}
	return found != REGISTER_NEVER ? show_op(r, found, true) : &value_nil;
}

/* What took effect last, in whichever configuration that was latest. */
static const struct value *
show_latest(const struct register_report *r)
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

const struct value *
register_report(const struct register_report *r, enum verdict verdict)
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

/* ---- for people --------------------------------------------------------------------------- */

static void say(const struct register_report *, struct value *lines, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void
say(const struct register_report *r, struct value *lines, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	value_push(r->arena, lines, value_string(r->arena, arena_vprintf(r->arena, fmt, ap)));
	va_end(ap);
}

/* "12-15  process 3 cas [1 2]": from invocation to completion, by their indices. */
static void
say_op(const struct register_report *r, struct value *lines, size_t number, const char *remark)
{
	const struct register_op *op = &r->search->ops[number];
	const struct value *shown = show_op(r, number, true);
	struct buffer value = {0}, end = {0};

	edn_write(&value, value_get(shown, "value"));
	if (op->completed != REGISTER_NEVER)
		buffer_printf(&end, "%lld", (long long)r->history->ops[op->completed].index);
	say(r, lines, "  %6lld-%-6s process %lld %s %s%s", (long long)r->history->ops[op->invoked].index,
	    buffer_string(&end), (long long)value_get(shown, "process")->integer, value_get(shown, "f")->text,
	    buffer_string(&value), remark);
	buffer_free(&value);
	buffer_free(&end);
}

static void
say_states(const struct register_report *r, struct value *lines)
{
	struct buffer text = {0};
	size_t shown = 0;

	for (size_t i = 0; i < r->search->now.count && shown < STATES_SHOWN; i++) {
		uint32_t state = register_state(r->search, i);
		bool known = false;

		for (size_t k = 0; k < i && !known; k++)
			known = register_state(r->search, k) == state;
		if (known)
			continue;
		buffer_append_string(&text, shown++ > 0 ? ", " : "");
		edn_write(&text, r->values[state]);
	}
	say(r, lines, "  by then the register held %s", buffer_string(&text));
	buffer_free(&text);
}

/* In some configuration it may not have taken effect yet, or its time was not over. */
static bool
is_in_flight(const struct register_report *r, size_t number)
{
	const struct register_op *op = &r->search->ops[number], *fault = &r->search->ops[r->search->at];

	if (op->completed != REGISTER_NEVER)
		return op->invoked < fault->completed && op->completed > fault->completed;
	for (size_t i = 0; i < r->search->now.count; i++)
		if (register_is_open(r->search, i, number))
			return true;
	return false;
}

/* The last operations that had completed, in the order of their invocations. */
static void
say_before(const struct register_report *r, struct value *lines)
{
	const struct register_op *fault = &r->search->ops[r->search->at];
	size_t found[BEFORE_SHOWN], count = 0;

	for (size_t i = r->search->count; i-- > 0 && count < BEFORE_SHOWN;)
		if (r->search->ops[i].completed < fault->completed)
			found[count++] = i;
	while (count-- > 0)
		say_op(r, lines, found[count], "");
}

const struct value *
register_explain(const struct register_report *r, const struct value *key)
{
	struct value *lines = value_collection(r->arena, VALUE_VECTOR);
	struct buffer name = {0};
	size_t shown = 0;

	edn_write(&name, key);
	say(r, lines, "key %s: nothing explains what operation %lld returned", buffer_string(&name),
	    (long long)r->history->ops[r->search->ops[r->search->at].completed].index);
	buffer_free(&name);
	say_before(r, lines);
	for (size_t i = 0; i < r->search->count && shown < OPEN_SHOWN; i++)
		if (i != r->search->at && is_in_flight(r, i) && ++shown)
			say_op(r, lines, i, "  (in flight)");
	say_states(r, lines);
	say_op(r, lines, r->search->at, "  (does not fit)");
	return lines;
}
