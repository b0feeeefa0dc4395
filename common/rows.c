/* Compare-and-set until it is done, and locks of others that are in the way. */
#include "rows.h"

#include <stdlib.h>
#include <string.h>

#include "kv.h"
#include "memory.h"
#include "task.h"

#define REPEATS     3    /* of a question that nobody answered */
#define CHANGES     8    /* tried of a row, each time in vain */
#define SERVICE_MS  1500 /* for the service to answer */
#define POLL_MS     20   /* a locked row is looked at again after so long; then after twice that, ... */
#define POLL_MAX_MS 320  /* ... but at least so often */

/* ---- what is in a row -------------------------------------------------------------- */

/* Borrowed from it. */
struct parts {
	json_int_t changes;
	json_t *versions;
	json_int_t floor;
	json_t *lock; /* or null */
};

static json_t *
empty_row(void)
{
	return memory_made(json_pack("{s:i, s:[], s:i, s:n}", "changes", 0, "versions", "floor", 0, "lock"));
}

static bool
parts_unpack(json_t *json, struct parts *parts)
{
	return json_unpack(json, "{s:I, s:o, s:I, s:o!}", "changes", &parts->changes, "versions", &parts->versions,
		   "floor", &parts->floor, "lock", &parts->lock) == 0 &&
	       json_is_array(parts->versions) && (json_is_object(parts->lock) || json_is_null(parts->lock));
}

/* The parts of a row that parts_unpack() takes. */
static struct parts
parts_of(json_t *json)
{
	struct parts parts;

	if (!parts_unpack(json, &parts))
		abort();
	return parts;
}

/* The row with other versions and lock (stolen). */
static json_t *
next_row(const struct parts *parts, json_t *versions, json_int_t floor, json_t *lock)
{
	return memory_made(json_pack(
	    "{s:I, s:o, s:I, s:o}", "changes", parts->changes + 1, "versions", versions, "floor", floor, "lock", lock));
}

static int64_t
integer(const json_t *array, size_t i)
{
	return json_integer_value(json_array_get(array, i));
}

/* Whose lock there is, or -1. */
static int64_t
lock_start(const struct row *row)
{
	const struct parts parts = parts_of(row->json);

	return json_is_null(parts.lock) ? -1 : json_integer_value(json_object_get(parts.lock, "start"));
}

int64_t
row_committed(const struct row *row, int64_t start)
{
	const struct parts parts = parts_of(row->json);
	json_t *version;
	size_t i;

	json_array_foreach (parts.versions, i, version)
		if (integer(version, 1) == start)
			return integer(version, 0);
	return -1;
}

json_t *
row_value(const struct row *row, int64_t time)
{
	const struct parts parts = parts_of(row->json);
	json_t *version;
	size_t i;

	json_array_foreach (parts.versions, i, version)
		if (integer(version, 0) <= time)
			return json_array_get(version, 2);
	return NULL;
}

int64_t
row_floor(const struct row *row)
{
	return parts_of(row->json).floor;
}

/* ---- the service ----------------------------------------------------------------------- */

int
row_read(struct node *n, struct row *row)
{
	json_t *key = memory_made(json_string(row->key)), *found = NULL;
	struct parts parts;
	int outcome = ERROR_TIMEOUT;

	for (int i = 0; i < REPEATS && outcome == ERROR_TIMEOUT; i++)
		outcome = task_kv_read(n, LIN_KV, key, SERVICE_MS, &found);
	json_decref(key);
	if (outcome == ERROR_KEY_DOES_NOT_EXIST) {
		found = empty_row();
		outcome = TASK_OK;
	} else if (outcome == TASK_OK && !parts_unpack(found, &parts)) {
		json_decref(found);
		outcome = ERROR_CRASH;
	}
	if (outcome == TASK_OK) {
		json_decref(row->json);
		row->json = found;
	}
	return outcome;
}

/*
 * Replaces a row as we know it (steals `to`). ERROR_PRECONDITION_FAILED: it has become another one, which we
 * know now; whether that was our doing must be seen from it.
 */
static int
change_row(struct node *n, struct row *row, json_t *to)
{
	json_t *key = memory_made(json_string(row->key));
	int outcome = task_kv_cas(n, LIN_KV, key, row->json, to, true, SERVICE_MS);

	json_decref(key);
	if (outcome == TASK_OK) {
		json_decref(row->json);
		row->json = to;
		return TASK_OK;
	}
	json_decref(to);
	if (outcome != TASK_CANCELLED)
		outcome = row_read(n, row);
	return outcome == TASK_OK ? ERROR_PRECONDITION_FAILED : outcome;
}

void
row_free(struct row *row)
{
	json_decref(row->json);
	free(row->key);
}

/* ---- locks ----------------------------------------------------------------------------- */

