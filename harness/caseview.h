/*
 * How a batch of cases is shown: a table that grows by a line as a case ends
 * and, on a terminal, what is running below it.
 */
#ifndef CASEVIEW_H
#define CASEVIEW_H

#include "trial.h"

#define ROW_TRIALS 2

/* A case with its trials. */
struct row {
	const struct test_case *test;
	struct trial *trials[ROW_TRIALS];
	size_t count;
};

struct view {
	struct row *rows;
	size_t count;
	bool compare; /* two harnesses side by side: they must agree */

	/* its own */
	bool terminal;
	size_t printed; /* rows, in order: each waits for those before it */
	int live;       /* lines below them, to be wiped */
	int64_t started_ms, shown_ms;
};

void view_begin(struct view *);
void view_update(struct view *); /* a trial has ended */
void view_tick(struct view *);
/* Says of each failure how to have it again, and what it printed. Returns whether there was none. */
bool view_failures(struct view *);
void view_interrupted(struct view *);
/* The last line: "N passed, N failed". */
void view_summary(const struct view *);

#endif
