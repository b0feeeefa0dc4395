/* Lists of operations, and where each worker stands in one. */
#include "script.h"

#include <assert.h>
#include <stdlib.h>

#include "memory.h"

#define OPS_FIRST 32

bool
script_add(struct script *script, const struct script_op *op)
{
	if (script->count == SCRIPT_OPS_MAX)
		return false;
	if (script->count == script->capacity) {
		script->capacity = script->capacity > 0 ? 2 * script->capacity : OPS_FIRST;
		script->ops = memory_resize(script->ops, script->capacity, sizeof(*script->ops));
	}
	script->ops[script->count++] = *op;
	return true;
}

void
script_free(struct script *script)
{
	free(script->ops);
	*script = (struct script){0};
}

void
cursor_init(struct script_cursor *cursor, const struct script *script, int workers)
{
	cursor->script = script;
	cursor->workers = workers;
	cursor->places = memory_zero((size_t)workers * sizeof(*cursor->places));
}

void
cursor_free(struct script_cursor *cursor)
{
	free(cursor->places);
	*cursor = (struct script_cursor){0};
}

const struct script_op *
cursor_peek(struct script_cursor *cursor, int worker, bool concluding)
{
	const struct script *script = cursor->script;
	size_t *place = &cursor->places[worker];

	assert(worker >= 0 && worker < cursor->workers);
	while (*place < script->count) {
		const struct script_op *op = &script->ops[*place];

		if (op->worker == worker && op->concluding == concluding)
			return op;
		if (op->worker == worker && op->concluding)
			return NULL;
		++*place;
	}
	return NULL;
}

void
cursor_advance(struct script_cursor *cursor, int worker)
{
	assert(cursor->places[worker] < cursor->script->count);
	cursor->places[worker]++;
}
