/*
 * A scanner in place of a parser: a message passes through eddy as bytes, so
 * all that is needed of it is to know that it is JSON, and where its parts
 * are.
 */
#include "envelope.h"

#include <assert.h>
#include <string.h>

#include "json_scan.h"

/* ---- its parts ----------------------------------------------------------- */

enum part { PART_ID, PART_SRC, PART_DEST, PART_BODY, PART_OTHER };

static enum part
part_named(const char *name, size_t length)
{
	if (length == 2 && memcmp(name, "id", 2) == 0)
		return PART_ID;
	if (length == 3 && memcmp(name, "src", 3) == 0)
		return PART_SRC;
	if (length == 4 && memcmp(name, "dest", 4) == 0)
		return PART_DEST;
	if (length == 4 && memcmp(name, "body", 4) == 0)
		return PART_BODY;
	return PART_OTHER;
}

static enum part
part_of(struct buffer *scratch, struct span key)
{
	enum part part = part_named(key.start + 1, key.length - 2);

	if (part != PART_OTHER || memchr(key.start, '\\', key.length) == NULL)
		return part;
	span_decode(scratch, key);
	return part_named(scratch->bytes, scratch->length);
}

/* At '{': its members, of which the last of equal ones counts. */
static bool
scan_members(struct scan *scan, struct buffer *scratch, struct span parts[PART_OTHER + 1])
{
	char c = ',';

	scan->at++;
	if (scan_next(scan) == '}')
		c = '}';
	while (c == ',') {
		struct span key, *part;

		if (!scan_key(scan, &key))
			return false;
		part = &parts[part_of(scratch, key)];
		scan_next(scan);
		part->start = scan->at;
		if (!scan_value(scan, 1))
			return false;
		part->length = (size_t)(scan->at - part->start);
		c = scan_next(scan);
		if (c != ',' && c != '}')
			return scan_fail(scan, "not JSON: a comma or the end of the object was expected");
		scan->at += c == ',';
	}
	scan->at++;
	return true;
}

/* ---- Maelstrom's schema --------------------------------------------------- */

/* Maelstrom folds over a body to make keywords of its keys: over nothing, too, and gets an empty map. */
static const char *
judge_body(struct parsed_envelope *parsed, struct span body)
{
	struct scan inside;

	parsed->body = "{}";
	parsed->length = 2;
	if (body.start == NULL || *body.start == 'n')
		return NULL;
	inside = (struct scan){.at = body.start + 1, .end = body.start + body.length};
	if ((*body.start == '[' && scan_next(&inside) == ']') || (*body.start == '"' && body.length == 2))
		return NULL;
	if (*body.start != '{')
		return "the body is not an object";
	parsed->body = body.start;
	parsed->length = body.length;
	return NULL;
}

static const char *
judge(struct parsed_envelope *parsed, const struct span parts[PART_OTHER + 1])
{
	if (parts[PART_OTHER].start != NULL)
		return "a top-level key other than id, src, dest and body";
	if (parts[PART_ID].start != NULL && !span_is_integer(parts[PART_ID]))
		return "id is not an integer";
	if (parts[PART_SRC].start == NULL)
		return "no src";
	if (*parts[PART_SRC].start != '"')
		return "src is not a string";
	if (parts[PART_DEST].start == NULL)
		return "no dest";
	if (*parts[PART_DEST].start != '"')
		return "dest is not a string";
	span_decode(&parsed->src, parts[PART_SRC]);
	span_decode(&parsed->dest, parts[PART_DEST]);
	return judge_body(parsed, parts[PART_BODY]);
}

static const char *
scan_message(struct scan *scan, struct parsed_envelope *parsed)
{
	struct span parts[PART_OTHER + 1] = {{0}};
	char c = scan_next(scan);

	if (scan->at == scan->end)
		return "an empty line";
	if (c != '{')
		return scan_value(scan, 0) ? "not a JSON object" : scan->error;
	if (!scan_members(scan, &parsed->src, parts))
		return scan->error;
	return scan->dirty ? NULL : judge(parsed, parts);
}

/* ---- all of it ----------------------------------------------------------- */

const char *
envelope_parse(struct parsed_envelope *parsed, const char *line, size_t length)
{
	struct scan scan;
	const char *why;

	if (length > 0 && line[length - 1] == '\r')
		length--;
	scan = (struct scan){.at = line, .end = line + length};
	why = scan_message(&scan, parsed);
	if (why == NULL && !scan.dirty && scan.at == scan.end)
		return NULL; /* no carriage return is in it: it would be none of these three */
	if (length > 0 && memchr(line, '\r', length) != NULL)
		return "a carriage return in the line, which ends it for Maelstrom";
	if (why != NULL || !scan.dirty)
		return why;
	scan_clean(&parsed->clean, line, scan.at);
	scan = (struct scan){.at = parsed->clean.bytes, .end = parsed->clean.bytes + parsed->clean.length};
	why = scan_message(&scan, parsed);
	assert(why != NULL || !scan.dirty);
	return why;
}

void
envelope_free(struct parsed_envelope *parsed)
{
	buffer_free(&parsed->src);
	buffer_free(&parsed->dest);
	buffer_free(&parsed->clean);
}
