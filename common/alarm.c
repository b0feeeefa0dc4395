/* One queue for all that waits for a time, so that timers, time-outs and deadlines keep one order among themselves. */
#include <assert.h>
#include <stdlib.h>

#include "internal.h"

#define ALARMS_FIRST 16 /* places of the first allocation */

static bool
before(const struct alarm *a, const struct alarm *b)
{
	return a->due != b->due ? a->due < b->due : a->sequence < b->sequence;
}

static void
put(struct alarms *alarms, size_t place, struct alarm *alarm)
{
	alarms->heap[place] = alarm;
	alarm->place = place;
}

/* ---- the heap -------------------------------------------------------------- */

static void
rise(struct alarms *alarms, size_t place, struct alarm *alarm)
{
	for (; place > 1 && before(alarm, alarms->heap[place / 2]); place /= 2)
		put(alarms, place, alarms->heap[place / 2]);
	put(alarms, place, alarm);
}

static void
sink(struct alarms *alarms, size_t place, struct alarm *alarm)
{
	for (size_t child; (child = place * 2) <= alarms->count; place = child) {
		if (child < alarms->count && before(alarms->heap[child + 1], alarms->heap[child]))
			child++;
		if (!before(alarms->heap[child], alarm))
			break;
		put(alarms, place, alarms->heap[child]);
	}
	put(alarms, place, alarm);
}

static void
make_room(struct alarms *alarms)
{
	if (alarms->count + 1 < alarms->capacity)
		return;
	alarms->capacity = alarms->capacity > 0 ? alarms->capacity * 2 : ALARMS_FIRST;
	alarms->heap = memory_resize(alarms->heap, alarms->capacity, sizeof(*alarms->heap));
}

/* ---- setting and firing ---------------------------------------------------- */

int64_t
alarm_time(const struct node *node, int64_t delay_ms)
{
	if (delay_ms < 0)
		delay_ms = 0;
	return delay_ms < INT64_MAX - node->now_ms ? node->now_ms + delay_ms : INT64_MAX;
}

void
alarm_set(struct node *node, struct alarm *alarm, int64_t due)
{
	struct alarms *alarms = &node->alarms;

	assert(alarm->kind != NULL);
	alarm_unset(node, alarm);
	make_room(alarms);
	alarm->due = due;
	alarm->sequence = alarms->sequence++;
	rise(alarms, ++alarms->count, alarm);
}

void
alarm_unset(struct node *node, struct alarm *alarm)
{
	struct alarms *alarms = &node->alarms;
	struct alarm *last;
	size_t place = alarm->place;

	if (place == 0)
		return;
	alarm->place = 0;
	last = alarms->heap[alarms->count--];
	if (last == alarm)
		return;
	if (place > 1 && before(last, alarms->heap[place / 2]))
		rise(alarms, place, last);
	else
		sink(alarms, place, last);
}

void
alarms_run(struct node *node)
{
	struct alarms *alarms = &node->alarms;
	uint64_t end = alarms->sequence;

	while (alarms->count > 0) {
		struct alarm *alarm = alarms->heap[1];

		if (alarm->due > node->now_ms || alarm->sequence >= end)
			return;
		alarm_unset(node, alarm);
		alarm->kind->fire(node, alarm);
	}
}

void
alarms_cancel_all(struct node *node)
{
	while (node->alarms.count > 0) {
		struct alarm *alarm = node->alarms.heap[1];

		alarm->kind->cancel(node, alarm);
	}
}