int
row_commit(struct node *n, struct row *row, int64_t start, int64_t commit)
{
	int outcome = ERROR_PRECONDITION_FAILED;

	for (int i = 0; i < CHANGES && outcome == ERROR_PRECONDITION_FAILED; i++) {
		struct parts parts = parts_of(row->json);
		json_t *versions;

		if (lock_start(row) != start)
			return TASK_OK;
		versions = memory_made(json_copy(parts.versions));
		if (json_array_insert_new(versions, 0,
			json_pack("[I, I, O, O]", (json_int_t)commit, (json_int_t)start,
			    json_object_get(parts.lock, "value"), json_object_get(parts.lock, "keys"))) == -1)
			memory_exhausted();
		outcome = change_row(n, row, next_row(&parts, versions, parts.floor, json_null()));
	}
	return outcome == ERROR_PRECONDITION_FAILED ? ERROR_TIMEOUT : outcome;
}

int
row_unlock(struct node *n, struct row *row, int64_t start)
{
	int outcome = ERROR_PRECONDITION_FAILED;

	for (int i = 0; i < CHANGES && outcome == ERROR_PRECONDITION_FAILED; i++) {
		struct parts parts = parts_of(row->json);

		if (lock_start(row) != start)
			return TASK_OK;
		outcome = change_row(n, row, next_row(&parts, json_incref(parts.versions), parts.floor, json_null()));
	}
	return outcome == ERROR_PRECONDITION_FAILED ? ERROR_TIMEOUT : outcome;
}

/* A lock is in our way: finishes what its owner has decided, or, `by_force`, decides that it is not committed. */
static int
finish_lock(struct node *n, struct row *row, bool by_force)
{
	const struct parts parts = parts_of(row->json);
	const char *key = json_string_value(json_object_get(parts.lock, "primary"));
	int64_t start = lock_start(row), commit;
	struct row primary = {.key = memory_copy(key != NULL ? key : "", key != NULL ? strlen(key) : 0)};
	int outcome = key != NULL ? row_read(n, &primary) : ERROR_CRASH;

	if (outcome == TASK_OK && by_force)
		outcome = row_unlock(n, &primary, start);
	if (outcome == TASK_OK) {
		commit = row_committed(&primary, start);
		if (commit != -1)
			outcome = row_commit(n, row, start, commit);
		else if (lock_start(&primary) != start)
			outcome = row_unlock(n, row, start);
	}
	row_free(&primary);
	return outcome;
}

int
row_await(struct node *n, struct row *row, int64_t start)
{
	int64_t began = node_now_ms(n), pause = POLL_MS, owner = -1;
	int outcome = TASK_OK;

	for (;;) {
		int64_t locked = lock_start(row);

		if (locked == -1 || locked > start)
			return TASK_OK;
		if (locked != owner)
			began = node_now_ms(n);
		owner = locked;
		outcome = finish_lock(n, row, node_now_ms(n) - began >= ROW_LOCK_MS);
		if (outcome != TASK_OK)
			return outcome;
		if (lock_start(row) != owner)
			continue;
		outcome = task_sleep(n, pause);
		if (outcome == TASK_OK)
			outcome = row_read(n, row);
		if (outcome != TASK_OK)
			return outcome;
		if (pause < POLL_MAX_MS)
			pause *= 2;
	}
}

/* ---- versions that are too many ------------------------------------------------------------ */

/* What the version was the primary of is finished: nobody will ask for it any more. */
static int
finish_version(struct node *n, json_t *version)
{
	json_t *keys = json_array_get(version, 3), *key;
	int outcome = TASK_OK;
	size_t i;

	json_array_foreach (keys, i, key) {
		struct row row = {.key = memory_copy(json_string_value(key), json_string_length(key))};

		if (outcome == TASK_OK)
			outcome = row_read(n, &row);
		if (outcome == TASK_OK)
			outcome = row_commit(n, &row, integer(version, 1), integer(version, 0));
		row_free(&row);
	}
	return outcome;
}

/* Drops versions from the end of a copy of a row's, so that there is room for one more. */
static int
trim(struct node *n, json_t *versions, json_int_t *floor)
{
	int outcome = TASK_OK;

	while (outcome == TASK_OK && json_array_size(versions) >= ROW_VERSIONS_MAX) {
		size_t last = json_array_size(versions) - 1;
		json_t *version = json_array_get(versions, last);

		outcome = finish_version(n, version);
		*floor = integer(version, 0);
		if (outcome == TASK_OK)
			json_array_remove(versions, last);
	}
	return outcome;
}

/* ---- locking ------------------------------------------------------------------------------- */

int
row_lock(struct node *n, struct row *row, int64_t start, json_t *lock)
{
	const struct parts parts = parts_of(row->json);
	json_t *versions = memory_made(json_copy(parts.versions));
	json_int_t floor = parts.floor;
	int outcome = ERROR_PRECONDITION_FAILED;

	if (json_is_null(parts.lock) && integer(json_array_get(versions, 0), 0) <= start)
		outcome = trim(n, versions, &floor);
	if (outcome == TASK_OK)
		outcome = change_row(n, row, next_row(&parts, json_incref(versions), floor, json_incref(lock)));
	json_decref(versions);
	if (outcome == ERROR_PRECONDITION_FAILED && lock_start(row) == start)
		outcome = TASK_OK;
	return outcome;
}
