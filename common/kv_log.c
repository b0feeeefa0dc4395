/* Roots, chunks and committed offsets, each under a key of its own in the service. */
#include "kv_log.h"

#include "memory.h"
#include "task.h"

/* ---- the service ------------------------------------------------------------------- */

/* Steals the key, borrows the rest. */
static int
ask(struct node *n, json_t *key, json_t *write, json_t *from, json_t *to, json_t **found)
{
	struct kv_question question = {.service = LIN_KV, .key = key, .write = write, .from = from, .to = to};
	int outcome;

	if (key == NULL)
		memory_exhausted();
	outcome = task_kv_insist(n, &question, KV_LOG_PATIENCE_MS, found);
	json_decref(key);
	return outcome;
}

static json_t *
root_key(const struct kv_log *l)
{
	return json_pack("[s, s]", "root", l->log->key);
}

static json_t *
chunk_key(const struct kv_log *l, int64_t start)
{
	return json_pack("[s, s, I]", "chunk", l->log->key, (json_int_t)start);
}

static json_t *
committed_key(const struct kv_log *l)
{
	return json_pack("[s, s]", "committed", l->log->key);
}

/* ---- reading ------------------------------------------------------------------------- */

static int64_t
root_start(const struct kv_log *l)
{
	return json_integer_value(json_array_get(l->root, 0));
}

/* Borrowed; NULL if there is nothing yet. */
static json_t *
root_entries(const struct kv_log *l)
{
	return json_array_get(l->root, 1);
}

static bool
is_root(const json_t *value)
{
	json_int_t start = json_integer_value(json_array_get(value, 0));
	const json_t *entries = json_array_get(value, 1);

	return json_is_array(entries) && json_array_size(entries) <= KV_LOG_CHUNK && start >= 0 &&
	       start % KV_LOG_CHUNK == 0;
}

/* The sealed chunk in which that offset is, owned by the caller. It must be there: the root is behind it. */
static int
read_chunk(struct node *n, struct kv_log *l, int64_t offset, json_t **entries)
{
	for (;;) {
		int outcome = ask(n, chunk_key(l, offset / KV_LOG_CHUNK * KV_LOG_CHUNK), NULL, NULL, NULL, entries);

		if (outcome == TASK_CANCELLED || json_array_size(*entries) == KV_LOG_CHUNK)
			return outcome;
		node_log(n, LOG_LEVEL_ERROR, "a chunk of %s is missing or of no known form", l->log->key);
		json_decref(*entries);
		if (task_sleep(n, KV_PATIENCE_MAX_MS) == TASK_CANCELLED)
			return TASK_CANCELLED;
	}
}

/* Appends those entries, of which the first has offset `start`, that our copy lacks: [message] or [message, tag]. */
static void
copy_entries(struct kv_log *l, int64_t start, json_t *entries)
{
	for (size_t i = (size_t)(l->log->count - start); i < json_array_size(entries); i++) {
		json_t *message = json_array_get(json_array_get(entries, i), 0);

		logs_append(l->log, message != NULL ? message : json_null());
	}
}

/* Takes over a root that was found or written, and what is before it. Steals it. */
static int
learn(struct node *n, struct kv_log *l, json_t *root)
{
	json_decref(l->root);
	l->root = root;
	while (l->log->count < root_start(l)) {
		int64_t start = l->log->count / KV_LOG_CHUNK * KV_LOG_CHUNK;
		json_t *entries;

		if (read_chunk(n, l, start, &entries) == TASK_CANCELLED)
			return TASK_CANCELLED;
		copy_entries(l, start, entries);
		json_decref(entries);
	}
	copy_entries(l, root_start(l), root_entries(l));
	return KV_OK;
}

int
kv_log_refresh(struct node *n, struct kv_log *l)
{
	json_t *root;
	int outcome = ask(n, root_key(l), NULL, NULL, NULL, &root);

	if (outcome == KV_OK && is_root(root))
		return learn(n, l, root);
	if (outcome == KV_OK)
		node_log(n, LOG_LEVEL_ERROR, "the root of %s is of no known form", l->log->key);
	json_decref(root);
	return outcome == TASK_CANCELLED ? TASK_CANCELLED : KV_OK;
}

