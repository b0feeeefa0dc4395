/*
 * A host for unit tests: time is what the test says, chance is a counter
 * through splitmix64, and logs are kept. Included by one test a binary.
 */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host.h"
#include "internal.h"

#define UNUSED __attribute__((unused))

struct fake {
	struct node *node;
	int64_t wall_ms;
	uint64_t seed;
	struct buffer logs; /* lines, newest last */
	struct buffer line; /* what fake_next() returned */
};

static int64_t
fake_wall_ms(void *arg)
{
	return ((struct fake *)arg)->wall_ms;
}

static uint64_t
fake_random(void *arg)
{
	uint64_t z = ((struct fake *)arg)->seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static void
fake_log(void *arg, enum log_level level, const char *line)
{
	struct fake *fake = arg;

	(void)level;
	assert_null(strchr(line, '\n'));
	buffer_printf(&fake->logs, "%s\n", line);
}

static const struct host fake_host = {fake_wall_ms, fake_random, fake_log, NULL, NULL};

static UNUSED void
fake_open(struct fake *fake, const struct program *program)
{
	*fake = (struct fake){.wall_ms = 1700000000123};
	fake->node = node_new(program, &fake_host, fake);
	fake->node->log_level = LOG_LEVEL_DEBUG;
	node_turn(fake->node, 1000);
}

static UNUSED void
fake_close(struct fake *fake)
{
	node_free(fake->node);
	buffer_free(&fake->logs);
	buffer_free(&fake->line);
}

static UNUSED void
fake_say(struct fake *fake, const char *line)
{
	node_receive(fake->node, line, strlen(line));
}

/* The next line of output, or NULL. */
static UNUSED const char *
fake_next(struct fake *fake)
{
	struct buffer *output = node_output(fake->node);
	char *end = output->length > 0 ? memchr(output->bytes, '\n', output->length) : NULL;

	if (end == NULL) {
		assert_int_equal(output->length, 0);
		return NULL;
	}
	fake->line.length = 0;
	buffer_append(&fake->line, output->bytes, (size_t)(end - output->bytes));
	buffer_consume(output, (size_t)(end - output->bytes) + 1);
	return buffer_string(&fake->line);
}

/* Asserts on the next line of output. */
static UNUSED void
fake_expect(struct fake *fake, const char *line)
{
	const char *next = fake_next(fake);

	if (next == NULL)
		fail_msg("nothing came where this was expected: %s", line);
	assert_string_equal(next, line);
}

static UNUSED void
fake_expect_nothing(struct fake *fake)
{
	const char *next = fake_next(fake);

	if (next != NULL)
		fail_msg("unexpected: %s", next);
}

/* Single quotes stand for double ones, to keep JSON in C readable. */
static UNUSED void
fake_quote(struct buffer *buffer)
{
	for (size_t i = 0; i < buffer->length; i++)
		if (buffer->bytes[i] == '\'')
			buffer->bytes[i] = '"';
}

/* A message from `src` with that body. */
static UNUSED void
fake_from(struct fake *fake, const char *src, const char *body)
{
	struct buffer line = {0};

	buffer_printf(&line, "{'src':'%s','dest':'n0','body':%s}", src, body);
	fake_quote(&line);
	node_receive(fake->node, line.bytes, line.length);
	buffer_free(&line);
}

/* Asserts that the next line of output is from n0 to `dest` with that body. */
static UNUSED void
fake_expect_to(struct fake *fake, const char *dest, const char *body)
{
	struct buffer line = {0};

	buffer_printf(&line, "{'src':'n0','dest':'%s','body':%s}", dest, body);
	fake_quote(&line);
	fake_expect(fake, buffer_string(&line));
	buffer_free(&line);
}

/* Turns as a right host would, up to that time. */
static UNUSED void
fake_until(struct fake *fake, int64_t ms)
{
	while (node_due(fake->node) <= ms) {
		int64_t due = node_due(fake->node);

		node_turn(fake->node, due > node_now_ms(fake->node) ? due : node_now_ms(fake->node));
	}
	node_turn(fake->node, ms);
}

static UNUSED bool
fake_logged(struct fake *fake, const char *text)
{
	return strstr(buffer_string(&fake->logs), text) != NULL;
}

#define INIT_N0                                                                                        \
	"{\"src\":\"c0\",\"dest\":\"n0\",\"body\":{\"type\":\"init\",\"msg_id\":1,\"node_id\":\"n0\"," \
	"\"node_ids\":[\"n0\",\"n1\",\"n2\"]}}"
#define INIT_OK "{\"src\":\"n0\",\"dest\":\"c0\",\"body\":{\"type\":\"init_ok\",\"in_reply_to\":1}}"

/* Through init; what start() sent is left in the output. */
static UNUSED void
fake_init(struct fake *fake, const struct program *program)
{
	fake_open(fake, program);
	fake_say(fake, INIT_N0);
	fake_expect(fake, INIT_OK);
}

#endif
