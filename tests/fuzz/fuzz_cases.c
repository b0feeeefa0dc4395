/*
 * Any bytes as a table of cases: refused in one line that names the line of
 * the file, or taken, and then asked whatever can be asked of a case.
 */
#include <sys/mman.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "casefile.h"
#include "options.h"

/* Ends the fuzzer's run, in any build. */
#define check(truth) ((truth) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char results_text[] =
    "{\"valid?\":false,\"stats\":{\"count\":9},\"availability\":{\"ok-fraction\":0.5},"
    "\"net\":{\"all\":{\"msg-count\":5},\"servers\":{\"msgs-per-op\":2.5}},"
    "\"workload\":{\"valid?\":false,\"lost-count\":1,\"anomalies\":{\"G1a\":[1]},\"stuck\":[]}}";

/* Every verdict on it is either right, or there is a line that says what is wrong. */
static void
judge(const struct test_case *c, const struct value *results)
{
	struct buffer why = {0};

	for (int outcome = OUTCOME_VALID; outcome <= OUTCOME_FAILED; outcome++) {
		for (int what = 0; what < 8; what++) {
			why.length = 0;
			check(case_judge(c, (enum outcome)outcome, what & 1 ? results : NULL, what, &why) ==
			      (why.length == 0));
			check(outcome == (int)c->expected || why.length > 0);
		}
	}
	buffer_free(&why);
}

static void
check_case(const struct test_case *c, const struct value *results)
{
	check(c->expected <= OUTCOME_CRASH && *c->node != '\0');
	check(case_is_broken(c) == (strncmp(c->node, "broken:", 7) == 0));
	for (char *const *flag = c->flags; *flag != NULL; flag++)
		if (**flag == '-' && strchr(*flag, '=') == NULL)
			case_flag(c, *flag);
	case_number(c, "--rate", 1);
	judge(c, results);
}

static void
check_list(const struct case_list *list)
{
	const char *cursor = results_text, *error = NULL;
	struct arena arena = {0};
	const struct value *results = json_read(&arena, &cursor, cursor + strlen(cursor), &error);
	const struct test_case *c;

	check(results != NULL);
	STAILQ_FOREACH (c, list, link)
		check_case(c, results);
	arena_free(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct case_list list = STAILQ_HEAD_INITIALIZER(list);
	struct arena arena = {0};
	struct buffer error = {0};
	char path[32];
	int fd = memfd_create("cases", MFD_CLOEXEC);

	check(fd != -1 && write(fd, bytes, length) == (ssize_t)length);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (casefile_read(&arena, path, "echo", &list, &error)) {
		check(error.length == 0);
		check_list(&list);
	} else {
		check(strncmp(buffer_string(&error), path, strlen(path)) == 0);
		check(memchr(error.bytes, '\n', error.length) == NULL);
	}
	close(fd);
	arena_free(&arena);
	buffer_free(&error);
	return 0;
}
