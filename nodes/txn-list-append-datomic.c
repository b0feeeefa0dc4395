/*
 * Transactions over lists as Datomic has them: a database is a value that
 * never changes, and one place, the root, says which value is the current one.
 * Values and root are kept in the lin-kv service; the nodes never talk to each
 * other.
 *
 * The value is a persistent map from keys to lists (pages.h), and what was
 * appended since it was made: the latest appends travel in the root itself, and
 * when there are more than --recent of them, they are written into a new map.
 * A node performs transactions, all that have come in meanwhile together, on
 * the root as it knows it, and replaces the root by compare-and-set. If another
 * node was faster, it reads the root and performs them again. Transactions that
 * only read need no compare-and-set, but must read the root to be sure that
 * it is the current one. What the root points at never changes, so it is read
 * once and kept.
 *
 * Promises: strict serializability: transactions take effect one after the
 * other, at the moment of a compare-and-set, or of reading the root, between
 * request and reply. Partitions between nodes do not matter. Nobody is answered
 * while the service is silent. Error 30: other nodes were faster ATTEMPTS times,
 * nothing has happened and nothing will; 11: the service did not answer before
 * anything was tried, likewise; 0: nobody knows.
 *
 * An attempt that timed out is made again. That is safe: every root names the
 * last change of each node, which is never the same twice, so that no root ever
 * returns, and of several attempts from one root to another at most one
 * succeeds. If one of them fails, the change that the root names for us tells
 * whether another did: an earlier one, or the same that the network has
 * repeated, for then the answers may overtake each other.
 *
 * Assumes: a node is the only one of its id. It may be killed and started
 * again: there is nothing in its memory that the service does not have.
 *
 * Sources: Hickey, The Architecture of Datomic (InfoQ 2012); Maelstrom's guide,
 * chapter 5; Kung and Robinson, On Optimistic Methods for Concurrency Control
 * (TODS 1981).
 */
#include <sys/queue.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kv.h"
#include "memory.h"
#include "node.h"
#include "pages.h"
#include "task.h"
#include "txn.h"

#define ATTEMPTS   16   /* to perform a batch: then the others are too many */
#define REPEATS    3    /* of an attempt that timed out */
#define SERVICE_MS 1500 /* for the service to answer */
#define BATCH_MAX  256  /* transactions in one change */
#define PAUSE_MS   20   /* the longest pause after the second failure; twice that after the third, and so on */
#define PAUSE_MAX  320

/* A client's transaction that waits, or is being performed. */
struct work {
	STAILQ_ENTRY(work) entry;
	struct request *request;
	json_t *txn;
	json_t *done; /* as it was performed last, or NULL */
};
STAILQ_HEAD(works, work);

struct datomic {
	int64_t recent_max; /* option */
	struct works queue; /* not yet being performed */
	bool working;       /* there is a task */
	json_t *root; /* as far as we know: {"map", "recent": [key, value, ...], "last": {node: change}}; or NULL */
	struct pages pages;
	uint64_t incarnation, changes;
};

/* ---- the root --------------------------------------------------------------------- */

static json_t *
root_key(void)
{
	return memory_made(json_string("root"));
}

/* What the first change begins with: nobody has written a root before. */
static json_t *
empty_root(void)
{
	return memory_made(json_pack("{s:n, s:[], s:{}}", "map", "recent", "last"));
}

static bool
is_root(json_t *root)
{
	json_t *map, *recent, *last;

	if (json_unpack(root, "{s:o, s:o, s:o!}", "map", &map, "recent", &recent, "last", &last) == -1 ||
	    json_array_size(recent) % 2 != 0 || !json_is_array(recent) || !json_is_object(last))
		return false;
	for (size_t i = 0; i < json_array_size(recent); i += 2)
		if (!json_is_string(json_array_get(recent, i)))
			return false;
	return true;
}

static void
know_root(struct datomic *d, json_t *root /* stolen; NULL: not known any more */)
{
	json_decref(d->root);
	d->root = root;
}

