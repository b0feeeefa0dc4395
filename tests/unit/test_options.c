/* Command lines of nodes. */
#include "fake_host.h"

#include <stdlib.h>

struct state {
	int64_t batch_ms, other;
	bool eager;
	const char *path, *name;
};

static const struct option_spec options[] = {
    {"batch-ms", "how long to gather", OPTION_INT, offsetof(struct state, batch_ms), 50, 0, 1000, NULL},
    {"other", NULL, OPTION_INT, offsetof(struct state, other), -1, INT64_MIN, INT64_MAX, NULL},
    {"eager", "send at once", OPTION_FLAG, offsetof(struct state, eager), 0, 0, 0, NULL},
    {"path", "where to keep it", OPTION_TEXT, offsetof(struct state, path), 0, 0, 0, NULL},
    {"name", "what to say", OPTION_TEXT, offsetof(struct state, name), 0, 0, 0, "nobody"},
    {0},
};
static const struct program program = {
    .name = "optional", .summary = "Has options.", .state_size = sizeof(struct state), .options = options};
static const struct program bare = {.name = "bare"};

/* Configures with words separated by spaces; the text is left in `text`. */
static enum configure
configure(struct fake *fake, const char *line, struct buffer *text)
{
	char copy[200], *words[20] = {copy}, *rest = copy;
	int count = 0;
	enum configure result;

	strlcpy(copy, line, sizeof(copy));
	while ((words[count] = strsep(&rest, " ")) != NULL)
		count++;
	text->length = 0;
	result = node_configure(fake->node, count, words, text);
	memset(copy, '#', sizeof(copy)); /* the command line need not outlive the call */
	buffer_string(text);
	return result;
}

static const struct state *
state_of(struct fake *fake)
{
	return node_state(fake->node);
}

static void
has_defaults(void **unused)
{
	struct buffer text = {0};
	struct fake fake;

	(void)unused;
	fake_open(&fake, &program);
	assert_int_equal(state_of(&fake)->batch_ms, 50);
	assert_int_equal(configure(&fake, "node", &text), CONFIGURE_OK);
	assert_string_equal(text.bytes, "");
	assert_int_equal(state_of(&fake)->batch_ms, 50);
	assert_int_equal(state_of(&fake)->other, -1);
	assert_false(state_of(&fake)->eager);
	assert_null(state_of(&fake)->path);
	assert_string_equal(state_of(&fake)->name, "nobody");
	fake_close(&fake);
	buffer_free(&text);
}

static void
takes_values(void **unused)
{
	struct buffer text = {0};
	struct fake fake;

	(void)unused;
	fake_open(&fake, &program);
	assert_int_equal(configure(&fake,
			     "node --batch-ms 1000 --other=-9223372036854775808 --eager --path /a/b --name= "
			     "--log-level error",
			     &text),
	    CONFIGURE_OK);
	assert_int_equal(state_of(&fake)->batch_ms, 1000);
	assert_true(state_of(&fake)->other == INT64_MIN);
	assert_true(state_of(&fake)->eager);
	assert_string_equal(state_of(&fake)->path, "/a/b");
	assert_string_equal(state_of(&fake)->name, "");
	assert_int_equal(fake.node->log_level, LOG_LEVEL_ERROR);
	assert_int_equal(configure(&fake, "node --path /c --path /d --batch-ms 0", &text), CONFIGURE_OK);
	assert_string_equal(state_of(&fake)->path, "/d"); /* the last counts */
	assert_int_equal(state_of(&fake)->batch_ms, 0);
	fake_close(&fake);
	buffer_free(&text);
}

static void
knows_log_levels(void **unused)
{
	static const char *const names[] = {"error", "warn", "info", "debug", "trace"};
	struct buffer text = {0};
	struct fake fake;

	(void)unused;
	fake_open(&fake, &bare);
	for (int i = 0; i < 5; i++) {
		char line[50];

		snprintf(line, sizeof(line), "node --log-level %s", names[i]);
		assert_int_equal(configure(&fake, line, &text), CONFIGURE_OK);
		assert_int_equal(fake.node->log_level, i);
	}
	fake_close(&fake);
	buffer_free(&text);
}

static void
refuses_in_one_clear_line(void **unused)
{
	static const char *const cases[][2] = {
	    {"node --batch-ms 1001", "--batch-ms 1001: too large (0 to 1000)"},
	    {"node --batch-ms -1", "--batch-ms -1: too small (0 to 1000)"},
	    {"node --batch-ms 5x", "--batch-ms 5x: invalid (0 to 1000)"},
	    {"node --batch-ms ", "--batch-ms : invalid (0 to 1000)"},
	    {"node --eager --batch-ms", "--batch-ms: needs a value"},
	    {"node --eager=yes", "--eager=yes: takes no value"},
	    {"node --eager --frobnicate 3", "--frobnicate: unknown option"},
	    {"node -x", "-x: unknown option"},
	    {"node word", "word: not an option"},
	    {"node --eager word", "word: not an option"},
	    {"node -- word", "word: not an option"},
	    {"node --log-level loud", "--log-level loud: not one of error, warn, info, debug, trace"},
	};
	struct buffer text = {0};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake fake;

		fake_open(&fake, &program);
		assert_int_equal(configure(&fake, cases[i][0], &text), CONFIGURE_BAD);
		assert_string_equal(text.bytes, cases[i][1]);
		fake_close(&fake);
	}
	buffer_free(&text);
}

static void
helps(void **unused)
{
	struct buffer text = {0};
	struct fake fake;

	(void)unused;
	fake_open(&fake, &program);
	assert_int_equal(configure(&fake, "node --eager --help --frobnicate", &text), CONFIGURE_HELP);
	assert_string_equal(text.bytes,
	    "usage: optional [options]\n"
	    "Has options.\n"
	    "\n"
	    "A node for Maelstrom or eddy: messages on stdin and stdout, logs on stderr.\n"
	    "\n"
	    "  --batch-ms N            how long to gather (0 to 1000, default 50)\n"
	    "  --other N                (-9223372036854775808 to 9223372036854775807, default -1)\n"
	    "  --eager                 send at once\n"
	    "  --path TEXT             where to keep it\n"
	    "  --name TEXT             what to say (default nobody)\n"
	    "  --data-dir DIR          keep what must outlive this process in a file there (default: nowhere)\n"
	    "  --log-level LEVEL       error, warn, info, debug or trace (default info)\n"
	    "  --help                  show this\n");
	fake_close(&fake);
	fake_open(&fake, &bare);
	assert_int_equal(configure(&fake, "node --help", &text), CONFIGURE_HELP);
	assert_non_null(strstr(text.bytes, "usage: bare [options]\n\nA node"));
	fake_close(&fake);
	buffer_free(&text);
}

static void
takes_an_empty_command_line(void **unused)
{
	char *none[] = {NULL};
	struct buffer text = {0};
	struct fake fake;

	(void)unused;
	fake_open(&fake, &bare);
	assert_int_equal(node_configure(fake.node, 0, none, &text), CONFIGURE_OK);
	fake_close(&fake);
	buffer_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(has_defaults),
	    cmocka_unit_test(takes_values),
	    cmocka_unit_test(knows_log_levels),
	    cmocka_unit_test(refuses_in_one_clear_line),
	    cmocka_unit_test(helps),
	    cmocka_unit_test(takes_an_empty_command_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
