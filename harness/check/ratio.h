/* A quotient of counts as Clojure's (float (/ a b)) has it. */
#ifndef RATIO_H
#define RATIO_H

#include <stdint.h>

/* b > 0. Rounded three times, like Java: to 16 decimal digits, to a double, to a float. */
float ratio_float(uint64_t a, uint64_t b);

#endif
