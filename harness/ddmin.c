/* Parts of a half, a quarter, ... of what is kept. */
#include "ddmin.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

static size_t
count_kept(const bool *keep, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		kept += keep[i];
	return kept;
}

/* Leaves out `size` of those that are kept, from number `first` of them on. */
static void
leave_out(bool *keep, size_t count, size_t first, size_t size)
{
	for (size_t i = 0; i < count && size > 0; i++) {
		if (!keep[i])
			continue;
		if (first > 0) {
			first--;
		} else {
			keep[i] = false;
			size--;
		}
	}
}

/* One round with parts of that size. True if something could be left out. */
static bool
try_parts(bool *keep, bool *trial, size_t count, size_t size, ddmin_fn *fn, void *arg)
{
	bool any = false;

	for (size_t first = 0; first < count_kept(keep, count);) {
		memcpy(trial, keep, count * sizeof(*keep));
		leave_out(trial, count, first, size);
		if (fn(arg, trial, count)) {
			memcpy(keep, trial, count * sizeof(*keep));
			any = true;
		} else {
			first += size;
		}
	}
	return any;
}

size_t
ddmin(bool *keep, size_t count, ddmin_fn *fn, void *arg)
{
	bool *trial = memory_alloc(count * sizeof(*trial) + 1);
	size_t size = count_kept(keep, count);

	while (size > 0) {
		bool any = try_parts(keep, trial, count, size, fn, arg);
		size_t kept = count_kept(keep, count);

		if (size == 1 && !any)
			break;
		if (size > 1)
			size /= 2;
		if (size > kept)
			size = kept;
	}
	free(trial);
	return count_kept(keep, count);
}
