/*
 * The durable state of a node: records, made into lines that people can read
 * as well,
 *
 *	CRC-32 of the JSON in eight hexadecimal digits, a space, compact JSON, a newline
 *
 * and lines made into records. What is to become of the bytes is gathered here
 * and done by the host, at the end of the turn and before its output leaves.
 *
 * A line that is damaged, with none behind it that is not, is a write that was
 * not finished: nothing was promised on it, and it is cut off. With good lines
 * behind it, it was good itself once: such a node must not go on.
 *
 * What can be read need not be on the disk. A life may have ended before its
 * sync, or because its sync failed, and then the system may have given up the
 * pages that it could not write and shows them all the same, and says of the
 * next sync that it went well (Rebello et al., Can Applications Recover from
 * fsync Failures?, 2020). So what is found is not only synced, but written
 * anew, before anything is promised on it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "internal.h"

#define HEAD_BYTES 9 /* checksum and space */
#define KEPT_BYTES ((size_t)1 << 20)

/* ---- lines ------------------------------------------------------------------ */

static void
write_head(char *head, const char *json, size_t length)
{
	char text[HEAD_BYTES + 1];

	snprintf(text, sizeof(text), "%08" PRIx32 " ", (uint32_t)crc32_z(0, (const unsigned char *)json, length));
	memcpy(head, text, HEAD_BYTES);
}

/* `line` is without its newline. */
static bool
is_intact(const char *line, size_t length)
{
	char head[HEAD_BYTES];

	if (length <= HEAD_BYTES || length > HEAD_BYTES + NODE_RECORD_MAX)
		return false;
	write_head(head, line + HEAD_BYTES, length - HEAD_BYTES);
	return memcmp(head, line, HEAD_BYTES) == 0;
}

static int
take_json(const char *bytes, size_t length, void *arg)
{
	buffer_append(arg, bytes, length);
	return 0;
}

static void
append_line(struct node *node, const json_t *record)
{
	struct buffer *bytes = &node->storage.storing.bytes;
	size_t start = bytes->length, length;

	buffer_append(bytes, "         ", HEAD_BYTES);
	if (record == NULL || json_dump_callback(record, take_json, bytes, JSON_COMPACT | JSON_ENCODE_ANY) == -1)
		memory_exhausted();
	length = bytes->length - start - HEAD_BYTES;
	if (length > node->limits.record)
		node_fail(node, "a record of %zu bytes is longer than %zu", length, node->limits.record);
	write_head(bytes->bytes + start, bytes->bytes + start + HEAD_BYTES, length);
	buffer_append_char(bytes, '\n');
	node->storage.stored += bytes->length - start;
}

/* ---- loading ---------------------------------------------------------------- */

/* The line at `at`, without its newline; false if it has none: then it is the rest. */
static bool
line_at(const struct buffer *bytes, size_t at, size_t *length)
{
	const char *end = memchr(bytes->bytes + at, '\n', bytes->length - at);

	*length = end != NULL ? (size_t)(end - bytes->bytes) - at : bytes->length - at;
	return end != NULL;
}

/* The bytes up to the first line that is not intact; SIZE_MAX if intact ones stand behind it. */
static size_t
intact_bytes(struct node *node)
{
	struct buffer *loaded = &node->storage.loaded;
	size_t intact = 0, length, lines = 0, bad = 0;

	for (size_t at = 0; at < loaded->length; at += length + 1) {
		bool good = line_at(loaded, at, &length) && is_intact(loaded->bytes + at, length);

		lines++;
		if (good && bad > 0) {
			node_fail(node, "record %zu is damaged, and record %zu is not: somebody must look at this file",
			    bad, lines);
			return SIZE_MAX;
		}
		if (good)
			intact = at + length + 1;
		else if (bad == 0)
			bad = lines;
	}
	return intact;
}

bool
storage_load(struct node *node)
{
	struct storage *storage = &node->storage;
	size_t intact;

	if (storage->dir == NULL)
		return true;
	if (!node->host->load(node->host_arg, storage->dir, node->id, &storage->loaded)) {
		node->failed = true;
		return false;
	}
	intact = intact_bytes(node);
	if (intact == SIZE_MAX)
		return false;
	if (intact < storage->loaded.length)
		node_log(node, LOG_LEVEL_WARN, "cut off %zu bytes of records: their write was not finished",
		    storage->loaded.length - intact);
	storage->storing.replace = storage->storing.sync = storage->loaded.length > 0;
	storage->loaded.length = storage->stored = intact;
	buffer_append(&storage->storing.bytes, storage->loaded.bytes, intact);
	return true;
}

static void
forget_record(struct storage *storage)
{
	json_decref(storage->record);
	storage->record = NULL;
}

json_t *
node_next_record(struct node *node)
{
	struct storage *storage = &node->storage;
	const char *line;
	size_t length;

	forget_record(storage);
	if (storage->at >= storage->loaded.length || node->failed)
		return NULL;
	line_at(&storage->loaded, storage->at, &length);
	line = storage->loaded.bytes + storage->at;
	storage->at += length + 1;
	storage->record = json_loadb(line + HEAD_BYTES, length - HEAD_BYTES, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	if (storage->record == NULL)
		node_fail(node, "a record is no JSON, though its checksum is right: %.*s",
		    length < 200 ? (int)length : 200, line);
	return storage->record;
}

void
storage_loaded(struct node *node)
{
	forget_record(&node->storage);
	buffer_free(&node->storage.loaded);
}

/* ---- storing ---------------------------------------------------------------- */

bool
node_is_durable(const struct node *node)
{
	return node->storage.dir != NULL;
}

void
node_append(struct node *node, json_t *record)
{
	if (node_is_durable(node))
		append_line(node, record);
	json_decref(record);
}

void
node_sync(struct node *node)
{
	node->storage.storing.sync = node_is_durable(node);
}

void
node_rewrite(struct node *node, json_t *records)
{
	struct storage *storage = &node->storage;
	json_t *record;
	size_t i;

	if (node_is_durable(node)) {
		storage->storing.replace = storage->storing.sync = true;
		storage->storing.bytes.length = storage->stored = 0;
		json_array_foreach (records, i, record)
			append_line(node, record);
	}
	json_decref(records);
}

size_t
node_stored(const struct node *node)
{
	return node->storage.stored;
}

uint64_t
node_syncs(const struct node *node)
{
	return node->storage.syncs;
}

/* ---- the host's side ---------------------------------------------------------- */

const struct storing *
node_storing(const struct node *node)
{
	const struct storing *storing = &node->storage.storing;

	return storing->bytes.length > 0 || storing->replace || storing->sync ? storing : NULL;
}

void
node_has_stored(struct node *node)
{
	struct storing *storing = &node->storage.storing;

	node->storage.syncs += storing->sync;
	storing->replace = storing->sync = false;
	storing->bytes.length = 0;
	if (storing->bytes.capacity > KEPT_BYTES)
		buffer_free(&storing->bytes);
}

void
storage_free(struct node *node)
{
	storage_loaded(node);
	buffer_free(&node->storage.storing.bytes);
}