/* Makes sure that we know the root as it is now, or was a moment ago. */
static int
read_root(struct node *n)
{
	struct datomic *d = node_state(n);
	json_t *key = root_key(), *root;
	int outcome = task_kv_read(n, LIN_KV, key, SERVICE_MS, &root);

	json_decref(key);
	if (outcome == ERROR_KEY_DOES_NOT_EXIST) {
		root = empty_root();
		outcome = TASK_OK;
	} else if (outcome == TASK_OK && !is_root(root)) {
		json_decref(root);
		outcome = ERROR_CRASH;
	}
	if (outcome == TASK_OK)
		know_root(d, root);
	return outcome;
}

/* Whether our last change is `change` in the root as we know it. */
static bool
has_changed(struct node *n, const json_t *change)
{
	struct datomic *d = node_state(n);

	return json_equal(json_object_get(json_object_get(d->root, "last"), node_id(n)), change);
}

/* Longer and longer, and each node another time. */
static int
pause_after(struct node *n, int failures)
{
	int64_t longest;

	if (failures < 2)
		return TASK_OK;
	longest = failures < 6 ? PAUSE_MS << (failures - 2) : PAUSE_MAX;
	return task_sleep(n, (int64_t)node_random(n, (uint64_t)longest));
}

/*
 * Replaces the root, if it is still the one we know. ERROR_PRECONDITION_FAILED: it is not, and it was not replaced;
 * `failures`: so many times in a row, with this one. We know the new one then, as it is after a pause.
 */
static int
change_root(struct node *n, json_t *to, const json_t *change, int failures)
{
	struct datomic *d = node_state(n);
	json_t *key = root_key(), *from = json_incref(d->root);
	bool answered = false;
	int outcome = ERROR_TIMEOUT;

	for (int i = 0; i < REPEATS && !answered; i++) {
		outcome = task_kv_cas(n, LIN_KV, key, from, to, true, SERVICE_MS);
		answered = outcome == TASK_OK || outcome == TASK_CANCELLED || outcome == ERROR_PRECONDITION_FAILED;
	}
	json_decref(key);
	json_decref(from);
	if (outcome == ERROR_PRECONDITION_FAILED) {
		outcome = pause_after(n, failures);
		if (outcome == TASK_OK)
			outcome = read_root(n);
		if (outcome == TASK_OK)
			return has_changed(n, change) ? TASK_OK : ERROR_PRECONDITION_FAILED;
		return outcome == TASK_CANCELLED ? outcome : ERROR_TIMEOUT;
	}
	know_root(d, outcome == TASK_OK ? json_incref(to) : NULL);
	return outcome;
}

/* ---- performing ---------------------------------------------------------------------- */

static void
append(json_t *array, json_t *value)
{
	if (json_array_append(array, value) == -1)
		memory_exhausted();
}

/* Puts the list under a key, as the root has it, into `values`, unless it is there or empty. */
static int
load(struct node *n, json_t *recent, const char *key, json_t *values)
{
	struct datomic *d = node_state(n);
	json_t *old, *list;
	int outcome;

	if (json_object_get(values, key) != NULL)
		return TASK_OK;
	outcome = pages_get(n, &d->pages, json_object_get(d->root, "map"), key, &old);
	if (outcome != TASK_OK)
		return outcome;
	list = memory_made(json_is_array(old) ? json_copy(old) : json_array());
	for (size_t i = 0; i < json_array_size(recent); i += 2)
		if (strcmp(json_string_value(json_array_get(recent, i)), key) == 0)
			append(list, json_array_get(recent, i + 1));
	if (json_array_size(list) > 0 && json_object_set(values, key, list) == -1)
		memory_exhausted();
	json_decref(old);
	json_decref(list);
	return TASK_OK;
}

/* What a transaction reads must be known; what it appends to need not. */
static int
load_reads(struct node *n, const json_t *txn, json_t *values)
{
	struct datomic *d = node_state(n);
	int outcome = TASK_OK;

	for (size_t i = 0; i < json_array_size(txn) && outcome == TASK_OK; i++) {
		struct txn_op op = txn_op(txn, i);
		char *key;

		if (op.f != TXN_READ)
			continue;
		key = txn_key(op.key);
		outcome = load(n, json_object_get(d->root, "recent"), key, values);
		free(key);
	}
	return outcome;
}

