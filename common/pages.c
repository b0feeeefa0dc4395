/* A persistent hash trie. A leaf is an object; a branch is an array of addresses, one for each digit of the hash. */
#include "pages.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "kv.h"
#include "memory.h"
#include "task.h"

#define DIGIT_BITS 4
#define FANOUT     (1 << DIGIT_BITS)
#define DEPTH_MAX  (64 / DIGIT_BITS) /* a leaf down there is never split */

void
pages_init(struct pages *p, struct node *n)
{
	p->segments = memory_made(json_object());
	p->incarnation = node_random(n, 0);
	p->made = 0;
}

void
pages_free(struct pages *p)
{
	json_decref(p->segments);
}

/* FNV-1a: which page a key is in must be the same on every node. */
static int
digit(const char *key, int depth)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (const char *c = key; *c != '\0'; c++)
		hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
	return (int)(hash >> (depth * DIGIT_BITS)) & (FANOUT - 1);
}

/* ---- segments ------------------------------------------------------------------ */

static void
remember(struct pages *p, const char *key, json_t *segment)
{
	if (json_object_size(p->segments) >= PAGES_SEGMENTS_MAX)
		json_object_clear(p->segments);
	if (json_object_set(p->segments, key, segment) == -1)
		memory_exhausted();
}

static int
fetch(struct node *n, struct pages *p, json_t *key, json_t **segment)
{
	int outcome;

	*segment = json_incref(json_object_get(p->segments, json_string_value(key)));
	if (*segment != NULL)
		return TASK_OK;
	outcome = task_kv_read(n, LIN_KV, key, PAGES_TIMEOUT_MS, segment);
	if (outcome == KV_OK)
		remember(p, json_string_value(key), *segment);
	return outcome == ERROR_KEY_DOES_NOT_EXIST ? ERROR_CRASH : outcome;
}

/* The page at an address: owned by the caller. */
static int
page_at(struct node *n, struct pages *p, json_t *address, json_t **page)
{
	json_t *key, *segment;
	int place, outcome;

	*page = NULL;
	if (json_unpack(address, "[o, i!]", &key, &place) == -1 || !json_is_string(key))
		return ERROR_CRASH;
	outcome = fetch(n, p, key, &segment);
	if (outcome != TASK_OK)
		return outcome;
	*page = json_incref(json_array_get(segment, (size_t)place));
	json_decref(segment);
	if (!json_is_object(*page) && json_array_size(*page) != FANOUT) {
		json_decref(*page);
		*page = NULL;
	}
	return *page != NULL ? TASK_OK : ERROR_CRASH;
}

/* ---- reading --------------------------------------------------------------------- */

int
pages_get(struct node *n, struct pages *p, json_t *map, const char *key, json_t **value)
{
	json_t *address = json_incref(map), *page;
	int outcome = TASK_OK;

	*value = NULL;
	for (int depth = 0; *value == NULL && !json_is_null(address); depth++) {
		outcome = page_at(n, p, address, &page);
		json_decref(address);
		if (outcome != TASK_OK)
			return outcome;
		if (json_is_object(page)) {
			*value = json_incref(json_object_get(page, key));
			address = json_null();
		} else if (depth == DEPTH_MAX) { /* a branch, where there can be none */
			address = json_null();
			outcome = ERROR_CRASH;
		} else {
			address = json_incref(json_array_get(page, (size_t)digit(key, depth)));
		}
		json_decref(page);
	}
	json_decref(address);
	return outcome;
}

/* ---- changing ---------------------------------------------------------------------- */

/* A change under way: the segment that it makes. */
struct change {
	struct pages *pages;
	json_t *key;        /* of the segment */
	json_t *pages_made; /* an array */
};

static json_t *
add_page(struct change *c, json_t *page)
{
	if (json_array_append_new(c->pages_made, page) == -1)
		memory_exhausted();
	return memory_made(json_pack("[O, i]", c->key, (int)json_array_size(c->pages_made) - 1));
}

/* Deals out an object's members by digit. */
static void
deal(json_t *members, int depth, json_t *parts[FANOUT])
{
	const char *key;
	json_t *value;

	for (int i = 0; i < FANOUT; i++)
		parts[i] = memory_made(json_object());
	json_object_foreach (members, key, value)
		if (json_object_set(parts[digit(key, depth)], key, value) == -1)
			memory_exhausted();
}

static int put_page(struct node *, struct change *, json_t *address, json_t *changes, int depth, json_t **changed);

/* `branch` is the old page, or NULL. */
static int
put_branch(struct node *n, struct change *c, json_t *branch, json_t *changes, int depth, json_t **changed)
{
	json_t *page = memory_made(json_array()), *parts[FANOUT];
	int outcome = TASK_OK;

	deal(changes, depth, parts);
	for (int i = 0; i < FANOUT; i++) {
		json_t *old = branch != NULL ? json_array_get(branch, (size_t)i) : json_null();
		json_t *address = json_incref(old);

		if (outcome == TASK_OK && json_object_size(parts[i]) > 0) {
			json_decref(address);
			outcome = put_page(n, c, old, parts[i], depth + 1, &address);
		}
		if (json_array_append_new(page, address != NULL ? address : json_null()) == -1)
			memory_exhausted();
		json_decref(parts[i]);
	}
	*changed = outcome == TASK_OK ? add_page(c, json_incref(page)) : NULL;
	json_decref(page);
	return outcome;
}

/* Makes the page that has these changes, and those below it. */
static int
put_page(struct node *n, struct change *c, json_t *address, json_t *changes, int depth, json_t **changed)
{
	json_t *page = NULL, *leaf;
	int outcome = json_is_null(address) ? TASK_OK : page_at(n, c->pages, address, &page);

	*changed = NULL;
	if (outcome != TASK_OK)
		return outcome;
	if (depth > DEPTH_MAX || (json_is_array(page) && depth == DEPTH_MAX)) {
		json_decref(page);
		return ERROR_CRASH;
	}
	if (json_is_array(page)) {
		outcome = put_branch(n, c, page, changes, depth, changed);
		json_decref(page);
		return outcome;
	}
	leaf = memory_made(page != NULL ? json_copy(page) : json_object());
	json_decref(page);
	if (json_object_update(leaf, changes) == -1)
		memory_exhausted();
	if (json_object_size(leaf) > PAGES_KEYS_MAX && depth < DEPTH_MAX)
		outcome = put_branch(n, c, NULL, leaf, depth, changed);
	else
		*changed = add_page(c, json_incref(leaf));
	json_decref(leaf);
	return outcome;
}

/* "n1-89abcdef01234567-42": nobody else makes that. */
static json_t *
fresh_key(struct node *n, struct pages *p)
{
	return memory_made(json_sprintf("%s-%016" PRIx64 "-%" PRIu64, node_id(n), p->incarnation, p->made++));
}

int
pages_put(struct node *n, struct pages *p, json_t *map, json_t *changes, json_t **changed)
{
	struct change c = {.pages = p, .key = fresh_key(n, p), .pages_made = memory_made(json_array())};
	int outcome = put_page(n, &c, map, changes, 0, changed);

	if (outcome == TASK_OK) {
		remember(p, json_string_value(c.key), c.pages_made);
		outcome = task_kv_write(n, LIN_KV, c.key, c.pages_made, PAGES_TIMEOUT_MS);
	}
	if (outcome != TASK_OK) {
		json_decref(*changed);
		*changed = NULL;
	}
	json_decref(c.key);
	json_decref(c.pages_made);
	return outcome;
}
