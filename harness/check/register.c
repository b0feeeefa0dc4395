/* The search: for each event, what it does to every configuration. */
#include "register.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

/* Crashed operations that do the same. */
struct register_kind {
	uint32_t from, to;
	uint32_t invoked; /* so far */
	size_t first;     /* of them in `crashed` */
};

struct register_event {
	size_t position; /* in the history */
	size_t op;
	bool completes;
};

#define LAST_NONE UINT32_MAX

/* ---- operations ------------------------------------------------------------------ */

bool
register_op_fits(const struct register_op *op, uint32_t state)
{
	return op->from == REGISTER_ANY || op->from == state;
}

uint32_t
register_op_apply(const struct register_op *op, uint32_t state)
{
	return op->to == REGISTER_ANY ? state : op->to;
}

/* Whether it leaves every state that it fits as it was. */
static bool
is_pure(const struct register_op *op)
{
	return op->to == REGISTER_ANY || op->from == op->to;
}

static bool
is_crashed(const struct register_op *op)
{
	return op->completed == REGISTER_NEVER;
}

/* ---- preparation ------------------------------------------------------------------- */

static int
by_position(const void *a, const void *b)
{
	const struct register_event *x = a, *y = b;

	return (x->position > y->position) - (x->position < y->position);
}

static void
list_events(struct register_search *s)
{
	s->events = memory_alloc(2 * s->count * sizeof(*s->events) + 1);
	for (size_t i = 0; i < s->count; i++) {
		const struct register_op *op = &s->ops[i];

		if (op->idle)
			continue;
		s->events[s->event_count++] = (struct register_event){op->invoked, i, false};
		if (!is_crashed(op))
			s->events[s->event_count++] = (struct register_event){op->completed, i, true};
	}
	qsort(s->events, s->event_count, sizeof(*s->events), by_position);
}

/* By the value that is set; REGISTER_ANY is the highest `from`, so a write comes behind the compare-and-sets. */
static int
by_value(const void *a, const void *b)
{
	const struct register_kind *x = a, *y = b;

	if (x->to != y->to)
		return x->to < y->to ? -1 : 1;
	return (x->from > y->from) - (x->from < y->from);
}

/* All kinds that there are, each once, in order. */
static void
list_kinds(struct register_search *s)
{
	size_t count = 0;

	s->kinds = memory_zero(s->count * sizeof(*s->kinds) + 1);
	for (size_t i = 0; i < s->count; i++) {
		s->ops[i].idle = is_crashed(&s->ops[i]) && is_pure(&s->ops[i]);
		if (is_crashed(&s->ops[i]) && !s->ops[i].idle)
			s->kinds[count++] = (struct register_kind){.from = s->ops[i].from, .to = s->ops[i].to};
	}
	qsort(s->kinds, count, sizeof(*s->kinds), by_value);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || by_value(&s->kinds[s->kind_count - 1], &s->kinds[i]) != 0)
			s->kinds[s->kind_count++] = s->kinds[i];
	s->kind_list = memory_zero(s->kind_count * sizeof(*s->kind_list) + 1);
	for (size_t i = 0; i < s->kind_count; i++) {
		bool is_last = i + 1 == s->kind_count || s->kinds[i + 1].to != s->kinds[i].to;

		s->kind_list[i] = s->kinds[i].from == REGISTER_ANY ? CONFIG_WRITE
				  : is_last                        ? CONFIG_CAS_LAST
								   : CONFIG_CAS;
	}
}

static size_t
find_kind(const struct register_search *s, const struct register_op *op)
{
	const struct register_kind wanted = {.from = op->from, .to = op->to};
	const struct register_kind *found = bsearch(&wanted, s->kinds, s->kind_count, sizeof(*s->kinds), by_value);

	assert(found != NULL);
	return (size_t)(found - s->kinds);
}

/* Kind by kind. From here on `invoked` counts anew. */
static void
list_crashed(struct register_search *s)
{
	size_t total = 0;

	for (size_t i = 0; i < s->kind_count; i++) {
		s->kinds[i].first = total;
		total += s->kinds[i].invoked;
		s->kinds[i].invoked = 0;
	}
	s->crashed = memory_alloc(total * sizeof(*s->crashed) + 1);
	for (size_t i = 0; i < s->count; i++)
		if (is_crashed(&s->ops[i]) && !s->ops[i].idle)
			s->crashed[s->kinds[s->ops[i].kind].first + s->ops[i].rank] = i;
}