static void
add_recent(json_t *recent, const json_t *txn)
{
	for (size_t i = 0; i < json_array_size(txn); i++) {
		struct txn_op op = txn_op(txn, i);
		char *key;

		if (op.f != TXN_APPEND)
			continue;
		key = txn_key(op.key);
		if (json_array_append_new(recent, json_string(key)) == -1)
			memory_exhausted();
		append(recent, op.value);
		free(key);
	}
}

/* Performs a batch on the root as we know it; `recent` gets its appends. */
static int
perform(struct node *n, struct works *batch, json_t *recent)
{
	json_t *values = memory_made(json_object());
	struct work *w;
	int outcome = TASK_OK;

	STAILQ_FOREACH (w, batch, entry)
		if (outcome == TASK_OK)
			outcome = load_reads(n, w->txn, values);
	STAILQ_FOREACH (w, batch, entry) {
		if (outcome != TASK_OK)
			break;
		json_decref(w->done);
		w->done = txn_run(values, w->txn);
		add_recent(recent, w->txn);
	}
	json_decref(values);
	return outcome;
}

/* The map with all recent appends in it. */
static int
fold(struct node *n, json_t *recent, json_t **map)
{
	struct datomic *d = node_state(n);
	json_t *lists = memory_made(json_object());
	int outcome = TASK_OK;

	for (size_t i = 0; i < json_array_size(recent) && outcome == TASK_OK; i += 2)
		outcome = load(n, recent, json_string_value(json_array_get(recent, i)), lists);
	if (outcome == TASK_OK)
		outcome = pages_put(n, &d->pages, json_object_get(d->root, "map"), lists, map);
	json_decref(lists);
	return outcome;
}

/* The root with these recent appends, and a name for the change. */
static int
next_root(struct node *n, json_t *recent, json_t *change, json_t **root)
{
	struct datomic *d = node_state(n);
	json_t *map = json_incref(json_object_get(d->root, "map"));
	json_t *last = memory_made(json_copy(json_object_get(d->root, "last")));
	int outcome = TASK_OK;

	json_incref(recent);
	if (json_array_size(recent) / 2 > (size_t)d->recent_max) {
		json_decref(map);
		map = NULL;
		outcome = fold(n, recent, &map);
		json_decref(recent);
		recent = memory_made(json_array());
	}
	if (json_object_set(last, node_id(n), change) == -1)
		memory_exhausted();
	*root = NULL;
	if (outcome == TASK_OK)
		*root = memory_made(json_pack("{s:O, s:O, s:O}", "map", map, "recent", recent, "last", last));
	json_decref(map);
	json_decref(last);
	json_decref(recent);
	return outcome;
}

/*
 * Performs a batch once, after so many failures. ERROR_PRECONDITION_FAILED: another node has changed the root, and
 * nothing has happened.
 */
static int
attempt(struct node *n, struct works *batch, bool reads_only, int failures, bool *tried)
{
	struct datomic *d = node_state(n);
	json_t *recent = memory_made(json_copy(json_object_get(d->root, "recent"))), *change, *root = NULL;
	int outcome = perform(n, batch, recent);

	change = memory_made(json_sprintf("%016" PRIx64 "-%" PRIu64, d->incarnation, d->changes++));
	if (outcome == TASK_OK && !reads_only) {
		outcome = next_root(n, recent, change, &root);
		if (outcome == TASK_OK) {
			*tried = true;
			outcome = change_root(n, root, change, failures + 1);
			*tried = outcome != TASK_OK && outcome != ERROR_PRECONDITION_FAILED;
		}
	}
	json_decref(recent);
	json_decref(change);
	json_decref(root);
	return outcome;
}

/* ---- batches --------------------------------------------------------------------------- */

static void
work_free(struct work *w)
{
	json_decref(w->txn);
	json_decref(w->done);
	free(w);
}

static bool
reads_only(const struct works *batch)
{
	const struct work *w;

	STAILQ_FOREACH (w, batch, entry)
		if (!txn_reads_only(w->txn))
			return false;
	return true;
}

