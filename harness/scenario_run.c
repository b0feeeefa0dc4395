/* eddy sim --replay. */
#include <stdio.h>

#include "explore.h"
#include "run.h"
#include "scenario.h"

/* Returns an exit status. */
static int
run_once(const char *path, const struct scenario *scenario)
{
	struct run run;
	int status;

	run_test(&run, &scenario->options);
	if (scenario->choices.missed > 0)
		fprintf(stderr, "eddy: %s: %zu of %zu choices could not be made\n", path, scenario->choices.missed,
		    scenario->choices.count);
	run_print(&run, &scenario->options);
	status = run_exit_status(&run);
	run_free(&run);
	return status;
}

static int
search(const char *path, const struct scenario *scenario)
{
	if (scenario->choices.count == 0 && scenario->faults.count == 0 && scenario->operations.count > 0)
		return run_explore(&scenario->options);
	fprintf(stderr, "eddy: %s: a search needs operations, and makes choices and faults itself\n", path);
	return EXIT_ARGUMENTS;
}

int
run_scenario(const char *path, char *const *extra)
{
	struct scenario scenario = {0};
	struct buffer error = {0};
	int status = EXIT_ARGUMENTS;

	if (!scenario_read(&scenario, path, extra, &error))
		fprintf(stderr, "eddy: %s\n", buffer_string(&error));
	else if (scenario.options.explore.wanted)
		status = search(path, &scenario);
	else
		status = run_once(path, &scenario);
	scenario_free(&scenario);
	buffer_free(&error);
	return status;
}
