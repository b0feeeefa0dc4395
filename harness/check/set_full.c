/*
 * Elements are added, reads return all there are (jepsen.checker/set-full).
 * An element is known from its acknowledgement or from the first read that
 * saw it, whichever comes first. It is lost if a read begun after that misses
 * it and no read begun later sees it; it is stable once every read sees it.
 * Broadcast is the same with another name for add.
 *
 * Besides Jepsen's results there is, for information, what its own test for
 * duplicates cannot find: :eddy/duplicated, elements that were in one read
 * more than once.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "memory.h"
#include "utf8.h"
#include "value_table.h"

#define WORST_SHOWN 8

struct element {
	const struct value *value;
	const struct op *known;                      /* completion of the add, or first read that saw it */
	const struct op *last_present, *last_absent; /* invocations of reads */
	uint64_t read;                               /* the number of the last read that holds it */
	uint32_t seen, multiplicity;                 /* how often in that read; at most in any */
	bool added;                                  /* or else it was only read */
	enum { OUTCOME_STABLE, OUTCOME_LOST, OUTCOME_NEVER_READ } outcome;
	int64_t latency; /* ms, of a stable or a lost element */
};

struct set {
	struct arena *arena;
	const char *add; /* "add", or what is taken for it as well */
	struct value_table table;
	struct element *elements; /* by number in the table */
	size_t capacity;
	uint64_t reads;
	const char *error;
};

/* ---- scanning the history ---------------------------------------------------------- */

static bool
fail(struct set *set, const char *error)
{
	set->error = error;
	return false;
}

static struct element *
element_of(struct set *set, const struct value *value)
{
	size_t known = set->table.count, number = value_table_add(&set->table, value);

	if (number == set->capacity) {
		set->capacity = set->capacity > 0 ? set->capacity * 2 : 64;
		set->elements = memory_resize(set->elements, set->capacity, sizeof(*set->elements));
	}
	if (number == known)
		set->elements[number] = (struct element){.value = value};
	return &set->elements[number];
}

/* Adding an element again begins its history anew. */
static bool
scan_add(struct set *set, const struct op *op)
{
	struct element *element;
	size_t number;

	if (op->type == OP_INVOKE) {
		element = element_of(set, op->value);
		*element = (struct element){
		    .value = op->value,
		    .read = element->read,
		    .seen = element->seen,
		    .multiplicity = element->multiplicity,
		    .added = true,
		};
		return true;
	}
	number = value_table_find(&set->table, op->value);
	if (number >= set->capacity || !set->elements[number].added)
		return fail(set, "an add completes whose element nobody tried to add");
	element = &set->elements[number];
	if (op->type == OP_OK && element->known == NULL)
		element->known = op;
	return true;
}

static void
see(struct set *set, const struct value *value)
{
	struct element *element = element_of(set, value);

	if (element->read != set->reads) {
		element->read = set->reads;
		element->seen = 0;
	}
	if (++element->seen > element->multiplicity)
		element->multiplicity = element->seen;
}

/* A string is a collection too, of its characters, and a map of its pairs. */
static bool
see_all(struct set *set, const struct value *read)
{
	struct value *pair;
	const char *p;
	size_t i;

	switch (read->type) {
	case VALUE_NIL:
		return true;
	case VALUE_LIST:
	case VALUE_VECTOR:
	case VALUE_SET:
		for (i = 0; i < read->count; i++)
			see(set, read->items[i]);
		return true;
	case VALUE_MAP:
		for (i = 0; i < read->count; i += 2) {
			pair = value_collection(set->arena, VALUE_VECTOR);
			value_push(set->arena, pair, read->items[i]);
			value_push(set->arena, pair, read->items[i + 1]);
			see(set, pair);
		}
		return true;
	case VALUE_STRING:
		for (p = read->text; p < read->text + read->length;)
			see(set, value_char(set->arena, utf8_next(&p, read->text + read->length)));
		return true;
	default:
		return fail(set, "a read of something that is not a collection");
	}
}

static bool
scan_read(struct set *set, const struct history *history, const struct op *op)
{
	const struct op *invocation, **last;
	struct element *element;
	size_t i;

	if (history->fault != NULL)
		return fail(set, history->fault);
	invocation = &history->ops[op->pair];
	set->reads++;
	if (!see_all(set, op->value))
		return false;
	for (i = 0; i < set->table.count; i++) {
		element = &set->elements[i];
		if (!element->added)
			continue;
		if (element->read == set->reads && element->known == NULL)
			element->known = op;
		last = element->read == set->reads ? &element->last_present : &element->last_absent;
		if (*last == NULL || (*last)->index < invocation->index)
			*last = invocation;
	}
	return true;
}

