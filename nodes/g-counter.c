/*
 * The grow-only counter: pn-counter.c, in which nobody decrements. A negative
 * delta is refused with error 12. Algorithm, promises and assumptions are
 * those of pn-counter.c; with all decrements at zero its state is the G-Counter
 * of Shapiro et al. (INRIA RR-7506, specification 6).
 */
#define COUNTER_PROGRAM g_counter_program
#define COUNTER_NAME    "g-counter"
#define COUNTER_SHRINKS false

#include "pn-counter.c"
