/*
 * A failing run made smaller: fewer nodes, faults, operations and choices, as
 * long as what is wrong with it stays the same (finding.h). Every attempt is a
 * simulation in a process of its own, so that crashes are minimised too.
 */
#ifndef MINIMISE_H
#define MINIMISE_H

#include "finding.h"
#include "scenario.h"

#define MINIMISE_RUNS_MAX 4000 /* attempts */
#define MINIMISE_RUN_S    20   /* processor time of one attempt: beyond it is another finding */

/* How much there is in a scenario. */
struct minimised_size {
	size_t nodes, operations, faults, choices;
};

/* What came of it. */
struct minimised {
	char finding[FINDING_MAX]; /* empty: nothing is wrong with the run */
	struct scenario scenario;  /* the smallest that was found; the recorded run if there was no time */
	size_t runs;
	bool ended; /* by a limit, and not because nothing more could be left out */
	struct minimised_size before, after;
};

/*
 * Does the run again, with the choices made in it (of a search; else none),
 * records it, and minimises what is recorded, for at most so many seconds. In
 * the end it needs minimised_free(). False, with a line in `error`, if it could
 * not be recorded.
 */
bool minimise(
    struct minimised *, const struct test_options *, const struct choice_list *, double budget_s, struct buffer *error);
void minimised_free(struct minimised *);

/*
 * The same, for people: writes the scenario to options->scenario, or a file
 * named after the run, and prints what it is and how to replay it. Returns
 * whether there was something to write, and it could be written.
 */
bool minimise_report(const struct test_options *, const struct choice_list *);

#endif
