/* The command line of `eddy cases`: which cases, under which harness, and where the programs are. */
#ifndef CASES_OPTIONS_H
#define CASES_OPTIONS_H

#include "trial.h"

enum harness { HARNESS_TEST, HARNESS_SIM, HARNESS_MAELSTROM, HARNESS_COMPARE };

struct cases_options {
	enum harness harness;
	const char *workloads_dir, *workload, *node, *store; /* NULL: all, all, nowhere */
	bool list, no_broken;
	int capacity;
	double sweep_s; /* of all sweeps together */
	char **flags;   /* of one case made up on the command line; NULL: the table's */
	struct trial_options trial;
};

/* Says on stderr what is wrong, and exits with EXIT_ARGUMENTS. */
void cases_bad(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Borrows from argv. Exits where something is wrong, and after --help. */
void cases_parse(struct cases_options *, int argc, char *argv[]);
/* Fills in the paths of the programs that were not given. */
void cases_find_binaries(struct cases_options *, struct arena *);

#endif
