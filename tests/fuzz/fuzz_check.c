/* Any bytes as a history: refused in one line, or else written back equal, and judged by every checker. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

/* Ends the fuzzer's run, in any build. */
#define check(truth) ((truth) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static check_fn *const checkers[] = {check_echo, check_unique_ids, check_set_full, check_broadcast, check_counter,
    check_linearizable, check_kafka, check_list_append, check_rw_register};

static void
comes_back(const struct history *history)
{
	struct history again = {0};
	struct buffer error = {0};
	char *text = NULL, *twice = NULL;
	size_t length, twice_length;
	FILE *file = open_memstream(&text, &length);

	check(file != NULL);
	history_write(history, file);
	fclose(file);
	check(history_parse(&again, text, length, &error));
	check(again.count == history->count);
	file = open_memstream(&twice, &twice_length);
	check(file != NULL);
	history_write(&again, file);
	fclose(file);
	check(length == twice_length && memcmp(text, twice, length) == 0);
	free(text);
	free(twice);
	history_free(&again);
	buffer_free(&error);
}

static void
judge(const struct history *history)
{
	static const struct net_stats net = {.all = {10, 9}, .servers = {4, 3}, .clients = {6, 6}};
	const struct check_options options = {
	    .net = &net,
	    .availability = AVAILABILITY_TOTAL,
	    .sequential_keys = true,
	    .linearizable_keys = true,
	};
	const struct value *result;
	struct arena arena = {0};
	struct buffer text = {0};
	const char *cursor, *error;
	size_t i;

	for (i = 0; i < sizeof(checkers) / sizeof(checkers[0]); i++) {
		result = check_all(&arena, history, &options, checkers[i]);
		check(value_get(result, "valid?") != NULL);
		check(value_get(value_get(result, "workload"), "valid?") != NULL);
		text.length = 0;
		edn_write_pretty(&text, result);
		cursor = text.bytes;
		check(edn_read(&arena, &cursor, text.bytes + text.length, &error) != NULL);
		json_write(&text, result);
	}
	buffer_free(&text);
	arena_free(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct history history = {0};
	struct buffer error = {0};

	if (history_parse(&history, (const char *)bytes, length, &error)) {
		check(error.length == 0);
		comes_back(&history);
		judge(&history);
	} else {
		check(strncmp(buffer_string(&error), "line ", 5) == 0);
		check(strchr(buffer_string(&error), '\n') == NULL);
	}
	history_free(&history);
	buffer_free(&error);
	return 0;
}
