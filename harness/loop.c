/*
 * Time, for everything else in eddy: a heap of events over a clock that is
 * either virtual (it jumps from event to event) or the machine's, with waits
 * for descriptors in between.
 */
#include "loop.h"

#include <assert.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "digest.h"
#include "memory.h"
#include "options.h"
#include "poller.h"

/* A handle is the event's sequence number and, in its low bits, its slot. */
#define SLOT_BITS       22
#define LOOP_EVENTS_MAX ((size_t)1 << SLOT_BITS) /* pending at once; beyond it eddy ends with a message */
#define ROUNDS_MAX      3                        /* of what is due, between two looks at the descriptors */

/* What is compared is in the heap itself: sifting touches no other memory. */
struct entry {
	int64_t time;
	uint64_t sequence;
	uint32_t slot;
};

struct slot {
	loop_fn *fn;
	void *arg;
	uint64_t sequence; /* 0: free */
	size_t place;      /* in the heap; of a free slot: the next free one, from 1 */
};

struct watch {
	loop_fd_fn *fn; /* NULL: none */
	void *arg;
	short events;
	uint32_t number; /* which of this descriptor's watches */
};

struct loop {
	bool is_virtual, stopped;
	int64_t now;   /* latched; since `epoch` */
	int64_t epoch; /* on CLOCK_MONOTONIC */
	uint64_t sequence, hash;
	FILE *trace; /* NULL: nothing is traced */

	struct entry *heap;
	size_t count;
	struct slot *slots;
	size_t slot_count, capacity; /* of heap and slots */
	size_t free;                 /* slot, from 1 */

	struct poller *poller; /* NULL: not needed yet */
	struct watch *watches; /* by descriptor */
	size_t watch_count;    /* of `watches` */
	size_t active;         /* watches of which something is asked */
};

/* ---- the clock ----------------------------------------------------------- */

static int64_t
monotonic_now(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now) == -1)
		err(EXIT_CRASH, "clock_gettime");
	return now.tv_sec * S_NS + now.tv_nsec;
}

struct loop *
loop_new(enum clock_kind kind)
{
	struct loop *loop = memory_zero(sizeof(*loop));

	loop->is_virtual = kind == CLOCK_VIRTUAL;
	loop->epoch = loop->is_virtual ? 0 : monotonic_now();
	return loop;
}

void
loop_free(struct loop *loop)
{
	if (loop == NULL)
		return;
	free(loop->heap);
	free(loop->slots);
	poller_free(loop->poller);
	free(loop->watches);
	free(loop);
}

bool
loop_is_virtual(const struct loop *loop)
{
	return loop->is_virtual;
}

int64_t
loop_now(const struct loop *loop)
{
	return loop->is_virtual ? loop->now : monotonic_now() - loop->epoch;
}

/* ---- the heap ------------------------------------------------------------ */

static bool
earlier(const struct entry *a, const struct entry *b)
{
	return a->time != b->time ? a->time < b->time : a->sequence < b->sequence;
}

static void
settle(struct loop *loop, size_t place, struct entry entry)
{
	loop->heap[place] = entry;
	loop->slots[entry.slot].place = place;
}

