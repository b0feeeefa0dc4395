/*
 * Scenario files: whatever the bytes are, they are refused in one line, or
 * taken; what is taken can be written, and what was written reads the same.
 */
#include <assert.h>
#include <string.h>

#include "scenario.h"

#define INPUT_MAX 8192

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
write_again(const struct scenario *scenario, struct buffer *text)
{
	const struct scenario_parts parts = scenario_parts(scenario);

	scenario_write(text, &parts);
}

static void
check_round_trip(const struct scenario *scenario)
{
	struct scenario second = {0};
	struct buffer first_text = {0}, second_text = {0}, error = {0};

	write_again(scenario, &first_text);
	assert(scenario_parse(&second, first_text.bytes, first_text.length, NULL, &error));
	write_again(&second, &second_text);
	assert(first_text.length == second_text.length &&
	       memcmp(first_text.bytes, second_text.bytes, first_text.length) == 0);
	scenario_free(&second);
	buffer_free(&first_text);
	buffer_free(&second_text);
	buffer_free(&error);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scenario scenario = {0};
	struct buffer error = {0};

	if (size > INPUT_MAX)
		return 0;
	if (scenario_parse(&scenario, (const char *)data, size, NULL, &error))
		check_round_trip(&scenario);
	else
		assert(error.length > 0 && strchr(buffer_string(&error), '\n') == NULL);
	scenario_free(&scenario);
	buffer_free(&error);
	return 0;
}
