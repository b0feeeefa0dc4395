/* eddy sim --replay. */
#include <stdio.h>

#include "run.h"
#include "scenario.h"

int
run_scenario(const char *path, char *const *extra)
{
	struct scenario scenario = {0};
	struct buffer error = {0};
	int status = EXIT_ARGUMENTS;
	struct run run;

	if (scenario_read(&scenario, path, extra, &error)) {
		run_test(&run, &scenario.options);
		if (scenario.choices.missed > 0)
			fprintf(stderr, "eddy: %s: %zu of %zu choices could not be made\n", path,
			    scenario.choices.missed, scenario.choices.count);
		run_print(&run, &scenario.options);
		status = run_exit_status(&run);
		run_free(&run);
	} else {
		fprintf(stderr, "eddy: %s\n", buffer_string(&error));
	}
	scenario_free(&scenario);
	buffer_free(&error);
	return status;
}
