/*
 * The table of cases: workloads/<name>/cases says, one case a line, which
 * node is run with which flags, what the verdict must be, and which figures
 * the run must meet. Three engines run the same table.
 *
 *	node verdict [--flag value]... [anomaly | figure]... [-- node arguments]
 *
 * An anomaly is a bare word: the name of what the checker must have found
 * ("lost" for :lost or :lost-count, "G1a" for :G1a under :anomalies). A figure is "servers.msgs-per-op<30".
 * "broken:NAME" is tests/broken/NAME. The argument {data} of a node is a directory of the run's own. A word that begins
 *with # starts a comment.
 */
#ifndef CASEFILE_H
#define CASEFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "value.h"

#define CASE_DATA "{data}"

/* How a run ended, or has to end. FAILED: neither Maelstrom nor eddy would end like that. */
enum outcome { OUTCOME_VALID, OUTCOME_INVALID, OUTCOME_UNKNOWN, OUTCOME_CRASH, OUTCOME_FAILED };

enum outcome outcome_of_status(int exit_status);
const char *outcome_name(enum outcome); /* as in the table */

enum relation { RELATION_LT, RELATION_LE, RELATION_GT, RELATION_GE, RELATION_EQ };

struct figure {
	const char *text; /* as written */
	const char *name;
	enum relation relation;
	double bound;
};

/* All strings and lists live in the arena it was read into. */
struct test_case {
	const char *workload, *node;
	enum outcome expected;
	char **flags, **node_args, **anomalies; /* each ends with NULL */
	struct figure *figures;
	size_t figure_count;
	STAILQ_ENTRY(test_case) link;
};
STAILQ_HEAD(case_list, test_case);

/* Appends the cases of one file. On a fault returns false with one line ("path:line: what") in `error`. */
bool casefile_read(struct arena *, const char *path, const char *workload, struct case_list *, struct buffer *error);

/* One case from its words, NULL-terminated; NULL with a line in `error`. */
struct test_case *case_parse(struct arena *, const char *workload, char *const *words, struct buffer *error);

bool case_is_broken(const struct test_case *);
/* The value of a flag, or NULL. The last one counts. */
const char *case_flag(const struct test_case *, const char *name);
double case_number(const struct test_case *, const char *flag, double otherwise);

/* ---- judging ------------------------------------------------------------- */

/* A number by its name in a case: "ok-fraction", "servers.msgs-per-op", "stable.p95". */
bool results_number(const struct value *results, const char *name, double *);
/* Whether the checkers found it: non-empty, positive or not valid. */
bool results_anomaly(const struct value *results, const char *word);

#define JUDGE_ANOMALIES 1 /* the anomalies must be there */
#define JUDGE_FIGURES   2 /* figures decide ... */
#define JUDGE_LATENCIES 4 /* ... those of latencies ("stable.") too */

/*
 * Whether a run is as its case wants it; if not, one line in `why`. `results`
 * is NULL if there are none, which is right for a crash only.
 */
bool case_judge(const struct test_case *, enum outcome, const struct value *results, int what, struct buffer *why);

#endif
