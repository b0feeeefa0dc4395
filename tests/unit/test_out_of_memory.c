/*
 * Every node, in a short run with everything in it, when an allocation fails:
 * each of them, one after the other. The process must end with status 1 and
 * "out of memory", and with nothing else; or, where an allocation can be done
 * without, the run goes on and the nodes say what they would have said.
 *
 * The runtime has two doors to malloc(3), common/memory.c and jansson's
 * functions. Both lead through here. At each allocation the run forks: in the
 * child it fails.
 */
#include <err.h>
#include <stdlib.h>

#include "memory.h"

static void *hooked_malloc(size_t);
static void *hooked_calloc(size_t, size_t);
static void *hooked_reallocarray(void *, size_t, size_t);

/* The archive's own memory.o is not linked then. */
#define malloc       hooked_malloc
#define calloc       hooked_calloc
#define reallocarray hooked_reallocarray
#include "../../common/memory.c"
#undef malloc
#undef calloc
#undef reallocarray

#include <sys/mman.h>
#include <sys/wait.h>

#include <execinfo.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "../fuzz/cluster.h"

#define HANG_S    60 /* a run takes milliseconds */
#define SHOWN_MAX 8  /* failures of one node that are described */

enum { ENDS_SAME, ENDS_OTHERWISE }; /* exit statuses besides that of memory_exhausted() */

#define FRAMES 24 /* of the calls that led to a failure */

/* With AddressSanitizer a fork is dear: only one allocation in so many fails. */
#if MEMORY_WATCHED
#define STRIDE 31
#else
#define STRIDE 1
#endif

const char *__asan_default_options(void);

/* Who gives up leaves everything as it is. */
const char *
__asan_default_options(void)
{
	return "detect_leaks=0";
}

/* ---- allocations -------------------------------------------------------------------- */

static size_t allocations, failures;
static bool failing;              /* they are tried */
static int messages, real_stderr; /* what the children say, and where this process does */

static void
complain(int status, const char *text)
{
	void *frames[FRAMES];

	failures++;
	if (failures > SHOWN_MAX)
		return;
	dprintf(real_stderr, "an allocation fails, and the node %s %d: %s\n",
	    WIFSIGNALED(status) ? "dies of signal" : "ends with status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), text);
	backtrace_symbols_fd(frames, backtrace(frames, FRAMES), real_stderr);
}

/* Waits for the child whose allocation failed. */
static void
judge(pid_t pid)
{
	char text[2000] = "";
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == ENDS_SAME)
		return;
	if (pread(messages, text, sizeof(text) - 1, 0) == -1)
		text[0] = '\0';
	if (!WIFEXITED(status) || WEXITSTATUS(status) != MEMORY_EXHAUSTED || strstr(text, ": out of memory\n") == NULL)
		complain(status, text);
}

/* Whether the allocation that is asked for fails: in the child of a fork. */
static bool
fails(void)
{
	pid_t pid;

	if (!failing || !in_node || allocations++ % STRIDE != 0)
		return false;
	if (ftruncate(messages, 0) != 0 || (pid = fork()) == -1)
		err(3, "fork");
	if (pid > 0) {
		judge(pid);
		return false;
	}
	failing = false;
	lseek(messages, 0, SEEK_SET);
	dup2(messages, STDERR_FILENO);
	alarm(HANG_S);
	return true;
}

static void *
hooked_malloc(size_t size)
{
	return fails() ? NULL : malloc(size);
}

static void *
hooked_calloc(size_t count, size_t size)
{
	return fails() ? NULL : calloc(count, size);
}

static void *
hooked_reallocarray(void *memory, size_t count, size_t size)
{
	return fails() ? NULL : reallocarray(memory, count, size);
}

/* ---- a run ------------------------------------------------------------------------------ */

static void
deliver_all(struct cluster *cluster, int rounds)
{
	for (int round = 0; round < rounds; round++) {
		for (size_t left = cluster->packet_count; left > 0; left--) {
			json_t *packet = packet_take(cluster, 0);

			deliver(cluster, json_string_value(json_object_get(packet, "dest")), packet);
			json_decref(packet);
		}
	}
}

