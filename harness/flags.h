/*
 * The table of flags: names, values and their rules are Maelstrom's
 * (maelstrom.core/opt-spec, jepsen.cli/test-opt-spec), then eddy's own.
 */
#ifndef FLAGS_H
#define FLAGS_H

#include "options.h"

#define IN_TEST  (1 << COMMAND_TEST)
#define IN_SIM   (1 << COMMAND_SIM)
#define IN_CHECK (1 << COMMAND_CHECK)
#define IN_RUN   (IN_TEST | IN_SIM)
#define IN_ALL   (IN_RUN | IN_CHECK)

struct names {
	const char **items;
	int count;
};

/* What is only known whole at the end of the line. */
struct parsing {
	struct test_options *options;
	struct buffer *text;
	const char *workload, *concurrency;
	int64_t node_count;
	struct names hosts, list, file; /* --node, --nodes, --nodes-file */
};

struct flag;
typedef bool parse_fn(struct parsing *, const struct flag *, const char *value);

struct flag {
	const char *name;
	char letter;         /* 0: none */
	int commands;        /* where it is known */
	const char *metavar; /* NULL: takes no value */
	parse_fn *parse;
	size_t offset;    /* of what parse sets */
	double min, max;  /* of a number */
	const char *help; /* NULL: not shown */
};

/* Ends with a NULL name. */
extern const struct flag flags[];

/* Leaves a complaint and returns false. */
bool flag_bad(struct parsing *, const char *, ...) __attribute__((format(printf, 2, 3)));
void names_add(struct parsing *, struct names *, const char *name);

#endif
