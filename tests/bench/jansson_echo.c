/*
 * What bare jansson costs for an echo: the measure for the runtime's. Reads
 * lines from stdin into memory; then, for each, parses it, builds the reply and
 * dumps that into a buffer. Only this is timed. No input, no output, no
 * dispatch: the part of a node's work that no runtime on jansson can save.
 */
#include <sys/resource.h>

#include <err.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REPLY_MAX ((size_t)1 << 20) /* bytes of one reply */

static char *
read_all(size_t *length)
{
	size_t capacity = (size_t)1 << 20;
	char *bytes = malloc(capacity);
	ssize_t got;

	*length = 0;
	while (bytes != NULL && (got = read(STDIN_FILENO, bytes + *length, capacity - *length)) > 0) {
		*length += (size_t)got;
		if (*length == capacity)
			bytes = realloc(bytes, capacity *= 2);
	}
	if (bytes == NULL)
		err(1, "stdin");
	return bytes;
}

static json_t *
reply_to(json_t *message)
{
	json_t *body = json_object_get(message, "body");

	return json_pack("{s:O, s:O, s:{s:s, s:O, s:O}}", "src", json_object_get(message, "dest"), "dest",
	    json_object_get(message, "src"), "body", "type", "echo_ok", "echo", json_object_get(body, "echo"),
	    "in_reply_to", json_object_get(body, "msg_id"));
}

static size_t
echo(const char *line, size_t length, char *output)
{
	json_error_t error;
	json_t *message = json_loadb(line, length, 0, &error);
	json_t *reply = message != NULL ? reply_to(message) : NULL;
	size_t size;

	if (reply == NULL)
		errx(1, "not an echo: %.*s", (int)length, line);
	size = json_dumpb(reply, output, REPLY_MAX, JSON_COMPACT);
	if (size == 0 || size > REPLY_MAX)
		errx(1, "a reply over %zu bytes", REPLY_MAX);
	json_decref(reply);
	json_decref(message);
	return size;
}

static double
cpu_us(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

int
main(void)
{
	size_t length, count = 0, total = 0;
	char *input = read_all(&length), *output = malloc(REPLY_MAX), *line = input, *end;
	double began;

	if (output == NULL)
		err(1, "malloc");
	began = cpu_us();
	for (; (end = memchr(line, '\n', length - (size_t)(line - input))) != NULL; line = end + 1, count++)
		total += echo(line, (size_t)(end - line), output);
	printf("%zu messages, %.3f us each, %zu bytes of replies\n", count,
	    count > 0 ? (cpu_us() - began) / (double)count : 0.0, total);
	free(output);
	free(input);
	return 0;
}
