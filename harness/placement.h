/*
 * On which processor real nodes run. Whoever writes to a process that sleeps
 * on another processor wakes that one as well, which costs more than most
 * nodes need for the message, on virtual machines ten times more. So nodes
 * share eddy's processor as long as it suffices. When it is busy, they are
 * tried where the kernel likes, and stay there if that keeps clearly more
 * than one processor busy; if not, the next try comes later and later.
 * Whenever they share a processor that has much to do, the kernel first
 * chooses which one, so that nobody is stuck beside another program while a
 * processor idles.
 *
 * Left alone are nodes with several threads, which a runtime starts by the
 * processors that it finds, and children of nodes; and all nodes if eddy does
 * not run under SCHED_OTHER.
 */
#ifndef PLACEMENT_H
#define PLACEMENT_H

#include "loop.h"

#define PLACEMENT_PERIOD_MS 250
#define PLACEMENT_TRY_MS    50 /* the first period where the kernel likes */
#define PLACEMENT_CHOICE_MS 1  /* how long the kernel has to choose */

struct placement;

/* Of all processes that spawn() has started or will start; begin when they have read how many processors there are. */
struct placement *placement_begin(struct loop *);
/* Eddy may run anywhere again. NULL is nothing. */
void placement_end(struct placement *);

/* ---- for tests --------------------------------------------------------------- */

enum place {
	PLACE_KEPT,   /* as it was */
	PLACE_CHOSEN, /* one processor for all, which one is for the kernel to say */
	PLACE_FREE,   /* wherever the kernel likes */
};

struct placement_rule {
	bool shared;
	int wait, pause; /* periods until the next try, and after it if that is for nothing; at first 0 and 1 */
};

/* What is to be in the next period, when so many processors were busy in the last one: 1.5, say. */
enum place placement_decide(struct placement_rule *, double busy);

#endif
