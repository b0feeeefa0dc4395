/*
 * Any bytes as a node's file of records: it begins with them, or says why not;
 * and if it begins, it goes on, and what it has made of them it takes again.
 *
 * An input's first byte chooses the node; if the second one is 's' the rest is
 * lines of JSON, which get their checksums here, and otherwise the file as it
 * is.
 */
#include <assert.h>
#include <inttypes.h>
#include <zlib.h>

#include "cluster.h"
#include "mutate.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
add_checksums(struct buffer *file, const char *text, size_t length)
{
	size_t line;

	for (const char *end = text + length; text < end; text += line + 1) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));

		line = (size_t)((newline != NULL ? newline : end) - text);
		buffer_printf(file, "%08" PRIx32 " ", (uint32_t)crc32_z(0, (const unsigned char *)text, line));
		buffer_append(file, text, line);
		buffer_append_char(file, '\n');
	}
}

static void
lay_down(struct disk *disk, const char *text, size_t length, bool checksums)
{
	struct storing storing = {.sync = true};

	if (checksums)
		add_checksums(&storing.bytes, text, length);
	else
		buffer_append(&storing.bytes, text, length);
	disk_store(disk, &storing);
	buffer_free(&storing.bytes);
}

/* A request of every type, with what most of them want. */
static void
ask(struct member *member)
{
	const struct route *route;

	assert(member->cluster != NULL);
	route = member->cluster->program->routes;

	for (int id = 2; route->type != NULL; route++, id++) {
		json_t *packet =
		    json_pack("{s:s, s:s, s:{s:s, s:i, s:i, s:i, s:i, s:i, s:[[s, i, n], [s, i, i]], s:{s:i}}}", "src",
			"c1", "dest", "n0", "body", "type", route->type, "msg_id", id, "key", 1, "value", 2, "element",
			3, "delta", 4, "txn", "r", 1, "append", 1, 5, "offsets", "k0", 0);

		member_say(member, packet);
		json_decref(packet);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct input input = {bytes, length};
	struct cluster cluster;
	struct member *member = &cluster.members[0];
	bool checksums;

	if (length < 2)
		return 0;
	cluster_begin(&cluster, nth_program(draw(&input, 256)), 1 + bytes[0] / 128);
	checksums = draw(&input, 256) == 's';
	cluster_arg(&cluster, "--data-dir=d");
	lay_down(member->disk, (const char *)input.bytes, input.length, checksums);
	for (int i = 0; i < cluster.count; i++) {
		member_begin(&cluster.members[i]);
		member_init(&cluster.members[i]);
	}
	if (!member->dead) {
		pass_time(&cluster, 1000);
		ask(member);
		pass_time(&cluster, 1000);
		member_again(member);
		pass_time(&cluster, 1000);
	}
	cluster_end(&cluster);
	return 0;
}
