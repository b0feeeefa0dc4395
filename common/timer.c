/* Timers, one-shot and repeating. */
#include <err.h>
#include <stdlib.h>

#include "internal.h"

struct timer {
	struct alarm alarm;
	uint64_t handle;
	int64_t period_ms; /* 0: one-shot */
	timer_fn *fn;
	void *arg;
	drop_fn *drop;
	bool firing, cancelled;
};

static void
timer_free(struct node *node, struct timer *timer)
{
	if (timer->drop != NULL)
		timer->drop(timer->arg);
	node->timer_count--;
	free(timer);
}

static void
fire_once(struct node *node, struct timer *timer)
{
	timer->drop = NULL;
	handle_end(&node->handles, timer->handle);
	timer->fn(node, timer->arg);
	timer_free(node, timer);
}

/* Set anew before the call, so that it may cancel itself like any other; what it was late by is not made up for. */
static void
fire_again(struct node *node, struct timer *timer)
{
	int64_t due = timer->alarm.due + timer->period_ms;

	alarm_set(node, &timer->alarm, due > node->now_ms ? due : node->now_ms + timer->period_ms);
	timer->firing = true;
	timer->fn(node, timer->arg);
	timer->firing = false;
	if (timer->cancelled)
		timer_free(node, timer);
}

static void
timer_fire(struct node *node, struct alarm *alarm)
{
	struct timer *timer = (struct timer *)alarm;

	if (timer->period_ms > 0)
		fire_again(node, timer);
	else
		fire_once(node, timer);
}

static void
timer_cancel(struct node *node, struct alarm *alarm)
{
	struct timer *timer = (struct timer *)alarm;

	alarm_unset(node, alarm);
	handle_end(&node->handles, timer->handle);
	timer->cancelled = true;
	if (!timer->firing)
		timer_free(node, timer);
}

static const struct alarm_kind timer_kind = {timer_fire, timer_cancel};

void
timer_count_one(struct node *node)
{
	if (node->timer_count >= node->limits.timers)
		errx(1, "%s: more than %zu timers", node->program->name, node->limits.timers);
	node->timer_count++;
}

static uint64_t
timer_new(struct node *node, int64_t delay_ms, int64_t period_ms, timer_fn *fn, void *arg, drop_fn *drop)
{
	struct timer *timer = memory_zero(sizeof(*timer));

	timer_count_one(node);
	*timer = (struct timer){.alarm.kind = &timer_kind, .period_ms = period_ms, .fn = fn, .arg = arg, .drop = drop};
	timer->handle = handle_new(&node->handles, &timer->alarm);
	alarm_set(node, &timer->alarm, alarm_time(node, delay_ms));
	return timer->handle;
}

uint64_t
node_after(struct node *node, int64_t delay_ms, timer_fn *fn, void *arg, drop_fn *drop)
{
	return timer_new(node, delay_ms, 0, fn, arg, drop);
}

uint64_t
node_every(struct node *node, int64_t period_ms, timer_fn *fn, void *arg, drop_fn *drop)
{
	if (period_ms < 1)
		period_ms = 1;
	return timer_new(node, period_ms, period_ms, fn, arg, drop);
}

void
node_cancel(struct node *node, uint64_t handle)
{
	struct alarm *alarm = handle_find(&node->handles, handle);

	if (alarm != NULL)
		alarm->kind->cancel(node, alarm);
}
