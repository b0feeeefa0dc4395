/* clojure.lang.Ratio becomes a float by way of BigDecimal with MathContext.DECIMAL64: 16 digits, half to even. */
#include "ratio.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define DIGITS 16

float
ratio_float(uint64_t a, uint64_t b)
{
	unsigned __int128 rest, quotient;
	uint64_t whole, limit = 1;
	int exponent = 0, i;
	char text[64];

	assert(b > 0);
	whole = a / b;
	if (a % b == 0)
		return (float)whole;
	for (i = 0; i < DIGITS; i++)
		limit *= 10;
	quotient = whole;
	rest = a % b;
	/* Long division: one digit after the other, until there are 16. */
	for (; quotient < limit / 10; exponent--) {
		rest *= 10;
		quotient = quotient * 10 + rest / b;
		rest %= b;
	}
	if (rest * 2 > b || (rest * 2 == b && quotient % 2 == 1))
		quotient++;
	snprintf(text, sizeof(text), "%llue%d", (unsigned long long)quotient, exponent);
	return (float)strtod(text, NULL);
}
