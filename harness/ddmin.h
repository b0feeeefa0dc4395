/*
 * Delta debugging (Zeller and Hildebrandt, Simplifying and Isolating
 * Failure-Inducing Input, 2002, section 3): of a list as much is left out as
 * can be with a property kept. Of ddmin only the complements are tried: larger
 * parts first, then smaller ones, each left out by itself.
 */
#ifndef DDMIN_H
#define DDMIN_H

#include <stdbool.h>
#include <stddef.h>

/* Whether what is kept still has the property. False, too, once no more is to be tried. */
typedef bool ddmin_fn(void *arg, const bool *keep, size_t count);

/* `keep` has all that is in the list, `count` places, when called: of it what is needed is left. Returns how much. */
size_t ddmin(bool *keep, size_t count, ddmin_fn *, void *arg);

#endif
