/*
 * The engine under both hosts: an event queue over a clock that is either the
 * wall clock plus poll(2), or virtual. Events at the same time run in the
 * order in which they were set.
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define MS_NS ((int64_t)1000000)
#define S_NS  ((int64_t)1000000000)

enum clock_kind { CLOCK_WALL, CLOCK_VIRTUAL };

struct loop;
typedef void loop_fn(void *arg);
typedef void loop_fd_fn(void *arg, short revents);

struct loop *loop_new(enum clock_kind);
void loop_free(struct loop *); /* pending events are forgotten */
bool loop_is_virtual(const struct loop *);

/* Nanoseconds since loop_new(). Latched while an event runs when virtual, read from CLOCK_MONOTONIC when not. */
int64_t loop_now(const struct loop *);

/*
 * Runs fn(arg) at that time, or as soon as possible if it has passed. Returns
 * a handle, never 0, never reused. Beyond 4 million pending events eddy ends
 * with a message.
 */
uint64_t loop_at(struct loop *, int64_t time_ns, loop_fn *, void *arg);
uint64_t loop_after(struct loop *, int64_t delay_ns, loop_fn *, void *arg);
void loop_cancel(struct loop *, uint64_t handle); /* idempotent */

/* Wall clock only: fn is called when `events` (poll(2)) are there; 0 pauses, loop_unwatch() ends it. One watch a
 * descriptor. */
void loop_watch(struct loop *, int fd, short events, loop_fd_fn *, void *arg);
void loop_events(struct loop *, int fd, short events);
void loop_unwatch(struct loop *, int fd);

/* Runs events until loop_stop(), or until nothing is left to happen: no event, and no watch that is not paused. */
void loop_run(struct loop *);
void loop_stop(struct loop *);
/* Virtual clock only: runs what is due up to that time, unless stopped. When the first event is due; INT64_MAX: none.
 */
void loop_run_until(struct loop *, int64_t time_ns);
int64_t loop_due(const struct loop *);

/* Lines with the time in front of them are written there: what happens, for people. NULL: nowhere. Borrowed. */
void loop_trace_to(struct loop *, FILE *);
bool loop_is_traced(const struct loop *);
void loop_trace(struct loop *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * The rolling hash of everything that happened in a simulation: rooms mix in
 * what they do. Same seed, same hash.
 */
void loop_mix(struct loop *, const void *bytes, unsigned long length);
void loop_mix_number(struct loop *, uint64_t);
uint64_t loop_hash(const struct loop *);

#endif
