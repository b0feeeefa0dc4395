/* SIGINT, SIGTERM and SIGHUP while a test runs: the loop stops, and everything is ended in order. */
#ifndef INTERRUPT_H
#define INTERRUPT_H

#include "loop.h"

/* From now on a signal stops the loop; a second one, or one while no loop runs, kills all processes and exits at once.
 */
void interrupt_begin(struct loop *);
/* The loop is over. */
void interrupt_end(struct loop *);
/* The signal that came, or 0. */
int interrupt_signal(void);

#endif
