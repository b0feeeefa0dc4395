/* strtoll(3) and its kin accept leading space, hexadecimal digits and infinities: these do not. */
#include "decimal.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool
decimal_integer(const char *text, int64_t min, int64_t max, int64_t *number)
{
	char *end;

	if (!isdigit((unsigned char)text[text[0] == '-' || text[0] == '+']))
		return false;
	errno = 0;
	*number = strtoll(text, &end, 10);
	return *end == '\0' && errno == 0 && *number >= min && *number <= max;
}

bool
decimal_real(const char *text, double *number)
{
	char *end;

	if (text[0] == '\0' || text[strspn(text, "0123456789.eE+-")] != '\0')
		return false;
	*number = strtod(text, &end);
	return *end == '\0' && isfinite(*number);
}

bool
decimal_unsigned(const char *text, const char *end, uint64_t *number)
{
	uint64_t sum = 0;

	if (text == end)
		return false;
	for (; text < end; text++) {
		if (!isdigit((unsigned char)*text) || sum > UINT64_MAX / 10)
			return false;
		sum = sum * 10;
		if (sum > UINT64_MAX - (uint64_t)(*text - '0'))
			return false;
		sum += (uint64_t)(*text - '0');
	}
	*number = sum;
	return true;
}