/* Moves what waits into the batch; leaves out whose time is over. */
static void
gather(struct datomic *d, struct works *batch)
{
	struct work *w;

	for (int i = 0; i < BATCH_MAX && (w = STAILQ_FIRST(&d->queue)) != NULL; i++) {
		STAILQ_REMOVE_HEAD(&d->queue, entry);
		if (request_closed(w->request)) {
			request_error(w->request, ERROR_TIMEOUT, "too late");
			work_free(w);
			continue;
		}
		STAILQ_INSERT_TAIL(batch, w, entry);
	}
}

static void
answer(struct work *w, int outcome, bool tried)
{
	if (outcome == TASK_OK)
		request_reply(w->request, txn_ok(json_incref(w->done)));
	else if (tried)
		request_error(w->request, ERROR_TIMEOUT, "the service does not say whether it has happened");
	else if (outcome == ERROR_PRECONDITION_FAILED)
		request_error(w->request, ERROR_TXN_CONFLICT, "other nodes were faster %d times", ATTEMPTS);
	else
		request_error(w->request, ERROR_TEMPORARILY_UNAVAILABLE, "lin-kv does not answer");
}

static int
transact(struct node *n, struct works *batch, bool *tried)
{
	struct datomic *d = node_state(n);
	bool reading = reads_only(batch);
	int outcome = ERROR_PRECONDITION_FAILED;

	for (int i = 0; i < ATTEMPTS && outcome == ERROR_PRECONDITION_FAILED; i++) {
		outcome = reading || d->root == NULL ? read_root(n) : TASK_OK;
		if (outcome == TASK_OK)
			outcome = attempt(n, batch, reading, i, tried);
	}
	return outcome;
}

/* Performs what waits, batch by batch. */
static void
work(struct node *n, void *arg)
{
	struct datomic *d = node_state(n);
	struct works batch = STAILQ_HEAD_INITIALIZER(batch);
	int outcome = TASK_OK;

	(void)arg;
	while (outcome != TASK_CANCELLED && !STAILQ_EMPTY(&d->queue)) {
		bool tried = false;
		struct work *w;

		gather(d, &batch);
		if (STAILQ_EMPTY(&batch))
			continue;
		outcome = transact(n, &batch, &tried);
		while ((w = STAILQ_FIRST(&batch)) != NULL) {
			STAILQ_REMOVE_HEAD(&batch, entry);
			if (outcome != TASK_CANCELLED)
				answer(w, outcome, tried);
			work_free(w);
		}
	}
	d->working = false;
}

static void
handle_txn(struct node *n, const struct message *m)
{
	struct datomic *d = node_state(n);
	json_t *txn = txn_unpack(n, m, TXN_APPEND);
	struct work *w;

	if (txn == NULL)
		return;
	w = memory_zero(sizeof(*w));
	w->request = node_defer(n, m);
	w->txn = json_incref(txn);
	STAILQ_INSERT_TAIL(&d->queue, w, entry);
	if (d->working)
		return;
	d->working = true;
	if (!node_task(n, work, NULL))
		d->working = false;
}

/* ---- the program -------------------------------------------------------------------------- */

static void
start(struct node *n)
{
	struct datomic *d = node_state(n);

	STAILQ_INIT(&d->queue);
	pages_init(&d->pages, n);
	d->incarnation = node_random(n, 0);
}

static void
stop(struct node *n)
{
	struct datomic *d = node_state(n);
	struct work *w;

	while ((w = STAILQ_FIRST(&d->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&d->queue, entry);
		work_free(w);
	}
	know_root(d, NULL);
	pages_free(&d->pages);
}

static const struct route routes[] = {
    {"txn", handle_txn},
    {NULL, NULL},
};

static const struct option_spec options[] = {
    {.name = "recent",
	.help = "appends kept in the root before they go into a map: fewer writes, a larger root",
	.type = OPTION_INT,
	.offset = offsetof(struct datomic, recent_max),
	.initial = 64,
	.min = 0,
	.max = 4096},
    {.name = NULL},
};

const struct program txn_list_append_datomic_program = {
    .name = "txn-list-append-datomic",
    .summary = "strict serializable transactions over lists: immutable values and one root in lin-kv",
    .state_size = sizeof(struct datomic),
    .start = start,
    .stop = stop,
    .routes = routes,
    .options = options,
};
