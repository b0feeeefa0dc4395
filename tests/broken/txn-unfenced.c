/*
 * Planted: a fence that looks the wrong way. The first node has all values and
 * grants a lock, with the values, for three ticks of its own clock; whoever has
 * it performs its transaction and sends back what has changed, unless half of
 * the lease may have passed already. A store is refused when one of a later
 * lease was stored before it: but not when the later one has only read yet, and
 * is about to replace what it has not seen.
 * Needs a store that is delivered after its lease has ended, and between the
 * grant of the next lease and its store. To be found by a search, by Elle's
 * checks.
 * With --fence a store is refused once a later lease was granted: that is right.
 * (Gray and Cheriton, Leases, 1989, section 2; Burrows, The Chubby lock
 * service, 2006, section 2.4, for sequencers.)
 */
#include "txn_hub.h"

#define TICK_MS     1000
#define LEASE_TICKS 3
/* From asking for the lock, by the clock of who asks. A tick may come at once. */
#define SAFE_MS          (TICK_MS * (LEASE_TICKS - 1) / 2)
#define WAIT_MIN_MS      500
#define WAIT_MS          500
#define STORE_TIMEOUT_MS 3900 /* before the client is told that nothing is known */
#define TRIES            5

struct lock {
	struct hub hub; /* first */
	bool fence;
	int holder;             /* index; -1: nobody */
	int ticks;              /* that are left to it */
	int64_t leases, stored; /* the last that was granted, and that has stored */
};

/* ---- the first node -------------------------------------------------------------- */

static void
tick(struct node *n, void *arg)
{
	struct lock *lock = node_state(n);

	(void)arg;
	if (lock->holder < 0 || --lock->ticks > 0)
		return;
	node_send(n, node_peer(n, lock->holder), json_pack("{s:s}", "type", "expired"));
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
	bool holds, late;

	if (!node_unpack(n, m, "{s:o, s:I}", "values", &values, "lease", &lease))
		return;
	holds = lock->holder >= 0 && lease == lock->leases;
	late = lock->fence ? !holds : lease < lock->stored;
	if (late) {
		node_error(n, m, ERROR_ABORT, "the lease has ended");
		return;
	}
	json_object_update(lock->hub.values, values);
	lock->stored = lease;
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

/* What we have sent in time is out of our hands. */
static void
handle_expired(struct node *n, const struct message *m)
{
	node_log(n, LOG_LEVEL_DEBUG, "the lease from %s has ended", m->src);
}

static int
store(struct node *n, json_t *values, const json_t *granted)
{
	json_t *reply = NULL;
	int outcome = task_call(n, node_peer(n, 0),
	    json_pack("{s:s, s:O, s:O}", "type", "store", "values", values, "lease", json_object_get(granted, "lease")),
	    STORE_TIMEOUT_MS, &reply);

	json_decref(reply);
	return outcome;
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
		changed = hub_changes(json_object_get(granted, "values"), values);
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

static const struct route routes[] = {{"txn", handle_txn}, {"acquire", handle_acquire}, {"store", handle_store},
    {"expired", handle_expired}, {NULL, NULL}};

static const struct option_spec options[] = {
    {"fence", "refuse what comes from a lease that has ended", OPTION_FLAG, offsetof(struct lock, fence), 0, 0, 0,
	NULL},
    {0},
};

const struct program txn_unfenced_program = {
    .name = "txn-unfenced",
    .summary = "broken: takes what a node stores whose lock was given to another that has not stored yet",
    .state_size = sizeof(struct lock),
    .start = start,
    .stop = hub_stop,
    .routes = routes,
    .options = options,
};
