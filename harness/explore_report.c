/* eddy sim --explore, for people. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "explore.h"
#include "memory.h"
#include "minimise.h"

static void
print_effort(const struct explored *explored)
{
	printf("%" PRIu64 " states, %" PRIu64 " paths, %" PRIu64
	       " choices, up to %d departures from the usual order, %.1f s: ",
	    explored->states, explored->runs, explored->steps, explored->delays, explored->seconds);
	switch (explored->end) {
	case EXPLORE_ALL:
		printf("all there is within the bounds, and ");
		break;
	case EXPLORE_LIMIT:
		printf("the limit is reached, and ");
		break;
	case EXPLORE_FOUND:
		printf("not valid\n");
		return;
	}
	if (explored->unknown > 0)
		printf("none is invalid, but %" PRIu64 " are unknown\n", explored->unknown);
	else
		printf("all %svalid\n", explored->end == EXPLORE_ALL ? "" : "were ");
}

static void
print_path(const struct explored *explored)
{
	struct buffer text = {0};

	for (int i = 0; i < explored->depth; i++) {
		text.length = 0;
		choice_write(&explored->path[i], &text);
		printf("%s%s", i > 0 ? ", " : "", buffer_string(&text));
	}
	printf("\n");
	buffer_free(&text);
}

int
run_explore(const struct test_options *options)
{
	struct explored *explored = memory_zero(sizeof(*explored));
	struct test_options one = *options;
	struct choice_list path;
	int status;

	if (run_refused(options)) {
		free(explored);
		return EXIT_CRASH;
	}
	explore(explored, options);
	print_effort(explored);
	status = verdict_exit_status(explored->unknown > 0 ? VERDICT_UNKNOWN : VERDICT_VALID);
	if (explored->end == EXPLORE_FOUND) {
		status = explored->status == 1 ? 1 : EXIT_CRASH;
		print_path(explored);
		path = (struct choice_list){.items = explored->path, .count = (size_t)explored->depth};
		one.draw_ops = options->operations == NULL ? options->explore.ops : 0;
		one.script = NULL;
		one.store = NULL; /* nothing is stored of a search */
		minimise_report(&one, &path);
	}
	fflush(stdout);
	free(explored);
	return status;
}
