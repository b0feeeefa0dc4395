/*
 * Maelstrom's flags, their defaults and meaning (maelstrom.core, jepsen.cli),
 * and eddy's own. An unknown flag or value is one clear line and exit 254.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "arena.h"
#include "buffer.h"
#include "check.h"
#include "net.h"

struct workload;
struct program;
struct fault_script;
struct script;
struct steering;

#define EXIT_ARGUMENTS 254
#define EXIT_CRASH     255

/* Limits: what is beyond is refused. */
#define NODES_MAX       1000
#define CONCURRENCY_MAX 10000
#define SECONDS_MAX     1000000000
#define LATENCY_MS_MAX  1000000000
#define TEST_COUNT_MAX  1000000

/* Of a search. */
#define EXPLORE_OPS_MAX    1000
#define EXPLORE_DEPTH_MAX  1000     /* choices in a path */
#define EXPLORE_STATES_MAX 50000000 /* each takes 32 bytes */

enum command { COMMAND_TEST, COMMAND_SIM, COMMAND_CHECK };

enum topology { TOPOLOGY_LINE, TOPOLOGY_GRID, TOPOLOGY_TREE2, TOPOLOGY_TREE3, TOPOLOGY_TREE4, TOPOLOGY_TOTAL };

/* What eddy sim --explore tries, at most. */
struct explore_limits {
	bool wanted;
	int64_t ops, depth, states, timers; /* operations; choices in a path; states in all; choices that time passes */
	int64_t drops, duplicates, crashes; /* faults in a path */
};

struct test_options {
	enum command command;
	const struct workload *workload;
	const char *bin;               /* eddy test: path as given */
	const struct program *program; /* eddy sim: --node's */
	const char *program_name;      /* as in the registry, or the bin's last part */
	char *const *args;             /* of the node, NULL-terminated */
	const char *const *given;      /* the words of flags that say what a run is, NULL-terminated */

	const char *const *nodes; /* names */
	int node_count;
	int concurrency; /* workers, computed */
	double rate;     /* operations a second */
	int64_t time_limit_s;
	double recovery_s; /* before final reads */
	double liveness_s; /* how long a phase of liveness may take; 0: there is none */
	struct latency latency;
	unsigned faults;     /* of the nemesis: a set of kinds (fault.h) */
	unsigned partitions; /* a set of kinds (grudge.h) */
	double nemesis_interval_s;
	const struct fault_script *script; /* what the nemesis does (nemesis.h); NULL: it draws that itself */
	enum topology topology;
	int64_t key_count; /* 0: the workload's default */
	int64_t max_txn_length, max_writes_per_key;
	bool log_stderr, log_net_send, log_net_recv;
	struct check_options check;
	int64_t test_count; /* the test is run so often, or until it is not valid */

	/* eddy's own */
	uint64_t seed, last_seed; /* --seed N, --seeds A..B */
	bool seed_given;
	bool sweep;              /* --seeds was given */
	bool swarm;              /* each seed draws the rest (swarm.h) */
	uint64_t message_budget; /* the main phase ends after so many deliveries; 0: none */
	double time_budget_s;    /* a sweep stops after so much wall time; 0: none */
	int64_t jobs;            /* of a sweep, at a time; 0: as many as there are processors */
	int64_t failures;        /* a sweep stops with this failing seed */
	const char *store;       /* directory; NULL: nothing is left on disk */
	const char *history;     /* eddy check: the file */
	bool quiet;
	bool trace;           /* every event of a simulation is shown */
	bool minimise;        /* a run that is not valid */
	double minimise_s;    /* so long, at most; of a sweep too: 0: not at all */
	const char *scenario; /* the file for it; NULL: one named after the run */
	const char *replay;   /* a scenario's file: what is run is in there */
	struct explore_limits explore;

	/* What is done, where that is not the generator's affair; NULL, 0: it is. */
	const struct script *operations; /* these */
	int64_t draw_ops;                /* so many, drawn beforehand */
	FILE *recording;                 /* what is done is written there as lines of a scenario, as it happens */
	const struct steering *steering; /* what chooses in the generator's stead (steer.h) */

	struct arena arena; /* of what is made while parsing */
};

enum parse { PARSE_OK, PARSE_HELP, PARSE_BAD };

/*
 * Parses what follows "eddy test|sim|check". On PARSE_BAD one line, on
 * PARSE_HELP the help, is in `text`. Strings are borrowed from argv. As in
 * Maelstrom a word that is no flag is an argument of the node, and so is all
 * that stands behind "--".
 */
enum parse options_parse(struct test_options *, enum command, int argc, char *argv[], struct buffer *text);
void options_free(struct test_options *);

/* The command line that does the same simulation again, with this seed: quoted for a shell, without "eddy". */
void options_replay(const struct test_options *, uint64_t seed, struct buffer *);

const char *topology_name(enum topology);
const char *latency_dist_name(enum latency_dist);

#endif
