/*
 * Planted: a lock with a lease, and nothing that keeps out who has lost it. The
 * first node has all values and grants the lock, with the values, for three
 * ticks of its own clock; whoever has it performs its transaction and sends
 * back what has changed, unless half of the lease may have passed already. But
 * what has been sent can be on its way until the lock is another's, and then
 * replaces values that the other has read.
 * Needs a store that is delivered after the lease has ended, and after the
 * next one began. To be found by a search, by Elle's checks.
 * With --fence the first node refuses it: then it is right.
 * (Gray and Cheriton, Leases, 1989, section 2; Burrows, The Chubby lock
 * service, 2006, section 2.4, for sequencers.)
 */
#include "txn_hub.h"

#define TICK_MS     1000
#define LEASE_TICKS 3
/* From asking for the lock, by the clock of who asks. A tick may come at once. */
#define SAFE_MS     (TICK_MS * (LEASE_TICKS - 1) / 2)
#define WAIT_MIN_MS 500
#define WAIT_MS     500
#define TRIES       5

struct lock {
	struct hub hub; /* first */
	bool fence;
	int holder; /* index; -1: nobody */
	int ticks;  /* that are left to it */
	int64_t leases;
};

/* ---- the first node -------------------------------------------------------------- */

static void
tick(struct node *n, void *arg)
{
	struct lock *lock = node_state(n);

	(void)arg;
	if (lock->holder >= 0 && --lock->ticks == 0)
		lock->holder = -1;
}

static void
handle_acquire(struct node *n, const struct message *m)
{
	struct lock *lock = node_state(n);

	if (lock->holder >= 0) {
		node_error(n, m, ERROR_TEMPORARILY_UNAVAILABLE, "the lock is taken");
		return;
	}
	lock->holder = node_find(n, m->src);
	lock->ticks = LEASE_TICKS;
	lock->leases++;
	node_reply(n, m,
	    json_pack("{s:s, s:O, s:I}", "type", "acquire_ok", "values", lock->hub.values, "lease",
		(json_int_t)lock->leases));
}

/* What has changed, if anything; and the lock is given back. */
static void
handle_store(struct node *n, const struct message *m)
{
	struct lock *lock = node_state(n);
	json_int_t lease;
	json_t *values;
	bool holds;

	if (!node_unpack(n, m, "{s:o, s:I}", "values", &values, "lease", &lease))
		return;
	holds = lock->holder >= 0 && lease == lock->leases;
	if (lock->fence && !holds) {
		node_error(n, m, ERROR_ABORT, "the lease has ended");
		return;
	}
	json_object_update(lock->hub.values, values);
	if (holds)
		lock->holder = -1;
	node_reply_type(n, m, "store_ok");
}

/* ---- all of them ------------------------------------------------------------------ */

static int
acquire(struct node *n, json_t **granted, int64_t *asked_ms)
{
	int outcome = ERROR_TEMPORARILY_UNAVAILABLE;

	for (int i = 0; i < TRIES && outcome == ERROR_TEMPORARILY_UNAVAILABLE; i++) {
		if (i > 0 && task_sleep(n, WAIT_MIN_MS + (int64_t)node_random(n, WAIT_MS)) == TASK_CANCELLED)
			return TASK_CANCELLED;
		*asked_ms = node_now_ms(n);
		outcome = task_call(n, node_peer(n, 0), json_pack("{s:s}", "type", "acquire"), HUB_TIMEOUT_MS, granted);
	}
	return outcome;
}

static int
store(struct node *n, json_t *values, const json_t *granted)
{
	json_t *reply = NULL;
	int outcome = task_call(n, node_peer(n, 0),
	    json_pack("{s:s, s:O, s:O}", "type", "store", "values", values, "lease", json_object_get(granted, "lease")),
	    HUB_TIMEOUT_MS, &reply);

	json_decref(reply);
	return outcome;
}

static json_t *
changes(const json_t *before, json_t *after)
{
	json_t *changed = json_object(), *value;
	const char *key;

	json_object_foreach (after, key, value)
		if (!json_equal(value, json_object_get(before, key)))
			json_object_set(changed, key, value);
	return changed;
}

static void
run_locked(struct node *n, void *arg)
{
	struct hub_job *job = arg;
	json_t *granted = NULL, *values, *changed, *completed = NULL;
	int64_t asked_ms = 0;
	int outcome = acquire(n, &granted, &asked_ms);

	if (outcome == TASK_OK) {
		values = json_copy(json_object_get(granted, "values"));
		completed = txn_run(values, job->txn);
		changed = changes(json_object_get(granted, "values"), values);
		outcome = node_now_ms(n) - asked_ms < SAFE_MS ? store(n, changed, granted) : ERROR_ABORT;
		json_decref(changed);
		json_decref(values);
	}
	json_decref(granted);
	hub_end(job, outcome, completed);
}

static void
handle_txn(struct node *n, const struct message *m)
{
	json_t *txn = hub_unpack(n, m);
	struct hub_job *job;

	if (txn == NULL)
		return;
	job = memory_alloc(sizeof(*job));
	*job = (struct hub_job){node_defer(n, m), json_incref(txn)};
	if (!node_task(n, run_locked, job))
		hub_end(job, ERROR_TIMEOUT, NULL);
}

/* ---- the program ------------------------------------------------------------------- */

static void
start(struct node *n)
{
	struct lock *lock = node_state(n);

	hub_start(n);
	lock->holder = -1;
	if (is_hub(n))
		node_every(n, TICK_MS, tick, NULL, NULL);
}

static const struct route routes[] = {
    {"txn", handle_txn}, {"acquire", handle_acquire}, {"store", handle_store}, {NULL, NULL}};

static const struct option_spec options[] = {
    {"fence", "refuse what comes from an earlier lease", OPTION_FLAG, offsetof(struct lock, fence), 0, 0, 0, NULL},
    {0},
};

const struct program txn_unfenced_program = {
    .name = "txn-unfenced",
    .summary = "broken: takes what a node stores whose lock has been given to another",
    .state_size = sizeof(struct lock),
    .start = start,
    .stop = hub_stop,
    .routes = routes,
    .options = options,
};
