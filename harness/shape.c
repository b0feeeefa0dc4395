/* A look at a value, no deeper than clients look. */
#include "shape.h"

#include <string.h>

static bool
is_sequence(const struct value *value)
{
	return value->type == VALUE_VECTOR || value->type == VALUE_LIST;
}

static bool
is_sequence_of(const struct value *value, size_t count)
{
	return is_sequence(value) && value->count == count;
}

static bool
is_micro_op(const struct value *value)
{
	return is_sequence_of(value, 3) &&
	       (value->items[0]->type == VALUE_STRING || value->items[0]->type == VALUE_KEYWORD);
}

static bool
is_txn(const struct value *value)
{
	if (!is_sequence(value))
		return false;
	for (size_t i = 0; i < value->count; i++)
		if (!is_micro_op(value->items[i]))
			return false;
	return true;
}

bool
value_has_shape(const struct value *value, enum shape shape)
{
	switch (shape) {
	case SHAPE_ANY:
		return true;
	case SHAPE_NIL:
		return value->type == VALUE_NIL;
	case SHAPE_INT:
		return value_is_integer(value);
	case SHAPE_KEYED:
		return is_sequence_of(value, 2);
	case SHAPE_KEYED_CAS:
		return is_sequence_of(value, 2) && is_sequence_of(value->items[1], 2);
	case SHAPE_TXN:
		return is_txn(value);
	case SHAPE_SEND:
		return is_txn(value) && value->count == 1;
	case SHAPE_KEYS:
		return is_sequence(value);
	}
	return false;
}

const struct op_shape *
op_shape_find(const struct op_shape *shapes, const char *f)
{
	for (; shapes != NULL && shapes->f != NULL; shapes++)
		if (strcmp(shapes->f, f) == 0)
			return shapes;
	return NULL;
}
