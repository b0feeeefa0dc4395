/* Numbers as text: the digits Java prints, and decimal numbers of any size compared digit by digit. */
#ifndef NUMBER_H
#define NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NUMBER_TEXT_MAX 32

/*
 * The shortest digits that read back equal (as a float if `single`), in the
 * form of Java's Double.toString and Float.toString: "1.0", "1.0E10". For
 * finite numbers. Returns the length.
 */
size_t number_text(char to[NUMBER_TEXT_MAX], double, bool single);

/*
 * A decimal number: minus, digits, point, exponent, all but one digit
 * optional. Its value is 0.DIGITS times ten to the `scale`.
 */
struct decimal {
	bool negative;
	const char *digits; /* the first that is not zero; a point may be among them */
	size_t length;      /* up to and with the last digit that is not zero; 0: the number is zero */
	int64_t scale;
};

struct decimal decimal_parse(const char *text, size_t length);
int decimal_compare(const struct decimal *, const struct decimal *);
/* Equal numbers have equal hashes. */
uint64_t decimal_hash(const struct decimal *);

#endif
