/* The names of consistency models that Elle knows (elle.consistency-model/all-models). */
#ifndef MODELS_H
#define MODELS_H

#include <stdbool.h>

/* Sorted, ends with NULL. Friendly names and Adya's. */
extern const char *const model_names[];
bool model_is_known(const char *name);

#endif
