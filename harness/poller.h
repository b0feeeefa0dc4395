/* Descriptors, and what is asked of each: waits until something of that is there. epoll(7) in the terms of poll(2). */
#ifndef POLLER_H
#define POLLER_H

#include <stdint.h>

struct poller;

struct poller *poller_new(void);
void poller_free(struct poller *);

/*
 * Asks for events (poll(2)) of a descriptor from now on; 0: nothing any more,
 * which must be said before it is closed. `tag` comes back with each of them.
 */
void poller_ask(struct poller *, int fd, short events, uint32_t tag);

/*
 * Waits, for `timeout_ns` at most (-1: no end), and calls `ready` for each
 * descriptor with something to tell. It may ask for other things meanwhile; what
 * was found before is told all the same. A signal ends the wait.
 */
typedef void poller_fn(void *arg, int fd, short events, uint32_t tag);
void poller_wait(struct poller *, int64_t timeout_ns, poller_fn *ready, void *arg);

#endif