static void
sort_into_kinds(struct register_search *s)
{
	list_kinds(s);
	for (size_t i = 0; i < s->count; i++) {
		struct register_op *op = &s->ops[i];

		if (!is_crashed(op) || op->idle)
			continue;
		op->kind = find_kind(s, op);
		op->rank = s->kinds[op->kind].invoked++;
	}
	list_crashed(s);
}

/* Each operation that completes gets the lowest slot that is free while it is open. */
static void
deal_slots(struct register_search *s)
{
	for (size_t i = 0; i < s->event_count; i++) {
		struct register_op *op = &s->ops[s->events[i].op];
		size_t slot = 0;

		if (is_crashed(op))
			continue;
		if (s->events[i].completes) {
			s->open[op->slot] = REGISTER_NEVER;
			continue;
		}
		while (slot < s->slot_count && s->open[slot] != REGISTER_NEVER)
			slot++;
		if (slot == s->slot_count)
			s->open = memory_resize(s->open, ++s->slot_count, sizeof(*s->open));
		s->open[slot] = s->events[i].op;
		op->slot = slot;
	}
}

static void
begin(struct register_search *s)
{
	size_t words;

	sort_into_kinds(s);
	list_events(s);
	deal_slots(s);
	words = s->slot_count / 32 + 1;
	configs_init(&s->now, words, s->kind_count, s->kind_list);
	configs_init(&s->seen, words, s->kind_count, s->kind_list);
	configs_init(&s->then, words, s->kind_count, s->kind_list);
	s->scratch = memory_zero(configs_width(&s->now) * sizeof(*s->scratch));
	s->scratch[0] = REGISTER_INITIAL;
	s->scratch[configs_width(&s->now) - 1] = LAST_NONE;
	configs_add(&s->now, s->scratch);
}

/* ---- a step ------------------------------------------------------------------------- */

static uint32_t *
spent(const struct register_search *s, uint32_t *row)
{
	return row + 1 + s->now.done_words;
}

static uint32_t *
last(const struct register_search *s, uint32_t *row)
{
	return row + configs_width(&s->now) - 1;
}

/* Every open operation that leaves the state as it is takes effect. */
static void
absorb(const struct register_search *s, uint32_t *row)
{
	for (size_t slot = 0; slot < s->slot_count; slot++) {
		const struct register_op *op;

		if (s->open[slot] == REGISTER_NEVER)
			continue;
		op = &s->ops[s->open[slot]];
		if (is_pure(op) && register_op_fits(op, row[0]))
			config_set_done(row, slot);
	}
}

static void
invoke(struct register_search *s, size_t i)
{
	struct register_op *op = &s->ops[i];

	if (is_crashed(op)) {
		s->kinds[op->kind].invoked++;
		return;
	}
	s->open[op->slot] = i;
	if (!is_pure(op))
		return;
	for (size_t k = 0; k < s->now.count; k++)
		if (register_op_fits(op, configs_row(&s->now, k)[0]))
			config_set_done(configs_row(&s->now, k), op->slot);
}

/* A configuration in which operation i is done, as it is after i completed. */
static void
add_completed(struct register_search *s, size_t i, uint32_t *row)
{
	const struct register_op *op = &s->ops[i];

	config_clear_done(row, op->slot);
	if (is_pure(op) && register_op_fits(op, row[0]))
		*last(s, row) = (uint32_t)i;
	configs_add(&s->then, row);
}

/* The configuration in `scratch`, after the operation that has just been marked in it as done. */
static void
add_scratch(struct register_search *s, const struct register_op *op, size_t number, size_t completing)
{
	uint32_t *row = s->scratch;

	row[0] = register_op_apply(op, row[0]);
	*last(s, row) = (uint32_t)number;
	absorb(s, row);
	if (config_is_done(row, s->ops[completing].slot))
		add_completed(s, completing, row);
	else
		configs_add(&s->seen, row);
}

static void
copy_seen(struct register_search *s, size_t k)
{
	memcpy(s->scratch, configs_row(&s->seen, k), configs_width(&s->seen) * sizeof(*s->scratch));
}

