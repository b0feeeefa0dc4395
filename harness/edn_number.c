/* Numbers in EDN, by the three patterns of clojure.lang.EdnReader. */
#include "edn_number.h"

#include <stdlib.h>
#include <string.h>

#define EXPONENT_DIGITS_MAX 9 /* of a decimal: BigDecimal's scale is an int */

/* A number's text without its sign, NUL-terminated. */
struct token {
	struct arena *arena;
	bool negative;
	const char *text, *end;
	const char *error;
};

static const struct value *
fail(struct token *token, const char *error)
{
	token->error = error;
	return NULL;
}

static size_t
count_digits(const char *text)
{
	return strspn(text, "0123456789");
}

static const struct value *
signed_integer(struct token *token, const char *digits, size_t length)
{
	char *text = arena_alloc(token->arena, length + 1);

	text[0] = '-';
	memcpy(text + token->negative, digits, length);
	return value_integer_text(token->arena, text, length + token->negative);
}

/* ---- other bases than ten --------------------------------------------------- */

static unsigned
digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'z')
		return (unsigned)(c - 'a') + 10;
	return c >= 'A' && c <= 'Z' ? (unsigned)(c - 'A') + 10 : 99;
}

/* Up to 120 bits: what histories hold are the hash codes of objects. */
static const struct value *
to_base(struct token *token, const char *p, const char *end, unsigned base)
{
	unsigned __int128 sum = 0;
	char digits[40];
	size_t at = sizeof(digits);

	if (p == end)
		return fail(token, "invalid number");
	for (; p < end; p++) {
		if (digit_of(*p) >= base)
			return fail(token, "invalid number");
		if (sum >> 114 != 0)
			return fail(token, "number too long for its base");
		sum = sum * base + digit_of(*p);
	}
	do {
		digits[--at] = (char)('0' + (int)(sum % 10));
		sum /= 10;
	} while (sum > 0);
	return signed_integer(token, digits + at, sizeof(digits) - at);
}

/* 0x1F, 017, 36rZZ. NULL without an error if it is none of these. */
static const struct value *
other_base(struct token *token)
{
	const char *p = token->text, *end = token->end;
	const char *last = end[-1] == 'N' ? end - 1 : end;
	size_t digits = count_digits(p);
	unsigned base;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
		return to_base(token, p + 2, last, 16);
	if (digits > 0 && digits <= 2 && (p[digits] == 'r' || p[digits] == 'R')) {
		base = digits == 1 ? digit_of(p[0]) : digit_of(p[0]) * 10 + digit_of(p[1]);
		if (base < 2 || base > 36)
			return fail(token, "invalid base");
		return to_base(token, p + digits + 1, end, base);
	}
	if (p[0] == '0' && last - p > 1 && digits == (size_t)(last - p))
		return to_base(token, p, last, 8);
	return NULL;
}

/* ---- reals, decimals, ratios ------------------------------------------------- */

/* Where the parts of a real begin; the exponent's begins with its e. */
struct parts {
	const char *whole, *fraction, *exponent, *end;
	size_t whole_length, fraction_length, exponent_digits;
};

static bool
split(const char *text, struct parts *parts)
{
	const char *p = text;

	parts->whole = p;
	p += parts->whole_length = count_digits(p);
	parts->fraction = p;
	parts->fraction_length = parts->exponent_digits = 0;
	if (*p == '.') {
		parts->fraction = ++p;
		p += parts->fraction_length = count_digits(p);
	}
	parts->exponent = p;
	if (*p == 'e' || *p == 'E') {
		p += p[1] == '-' || p[1] == '+' ? 2 : 1;
		p += parts->exponent_digits = count_digits(p);
		if (parts->exponent_digits == 0)
			return false;
	}
	parts->end = p;
	return parts->whole_length > 0;
}

/* Without superfluous zeros and point, so that JSON takes it too. The scale (1.50M) stays. */
static const struct value *
decimal(struct token *token, const struct parts *parts)
{
	size_t whole = parts->whole_length, zeros = strspn(parts->whole, "0");
	const char *digits = parts->whole + zeros;
	char *text;

	if (parts->exponent_digits > EXPONENT_DIGITS_MAX)
		return fail(token, "exponent too large");
	if (zeros >= whole) {
		zeros = whole - 1;
		digits = parts->whole + zeros;
	}
	text = arena_printf(token->arena, "%s%.*s%s%.*s%.*s", token->negative ? "-" : "", (int)(whole - zeros), digits,
	    parts->fraction_length > 0 ? "." : "", (int)parts->fraction_length, parts->fraction,
	    (int)(parts->end - parts->exponent), parts->exponent);
	return value_decimal_text(token->arena, text);
}

static const struct value *
real(struct token *token)
{
	struct parts parts;
	double number;

	if (!split(token->text, &parts))
		return fail(token, "invalid number");
	if (parts.end == token->end - 1 && *parts.end == 'M')
		return decimal(token, &parts);
	if (parts.end != token->end)
		return fail(token, "invalid number");
	number = strtod(token->text, NULL);
	return value_real(token->arena, token->negative ? -number : number);
}

static bool
is_ratio(const struct token *token)
{
	const char *p = token->text + count_digits(token->text);

	return p > token->text && *p == '/' && count_digits(p + 1) > 0 && p + 1 + count_digits(p + 1) == token->end;
}

static const struct value *
number(struct token *token)
{
	const char *last = token->end[-1] == 'N' ? token->end - 1 : token->end;
	const struct value *value = other_base(token);

	if (value != NULL || token->error != NULL)
		return value;
	if (last > token->text && token->text + count_digits(token->text) == last &&
	    (token->text[0] != '0' || last - token->text == 1))
		return signed_integer(token, token->text, (size_t)(last - token->text));
	if (is_ratio(token))
		return value_symbol(
		    token->arena, arena_printf(token->arena, "%s%s", token->negative ? "-" : "", token->text));
	return real(token);
}

const struct value *
edn_number(struct arena *arena, const char *text, size_t length, const char **error)
{
	size_t sign = length > 0 && (text[0] == '-' || text[0] == '+');
	struct token token = {.arena = arena, .negative = length > 0 && text[0] == '-'};
	const struct value *value;

	token.text = arena_copy(arena, text + sign, length - sign);
	token.end = token.text + strlen(token.text);
	if (length == sign || token.end != token.text + (length - sign))
		value = fail(&token, "invalid number");
	else
		value = number(&token);
	*error = token.error;
	return value;
}
