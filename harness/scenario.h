/*
 * Scenarios: one simulation written down, in lines of text that people can
 * read and change:
 *
 *	# a comment
 *	run -w broadcast --node broken:broadcast-once --node-count 3 --seed 7
 *	end 2.100000000
 *	op 0.150000000 0 broadcast 5
 *	final 12.100000000 2 read nil
 *	fault 1.000000000 start partition majority {"n0" #{"n1" "n2"}}
 *	fault 1.500000000 stop partition
 *	choice deliver n0 n1 0
 *
 * `run`, which comes first, has the flags of `eddy sim`, 'quoted' as for a shell.
 * `op` is an operation: when it begins, in seconds since the generator did,
 * which worker does it, its f and its value, and what else the operation has
 * (EDN); `final`, one after the recovery. `end` is when the main phase ends, at
 * the earliest; without it, with its last operation. `fault` is an event of the
 * nemesis: a start has its kind, how it was chosen (- if nobody knows), and a
 * map from nodes to a vector of what the fault is about, or, of a partition,
 * from nodes to those that they do not hear. `choice` is what explore chose
 * (steer.h). Operations and faults come in the order of their times. With
 * --explore among the flags the operations are those of a search.
 */
#ifndef SCENARIO_H
#define SCENARIO_H

#include "nemesis.h"
#include "options.h"
#include "script.h"
#include "steer.h"

/* What is beyond is refused. */
#define SCENARIO_SIZE_MAX   ((size_t)64 << 20) /* bytes */
#define SCENARIO_EVENTS_MAX 100000             /* faults, and choices */

/* Zero-initialise before use. It points into itself once it is read: it must stay where it is. */
struct scenario {
	struct test_options options; /* with the operations, faults and choices below */
	struct script operations;
	struct fault_script faults;
	struct choice_list choices;
	struct steering steering;
	struct arena arena;
	char **words;
};

/*
 * Reads a scenario's text. Flags beside it (`extra`, NULL-terminated; may be
 * NULL) are as if they stood in front of its own. False with one line in
 * `error`.
 */
bool scenario_parse(struct scenario *, const char *text, size_t length, char *const *extra, struct buffer *error);
bool scenario_read(struct scenario *, const char *path, char *const *extra, struct buffer *error);
void scenario_free(struct scenario *);

/* What is written. */
struct scenario_parts {
	const struct test_options *options; /* with the seed */
	const struct script *operations;
	const struct fault_event *faults;
	size_t fault_count;
	const struct choice *choices;
	size_t choice_count;
	const char *comment; /* one line */
};

/* Those of a scenario. */
struct scenario_parts scenario_parts(const struct scenario *);

void scenario_write(struct buffer *, const struct scenario_parts *);
/* Into a file. False with one line in `error`. */
bool scenario_save(const char *path, const struct scenario_parts *, struct buffer *error);

/* Lines of it, written at once: a run is recorded with them even if it crashes. */
void scenario_note_op(FILE *, const struct script_op *);
void scenario_note_fault(FILE *, const struct fault_event *, const char *const *nodes);
void scenario_note_end(FILE *, int64_t ns);

/* eddy sim --replay FILE: what it says, and the flags beside it. Returns an exit status. */
int run_scenario(const char *path, char *const *extra);

#endif
