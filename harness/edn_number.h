/* Numbers in EDN: integers to any base, reals, decimals; ratios as symbols. */
#ifndef EDN_NUMBER_H
#define EDN_NUMBER_H

#include "value.h"

/* The number that is all of `token`, or NULL with *error set. */
const struct value *edn_number(struct arena *, const char *token, size_t length, const char **error);

#endif
