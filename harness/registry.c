/* Looks programs and workloads up in the generated tables, and asks a workload what it refuses. */
#include <string.h>

#include "registry.h"
#include "workload.h"

const struct program *
registry_find(const char *name)
{
	for (const struct registered *r = registry; r->name != NULL; r++)
		if (strcmp(r->name, name) == 0)
			return r->program;
	return NULL;
}

const struct workload *
workload_find(const char *name)
{
	for (const struct workload *const *w = workloads; *w != NULL; w++)
		if (strcmp((*w)->name, name) == 0)
			return *w;
	return NULL;
}

const char *
workload_refusal(struct arena *arena, const struct test_options *options)
{
	const struct workload *workload = options->workload;

	return workload->refuse != NULL ? workload->refuse(arena, options) : NULL;
}