static bool
scan(struct set *set, const struct history *history)
{
	const struct op *op;
	bool good = true;
	size_t i;

	for (i = 0; good && i < history->count; i++) {
		op = &history->ops[i];
		if (!op_is_client(op))
			continue;
		if (strcmp(op->f, "add") == 0 || strcmp(op->f, set->add) == 0)
			good = scan_add(set, op);
		else if (strcmp(op->f, "read") != 0)
			good = fail(set, "an operation that is neither an add nor a read");
		else if (op->type == OP_OK)
			good = scan_read(set, history, op);
	}
	return good;
}

/* ---- outcomes ------------------------------------------------------------------------ */

static int64_t
index_of(const struct op *op)
{
	return op != NULL ? op->index : -1;
}

/* From when it was known to just after `last` began; never negative. */
static int64_t
latency_ms(const struct op *known, const struct op *last)
{
	__int128 latency = (last != NULL ? (__int128)last->time + 1 : 0) - known->time;

	return latency > 0 ? (int64_t)(latency / 1000000) : 0;
}

static void
judge(struct element *element)
{
	int64_t present = index_of(element->last_present), absent = index_of(element->last_absent);

	if (element->last_present != NULL && absent < present) {
		element->outcome = OUTCOME_STABLE;
		element->latency = latency_ms(element->known, element->last_absent);
	} else if (element->known != NULL && element->last_absent != NULL && present < absent &&
		   element->known->index < absent) {
		element->outcome = OUTCOME_LOST;
		element->latency = latency_ms(element->known, element->last_present);
	} else {
		element->outcome = OUTCOME_NEVER_READ;
	}
}

struct sorted {
	struct element *element;
	bool *comparable;
};

static int
by_value(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;
	int order = value_compare(x->element->value, y->element->value, x->comparable);

	if (order == 0 && x->element != y->element)
		*x->comparable = false; /* 1 and 1.0 */
	return order;
}

/* The elements that were added, judged and in order. Jepsen cannot sort what cannot be compared. */
static bool
sort_added(struct set *set, struct sorted *sorted, size_t *count)
{
	bool comparable = true;
	size_t i;

	*count = 0;
	for (i = 0; i < set->table.count; i++) {
		if (!set->elements[i].added)
			continue;
		judge(&set->elements[i]);
		sorted[(*count)++] = (struct sorted){&set->elements[i], &comparable};
	}
	qsort(sorted, *count, sizeof(*sorted), by_value);
	return comparable || fail(set, "the elements cannot be compared: they are not of one kind");
}

/* ---- the report ------------------------------------------------------------------------ */

static bool
is_stale(const struct element *element)
{
	return element->outcome == OUTCOME_STABLE && element->latency > 0;
}

static bool
is_lost(const struct element *element)
{
	return element->outcome == OUTCOME_LOST;
}

static bool
is_never_read(const struct element *element)
{
	return element->outcome == OUTCOME_NEVER_READ;
}

static bool
is_stable(const struct element *element)
{
	return element->outcome == OUTCOME_STABLE;
}

/* Which elements a key lists. */
static struct value *
list(struct set *set, const struct sorted *sorted, size_t count, bool (*wanted)(const struct element *))
{
	struct value *items = value_collection(set->arena, VALUE_LIST);
	size_t i;

	for (i = 0; i < count; i++)
		if (wanted(sorted[i].element))
			value_push(set->arena, items, sorted[i].element->value);
	return items;
}

static void
put_list(struct set *set, struct value *result, const char *name, const struct value *items)
{
	struct buffer count_name = {0};

	buffer_printf(&count_name, "%s-count", name);
	value_put_int(set->arena, result, buffer_string(&count_name), (int64_t)items->count);
	value_put_keyword(set->arena, result, name, items);
	buffer_free(&count_name);
}

