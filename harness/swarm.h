/*
 * Swarm testing (Groce et al., ISSTA 2012): instead of one configuration with
 * everything in it, each seed gets one of its own, in which much is left out:
 * faults, sizes, latencies, rates, options of the node. It is drawn as a command
 * line, so that whatever else the user's line says goes before what is drawn.
 * The draws come from the seed alone, and each flag's from a stream of its own.
 */
#ifndef SWARM_H
#define SWARM_H

#include "options.h"

/* Of a run that a swarm makes, unless the user's line says otherwise. */
#define SWARM_LIVENESS_S     60
#define SWARM_MESSAGE_BUDGET 3000 /* in the main phase: what comes behind it brings hardly a run over 5,000 */

struct swarm {
	struct test_options options; /* as if drawn flags and the user's had been typed */
	struct arena arena;
};

/*
 * What the seed makes of options with `swarm` set. False, with one line on
 * stderr, if what they say does not go with what is drawn.
 */
bool swarm_draw(struct swarm *, const struct test_options *, uint64_t seed);
/* Its command line, on stdout, for people. */
void swarm_print(const struct swarm *);
void swarm_free(struct swarm *);

#endif
