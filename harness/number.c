/* Numbers as text. Reals: ever more digits until they read back equal. Decimals: never converted, only walked. */
#include "number.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fnv.h"

#define DIGITS_MAX 17 /* enough for every double */

/* ---- shortest digits ------------------------------------------------------ */

struct digits {
	bool negative;
	char text[DIGITS_MAX + 1];
	int count;
	int exponent; /* of the first digit */
};

static bool
reads_back(const struct digits *digits, double number, bool single)
{
	char text[NUMBER_TEXT_MAX];

	snprintf(text, sizeof(text), "%s%c.%se%d", digits->negative ? "-" : "", digits->text[0], digits->text + 1,
	    digits->exponent);
	return single ? strtof(text, NULL) == (float)number : strtod(text, NULL) == number;
}

static void
round_to(struct digits *digits, double number, int count)
{
	char text[NUMBER_TEXT_MAX];

	snprintf(text, sizeof(text), "%.*e", count - 1, fabs(number));
	digits->text[0] = text[0];
	memcpy(digits->text + 1, text + 2, (size_t)count - 1);
	digits->text[count] = '\0';
	digits->count = count;
	digits->exponent = atoi(text + count + 2);
}

/* The next number up with as many digits. */
static void
step_up(struct digits *digits)
{
	int i = digits->count - 1;

	while (i >= 0 && digits->text[i] == '9')
		digits->text[i--] = '0';
	if (i >= 0) {
		digits->text[i]++;
		return;
	}
	digits->text[0] = '1';
	digits->exponent++;
}

/*
 * So many digits survive the way to a number and back, whatever they are: if
 * fewer will do, the rest of them are zeros. Numbers below the normal ones
 * have fewer, but Java prints two at least.
 */
static int
digits_first(double number, bool single)
{
	if (single)
		return fabs(number) < FLT_MIN ? 2 : FLT_DIG;
	return fabs(number) < DBL_MIN ? 2 : DBL_DIG;
}

/*
 * The nearest number with n digits is not always the one that reads back: at a
 * power of two the gap below is half the gap above, so the neighbour above may
 * do where the nearest, below, does not.
 */
static void
shortest(struct digits *digits, double number, bool single)
{
	int count;

	for (count = digits_first(number, single); count < DIGITS_MAX; count++) {
		round_to(digits, number, count);
		if (reads_back(digits, number, single))
			return;
		step_up(digits);
		if (reads_back(digits, number, single))
			return;
	}
	round_to(digits, number, DIGITS_MAX);
}

/* "0.00123", "123.45", "1200.0": from 1E-3 up to 1E7. */
static size_t
plain_text(char *to, const struct digits *digits)
{
	int whole = digits->exponent + 1, i;
	const char *rest = whole >= digits->count ? "0" : digits->text + (whole > 0 ? whole : 0);
	size_t length = 0;

	for (i = 0; i < whole; i++)
		to[length++] = i < digits->count ? digits->text[i] : '0';
	if (whole <= 0)
		to[length++] = '0';
	to[length++] = '.';
	for (i = whole; i < 0; i++)
		to[length++] = '0';
	strlcpy(to + length, rest, NUMBER_TEXT_MAX - length);
	return length + strlen(rest);
}

static void
strip_zeros(struct digits *digits)
{
	while (digits->count > 1 && digits->text[digits->count - 1] == '0')
		digits->text[--digits->count] = '\0';
}

size_t
number_text(char to[NUMBER_TEXT_MAX], double number, bool single)
{
	struct digits digits = {.text = "0", .count = 1};
	size_t length = 0;

	assert(isfinite(number));
	digits.negative = signbit(number) != 0;
	if (number != 0)
		shortest(&digits, number, single);
	strip_zeros(&digits);
	if (digits.negative)
		to[length++] = '-';
	if (digits.exponent < -3 || digits.exponent >= 7)
		length += (size_t)snprintf(to + length, NUMBER_TEXT_MAX - length, "%c.%sE%d", digits.text[0],
		    digits.count > 1 ? digits.text + 1 : "0", digits.exponent);
	else
		length += plain_text(to + length, &digits);
	to[length] = '\0';
	return length;
}

/* ---- decimals ------------------------------------------------------------- */

static int64_t
parse_exponent(const char *text, const char *end)
{
	bool negative = text < end && *text == '-';
	int64_t exponent = 0;

	if (text < end && (*text == '-' || *text == '+'))
		text++;
	for (; text < end && exponent < INT32_MAX; text++)
		exponent = exponent * 10 + (*text - '0');
	return negative ? -exponent : exponent;
}

struct decimal
decimal_parse(const char *text, size_t length)
{
	struct decimal decimal = {0};
	const char *end = text + length, *mantissa_end, *point, *e, *p;

	if (text < end && (*text == '-' || *text == '+'))
		decimal.negative = *text++ == '-';
	for (mantissa_end = text; mantissa_end < end && *mantissa_end != 'e' && *mantissa_end != 'E';)
		mantissa_end++;
	e = mantissa_end;
	point = memchr(text, '.', (size_t)(mantissa_end - text));
	if (point == NULL)
		point = mantissa_end;
	for (p = text; p < mantissa_end && (*p == '0' || *p == '.');)
		p++;
	decimal.digits = p;
	decimal.scale = p < point ? point - p : point - p + 1;
	for (; mantissa_end > p && (mantissa_end[-1] == '0' || mantissa_end[-1] == '.');)
		mantissa_end--;
	decimal.length = (size_t)(mantissa_end - p);
	if (decimal.length == 0)
		return (struct decimal){.digits = text};
	if (e < end)
		decimal.scale += parse_exponent(e + 1, end);
	return decimal;
}

/* The digit at *i, which moves on; '0' behind the last one. */
static char
next_digit(const struct decimal *decimal, size_t *i)
{
	if (*i < decimal->length && decimal->digits[*i] == '.')
		++*i;
	return *i < decimal->length ? decimal->digits[(*i)++] : '0';
}

static int
compare_magnitude(const struct decimal *a, const struct decimal *b)
{
	size_t i = 0, j = 0;
	char x, y;

	if (a->length == 0 || b->length == 0)
		return (a->length > 0) - (b->length > 0);
	if (a->scale != b->scale)
		return a->scale < b->scale ? -1 : 1;
	while (i < a->length || j < b->length) {
		x = next_digit(a, &i);
		y = next_digit(b, &j);
		if (x != y)
			return x < y ? -1 : 1;
	}
	return 0;
}

int
decimal_compare(const struct decimal *a, const struct decimal *b)
{
	if (a->negative != b->negative)
		return a->negative ? -1 : 1;
	return a->negative ? compare_magnitude(b, a) : compare_magnitude(a, b);
}

uint64_t
decimal_hash(const struct decimal *decimal)
{
	uint64_t hash = FNV_BASIS ^ (decimal->negative ? 1 : 0);
	size_t i = 0;

	hash = fnv_add(hash, (uint64_t)decimal->scale);
	while (i < decimal->length)
		hash = fnv_add(hash, (unsigned char)next_digit(decimal, &i));
	return hash;
}