/* ---- appending ------------------------------------------------------------------------ */

/* Whether the entry at that offset, if there is one, bears the tag. The copy is up to date. */
static int
has_tag(struct node *n, struct kv_log *l, int64_t offset, const json_t *tag, bool *has)
{
	json_t *entries = json_incref(root_entries(l));
	int outcome = KV_OK;

	if (offset < root_start(l)) {
		json_decref(entries);
		outcome = read_chunk(n, l, offset, &entries);
	}
	*has = json_equal(json_array_get(json_array_get(entries, (size_t)(offset % KV_LOG_CHUNK)), 1), tag) == 1;
	json_decref(entries);
	return outcome;
}

/* If the root is full, its entries go to their chunk. */
static int
seal(struct node *n, struct kv_log *l)
{
	json_t *entries = json_incref(root_entries(l)), *none;
	int outcome = KV_OK;

	if (json_array_size(entries) == KV_LOG_CHUNK)
		outcome = ask(n, chunk_key(l, root_start(l)), entries, NULL, NULL, &none);
	json_decref(entries);
	return outcome;
}

/* The root after the batch, of which the first entry bears the tag. */
static json_t *
next_root(const struct kv_log *l, json_t *messages, json_t *tag)
{
	bool full = json_array_size(root_entries(l)) == KV_LOG_CHUNK;
	json_t *entries = full || l->root == NULL ? json_array() : json_copy(root_entries(l)), *message;
	size_t i;

	json_array_foreach (messages, i, message)
		if (json_array_append_new(
			entries, i == 0 ? json_pack("[O, O]", message, tag) : json_pack("[O]", message)) == -1)
			memory_exhausted();
	return json_pack("[I, o]", (json_int_t)root_start(l) + (full ? KV_LOG_CHUNK : 0), entries);
}

size_t
kv_log_room(const struct kv_log *l)
{
	return KV_LOG_CHUNK - json_array_size(root_entries(l)) % KV_LOG_CHUNK;
}

int
kv_log_append(struct node *n, struct kv_log *l, json_t *messages, json_t *tag, int64_t *offset)
{
	json_t *from = json_incref(l->root), *to = next_root(l, messages, tag), *none;
	int outcome = seal(n, l);
	bool landed = true;

	*offset = l->log->count;
	if (outcome != TASK_CANCELLED)
		outcome = ask(n, root_key(l), NULL, from, to, &none);
	if (outcome == KV_OK)
		outcome = learn(n, l, json_incref(to));
	else if (outcome != TASK_CANCELLED && (outcome = kv_log_refresh(n, l)) != TASK_CANCELLED)
		outcome = has_tag(n, l, *offset, tag, &landed);
	if (!landed)
		*offset = -1;
	json_decref(from);
	json_decref(to);
	return outcome;
}

/* ---- committed offsets ------------------------------------------------------------------ */

int
kv_log_read_committed(struct node *n, struct kv_log *l)
{
	json_t *found;
	int outcome = ask(n, committed_key(l), NULL, NULL, NULL, &found);

	if (json_is_integer(found) && json_integer_value(found) > l->log->committed)
		l->log->committed = json_integer_value(found);
	json_decref(found);
	return outcome == TASK_CANCELLED ? TASK_CANCELLED : KV_OK;
}

int
kv_log_commit(struct node *n, struct kv_log *l, int64_t offset)
{
	int outcome = KV_OK;

	while (l->log->committed < offset && outcome != TASK_CANCELLED) {
		int64_t before = l->log->committed;
		json_t *from = before >= 0 ? json_integer(before) : NULL, *to = json_integer(offset), *none;

		outcome = ask(n, committed_key(l), NULL, from, to, &none);
		if (outcome == KV_OK)
			l->log->committed = offset;
		else if (outcome != TASK_CANCELLED)
			outcome = kv_log_read_committed(n, l);
		json_decref(from);
		json_decref(to);
	}
	return outcome;
}
