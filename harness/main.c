/* eddy: tests distributed systems that speak Maelstrom's protocol. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cases.h"
#include "history.h"
#include "memory.h"
#include "options.h"
#include "registry.h"
#include "run.h"
#include "scenario.h"
#include "workload.h"

#define VERSION "0.1"

/* ---- eddy test, eddy sim ---------------------------------------------------------- */

/* The other flags of the command line go with the scenario's own. */
static int
replay(const char *path, int argc, char *argv[])
{
	char **extra = calloc((size_t)argc + 1, sizeof(*extra));
	int count = 0, status;

	if (extra == NULL)
		return EXIT_CRASH;
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--replay") == 0)
			i++;
		else if (strncmp(argv[i], "--replay=", strlen("--replay=")) != 0)
			extra[count++] = argv[i];
	}
	status = run_scenario(path, extra);
	free(extra);
	return status;
}

/* ---- eddy check --------------------------------------------------------------------- */

static bool
read_history(struct history *history, const char *path)
{
	struct buffer error = {0};
	FILE *file = fopen(path, "r");
	bool read = false;

	if (file == NULL)
		fprintf(stderr, "eddy: %s: %s\n", path, strerror(errno));
	else if (!(read = history_read(history, file, &error)))
		fprintf(stderr, "eddy: %s: %s\n", path, buffer_string(&error));
	if (file != NULL)
		fclose(file);
	buffer_free(&error);
	return read;
}

static int
check_history(const struct test_options *options)
{
	struct history history = {0};
	struct buffer text = {0};
	const struct value *results;
	int status = EXIT_ARGUMENTS;

	if (read_history(&history, options->history)) {
		results = check_all(&history.arena, &history, &options->check, options->workload->check);
		edn_write_pretty(&text, results);
		printf("%s\n", buffer_string(&text));
		status = verdict_exit_status(verdict_of(results));
	}
	buffer_free(&text);
	history_free(&history);
	return status;
}

/* ---- eddy list ------------------------------------------------------------------------ */

static int
list(int argc, char *argv[])
{
	(void)argv;
	if (argc > 1) {
		fprintf(stderr, "eddy: list takes no arguments\n");
		return EXIT_ARGUMENTS;
	}
	printf("workloads:\n");
	for (const struct workload *const *w = workloads; *w != NULL; w++)
		printf("  %-20s %s\n", (*w)->name, (*w)->summary);
	printf("programs:\n");
	for (const struct registered *r = registry; r->name != NULL; r++)
		printf("  %-20s %s\n", r->name, r->program->summary);
	printf("what nodes withstand (--nemesis, --swarm):\n");
	for (const struct workload *const *w = workloads; *w != NULL; w++)
		for (const struct promise *p = (*w)->promises; p != NULL && p->node != NULL; p++)
			printf("  %-20s %-24s %s\n", (*w)->name, p->node, p->faults);
	return 0;
}

/* ---- commands --------------------------------------------------------------------------- */

static int
usage(FILE *out)
{
	fputs("usage: eddy test  -w WORKLOAD --bin FILE [flags] [--] [arguments]      real processes, real time\n"
	      "       eddy sim   -w WORKLOAD --node PROGRAM [flags] [--] [arguments]  linked-in nodes, virtual time\n"
	      "       eddy check -w WORKLOAD [flags] history.edn                      judge a history again\n"
	      "       eddy cases [flags]                                              run the table of cases\n"
	      "       eddy list                                                       workloads and programs\n"
	      "       eddy COMMAND --help\n",
	    out);
	return out == stdout ? 0 : EXIT_ARGUMENTS;
}

static int
run_command(enum command command, int argc, char *argv[])
{
	struct test_options options;
	struct buffer text = {0};
	int status = EXIT_ARGUMENTS;

	switch (options_parse(&options, command, argc - 1, argv + 1, &text)) {
	case PARSE_OK:
		if (options.replay != NULL)
			status = replay(options.replay, argc - 1, argv + 1);
		else
			status = command == COMMAND_CHECK ? check_history(&options) : run_wanted(&options);
		break;
	case PARSE_HELP:
		printf("%s", buffer_string(&text));
		status = 0;
		break;
	case PARSE_BAD:
		fprintf(stderr, "eddy: %s\n", buffer_string(&text));
	}
	options_free(&options);
	buffer_free(&text);
	return status;
}

static int
dispatch(int argc, char *argv[])
{
	const char *command = argc > 1 ? argv[1] : "";

	if (strcmp(command, "test") == 0)
		return run_command(COMMAND_TEST, argc - 1, argv + 1);
	if (strcmp(command, "sim") == 0)
		return run_command(COMMAND_SIM, argc - 1, argv + 1);
	if (strcmp(command, "check") == 0)
		return run_command(COMMAND_CHECK, argc - 1, argv + 1);
	if (strcmp(command, "cases") == 0)
		return cases_main(argc - 1, argv + 1);
	if (strcmp(command, "list") == 0 && argc == 3 && strcmp(argv[2], "--help") == 0)
		return usage(stdout);
	if (strcmp(command, "list") == 0)
		return list(argc - 1, argv + 1);
	if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0)
		return usage(stdout);
	if (strcmp(command, "--version") == 0)
		return puts("eddy " VERSION), 0;
	if (argc > 1)
		fprintf(stderr, "eddy: unknown command '%s'\n", command);
	return usage(stderr);
}

/* What could not be written is no success; but a reader that has gone away has seen what it wanted. */
static int
close_output(int status)
{
	bool failed = fflush(stdout) == EOF || ferror(stdout);

	if (!failed || errno == EPIPE)
		return status;
	fprintf(stderr, "eddy: stdout: %s\n", strerror(errno));
	return status != 0 ? status : EXIT_CRASH;
}

/* Descriptors 0 to 2 are never something else, whoever has closed them: what is written to them is still an error. */
static void
keep_standard_descriptors(void)
{
	int fd;

	while ((fd = open("/dev/null", O_RDONLY)) != -1 && fd <= STDERR_FILENO)
		;
	if (fd != -1)
		close(fd);
}

/* The usual soft limit is too low for hundreds of nodes, of which each has five descriptors. */
static void
allow_descriptors(void)
{
	const rlim_t wanted = 6 * NODES_MAX;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int
main(int argc, char *argv[])
{
	memory_serve_json();
	keep_standard_descriptors();
	allow_descriptors();
	/* Nodes come and go, and so may whoever reads our output; what must not grow says so when it is written to. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	return close_output(dispatch(argc, argv));
}