static int
by_number(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void
put_latencies(struct set *set, struct value *result, const char *name, const struct sorted *sorted, size_t count,
    bool (*wanted)(const struct element *))
{
	static const double points[] = {0, 0.5, 0.95, 0.99, 1};
	struct value *map = value_collection(set->arena, VALUE_MAP);
	int64_t *latencies = memory_alloc(count * sizeof(*latencies));
	size_t n = 0, i, at;

	for (i = 0; i < count; i++)
		if (wanted(sorted[i].element))
			latencies[n++] = sorted[i].element->latency;
	qsort(latencies, n, sizeof(*latencies), by_number);
	for (i = 0; n > 0 && i < sizeof(points) / sizeof(points[0]); i++) {
		at = (size_t)((double)n * points[i]);
		value_put(set->arena, map,
		    points[i] == 0 || points[i] == 1 ? value_int(set->arena, (int64_t)points[i])
						     : value_real(set->arena, points[i]),
		    value_int(set->arena, latencies[at < n ? at : n - 1]));
	}
	if (n > 0)
		value_put_keyword(set->arena, result, name, map);
	free(latencies);
}

/* An operation on an element, by the name it has in a set. */
static const struct value *
op_or_nil(struct set *set, const struct op *op)
{
	struct op named;

	if (op == NULL)
		return &value_nil;
	named = *op;
	if (strcmp(op->f, set->add) == 0)
		named.f = "add";
	return op_value(set->arena, &named);
}

static const struct value *
stale_report(struct set *set, const struct element *element)
{
	struct value *map = value_collection(set->arena, VALUE_MAP);

	value_put_keyword(set->arena, map, "element", element->value);
	value_put_keyword(set->arena, map, "outcome", value_keyword(set->arena, "stable"));
	value_put_int(set->arena, map, "stable-latency", element->latency);
	value_put_keyword(set->arena, map, "lost-latency", &value_nil);
	value_put_keyword(set->arena, map, "known", op_or_nil(set, element->known));
	value_put_keyword(set->arena, map, "last-absent", op_or_nil(set, element->last_absent));
	return map;
}

/* Those that took longest to show up, the longest first; of equals the higher element. */
static const struct value *
worst_stale(struct set *set, const struct sorted *sorted, size_t count)
{
	struct value *worst = value_collection(set->arena, VALUE_LIST);
	const struct element *shown[WORST_SHOWN];
	size_t n = 0, i, at;

	for (i = 0; i < count; i++) {
		if (!is_stale(sorted[i].element))
			continue;
		for (at = n; at > 0 && shown[at - 1]->latency <= sorted[i].element->latency; at--)
			if (at < WORST_SHOWN)
				shown[at] = shown[at - 1];
		if (at < WORST_SHOWN)
			shown[at] = sorted[i].element;
		n += n < WORST_SHOWN;
	}
	for (i = 0; i < n; i++)
		value_push(set->arena, worst, stale_report(set, shown[i]));
	return worst;
}

static const struct value *
duplicated(struct set *set)
{
	struct value *map = value_collection(set->arena, VALUE_MAP);
	struct sorted *sorted = memory_alloc(set->table.count * sizeof(*sorted));
	size_t count = 0, i;
	bool comparable;

	for (i = 0; i < set->table.count; i++)
		if (set->elements[i].multiplicity > 1)
			sorted[count++] = (struct sorted){&set->elements[i], &comparable};
	qsort(sorted, count, sizeof(*sorted), by_value);
	for (i = 0; i < count; i++)
		value_put(
		    set->arena, map, sorted[i].element->value, value_int(set->arena, sorted[i].element->multiplicity));
	free(sorted);
	return map;
}

static const struct value *
report(struct set *set, const struct sorted *sorted, size_t count)
{
	struct value *result = value_collection(set->arena, VALUE_MAP);
	const struct value *lost = list(set, sorted, count, is_lost), *repeated = duplicated(set);
	size_t stable = list(set, sorted, count, is_stable)->count;
	enum verdict verdict = lost->count > 0 ? VERDICT_INVALID : stable == 0 ? VERDICT_UNKNOWN : VERDICT_VALID;

	value_put_keyword(set->arena, result, "valid?", verdict_value(verdict));
	value_put_int(set->arena, result, "attempt-count", (int64_t)count);
	value_put_int(set->arena, result, "stable-count", (int64_t)stable);
	put_list(set, result, "lost", lost);
	put_list(set, result, "never-read", list(set, sorted, count, is_never_read));
	put_list(set, result, "stale", list(set, sorted, count, is_stale));
	value_put_keyword(set->arena, result, "worst-stale", worst_stale(set, sorted, count));
	put_latencies(set, result, "stable-latencies", sorted, count, is_stable);
	put_latencies(set, result, "lost-latencies", sorted, count, is_lost);
	value_put_int(set->arena, result, "duplicated-count", 0);
	value_put_keyword(set->arena, result, "duplicated", value_collection(set->arena, VALUE_MAP));
	value_put_int(set->arena, result, "eddy/duplicated-count", (int64_t)repeated->count / 2);
	value_put_keyword(set->arena, result, "eddy/duplicated", repeated);
	return result;
}

static const struct value *
check_set(struct arena *arena, const struct history *history, const char *add)
{
	struct set set = {.arena = arena, .add = add};
	const struct value *result = NULL;
	struct sorted *sorted = NULL;
	size_t count;

	if (scan(&set, history)) {
		sorted = memory_alloc(set.table.count * sizeof(*sorted));
		if (sort_added(&set, sorted, &count))
			result = report(&set, sorted, count);
	}
	if (result == NULL)
		result = check_failed(arena, "%s", set.error);
	free(sorted);
	free(set.elements);
	value_table_free(&set.table);
	return result;
}

const struct value *
check_set_full(struct arena *arena, const struct history *history, const struct check_options *options)
{
	(void)options;
	return check_set(arena, history, "add");
}

const struct value *
check_broadcast(struct arena *arena, const struct history *history, const struct check_options *options)
{
	(void)options;
	return check_set(arena, history, "broadcast");
}
