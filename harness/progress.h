/*
 * What is shown while a test runs in real time, on stderr: on a terminal one
 * line that is drawn anew, otherwise a plain line for each phase.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include "generator.h"
#include "loop.h"
#include "net.h"
#include "options.h"

struct progress;

/* NULL, which all of these take, if there is nothing to be shown. */
struct progress *progress_start(struct loop *, struct net *, const struct test_options *);
void progress_generator(struct progress *, const struct generator *);
/* A line of its own. */
void progress_say(struct progress *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void progress_stop(struct progress *);

#endif
