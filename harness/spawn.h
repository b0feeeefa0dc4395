/* Starting a program as a node: three pipes, a process group, and a guard over it in case eddy is killed. */
#ifndef SPAWN_H
#define SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "buffer.h"

struct spawned {
	pid_t pid;        /* and process group; 0: none, it was never there or is reaped */
	int in, out, err; /* eddy's ends, not blocking */
	size_t place;     /* among those that run */
};

/*
 * Runs `bin`, made canonical, in /tmp with these arguments (NULL-terminated;
 * may be NULL), with default signals, none of eddy's descriptors, and on
 * all the processors that eddy had at first (placement.h). A file
 * without "#!" is taken for a script of the shell, as Java takes it. False: it
 * could not be started, and `error` says why in one line.
 */
bool spawn(struct spawned *, const char *bin, char *const args[], struct buffer *error);

/* Sends a signal to the whole group, if there is one. */
void spawned_signal(const struct spawned *, int signal);
/* Calls fn with each process that runs. */
void spawned_each(void (*fn)(void *arg, pid_t), void *arg);
/* It is about to be reaped, and with that its id is free for others. */
void spawned_forget(const struct spawned *);

#endif
