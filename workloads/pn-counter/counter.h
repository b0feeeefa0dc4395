/* What the two counter workloads share: operations and client (maelstrom.workload.pn-counter). */
#ifndef COUNTER_H
#define COUNTER_H

#include "workload.h"

/* Draws a read, or an add of -5 to 4. */
void counter_draw(struct random *, struct arena *, struct op_template *);
void counter_invoke(struct call *);

#endif