/* One body has what every type of every workload wants. */
static void
ask(struct cluster *cluster, int to, const char *type, int id)
{
	const char *key = strcmp(type, "send") == 0 ? "k0" : "1";
	json_t *packet = json_pack("{s:s, s:s, s:{s:s, s:i, s:s, s:[i], s:i, s:i, s:i, s:{s:i, s:i}, s:[s, s],"
				   " s:{s:[s], s:[s]}, s:s, s:i, s:i, s:i}}",
	    "src", "c1", "dest", to == 0 ? "n0" : "n1", "body", "type", type, "msg_id", id, "key", key, "echo", id,
	    "message", id, "element", id, "delta", 2, "offsets", "k0", 0, "k1", 0, "keys", "k0", "k1", "topology", "n0",
	    "n1", "n1", "n0", "msg", "text", "value", 7, "from", 7, "to", 8);
	json_t *txn = json_pack("[[s, i, n], [s, i, i], [s, i, i]]", "r", 1,
	    strstr(cluster->program->name, "append") != NULL ? "append" : "w", 1, id,
	    strstr(cluster->program->name, "append") != NULL ? "append" : "w", 2, id);

	json_object_set_new(json_object_get(packet, "body"), "txn", txn);
	member_say(&cluster->members[to], packet);
	json_decref(packet);
}

static void
ask_everything(struct cluster *cluster, int to, int id)
{
	for (const struct route *route = cluster->program->routes; route->type != NULL; route++) {
		ask(cluster, to, route->type, id++);
		deliver_all(cluster, 1);
	}
}

/* Two nodes with disks: requests, messages, timers, a restart, the end. Returns what they said. */
static uint64_t
short_run(const struct program *program)
{
	struct cluster cluster;
	uint64_t said;

	cluster_begin(&cluster, program, 2);
	cluster_arg(&cluster, "--data-dir=d");
	for (int i = 0; i < 2; i++) {
		member_begin(&cluster.members[i]);
		member_init(&cluster.members[i]);
	}
	for (int round = 0; round < 4; round++) {
		ask_everything(&cluster, round % 2, 100 * (round + 1));
		deliver_all(&cluster, 4);
		pass_time(&cluster, round < 2 ? 300 : 1500);
		deliver_all(&cluster, 6);
	}
	member_again(&cluster.members[0]);
	deliver_all(&cluster, 4);
	ask_everything(&cluster, 0, 1000);
	pass_time(&cluster, 2000);
	deliver_all(&cluster, 4);
	cluster_end(&cluster);
	said = cluster.said;
	return said;
}

/* ---- the tests ----------------------------------------------------------------------------- */

/* In a child; exits with whether all was well. */
static _Noreturn void
try_all(const struct program *program, uint64_t expected)
{
	bool same;

	failing = true;
	same = short_run(program) == expected;
	if (!failing) /* the child in which one failed */
		_exit(same ? ENDS_SAME : ENDS_OTHERWISE);
	dprintf(real_stderr, "%s: %zu allocations, %zu failures\n", program->name, allocations, failures);
	_exit(same && failures == 0 && allocations > 500 ? 0 : 1);
}

static void
test_node(void **state)
{
	const struct program *program = *state;
	uint64_t expected = short_run(program);
	int status = -1;
	pid_t pid;

	assert_true(expected != 0 && short_run(program) == expected);
	pid = fork();
	if (pid == 0)
		try_all(program, expected);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
	struct CMUnitTest tests[64];
	size_t count = 0;
	void *frame;

	memory_serve_json();
	backtrace(&frame, 1); /* its first call allocates */
	messages = memfd_create("messages", MFD_CLOEXEC);
	real_stderr = dup(STDERR_FILENO);
	for (const struct registered *entry = registry; entry->name != NULL; entry++)
		if (strncmp(entry->name, "broken:", 7) != 0)
			tests[count++] =
			    (struct CMUnitTest){entry->name, test_node, NULL, NULL, (void *)(uintptr_t)entry->program};
	return _cmocka_run_group_tests("out of memory", tests, count, NULL, NULL);
}
