/* What the values of operations look like: for those that come from a file, and not from the workload's generator. */
#ifndef SHAPE_H
#define SHAPE_H

#include "value.h"

enum shape {
	SHAPE_ANY,
	SHAPE_NIL,
	SHAPE_INT,       /* of any size */
	SHAPE_KEYED,     /* [key anything] */
	SHAPE_KEYED_CAS, /* [key [anything anything]] */
	SHAPE_TXN,       /* [[name key anything] ...], the name a string or a keyword */
	SHAPE_SEND,      /* the same, of one */
	SHAPE_KEYS,      /* [key ...] */
};

/* An operation that a workload has. Lists of them end with a NULL f. */
struct op_shape {
	const char *f;
	enum shape value;
};

bool value_has_shape(const struct value *, enum shape);
/* NULL: there is none of that name. */
const struct op_shape *op_shape_find(const struct op_shape *, const char *f);

#endif
