/* What minimisation came to, for people, and the file that it is left in. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "minimise.h"
#include "swarm.h"
#include "words.h"
#include "workload.h"

/* scenario-broadcast-7, here, unless it was said where. */
static void
name_file(const struct test_options *options, struct buffer *path)
{
	if (options->scenario != NULL) {
		buffer_append_string(path, options->scenario);
		return;
	}
	if (options->store != NULL)
		buffer_printf(path, "%s/", options->store);
	buffer_printf(path, "scenario-%s-%" PRIu64, options->workload->name, options->seed);
}

static void
print_sizes(const struct minimised *minimised)
{
	const struct minimised_size *before = &minimised->before, *after = &minimised->after;

	printf("minimised in %zu runs: %zu of %zu nodes, %zu of %zu operations, %zu of %zu faults", minimised->runs,
	    after->nodes, before->nodes, after->operations, before->operations, after->faults, before->faults);
	if (before->choices > 0)
		printf(", %zu of %zu choices", after->choices, before->choices);
	printf(": still %s%s\n", minimised->finding, minimised->ended ? " (out of time: it may be smaller)" : "");
}

static bool
save(const struct test_options *options, const struct minimised *minimised)
{
	struct scenario_parts parts = scenario_parts(&minimised->scenario);
	struct buffer path = {0}, command = {0}, error = {0};
	bool saved;

	parts.comment = minimised->finding;
	name_file(options, &path);
	saved = scenario_save(buffer_string(&path), &parts, &error);
	words_quote(&command, program_invocation_name);
	buffer_append_string(&command, " sim --replay ");
	words_quote(&command, buffer_string(&path));
	if (saved)
		printf("scenario %s; again with: %s --trace\n", buffer_string(&path), buffer_string(&command));
	else
		fprintf(stderr, "eddy: %s\n", buffer_string(&error));
	buffer_free(&path);
	buffer_free(&command);
	buffer_free(&error);
	return saved;
}

bool
minimise_report(const struct test_options *options, const struct choice_list *choices)
{
	const struct test_options *drawn = options;
	struct minimised minimised;
	struct swarm swarm = {0};
	struct buffer error = {0};
	bool done;

	if (options->swarm) {
		if (!swarm_draw(&swarm, options, options->seed))
			return false;
		drawn = &swarm.options;
	}
	done = minimise(&minimised, drawn, choices, options->minimise_s, &error);
	if (!done) {
		fprintf(stderr, "eddy: the run could not be recorded: %s\n", buffer_string(&error));
	} else if (minimised.finding[0] == '\0') {
		printf("nothing to minimise: no checker but :stats complains, or there is too little to judge\n");
		done = false;
	} else {
		print_sizes(&minimised);
		done = save(options, &minimised);
	}
	fflush(stdout);
	minimised_free(&minimised);
	swarm_free(&swarm);
	buffer_free(&error);
	return done;
}