static void
sift_up(struct loop *loop, size_t place, struct entry entry)
{
	while (place > 0 && earlier(&entry, &loop->heap[(place - 1) / 2])) {
		settle(loop, place, loop->heap[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	settle(loop, place, entry);
}

static void
sift_down(struct loop *loop, size_t place, struct entry entry)
{
	for (;;) {
		size_t child = 2 * place + 1;

		if (child + 1 < loop->count && earlier(&loop->heap[child + 1], &loop->heap[child]))
			child++;
		if (child >= loop->count || !earlier(&loop->heap[child], &entry))
			break;
		settle(loop, place, loop->heap[child]);
		place = child;
	}
	settle(loop, place, entry);
}

/* Takes the entry at `place` out and frees its slot. */
static void
take_out(struct loop *loop, size_t place)
{
	uint32_t slot = loop->heap[place].slot;
	struct entry last = loop->heap[--loop->count];

	if (place < loop->count) {
		if (place > 0 && earlier(&last, &loop->heap[(place - 1) / 2]))
			sift_up(loop, place, last);
		else
			sift_down(loop, place, last);
	}
	loop->slots[slot].sequence = 0;
	loop->slots[slot].place = loop->free;
	loop->free = (size_t)slot + 1;
}

/* ---- events -------------------------------------------------------------- */

static uint32_t
slot_new(struct loop *loop)
{
	size_t slot = loop->free;

	if (slot > 0) {
		loop->free = loop->slots[slot - 1].place;
		return (uint32_t)slot - 1;
	}
	if (loop->slot_count == LOOP_EVENTS_MAX)
		errx(EXIT_CRASH, "more than %zu events are pending", LOOP_EVENTS_MAX);
	if (loop->slot_count == loop->capacity) {
		loop->capacity = loop->capacity > 0 ? 2 * loop->capacity : 64;
		loop->slots = memory_resize(loop->slots, loop->capacity, sizeof(*loop->slots));
		loop->heap = memory_resize(loop->heap, loop->capacity, sizeof(*loop->heap));
	}
	return (uint32_t)loop->slot_count++;
}

uint64_t
loop_at(struct loop *loop, int64_t time_ns, loop_fn *fn, void *arg)
{
	uint32_t slot = slot_new(loop);
	uint64_t sequence = ++loop->sequence;

	loop->slots[slot] = (struct slot){.fn = fn, .arg = arg, .sequence = sequence};
	if (time_ns < loop->now)
		time_ns = loop->now;
	sift_up(loop, loop->count++, (struct entry){time_ns, sequence, slot});
	return sequence << SLOT_BITS | slot;
}

uint64_t
loop_after(struct loop *loop, int64_t delay_ns, loop_fn *fn, void *arg)
{
	int64_t now = loop_now(loop), time_ns;

	if (__builtin_add_overflow(now, delay_ns, &time_ns))
		time_ns = delay_ns > 0 ? INT64_MAX : now;
	return loop_at(loop, time_ns, fn, arg);
}

void
loop_cancel(struct loop *loop, uint64_t handle)
{
	size_t slot = handle & (LOOP_EVENTS_MAX - 1);

	if (handle == 0 || slot >= loop->slot_count || loop->slots[slot].sequence != handle >> SLOT_BITS)
		return;
	take_out(loop, loop->slots[slot].place);
}

static void
run_first(struct loop *loop)
{
	struct slot event = loop->slots[loop->heap[0].slot];

	take_out(loop, 0);
	event.fn(event.arg);
}

/* ---- descriptors --------------------------------------------------------- */

static struct watch *
find_watch(struct loop *loop, int fd)
{
	assert(fd >= 0 && (size_t)fd < loop->watch_count && loop->watches[fd].fn != NULL);
	return &loop->watches[fd];
}

static void
ask(struct loop *loop, int fd, short events)
{
	struct watch *watch = find_watch(loop, fd);

	loop->active += (events != 0) - (watch->events != 0);
	watch->events = events;
	poller_ask(loop->poller, fd, events, watch->number);
}

static void
grow_watches(struct loop *loop, size_t count)
{
	if (count <= loop->watch_count)
		return;
	loop->watches = memory_resize(loop->watches, count, sizeof(*loop->watches));
	while (loop->watch_count < count)
		loop->watches[loop->watch_count++] = (struct watch){0};
}

void
loop_watch(struct loop *loop, int fd, short events, loop_fd_fn *fn, void *arg)
{
	assert(!loop->is_virtual && fd >= 0 && fn != NULL);
	if (loop->poller == NULL)
		loop->poller = poller_new();
	grow_watches(loop, (size_t)fd + 1);
	assert(loop->watches[fd].fn == NULL);
	loop->watches[fd] = (struct watch){.fn = fn, .arg = arg, .number = loop->watches[fd].number + 1};
	ask(loop, fd, events);
}

void
loop_events(struct loop *loop, int fd, short events)
{
	ask(loop, fd, events);
}

void
loop_unwatch(struct loop *loop, int fd)
{
	ask(loop, fd, 0);
	loop->watches[fd].fn = NULL;
}

/* What was there when the wait ended may have been unwatched or paused meanwhile, or be another's. */
static void
ready(void *arg, int fd, short events, uint32_t number)
{
	struct loop *loop = arg;
	struct watch *watch = &loop->watches[fd];

	if (!loop->stopped && watch->fn != NULL && watch->number == number && watch->events != 0)
		watch->fn(watch->arg, events);
}

/* Waits for descriptors, until the first event is due at most. */
static void
wait_for_descriptors(struct loop *loop)
{
	int64_t left = -1;

	if (loop->poller == NULL)
		loop->poller = poller_new();
	if (loop->count > 0) {
		left = loop->heap[0].time - loop_now(loop);
		left = left > 0 ? left : 0;
	}
	poller_wait(loop->poller, left, ready, loop);
}

/* ---- running ------------------------------------------------------------- */

int64_t
loop_due(const struct loop *loop)
{
	return loop->count > 0 ? loop->heap[0].time : INT64_MAX;
}

static void
run_virtual(struct loop *loop)
{
	while (loop->count > 0 && !loop->stopped) {
		loop->now = loop->heap[0].time;
		run_first(loop);
	}
}

/* What is due by now, but not what is set meanwhile. False if nothing was. */
static bool
run_due(struct loop *loop)
{
	uint64_t last = loop->sequence;

	loop->now = loop_now(loop);
	if (loop_due(loop) > loop->now)
		return false;
	while (!loop->stopped && loop_due(loop) <= loop->now && loop->heap[0].sequence <= last)
		run_first(loop);
	return true;
}

/*
 * What is due, and what that leads to: a request, its delivery, the write to a
 * pipe. Only so far: descriptors must have their turn, whatever is due.
 */
static void
run_rounds(struct loop *loop)
{
	for (int i = 0; i < ROUNDS_MAX && !loop->stopped && run_due(loop); i++)
		;
}

static void
run_wall(struct loop *loop)
{
	while (!loop->stopped) {
		run_rounds(loop);
		if (loop->stopped || (loop->count == 0 && loop->active == 0))
			return;
		wait_for_descriptors(loop);
	}
}

void
loop_run(struct loop *loop)
{
	loop->stopped = false;
	if (loop->is_virtual)
		run_virtual(loop);
	else
		run_wall(loop);
}

void
loop_run_until(struct loop *loop, int64_t time_ns)
{
	assert(loop->is_virtual);
	loop->stopped = false;
	while (loop_due(loop) <= time_ns && loop->count > 0 && !loop->stopped) {
		loop->now = loop->heap[0].time;
		run_first(loop);
	}
}

void
loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

/* ---- traces -------------------------------------------------------------- */

void
loop_trace_to(struct loop *loop, FILE *file)
{
	loop->trace = file;
}

bool
loop_is_traced(const struct loop *loop)
{
	return loop->trace != NULL;
}

void
loop_trace(struct loop *loop, const char *fmt, ...)
{
	int64_t now = loop_now(loop);
	va_list ap;

	if (loop->trace == NULL)
		return;
	fprintf(loop->trace, "%4" PRId64 ".%06" PRId64 "  ", now / S_NS, now % S_NS / 1000);
	va_start(ap, fmt);
	vfprintf(loop->trace, fmt, ap);
	va_end(ap);
	putc('\n', loop->trace);
}

/* ---- the hash ------------------------------------------------------------ */

void
loop_mix_number(struct loop *loop, uint64_t number)
{
	loop->hash = digest_number(loop->hash, number);
}

void
loop_mix(struct loop *loop, const void *bytes, unsigned long length)
{
	loop->hash = digest_bytes(loop->hash, bytes, length);
}

uint64_t
loop_hash(const struct loop *loop)
{
	return loop->hash;
}
