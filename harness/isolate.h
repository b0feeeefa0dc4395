/* Work in a process of its own: if it crashes, or says too much, nobody else does. */
#ifndef ISOLATE_H
#define ISOLATE_H

#include <stdbool.h>
#include <stddef.h>

typedef int isolate_fn(void *arg);

/*
 * Runs fn(arg) in a copy of this process, which must have one thread, and
 * waits for its end. Returns what fn returned (0 to 255), or 128 and the
 * number of the signal that ended it. Of what it does to memory only what
 * isolate_memory() gave is seen here. `quiet`: what it prints is thrown away.
 */
int isolate(isolate_fn *, void *arg, bool quiet);

/* Zeroed memory that is shared with such copies. */
void *isolate_memory(size_t);
void isolate_free(void *, size_t);

#endif
