/* Affinity masks and policies of eddy's nodes, by the processor time that all took. */
#include "placement.h"

#include <dirent.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "memory.h"
#include "spawn.h"

#define PATH_SIZE 64

/* Busy processors: the time of eddy and the nodes in a period by its length. */
#define IDLE  0.25 /* below it no matter who else is on this one */
#define FULL  0.9  /* one does not suffice */
#define WORTH 1.5  /* below it one does: there is less to do where nobody is woken elsewhere */

#define PAUSE_MAX 64 /* periods */

struct placement {
	struct loop *loop;
	uint64_t timer;    /* 0: all are left alone */
	cpu_set_t allowed; /* what eddy was given */
	struct placement_rule rule;
	int64_t since, used; /* the last period's end; processor time until then, ns */
};

/* ---- the rule ---------------------------------------------------------------- */

static enum place
decide_shared(struct placement_rule *rule, double busy)
{
	if (busy < IDLE)
		return PLACE_KEPT;
	if (busy < FULL || --rule->wait > 0)
		return PLACE_CHOSEN;
	rule->shared = false;
	return PLACE_FREE;
}

enum place
placement_decide(struct placement_rule *rule, double busy)
{
	if (rule->shared)
		return decide_shared(rule, busy);
	if (busy >= WORTH) {
		rule->pause = 1;
		return PLACE_KEPT;
	}
	rule->shared = true;
	rule->wait = rule->pause;
	rule->pause = 2 * rule->pause < PAUSE_MAX ? 2 * rule->pause : PAUSE_MAX;
	return PLACE_CHOSEN;
}

/* ---- who needs how much ---------------------------------------------------- */

static int64_t
clock_ns(clockid_t clock)
{
	struct timespec time;

	return clock_gettime(clock, &time) == 0 ? time.tv_sec * S_NS + time.tv_nsec : 0;
}

static void
add_time(void *sum, pid_t pid)
{
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) == 0)
		*(int64_t *)sum += clock_ns(clock);
}

/* How many processors were busy since the last time. A node that has ended takes its time with it. */
static double
busy(struct placement *p)
{
	int64_t now = loop_now(p->loop), used = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	double result;

	spawned_each(add_time, &used);
	result = (double)(used - p->used) / (double)(now - p->since + 1);
	p->since = now;
	p->used = used;
	return result;
}

/* ---- masks ------------------------------------------------------------------- */

/* Nothing here is worth a word: a process may have ended, and where it runs changes no result. */
static void
set_mask(pid_t thread, const cpu_set_t *mask)
{
	(void)sched_setaffinity(thread, sizeof(*mask), mask);
}

static void
set_policy(pid_t thread, int policy)
{
	(void)sched_setscheduler(thread, policy, &(struct sched_param){0});
}

static cpu_set_t
eddys_processor(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)sched_getcpu(), &set);
	return set;
}

static const char *
tasks_of(pid_t pid, char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, "/proc/%jd/task", (intmax_t)pid);
	return path;
}

static bool
has_one_thread(pid_t pid)
{
	char path[PATH_SIZE];
	struct stat status;

	return stat(tasks_of(pid, path), &status) == 0 && status.st_nlink == 3; /* "." and ".." */
}

/* All threads that were held here, or started by such a one: their policy tells. */
static void
release_node(void *arg, pid_t pid)
{
	const struct placement *p = arg;
	char path[PATH_SIZE];
	struct dirent *entry;
	DIR *tasks;
	pid_t thread;

	tasks = opendir(tasks_of(pid, path));
	while (tasks != NULL && (entry = readdir(tasks)) != NULL)
		if ((thread = (pid_t)strtol(entry->d_name, NULL, 10)) > 0 &&
		    sched_getscheduler(thread) == SCHED_BATCH) {
			set_mask(thread, &p->allowed);
			set_policy(thread, SCHED_OTHER);
		}
	if (tasks != NULL)
		closedir(tasks);
}

/* Woken there, it does not interrupt eddy, which may have something for the next one as well. */
static void
hold_node(void *arg, pid_t pid)
{
	const cpu_set_t here = eddys_processor();

	if (has_one_thread(pid)) {
		set_mask(pid, &here);
		set_policy(pid, SCHED_BATCH);
	} else {
		release_node(arg, pid);
	}
}

/* ---- all of it ----------------------------------------------------------------- */

static void look(void *arg);

static void
next(struct placement *p, int64_t delay_ms, loop_fn *fn)
{
	p->timer = loop_after(p->loop, delay_ms * MS_NS, fn, p);
}

/* All go where eddy is, and those that were started since. */
static void
share(void *arg)
{
	struct placement *p = arg;
	const cpu_set_t here = eddys_processor();

	set_mask(0, &here);
	spawned_each(hold_node, p);
	next(p, PLACEMENT_PERIOD_MS, look);
}

static void
look(void *arg)
{
	struct placement *p = arg;

	switch (placement_decide(&p->rule, busy(p))) {
	case PLACE_KEPT:
		if (p->rule.shared)
			share(p);
		else
			next(p, PLACEMENT_PERIOD_MS, look);
		return;
	case PLACE_CHOSEN:
		set_mask(0, &p->allowed);
		next(p, PLACEMENT_CHOICE_MS, share);
		return;
	case PLACE_FREE:
		set_mask(0, &p->allowed);
		spawned_each(release_node, p);
		next(p, PLACEMENT_TRY_MS, look);
	}
}

struct placement *
placement_begin(struct loop *loop)
{
	struct placement *p = memory_zero(sizeof(*p));

	p->loop = loop;
	p->rule = (struct placement_rule){.shared = true, .pause = 1};
	/* A policy may be somebody's wish; there may be more processors than a cpu_set_t can hold. */
	if (sched_getscheduler(0) != SCHED_OTHER || sched_getaffinity(0, sizeof(p->allowed), &p->allowed) == -1)
		return p;
	(void)busy(p);
	next(p, 0, share);
	return p;
}

void
placement_end(struct placement *p)
{
	if (p == NULL)
		return;
	loop_cancel(p->loop, p->timer);
	if (p->timer != 0)
		set_mask(0, &p->allowed);
	free(p);
}
