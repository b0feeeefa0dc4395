/*
 * What the parts of reading a scenario share: scenario_read.c, with
 * scenario_line.c for the words of a line, and scenario_fault.c for what a fault is.
 */
#ifndef SCENARIO_INTERNAL_H
#define SCENARIO_INTERNAL_H

#include "scenario.h"

struct scenario_reader {
	struct scenario *scenario;
	struct buffer *error;
	char *const *extra;
	bool has_run;
	int64_t op_time, fault_time; /* of the last ones */
	struct fault_event *events;
	size_t event_capacity, choice_capacity;
	/* The line at hand. */
	const char *cursor, *end;
};

/* ---- scenario_line.c ---------------------------------------------------------- */

/* Says what is wrong with the line; false. */
bool line_bad(struct scenario_reader *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void line_skip_blanks(struct scenario_reader *);
/* The next plain word; NULL at the end of the line. */
const char *line_word(struct scenario_reader *);
/* The next EDN value; NULL with *fault false at the end of the line. */
const struct value *line_value(struct scenario_reader *, bool *fault);
/* From 0 to `max`; `what` is what it is called. */
bool line_integer(struct scenario_reader *, const char *what, int64_t max, int64_t *number);
/* Seconds with at most nine digits behind the point. */
bool line_time(struct scenario_reader *, int64_t *ns);
/* The same, but not before *last, which becomes this one. */
bool line_later_time(struct scenario_reader *, int64_t *last, int64_t *ns);
bool line_is_at_end(struct scenario_reader *);

/* ---- scenario_fault.c ---------------------------------------------------------- */

bool scenario_read_fault(struct scenario_reader *);

#endif