static void
expand_open(struct register_search *s, size_t k, size_t completing)
{
	for (size_t slot = 0; slot < s->slot_count; slot++) {
		const uint32_t *row = configs_row(&s->seen, k);
		size_t i = s->open[slot];

		if (i == REGISTER_NEVER || config_is_done(row, slot) || !register_op_fits(&s->ops[i], row[0]))
			continue;
		copy_seen(s, k);
		config_set_done(s->scratch, slot);
		add_scratch(s, &s->ops[i], i, completing);
	}
}

/* Of a kind those are spent first that were invoked first. */
static void
expand_crashed(struct register_search *s, size_t k, size_t completing)
{
	for (size_t kind = 0; kind < s->kind_count; kind++) {
		uint32_t *row = configs_row(&s->seen, k), rank = spent(s, row)[kind];
		const struct register_op op = {.from = s->kinds[kind].from, .to = s->kinds[kind].to};

		if (rank == s->kinds[kind].invoked || !register_op_fits(&op, row[0]) || op.to == row[0])
			continue;
		copy_seen(s, k);
		spent(s, s->scratch)[kind]++;
		add_scratch(s, &op, s->crashed[s->kinds[kind].first + rank], completing);
	}
}

static void
start_step(struct register_search *s, size_t i)
{
	configs_clear(&s->seen);
	configs_clear(&s->then);
	for (size_t k = 0; k < s->now.count; k++) {
		memcpy(s->scratch, configs_row(&s->now, k), configs_width(&s->now) * sizeof(*s->scratch));
		if (config_is_done(s->scratch, s->ops[i].slot))
			add_completed(s, i, s->scratch);
		else
			configs_add(&s->seen, s->scratch);
	}
}

uint64_t
register_search_work(const struct register_search *s)
{
	return s->now.work + s->seen.work + s->then.work + s->work;
}

static bool
is_spent(const struct register_search *s)
{
	return register_search_work(s) > s->work_max || s->seen.full || s->then.full;
}

/* Every order of open operations that ends with the one that completes. Valid: there was one. */
static enum verdict
complete(struct register_search *s, size_t i)
{
	struct configs swap;

	start_step(s, i);
	for (size_t k = 0; k < s->seen.count && !is_spent(s); k++) {
		s->work += 1 + s->slot_count / 16;
		if (s->seen.dead[k])
			continue;
		expand_open(s, k, i);
		expand_crashed(s, k, i);
	}
	if (is_spent(s))
		return VERDICT_UNKNOWN;
	if (s->then.count == 0)
		return VERDICT_INVALID;
	configs_bury(&s->then);
	swap = s->now;
	s->now = s->then;
	s->then = swap;
	s->open[s->ops[i].slot] = REGISTER_NEVER;
	return VERDICT_VALID;
}

/* ---- the whole ------------------------------------------------------------------------ */

enum verdict
register_search(struct register_search *s, struct register_op *ops, size_t count, uint64_t work_max)
{
	enum verdict verdict = VERDICT_VALID;

	*s = (struct register_search){.ops = ops, .count = count, .at = REGISTER_NEVER, .work_max = work_max};
	begin(s);
	for (size_t i = 0; i < s->event_count && verdict == VERDICT_VALID; i++) {
		s->at = s->events[i].op;
		if (!s->events[i].completes)
			invoke(s, s->at);
		else
			verdict = complete(s, s->at);
	}
	return verdict;
}

void
register_search_free(struct register_search *s)
{
	configs_free(&s->now);
	configs_free(&s->seen);
	configs_free(&s->then);
	free(s->open);
	free(s->kinds);
	free(s->kind_list);
	free(s->crashed);
	free(s->events);
	free(s->scratch);
	*s = (struct register_search){0};
}

/* ---- what it found --------------------------------------------------------------------- */

uint32_t
register_state(const struct register_search *s, size_t i)
{
	return configs_row(&s->now, i)[0];
}

size_t
register_last(const struct register_search *s, size_t i)
{
	uint32_t number = *last(s, configs_row(&s->now, i));

	return number != LAST_NONE ? number : REGISTER_NEVER;
}

bool
register_is_open(const struct register_search *s, size_t i, size_t op)
{
	const struct register_op *o = &s->ops[op];
	uint32_t *row = configs_row(&s->now, i);

	if (is_crashed(o))
		return !o->idle && o->rank >= spent(s, row)[o->kind] && o->rank < s->kinds[o->kind].invoked;
	return s->open[o->slot] == op && !config_is_done(row, o->slot);
}
