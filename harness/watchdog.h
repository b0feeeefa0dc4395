/*
 * Ends eddy when a simulation hangs: virtual time stands still while nodes
 * answer each other without end, or one of them never returns.
 */
#ifndef WATCHDOG_H
#define WATCHDOG_H

#include <stdint.h>

#include "loop.h"

/* Seconds of computing in which virtual time must pass. */
#define WATCHDOG_S 60

/* From now on `message` and exit status 255 if the loop's time stays the same for so much computing. */
void watchdog_begin(const struct loop *, int64_t limit_ms, const char *message);
void watchdog_end(void);

#endif
