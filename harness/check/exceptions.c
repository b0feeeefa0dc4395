/*
 * Exceptions that clients and the nemesis did not handle, by class
 * (jepsen.checker/unhandled-exceptions): the most frequent first; of equals
 * the one first seen last, as Jepsen has it for up to eight classes. Never a
 * reason for a verdict.
 */
#include <stdlib.h>

#include "check.h"
#include "memory.h"
#include "value_table.h"

struct class
{
	const struct value *name;
	const struct op *example; /* the first */
	int64_t count;
	size_t place;
};

struct classes {
	struct value_table names;
	struct class *items;
};

/* (-> exception :via first :type), or nil. */
static const struct value *
class_of(const struct value *exception)
{
	const struct value *via = value_get(exception, "via"), *type = NULL;

	if (via != NULL && (via->type == VALUE_VECTOR || via->type == VALUE_LIST) && via->count > 0)
		type = value_get(via->items[0], "type");
	return type != NULL ? type : &value_nil;
}

static void
count(struct classes *classes, const struct op *op)
{
	const struct value *name = class_of(op->exception);
	size_t known = classes->names.count, number = value_table_add(&classes->names, name);

	if (number == known) {
		classes->items = memory_resize(classes->items, known + 1, sizeof(*classes->items));
		classes->items[number] = (struct class){.name = name, .example = op, .place = number};
	}
	classes->items[number].count++;
}

static int
by_frequency(const void *a, const void *b)
{
	const struct class *x = a, *y = b;

	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return (x->place < y->place) - (x->place > y->place);
}

static const struct value *
report(struct arena *arena, const struct class *class)
{
	struct value *map = value_collection(arena, VALUE_MAP);

	value_put_int(arena, map, "count", class->count);
	value_put_keyword(arena, map, "class", class->name);
	value_put_keyword(arena, map, "example", op_value(arena, class->example));
	return map;
}

const struct value *
check_exceptions(struct arena *arena, const struct history *history, const struct check_options *options)
{
	struct value *result = value_collection(arena, VALUE_MAP), *list = value_collection(arena, VALUE_LIST);
	struct classes classes = {0};
	const struct op *op;
	size_t i;

	(void)options;
	for (i = 0; i < history->count; i++) {
		op = &history->ops[i];
		if (op->type == OP_INFO && op->exception != NULL)
			count(&classes, op);
	}
	if (classes.names.count > 0)
		qsort(classes.items, classes.names.count, sizeof(*classes.items), by_frequency);
	for (i = 0; i < classes.names.count; i++)
		value_push(arena, list, report(arena, &classes.items[i]));
	value_put_keyword(arena, result, "valid?", &value_true);
	if (list->count > 0)
		value_put_keyword(arena, result, "exceptions", list);
	value_table_free(&classes.names);
	free(classes.items);
	return result;
}
