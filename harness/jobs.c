/*
 * One loop waits for signals (SIGCHLD among them) with a short time-out, so
 * there is no handler and nothing is missed. Children are reaped one by one,
 * by id.
 */
#include "jobs.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS 100

static const int end_signals[] = {SIGINT, SIGTERM, SIGHUP};

int64_t
jobs_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- one child ------------------------------------------------------------ */

static int
open_to(const char *path, int flags, int fd)
{
	int file = open(path, flags, 0644);

	if (file == -1 || dup2(file, fd) == -1)
		return -1;
	if (file != fd)
		close(file);
	return 0;
}

/* In the child. Never returns. */
static void
become(const struct job *job, const sigset_t *mask, pid_t parent)
{
	setpgid(0, 0);
	/* Should this process be killed outright, its children still end. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(127);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, mask, NULL);
	if (open_to("/dev/null", O_RDONLY, 0) == -1 || open_to(job->output, O_WRONLY | O_CREAT | O_TRUNC, 1) == -1 ||
	    dup2(1, 2) == -1)
		err(127, "%s", job->output);
	if (job->directory != NULL && chdir(job->directory) == -1)
		err(127, "%s", job->directory);
	execvp(job->argv[0], job->argv);
	err(127, "%s", job->argv[0]);
}

static void
start(struct job *job, const sigset_t *mask)
{
	pid_t parent = getpid();

	fflush(NULL);
	job->started_ms = jobs_now_ms();
	job->kill_ms = 0;
	job->timed_out = false;
	job->pid = fork();
	if (job->pid == -1)
		err(255, "fork");
	if (job->pid == 0)
		become(job, mask, parent);
	setpgid(job->pid, job->pid); /* the child does it too: whoever comes first */
	job->state = JOB_RUNNING;
}

/* Asks the group to end, and means it after a while. */
static void
terminate(struct job *job)
{
	int64_t now = jobs_now_ms();

	if (job->kill_ms == 0) {
		kill(-job->pid, SIGTERM);
		job->kill_ms = now + JOB_GRACE_MS;
	} else if (now >= job->kill_ms) {
		kill(-job->pid, SIGKILL);
	}
}

/* True if it has ended; whatever it left in its group is killed. */
static bool
reap(struct job *job)
{
	int status;

	if (waitpid(job->pid, &status, WNOHANG) != job->pid)
		return false;
	kill(-job->pid, SIGKILL);
	job->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	job->ended_ms = jobs_now_ms();
	job->state = JOB_DONE;
	return true;
}

/* ---- all of them ---------------------------------------------------------- */

static size_t
count_in(const struct pool *pool, enum job_state state)
{
	size_t count = 0;

	for (size_t i = 0; i < pool->count; i++)
		count += pool->jobs[i]->state == state;
	return count;
}

static int
load(const struct pool *pool)
{
	int sum = 0;

	for (size_t i = 0; i < pool->count; i++)
		sum += pool->jobs[i]->state == JOB_RUNNING ? pool->jobs[i]->weight : 0;
	return sum;
}

static void
start_what_fits(struct pool *pool, const sigset_t *mask)
{
	for (size_t i = 0; i < pool->count; i++) {
		struct job *job = pool->jobs[i];

		if (job->state != JOB_WAITING)
			continue;
		if (count_in(pool, JOB_RUNNING) == 0 || load(pool) + job->weight <= pool->capacity)
			start(job, mask);
	}
}

static void
reap_all(struct pool *pool, bool ending)
{
	for (size_t i = 0; i < pool->count; i++) {
		struct job *job = pool->jobs[i];

		if (job->state == JOB_RUNNING && reap(job) && !ending && pool->ended(pool->arg, job))
			job->state = JOB_WAITING;
	}
}

static void
end_late(struct pool *pool)
{
	for (size_t i = 0; i < pool->count; i++) {
		struct job *job = pool->jobs[i];

		if (job->state == JOB_RUNNING && jobs_now_ms() - job->started_ms > job->limit_ms) {
			job->timed_out = true;
			terminate(job);
		}
	}
}

static bool
is_end_signal(int number)
{
	for (size_t i = 0; i < sizeof end_signals / sizeof *end_signals; i++) {
		if (number == end_signals[i])
			return true;
	}
	return false;
}

/* Waits for a signal, a tick at most. Returns the one that asks to end, or 0. */
static int
wait_signal(const sigset_t *set)
{
	const struct timespec tick = {.tv_nsec = TICK_MS * 1000000};
	int number = sigtimedwait(set, NULL, &tick);

	return is_end_signal(number) ? number : 0;
}

static void
end_all(struct pool *pool, const sigset_t *set)
{
	while (count_in(pool, JOB_RUNNING) > 0) {
		for (size_t i = 0; i < pool->count; i++) {
			if (pool->jobs[i]->state == JOB_RUNNING)
				terminate(pool->jobs[i]);
		}
		wait_signal(set);
		reap_all(pool, true);
	}
}

int
pool_run(struct pool *pool)
{
	sigset_t set, before;
	int end = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < sizeof end_signals / sizeof *end_signals; i++)
		sigaddset(&set, end_signals[i]);
	sigprocmask(SIG_BLOCK, &set, &before);
	while (end == 0 && count_in(pool, JOB_DONE) < pool->count) {
		start_what_fits(pool, &before);
		end = wait_signal(&set);
		reap_all(pool, false);
		end_late(pool);
		if (pool->tick != NULL)
			pool->tick(pool->arg);
	}
	end_all(pool, &set);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return end;
}
